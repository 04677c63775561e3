"""What files that were written for the reference import of it, for gateways where it is not installed.

Such a file subclasses `litellm.integrations.custom_logger.CustomLogger` and names some types in its annotations. These
stand in for it; they do nothing. Where the reference is installed, its own modules are imported.
"""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class CustomLogger:
    """The base of custom loggers."""

    def __init__(self, *_args: Any, **_named: Any) -> None: ...


class CustomGuardrail(CustomLogger):
    """The base of custom guardrails."""


class UserAPIKeyAuth(dict[str, Any]):
    """Who calls, in annotations."""

    __getattr__ = dict.get


class DualCache:
    """A cache, in annotations."""


class ModelResponse(dict[str, Any]):
    """An answer, in annotations."""


for _each in (CustomLogger, CustomGuardrail, UserAPIKeyAuth, DualCache, ModelResponse):
    _each.__module__ = "litellm.stand_in"  # so that what is inherited from it is told from what is a file's own

_CONTENTS: dict[str, dict[str, Any]] = {
    "litellm": {"ModelResponse": ModelResponse, "callbacks": [], "success_callback": [], "failure_callback": []},
    "litellm._logging": {
        "verbose_logger": logging.getLogger("litellm"),
        "verbose_proxy_logger": logging.getLogger("litellm.proxy"),
    },
    "litellm.caching": {"DualCache": DualCache},
    "litellm.caching.caching": {"DualCache": DualCache},
    "litellm.caching.dual_cache": {"DualCache": DualCache},
    "litellm.integrations": {},
    "litellm.integrations.custom_guardrail": {"CustomGuardrail": CustomGuardrail},
    "litellm.integrations.custom_logger": {"CustomLogger": CustomLogger},
    "litellm.proxy": {},
    "litellm.proxy._types": {"UserAPIKeyAuth": UserAPIKeyAuth},
    "litellm.proxy.proxy_server": {"UserAPIKeyAuth": UserAPIKeyAuth, "DualCache": DualCache},
    "litellm.types": {},
    "litellm.types.utils": {"ModelResponse": ModelResponse, "StandardLoggingPayload": dict[str, Any]},
}
_MARK = "__tianji_stand_in__"


class _StandIn(ModuleType):
    """A module that says what it lacks."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"{self.__name__}.{name} needs the package litellm, which is not installed")


def provide() -> None:
    """Put the stand-ins where imports find them, unless the real thing is installed."""
    if "litellm" in sys.modules or find_spec("litellm") is not None:
        return
    for name, contents in _CONTENTS.items():
        module = _StandIn(name, "A stand-in of Tianji's.")
        module.__path__ = []
        vars(module).update(contents, **{_MARK: True})
        sys.modules[name] = module
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)
