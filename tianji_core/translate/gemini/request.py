"""A chat-completions body as a body of generateContent.

Source: the "Generating content" page of the Gemini API reference, and the method of the same name of Vertex AI. What is
not named here is passed on as it came.
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.gemini.config import generation_config
from tianji_core.translate.gemini.contents import EMPTY_PROMPT, chat_to_contents
from tianji_core.translate.gemini.members import passed_on
from tianji_core.translate.gemini.models import Traits
from tianji_core.translate.gemini.names import FunctionNames
from tianji_core.translate.gemini.tools import tool_members

TRANSLATED = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "toolConfig",
        "tool_choice",
        "tool_config",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "web_search_options",
    }
)
"""Members with a translation of their own."""
TIERS = {"auto": "priority", "default": "standard"}
"""OpenAI's words for service tiers; `flex` and `priority` are Google's too."""


def chat_to_gemini(body: dict[str, Any], traits: Traits, *, modify: bool = False, drop: bool = False) -> dict[str, Any]:
    """Google's request for a chat body, which is left as it is.

    Raises BadRequestError or one of its kinds for what cannot be said to Google. `modify` allows mending what it would
    refuse, `drop` leaving out parameters that it has no word for.
    """
    names = FunctionNames.of(body)
    conversation = chat_to_contents(body["messages"], traits, names)
    contents = conversation.contents
    if modify and contents[0]["role"] == "model":
        contents = [{"role": "user", "parts": [{"text": EMPTY_PROMPT}]}, *contents]
    request: dict[str, Any] = {"contents": contents}
    if conversation.system:
        request["systemInstruction"] = {"parts": conversation.system}
    request.update(tool_members(body, names, drop=drop))
    if config := generation_config(body, traits):
        request["generationConfig"] = config
    tier = body.get("service_tier")
    if isinstance(tier, str):
        request["serviceTier"] = TIERS.get(tier, tier)
    request.update(passed_on(body, TRANSLATED))
    return request
