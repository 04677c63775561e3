"""What files that were written for the reference import of it, for gateways where it is not installed.

Such a file subclasses `litellm.integrations.custom_logger.CustomLogger` and names some types in its annotations. These
stand in for it; they do nothing. Where the reference is installed, its own modules are imported.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class CustomLogger:
    """The base of custom loggers."""

    def __init__(self, *_args: Any, **_named: Any) -> None: ...


class CustomGuardrail(CustomLogger):
    """The base of custom guardrails. Whether one runs is not asked of it: the gateway knows."""

    def __init__(
        self,
        guardrail_name: str | None = None,
        supported_event_hooks: Any = None,
        event_hook: Any = None,
        default_on: bool = False,
        **named: Any,
    ) -> None:
        super().__init__()
        self.guardrail_name = guardrail_name
        self.supported_event_hooks = supported_event_hooks
        self.event_hook = event_hook
        self.default_on = default_on
        for name, value in named.items():
            setattr(self, name, value)

    def should_run_guardrail(self, *_args: Any, **_named: Any) -> bool:
        """It does: otherwise it would not be asked."""
        return True

    def get_guardrail_dynamic_request_body_params(self, request_data: dict[str, Any], **_named: Any) -> dict[str, Any]:
        """What the request gives it."""
        found = (request_data.get("metadata") or {}).get("guardrail_config")
        return dict(found) if isinstance(found, dict) else {}


def log_guardrail_information(function: Any) -> Any:
    """A decorator that has nothing to do here: every check is written down."""
    return function


class GuardrailEventHooks(StrEnum):
    """When guardrails run."""

    pre_call = "pre_call"
    during_call = "during_call"
    post_call = "post_call"
    logging_only = "logging_only"


class GuardrailRaisedException(Exception):
    """How a guardrail refuses."""

    def __init__(self, guardrail_name: str | None = None, message: str = "", **_named: Any) -> None:
        super().__init__(message)
        self.guardrail_name = guardrail_name
        self.message = message


class ModifyResponseException(Exception):
    """How a guardrail answers in the model's stead."""

    def __init__(self, message: str = "", *_args: Any, **_named: Any) -> None:
        super().__init__(message)
        self.message = message


class HTTPException(Exception):
    """How hooks refuse, where FastAPI is not installed either."""

    def __init__(self, status_code: int, detail: Any = None, headers: Any = None) -> None:
        super().__init__(str(detail))
        self.status_code = status_code
        self.detail = detail
        self.headers = headers


class UserAPIKeyAuth(dict[str, Any]):
    """Who calls, in annotations."""

    __getattr__ = dict.get


class DualCache:
    """A cache, in annotations."""


class ModelResponse(dict[str, Any]):
    """An answer, in annotations."""


_STAND_INS: tuple[type, ...] = (CustomLogger, CustomGuardrail, UserAPIKeyAuth, DualCache, ModelResponse)
for _each in _STAND_INS:
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
    "litellm.exceptions": {"GuardrailRaisedException": GuardrailRaisedException},
    "litellm.integrations.custom_guardrail": {
        "CustomGuardrail": CustomGuardrail,
        "ModifyResponseException": ModifyResponseException,
        "log_guardrail_information": log_guardrail_information,
    },
    "litellm.integrations.custom_logger": {"CustomLogger": CustomLogger},
    "litellm.proxy": {},
    "litellm.proxy._types": {"UserAPIKeyAuth": UserAPIKeyAuth},
    "litellm.proxy.proxy_server": {"UserAPIKeyAuth": UserAPIKeyAuth, "DualCache": DualCache},
    "litellm.types": {},
    "litellm.types.guardrails": {"GuardrailEventHooks": GuardrailEventHooks},
    "litellm.types.utils": {
        "GenericGuardrailAPIInputs": dict[str, Any],
        "ModelResponse": ModelResponse,
        "StandardLoggingPayload": dict[str, Any],
    },
}
_MARK = "__tianji_stand_in__"


class _StandIn(ModuleType):
    """A module that says what it lacks."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__.partition(".")[0]
        raise ImportError(f"{self.__name__}.{name} needs the package {package}, which is not installed")


def has_own(kind: type, name: str) -> bool:
    """Whether a method is the class's, and not just inherited from the reference's base class, or its stand-in."""
    for each in kind.__mro__:
        if name in vars(each):
            return each.__module__.partition(".")[0] != "litellm"
    return False


def provide() -> None:
    """Put the stand-ins where imports find them, unless the real thing is installed."""
    if "fastapi" not in sys.modules and find_spec("fastapi") is None:
        _put({"fastapi": {"HTTPException": HTTPException}})
    if "litellm" not in sys.modules and find_spec("litellm") is None:
        _put(_CONTENTS)


def _put(modules: dict[str, dict[str, Any]]) -> None:
    for name, contents in modules.items():
        module = _StandIn(name, "A stand-in of Tianji's.")
        module.__path__ = []
        vars(module).update(contents, **{_MARK: True})
        sys.modules[name] = module
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)
