"""Header fields of our answers: what happened to the call, and what the vendor had to say about its limits."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tianji_core import __version__
from tianji_core.api.callback import PER_DOLLAR, Cost, in_dollars
from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers
from tianji_core.gateway.call import Call
from tianji_core.gateway.policies import Outcome
from tianji_core.routing import Deployment

RawHeader = tuple[bytes, bytes]

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
"""Names by which deployments were called, to be remembered; wildcards allow for any number."""
_MAX_VALUE = 4096
_PRINTABLE = bytes(32 if number < 32 or number == 127 else number for number in range(256))


class HeaderWriter:
    """Writes the gateway's own fields, under the configured prefix."""

    def __init__(self, prefix: str) -> None:
        def name(rest: str) -> bytes:
            return (prefix + rest).encode()

        self._call_id = name("call-id")
        self._model_id = name("model-id")
        self._model_name = name("model-name")
        self._api_base = name("model-api-base")
        self._group = name("model-group")
        self._duration = name("response-duration-ms")
        self._overhead = name("overhead-duration-ms")
        self._retries = name("attempted-retries")
        self._fallbacks = name("attempted-fallbacks")
        self._guardrails = name("applied-guardrails")
        self._policies = name("applied-policies")
        self._sources = name("policy-sources")
        self._cache_key = name("cache-key")
        self._known: dict[tuple[str, str | None, str | None], list[RawHeader]] = {}
        cost = prefix + "response-cost"
        self._cost = cost.encode()
        self._list_cost = f"{cost}-original".encode()
        self._cost_sides = [f"{cost}-{side}".encode() for side in ("input", "output")]
        self._cost_parts = [
            f"{cost}-{part}".encode() for part in ("tool-usage", "cache-read", "cache-creation", "reasoning")
        ]
        self._cost_terms = [
            f"{cost}-{part}".encode() for part in ("discount-amount", "margin-amount", "margin-percent")
        ]
        self._version: RawHeader = (name("version"), __version__.encode())

    def fields(self, call: Call) -> list[RawHeader]:
        """The fields of an answered call; empty values are left out."""
        fields = [(self._call_id, call.id.encode()), self._version, NOSNIFF]
        if call.deployment is not None:
            key = (call.deployment.id, call.upstream_model, call.group)
            known = self._known.get(key)
            fields += known if known is not None else self._remember(key, call.deployment)
        total = (time.monotonic() - call.started) * 1000
        upstream = call.upstream_seconds * 1000
        fields.append((self._duration, b"%.3f" % total))
        if not call.stream:
            fields.append((self._overhead, b"%.3f" % max(0.0, total - upstream)))
            if call.cost is not None:
                fields += self._cost_fields(call.cost)
        fields.append((self._retries, b"%d" % call.retries))
        fields.append((self._fallbacks, b"%d" % call.fallbacks))
        if call.guardrails:
            fields.append((self._guardrails, _value(",".join(call.guardrails))))
        if call.policies is not None and call.policies.policies:
            fields += self._of_policies(call.policies)
        if call.cache_hit and call.cache_key is not None:
            fields.append((self._cache_key, call.cache_key.encode()))
        if call.upstream_headers is not None:
            fields.extend(vendor_fields(call.upstream_headers))
        return fields

    def _cost_fields(self, cost: Cost) -> list[RawHeader]:
        """What a whole answer has cost, in dollars; of a stream nobody knows it yet. Parts that are nothing are left
        out, and so are discount and margin where the config has none of either."""
        told = b"%r" % (cost.total / PER_DOLLAR)
        listed = told if cost.original == cost.total else _dollars(cost.original)
        fields = [(self._cost, told), (self._list_cost, listed)]
        read, kept, thought = cost.cache_read, cost.cache_write, cost.reasoning
        both = (cost.input + read + kept, cost.output + thought)
        for name, amount in zip(self._cost_sides, both, strict=True):
            if amount:
                fields.append((name, b"%r" % (amount / PER_DOLLAR)))
        if read or kept or thought or cost.tools:
            for name, amount in zip(self._cost_parts, (cost.tools, read, kept, thought), strict=True):
                if amount:
                    fields.append((name, _dollars(amount)))
        if cost.discount or cost.margin:
            discount, margin, percent = self._cost_terms
            fields.append((discount, _dollars(cost.discount)))
            fields.append((margin, _dollars(cost.margin)))
            fields.append((percent, b"%r" % cost.margin_percent))
        return fields

    def _remember(self, key: tuple[str, str | None, str | None], deployment: Deployment) -> list[RawHeader]:
        """The fields that say who answered: the same for all calls to one deployment under one name."""
        identifier, model, group = key
        pairs = (
            (self._model_id, identifier),
            (self._model_name, model),
            (self._api_base, deployment.api_base),
            (self._group, group),
        )
        fields = [(name, _value(text)) for name, text in pairs if text]
        if len(self._known) < _MAX_KNOWN:
            self._known[key] = fields
        return fields

    def _of_policies(self, outcome: Outcome) -> list[RawHeader]:
        """The policies that hold for a call, and why they do."""
        why = "; ".join(f"{name}={reason}" for name, reason in outcome.policies.items())
        return [(self._policies, _value(",".join(outcome.policies))), (self._sources, _value(why))]

    def error_fields(self, error: GatewayError, call: Call | None) -> list[RawHeader]:
        """The fields of a failed call, with `retry-after` where the error knows one."""
        if call is not None:
            fields = [(self._call_id, call.id.encode()), self._version, NOSNIFF]
            if call.attempts:
                if error.deployment_id is not None:
                    fields.append((self._model_id, _value(error.deployment_id)))
                fields.append((self._retries, b"%d" % call.retries))
                fields.append((self._fallbacks, b"%d" % call.fallbacks))
        else:
            fields = [self._version, NOSNIFF]
        if call is not None and call.guardrails:
            fields.append((self._guardrails, _value(",".join(call.guardrails))))
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
        if name in _NOT_COPIED or len(value) > _MAX_VALUE:
            continue
        raw = _value(value)
        fields.append((b"llm_provider-" + name.encode("latin-1"), raw))
        if name in _RATE_LIMITS:
            fields.append((name.encode(), raw))
        if len(fields) >= _MAX_COPIED:
            break
    return fields


def _dollars(amount: int) -> bytes:
    return b"%r" % in_dollars(amount)


def _value(text: str) -> bytes:
    """Text as a field value: no control characters, whatever a client or vendor put into a name."""
    return text.encode("latin-1", "replace").translate(_PRINTABLE).strip()
