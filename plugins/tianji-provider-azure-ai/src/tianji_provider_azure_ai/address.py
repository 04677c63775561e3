"""Where a model in Foundry answers.

Sources: "Azure AI Model Inference REST API" (`/models/…?api-version=…` of a Foundry resource, plain paths of an
endpoint for one model), "Claude in Microsoft Foundry" (`/anthropic/v1/messages`), Cohere's page on Azure (rerank).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from tianji_core.openai_compat.provider import PATHS

DEFAULT_VERSION = "2024-05-01-preview"
FOUNDRY = ".services.ai.azure.com"
KEY_HOSTS = (FOUNDRY, ".openai.azure.com", ".cognitiveservices.azure.com")
"""Hosts that want the key in `api-key`; all others take it as a bearer token."""

_PATHS = ("/images/embeddings", "/messages", *PATHS.values())
_OPERATION = re.compile(f"({'|'.join(map(re.escape, _PATHS))})$")
_SURFACE = re.compile(r"(/models|/openai(/v1)?|/anthropic(/v1)?|/providers/cohere(/v[12])?|/v[12])$")


@dataclass(frozen=True, slots=True)
class Address:
    """`base` is where OpenAI's paths go, `resource` what stands before any of the surfaces."""

    resource: str
    base: str
    query: str
    foundry: bool
    """Whether it is a Foundry resource, with several surfaces; else an endpoint of one model."""
    wants_key_field: bool

    def url(self, path: str) -> str:
        return f"{self.base}{path}{self.query}"

    @property
    def rerank(self) -> str:
        return f"{self.resource}/providers/cohere/v2/rerank" if self.foundry else f"{self.resource}/v1/rerank"

    @property
    def messages(self) -> str:
        return f"{self.resource}/anthropic/v1/messages"


def address_of(base: str, version: str | None) -> Address:
    """The address that an api_base stands for: a resource, one of its surfaces, or an operation's full address."""
    base, _, query = base.partition("?")
    named = dict(parse_qsl(query))
    base = _OPERATION.sub("", base.rstrip("/"))
    resource = _SURFACE.sub("", base)
    host = urlsplit(base).hostname or ""
    foundry = host.endswith(FOUNDRY)
    if version:
        named.setdefault("api-version", version)
    if foundry and "/openai/" not in f"{base}/":
        base = f"{resource}/models"
        named.setdefault("api-version", DEFAULT_VERSION)
    found = f"?{urlencode(named)}" if named else ""
    return Address(resource, base, found, foundry, host.endswith(KEY_HOSTS))
