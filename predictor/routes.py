"""
What KServe's app lacks, or answers otherwise than the protocol wants.

KServe says it is ready without a model, lets anyone unload one, fills answers with nulls that the protocol's schemas
forbid, and hands V1 requests to the model unread. These routes stand in front of its own; the rest (live,
`/v2/models`, versions) stays KServe's.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPMethod
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, exposition

from predictor.keeper import ModelKeeper
from upper_circuit.errors import ModelUnavailable
from upper_circuit.models.loader import ModelLoader
from upper_circuit.models.manifest import MODEL_TYPE, Manifest
from upper_circuit.models.registry import Registry
from upper_circuit.oip import contract
from upper_circuit.oip.bearer import has_shown

EXTENSIONS = ["binary_tensor_data"]


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes over the parts they speak of; `router()` makes them."""

    keeper: ModelKeeper
    loader: ModelLoader
    registry: Registry
    metrics: CollectorRegistry
    admin_token: str | None

    def router(self) -> APIRouter:
        """All of them, for KServe's app."""
        model = f"/v2/models/{contract.MODEL_NAME}"
        router = APIRouter(generate_unique_id_function=_name_of)
        for path, endpoint in (
            ("/v2", self.server_metadata),
            ("/v2/health/ready", self.ready),
            (contract.READY_PATH, self.model_ready),
            (model, self.model_metadata),
            (contract.REGISTRY_PATH, self.manifests),
            (contract.BINS_PATH, self.bins),
            ("/metrics", self.scrape),
        ):
            router.add_api_route(path, endpoint, methods=["GET"], response_model=None)
        router.add_api_route(contract.RELOAD_PATH, self.reload, methods=["POST"], response_model=None)
        for verb in ("predict", "explain"):
            router.add_api_route(
                f"/v1/models/{{name}}:{verb}", self.v1, methods=["POST"], include_in_schema=False
            )
        router.add_api_route(
            "/v2/repository/{rest:path}",
            self.closed,
            methods=list(HTTPMethod),
            response_model=None,
            include_in_schema=False,
        )
        return router

    async def server_metadata(self) -> dict[str, Any]:
        """Who this is and which extensions of the protocol it speaks."""
        return {
            "name": "upper-circuit-predictor",
            "version": version("upper-circuit"),
            "extensions": EXTENSIONS,
        }

    async def ready(self) -> Response:
        """Whether an inference would be answered now."""
        because = self.keeper.unready_because()
        return JSONResponse({"ready": True}) if because is None else _error(503, because)

    async def model_ready(self) -> Response:
        """The same, of the one model there is."""
        because = self.keeper.unready_because()
        if because is not None:
            return _error(503, because)
        return JSONResponse({"name": contract.MODEL_NAME, "ready": True})

    async def model_metadata(self) -> dict[str, Any]:
        """Inputs and outputs. No versions: which one answers is not the caller's choice."""
        return {
            "name": contract.MODEL_NAME,
            "platform": "xgboost",
            "inputs": [spec.metadata() for spec in contract.PREDICTOR_INPUTS],
            "outputs": [spec.metadata() for spec in contract.PREDICTOR_OUTPUTS],
        }

    def manifests(self) -> dict[str, Any]:  # no `async`: it reads files, so FastAPI gives it a thread
        """Which version answers, and what every version in the registry says of itself; nothing is loaded."""
        return {**self._answering(), "versions": [self._told(each) for each in self.registry.versions()]}

    async def bins(self) -> Response:
        """The training bins of the model that answers: what its drift is measured against."""
        loaded = self.loader.present()
        if loaded is None:
            return _error(503, "no model is loaded")
        bins = loaded.scorer.manifest.bins.model_dump(mode="json")
        return JSONResponse({"model_version": str(loaded.served), **bins})

    async def reload(self, request: Request) -> Response:
        """Take the version that should answer now; wants `Authorization: Bearer`."""
        if self.admin_token is None:
            return _error(403, "reloading is off: ADMIN_TOKEN is not set")
        if not has_shown(self.admin_token, request.headers.get("authorization")):
            return _error(401, "a bearer token is needed", {"www-authenticate": "Bearer"})
        try:
            done = await self.keeper.reload()
        except ModelUnavailable as error:
            return JSONResponse({"error": str(error), **self._answering()}, 503)
        before = None if done.before is None else str(done.before)
        return JSONResponse({**self._answering(), "previous_version": before, "result": done.result})

    async def v1(self, name: str) -> Response:
        """KServe's first protocol, which names no tensors and so cannot be held to the fingerprint."""
        return _error(501, f"{name[:100]} does not speak V1; POST {contract.INFER_PATH} infers")

    async def closed(self, rest: str) -> Response:
        """KServe's own load and unload, open to anyone there."""
        return _error(403, f"/v2/repository/{rest[:100]} is closed; POST {contract.RELOAD_PATH} reloads")

    async def scrape(self, request: Request) -> Response:
        """Metrics for Prometheus."""
        encode, kind = exposition.choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.metrics), headers={"content-type": kind})

    def _answering(self) -> dict[str, Any]:
        loaded = self.loader.present()
        return {
            "model_name": contract.MODEL_NAME,
            "model_type": MODEL_TYPE,
            "model_version": loaded and str(loaded.served),
            "requested_version": loaded and str(loaded.requested),
            "fallback_because": loaded and loaded.fallback_because,
        }

    def _told(self, version: Any) -> dict[str, Any]:
        try:
            promoted = self.registry.promoted() == version
            return {"promoted": promoted, **_facts(self.registry.manifest(version))}
        except ModelUnavailable as error:
            return {"version": str(version), "error": str(error)}


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {**manifest.model_dump(mode="json", exclude={"golden", "bins"}), "f1": manifest.f1}


def _name_of(route: APIRoute) -> str:
    """An operation's id; FastAPI's own is also that of KServe's route behind, and of two it warns, not in JSON."""
    return route.name


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)
