"""The response cache on a call's way: a kept answer instead of asking; what was answered well is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple, get_args

from tianji_core.api.callback import UsageSource
from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import UPLOADS, Binary, Body
from tianji_core.gateway.cache.embeddings import Embedding
from tianji_core.gateway.cache.entries import Entry, replay, streamed
from tianji_core.gateway.cache.guarded import Flights, GuardedCache
from tianji_core.gateway.cache.keys import SharedBy, request_key, tenant
from tianji_core.gateway.cache.wishes import Wishes, read_wishes
from tianji_core.gateway.call import Call
from tianji_core.gateway.heavy import HEAVY, in_thread
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.routing import Deployment, ModelTable
from tianji_core.telemetry import get_logger
from tianji_core.translate.chunks import merge_chunks

log = get_logger("tianji.cache")

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer that are kept at most."""
_LONG = 2000
"""Chunks from which on a stream is put together in a thread."""
TYPES = ("chat", "completions", "embeddings", "rerank", "transcriptions", "responses", "messages", "gemini")
"""Kinds of call that are cached: operations in OpenAI's dialect, and the other dialects of chat."""

Ask = Callable[[], Awaitable[Reply | StreamReply]]
_SOURCES: dict[str, UsageSource] = {each: each for each in get_args(UsageSource)}


class CacheRules(NamedTuple):
    """What the config says of the cache."""

    types: frozenset[str] = frozenset(TYPES)
    default_on: bool = True
    ttl: float | None = None
    namespace: str | None = None
    shared_by: SharedBy = "team"
    coalesces: bool = False
    forwarded: tuple[bytes, ...] = ()
    """Header fields of clients that some provider sends on: they may change an answer."""


