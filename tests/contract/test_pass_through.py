"""Native pass-through: vendors' own APIs under their prefixes."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
BEARER = {"authorization": f"Bearer {KEY}"}
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def config(fake_upstream):
    fake_upstream.answer(Answer.chat("Hello!"))
    params = {"model": "openai/gpt-x", "api_base": fake_upstream.base, "api_key": "sk-vendor-0123456789"}
    return {
        "model_list": [{"model_name": "m", "litellm_params": params}],
        "general_settings": {"master_key": KEY},
    }


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/openai/chat/completions"])
def test_a_chat_goes_through(serving, config, fake_upstream, path):
    async def main():
        async with serving(config) as client:
            return await client.post(path, CHAT, headers=BEARER, query="a=1&b=%20x")

    answer = asyncio.run(main())
    assert answer.status == 200, answer.body
    seen = fake_upstream.requests[0]
    assert seen.target == "/v1/chat/completions?a=1&b=%20x"
    assert seen.json() == CHAT
    assert seen.headers["authorization"] == "Bearer sk-vendor-0123456789"
    assert KEY not in str(seen.headers)
