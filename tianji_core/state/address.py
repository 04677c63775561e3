"""Where Redis is: an address as configs and environments name it, checked before anything is connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

PORT = 6379
SENTINEL_PORT = 26379

_SSL = {
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_ca_data",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
    "ssl_ciphers",
}
_OPTIONS = {*_SSL, "client_name", "socket_keepalive"}
"""Options of the Redis client that an address may have. What steers time-outs, retries and pools is the gateway's."""


class RedisAddressError(ValueError):
    """An address of Redis that makes no sense. The text holds no password."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One server, the master that sentinels know, or a cluster."""

    host: str = "127.0.0.1"
    port: int = PORT
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl: bool = False
    path: str | None = None
    """A Unix socket, instead of host and port."""
    service: str | None = None
    """The name by which `nodes`, which are sentinels then, know the master."""
    sentinel_password: str | None = field(default=None, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()
    """Sentinels, or where to ask for the members of a cluster."""
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    @property
    def cluster(self) -> bool:
        return bool(self.nodes) and self.service is None

    @property
    def shown(self) -> str:
        """For logs and errors: no password."""
        if self.path is not None:
            return f"unix:{self.path}"
        if self.nodes:
            return f"{self.service or 'cluster'} at {', '.join(f'{host}:{port}' for host, port in self.nodes)}"
        return f"{self.host}:{self.port}/{self.db}"


def redis_address(
    *,
    url: str | None = None,
    host: str | None = None,
    port: int | None = None,
    db: int | None = None,
    username: str | None = None,
    password: str | None = None,
    ssl: bool = False,
    service: str | None = None,
    sentinel_password: str | None = None,
    sentinels: Sequence[Any] = (),
    startup_nodes: Sequence[Any] = (),
    options: Mapping[str, Any] | None = None,
) -> RedisAddress:
    """An address from what a config says; what stands beside a `url` fills in what the URL leaves open.

    Raises RedisAddressError.
    """
    found: dict[str, Any] = {"host": host, "port": port, "db": db, "username": username, "password": password}
    more = {name: value for name, value in (options or {}).items() if name in _OPTIONS}
    if url:
        said, asked = _of_url(url)
        ssl = said.pop("ssl") or ssl
        found = {name: said.get(name, found.get(name)) for name in (*found, "path")}
        more.update(asked)
    nodes: tuple[tuple[str, int], ...] = ()
    if service:
        nodes = _nodes(sentinels, SENTINEL_PORT, "sentinel_nodes")
        if not nodes:
            raise RedisAddressError("service_name needs sentinel_nodes")
    elif startup_nodes:
        nodes = _nodes(startup_nodes, PORT, "redis_startup_nodes")
    elif sentinels:
        raise RedisAddressError("sentinel_nodes need a service_name")
    found = {name: value for name, value in found.items() if value is not None}
    if nodes and service is None and found.get("db"):
        raise RedisAddressError("a cluster has no numbered databases")
    return RedisAddress(
        **found,
        ssl=ssl,
        service=service or None,
        sentinel_password=sentinel_password,
        nodes=nodes,
        options=tuple(sorted(more.items())),
    )


def _of_url(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts of a `redis://`, `rediss://` or `unix://` URL, and the client's options that it asks for."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RedisAddressError("is no URL") from None
    found: dict[str, Any] = {"ssl": parts.scheme == "rediss"}
    if parts.username:
        found["username"] = unquote(parts.username)
    if parts.password:
        found["password"] = unquote(parts.password)
    if parts.scheme == "unix":
        found["path"] = unquote(parts.path)
    elif parts.scheme in ("redis", "rediss"):
        found["host"] = parts.hostname or "127.0.0.1"
        if port is not None:
            found["port"] = port
        if parts.path.strip("/"):
            found["db"] = _number(parts.path.strip("/"), "the database in the URL")
    else:
        raise RedisAddressError("begins with neither redis:// nor rediss:// nor unix://")
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query):
        if name == "db":
            found["db"] = _number(value, "the database in the URL")
        elif name in _OPTIONS:
            options[name] = value if value.lower() not in ("true", "false") else value.lower() == "true"
        else:
            raise RedisAddressError(f"has an option that is not known: {name}")
    return found, options


def _number(text: str, what: str) -> int:
    if not text.isdecimal():
        raise RedisAddressError(f"{what} is no number")
    return int(text)


def _nodes(given: Sequence[Any], port: int, what: str) -> tuple[tuple[str, int], ...]:
    """Nodes as `[host, port]`, `{host:, port:}` or `host:port`."""
    if not isinstance(given, list | tuple):
        raise RedisAddressError(f"{what} is no list")
    found = []
    for node in given:
        if isinstance(node, Mapping):
            host, at = node.get("host"), node.get("port", port)
        elif isinstance(node, list | tuple) and len(node) == 2:
            host, at = node
        elif isinstance(node, str):
            host, _, text = node.rpartition(":") if ":" in node else (node, "", str(port))
            at = text
        else:
            raise RedisAddressError(f"{what} has an entry that is neither [host, port] nor {{host:, port:}}")
        if not isinstance(host, str) or not host:
            raise RedisAddressError(f"{what} has an entry without a host")
        found.append((host, _number(str(at), f"a port in {what}")))
    return tuple(found)
