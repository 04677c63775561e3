"""The ASGI application: hot routes by a dict, all others by Starlette, one gateway that can be swapped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tianji_core.api.errors import GatewayError, InternalServerError, NotFoundError
from tianji_core.config import Loaded, Settings
from tianji_core.gateway import Gateway
from tianji_core.server.auth import Authenticator
from tianji_core.server.errors import error_body
from tianji_core.server.headers import SECURITY, HeaderWriter
from tianji_core.server.permissions import GuardedRoute, GuardedSocket, check_permissions
from tianji_core.server.routes import (
    batches,
    cache,
    callbacks,
    count_tokens,
    docs,
    fallbacks,
    files,
    gemini,
    guardrails,
    health,
    kept,
    listing,
    message_batches,
    model_info,
    models_admin,
    models_api,
    policies,
    realtime,
    responses,
    routing,
    utilities,
)
from tianji_core.telemetry import get_logger
from tianji_core.telemetry.logs import level_of, set_level

log = get_logger("tianji.server")

ConfigSource = str | Path | Mapping[str, Any] | Loaded
MEBIBYTE = 1024 * 1024
LAST_RECORDS = 2.0
"""Seconds that calls which the server has just cut have to end and to be written down."""
_TEXT_SECURITY = {name.decode(): value.decode() for name, value in SECURITY}


@dataclass(frozen=True, slots=True)
class Serving:
    """A gateway and what the server has made of its config. A reload puts a new one in its place."""

    gateway: Gateway
    authenticator: Authenticator
    headers: HeaderWriter
    max_request_bytes: int

    @classmethod
    def of(cls, gateway: Gateway) -> Serving:
        general = gateway.config.general_settings
        return cls(
            gateway,
            Authenticator(gateway.auth_backends, general.litellm_key_header_name),
            HeaderWriter(general.response_header_prefix),
            int(general.max_request_size_mb * MEBIBYTE),
        )


class App:
    """The application. `serving` is what new requests get; requests under way keep what they began with."""

    def __init__(self, gateway: Gateway, source: ConfigSource | None = None) -> None:
        self.serving = Serving.of(gateway)
        self.draining = False
        self.watches_config = False
        """Whether a change of the config's files is followed by a reload; to be set before start-up."""
        self._watching: asyncio.Task[None] | None = None
        self._source = source
        self._reloading: asyncio.Task[None] | None = None
        self._reload_wanted = False
        self._reload_lock = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()
        settings = Settings.read(gateway.loaded.environ)
        self.root = settings.server_root_path.rstrip("/")
        """What stands before every path, for a server behind a path of another one."""
        self._hot = dict(models_api.hot_routes(self))
        self._rest = self._router(settings)
        self._warn_of_shadowed(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            path: str = scope["path"]
            if self.root and (path + "/").startswith(self.root + "/"):
                path = scope["path"] = path[len(self.root) :] or "/"
            hot = self._hot.get(path)
            if hot is not None and scope["method"] == "POST":
                await hot(scope, receive, send)
                return
            await self._cold(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            path = scope["path"]
            if self.root and (path + "/").startswith(self.root + "/"):
                scope["path"] = path[len(self.root) :] or "/"
            await self._rest(scope, receive, send)

    # -- other routes --------------------------------------------------------------------------------------------

    def _router(self, settings: Settings) -> ASGIApp:
        routes: list[BaseRoute] = [
            *models_api.routes(self),
            *gemini.routes(self),
            *listing.routes(self),
            *model_info.routes(self),
            *count_tokens.routes(self),
            *batches.routes(self),
            *message_batches.routes(self),
            *files.routes(self),
            *kept.routes(self),
            *responses.routes(self),
            *utilities.routes(self),
            *routing.routes(self),
            *models_admin.routes(self),
            *policies.routes(self),
            *fallbacks.routes(self),
            *cache.routes(self),
            *callbacks.routes(self),
            *guardrails.routes(self),
            *realtime.routes(self),
            *realtime.sockets(self),
            *health.routes(self),
            *docs.routes(self, settings),
        ]
        for more in self.serving.gateway.registry.pm.hook.tianji_routes(gateway=self.serving.gateway):
            routes.extend(more or ())
        check_permissions(routes)
        self._routes = [r for r in routes if isinstance(r, GuardedRoute)]
        for each in self._routes:
            each.app = self._guarded(each, each.app)
        for socket in (r for r in routes if isinstance(r, GuardedSocket)):
            socket.app = self._guarded_socket(socket, socket.app)
        return Router(routes, default=self._missing)

    def _guarded(self, guarded: GuardedRoute, app: ASGIApp) -> ASGIApp:
        """The route, behind its permission."""
        if getattr(guarded.endpoint, "guards_itself", False):
            return app  # it tells refusals in its own dialect; and on the hot path nobody else is asked

        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            scope["dialect"] = guarded.dialect
            principal = await self.serving.authenticator.require(guarded.permission, scope, dict(scope["headers"]))
            scope["principal"] = principal
            await app(scope, receive, send)

        return enter

    def _guarded_socket(self, guarded: GuardedSocket, app: ASGIApp) -> ASGIApp:
        """The same for WebSockets; pages of other origins are kept out too."""

        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            from tianji_core.server.sockets import admit, refuse  # most gateways never need it

            try:
                scope["principal"] = await admit(self.serving, guarded.permission, scope)
            except GatewayError as error:
                await receive()
                await refuse(scope, send, error, self.serving.headers.error_fields(error, None))
                return
            await app(scope, receive, send)

        return enter

    @property
    def routes(self) -> list[GuardedRoute]:
        """All that is served: the routes of the gateway, and what the config of now passes through."""
        from tianji_core.server.routes.pass_through import listed

        return [*self._routes, *listed(self.serving)]

    def _warn_of_shadowed(self, gateway: Gateway) -> None:
        """Say which pass-through endpoints of a config are never reached, for the gateway has a route there."""
        for endpoint in gateway.endpoints:
            for method in sorted(endpoint.methods):
                scope = {"type": "http", "path": endpoint.path, "method": method, "root_path": ""}
                if any(each.matches(scope)[0] is Match.FULL for each in self._routes):
                    log.warning("a route of the gateway wins", endpoint=endpoint.path, method=method, at=endpoint.where)

    async def _missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Where no route is: perhaps the config passes such requests through."""
        if scope["type"] != "websocket":
            from tianji_core.server.routes.pass_through import serve

            if await serve(self, scope, receive, send):
                return
            raise HTTPException(404)
        from tianji_core.server.sockets import refuse

        await receive()
        await refuse(scope, send, NotFoundError("There is nothing here."), [])

    async def _cold(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("app", self)
        response: Response
        try:
            await self._rest(scope, receive, _with_security(send))
            return
        except HTTPException as error:
            response = JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)
        except GatewayError as error:
            response = JSONResponse(error_body(error, scope.get("dialect", "openai")), error.http_status)
            if error.retry_after is not None:
                response.headers["retry-after"] = str(max(0, round(error.retry_after + 0.499)))
        except Exception as error:
            log.exception("request failed unexpectedly", path=scope["path"], error=repr(error))
            crash = InternalServerError("Internal server error.")
            response = JSONResponse(error_body(crash, scope.get("dialect", "openai")), 500)
        response.headers.update(_TEXT_SECURITY)
        await response(scope, receive, send)

    # -- life ----------------------------------------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.serving.gateway.start()
            if self.serving.gateway.stored.newer is not None:  # nobody is served without the rows of the store
                await self.reload()
            else:
                self.serving.gateway.stored.follow(self.request_reload)
        except Exception as error:
            log.exception("start-up failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self._on_hangup()
        if self.watches_config:
            from tianji_core.server.watching import files_of, watch

            read_at = self.serving.gateway.loaded.read_at
            watching = watch(lambda: files_of(self.serving.gateway.loaded), self.request_reload, read_at)
            self._watching = asyncio.get_running_loop().create_task(watching)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.draining = True
        if self._watching is not None:
            self._watching.cancel()
        if self._reloading is not None:
            self._reloading.cancel()
        if self._retired:
            await asyncio.wait(self._retired)
        await self.serving.gateway.drained(LAST_RECORDS)
        await self.serving.gateway.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def _on_hangup(self) -> None:
        """Reload on SIGHUP, where there is such a signal and this is the main thread."""
        with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.request_reload)

    def request_reload(self) -> None:
        """Reload soon; a request that comes while one is running, however often, is followed by one more."""
        self._reload_wanted = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload())

    async def _reload(self) -> None:
        while self._reload_wanted:
            self._reload_wanted = False
            try:
                await self.reload()
            except Exception as error:
                log.error("reload refused, the old config stays in force", error=str(error))
                message = "A new config was refused, the old one stays in force."
                self.serving.gateway.events.tell("config_reload_failed", message)

    async def in_force(self) -> None:
        """Wait until what the store has just got is in force here."""
        while self._reloading is not None and not self._reloading.done():
            await asyncio.shield(self._reloading)

    async def reload(self, source: ConfigSource | None = None) -> None:
        """Compile the config anew and swap it in. Raises ConfigError, and changes nothing, if it cannot work.

        Calls under way end on the gateway they began with, which is closed once they are done.
        """
        source = source if source is not None else self._source
        if source is None:
            raise RuntimeError("this application was made without a config to reload")
        async with self._reload_lock:
            old = self.serving.gateway
            # Reading files and importing plugins may take a while: not on the event loop.
            gateway = await asyncio.to_thread(Gateway.from_config, source, predecessor=old)
            try:
                await gateway.start()
                self.serving = Serving.of(gateway)
            except BaseException:
                await gateway.aclose()
                raise
        gateway.stored.follow(self.request_reload)
        if (wanted := level_of(gateway.loaded)) != level_of(old.loaded):
            set_level(wanted)
        for problem in gateway.loaded.report.problems:
            log.warning("config", problem=str(problem))
        self._warn_of_shadowed(gateway)
        log.info("config reloaded", models=len(gateway.pipeline.models.groups))
        task = asyncio.get_running_loop().create_task(self._retire(old))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def _retire(self, gateway: Gateway) -> None:
        await gateway.retire()
        await self.serving.gateway.resume()
        await gateway.drained(24 * 3600)
        gateway.hand_over(self.serving.gateway)
        await gateway.aclose()


def create_app(config: ConfigSource | Gateway) -> App:
    """An ASGI application for a config: a path, a mapping, a loaded config, or a gateway made of one.

    Raises ConfigError with every problem that keeps it from starting.
    """
    if isinstance(config, Gateway):
        return App(config)
    return App(Gateway.from_config(config), source=config)


def _with_security(send: Send) -> Send:
    async def send_with(message: Any) -> None:
        if message["type"] == "http.response.start":
            fields = list(message.get("headers", ()))
            named = {name for name, _ in fields}
            message["headers"] = fields + [field for field in SECURITY if field[0] not in named]
        await send(message)

    return send_with
