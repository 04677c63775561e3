"""Header fields of our answers: what happened to the call, and what the vendor had to say about its limits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from tianji_core import __version__
from tianji_core.api.callback import PER_DOLLAR, Cost, in_dollars
from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers
from tianji_core.gateway.call import Call
from tianji_core.gateway.policies import Outcome
from tianji_core.routing import Deployment
from tianji_core.server.fields import RawHeader, fields_of, lines_of, value_of

NOSNIFF: RawHeader = (b"x-content-type-options", b"nosniff")
"""All that an answer of a model needs: it is JSON or events, never a page. Each field costs a microsecond."""

SECURITY: tuple[RawHeader, ...] = (
    NOSNIFF,
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
)

_NOT_COPIED = frozenset(
    {
        "accept-ranges",
        "age",
        "alt-svc",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "expires",
        "keep-alive",
        "nel",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "pragma",
        "report-to",
        "server",
        "set-cookie",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "www-authenticate",
    }
)
"""Fields about the message and the connection between the vendor and us, which say nothing about the call."""

_RATE_LIMITS = frozenset(
    f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")
)
_MAX_COPIED = 64
_MAX_KNOWN = 1000
"""Names by which deployments were called, to be remembered; wildcards allow for any number. As many vendors' fields."""
_MAX_VALUE = 4096
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9a-z]+")


