"""How a model samples, how much it may write, and how much it is to think.

Sources: Bedrock API reference, `InferenceConfiguration`; User Guide, "Inference request parameters" (what goes into
`additionalModelRequestFields` for which model); Nova User Guide, "Extended thinking".
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.anthropic.models import FALLBACK_MAX_TOKENS
from tianji_core.translate.anthropic.request import leave_sampling_out
from tianji_core.translate.anthropic.thinking import budget_of, is_thinking, thinking_members
from tianji_core.translate.shapes import as_object
from tianji_provider_bedrock.models import Traits


def inference_config(
    body: dict[str, Any], extra: dict[str, Any], traits: Traits, *, modify: bool, drop: bool
) -> dict[str, Any]:
    """`inferenceConfig`; what it has no place for goes into `extra`. `modify` leaves out what Claude refuses."""
    sampling = {name: body[name] for name in ("temperature", "top_p", "top_k") if body.get(name) is not None}
    if traits.claude is not None and not traits.claude.sampling:
        leave_sampling_out(sampling, drop=drop)
    if modify and traits.claude is not None:
        if is_thinking(extra.get("thinking")):
            sampling.pop("temperature", None)
            sampling.pop("top_k", None)
        if "temperature" in sampling and not traits.claude.both_sampling:
            sampling.pop("top_p", None)
    config: dict[str, Any] = {}
    if "temperature" in sampling:
        config["temperature"] = sampling["temperature"]
    if "top_p" in sampling:
        config["topP"] = sampling["top_p"]
    if (stops := _stop_sequences(body.get("stop"))) is not None:
        config["stopSequences"] = stops
    most = next((body[n] for n in ("max_completion_tokens", "max_tokens") if isinstance(body.get(n), int)), None)
    if most is None and (budget := budget_of(extra.get("thinking"))):
        most = budget + FALLBACK_MAX_TOKENS  # the budget is part of what the answer may have
    if most is not None:
        config["maxTokens"] = most
    if "top_k" in sampling:
        if traits.nova:
            extra["inferenceConfig"] = {**as_object(extra.get("inferenceConfig")), "topK": sampling["top_k"]}
        else:
            extra["top_k"] = sampling["top_k"]
    return config


def _stop_sequences(stop: Any) -> list[str] | None:
    if stop is None:
        return None
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):
        raise BadRequestError("stop must be a string or an array of strings.", param="stop")
    return stops


def add_reasoning(extra: dict[str, Any], body: dict[str, Any], traits: Traits) -> None:
    """Write what is asked about reasoning into `extra`, the model's own fields."""
    if traits.claude is not None:
        extra.update(thinking_members(body, traits.claude))
        return
    for name in ("thinking", "output_config"):
        if body.get(name) is not None:
            extra[name] = body[name]
    effort = body.get("reasoning_effort")
    effort = effort.get("effort") if isinstance(effort, dict) else effort
    if effort is None:
        return
    if not isinstance(effort, str):
        raise BadRequestError("reasoning_effort must be a word.", param="reasoning_effort")
    if traits.reasoning == "nova":
        off = effort in ("none", "disable", "disabled")
        level = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
        extra.setdefault(
            "reasoningConfig", {"type": "disabled"} if off else {"type": "enabled", "maxReasoningEffort": level}
        )
    elif traits.reasoning == "effort":
        extra["reasoning_effort"] = effort
    elif traits.reasoning == "nested_effort":
        extra["reasoning"] = {**as_object(extra.get("reasoning")), "effort": effort}
