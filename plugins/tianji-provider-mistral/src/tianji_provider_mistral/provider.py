"""Mistral's API (https://docs.mistral.ai/api): near OpenAI's, strict about what it does not know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from tianji_core.api.files import FilesAPI
from tianji_core.api.provider import Body, Capabilities, Feature, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.finish import ended_by
from tianji_core.openai_compat.messages import plain_content
from tianji_provider_mistral.answers import mend_choice
from tianji_provider_mistral.messages import plain_messages

CHAT_PARAMS = frozenset(
    """
    frequency_penalty max_completion_tokens max_tokens n parallel_tool_calls prediction presence_penalty response_format
    seed stop temperature tool_choice tools top_p user
    """.split()  # noqa: SIM905 - easier on the eye than sixteen quoted words
)
PARAMS: Mapping[Operation, frozenset[str]] = {
    "chat": CHAT_PARAMS,
    "embeddings": frozenset({"encoding_format"}),
    "moderations": frozenset(),
    "transcriptions": frozenset({"language", "temperature", "timestamp_granularities"}),
}
ADJUSTABLE = re.compile(r"mistral-(small-(latest|2[6-9]|4)|medium-3[.-]5)")
"""Models that think as much as `reasoning_effort` says; magistral always thinks."""


class Mistral(OpenAICompatible):
    """Chat, embeddings, moderations, and transcriptions by Voxtral."""

    name = "mistral"
    default_base = "https://api.mistral.ai/v1"
    files_api: ClassVar[FilesAPI | None] = FilesAPI(frozenset({"batch", "fine-tune", "ocr"}))
    api_key_env: ClassVar[tuple[str, ...]] = ("MISTRAL_AZURE_API_KEY", "MISTRAL_API_KEY")
    api_base_env: ClassVar[tuple[str, ...]] = ("MISTRAL_AZURE_API_BASE", "MISTRAL_API_BASE")
    system_name = "system"
    renamed_params: ClassVar[Mapping[str, str]] = {"seed": "random_seed", "max_completion_tokens": "max_tokens"}
    patch_markers: ClassVar[tuple[bytes, ...]] = (
        b'"content":[',
        b'"content": [',
        b'"tool_calls"',
        b'"model_length"',
        b'"finish_reason":"error"',
        b'"finish_reason": "error"',
    )
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat",
        "embeddings",
        "moderations",
        "transcriptions",
        features=(
            "streaming",
            "tools",
            "parallel_tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "audio",
            "files",
            "reasoning",
            "seed",
            "n",
        ),
    )

    def __init__(self, settings: ProviderSettings) -> None:
        base = (settings.api_base or settings.env(*self.api_base_env) or "").rstrip("/")
        if base and "/v1/" not in f"{base}/":
            base += "/v1"
        super().__init__(settings.model_copy(update={"api_base": base}) if base else settings)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = PARAMS[operation]
        return supported | {"reasoning_effort"} if operation == "chat" and _thinks(model) else supported

    def features(self, model: str) -> frozenset[Feature]:
        return self.capabilities.features if _thinks(model) else self.capabilities.features - {"reasoning"}

    def adjust_body(self, request: ModelRequest) -> None:
        body = request.body
        if request.operation != "chat":
            return
        body["messages"] = plain_content(plain_messages(body["messages"]))
        body.pop("user", None)
        if not body.get("tools"):
            body.pop("tool_choice", None)
        elif body.get("tool_choice") == "required":
            body["tool_choice"] = "any"
        if "magistral" in request.model:
            effort = body.pop("reasoning_effort", None)
            if effort not in (None, "none"):
                body["prompt_mode"] = "reasoning"

    def patch_response(self, body: Body) -> None:
        for choice in body.get("choices") or ():
            mend_choice(choice, "message")
        for result in body.get("results") or ():
            categories = result.get("categories") if isinstance(result, dict) else None
            if isinstance(categories, dict):
                result.setdefault("flagged", any(categories.values()))

    def patch_chunk(self, chunk: Body) -> None:
        for choice in chunk.get("choices") or ():
            mend_choice(choice, "delta")
        if ended_by(chunk, "error"):
            chunk["error"] = {"message": "The model stopped with an error.", "type": "server_error"}


def _thinks(model: str) -> bool:
    return "magistral" in model or ADJUSTABLE.search(model) is not None
