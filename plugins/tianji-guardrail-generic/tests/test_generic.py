from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite, Unreachable
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_core.transport.json_service import ServiceError
from tianji_guardrail_generic import GenericGuardrail, GenericSettings


@pytest.fixture(autouse=True)
def calm(service):
    service.calm()


def made(service, **settings):
    settings.setdefault("api_base", service.url)
    return GenericGuardrail(GenericSettings(guardrail="generic_guardrail_api", **settings))


def check(guardrail, text, response=None, **options):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}

    async def main():
        try:
            return await guardrail.check("pre_call", Payload(SampleCall(body=body), body, response, options))
        finally:
            await guardrail.aclose()

    return asyncio.run(main())


class TestBlocks(GuardrailConformance):
    benign, attacks = ("Good morning",), ("oh darn it",)

    @pytest.fixture(autouse=True)
    def _service(self, service):
        type(self).url = service.url

    def guardrail(self) -> Guardrail:
        return GenericGuardrail(GenericSettings(guardrail="generic_guardrail_api", api_base=self.url))


class TestRewrites(TestBlocks):
    attacks, objection = ("I am Ann",), "rewrite"


def test_what_is_asked(service):
    guardrail = made(
        service,
        api_key="secret",
        headers={"x-team": "a"},
        additional_provider_specific_params={"level": 1, "kind": "x"},
    )
    assert check(guardrail, "Hello", level=2) == ALLOW
    [(path, headers, body)] = service.requests
    assert path == "/beta/litellm_basic_guardrail_api"
    assert headers["x-api-key"] == "secret"
    assert headers["x-team"] == "a"
    assert body["texts"] == ["Hello"]
    assert body["input_type"] == "request"
    assert body["structured_messages"] == [{"role": "user", "content": "Hello"}]
    assert body["additional_provider_specific_params"] == {"level": 2, "kind": "x"}
    assert body["litellm_call_id"]
    assert set(body["request_data"]) >= {"user_api_key_hash", "user_api_key_team_id"}


def test_an_answer_is_asked_about_as_a_response(service):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    response = {"choices": [{"index": 0, "message": {"content": "I am Ann", "tool_calls": [call]}}]}
    verdict = check(made(service), "Hello", response)
    assert isinstance(verdict, Rewrite)
    assert verdict.body["choices"][0]["message"]["content"] == "I am <PERSON>"
    assert dict(verdict.found) == {"texts": 1}
    [(_, _, body)] = service.requests
    assert (body["input_type"], body["tool_calls"]) == ("response", [call])


def test_a_block_says_why(service):
    assert check(made(service), "darn") == Block("No swearing.")
    service.answer = {"action": "BLOCKED"}
    assert check(made(service), "x").reason


def test_other_pictures_are_refused(service):
    service.answer = {"action": "GUARDRAIL_INTERVENED", "texts": ["x"], "images": ["data:other"]}
    assert isinstance(check(made(service), "x"), Block)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"no json", b"[]", b"{}", {"action": "WHATEVER"}, {"action": "GUARDRAIL_INTERVENED"},
        {"action": "GUARDRAIL_INTERVENED", "texts": []}, {"action": "GUARDRAIL_INTERVENED", "texts": [1]},
    ],
)  # fmt: skip
def test_odd_answers_let_nothing_through(service, answer):
    service.answer = answer
    with pytest.raises(ServiceError):
        check(made(service), "Good morning")


@pytest.mark.parametrize(("status", "error"), [(403, ServiceError), (500, ServiceError), (503, Unreachable)])
def test_failures_let_nothing_through(service, status, error):
    service.status = status
    with pytest.raises(error):
        check(made(service), "Good morning")


def test_nobody_there(service):
    with pytest.raises(Unreachable):
        check(made(service, api_base="http://127.0.0.1:1"), "Good morning")


def test_settings():
    with pytest.raises(ValidationError, match="api_base"):
        GenericSettings(guardrail="x")
    environ = {"GENERIC_GUARDRAIL_API_BASE": "https://e", "GENERIC_GUARDRAIL_API_KEY": "k"}
    found = GenericSettings(guardrail="x", environ=environ)
    assert (found.base, found.fields) == ("https://e", {"x-api-key": "k"})
