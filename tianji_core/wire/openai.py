"""OpenAI's JSON shapes: the normal form of every call (OpenAI API reference: chat, completions, embeddings, errors)."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

CHAT_PARAMS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Optional parameters of `/v1/chat/completions`, which a vendor may lack."""

COMPLETIONS_PARAMS = frozenset(
    {
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "n",
        "presence_penalty",
        "seed",
        "stop",
        "stream_options",
        "suffix",
        "temperature",
        "top_p",
        "user",
    }
)
EMBEDDINGS_PARAMS = frozenset({"dimensions", "encoding_format", "user"})
RERANK_PARAMS = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields", "return_documents", "top_n"})
"""Of Cohere's rerank, the shape that everybody has taken over."""
IMAGES_PARAMS = frozenset(
    {
        "background",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "partial_images",
        "quality",
        "response_format",
        "size",
        "style",
        "user",
    }
)
IMAGE_EDITS_PARAMS = IMAGES_PARAMS - {"moderation", "style"} | {"input_fidelity", "mask"}
IMAGE_VARIATIONS_PARAMS = frozenset({"n", "response_format", "size", "user"})
SPEECH_PARAMS = frozenset({"instructions", "response_format", "speed", "stream_format", "voice"})
TRANSCRIPTIONS_PARAMS = frozenset(
    {
        "chunking_strategy",
        "include",
        "known_speaker_names",
        "known_speaker_references",
        "language",
        "prompt",
        "response_format",
        "temperature",
        "timestamp_granularities",
    }
)
TRANSLATIONS_PARAMS = frozenset({"prompt", "response_format", "temperature"})

PARAMS: dict[str, frozenset[str]] = {
    "chat": CHAT_PARAMS,
    "completions": COMPLETIONS_PARAMS,
    "embeddings": EMBEDDINGS_PARAMS,
    "rerank": RERANK_PARAMS,
    "moderations": frozenset(),
    "images": IMAGES_PARAMS,
    "image_edits": IMAGE_EDITS_PARAMS,
    "image_variations": IMAGE_VARIATIONS_PARAMS,
    "speech": SPEECH_PARAMS,
    "transcriptions": TRANSCRIPTIONS_PARAMS,
    "translations": TRANSLATIONS_PARAMS,
    "realtime": frozenset(),
}
"""By operation: what counts as an OpenAI parameter; any other member of a body is the vendor's own."""


class Usage(TypedDict):
    """Tokens of a call; the details are subsets of the totals."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: NotRequired[dict[str, int] | None]
    completion_tokens_details: NotRequired[dict[str, int] | None]


class FunctionCall(TypedDict):
    name: str
    arguments: str


class ToolCall(TypedDict):
    id: str
    type: str
    function: FunctionCall


class Message(TypedDict):
    """An assistant's message; `reasoning_content` and `thinking_blocks` carry a vendor's reasoning back to it."""

    role: str
    content: str | None
    tool_calls: NotRequired[list[ToolCall]]
    reasoning_content: NotRequired[str]
    thinking_blocks: NotRequired[list[dict[str, Any]]]
    provider_specific_fields: NotRequired[dict[str, Any]]


class Choice(TypedDict):
    index: int
    message: Message
    finish_reason: str | None
    logprobs: NotRequired[dict[str, Any] | None]


class ChatCompletion(TypedDict):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: NotRequired[Usage]


def error_body(
    message: str, kind: str, param: str | None, code: str | None, detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An error as OpenAI's clients expect it; the gateway's `code` is the HTTP status as text."""
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    if detail:
        error["provider_specific_fields"] = detail
    return {"error": error}
