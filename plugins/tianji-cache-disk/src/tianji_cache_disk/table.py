"""The answers in an SQLite file. All of it blocks: one thread does it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

BUSY = 2.0
"""Seconds that a writer waits for one of another process."""
_PARTS = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, written REAL NOT NULL, expires REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_written ON answers (written);
CREATE INDEX IF NOT EXISTS answers_expires ON answers (expires) WHERE expires IS NOT NULL;
"""


class Table:
    """Opened by `open`; times are Unix seconds, for the file outlives the process."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._path = folder / "answers.db"
        self._max_bytes = max_bytes
        self._found: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file. One that is no database any more is thrown away: it holds nothing that is not elsewhere."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._found = self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{ending}").unlink()
            self._found = self._connected()

    def close(self) -> None:
        if self._found is not None:
            self._found.close()
            self._found = None

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for begin in range(0, len(keys), _PARTS):
            part = keys[begin : begin + _PARTS]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, value FROM answers WHERE key IN ({marks}) AND (expires IS NULL OR expires > ?)",  # noqa: S608
                (*part, time.time()),
            )
            found.update(rows)
        return [found.get(key) for key in keys]

    def set(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        now = time.time()
        rows = [
            (key, value, len(key) + len(value), now, None if ttl is None else now + ttl)
            for key, value in values.items()
        ]
        with self._connection as connection:
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            self._make_room(connection, now)

    def delete(self, keys: Sequence[str]) -> int:
        with self._connection as connection:
            return sum(connection.execute("DELETE FROM answers WHERE key = ?", (key,)).rowcount for key in keys)

    def clear(self) -> int:
        with self._connection as connection:
            return connection.execute("DELETE FROM answers").rowcount

    def info(self) -> dict[str, int]:
        count, size = self._connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM answers").fetchone()
        return {"entries": count, "bytes": size, "max_bytes": self._max_bytes}

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._found is None:
            self.open()
        assert self._found is not None  # noqa: S101 - see open
        return self._found

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        """Forget what has expired, and then the oldest answers until the others fit."""
        connection.execute("DELETE FROM answers WHERE expires <= ?", (now,))
        (size,) = connection.execute("SELECT coalesce(sum(size), 0) FROM answers").fetchone()
        if size <= self._max_bytes:
            return
        gone = []
        for key, length in connection.execute("SELECT key, size FROM answers ORDER BY written"):
            gone.append((key,))
            size -= length
            if size <= self._max_bytes * 0.9:  # not for every single answer anew
                break
        connection.executemany("DELETE FROM answers WHERE key = ?", gone)
