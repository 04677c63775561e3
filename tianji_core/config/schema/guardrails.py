"""`guardrails`: checks before, beside and after a call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Final

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, Remark, key
from tianji_core.config.schema.types import AnyMap, Before, Flag, Kind, Text, wrong

STAGES: Final = (
    "pre_call",
    "during_call",
    "post_call",
    "logging_only",
    "pre_mcp_call",
    "during_mcp_call",
    "post_mcp_call",
    "realtime_input_transcription",
)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in (*(value.get("tags") or {}).values(), value.get("default")):
            yield from _flat(item)
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _stages(value: Any) -> Any:
    """A list of stages. A mode by request tag becomes every stage it names: stricter than asked, never laxer."""
    if isinstance(value, dict) and not isinstance(value.get("tags") or {}, dict):
        raise wrong("a stage or a list of stages")
    stages = list(dict.fromkeys(_flat(value)))
    if not stages or not all(isinstance(stage, str) and stage in STAGES for stage in stages):
        raise wrong(f"one or more of {', '.join(STAGES)}")
    return stages


class GuardrailParams(Block):
    """Which guardrail, and when. What is not listed here is the guardrail's own."""

    unknown = "warn-if-close"
    rare = known.GUARDRAIL_PARAMS

    guardrail: Text = key(..., "Name of the guardrail plugin, or `module.Class` beside the config.")
    mode: Annotated[list[str], Before(_stages), Kind("stage or list of stages")] = key(
        ["pre_call"], "When it runs: pre_call, during_call, post_call, logging_only, …."
    )
    default_on: Flag = key(False, "Run on every request, not only where asked for.")

    @classmethod
    def remarks(cls, data: dict[str, Any]) -> Iterator[Remark]:
        if isinstance(data.get("mode"), dict):
            hint = "The guardrail runs in every stage named here, whatever the tags."
            yield Remark("mode", "not-honoured", "a mode by request tag is known, not honoured yet", hint)

    @cached_property
    def extra(self) -> dict[str, Any]:
        """The guardrail's own settings."""
        return {name: value for name, value in (self.model_extra or {}).items() if not self.is_rare(name)}


class Guardrail(Block):
    """One guardrail. A name may stand for several; all of them run."""

    guardrail_name: Text = key(..., "What requests and keys call it.")
    litellm_params: GuardrailParams = key(..., "Which guardrail, and when.", kind="block")
    guardrail_info: AnyMap = key({}, "Shown by /guardrails/list.", usage="B")
