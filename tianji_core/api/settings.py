"""What the settings of every kind of plugin share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo

NO_LOCAL_FILES = {"local_files": False}
"""The context of a validation whose settings come from the API: who sends them need not be one who may read files."""


def _may_be_read(path: str, info: ValidationInfo) -> str:
    if info.context == NO_LOCAL_FILES:
        raise ValueError("names a file of the gateway's machine, which only the config file may do")
    return path


LocalFile = Annotated[str, AfterValidator(_may_be_read)]
"""The path of a file that a plugin reads."""


class PluginSettings(BaseModel):
    """Settings that may leave things to the environment."""

    environ: Mapping[str, str] = Field(default_factory=dict, repr=False, exclude=True, description="Set by the core")

    def env(self, *names: str) -> str | None:
        """The first of these environment variables that is set and not empty."""
        return next(filter(None, map(self.environ.get, names)), None)
