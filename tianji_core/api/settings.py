"""What the settings of every kind of plugin share."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field


class PluginSettings(BaseModel):
    """Settings that may leave things to the environment."""

    environ: Mapping[str, str] = Field(default_factory=dict, repr=False, exclude=True, description="Set by the core")

    def env(self, *names: str) -> str | None:
        """The first of these environment variables that is set and not empty."""
        return next(filter(None, map(self.environ.get, names)), None)
