"""The fields of our answers."""

from __future__ import annotations

import asyncio
import re

import pytest

from tianji_core.testing import Answer


def test_the_fields_of_a_success(serving, row, fake_upstream):
    fake_upstream.answer(
        Answer.chat().but(
            headers=(
                ("content-type", "application/json"),
                ("x-request-id", "req_1"),
                ("X-RateLimit-Remaining-Tokens", "99"),
                ("set-cookie", "a=b"),
                ("connection", "keep-alive"),
                ("strict-transport-security", "max-age=1"),
                ("x-long", "x" * 5000),
            )
        )
    )
    config = {"model_list": [row(fake_upstream, info={"id": "row-1"})]}

    async def main():
        async with serving(config) as client:
            return await client.chat()

    answer = asyncio.run(main())
    headers = answer.headers
    assert len(headers) == len(answer.fields), "a field stands there twice"
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-litellm-call-id"])
    assert headers["x-litellm-model-id"] == "row-1"
    assert headers["x-litellm-model-name"] == "up-1"
    assert headers["x-litellm-model-api-base"] == fake_upstream.base
    assert headers["x-litellm-model-group"] == "m"
    assert headers["x-litellm-attempted-retries"] == "0"
    assert headers["x-litellm-attempted-fallbacks"] == "0"
    assert float(headers["x-litellm-response-duration-ms"]) > 0
    assert 0 <= float(headers["x-litellm-overhead-duration-ms"]) <= float(headers["x-litellm-response-duration-ms"])
    assert headers["x-litellm-version"]
    assert headers["llm_provider-x-request-id"] == "req_1"
    assert headers["llm_provider-x-ratelimit-remaining-tokens"] == "99"
    assert headers["x-ratelimit-remaining-tokens"] == "99"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == str(len(answer.body))
    for name in (
        "set-cookie",
        "connection",
        "strict-transport-security",
        "content-length",
        "transfer-encoding",
        "x-long",
    ):
        assert f"llm_provider-{name}" not in headers


def test_the_other_prefix(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())
    config = {"model_list": [row(fake_upstream)], "general_settings": {"response_header_prefix": "x-tianji-"}}

    async def main():
        async with serving(config) as client:
            return await client.chat(), await client.chat("nope"), await client.chat(stream=True)

    for answer in asyncio.run(main()):
        assert "x-tianji-call-id" in answer.headers
        assert not [name for name in answer.headers if name.startswith("x-litellm-")]


@pytest.mark.parametrize(
    "name",
    ["a\r\nx-evil: 1", "a\nb", "a\x00b", " a ", "\x0b\x0c\x1f\x7f", "ünï", "模型", "a" * 10_000, "\x85 ", "\ud7ff"],
)
def test_nothing_gets_into_the_fields_by_a_models_name(serving, row, fake_upstream, name):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream, "*", "openai_compatible/*")]}) as client:
            return await client.chat(name)

    answer = asyncio.run(main())
    assert answer.status == 200
    assert answer.json()["model"] == name
    assert fake_upstream.requests[0].json()["model"] == name
    assert "x-evil" not in answer.headers
    # h11's rule for what a field may hold: no control characters, no space at its ends.
    for _, value in answer.fields:
        assert re.fullmatch(rb"(?:[^\x00\s](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00\s])?)?", value), value


def test_a_vendors_fields_cannot_inject_either(serving, row, fake_upstream):
    fields = tuple((f"x-{i}", "v") for i in range(200))
    fake_upstream.answer(Answer.chat().but(headers=(("content-type", "application/json"), *fields)))

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert answer.status == 200
    assert len(answer.fields) < 100


def test_an_address_is_shown_without_its_secrets(serving, row, fake_upstream):
    address = fake_upstream.base.replace("http://", "http://user:hidden@")
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(address)], "router_settings": {"num_retries": 0}}) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert "hidden" not in str(answer.fields) + answer.body.decode()
