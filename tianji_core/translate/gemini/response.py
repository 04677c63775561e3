"""An answer of generateContent as a chat completion.

Source: `GenerateContentResponse` in the Gemini API reference; Vertex AI's is the same. What OpenAI's form has no place
for is told under the names that LiteLLM gave it (`vertex_ai_grounding_metadata` and its kin).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.errors import error_in, stream_error
from tianji_core.translate.gemini.grounding import searches, url_citations
from tianji_core.translate.gemini.logprobs import openai_logprobs
from tianji_core.translate.gemini.names import FunctionNames
from tianji_core.translate.gemini.parts import PartsReader, Pieces
from tianji_core.translate.gemini.speech import chat_audio
from tianji_core.translate.gemini.usage import openai_usage
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

FINISH_REASONS = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MALFORMED_FUNCTION_CALL": "stop",
    "MALFORMED_RESPONSE": "stop",
    "MISSING_THOUGHT_SIGNATURE": "stop",
    "TOO_MANY_TOOL_CALLS": "stop",
    "UNEXPECTED_TOOL_CALL": "stop",
    "MAX_TOKENS": "length",
    "BLOCKLIST": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "LANGUAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "NO_IMAGE": "content_filter",
    "OTHER": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "RECITATION": "content_filter",
    "SAFETY": "content_filter",
    "SPII": "content_filter",
}
NO_CLOCK = 0
"""`created` of every answer: a provider has no clock; the core puts its own there."""
METADATA = {
    "vertex_ai_grounding_metadata": "groundingMetadata",
    "vertex_ai_url_context_metadata": "urlContextMetadata",
    "vertex_ai_safety_results": "safetyRatings",
    "vertex_ai_citation_metadata": "citationMetadata",
}
"""Lists beside the choices, and the members of candidates that are in them."""


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What has to be known of a request to read its answer."""

    model: str = ""
    provider: str = ""
    turns: int = 0
    """Messages of the conversation: together with the answer's id they make the ids of its calls."""
    audio_format: str = ""
    names: FunctionNames = field(default_factory=FunctionNames)

    @classmethod
    def of(cls, body: Body, model: str, provider: str) -> ReplyContext:
        sound = as_text(as_object(body.get("audio")).get("format"))
        return cls(model, provider, len(as_list(body.get("messages"))), sound, FunctionNames.of(body))

    def broken(self, text: str) -> BadGatewayError:
        """The error for an answer that makes no sense."""
        return BadGatewayError(text, provider=self.provider or None)


def parse_answer(reply: bytes, context: ReplyContext) -> Body:
    """The chat completion in the body of a 2xx answer. Raises BadGatewayError, or the error told in it."""
    return gemini_to_chat(read_answer(reply, context), context, seed=hashlib.sha256(reply).hexdigest())


def read_answer(reply: bytes, context: ReplyContext) -> dict[str, Any]:
    """The object in the body of a 2xx answer. Raises as `parse_answer` does."""
    try:
        answer = orjson.loads(reply)
    except ValueError:
        raise context.broken("The provider's answer is not JSON.") from None
    if (error := error_in(answer)) is not None:
        raise stream_error(error, context.provider)
    if not isinstance(answer, dict):
        raise context.broken("The provider's answer is not a JSON object.")
    return answer


def gemini_to_chat(answer: dict[str, Any], context: ReplyContext, seed: str) -> Body:
    """A whole answer as a chat completion; the ids of calls are made of `seed` if the answer has no id itself."""
    candidates = objects(answer.get("candidates"))
    blocked = blocking(answer)
    if not candidates and blocked is None:
        raise context.broken("The provider's answer holds no candidates.")
    answer_id = as_text(answer.get("responseId"))
    choices = [_choice(at, each, context, f"{answer_id or seed}/{context.turns}") for at, each in enumerate(candidates)]
    chat: Body = {
        "id": answer_id,
        "object": "chat.completion",
        "created": NO_CLOCK,
        "model": as_text(answer.get("modelVersion")) or context.model,
        "choices": choices or [blocked],
    }
    grounded = sum(searches(each.get("groundingMetadata")) for each in candidates)
    if (usage := openai_usage(answer.get("usageMetadata"), searches=grounded)) is not None:
        chat["usage"] = usage
    chat.update((name, [each[of] for each in candidates if each.get(of)]) for name, of in METADATA.items())
    return chat


def finish_reason(native: Any, *, called: bool) -> str:
    """OpenAI's word. Google says `STOP` also where functions are called."""
    reason = FINISH_REASONS.get(as_text(native), "stop")
    return "tool_calls" if called and reason == "stop" else reason


def finish_fields(candidate: dict[str, Any]) -> dict[str, Any]:
    """The choice's `provider_specific_fields`: Google's own reason, and its words for it."""
    fields = {"native_finish_reason": candidate.get("finishReason")}
    if message := as_text(candidate.get("finishMessage")):
        fields["finish_message"] = message
    return fields


def blocking(answer: dict[str, Any]) -> Body | None:
    """The choice of an answer to a prompt that the filter refused; None if it did not."""
    feedback = as_object(answer.get("promptFeedback"))
    reason = as_text(feedback.get("blockReason"))
    if not reason:
        return None
    fields = {"native_finish_reason": reason, "prompt_feedback": feedback}
    return {
        "index": 0,
        "message": {"role": "assistant", "content": None},
        "finish_reason": "content_filter",
        "provider_specific_fields": fields,
    }


def _choice(at: int, candidate: dict[str, Any], context: ReplyContext, seed: str) -> Body:
    content = as_object(candidate.get("content"))
    pieces = PartsReader(f"{seed}/{at}", context.names).read(content.get("parts"))
    choice: Body = {
        "index": at,
        "message": _message(pieces, candidate, context, has_parts="parts" in content),
        "finish_reason": finish_reason(candidate.get("finishReason"), called=bool(pieces.calls)),
        "provider_specific_fields": finish_fields(candidate),
    }
    if (logprobs := openai_logprobs(candidate.get("logprobsResult"))) is not None:
        choice["logprobs"] = logprobs
    return choice


def _message(pieces: Pieces, candidate: dict[str, Any], context: ReplyContext, *, has_parts: bool) -> Body:
    message: Body = {"role": "assistant", "content": "".join(pieces.texts) or None}
    if pieces.thoughts:
        message["reasoning_content"] = "".join(pieces.thoughts)
    if pieces.calls:
        message["tool_calls"] = pieces.calls
    if has_parts:  # lists that LiteLLM's clients expect to be there
        message["images"] = pieces.images
        message["thinking_blocks"] = [{"type": "thinking", "thinking": text} for text in pieces.thoughts]
    if pieces.audio:
        message["audio"] = chat_audio(pieces.audio, context.audio_format)
    if found := url_citations(candidate.get("groundingMetadata"), pieces.texts):
        message["annotations"] = found
    if fields := pieces.fields():
        message["provider_specific_fields"] = fields
    return message
