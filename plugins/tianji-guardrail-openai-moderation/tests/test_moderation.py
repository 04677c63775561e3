from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Unreachable
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_core.transport.json_service import ServiceError
from tianji_guardrail_openai_moderation import OpenAIModeration, OpenAIModerationSettings

KEY = "sk-moderation-secret"


@pytest.fixture(autouse=True)
def calm(service):
    service.calm()


def made(service, **settings):
    settings.setdefault("api_base", f"{service.url}/v1")
    settings.setdefault("api_key", KEY)
    return OpenAIModeration(OpenAIModerationSettings(guardrail="openai_moderation", **settings))


def check(guardrail, *texts, stage="pre_call", **more):
    body = {"messages": [{"role": "user", "content": text} for text in texts], **more}

    async def main():
        try:
            return await guardrail.check(stage, Payload(SampleCall(body=body), body))
        finally:
            await guardrail.aclose()

    return asyncio.run(main())


class TestOpenAIModeration(GuardrailConformance):
    benign, attacks = ("Good morning", "Wie geht es?"), ("I hate you", "so much VIOLENCE")

    @pytest.fixture(autouse=True)
    def _service(self, service):
        type(self).url = f"{service.url}/v1"

    def guardrail(self) -> Guardrail:
        settings = OpenAIModerationSettings(guardrail="openai_moderation", api_base=self.url, api_key=KEY)
        return OpenAIModeration(settings)


def test_the_request_is_openais(service):
    assert check(made(service), "Good morning", "Good morning", "Bye") == ALLOW
    [(path, headers, body)] = service.requests
    assert path == "/v1/moderations"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {"model": "omni-moderation-latest", "input": ["Good morning", "Bye"]}


def test_a_block_in_the_references_words(service):
    verdict = check(made(service), "fine", "hate and violence")
    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated OpenAI moderation policy"
    assert verdict.detail["error"] == verdict.reason
    found = verdict.detail["moderation_result"]
    assert found["violated_categories"] == ["hate", "violence"]
    assert found["category_scores"] == {"hate": 0.9, "violence": 0.9}


def test_thresholds_go_over_what_is_flagged(service):
    assert check(made(service, category_thresholds={"sexual": 0.5}), "hate") == ALLOW
    assert isinstance(check(made(service, category_thresholds={"sexual": 0.005}), "calm"), Block)


def test_pictures_are_judged_by_models_that_can(service):
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x/violence.png"}}]
    body = {"messages": [{"role": "user", "content": parts}]}

    def judged(**settings):
        guardrail = made(service, **settings)

        async def main():
            try:
                return await guardrail.check("pre_call", Payload(SampleCall(body=body), body))
            finally:
                await guardrail.aclose()

        return asyncio.run(main())

    assert isinstance(judged(), Block)
    assert judged(model="text-moderation-latest") == ALLOW


def test_long_texts_and_many(service):
    long = "calm " * 10_000 + "hate"
    assert isinstance(check(made(service), long), Block)
    service.requests.clear()
    assert check(made(service), *(f"text {n}" for n in range(100))) == ALLOW
    assert sum(len(body["input"]) for _, _, body in service.requests) == 100
    assert max(len(body["input"]) for _, _, body in service.requests) <= 32
    assert all(len(text) <= 20_000 for _, _, body in service.requests for text in body["input"])


@pytest.mark.parametrize(
    "answer",
    [b"", b"no json", b"[]", b"{}", b'{"results": []}', b'{"results": [{"flagged": "no"}]}', b'{"results": [null]}'],
)
def test_odd_answers_let_nothing_through(service, answer):
    service.answer = answer
    with pytest.raises(ServiceError):
        check(made(service), "Good morning")


@pytest.mark.parametrize(("status", "error"), [(401, ServiceError), (500, ServiceError), (503, Unreachable)])
def test_failures_let_nothing_through(service, status, error):
    service.status = status
    with pytest.raises(error) as raised:
        check(made(service), "Good morning")
    assert KEY not in str(raised.value)


def test_nobody_there(service):
    with pytest.raises(Unreachable):
        check(made(service, api_base="http://127.0.0.1:1/v1"), "Good morning")


def test_a_model_of_the_gateway(service, judged):
    asked = []

    class Gateway:
        async def ask(self, call, operation, body):
            asked.append((operation, body))
            return {"results": [judged(text) for text in body["input"]]}

    guardrail = OpenAIModeration(OpenAIModerationSettings(guardrail="openai_moderation", model_name="mine"))
    guardrail.connect(Gateway())
    assert isinstance(check(guardrail, "hate"), Block)
    assert asked == [("moderations", {"model": "mine", "input": ["hate"]})]
    assert not service.requests


def test_settings():
    with pytest.raises(ValidationError, match="api_key"):
        OpenAIModerationSettings(guardrail="x")
    with pytest.raises(ValidationError, match="between 0 and 1"):
        OpenAIModerationSettings(guardrail="x", api_key="k", category_thresholds={"hate": 2})
    found = OpenAIModerationSettings(guardrail="x", environ={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://e/v1"})
    assert (found.key, found.base) == ("k", "https://e/v1")
