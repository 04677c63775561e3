"""The gateway: a frozen, compiled config that calls can be sent through, with or without a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import orjson

from tianji_core.api.auth import AuthBackend
from tianji_core.api.call import Principal
from tianji_core.api.errors import ClientClosedError
from tianji_core.api.http import Network
from tianji_core.api.metrics import MetricFamily
from tianji_core.api.provider import Body, Operation
from tianji_core.config import Loaded, load, load_mapping
from tianji_core.discovery import Registry
from tianji_core.gateway import stored_fallbacks
from tianji_core.gateway.body import check_body, check_models, read_metadata, read_options, read_tags
from tianji_core.gateway.call import Call
from tianji_core.gateway.compile import Compiler
from tianji_core.gateway.dialects import to_normal_form
from tianji_core.gateway.events import Events
from tianji_core.gateway.following import Following
from tianji_core.gateway.health import Health
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.policies.stored import taker
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.secrets import with_secrets
from tianji_core.gateway.sharing import RoutingShare
from tianji_core.gateway.stored import Rows, StoredRows
from tianji_core.state import MemoryState, State
from tianji_core.store import Store, StoreUnavailableError
from tianji_core.telemetry import ensure_logging
from tianji_core.telemetry.loop_lag import LoopLag
from tianji_core.telemetry.redaction import REDACTOR, secrets_in, secrets_of_environ
from tianji_core.translate.surfaces.contract import Surface
from tianji_core.transport import Transport
from tianji_core.wire.sse import DONE, SSEDecoder

if TYPE_CHECKING:
    from tianji_core.gateway.batches.batches import Batches
    from tianji_core.gateway.objects.files import Files
    from tianji_core.gateway.objects.prompts import PromptFiles
    from tianji_core.gateway.objects.targets import Targets
    from tianji_core.gateway.pass_through.endpoints import Endpoint
    from tianji_core.gateway.pass_through.table import PassThroughTable
    from tianji_core.gateway.prices import PriceBook
    from tianji_core.gateway.responses.memory import ResponseMemory
    from tianji_core.gateway.vendor_rows import VendorRows


def keep_out_of_logs(loaded: Loaded, pipeline: Pipeline) -> None:
    """Tell the logs of all secrets that the gateway holds."""
    REDACTOR.learn(secrets_in(loaded.config.model_dump(exclude_unset=True)))
    REDACTOR.learn(secrets_of_environ(loaded.environ))
    for deployment in pipeline.models.deployments:
        REDACTOR.learn(deployment.secrets)


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
        state: State | None = None,
    ) -> None:
        self.loaded = loaded
        self.config = loaded.config
        self.registry = registry
        self.pipeline = pipeline
        self.auth_backends = auth_backends
        self.store = store if store is not None else Store()
        self._holds_store = False
        self.state = state if state is not None else MemoryState()
        """What this replica shares with the others."""
        self.vendors: VendorRows = {}
        """Deployments that serve no model, by the key of the config that names them."""
        self.prices: PriceBook | None = None
        """What prices go by; None of a gateway that was not made of a config."""
        self._passing: tuple[Transport, Network, tuple[Endpoint, ...]] | None = None
        self.transports = transports
        self.generations: WeakSet[Gateway] = WeakSet((self,))
        """This gateway and those before it that still have calls under way."""
        self.compiled_at = time.time()
        self.lag = LoopLag()
        self._stack = AsyncExitStack()
        self._responses: ResponseMemory | None = None
        self.stored = StoredRows(loaded)
        self.following = Following(
            self.store,
            {
                "policies": taker(pipeline.policies),
                "fallbacks": stored_fallbacks.taker(pipeline.router),
                **self.stored.takers(),
            },
        )

    @classmethod
    def from_config(
        cls,
        config: str | Path | Mapping[str, Any] | Loaded,
        *,
        registry: Registry | None = None,
        predecessor: Gateway | None = None,
        stored: Rows | None = None,
    ) -> Self:
        """Compile a config: a file's path, a mapping, or one that is loaded already.

        `predecessor` is the gateway whose place this one takes: what has to live on is taken over from it, such as
        what was seen of the deployments, and an open database or what replicas share if they are the same. `stored` are
        the rows of the store to compile beside the config's; without them, those that the predecessor knows of.

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
        if stored is None:
            stored = Rows() if predecessor is None else predecessor.stored.latest
        loaded = stored.beside(loaded)
        compiler = Compiler(loaded, registry, predecessor)
        parts = compiler.run()
        if predecessor is not None and predecessor.store.is_for(compiler.database):
            store = predecessor.store
        else:
            store = Store(compiler.database)
        keep_out_of_logs(loaded, parts[0])
        gateway = cls(loaded, registry, *parts, store, compiler.state)
        gateway.stored.compiled = stored
        if predecessor is not None:
            gateway.following.begin_with(predecessor.following)
            gateway.generations = WeakSet((*predecessor.generations, gateway))
        gateway._passing = compiler.passing
        gateway.prices = compiler.prices
        gateway.vendors = compiler.vendors
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

    @cached_property
    def targets(self) -> Targets:
        """The deployments that keep things for callers; made when they are first asked for."""
        from tianji_core.gateway.objects.targets import Targets

        return Targets(self)

    @cached_property
    def files(self) -> Files:
        """The files of callers; made when they are first asked for."""
        from tianji_core.gateway.objects.files import Files

        return Files(self)

    def prompt_files(self) -> PromptFiles | None:
        """For a call whose prompt may name files of ours; None while there can be none."""
        if not self.store.in_use:
            return None
        from tianji_core.gateway.objects.prompts import PromptFiles

        return PromptFiles(self)

    @property
    def responses(self) -> ResponseMemory:
        """The memory of Responses, made when it is first asked for."""
        if self._responses is None:
            from tianji_core.gateway.responses.memory import ResponseMemory

            self._responses = ResponseMemory(self)
        return self._responses

    @cached_property
    def health(self) -> Health:
        """The health checks of the deployments."""
        return Health(self)

    @cached_property
    def events(self) -> Events:
        """What callbacks are told of beside calls."""
        return Events(self)

    @cached_property
    def sharing(self) -> RoutingShare:
        """What other replicas are told of the deployments, and tell."""
        router = self.pipeline.router
        return RoutingShare(self.state, router.stats, [d.id for d in router.models.deployments], router.counted)

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start what runs beside the calls; needs a running loop."""
        self.lag.start()
        await self.state.start()
        await self.sharing.start()
        if self.pipeline.budgets is not None:
            await self.pipeline.budgets.start()
        if self.pipeline.cache is not None:
            await self.pipeline.cache.start()
        self.pipeline.callbacks.start()
        self._holds_store = True
        await self.store.start()
        await self.following.start()
        self.health.start()
        self.events.start()
        await self.resume()
        for context in self.registry.pm.hook.tianji_lifespan(gateway=self):
            if context is not None:
                await self._stack.enter_async_context(context)

    async def resume(self) -> None:
        """Go on with batches that nobody works on; without an open database, nobody looks."""
        if self.store.opened is None:
            return
        from tianji_core.gateway.batches import KIND, UNFINISHED

        try:
            due = await self.store.opened.objects.due(KIND, UNFINISHED)
        except StoreUnavailableError:
            return
        if due is not None:
            self.batches.runner.wake()

    @cached_property
    def batches(self) -> Batches:
        """The batches of callers; made when somebody asks for them, or some are not over at start-up."""
        from tianji_core.gateway.batches.batches import Batches

        return Batches(self)

    async def retire(self) -> None:
        """Another gateway has taken this one's place: begin nothing more in the background, end what is under way."""
        self.lag.close()
        self.events.close()
        await self.following.aclose()
        self.sharing.close()
        await self.health.aclose()
        if "batches" in self.__dict__:
            await self.batches.runner.aclose(None)

    def hand_over(self, successor: Gateway) -> None:
        """Let another gateway go on with what cannot end with this one: answers that vendors still work on."""
        if self._responses is not None:
            self._responses.deferred.hand_over(successor.responses.deferred, successor.responses.ids)

    async def aclose(self) -> None:
        """Flush the callbacks and give everything back. Calls in flight should have ended before."""
        self.lag.close()
        self.events.close()
        await self.following.aclose()
        self.sharing.close()
        await self.health.aclose()
        if self.pipeline.budgets is not None:
            await self.pipeline.budgets.aclose()
        if "batches" in self.__dict__:
            await self.batches.runner.aclose()
        if self._responses is not None:
            await self._responses.aclose()
        await self.pipeline.callbacks.aclose()
        await self.pipeline.guardrails.aclose()
        for backend in self.auth_backends:
            await backend.aclose()
        for transport in self.transports:
            await transport.aclose()
        await self._stack.aclose()
        if self._holds_store or not self.store.is_held:  # the gateway before goes on with it if this one cannot start
            await self.store.aclose()
        if self.pipeline.cache is not None:
            await self.pipeline.cache.aclose()
        await self.state.aclose()

    def metrics(self) -> list[MetricFamily]:
        """The operator's numbers, read off the parts now; to be called on the event loop."""
        from tianji_core.gateway.metrics import families

        return list(families(self))

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

    def new_call(
        self, operation: Operation, body: Body, principal: Principal = IN_PROCESS, surface: Surface | None = None
    ) -> Call:
        """A call from a body, which is in the dialect of `surface` if there is one.

        Raises BadRequestError for what has not the form of the operation, PermissionDeniedError.
        """
        asked, native = body, None
        if surface is not None:
            body, native = to_normal_form(surface, body)
        body = check_body(body, operation)
        model, options = body.get("model") or "", read_options(body)
        if principal.models:
            check_models(principal, model, options)
        metadata = read_metadata(body)
        call = Call(
            operation=operation,
            model=model,
            body=body,
            stream=body.get("stream") is True,
            principal=principal,
            options=options,
            end_user=body.get("user"),
            tags=read_tags(body, metadata, None),
            metadata=metadata,
        )
        if surface is not None:
            call.dialect, call.surface, call.asked, call.native = surface.name, surface, asked, native
        return call
