"""What the config and the environment say about Sentry."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from tianji_core.api.callback import CallbackSettings


class Dsn(NamedTuple):
    """Where a project's events go, and its public key (https://develop.sentry.dev/sdk/foundations/transport/dsn/)."""

    url: str
    key: str


class SentrySettings(CallbackSettings):
    """The keys of `callback_settings.sentry`."""

    dsn: str | None = Field(None, repr=False, description="Else SENTRY_DSN")
    environment: str | None = Field(None, description="Else SENTRY_ENVIRONMENT [production]")
    release: str | None = Field(None, description="Else SENTRY_RELEASE, or the gateway's version")
    sample_rate: float | None = Field(
        None, ge=0, le=1, description="Part of the failures; else SENTRY_API_SAMPLE_RATE [1]"
    )
    timeout: float = Field(10.0, gt=0, description="Seconds that one request may take")

    def parsed(self) -> Dsn:
        """Raises ValueError for a DSN that is none; the text holds nothing of it."""
        text = self.dsn or self.env("SENTRY_DSN")
        if text is None:
            raise ValueError("sentry needs a DSN: set `dsn` or the variable SENTRY_DSN")
        parts = urlsplit(text)
        path, _, project = parts.path.rpartition("/")
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or not project.isdecimal():
            raise ValueError("the DSN of sentry has to look like https://KEY@HOST/PROJECT")
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        return Dsn(f"{parts.scheme}://{host}{path}/api/{project}/envelope/", parts.username)

    def rate(self) -> float:
        """The part of the failures that is sent. Raises ValueError for a variable that is no number."""
        if self.sample_rate is not None:
            return self.sample_rate
        try:
            return float(self.env("SENTRY_API_SAMPLE_RATE") or 1.0)
        except ValueError:
            raise ValueError("SENTRY_API_SAMPLE_RATE has to be a number") from None
