"""`pass_through_endpoints` of the config: each is a provider of its own, at an address that the admin wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit

from tianji_core.api.errors import BadRequestError, GatewayError, error_class_for
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import PassThrough
from tianji_core.api.provider import (
    Binary,
    Body,
    Capabilities,
    ModelRequest,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.config.schema.pass_through import PassThroughEndpoint
from tianji_core.gateway.pass_through.paths import checked_path

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What is passed on. TRACE is not: it has the vendor send back what it got, the credential too."""
_VARIABLE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class EndpointProvider(Provider):
    """Where one endpoint leads. It has no operation but pass-through."""

    name: ClassVar[str] = "pass_through"
    capabilities: ClassVar[Capabilities] = Capabilities.of()

    def __init__(self, target: str, fields: Mapping[str, str], defaults: Mapping[str, str]) -> None:
        super().__init__(ProviderSettings.model_validate({"extra_headers": dict(fields)}))
        parts = urlsplit(target)
        self.api_base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._defaults = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **defaults}
        self._fields = list(fields.items())

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        given = {unquote_plus(member.partition("=")[0]) for member in request.query.split("&")}
        query = urlencode({name: value for name, value in self._defaults.items() if name not in given})
        rest = "" if request.path == "/" else request.path
        return request.to(f"{self.api_base}{rest}{f'?{query}' if query else ''}", self._fields)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        raise BadRequestError("This endpoint passes requests through, and nothing else.")

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        raise BadRequestError("This endpoint passes requests through, and nothing else.")

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        raise BadRequestError("This endpoint passes requests through, and nothing else.")

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return error_class_for(status)(f"The target answered with status {status}.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of the config, made ready. `path` begins with a slash and ends without one."""

    path: str
    row: PassThroughEndpoint
    provider: EndpointProvider
    methods: frozenset[str]
    where: str
    """The place in the config, for messages."""


def compile_endpoints(compiler: Compiler) -> tuple[Endpoint, ...]:
    """The endpoints of the config; what is wrong with them is noted on the compiler."""
    found: dict[tuple[str, str], Endpoint] = {}
    made: list[Endpoint] = []
    for index, row in enumerate(compiler.config.general_settings.pass_through_endpoints):
        endpoint = _compile(compiler, index, row)
        if endpoint is None:
            continue
        twice = sorted(method for method in endpoint.methods if (endpoint.path, method) in found)
        if twice:
            path = ("general_settings", "pass_through_endpoints", index, "path")
            compiler.problem(path, f"another endpoint has this path for {', '.join(twice)}")
            continue
        found.update({(endpoint.path, method): endpoint for method in endpoint.methods})
        made.append(endpoint)
    return tuple(made)


def _compile(compiler: Compiler, index: int, row: PassThroughEndpoint) -> Endpoint | None:
    where = ("general_settings", "pass_through_endpoints", index)
    wrong = [*_wrong_path(row.path), *_wrong_target(row.target), *_wrong_methods(row.methods)]
    fields: dict[str, str] = {}
    for name, value in row.headers.items():
        text, missing = _filled(value, compiler.loaded.environ)
        for variable in missing:
            message = f'the environment variable "{variable}" is not set'
            path = (*where, "headers", name)
            compiler.problem(path, message, "The field is left out.", severity="warning", kind="missing-env")
        if not _FIELD.fullmatch(name) or name.lower() in _OURS or any(c in text for c in "\r\n\0"):
            wrong.append((f"headers.{name}", "no header field can be like this", None))
        elif not missing:
            fields[name.lower()] = text
    known = {guardrail.guardrail_name for guardrail in compiler.config.guardrails}
    for name in row.guardrails:
        if name not in known:
            has = f"guardrails has: {', '.join(sorted(known)) or 'none'}."
            wrong.append(("guardrails", f'no guardrail is called "{name}"', has))
    for key, message, hint in wrong:
        compiler.problem((*where, *key.split(".", 1)), message, hint)
    if wrong:
        return None
    methods = frozenset(method.upper() for method in row.methods) or METHODS
    provider = EndpointProvider(row.target, fields, row.default_query_params)
    return Endpoint(row.path.rstrip("/"), row, provider, methods, compiler.loaded.where((*where, "path")))


Wrong = Iterator[tuple[str, str, str | None]]


def _wrong_path(path: str) -> Wrong:
    if not path.startswith("/"):
        yield "path", f'"{path[:60]}" is no path', f"Write /{path[:60]}."
        return
    try:
        checked_path(quote(path.rstrip("/") or "/", safe="/:@"))
    except BadRequestError:
        yield "path", f'"{path[:60]}" cannot be served', "Its segments must not be empty, . or ..; it has no query."
        return
    if not path.strip("/"):
        yield "path", "the root cannot be passed on", None
    if "{" in path or "*" in path:
        yield "path", "there are no patterns here", "For everything below a path set include_subpath: true."


def _wrong_target(target: str) -> Wrong:
    try:
        parts = urlsplit(target)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        yield "target", "no address", "Write it in full, https://host/path."
    elif "@" in parts.netloc:
        yield "target", "user and password do not belong into an address", "Put them under headers, as authorization."
    elif not target.isascii() or not target.isprintable() or " " in target or parts.fragment:
        yield "target", "the address holds characters that must be percent-encoded", None


def _wrong_methods(methods: list[str]) -> Wrong:
    for method in methods:
        if method.upper() not in METHODS:
            yield "methods", f'"{method[:20]}" is not passed on', f"These are: {', '.join(sorted(METHODS))}."


def _filled(value: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """A text with its variables put in, and the names of those that are not set."""
    missing = [name for name in _VARIABLE.findall(value) if name not in environ]
    return _VARIABLE.sub(lambda found: environ.get(found[1], ""), value), missing
