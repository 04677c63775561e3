"""The text of /metrics: written by the official client, in a thread, once for all that ask meanwhile."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from tianji_callback_prometheus import multiprocess
from tianji_callback_prometheus.life import publisher_of, recorders_of
from tianji_callback_prometheus.operator import exposed

GZIP_LEVEL = 1
"""Labels repeat themselves: the lowest level is enough for a fiftieth."""
PLAIN = "text/plain"


class Wanted(NamedTuple):
    """What an answer depends on."""

    media: str = PLAIN
    """The media type, as the official client writes it; it says how to ask for itself."""
    compress: bool = False
    names: frozenset[str] = frozenset()
    """The samples that are asked for; all of them if none are named."""


class _Collected:
    """What is to be written down; names that come up twice are the first one's."""

    def __init__(self, sources: Iterable[Any], names: frozenset[str]) -> None:
        self._sources = sources
        self._names = names

    def collect(self) -> Iterator[Metric]:
        seen = set()
        for source in self._sources:
            for metric in source.collect() if hasattr(source, "collect") else source:
                if metric.name in seen:
                    continue
                seen.add(metric.name)
                if self._names:
                    metric.samples = [sample for sample in metric.samples if sample.name in self._names]
                    if not metric.samples:
                        continue
                yield metric


class Exposition:
    """Writes the metrics of whatever gateway is asked about."""

    def __init__(self) -> None:
        self._under_way: dict[Wanted, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()
        """One is written at a time: there are few threads, and calls need them too."""

    async def render(self, gateway: Any, accept: str, names: Sequence[str], *, compress: bool) -> tuple[bytes, str]:
        """The text and its media type. Who asks for the same while it is written gets the same."""
        _, media = choose_encoder(accept)
        wanted = Wanted(media, compress, frozenset(names))
        task = self._under_way.get(wanted)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._write(gateway, wanted))
            self._under_way[wanted] = task
            task.add_done_callback(lambda _: self._under_way.pop(wanted, None))
        return await asyncio.shield(task), media

    async def _write(self, gateway: Any, wanted: Wanted) -> bytes:
        async with self._turn:
            sources = list(_sources(gateway))  # what belongs to the loop is read here, on it
            return await asyncio.to_thread(written, sources, wanted)


def _sources(gateway: Any) -> Iterator[Any]:
    recorders = recorders_of(gateway)
    families = gateway.metrics()
    if multiprocess.is_shared():
        for recorder in recorders:
            publisher_of(recorder).publish(families)
        yield multiprocess.collector()
        return
    for recorder in recorders:
        yield recorder.registry
    for recorder in recorders[:1]:
        yield list(exposed(families, recorder.settings))
    yield REGISTRY  # the process's and Python's own numbers, and those of code that the config brings along


def written(sources: Sequence[Any], wanted: Wanted = Wanted()) -> bytes:  # noqa: B008 - it is a constant
    """The text of what the sources hold."""
    encode, _ = choose_encoder(wanted.media)
    text = encode(_Collected(sources, wanted.names))
    return gzip.compress(text, GZIP_LEVEL, mtime=0) if wanted.compress else text
