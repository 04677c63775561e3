"""`/openapi.json`, `/docs` and `/`: what this server can do, for people and for tools."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.config import Settings
    from tianji_core.server.app import App

_ASSETS = {"docs.css": "text/css", "docs.js": "text/javascript"}
_LEADS = Doc("Leads to the API page", status=307)
_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"


def routes(app: App, settings: Settings) -> list[GuardedRoute]:
    docs_path = settings.docs_url or "/docs"
    if not docs_path.startswith("/"):
        docs_path = f"/{docs_path}"

    async def spec(request: Request) -> Response:
        from tianji_core.server.openapi.document import openapi

        # It takes some hundredths of a second: not on the event loop.
        return JSONResponse(await asyncio.to_thread(openapi, app.routes))

    async def page(request: Request) -> Response:
        text = _asset("docs.html").replace("{docs}", docs_path).replace("{root}", app.root)
        return HTMLResponse(text, headers={"content-security-policy": _POLICY})

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        kind = _ASSETS.get(name)
        if kind is None:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        return PlainTextResponse(_asset(name), media_type=kind)

    async def root(request: Request) -> Response:
        if settings.no_docs:
            return PlainTextResponse("Tianji is running.")
        return RedirectResponse(app.root + docs_path)

    said = Doc("Leads to the API page", media=("text/plain",)) if settings.no_docs else _LEADS
    found = [
        route("/", root, Permission.PUBLIC, doc=said),
        route("/openapi.json", spec, Permission.PUBLIC, doc=Doc("This document", answer="object")),
    ]
    if not settings.no_docs:
        doc = Doc("The API page", media=("text/html",))
        found.append(route(docs_path, page, Permission.PUBLIC, doc=doc))
        doc = Doc("A part of the API page", media=("text/css", "text/javascript"))
        found.append(route(f"{docs_path}/{{name}}", asset, Permission.PUBLIC, doc=doc))
    return found


def _asset(name: str) -> str:
    return resources.files("tianji_core.server").joinpath("assets", name).read_text("utf-8")
