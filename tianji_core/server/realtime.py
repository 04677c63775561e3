"""A realtime session from its request to its end. Not loaded before the first one is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from tianji_core.api.errors import (
    BadRequestError,
    ClientClosedError,
    GatewayError,
    InternalServerError,
    PermissionDeniedError,
    ServiceUnavailableError,
)
from tianji_core.gateway.call import Call
from tianji_core.gateway.realtime import ClientGone, Farewell, Session, sessions
from tianji_core.gateway.realtime_guard import error_event
from tianji_core.server.client_secrets import ClientSecret
from tianji_core.server.requests import read_call
from tianji_core.server.sockets import AsgiSocket, chosen_protocol, client_headers, refuse
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.server.app import App, Serving

log = get_logger("tianji.server")

SERVICE_RESTART, INTERNAL_ERROR = 1012, 1011
GOODBYE = 2.0
"""Seconds that a client has to answer a close. Who hangs up earlier may take from it what it has not read yet."""
_MAX_MEMBERS = 32


async def serve(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket of a caller who may have it."""
    serving = app.serving
    call: Call | None = None
    await receive()  # the server's word that somebody asks
    try:
        call = read_session(scope)
        session = await _opened(serving, call, receive)
        secret: ClientSecret | None = scope.get("client_secret")
        if secret is not None and secret.event is not None:
            await session.say(orjson.dumps(secret.event).decode())
    except GatewayError as error:
        await refuse(scope, send, error, serving.headers.error_fields(error, call))
        return
    except ClientGone:
        return
    except asyncio.CancelledError:
        failure = ServiceUnavailableError("The gateway is shutting down.")
        await refuse(scope, send, failure, serving.headers.error_fields(failure, call))
        return
    except Exception as error:
        log.exception("request failed unexpectedly", path=scope["path"], error=repr(error))
        crash = InternalServerError("Internal server error.")
        await refuse(scope, send, crash, serving.headers.error_fields(crash, call))
        return
    client = AsgiSocket(receive, send)
    try:
        fields = serving.headers.fields(call)
        await send({"type": "websocket.accept", "subprotocol": chosen_protocol(scope), "headers": fields})
    except BaseException:
        await session.aclose(ServiceUnavailableError("The client's connection could not be accepted."))
        raise
    await _through(serving, call, session, client)


def read_session(scope: Scope) -> Call:
    """The call that a request for a session asks for. Raises BadRequestError, PermissionDeniedError."""
    try:
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=_MAX_MEMBERS))
    except ValueError:
        raise BadRequestError("The query has too many members.") from None
    model, intent = asked.get("model") or asked.get("deployment"), asked.get("intent")  # the latter in Azure's clients
    headers = client_headers(scope)
    secret: ClientSecret | None = scope.get("client_secret")
    if secret is not None:
        if model not in (None, secret.model):
            raise PermissionDeniedError(f"This key is for model {secret.model!r} only.", param="model")
        model, intent = secret.model, secret.intent
        if secret.beta:
            headers[b"openai-beta"] = b"realtime=v1"
    body = {"model": model}
    if intent == "transcription":
        body["intent"] = intent
    elif intent not in (None, "conversation"):
        raise BadRequestError("intent is neither 'conversation' nor 'transcription'.", param="intent")
    if asked.get("call_id"):
        raise BadRequestError("Calls by telephone or WebRTC cannot be joined here.", param="call_id")
    call = read_call("realtime", scope, headers, body, scope["principal"])
    call.stream = True
    return call


async def _opened(serving: Serving, call: Call, receive: Receive) -> Session:
    """Open the session at a vendor, unless the client goes away before: then ClientGone is raised."""
    general = serving.gateway.config.general_settings
    opens = sessions(serving.gateway.pipeline, unguarded=general.realtime_without_guardrails)
    opening = asyncio.ensure_future(opens.open(call))
    gone = asyncio.ensure_future(receive())  # nothing else can come before we have accepted
    try:
        await asyncio.wait((opening, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise ClientGone
        return opening.result()
    except BaseException:
        opening.cancel()
        await asyncio.wait((opening,))
        if not opening.cancelled() and opening.exception() is None:
            await opening.result().aclose(ClientClosedError("The client closed the request."))  # in the very moment
        raise
    finally:
        gone.cancel()


async def _through(serving: Serving, call: Call, session: Session, client: AsgiSocket) -> None:
    """Relay until the end, and tell the client why it is one."""
    idle = serving.gateway.config.general_settings.realtime_idle_timeout
    try:
        farewell = await session.relay(client, idle)
    except asyncio.CancelledError:
        failure = ServiceUnavailableError("The gateway is shutting down.")
        ending = asyncio.ensure_future(session.aclose(failure, quick=True))  # its record first
        await asyncio.sleep(0)
        await _say(client, Farewell(SERVICE_RESTART, "The gateway is shutting down.", failure))
        await ending
        return
    except Exception as error:
        log.exception("session failed unexpectedly", call_id=call.id, error=repr(error))
        crash = InternalServerError("Internal server error.")
        await session.aclose(crash)
        farewell = Farewell(INTERNAL_ERROR, "", crash)
    if farewell is not None and await _say(client, farewell):
        try:
            async with asyncio.timeout(GOODBYE):
                while True:
                    await client.receive()
        except (ClientGone, TimeoutError):
            return


async def _say(client: AsgiSocket, farewell: Farewell) -> bool:
    """Say goodbye, after the error if there is one; whether the client was there to hear it."""
    try:
        if farewell.error is not None:
            await client.send(error_event(farewell.error))
        await client.close(farewell.code, farewell.reason)
    except ClientGone:
        return False
    return True
