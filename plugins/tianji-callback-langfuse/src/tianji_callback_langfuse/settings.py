"""What the config and the environment say about Langfuse; the names are those of its SDK and of LiteLLM."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tianji_core.api.callback import CallbackSettings

CLOUD = "https://cloud.langfuse.com"


class LangfuseSettings(CallbackSettings):
    """The keys of `callback_settings.langfuse`, and of `callback_vars` of keys and teams. Durations are seconds."""

    shared_keys: ClassVar[frozenset[str]] = frozenset({"langfuse_default_tags"})

    langfuse_public_key: str | None = Field(None, repr=False, description="Else LANGFUSE_PUBLIC_KEY")
    langfuse_secret_key: str | None = Field(None, repr=False, description="Else LANGFUSE_SECRET_KEY")
    langfuse_secret: str | None = Field(None, repr=False, description="The same by its older name")
    langfuse_host: str | None = Field(
        None, description=f"Else LANGFUSE_HOST, LANGFUSE_BASE_URL, LANGFUSE_OTEL_HOST [{CLOUD}]"
    )
    langfuse_default_tags: list[str] = Field(
        default_factory=list,
        description="Facts that become tags: cache_hit, cache_key, user_api_key_alias, user_api_key_team_id, …",
    )
    environment: str | None = Field(None, description="Else LANGFUSE_TRACING_ENVIRONMENT")
    release: str | None = Field(None, description="Else LANGFUSE_RELEASE")
    sample_rate: float | None = Field(None, ge=0, le=1, description="Part of the traces; else LANGFUSE_SAMPLE_RATE [1]")
    batch_size: int | None = Field(None, ge=1, le=10_000, description="Else LANGFUSE_FLUSH_AT [200]")
    flush_interval: float | None = Field(None, gt=0, description="Else LANGFUSE_FLUSH_INTERVAL [1]")
    timeout: float | None = Field(None, gt=0, description="Of one request; else LANGFUSE_TIMEOUT [10]")

    @property
    def public_key(self) -> str:
        """Raises ValueError if there is none."""
        return self._needed("public_key", self.langfuse_public_key or self.env("LANGFUSE_PUBLIC_KEY"))

    @property
    def secret_key(self) -> str:
        """Raises ValueError if there is none."""
        own = self.langfuse_secret_key or self.langfuse_secret
        return self._needed("secret_key", own or self.env("LANGFUSE_SECRET_KEY", "LANGFUSE_SECRET"))

    @property
    def host(self) -> str:
        names = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL", "LANGFUSE_OTEL_HOST")
        return (self.langfuse_host or self.env(*names) or CLOUD).rstrip("/")

    def number(self, own: float | None, variable: str, default: float) -> float:
        """A setting, else a variable, else the default. Raises ValueError for a variable that is no number."""
        if own is not None:
            return own
        text = self.env(variable)
        try:
            return default if text is None else float(text)
        except ValueError:
            raise ValueError(f"{variable} has to be a number") from None

    @staticmethod
    def _needed(name: str, value: str | None) -> str:
        if value is None:
            raise ValueError(f"langfuse needs a key: set `langfuse_{name}` or the variable LANGFUSE_{name.upper()}")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"langfuse_{name} has characters that HTTP does not allow")
        return value
