"""`guardrails`: checks before, beside and after a call."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import PrivateAttr, model_validator

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, key
from tianji_core.config.schema.types import AnyMap, Before, Flag, Kind, Seconds, Text, Whole, wrong

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


def _stages(value: Any) -> list[str]:
    stages = list(dict.fromkeys([value] if isinstance(value, str) else value if isinstance(value, list) else ()))
    if not stages or not all(isinstance(stage, str) and stage in STAGES for stage in stages):
        raise wrong(f"one or more of {', '.join(STAGES)}")
    return stages


def _mode(value: Any) -> Any:
    """A stage or a list of stages; or `{tags: {tag: stages}, default: stages}`."""
    if not isinstance(value, dict):
        return _stages(value)
    tags = value.get("tags") or {}
    if not isinstance(tags, dict) or value.keys() - {"tags", "default"}:
        raise wrong("stages, or `tags` with the stages of each, and a `default`")
    found: dict[str, Any] = {"tags": {str(tag): _stages(stages) for tag, stages in tags.items()}}
    if value.get("default") is not None:
        found["default"] = _stages(value["default"])
    return found


class GuardrailParams(Block):
    """Which guardrail, and when. What is not listed here is the guardrail's own."""

    unknown = "warn-if-close"
    rare = known.GUARDRAIL_PARAMS

    guardrail: Text = key(..., "Name of the guardrail plugin, or `module.Class` beside the config.")
    mode: Annotated[list[str] | dict[str, Any], Before(_mode), Kind("stage, list of stages, or stages by tag")] = key(
        ["pre_call"], "When it runs: pre_call, during_call, post_call, logging_only; or `{tags: {t: …}, default: …}`."
    )
    default_on: Flag = key(False, "Run on every request, not only where asked for.")
    timeout: Seconds = key(30.0, "Seconds for one check; then the guardrail counts as unreachable.", usage="B")
    unreachable_fallback: Literal["fail_closed", "fail_open"] = key(
        "fail_closed", "What becomes of calls while a service that it asks does not answer: refused, or let through.",
        usage="B",
    )  # fmt: skip
    fail_on_error: Flag = key(True, "Refuse calls where it fails in any way; false lets them through.", usage="B")
    streaming: Literal["buffer", "window", "end"] = key(
        "buffer", "How streams are judged: as a whole before any of it goes out, in parts, or at their end.",
        usage="ours",
    )  # fmt: skip
    stream_window: Whole = key(256, "Characters that are judged at once, with `streaming: window`.", usage="ours")
    stream_overlap: Whole = key(
        128, "Characters that are held until what follows is known: longer than anything looked for.", usage="ours"
    )
    stream_scope: Literal["both", "streaming", "non_streaming"] = key("both", "Which answers are judged.", usage="C")
    skip_system_message_in_guardrail: Flag = key(False, "Do not look at system messages.", usage="C")
    skip_tool_message_in_guardrail: Flag = key(False, "Do not look at what tools answered.", usage="C")
    scan_only_tool_results: Flag = key(False, "Look at what tools answered only.", usage="C")
    experimental_use_latest_role_message_only: Flag = key(
        False, "Of the messages, look at the last one of a user only.", usage="C"
    )
    violation_message_template: Text | None = key(
        None, "What callers read of a block; `{reason}` and `{guardrail_name}` are put in.", usage="C"
    )

    @property
    def stages(self) -> list[str]:
        """When it runs, for requests without a tag that says otherwise."""
        return self.mode if isinstance(self.mode, list) else self.mode.get("default", [])

    @property
    def tagged(self) -> dict[str, list[str]]:
        """When it runs for requests with these tags."""
        return {} if isinstance(self.mode, list) else self.mode["tags"]

    @model_validator(mode="after")
    def _overlaps(self) -> GuardrailParams:
        if self.stream_window < 1 or self.stream_overlap < 0:
            raise ValueError("stream_window has to be positive, stream_overlap not negative")
        return self

    @cached_property
    def extra(self) -> dict[str, Any]:
        """The guardrail's own settings."""
        return {name: value for name, value in (self.model_extra or {}).items() if not self.is_rare(name)}


class Guardrail(Block):
    """One guardrail. Several of one name that do the same take turns; otherwise all of them run."""

    guardrail_name: Text = key(..., "What requests and keys call it.")
    litellm_params: GuardrailParams = key(..., "Which guardrail, and when.", kind="block")
    guardrail_info: AnyMap = key({}, "Shown by /guardrails/list.", usage="B")

    _stored_id: str | None = PrivateAttr(default=None)
    _unreadable: str | None = PrivateAttr(default=None)

    @property
    def stored_id(self) -> str | None:
        """The id of a guardrail of the database; None of those in the config."""
        return self._stored_id

    @property
    def unreadable(self) -> str | None:
        """Why its settings could not be read from the database, if so."""
        return self._unreadable

    def of_store(self, ident: str, unreadable: str | None) -> Guardrail:
        """Remember that the row comes from the database."""
        self._stored_id, self._unreadable = ident, unreadable
        return self
