"""
The release in a cluster, for the commands of people: its Jobs, its API, the standard input of a pod.

Everything goes through the API server with the rights of whoever types: no address has to be open, and no password of
ours is needed. The API is asked over a port-forward, which NetworkPolicies let through since it comes from the pod's
own node.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import forwarding
from cli.api import Answer, Ask, ask_at
from cli.fullname import found_fullname
from cli.jobs import Job, why_waiting
from cli.raw import SECONDS, read
from cli.trust import trusting
from upper_circuit.errors import UpperCircuitError

_GONE_SECONDS = 90.0
_LOOK_AGAIN = 0.5
_NOT_FOUND = 404
_ANOTHER = "; is --release or --namespace another?"
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace of the release; that of the context.")
]
ReleaseOption = Annotated[str, typer.Option("--release", help="Name of the Helm release.")]
ContextOption = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="Address of the API, instead of a port-forward.")
]
RELEASE = "upper-circuit"


class ClusterRefused(UpperCircuitError):
    """The cluster cannot be reached, lacks something, or says no."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A release in a namespace, as seen through `client`, a kubernetes ApiClient."""

    client: Any
    namespace: str
    name: str
    """The chart's full name: all objects begin with it."""

    @classmethod
    def at(cls, context: str | None, namespace: str | None, release: str) -> Cluster:
        """The cluster of the kubeconfig, or the one this process runs in."""
        from kubernetes import client, config

        own = client.Configuration()
        try:
            config.load_kube_config(context=context, client_configuration=own)
            contexts, active = config.list_kube_config_contexts()
            chosen = next((each for each in contexts if each["name"] == context), active)
            found = chosen["context"].get("namespace", "default")
        except config.ConfigException as error:
            try:
                config.load_incluster_config(client_configuration=own)
            except config.ConfigException:
                raise ClusterRefused(f"no cluster: {error}; set KUBECONFIG or --context") from error
            found = _OWN_NAMESPACE.read_text(encoding="utf-8").strip()
        api, where = trusting(own), namespace or found
        with _telling(f"release {release}"):
            return cls(api, where, found_fullname(api, where, release))

    def cron_job(self, suffix: str) -> dict[str, Any]:
        """A CronJob of the release."""
        name = f"{self.name}-{suffix}"
        with _telling(f"CronJob {name} in namespace {self.namespace}", _ANOTHER):
            return read(self._batch.read_namespaced_cron_job, name, self.namespace)

    def jobs(self, names: Iterable[str]) -> dict[str, Job]:
        """Those of some Jobs that are there."""
        wanted = set(names)
        with _telling(f"Jobs in namespace {self.namespace}"):
            found = read(self._batch.list_namespaced_job, self.namespace)["items"]
        return {job["metadata"]["name"]: job for job in found if job["metadata"]["name"] in wanted}

    def create(self, job: Job) -> Job:
        """Make a Job."""
        with _telling(f"Job {job['metadata']['name']}"):
            return read(self._batch.create_namespaced_job, self.namespace, job)

    def delete(self, name: str) -> None:
        """Delete a Job with its pods, and wait until both are gone."""
        with _telling(f"Job {name}"):
            read(self._batch.delete_namespaced_job, name, self.namespace, propagation_policy="Foreground")
        deadline = time.monotonic() + _GONE_SECONDS
        while self.jobs([name]):
            if time.monotonic() > deadline:
                raise ClusterRefused(f"Job {name} is not gone after {_GONE_SECONDS:g} s")
            time.sleep(_LOOK_AGAIN)

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Pods by labels."""
        with _telling(f"pods in namespace {self.namespace}"):
            found = read(self._core.list_namespaced_pod, self.namespace, label_selector=selector)
        return list(found["items"])

    def running_pod(self, job: Job, *, within: float) -> dict[str, Any]:
        """The pod of a Job of one, once it runs or has ended; says why where it does not within some seconds."""
        selector, deadline = (
            f"batch.kubernetes.io/controller-uid={job['metadata']['uid']}",
            time.monotonic() + within,
        )
        while True:
            pods = self.pods(selector)
            if pods and pods[0]["status"].get("phase") not in {None, "Pending"}:
                return pods[0]
            if time.monotonic() > deadline:
                why = why_waiting(pods[0]) if pods else "it has no pod"
                raise ClusterRefused(f"Job {job['metadata']['name']} does not start: {why}")
            time.sleep(_LOOK_AGAIN)

    def ended(self, pod: str, *, within: float) -> bool:
        """Wait for a pod's end; whether that was a good one."""
        deadline = time.monotonic() + within
        while True:
            with _telling(f"pod {pod}"):
                phase = read(self._core.read_namespaced_pod, pod, self.namespace)["status"]["phase"]
            if phase in {"Succeeded", "Failed"}:
                return bool(phase == "Succeeded")
            if time.monotonic() > deadline:
                raise ClusterRefused(f"pod {pod} has not ended after {within:g} s")
            time.sleep(_LOOK_AGAIN)

    def log(self, pod: str) -> str:
        """What a pod has written."""
        with _telling(f"log of pod {pod}"):
            response = self._core.read_namespaced_pod_log(
                pod, self.namespace, _preload_content=False, _request_timeout=SECONDS
            )
            return str(response.data.decode(errors="replace"))

    def feed(self, pod: dict[str, Any], pieces: Iterable[bytes], *, within: float) -> None:
        """Write to the standard input of a pod's container, and stay until it ends. Its log tells how that went."""
        from kubernetes.stream import stream
        from websocket import WebSocketException

        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
        with _telling(f"standard input of pod {name}"):
            attached = stream(
                self._core.connect_get_namespaced_pod_attach,
                name,
                self.namespace,
                container=container,
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                binary=True,
                _preload_content=False,
            )
        deadline = time.monotonic() + within
        try:
            with suppress(WebSocketException, OSError):  # the container ended before it had read all
                for piece in pieces:
                    attached.write_stdin(piece)
                # Going earlier could cut off what is still under way.
                while attached.is_open() and time.monotonic() < deadline:
                    attached.update(timeout=1)
        finally:
            attached.close()

    def ask(self, path: str) -> Answer:
        """GET of the API at a transformer of the release, ready ones first; the first that answers."""
        candidates = self._transformers()
        trouble = "none is there"
        for pod in candidates:
            try:
                return self.get(pod["metadata"]["name"], path)
            except (OSError, http.client.HTTPException, ClusterRefused) as error:
                trouble = f"{pod['metadata']['name']}: {error}"
        raise ClusterRefused(
            f"no transformer of {self.name} in namespace {self.namespace} answers ({trouble}); "
            f"kubectl get pods -n {self.namespace}"
        )

    def _transformers(self) -> list[dict[str, Any]]:
        with _telling(f"Service {self.name} in namespace {self.namespace}", _ANOTHER):
            service = read(self._core.read_namespaced_service, self.name, self.namespace)
        selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        running = [pod for pod in self.pods(selector) if pod["status"].get("phase") == "Running"]
        return sorted(running, key=_is_ready, reverse=True)

    def get(self, pod: str, path: str) -> Answer:
        """GET of a path at one pod, over a port-forward."""
        return self.send(pod, "GET", path)

    def send(
        self,
        pod: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A request to one pod, over a port-forward."""
        from kubernetes.stream import portforward

        with _telling(f"port-forward to pod {pod}"):
            forward = portforward(
                self._core.connect_get_namespaced_pod_portforward, pod, self.namespace, ports=str(_PORT)
            )
        return forwarding.request(forward, _PORT, method, path, body=body, headers=headers or {})

    def custom(self, group: str, version: str, plural: str, name: str) -> dict[str, Any] | None:
        """An object of a kind that others brought; None where it, or its kind, is not there."""
        where = (group, version, self.namespace, plural, name)
        return self.look("CustomObjectsApi", "get_namespaced_custom_object", *where)

    def look(self, api: str, call: str, *arguments: Any, **named: Any) -> dict[str, Any] | None:
        """What a call of the client answers, such as CoreV1Api, list_node; None where it is not there."""
        import kubernetes.client

        ask = getattr(getattr(kubernetes.client, api)(self.client), call)
        with _telling(" ".join([call.replace("_", " "), *map(str, arguments)])):
            try:
                return read(ask, *arguments, **named)
            except kubernetes.client.ApiException as error:
                if error.status == _NOT_FOUND:
                    return None
                raise

    def secret(self, name: str, key: str) -> str:
        """An entry of a Secret."""
        with _telling(f"Secret {name} in namespace {self.namespace}"):
            found = read(self._core.read_namespaced_secret, name, self.namespace)
        try:
            return base64.b64decode(found["data"][key]).decode()
        except KeyError as error:
            raise ClusterRefused(f"Secret {name} has no key {key}") from error

    @property
    def _batch(self) -> Any:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self.client)

    @property
    def _core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self.client)


_PORT = 8080
"""Where a transformer listens in its pod."""


def ask_release(url: str | None, context: str | None, namespace: str | None, release: str) -> Ask:
    """How the API is asked: at an address where one is given, else through the cluster."""
    return ask_at(url) if url else Cluster.at(context, namespace, release).ask


@contextmanager
def _telling(what: str, hint: str = "") -> Iterator[None]:
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == _NOT_FOUND:
            raise ClusterRefused(f"{what} is not there{hint}") from error
        raise ClusterRefused(f"{what}: {_sentence(error)}") from error
    except HTTPError as error:
        raise ClusterRefused(f"{what}: the API server does not answer: {error}") from error


def _sentence(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions: Sequence[dict[str, Any]] = pod["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
