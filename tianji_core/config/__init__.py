"""The config: `load("proxy_config.yaml")` gives what it says, checked, and a report with a line for every problem.

Imports pydantic, so nothing on the way to `import tianji_core` may import this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tianji_core.config.loader import Loaded, load, load_mapping
from tianji_core.config.report import ConfigError, Problem, Report
from tianji_core.config.schema import Config
from tianji_core.config.secrets import Secret

if TYPE_CHECKING:
    from tianji_core.config.environment import Settings

__all__ = [
    "Config",
    "ConfigError",
    "Loaded",
    "Problem",
    "Report",
    "Secret",
    "Settings",
    "load",
    "load_mapping",
]


def __getattr__(name: str) -> Any:
    if name == "Settings":  # pydantic-settings costs a third of the whole import; a plain `load` does without
        from tianji_core.config.environment import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