class ResponseCache:
    """Answers calls from a cache, and keeps their answers."""

    def __init__(
        self,
        store: GuardedCache,
        rules: CacheRules,
        models: ModelTable,
        deployments: Mapping[str, Deployment],
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.rules = rules
        self.shown = dict(shown or {})
        """The settings, for administrators; no secrets."""
        self._models = models
        self._deployments = deployments
        self._flights = Flights()
        self._beside: set[asyncio.Task[None]] = set()

    async def run(self, call: Call, ask: Ask) -> Reply | StreamReply:
        """The kept answer, or what `ask` brings. Raises what `ask` raises, BadRequestError for wishes that are none."""
        kind = call.operation if call.dialect == "openai" else call.dialect
        if kind not in self.rules.types:
            return await ask()
        wishes = read_wishes(call, default_on=self.rules.default_on)
        if wishes is None or not self._may_be_kept(call):
            return await ask()
        if call.operation == "embeddings":
            return await Embedding(self, call, wishes).run(ask)
        key = await self._key(call, wishes)
        call.cache_key = key
        if wishes.reads:
            entry = self.fresh((await self.store.read([key]))[0], wishes)
            if entry is None and self.rules.coalesces and not call.stream:
                entry = await self._follow(call, key, wishes)
            if entry is not None:
                return await self._hit(call, entry)
            self.store.misses += 1
        if not wishes.stores:
            return await ask()
        land = self._flights.lead(key) if self.rules.coalesces and not call.stream else None
        call.storing = storing = Storing(self, key, self.ttl(wishes), land)
        reply = await ask()
        storing.take(reply)
        return reply

    # -- what the parts share

    def prefix(self, wishes: Wishes) -> str:
        namespace = wishes.namespace or self.rules.namespace
        return f"{namespace}:" if namespace else ""

    def whose(self, call: Call) -> str:
        return tenant(call.principal, self.rules.shared_by)

    def ttl(self, wishes: Wishes) -> float | None:
        return self.rules.ttl if wishes.ttl is None else wishes.ttl

    def fresh(self, data: bytes | None, wishes: Wishes) -> Entry | None:
        """A kept answer that is not older than the request wants."""
        entry = Entry.decode(data)
        if entry is not None and wishes.max_age is not None and time.time() - entry.at > wishes.max_age:
            return None
        return entry

    def told(self, call: Call, entry: Entry, usage: Mapping[str, Any] | None) -> None:
        """Note on a call that its answer was kept: nobody was asked, and nothing was used."""
        call.cache_hit = True
        self.store.hits += 1
        call.group = call.routed or call.model
        call.deployment = self._deployments.get(entry.deployment or "")
        call.upstream_model = entry.model
        call.usage = usage
        source = _SOURCES.get(entry.source)
        if source is not None:  # what an older gateway has kept may say something else
            call.usage_source = source

    # -- one answer for one request

    def _may_be_kept(self, call: Call) -> bool:
        """Whether all that the answer depends on stands in the request, and all that it says in the normal form."""
        if call.kept is not None or self._models.resolve(call.routed or call.model) is None:
            return False  # files that it names are their owner's; a model that is not there has no answers
        surface = call.surface
        if surface is None:
            return True
        try:
            surface.check_sayable(call.asked or {})
        except BadRequestError:
            return False
        return surface.can_be_kept(call.asked or {})

    async def _key(self, call: Call, wishes: Wishes) -> str:
        whose, forwarded = self.whose(call), self.rules.forwarded
        if call.heavy or call.operation in UPLOADS:
            digest = await in_thread(request_key, call, whose, forwarded)
        else:
            digest = request_key(call, whose, forwarded)
        return self.prefix(wishes) + digest

    async def _follow(self, call: Call, key: str, wishes: Wishes) -> Entry | None:
        """Wait for the answer to the same request, if one is under way. Nothing comes of it: ask oneself."""
        answer = self._flights.follow(key, call.options.patience(stream=False))
        return None if answer is None else self.fresh(await answer, wishes)

    async def _hit(self, call: Call, entry: Entry) -> Reply | StreamReply:
        self.told(call, entry, entry.usage)
        if entry.binary is not None:
            return Reply({}, entry.binary)
        if "model" in entry.body:
            entry.body["model"] = call.model
        if call.stream:
            return await replay(call, entry.body, entry.usage)
        return Reply(entry.body)

    # -- life

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that no call waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def start(self) -> None:
        await self.store.start()

    async def aclose(self) -> None:
        if self._beside:
            await asyncio.wait(self._beside)
        await self.store.aclose()


class Storing:
    """An answer that is to be kept once its call has ended well. The pipeline calls `finish` at the end of every call
    that has one."""

    __slots__ = ("_answer", "_cache", "_key", "_land", "_stream", "_ttl")

    def __init__(
        self, cache: ResponseCache, key: str, ttl: float | None, land: Callable[[bytes | None], None] | None
    ) -> None:
        self._cache = cache
        self._key = key
        self._ttl = ttl
        self._land = land
        self._answer: Reply | None = None
        self._stream: StreamReply | None = None

    def take(self, reply: Reply | StreamReply) -> None:
        """The answer as the vendor gave it: guardrails judge it anew whenever it is given."""
        if isinstance(reply, Reply):
            self._answer = Reply(reply.body, reply.binary)
        elif reply.content_type is None:
            self._stream = reply
            reply.keep_more(MAX_ANSWER)

    def finish(self, call: Call, error: GatewayError | None) -> None:
        """The call is over. Kept is only what the model that was asked for has answered, whole."""
        call.storing = None
        kept: bytes | None = None
        if error is None and call.fallbacks == 0:
            if self._answer is not None and (self._answer.body or self._answer.binary is not None):
                body = self._answer.body
                if call.usage is not None and "choices" in body:
                    body = {**body, "usage": call.usage}
                kept = self._entry(call, body, self._answer.binary).encode()
                self._write(kept)
            elif self._stream is not None and self._stream.complete and self._stream.more == 0:
                self._keep_stream(call, self._stream)
        if self._land is not None:
            self._land(kept)

    def _keep_stream(self, call: Call, stream: StreamReply) -> None:
        """Put a stream together, beside the calls if it is a long one, and keep it."""
        head = self._entry(call, {})
        if stream.native:
            chunks, pieces = stream.transform.kept(), []
            if not chunks:
                return
        else:
            chunks, pieces = [], stream.pieces
        if len(chunks) < _LONG and sum(map(len, pieces)) < HEAVY:
            self._write(_whole(head, chunks, pieces))
        else:
            self._cache.beside(self._write_later(head, chunks, pieces))

    async def _write_later(self, head: Entry, chunks: list[Body], pieces: list[bytes]) -> None:
        self._write(await in_thread(_whole, head, chunks, pieces))

    def _write(self, kept: bytes | None) -> None:
        if kept is not None and len(kept) <= MAX_ANSWER:
            self._cache.store.write({self._key: kept}, self._ttl)

    def _entry(self, call: Call, body: Body, binary: Binary | None = None) -> Entry:
        return Entry(
            at=time.time(),
            body=body,
            binary=binary,
            usage=call.usage,
            source=call.usage_source,
            deployment=call.deployment.id if call.deployment is not None else None,
            model=call.upstream_model,
        )


def _whole(head: Entry, chunks: list[Body], pieces: list[bytes]) -> bytes | None:
    """A streamed answer as it is kept; None for what is no answer."""
    try:
        body = merge_chunks(chunks) if chunks else streamed(pieces)
    except Exception as failure:  # chunks of a shape that nobody sends; the call has ended well all the same
        log.warning("a streamed answer cannot be kept", error=repr(failure))
        return None
    if not body.get("choices"):
        return None
    if head.usage is not None:
        body["usage"] = head.usage
    return head._replace(body=body).encode()