class HeaderWriter:
    """Writes the gateway's own fields, under the configured prefix.

    Those of answers are written as they go out, as lines that each end with CRLF: what is the same for every call to a
    deployment is put together once, the rest is filled into templates. Whoever wants pairs gets the lines taken apart.
    """

    def __init__(self, prefix: str) -> None:
        def name(rest: str) -> bytes:
            return (prefix + rest).encode()

        def line(rest: str, value: bytes) -> bytes:
            return name(rest).replace(b"%", b"%%") + b": " + value + b"\r\n"

        self._call_id = name("call-id")
        self._model_id = name("model-id")
        self._retries = name("attempted-retries")
        self._fallbacks = name("attempted-fallbacks")
        self._guardrails = name("applied-guardrails")
        self._policies = name("applied-policies")
        self._sources = name("policy-sources")
        self._version: RawHeader = (name("version"), __version__.encode())
        self._who = (self._model_id, name("model-name"), name("model-api-base"), name("model-group"))
        self._known: dict[tuple[str, str | None, str | None], bytes] = {}
        self._applied: dict[str, bytes] = {}

        version = line("version", __version__.encode())
        opening = (
            line("call-id", b"%b") + version + b"%b: %b\r\n" % NOSNIFF + b"%b" + line("response-duration-ms", b"%.3f")
        )
        counts = line("attempted-retries", b"%d") + line("attempted-fallbacks", b"%d")
        self._whole = opening + line("overhead-duration-ms", b"%.3f") + counts
        self._streamed = opening + counts
        self._cache_key = line("cache-key", b"%b")
        self._cost = line("response-cost", b"%b") + line("response-cost-original", b"%b")
        self._cost_input, self._cost_output = (line(f"response-cost-{side}", b"%r") for side in ("input", "output"))
        self._cost_parts = [
            line(f"response-cost-{part}", b"%r") for part in ("tool-usage", "cache-read", "cache-creation", "reasoning")
        ]
        self._cost_terms = b"".join(
            line(f"response-cost-{part}", b"%r") for part in ("discount-amount", "margin-amount", "margin-percent")
        )

    def lines(self, call: Call) -> bytes:
        """The fields of an answered call; empty values are left out."""
        known = b""
        if call.deployment is not None:
            key = (call.deployment.id, call.upstream_model, call.group)
            known = self._known.get(key) or self._remember(key, call.deployment)
        total = (time.monotonic() - call.started) * 1000
        if call.stream:
            lines = self._streamed % (call.id.encode(), known, total, call.retries, call.fallbacks)
        else:
            overhead = max(0.0, total - call.upstream_seconds * 1000)
            lines = self._whole % (call.id.encode(), known, total, overhead, call.retries, call.fallbacks)
            if call.cost is not None:
                lines += self._cost_lines(call.cost)
        if call.guardrails:
            names = ",".join(call.guardrails)
            lines += self._applied.get(names) or self._remember_applied(names)
        if call.policies is not None and call.policies.policies:
            lines += lines_of(self._of_policies(call.policies))
        if call.cache_hit and call.cache_key is not None:
            lines += self._cache_key % call.cache_key.encode()
        if call.upstream_headers is not None and (told := vendor_fields(call.upstream_headers)):
            lines += lines_of(told)
        return lines

    def fields(self, call: Call) -> list[RawHeader]:
        """The same as pairs of name and value."""
        return fields_of(self.lines(call))

    def _cost_lines(self, cost: Cost) -> bytes:
        """What a whole answer has cost, in dollars; of a stream nobody knows it yet. Parts that are nothing are left
        out, and so are discount and margin where the config has none of either."""
        told = b"%r" % (cost.total / PER_DOLLAR)
        listed = told if cost.original == cost.total else b"%r" % (cost.original / PER_DOLLAR)
        lines = self._cost % (told, listed)
        read, kept, thought = cost.cache_read, cost.cache_write, cost.reasoning
        if asked := cost.input + read + kept:
            lines += self._cost_input % (asked / PER_DOLLAR)
        if answered := cost.output + thought:
            lines += self._cost_output % (answered / PER_DOLLAR)
        if read or kept or thought or cost.tools:
            for line, amount in zip(self._cost_parts, (cost.tools, read, kept, thought), strict=True):
                if amount:
                    lines += line % in_dollars(amount)
        if cost.discount or cost.margin:
            lines += self._cost_terms % (in_dollars(cost.discount), in_dollars(cost.margin), cost.margin_percent)
        return lines

    def _remember(self, key: tuple[str, str | None, str | None], deployment: Deployment) -> bytes:
        """The lines that say who answered: the same for all calls to one deployment under one name."""
        identifier, model, group = key
        said = zip(self._who, (identifier, model, deployment.api_base, group), strict=True)
        lines = lines_of([(name, value_of(text)) for name, text in said if text])
        if len(self._known) < _MAX_KNOWN:
            self._known[key] = lines
        return lines

    def _remember_applied(self, names: str) -> bytes:
        """The line that says which guardrails have looked."""
        lines = lines_of([(self._guardrails, value_of(names))])
        if len(self._applied) < _MAX_KNOWN:
            self._applied[names] = lines
        return lines

    def _of_policies(self, outcome: Outcome) -> list[RawHeader]:
        """The policies that hold for a call, and why they do."""
        why = "; ".join(f"{name}={reason}" for name, reason in outcome.policies.items())
        return [(self._policies, value_of(",".join(outcome.policies))), (self._sources, value_of(why))]

    def error_fields(self, error: GatewayError, call: Call | None) -> list[RawHeader]:
        """The fields of a failed call, with `retry-after` where the error knows one."""
        if call is not None:
            fields = [(self._call_id, call.id.encode()), self._version, NOSNIFF]
            if call.attempts:
                if error.deployment_id is not None:
                    fields.append((self._model_id, value_of(error.deployment_id)))
                fields.append((self._retries, b"%d" % call.retries))
                fields.append((self._fallbacks, b"%d" % call.fallbacks))
        else:
            fields = [self._version, NOSNIFF]
        if call is not None and call.guardrails:
            fields.append((self._guardrails, value_of(",".join(call.guardrails))))
        if call is not None and call.policies is not None and call.policies.policies:
            fields += self._of_policies(call.policies)
        if error.retry_after is not None:
            fields.append((b"retry-after", b"%d" % max(0, round(error.retry_after + 0.499))))
        if error.headers is not None:
            fields.extend(vendor_fields(error.headers))
        return fields


def vendor_fields(headers: Headers | Iterable[tuple[str, str]]) -> list[RawHeader]:
    """A vendor's fields as `llm_provider-<name>`, and its rate limits under their own names too."""
    fields: list[RawHeader] = []
    for name, value in headers:
        names = _names.get(name)
        if names is None:
            names = _learn(name)
        if not names or len(value) > _MAX_VALUE:
            continue
        raw = value_of(value)
        fields += [(told, raw) for told in names]
        if len(fields) >= _MAX_COPIED:
            break
    return fields


_names: dict[str, tuple[bytes, ...]] = {}
"""What vendors' fields are called in our answers: under no name, one or two."""


def _learn(name: str) -> tuple[bytes, ...]:
    if name in _NOT_COPIED or _TOKEN.fullmatch(name) is None:
        names: tuple[bytes, ...] = ()
    else:
        raw = name.encode()
        names = (b"llm_provider-" + raw, raw) if name in _RATE_LIMITS else (b"llm_provider-" + raw,)
    if len(_names) < _MAX_KNOWN:
        _names[name] = names
    return names
