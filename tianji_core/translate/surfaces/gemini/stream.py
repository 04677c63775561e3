"""Chat chunks as the events of streamGenerateContent.

Every event is a whole answer that holds only what is new. Function calls come whole. Finish reasons and counts come
with the last event, and only once the vendor's own stream is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.chunks import merge_thinking
from tianji_core.translate.gemini.response import METADATA
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.surfaces.gemini import response as shapes
from tianji_core.translate.surfaces.gemini.config import shows_thoughts
from tianji_core.translate.surfaces.gemini.grounding import grounding_metadata
from tianji_core.translate.surfaces.gemini.usage import usage_metadata
from tianji_core.wire.sse import encode_event


@dataclass(slots=True)
class _Candidate:
    """What of one candidate waits for the last event, and what has to be remembered until then."""

    calls: dict[int, Body] = field(default_factory=dict)
    blocks: list[Body] = field(default_factory=list)
    thoughts: str = ""
    text: str = ""
    annotations: list[Body] = field(default_factory=list)
    fields: Body = field(default_factory=dict)
    signatures: list[Any] = field(default_factory=list)
    finish: Any = None
    refused: bool = False


class GeminiEvents:
    """Writes one stream."""

    number = 0

    def __init__(self, model: str, asked: Body) -> None:
        self._model = model
        self._shows = shows_thoughts(asked)
        self._id: Any = None
        self._candidates: dict[int, _Candidate] = {}
        self._metadata: Body = {}

    def write(self, chunk: Body) -> bytes:
        self._id = self._id or chunk.get("id")
        told = []
        for choice in objects(chunk.get("choices")):
            index = _number(choice.get("index"), 0)
            candidate = self._candidates.setdefault(index, _Candidate())
            parts = self._take(candidate, choice)
            logprobs = shapes.logprobs_result(choice.get("logprobs"))
            if parts or logprobs:
                content = {"role": "model", "parts": parts or [dict(shapes.EMPTY)]}
                told.append({"content": content, "index": index, **logprobs})
        for name, of in METADATA.items():
            if values := as_list(chunk.get(name)):
                self._metadata[of] = values[0]
        return self._event({"candidates": told}) if told else b""

    def end(self, usage: Mapping[str, Any] | None) -> bytes:
        candidates = self._candidates or {0: _Candidate()}
        counted = {"usageMetadata": usage_metadata(usage)}
        feedback = next(
            (c.fields["prompt_feedback"] for c in candidates.values() if "prompt_feedback" in c.fields), None
        )
        if feedback is not None:
            return self._event({"promptFeedback": feedback, **counted})
        told = [self._last(index, candidates[index]) for index in sorted(candidates)]
        if len(told) == 1:
            told[0].update(self._metadata)
        return self._event({"candidates": told, **counted})

    def _take(self, candidate: _Candidate, choice: Body) -> list[Body]:
        """What a choice tells at once; the rest waits."""
        delta = as_object(choice.get("delta"))
        candidate.finish = choice.get("finish_reason") or candidate.finish
        candidate.fields.update(as_object(choice.get("provider_specific_fields")))
        candidate.refused = candidate.refused or bool(delta.get("refusal"))
        candidate.annotations += objects(delta.get("annotations"))
        candidate.text += as_text(delta.get("content"))
        candidate.signatures += as_list(as_object(delta.get("provider_specific_fields")).get("thought_signatures"))
        merge_thinking(candidate.blocks, objects(delta.get("thinking_blocks")))
        for call in objects(delta.get("tool_calls")):
            _merge_call(candidate.calls, call)
        thoughts = shapes.thoughts_of(delta)
        parts = shapes.text_parts(delta)
        if thoughts and self._shows:
            return [{"text": thoughts, "thought": True}, *parts]
        candidate.thoughts += thoughts
        return parts

    def _last(self, index: int, candidate: _Candidate) -> Body:
        """The calls and the end of a candidate."""
        calls = [candidate.calls[at] for at in sorted(candidate.calls)]
        reasoning = shapes.kept_reasoning(candidate.blocks, candidate.thoughts) if calls else None
        parts = shapes.call_parts(calls, reasoning) or [dict(shapes.EMPTY)]
        shapes.sign_text(
            parts, {"provider_specific_fields": {"thought_signatures": candidate.signatures}, "tool_calls": calls}
        )
        fields = candidate.fields
        reason = shapes.reason_of(candidate.finish, fields.get("native_finish_reason"), refused=candidate.refused)
        told: Body = {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": index}
        if as_text(fields.get("finish_message")):
            told["finishMessage"] = fields["finish_message"]
        told.update(grounding_metadata(candidate.annotations, candidate.text))
        return told

    def _event(self, members: Body) -> bytes:
        return encode_event(orjson.dumps({**members, **shapes.head(self._model, self._id)}))


def _merge_call(calls: dict[int, Body], delta: Body) -> None:
    """Add what came of a call to what is there of it."""
    index = _number(delta.get("index"), max(len(calls) - 1, 0) if not delta.get("id") else len(calls))
    call = calls.setdefault(index, {"function": {"name": "", "arguments": ""}})
    call.update((name, delta[name]) for name in ("id", "provider_specific_fields") if delta.get(name))
    function = as_object(delta.get("function"))
    for name in ("name", "arguments"):
        call["function"][name] += as_text(function.get(name))


def _number(told: Any, otherwise: int) -> int:
    """A place in a list; some vendors do not tell it."""
    return told if isinstance(told, int) else otherwise
