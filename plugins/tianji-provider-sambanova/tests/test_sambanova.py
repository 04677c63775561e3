"""What SambaNova does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

from tianji_core.api.errors import NotFoundError, RateLimitError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_sambanova import SambaNova


def sambanova() -> SambaNova:
    return SambaNova(ProviderSettings(api_key="k"))


def sent(**members: Any) -> Body:
    built = sambanova().build_request(ModelRequest("chat", "m", {"model": "m", "messages": [], **members}))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def test_messages() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "terse."}]},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]},
        {"role": "assistant", "content": "A cat.", "reasoning_content": "Whiskers."},
    ]
    assert sent(messages=messages)["messages"] == [
        {"role": "system", "content": "Be terse."},
        messages[1],
        {"role": "assistant", "content": "A cat.", "reasoning": "Whiskers."},
    ]


def test_what_models_take() -> None:
    plain = sambanova().supported_params("Meta-Llama-3.3-70B-Instruct", "chat")
    thinking = sambanova().supported_params("gpt-oss-120b", "chat")
    assert plain is not None
    assert thinking is not None
    assert thinking - plain == {"reasoning_effort"}
    assert not thinking & {"frequency_penalty", "presence_penalty", "service_tier"}
    assert sambanova().supported_params("E5-Mistral-7B-Instruct", "embeddings") == {"encoding_format", "user"}
    assert sambanova().supported_params("Whisper-Large-v3", "transcriptions") == {
        "language",
        "prompt",
        "response_format",
    }


def test_older_models_think_in_the_text() -> None:
    choice = {"message": {"role": "assistant", "content": "<think>\na\n</think>\n\nb"}, "finish_reason": "stop"}
    reply = UpstreamReply(200, Headers(), json.dumps({"choices": [choice]}).encode())
    body = sambanova().parse_response(ModelRequest("chat", "DeepSeek-R1", {}), reply)
    assert isinstance(body, dict)
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "b", "reasoning_content": "a"}


def test_plain_text_errors() -> None:
    assert isinstance(sambanova().parse_error(429, Headers(), b"Rate limit exceeded"), RateLimitError)
    error = sambanova().parse_error(404, Headers(), b"404 page not found\n")
    assert isinstance(error, NotFoundError)
    assert error.message == "404 page not found"
