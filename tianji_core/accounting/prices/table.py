"""The price table: what models cost by public price lists, one line for each model.

The file is JSON Lines, sorted, so that a model is found by bisection of the file as it lies on disk: nothing is parsed
but the lines of the models that are asked for. The first line says where the prices come from, and of what date:

    {"sources":[{"name":"litellm","version":"…","date":"…",…}]}
    ["gpt-4o",{"litellm_provider":"openai","input_cost_per_token":2.5e-6,…}]

The members of a model have LiteLLM's names for them; amounts are US dollars.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

EMBEDDED = Path(__file__).with_name("prices.jsonl")

Price = Mapping[str, Any]
"""What is known of one model: prices, limits, what it is for."""


class PriceTableError(ValueError):
    """A file that is no price table. The message names the line."""


class PriceTable:
    """A price table on disk. Files that are replaced while it is open (by a rename) stay as they were for it."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, PriceTableError."""
        self.path = path
        with path.open("rb") as file:
            try:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise PriceTableError(f"{path}: the file is empty") from error
        end = self._bytes.find(b"\n")
        head = _decoded(self._bytes[:end] if end >= 0 else b"")
        if not isinstance(head, dict) or not isinstance(head.get("sources"), list):
            raise PriceTableError(f"{path}: the first line does not say where the prices come from")
        self.sources: list[dict[str, Any]] = head["sources"]
        self._start = end + 1

    def get(self, name: str) -> Price | None:
        """What the table says of a name. Raises PriceTableError for a line that makes no sense."""
        try:
            wanted = orjson.dumps(name)
        except TypeError:  # half of a surrogate pair, from a client: no model is called so
            return None
        data, low, high = self._bytes, self._start, len(self._bytes)
        while low < high:
            middle = (low + high) // 2
            begin = data.rfind(b"\n", low, middle) + 1 or low
            end = data.find(b"\n", middle)
            end = high if end < 0 else end
            found = data[begin + 1 : data.find(b",{", begin, end)]
            if found == wanted:
                return self._line(data[begin:end])[1]
            if found < wanted:
                low = end + 1
            else:
                high = begin
        return None

    def __iter__(self) -> Iterator[tuple[str, Price]]:
        """All models. Raises PriceTableError for a line that makes no sense."""
        at = self._start
        while at < len(self._bytes):
            end = self._bytes.find(b"\n", at)
            end = len(self._bytes) if end < 0 else end
            yield self._line(self._bytes[at:end])
            at = end + 1

    def _line(self, line: bytes) -> tuple[str, Price]:
        entry = _decoded(line)
        if not (isinstance(entry, list) and len(entry) == 2):
            raise PriceTableError(
                f"{self.path}: a line is no model with its prices: {line[:60].decode(errors='replace')}"
            )
        name, price = entry
        if not isinstance(name, str) or not isinstance(price, dict):
            raise PriceTableError(
                f"{self.path}: a line is no model with its prices: {line[:60].decode(errors='replace')}"
            )
        return name, price


class Tables:
    """Tables over one another: the first that knows a name has the say."""

    def __init__(self, *tables: PriceTable) -> None:
        self.tables = tables

    def get(self, name: str) -> Price | None:
        """What the first table that knows the name says of it."""
        return next((price for table in self.tables if (price := table.get(name)) is not None), None)


@cache
def embedded_table() -> PriceTable:
    """The table that comes with the gateway, opened once; nothing of it is read yet."""
    return PriceTable(EMBEDDED)


def write_table(path: Path, sources: list[dict[str, Any]], models: Mapping[str, Price]) -> None:
    """Write a table, whole or not at all. Raises OSError."""
    import os
    import tempfile

    text = table_bytes(sources, models)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def table_bytes(sources: list[dict[str, Any]], models: Mapping[str, Price]) -> bytes:
    """A table as it stands in its file: sorted as `PriceTable.get` looks."""
    keyed = sorted((orjson.dumps(name), price) for name, price in models.items())
    lines = [b"[%b,%b]" % (name, orjson.dumps(price, option=orjson.OPT_SORT_KEYS)) for name, price in keyed]
    return b"\n".join([orjson.dumps({"sources": sources}), *lines, b""])


def _decoded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None
