"""What the config and the environment say about the webhook."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from tianji_core.api.callback import CallbackSettings

EventType = Literal["llm_api_success", "llm_api_failure"]
LogFormat = Literal["json_array", "ndjson", "single"]

_ENDPOINT = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTENT_TYPES = {"ndjson": "application/x-ndjson"}


class WebhookSettings(CallbackSettings):
    """The keys of a `callback_settings` entry with `callback_type: generic_api` or `webhook`. Durations are seconds."""

    endpoint: str | None = Field(None, repr=False, description="Where to POST to; else GENERIC_LOGGER_ENDPOINT")
    headers: dict[str, str] = Field(
        default_factory=dict, repr=False, description='Header fields; else GENERIC_LOGGER_HEADERS ("k=v,k=v")'
    )
    event_types: list[EventType] = Field(
        default=["llm_api_success", "llm_api_failure"], description="Which calls are sent"
    )
    log_format: LogFormat = Field("json_array", description="One array, one object a line, or one request per call")
    batch_size: int = Field(512, ge=1, le=100_000, description="Events in one request at most")
    flush_interval: float = Field(5.0, gt=0, description="Seconds that an event waits for company")
    timeout: float = Field(10.0, gt=0, description="Seconds that one request may take")
    ssl_verify: bool | str = Field(True, description="Whether the certificate is checked, or the file to check it by")


def endpoint_of(settings: WebhookSettings) -> str:
    """The URL to POST to. Raises ValueError if there is none or it is not http or https; the message never holds it."""
    endpoint = settings.endpoint or settings.env("GENERIC_LOGGER_ENDPOINT")
    if endpoint is None:
        raise ValueError("a webhook needs an endpoint: set `endpoint` or the variable GENERIC_LOGGER_ENDPOINT")
    if not _ENDPOINT.fullmatch(endpoint):
        raise ValueError("the endpoint of a webhook must be a URL with http:// or https://")
    return endpoint


def headers_of(settings: WebhookSettings) -> dict[str, str]:
    """The header fields of every request. Raises ValueError for what is none; the message never holds a value."""
    headers = settings.headers or _parse_headers(settings.env("GENERIC_LOGGER_HEADERS") or "")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("a header name of a webhook has characters that HTTP does not allow")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the header {name} of a webhook has characters that HTTP does not allow")
    if not any(name.lower() == "content-type" for name in headers):
        headers = {**headers, "Content-Type": _CONTENT_TYPES.get(settings.log_format, "application/json")}
    return headers


def _parse_headers(text: str) -> dict[str, str]:
    headers = {}
    for number, item in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        name, separator, value = item.partition("=")
        if not separator:
            raise ValueError(f'item {number} of GENERIC_LOGGER_HEADERS is not of the form "name=value"')
        headers[name.strip()] = value.strip()
    return headers
