"""
The pages that explain the API, whole from this server.

The usual pages fetch their scripts from elsewhere; a desk without internet would look at a blank page.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from transformer.errors import Refused

TITLE = "Upper Circuit"
_KINDS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; worker-src blob:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)


def router() -> APIRouter:
    """These routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def swagger() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=TITLE,
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        )
        page.headers["content-security-policy"] = _POLICY
        return page

    @routes.get("/redoc")
    async def redoc() -> HTMLResponse:
        page = get_redoc_html(
            openapi_url="/openapi.json",
            title=TITLE,
            redoc_js_url="/docs/redoc.standalone.js",
            redoc_favicon_url="/docs/favicon.png",
            with_google_fonts=False,
        )
        page.headers["content-security-policy"] = _POLICY
        return page

    @routes.get("/docs/{name}")
    def asset(name: str) -> Response:  # no `async`: it reads a file, so FastAPI gives it a thread
        kind = _KINDS.get(name)
        if kind is None:
            raise Refused(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"there is no /docs/{name[:60]}")
        content = files("fastapi_offline").joinpath("static", name).read_bytes()
        return Response(content, media_type=kind, headers={"cache-control": "max-age=86400"})

    return routes
