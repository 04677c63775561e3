"""Guardrails as older configs of LiteLLM write them: names among the callbacks, and `litellm_settings.guardrails`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tianji_core.api.guardrail import Guardrail, Stage
from tianji_core.gateway.guardrails import ActiveGuardrail

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler, KeyPath

_CALLBACKS = {
    "detect_prompt_injection": "prompt_injection",
    "hide_secrets": "hide-secrets",
    "openai_moderations": "openai_moderation",
    "presidio": "presidio",
}
"""Names of callbacks that are guardrails: what they are called here."""
_OF_PRESIDIO = ("output_parse_pii", "presidio_ad_hoc_recognizers")
"""Settings of the callback `presidio` that stand in `litellm_settings` itself."""
_SAID = frozenset({"callbacks", "default_on", "logging_only", "callback_args"})


def is_guardrail(callback: str) -> bool:
    """Whether a name in `callbacks` stands for a guardrail."""
    return callback in _CALLBACKS


class OlderGuardrails:
    """Builds them; problems go to the compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._settings = compiler.config.litellm_settings

    def all(self) -> Iterator[ActiveGuardrail]:
        """Those among the callbacks, which are always on, and those of the old list."""
        for index, callback in enumerate(self._settings.callbacks):
            if is_guardrail(callback):
                logs = callback == "presidio" and self._settings.presidio_logging_only
                path = ("litellm_settings", "callbacks", index)
                yield from self._made(callback, callback, _stage(logs), True, {}, path)
        for index, entry in enumerate(self._settings.guardrails):
            for name, said in entry.items():
                yield from self._of_entry(name, said, ("litellm_settings", "guardrails", index, name))

    def _of_entry(self, name: str, said: Any, path: KeyPath) -> Iterator[ActiveGuardrail]:
        """One entry of the old list: `{pii: {callbacks: [presidio], default_on: true}}`."""
        if not isinstance(said, dict) or not _are_names(said.get("callbacks")):
            self._compiler.problem(path, "has to be a mapping with a list of `callbacks`")
            return
        for key in sorted(said.keys() - _SAID):
            self._compiler.problem((*path, key), "is known, not honoured yet", severity="warning", kind="not-honoured")
        args = said.get("callback_args") or {}
        for index, callback in enumerate(said["callbacks"]):
            at = (*path, "callbacks", index)
            if is_guardrail(callback):
                given = args.get(callback) if isinstance(args, dict) else None
                stage, on = _stage(said.get("logging_only") is True), said.get("default_on") is True
                yield from self._made(name, callback, stage, on, given or {}, at)
            else:
                known = ", ".join(sorted(_CALLBACKS))
                self._compiler.problem(at, f'no guardrail is called "{callback}" here', f"There are: {known}.")

    def _made(
        self, name: str, callback: str, stage: Stage, default_on: bool, given: Mapping[str, Any], path: KeyPath
    ) -> Iterator[ActiveGuardrail]:
        settings = self._settings
        plugin = _CALLBACKS[callback]
        values: dict[str, Any] = {"guardrail": callback, "mode": [stage], "default_on": default_on}
        inside: KeyPath = path
        if callback == "detect_prompt_injection" and settings.prompt_injection_params:
            values.update(settings.prompt_injection_params)
            inside = ("litellm_settings", "prompt_injection_params")
        if callback == "presidio":
            values.update((key, getattr(settings, key)) for key in _OF_PRESIDIO if key in settings.model_fields_set)
            inside = ("litellm_settings",)
        made = self._compiler.make("guardrail", plugin, {**values, **given}, path, inside=inside)
        if isinstance(made, Guardrail):
            yield ActiveGuardrail(name, made, made.runs_at(frozenset({stage})), default_on, plugin)


def _stage(logging_only: bool) -> Stage:
    return "logging_only" if logging_only else "pre_call"


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
