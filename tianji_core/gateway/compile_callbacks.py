"""From `callbacks`, `success_callback`, `failure_callback` and `callback_settings` to what is told of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from tianji_core.api.callback import Callback
from tianji_core.discovery import PluginError
from tianji_core.gateway.compile_older_guardrails import is_guardrail
from tianji_core.gateway.custom_logger import CustomLogger
from tianji_core.gateway.recording import Recording
from tianji_core.telemetry import CallbackDispatcher, Subscription

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler, KeyPath

_LISTS = (
    ("callbacks", {"success", "failure"}),
    ("success_callback", {"success"}),
    ("failure_callback", {"failure"}),
)
_WEBHOOKS = ("generic_api", "webhook")
_ALERTING = (
    "alerting",
    "alert_types",
    "alert_to_webhook_url",
    "alerting_threshold",
    "alerting_args",
    "alert_type_config",
)
_OURS = ("turn_off_message_logging", "message_logging", "sample_rate")
"""Settings that the gateway honours for every callback, unless its plugin has one of that name."""


class CallbackBuilder:
    """Makes the callbacks of a config, and those that keys name later."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._config = compiler.config

    def recording(self) -> Recording:
        """How calls are written down."""
        settings = self._config.litellm_settings
        return Recording(
            content=not settings.turn_off_message_logging,
            caller=not settings.redact_user_api_key_info,
            may_switch_off=settings.allow_dynamic_callback_disabling,
        )

    def dispatcher(self) -> CallbackDispatcher:
        """The callbacks of the config, in its order."""
        wanted: dict[str, tuple[KeyPath, set[str]]] = {}
        for key, outcomes in _LISTS:
            for index, name in enumerate(getattr(self._config.litellm_settings, key)):
                if key == "callbacks" and is_guardrail(name):
                    continue
                _, known = wanted.setdefault(name, (("litellm_settings", key, index), set()))
                known |= outcomes
        found = [self._subscription(name, path, outcomes) for name, (path, outcomes) in wanted.items()]
        if self._config.general_settings.alerting:
            found.append(self._alerting())
        return CallbackDispatcher([each for each in found if each is not None], self._make_own)

    def _alerting(self) -> Subscription | None:
        """The callback that `general_settings` asks for by naming where alerts go."""
        general = self._config.general_settings
        values = {name: getattr(general, name) for name in _ALERTING if name in general.model_fields_set}
        path = ("general_settings", "alerting")
        callback = self._compiler.make("callback", "alerting", values, path, inside=("general_settings",))
        return Subscription("alerting", callback) if isinstance(callback, Callback) else None

    def _subscription(self, name: str, path: KeyPath, outcomes: set[str]) -> Subscription | None:
        successes, failures = "success" in outcomes, "failure" in outcomes
        if "." in name and "callback_type" not in (self._config.callback_settings.get(name) or {}):
            beside = self._beside(name, path)
            return None if beside is None else Subscription(name, beside, successes, failures)
        values = dict(self._config.callback_settings.get(name) or {})
        plugin = str(values.pop("callback_type", name))
        headers = self._config.litellm_settings.generic_logger_headers
        if plugin in _WEBHOOKS and headers:
            values.setdefault("headers", dict(headers))
        inside = ("callback_settings", name) if name in self._config.callback_settings else path
        ours = {key: values.pop(key) for key in _OURS if key in values and key not in self._fields(plugin)}
        sample = self._sample(ours.get("sample_rate"), (*inside, "sample_rate"))
        callback = self._compiler.make("callback", plugin, values, path, inside=inside)
        if not isinstance(callback, Callback):
            return None
        hides = ours.get("turn_off_message_logging") is True or ours.get("message_logging") is False
        return Subscription(name, callback, successes, failures, content=not hides, sample=sample)

    def _sample(self, value: Any, path: KeyPath) -> float:
        if value is None:
            return 1.0
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        self._compiler.problem(path, "must be between 0 and 1")
        return 1.0

    def _beside(self, name: str, path: KeyPath) -> Callback | None:
        """An object of a file beside the config: one of ours, or a logger written for the reference."""
        found = self._compiler.attribute(name, path)
        if found is None or isinstance(found, Callback):
            return found
        if CustomLogger.fits(found):
            logger = CustomLogger(found)
            if logger.ignored:
                listed = ", ".join(logger.ignored)
                self._compiler.problem(path, f"{name} has methods that are not called: {listed}", severity="warning")
            return logger
        self._compiler.problem(
            path, f"{name} is neither a Callback, nor a function, nor a custom logger with log_…_event methods"
        )
        return None

    def _fields(self, plugin: str) -> frozenset[str]:
        """The names of a plugin's settings; empty for one that cannot be loaded, which is told elsewhere."""
        try:
            model = self._compiler.registry.load("callback", plugin, "the config").settings
        except PluginError:
            return frozenset()
        return frozenset(model.model_fields) if model is not None else frozenset()

    def _make_own(self, name: str, values: Mapping[str, str]) -> Callback:
        """A callback of a key's own. Its settings are all that it has: the gateway's variables are not lent, or a key
        that names another host would have the gateway's credentials sent there. Raises ValueError."""
        if "." in name:
            raise ValueError("a key may name plugins only")
        if any(value.startswith("os.environ/") for value in values.values()):
            raise ValueError("its settings name variables of the environment, which are the gateway's")
        try:
            registered = self._compiler.registry.load("callback", name, "a key's metadata")
        except PluginError as error:
            raise ValueError(str(error).splitlines()[0]) from None
        model: type[BaseModel] | None = registered.settings
        try:
            made = registered.factory(dict(values) if model is None else model.model_validate(dict(values)))
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
            raise ValueError(f"wrong settings: {wrong}") from None
        except Exception as error:
            raise ValueError(f"it cannot be set up ({type(error).__name__})") from None
        if not isinstance(made, Callback):
            raise ValueError("it is no callback")
        return made
