"""The gateway: a frozen, compiled config that calls can be sent through, with or without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from tianji_core.api.auth import AuthBackend
from tianji_core.api.call import Principal
from tianji_core.api.errors import ClientClosedError
from tianji_core.api.http import Network
from tianji_core.api.provider import Body, Operation
from tianji_core.config import Loaded, load, load_mapping
from tianji_core.discovery import Registry
from tianji_core.gateway.body import check_body, read_metadata, read_options, read_tags
from tianji_core.gateway.call import Call
from tianji_core.gateway.compile import Compiler
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.secrets import with_secrets
from tianji_core.routing import Stats
from tianji_core.store import Store
from tianji_core.telemetry import ensure_logging
from tianji_core.transport import Transport
from tianji_core.wire.sse import DONE, SSEDecoder

if TYPE_CHECKING:
    from tianji_core.gateway.pass_through.endpoints import Endpoint
    from tianji_core.gateway.pass_through.table import PassThroughTable
    from tianji_core.gateway.responses.memory import ResponseMemory

IN_PROCESS = Principal(user_id="in_process", roles=frozenset({"proxy_admin"}))
"""Who calls when the gateway is used as a library: whoever runs the process."""


class Gateway:
    """All parts, ready. Nothing in it changes once it is made: a reload makes a new one.

    async with Gateway.from_config("proxy_config.yaml") as gateway:
        answer = await gateway.chat(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        async for chunk in gateway.stream(model="gpt-4o", messages=[...]):
            ...
    """

    def __init__(
        self,
        loaded: Loaded,
        registry: Registry,
        pipeline: Pipeline,
        auth_backends: tuple[AuthBackend, ...],
        transports: tuple[Transport, ...],
        store: Store | None = None,
    ) -> None:
        self.loaded = loaded
        self.config = loaded.config
        self.registry = registry
        self.pipeline = pipeline
        self.auth_backends = auth_backends
        self.store = store if store is not None else Store()
        self._passing: tuple[Transport, Network, tuple[Endpoint, ...]] | None = None
        self._transports = transports
        self._stack = AsyncExitStack()
        self._responses: ResponseMemory | None = None

    @classmethod
    def from_config(
        cls,
        config: str | Path | Mapping[str, Any] | Loaded,
        *,
        registry: Registry | None = None,
        stats: Stats | None = None,
        store: Store | None = None,
    ) -> Self:
        """Compile a config: a file's path, a mapping, or one that is loaded already.

        `stats` and `store` are those of a gateway before this one; an open database is kept if it is the same.

        Raises ConfigError with every problem that keeps the gateway from starting, each with its line.
        """
        ensure_logging()
        if isinstance(config, Loaded):
            loaded = config
        elif isinstance(config, Mapping):
            loaded = load_mapping(config)
        else:
            loaded = load(config)
        registry = registry if registry is not None else Registry.scan()
        loaded = with_secrets(loaded, registry)
        compiler = Compiler(loaded, registry, stats)
        parts = compiler.run()
        if store is None or not store.is_for(compiler.database):
            store = Store(compiler.database)
        gateway = cls(loaded, registry, *parts, store)
        gateway._passing = compiler.passing
        return gateway

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The pass-through endpoints of the config."""
        return () if self._passing is None else self._passing[2]

    @cached_property
    def pass_through(self) -> PassThroughTable:
        """What is passed through to vendors; made when it is first asked for."""
        from tianji_core.gateway.pass_through.table import PassThroughTable

        if self._passing is None:
            raise RuntimeError("this gateway was not made of a config")
        return PassThroughTable(self, *self._passing)

    @property
    def responses(self) -> ResponseMemory:
        """The memory of Responses, made when it is first asked for."""
        if self._responses is None:
            from tianji_core.gateway.responses.memory import ResponseMemory

            self._responses = ResponseMemory(self)
        return self._responses

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start what runs beside the calls; needs a running loop."""
        self.pipeline.callbacks.start()
        await self.store.start()
        for context in self.registry.pm.hook.tianji_lifespan(gateway=self):
            if context is not None:
                await self._stack.enter_async_context(context)

    async def aclose(self) -> None:
        """Flush the callbacks and give everything back. Calls in flight should have ended before."""
        if self._responses is not None:
            await self._responses.aclose()
        await self.pipeline.callbacks.aclose()
        await self.pipeline.guardrails.aclose()
        for backend in self.auth_backends:
            await backend.aclose()
        for transport in self._transports:
            await transport.aclose()
        await self._stack.aclose()
        await self.store.aclose()

    async def drained(self, seconds: float) -> bool:
        """Wait until no call is in flight, for at most so many seconds; whether that came true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.pipeline.limits.in_flight:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    # -- calls without a server ----------------------------------------------------------------------------------

    async def chat(self, **body: Any) -> Body:
        """A chat completion in OpenAI's shape. Raises GatewayError."""
        return await self._whole("chat", body)

    async def completions(self, **body: Any) -> Body:
        """A legacy completion. Raises GatewayError."""
        return await self._whole("completions", body)

    async def embeddings(self, **body: Any) -> Body:
        """Embeddings. Raises GatewayError."""
        return await self._whole("embeddings", body)

    async def rerank(self, **body: Any) -> Body:
        """Documents by relevance, in Cohere's shape. Raises GatewayError."""
        return await self._whole("rerank", body)

    async def stream(self, operation: Operation = "chat", **body: Any) -> AsyncIterator[Body]:
        """The chunks of a streamed answer in OpenAI's shape. Raises GatewayError, also between chunks."""
        reply = await self.pipeline.run(self.new_call(operation, {**body, "stream": True}))
        assert isinstance(reply, StreamReply)  # noqa: S101 - what `stream: true` means
        events = SSEDecoder()
        try:
            async for data in reply:
                for event in events.feed(data):
                    if event.data != DONE:
                        yield orjson.loads(event.data)
        finally:
            await reply.aclose(ClientClosedError("The caller closed the stream."))

    async def _whole(self, operation: Operation, body: Body) -> Body:
        reply = await self.pipeline.run(self.new_call(operation, {**body, "stream": False}))
        assert isinstance(reply, Reply)  # noqa: S101 - what `stream: false` means
        return reply.body

    def new_call(self, operation: Operation, body: Body, principal: Principal = IN_PROCESS) -> Call:
        """A call from a body. Raises BadRequestError for what has not the form of the operation."""
        body = check_body(body, operation)
        user, metadata = body.get("user"), read_metadata(body)
        return Call(
            operation=operation,
            model=body.get("model") or "",
            body=body,
            stream=body.get("stream") is True,
            principal=principal,
            options=read_options(body),
            end_user=user,
            tags=read_tags(body, metadata, None),
            metadata=metadata,
        )
