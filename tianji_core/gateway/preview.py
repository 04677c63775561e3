"""The request that a call would make, for the eyes of admins: built, never sent, and with credentials hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import ModelRequest
from tianji_core.config.secrets import HIDDEN, Secret, conceal, looks_secret
from tianji_core.gateway.call import Call
from tianji_core.gateway.deployments import SHORTEST_SECRET
from tianji_core.gateway.native import native_request, speaks_natively
from tianji_core.gateway.vendor_request import model_request
from tianji_core.routing import Deployment, ModelTable

LONG_WORD = 16
"""Characters; a word of a row's own members that is as long may be a key, whatever its name."""


class Preview(NamedTuple):
    """A vendor request as it may be shown. `body` is None where it is no JSON."""

    url: str
    headers: dict[str, str]
    body: Any


def preview(models: ModelTable, call: Call) -> Preview:
    """The request to the first deployment of the call's group, as `build_request` or `build_native` makes it.

    Nothing is fetched for it and nothing signed: files at addresses stay addresses, tokens and signatures that a
    provider has to ask for are missing. Raises BadRequestError, or what the provider raises.
    """
    target = models.resolve(call.model)
    if target is None:
        raise BadRequestError(f"Invalid model name passed in model={call.model}.", param="model")
    deployment = target.deployments[0]
    model, provider = target.upstream_model(deployment), deployment.provider
    request: ModelRequest
    if speaks_natively(call, deployment, model):
        built = provider.build_native(call.dialect, native_request(call, deployment, model))
    else:
        request, _ = model_request(call, deployment, model)
        if deployment.mock_response is not None or provider.local_reply(request) is not None:
            raise BadRequestError(f"Model {call.model!r} is answered here: no vendor is asked.", param="model")
        built = provider.build_request(request)
    hidden = _Hidden(deployment)
    headers = {name: hidden.field(name, value) for name, value in built.headers}
    return Preview(hidden.url(built.url), headers, hidden.value(_json(built.body)))


def _json(body: Any) -> Any:
    try:
        return orjson.loads(body)
    except (ValueError, TypeError):
        return None


class _Hidden:
    """Knows the texts of a deployment that nobody may read."""

    def __init__(self, deployment: Deployment) -> None:
        given = {k: v for k, v in deployment.defaults.items() if k not in deployment.params}
        self._fields = {name.lower() for name in deployment.provider.settings.extra_headers}
        texts = [*deployment.secrets, *deployment.provider.settings.extra_headers.values(), *_words(conceal(given))]
        found = {text for text in texts if len(text) >= SHORTEST_SECRET}
        self._texts = sorted(found, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text

    def field(self, name: str, value: str) -> str:
        if name.lower() in self._fields or looks_secret(name) or isinstance(conceal(value), Secret):
            return HIDDEN
        return self.text(value)

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        asked = [(n, HIDDEN if looks_secret(n) else v) for n, v in parse_qsl(parts.query, keep_blank_values=True)]
        host = parts.netloc.rpartition("@")[2]
        return self.text(urlunsplit((parts.scheme, host, parts.path, urlencode(asked, safe="*"), "")))


def _words(value: Any) -> Iterator[str]:
    """The texts of a row's own members that may be credentials: by their names, or by being long words."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, Secret) or (isinstance(value, str) and len(value) >= LONG_WORD and " " not in value):
        yield str(value)
