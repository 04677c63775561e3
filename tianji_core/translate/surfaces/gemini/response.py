"""A chat answer as one of generateContent.

Source: `GenerateContentResponse` in the Gemini API reference. What an answer of Google's own models kept of its first
form on its way through chat (signatures, parts, reasons) is put back.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.gemini.response import FINISH_REASONS, METADATA
from tianji_core.translate.gemini.speech import DEFAULT_RATE
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.surfaces.gemini.config import shows_thoughts
from tianji_core.translate.surfaces.gemini.grounding import grounding_metadata
from tianji_core.translate.surfaces.gemini.state import packed
from tianji_core.translate.surfaces.gemini.usage import usage_metadata
from tianji_core.translate.tool_ids import split_id

_REASONS = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
"""Google's words for finish reasons; all others are `STOP`, calls of functions too."""
EMPTY: Body = {"text": ""}
"""The part of an answer that says nothing: clients expect there to be one."""
PCM = f"audio/L16;codec=pcm;rate={DEFAULT_RATE}"
"""The media type of raw samples, as Google writes it."""


def chat_to_gemini_answer(chat: Body, asked: Body) -> Body:
    """The answer in Google's form; `asked` is the request."""
    shows = shows_thoughts(asked)
    choices = objects(chat.get("choices"))
    answer: Body = {}
    feedback = (
        as_object(as_object(choices[0].get("provider_specific_fields")).get("prompt_feedback")) if choices else {}
    )
    if feedback:  # the prompt was refused: there is no answer at all
        answer["promptFeedback"] = feedback
    else:
        answer["candidates"] = [_candidate(at, choice, shows) for at, choice in enumerate(choices)]
        _add_metadata(answer["candidates"], chat)
    answer["usageMetadata"] = usage_metadata(chat.get("usage"))
    answer.update(head(chat.get("model"), chat.get("id")))
    return answer


def head(model: Any, ident: Any) -> Body:
    """What every answer, and every event of a stream, says of itself."""
    found: Body = {"modelVersion": model}
    if ident:
        found["responseId"] = str(ident)
    return found


def reason_of(finish: Any, native: Any, *, refused: bool) -> str:
    """Google's finish reason. `native` is what a model of Google's own said."""
    if as_text(native) in FINISH_REASONS:
        return as_text(native)
    return "SAFETY" if refused else _REASONS.get(as_text(finish), "STOP")


def thoughts_of(message: Body) -> str:
    """A message's reasoning as text."""
    text = as_text(message.get("reasoning_content"))
    return text or "".join(as_text(block.get("thinking")) for block in objects(message.get("thinking_blocks")))


def kept_reasoning(blocks: list[Body], text: str) -> str | None:
    """The signature by which reasoning comes back to its vendor with a call; None if there is nothing to keep.

    Blocks are kept if the vendor has signed them. Text is for vendors that sign nothing and want it back all the same.
    """
    if any(block.get("signature") or block.get("data") for block in blocks):
        return packed({"thinking_blocks": blocks})
    return packed({"reasoning_content": text}) if text else None


def call_parts(calls: list[Body], reasoning: str | None) -> list[Body]:
    """The parts of function calls. Arguments that are no JSON object, which some models write, become an empty one."""
    parts = []
    for call in calls:
        function = as_object(call.get("function"))
        ident, signature = split_id(as_text(call.get("id")))
        try:
            arguments = orjson.loads(as_text(function.get("arguments")) or "{}")
        except ValueError:
            arguments = {}
        made: Body = {"name": as_text(function.get("name")), "args": as_object(arguments)}
        if ident:
            made["id"] = ident
        signature = signature or as_text(as_object(call.get("provider_specific_fields")).get("thought_signature"))
        part: Body = {"functionCall": made}
        if signature or reasoning:
            part["thoughtSignature"] = signature or reasoning
        reasoning = None  # the first call has it
        parts.append(part)
    return parts


def text_parts(message: Body) -> list[Body]:
    """What a message, or a delta of one, says and shows: all but thoughts and calls."""
    parts: list[Body] = list(objects(as_object(message.get("provider_specific_fields")).get("gemini_parts")))
    audio = as_object(message.get("audio"))
    text = message.get("content") or message.get("refusal") or audio.get("transcript")
    if isinstance(text, str) and text:
        parts.append({"text": text})
    for image in objects(message.get("images")):
        found = parse_data_uri(as_text(as_object(image.get("image_url")).get("url")))
        if found is not None:
            parts.append({"inlineData": {"mimeType": found.content_type, "data": found.base64}})
    if audio.get("data"):
        parts.append({"inlineData": {"mimeType": PCM, "data": audio["data"]}})
    return parts


def sign_text(parts: list[Body], message: Body) -> None:
    """Put the signature of a text of Google's own back on it."""
    signatures = [s for s in as_list(as_object(message.get("provider_specific_fields")).get("thought_signatures")) if s]
    of_calls = {split_id(as_text(call.get("id")))[1] for call in objects(message.get("tool_calls"))}
    signatures = [each for each in signatures if each not in of_calls]
    last = next((part for part in reversed(parts) if "text" in part), None)
    if signatures and last is not None:
        last["thoughtSignature"] = signatures[-1]


def logprobs_result(logprobs: Any) -> Body:
    """The members of a candidate that tell log probabilities; empty where there are none."""
    tokens = objects(as_object(logprobs).get("content"))
    if not tokens:
        return {}
    chosen = [_logprob(token) for token in tokens]
    likeliest = [{"candidates": [_logprob(each) for each in objects(token.get("top_logprobs"))]} for token in tokens]
    return {
        "avgLogprobs": sum(each["logProbability"] for each in chosen) / len(chosen),
        "logprobsResult": {"chosenCandidates": chosen, "topCandidates": likeliest},
    }


def _logprob(token: Body) -> Body:
    value = token.get("logprob")
    return {"token": as_text(token.get("token")), "logProbability": value if isinstance(value, int | float) else 0.0}


def _candidate(at: int, choice: Body, shows: bool) -> Body:
    message = as_object(choice.get("message"))
    parts = text_parts(message)
    sign_text(parts, message)
    thoughts, calls = thoughts_of(message), objects(message.get("tool_calls"))
    reasoning = kept_reasoning(objects(message.get("thinking_blocks")), "" if shows else thoughts) if calls else None
    if thoughts and shows:
        parts.insert(0, {"text": thoughts, "thought": True})
    parts += call_parts(calls, reasoning)
    fields = as_object(choice.get("provider_specific_fields"))
    candidate: Body = {
        "content": {"role": "model", "parts": parts or [dict(EMPTY)]},
        "finishReason": reason_of(
            choice.get("finish_reason"), fields.get("native_finish_reason"), refused=bool(message.get("refusal"))
        ),
        "index": choice.get("index", at),
    }
    if as_text(fields.get("finish_message")):
        candidate["finishMessage"] = fields["finish_message"]
    candidate.update(logprobs_result(choice.get("logprobs")))
    if annotations := objects(message.get("annotations")):
        candidate.update(grounding_metadata(annotations, as_text(message.get("content"))))
    return candidate


def _add_metadata(candidates: list[Body], chat: Body) -> None:
    """What chat answers of Google's own models tell beside the choices. Of several it is not known whose it is."""
    if len(candidates) == 1:
        found = ((of, as_list(chat.get(name))) for name, of in METADATA.items())
        candidates[0].update((of, values[0]) for of, values in found if values)
