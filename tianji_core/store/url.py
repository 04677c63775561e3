"""URLs of databases: those that people have, read as SQLAlchemy and the drivers want them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_URL = "sqlite:///tianji.db"
"""A file in the working directory."""

_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"})
_SQLITE = frozenset({"sqlite", "sqlite+aiosqlite"})
_OF_PRISMA = frozenset(
    {
        "connection_limit",
        "pool_timeout",
        "schema",
        "pgbouncer",
        "socket_timeout",
        "connect_timeout",
        "statement_cache_size",
    }
)
"""Parameters of Prisma's URLs, which the reference's users have; libpq knows only one of them."""
_OF_LIBPQ = frozenset(
    {
        "application_name",
        "channel_binding",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "options",
        "passfile",
        "sslcert",
        "sslcompression",
        "sslkey",
        "sslmode",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)


class DatabaseURLError(ValueError):
    """A URL that cannot be used. The text never quotes the URL: there is a password in it."""


@dataclass(frozen=True)
class Database:
    """Where the database is, and what its URL says about connections. Times in seconds."""

    kind: str
    """`sqlite` or `postgresql`."""
    path: str = ""
    """Of SQLite: the file, or `:memory:`."""
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Further parameters of libpq."""
    schema: str | None = None
    connection_limit: int | None = None
    pool_timeout: float | None = None
    connect_timeout: float | None = None
    socket_timeout: float | None = None
    prepares: bool = True
    """Whether statements may be prepared; not behind a pooler that shares connections."""

    @property
    def shown(self) -> str:
        """For people: without user and password."""
        if self.kind == "sqlite":
            return f"sqlite:///{self.path}"
        port = f":{self.port}" if self.port else ""
        return f"postgresql://{self.host or ''}{port}/{self.name or ''}"


def check_url(url: str) -> Database:
    """What a URL says. Raises DatabaseURLError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DatabaseURLError("is no URL") from None
    scheme = parts.scheme.lower()
    if scheme in _SQLITE:
        if parts.netloc:
            raise DatabaseURLError("needs three slashes for a file: sqlite:///tianji.db, or four for an absolute path")
        return Database("sqlite", path=unquote(parts.path[1:]) or ":memory:")
    if scheme not in _POSTGRES:
        raise DatabaseURLError(
            f"begins with {scheme + ':' if scheme else 'no scheme'}; known are postgresql: and sqlite:"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = query.keys() - _OF_PRISMA - _OF_LIBPQ - {"host", "port"}
    if unknown:
        raise DatabaseURLError(f"has parameters that are not known: {', '.join(sorted(unknown))}")
    return Database(
        "postgresql",
        host=query.get("host") or (unquote(parts.hostname) if parts.hostname else None),  # a folder of sockets, too
        port=_whole(query, "port") or port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        name=unquote(parts.path[1:]) or None,
        options={name: value for name, value in query.items() if name in _OF_LIBPQ},
        schema=query.get("schema") or None,
        connection_limit=_whole(query, "connection_limit"),
        pool_timeout=_whole(query, "pool_timeout"),
        connect_timeout=_whole(query, "connect_timeout"),
        socket_timeout=_whole(query, "socket_timeout"),
        prepares=query.get("pgbouncer", "").lower() != "true" and query.get("statement_cache_size") != "0",
    )


def _whole(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if not text.isdigit():
        raise DatabaseURLError(f"has {name}, which must be a whole number")
    return int(text)
