"""Embeddings, kept input by input: of a batch, only what is not kept is asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import GatewayError
from tianji_core.api.provider import Body
from tianji_core.gateway.cache.entries import Entry
from tianji_core.gateway.cache.keys import item_keys
from tianji_core.gateway.cache.wishes import Wishes
from tianji_core.gateway.call import Call
from tianji_core.gateway.heavy import in_thread
from tianji_core.gateway.reply import Reply, StreamReply

if TYPE_CHECKING:
    from tianji_core.gateway.cache.cache import Ask, ResponseCache


class Embedding:
    """One call for embeddings; what it has to keep in the end, if its call ends well."""

    def __init__(self, cache: ResponseCache, call: Call, wishes: Wishes) -> None:
        self._cache = cache
        self._call = call
        self._wishes = wishes
        self._items = inputs_of(call.body["input"])
        self._keys: list[str] = []
        self._asked: list[int] = []
        self._rows: list[Body] = []

    async def run(self, ask: Ask) -> Reply | StreamReply:
        """The answer. Raises what `ask` raises."""
        cache, call, wishes = self._cache, self._call, self._wishes
        whose, forwarded = cache.whose(call), cache.rules.forwarded
        if call.heavy:
            keys = await in_thread(item_keys, call, whose, forwarded, self._items)
        else:
            keys = item_keys(call, whose, forwarded, self._items)
        prefix = cache.prefix(wishes)
        self._keys = [prefix + key for key in keys]
        found: list[Entry | None] = [None] * len(keys)
        if wishes.reads and keys:
            found = [cache.fresh(data, wishes) for data in await cache.store.read(self._keys)]
        self._asked = [index for index, entry in enumerate(found) if entry is None]
        kept = [entry for entry in found if entry is not None]
        if not self._asked and kept:
            return self._hit(kept)
        if wishes.reads:
            cache.store.misses += 1
        if wishes.stores:
            call.storing = self
        if not kept:
            call.cache_key = self._keys[0] if len(self._keys) == 1 else None
            return self._taken(await ask())
        whole = call.body
        call.body = {**whole, "input": [self._items[index] for index in self._asked]}
        try:
            reply = await ask()
        finally:
            call.body = whole
        return self._put_together(self._taken(reply), found)

    def finish(self, call: Call, error: GatewayError | None) -> None:
        """The call is over: keep what was asked for. See `Storing`."""
        call.storing = None
        if error is not None or call.fallbacks or not self._rows:
            return
        shares = _shares(call.usage, [self._items[index] for index in self._asked])
        at = time.time()
        values = {}
        for index, row, usage in zip(self._asked, self._rows, shares, strict=True):
            entry = Entry(
                at=at,
                body={"row": row},
                usage=usage,
                source=call.usage_source,
                deployment=call.deployment.id if call.deployment is not None else None,
                model=call.upstream_model,
            )
            values[self._keys[index]] = entry.encode()
        self._cache.store.write(values, self._cache.ttl(self._wishes))

    def _hit(self, kept: list[Entry]) -> Reply:
        call = self._call
        usage = _sum([entry.usage for entry in kept])
        self._cache.told(call, kept[0], usage)
        call.cache_key = self._keys[0]
        rows = [_at(index, entry) for index, entry in enumerate(kept)]
        body = {"object": "list", "data": rows, "model": call.model}
        return Reply(body if usage is None else {**body, "usage": usage})

    def _taken(self, reply: Reply | StreamReply) -> Reply | StreamReply:
        """Note the vendor's answer, if it is one for each input."""
        if isinstance(reply, Reply) and self._call.storing is not None:
            rows = _rows(reply.body, len(self._asked))
            self._rows = rows or []
        return reply

    def _put_together(self, reply: Reply | StreamReply, found: list[Entry | None]) -> Reply | StreamReply:
        """The vendor's answer among what was kept. The usage is the vendor's: only that was used."""
        if isinstance(reply, StreamReply):
            return reply
        rows = _rows(reply.body, len(self._asked))
        if rows is None:
            return reply
        asked = dict(zip(self._asked, rows, strict=True))
        data = [
            _at(index, entry) if entry is not None else {**asked[index], "index": index}
            for index, entry in enumerate(found)
        ]
        return Reply({**reply.body, "data": data})


def inputs_of(given: Any) -> list[Any]:
    """The single inputs: texts, or lists of tokens; one alone is a list of one."""
    if isinstance(given, list) and not (given and isinstance(given[0], int)):
        return given
    return [given]


def _rows(body: Body, count: int) -> list[Body] | None:
    """The answers to so many inputs, in their order; None if they are not that."""
    data = body.get("data")
    if not isinstance(data, list) or len(data) != count:
        return None
    rows: list[Body | None] = [None] * count
    for place, row in enumerate(data):
        if not isinstance(row, dict):
            return None
        index = row.get("index", place)
        if not isinstance(index, int) or not 0 <= index < count:
            return None
        rows[index] = row
    return [row for row in rows if row is not None] if None not in rows else None


def _at(index: int, entry: Entry) -> Body:
    return {**entry.body["row"], "index": index}


def _shares(usage: Mapping[str, Any] | None, items: Sequence[Any]) -> list[dict[str, int] | None]:
    """What each input has used, where the vendor tells it of all together: by their lengths; the sum is right."""
    total = None if usage is None else usage.get("prompt_tokens")
    if not isinstance(total, int) or isinstance(total, bool):
        return [None] * len(items)
    lengths = [max(1, len(item)) if isinstance(item, str | list) else 1 for item in items]
    whole, before = sum(lengths), 0
    found: list[dict[str, int] | None] = []
    for length in lengths:
        tokens = total * (before + length) // whole - total * before // whole
        before += length
        found.append({"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens})
    return found


def _sum(usages: Sequence[Mapping[str, Any] | None]) -> dict[str, int] | None:
    known = [usage["prompt_tokens"] for usage in usages if usage is not None]
    if len(known) != len(usages):
        return None
    return {"prompt_tokens": sum(known), "completion_tokens": 0, "total_tokens": sum(known)}
