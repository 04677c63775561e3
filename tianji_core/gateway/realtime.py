"""Realtime sessions: a WebSocket of a client and one of a vendor, and what passes between them.

A session is one call. Until the vendor has accepted it goes the way of every call (reserve, route, try, fall back);
after that messages pass both ways as they are, one by one, so that whoever reads slowly slows the other side down. Its
record is written when it ends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, fields
from typing import Protocol

from tianji_core.accounting.sessions import SessionUsage
from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    GatewayError,
    GuardrailBlockedError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import ModelRequest
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.realtime_guard import SessionGuard
from tianji_core.gateway.reply import Reply, StreamReply, transport_failure
from tianji_core.routing import Deployment, Stats, Target
from tianji_core.transport import TransportError
from tianji_core.transport.websocket import NO_CODE, WebSocket

Message = str | bytes

NORMAL, GOING_AWAY, ABNORMAL, INTERNAL_ERROR = 1000, 1001, 1006, 1011
LAST_WORDS = 1.0
"""Seconds in which a vendor that takes nothing more may still say why."""


class ClientGone(Exception):
    """The client's WebSocket is closed. `code` is what it said: 1005 for nothing, 1006 if it just went away."""

    def __init__(self, code: int = ABNORMAL, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class ClientSocket(Protocol):
    """A client's WebSocket, open. Both methods raise ClientGone."""

    async def receive(self) -> Message: ...
    async def send(self, message: Message) -> None: ...


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a client is to be told that its session is over: the code and reason to close with, and an error before."""

    code: int
    reason: str = ""
    error: GatewayError | None = None


class Session(StreamReply):
    """A session that a vendor has accepted: to be passed on with `relay`, or closed."""

    content_type = "application/octet-stream"  # nothing in it is a chunk of a chat

    def __init__(self, call: Call, socket: WebSocket) -> None:
        self.on_end = None
        self.guard: SessionGuard | None = None
        """Judges what is said, if somebody has to."""
        self._call = call
        self._socket = socket
        self._usage = SessionUsage(transcribes=call.body.get("intent") == "transcription")
        self._speaking = asyncio.Lock()
        self._over = False
        self._moved = 0.0

    async def relay(self, client: ClientSocket, idle: float | None) -> Farewell | None:
        """Pass messages both ways until one side has had enough, or none has come for `idle` seconds.

        Returns how the client is to be told; None if it has gone. Whatever the end, the vendor's side is closed and the
        call is over; that the gateway ends (a cancel) has to be told to `aclose`.
        """
        upwards = asyncio.ensure_future(self._upwards(client))
        downwards = asyncio.ensure_future(self._downwards(client))
        silence = asyncio.ensure_future(self._silence(idle))
        tasks: tuple[asyncio.Future[None], ...] = (upwards, downwards, silence)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if upwards.done() and isinstance(upwards.exception(), TransportError):
                # It takes nothing more; what it has sent before says why.
                await asyncio.wait((downwards,), timeout=LAST_WORDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        gone = next((e for e in map(_failure, tasks) if isinstance(e, ClientGone)), None)
        if gone is not None:
            self._finish(None)
            await self._socket.close(gone.code if gone.code != ABNORMAL else GOING_AWAY, gone.reason)
            return None
        farewell = self._farewell(downwards, upwards, idle)
        self._finish(farewell.error or self._complaint())
        await self._socket.close(NORMAL if farewell.error is None else GOING_AWAY)
        return farewell

    async def say(self, message: Message) -> None:
        """Tell the vendor something before the client does. Raises GatewayError; then the session is over."""
        onwards = [message]
        if self.guard is not None:
            onwards, told = await self.guard.up(message)
            if told:
                refused = GuardrailBlockedError("A guardrail refuses what this session is to begin with.")
                await self.aclose(refused, quick=True)
                raise refused
        try:
            for each in onwards:
                await self._socket.send(each)
        except TransportError as failure:
            error = transport_failure(failure)
            await self.aclose(error, quick=True)
            raise error from failure

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
        """End it from here; `error` says why. `quick` if there is no time for the vendor to answer."""
        self._finish(error)
        await self._socket.close(GOING_AWAY, patience=0.1 if quick else 1.0)

    # -- both ways -------------------------------------------------------------------------------------------------

    async def _upwards(self, client: ClientSocket) -> None:
        receive, send, guard = client.receive, self._socket.send, self.guard
        clock = asyncio.get_running_loop().time
        while True:
            message = await receive()
            self._moved = clock()
            if guard is None:
                await send(message)
                continue
            onwards, back = await guard.up(message)
            for each in onwards:
                await send(each)
            for each in back:
                async with self._speaking:
                    await client.send(each)

    async def _downwards(self, client: ClientSocket) -> None:
        """Until the vendor closes."""
        receive, send, see, guard = self._socket.receive, client.send, self._usage.see, self.guard
        clock = asyncio.get_running_loop().time
        while (message := await receive()) is not None:
            self._moved = clock()
            if isinstance(message, str):
                see(message)
            if guard is None:
                await send(message)
                continue
            for each in await guard.down(message):
                async with self._speaking:  # what a guardrail refuses is told from the other side
                    await send(each)

    async def _silence(self, idle: float | None) -> None:
        """Ends once no message has passed for `idle` seconds."""
        loop = asyncio.get_running_loop()
        if idle is None:
            await loop.create_future()
            return
        self._moved = loop.time()
        left = idle
        while left > 0:  # a look now and then, where an event would have to be set for every message
            await asyncio.sleep(left)
            left = self._moved + idle - loop.time()

    # -- the end ---------------------------------------------------------------------------------------------------

    def _farewell(self, downwards: asyncio.Future[None], upwards: asyncio.Future[None], idle: float | None) -> Farewell:
        """What to tell a client that is still there."""
        failure = _failure(downwards) or _failure(upwards)
        if isinstance(failure, TransportError):
            error = transport_failure(failure)
            return Farewell(INTERNAL_ERROR, "The provider's connection failed.", error)
        if failure is not None:
            raise failure  # a defect of ours
        if self._socket.close_code is not None:
            code = self._socket.close_code
            return Farewell(NORMAL if code == NO_CODE else code, self._socket.close_reason)
        return Farewell(GOING_AWAY, f"Nothing was said for {idle:g} seconds.")

    def _complaint(self) -> GatewayError | None:
        """What a vendor's close comes to for the record; the client gets its code."""
        code = self._socket.close_code
        if code in (None, NORMAL, GOING_AWAY, NO_CODE):
            return None
        return BadGatewayError(f"The provider closed the session with code {code}.")

    def _finish(self, error: GatewayError | None) -> None:
        if self._over:
            return
        self._over = True
        usage = self._usage.total()
        if usage is not None:
            self._call.usage = usage
        if error is not None and error.provider is None and self._call.deployment is not None:
            error.provider = self._call.deployment.provider_name
        if self.on_end is not None:
            self.on_end(self, error)


def _failure(task: asyncio.Future[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


class OpeningStats(Stats):
    """Statistics that go by how long a session took to open: how long it lasts is for the client to say."""

    def __init__(self, stats: Stats) -> None:
        self._real = stats

    def began(self, deployment_id: str) -> None:
        self._real.began(deployment_id)

    def gave_up(self, deployment_id: str) -> None:
        self._real.gave_up(deployment_id)

    def failed(self, deployment_id: str, error: GatewayError, *, blames: bool = True) -> None:
        self._real.failed(deployment_id, error, blames=blames)

    def succeeded(
        self, deployment_id: str, seconds: float, output_tokens: int, first_token: float | None, tokens: int = 0
    ) -> None:
        opening = first_token if first_token is not None else seconds
        self._real.succeeded(deployment_id, opening, 0, first_token, tokens)


class SessionAttempt(Attempt):
    """One try to open a session at one deployment."""

    __slots__ = ()

    async def _run(self, model: str) -> Reply | StreamReply:
        call, deployment = self._call, self._deployment
        provider = deployment.provider
        if "realtime" not in provider.capabilities.operations or deployment.mock_response is not None:
            raise UnsupportedCapabilityError(
                f"Model {call.model!r} cannot do realtime: its provider {provider.name!r} does not offer it."
            )
        beta = call.header(b"openai-beta")
        headers = {"openai-beta": beta} if beta == "realtime=v1" else {}
        upstream = provider.build_realtime(
            ModelRequest("realtime", model, {**call.body, "model": model}, True, headers)
        )
        if deployment.needs_authorize:
            upstream = await provider.authorize(upstream, deployment.network)
        try:
            opened = await deployment.transport.open_websocket(upstream, self._timeouts(), limit=self._max_response)
        except TransportError as error:
            raise transport_failure(error) from error
        call.upstream_headers = opened.headers
        if isinstance(opened, UpstreamReply):
            self._status = opened.status
            if opened.status < 400:
                raise BadGatewayError(f"The provider answered with status {opened.status}.", headers=opened.headers)
            raise provider.parse_error(opened.status, opened.headers, opened.body)
        self._status = 101
        call.first_chunk_at = time.time()
        opening = time.monotonic() - self._started
        session = Session(call, opened)
        session.on_end = lambda ended, error: self._note(error, first_token=opening)
        return session


@dataclass(frozen=True, slots=True)
class Sessions(Pipeline):
    """The pipeline, for sessions."""

    unguarded: bool = False
    """Whether sessions are opened although nobody can read what is said in them."""

    async def open(self, call: Call) -> Session:
        """Open a session. Raises GatewayError; then the call is already written down."""
        try:
            self._check(call)
        except GatewayError as error:
            self._finish(call, error, self.limits.reserve(call))
            raise
        session = await self.run(call)
        assert isinstance(session, Session)  # noqa: S101 - see attempt
        if self.guardrails.stages(call) & {"pre_call", "during_call", "post_call"}:
            session.guard = SessionGuard(call, self.guardrails)
        return session

    def _check(self, call: Call) -> None:
        """Raises GatewayError for a session that a policy would have to change."""
        self.policies.apply(call, self.models)
        if call.policies is not None and call.policies.changes_body and not self.unguarded:
            raise BadRequestError("A policy sets parameters of this call, and those of realtime sessions are not seen.")

    async def attempt(self, call: Call, target: Target, deployment: Deployment) -> Reply | StreamReply:
        stats = OpeningStats(self.stats)
        attempt = SessionAttempt(
            call, deployment, stats, keep=False, max_response=self.max_response_bytes, counts=False
        )
        return await attempt.run(target.upstream_model(deployment))


def sessions(pipeline: Pipeline, *, unguarded: bool = False) -> Sessions:
    """What opens sessions with the parts of a pipeline; `unguarded` leaves its guardrails out."""
    parts = {field.name: getattr(pipeline, field.name) for field in fields(pipeline)}
    if unguarded:
        parts["guardrails"] = GuardrailChain(is_off=True)
    return Sessions(**parts, unguarded=unguarded)
