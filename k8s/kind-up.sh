#!/usr/bin/env bash
# `make kind`: from nothing to an API that answers, on a laptop with Docker, kind, kubectl and helm. Running it again mends
# what is missing. The versions are those of prerequisites.md.
set -euo pipefail
cd "$(dirname "$0")/.."
KSERVE=v0.20.0 CERT_MANAGER=v1.19.1 GATEWAY=v1.9.1 NAMESPACE=upper-circuit

for program in docker kind kubectl helm; do
  command -v "$program" >/dev/null || { echo "make kind needs $program in the PATH (k8s/prerequisites.md)"; exit 1; }
done
kind get clusters | grep -qx upper-circuit || kind create cluster --config k8s/kind.yaml
kubectl config use-context kind-upper-circuit

helm upgrade --install cert-manager oci://quay.io/jetstack/charts/cert-manager --version "$CERT_MANAGER" \
  --namespace cert-manager --create-namespace --set crds.enabled=true --wait
helm upgrade --install envoy-gateway oci://docker.io/envoyproxy/gateway-helm --version "$GATEWAY" \
  --namespace envoy-gateway-system --create-namespace --wait
helm upgrade --install kserve-crd oci://ghcr.io/kserve/charts/kserve-crd --version "$KSERVE" --namespace kserve --create-namespace --wait
helm upgrade --install kserve oci://ghcr.io/kserve/charts/kserve-resources --version "$KSERVE" --namespace kserve \
  --set kserve.controller.deploymentMode=Standard --wait
kubectl apply -f - <<'Y'
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
Y

make images TAG=dev
kind load docker-image --name upper-circuit upper-circuit/{transformer,predictor,batch,tools}:dev
kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f -
kubectl label --overwrite namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted
kubectl apply --namespace "$NAMESPACE" -f k8s/gateway.yaml
helm upgrade --install upper-circuit charts/upper-circuit --namespace "$NAMESPACE" \
  --values charts/upper-circuit/ci/development-values.yaml --set image.tag=dev \
  --set route.enabled=true --set 'route.parentRefs[0].name=desk' --wait --timeout 10m
helm test upper-circuit --namespace "$NAMESPACE"
# Nothing gives a Gateway an address on a laptop, so its Service is asked through kubectl.
proxy=$(kubectl get service --namespace envoy-gateway-system --selector gateway.envoyproxy.io/owning-gateway-name=desk --output name)
echo "next: kubectl port-forward --namespace envoy-gateway-system $proxy 8000:80, then http://127.0.0.1:8000/docs"
