from __future__ import annotations

import asyncio
import json

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite, Unreachable
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_core.transport.json_service import ServiceError
from tianji_guardrail_presidio import Presidio, PresidioSettings

MAIL = "ann.lee@example.com"
CARD = "4012888888881881"


@pytest.fixture(autouse=True)
def calm(service):
    service.calm()


def made(service, **settings):
    settings.setdefault("presidio_analyzer_api_base", service.url)
    return Presidio(PresidioSettings(guardrail="presidio", **settings))


def check(guardrail, text, response=None, stage="pre_call", memory=None, **options):
    body = {"messages": [{"role": "user", "content": text}]}
    payload = Payload(SampleCall(body=body), body, response, options, {} if memory is None else memory)

    async def main():
        try:
            return await guardrail.check(stage, payload)
        finally:
            await guardrail.aclose()

    return asyncio.run(main())


def said(verdict):
    body = verdict.body
    return (body["choices"][0]["message"] if "choices" in body else body["messages"][0])["content"]


def answer(text):
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


@pytest.mark.timeout(240)  # for as much time as a huge text may take
class TestMasks(GuardrailConformance):
    benign, attacks, objection = ("Good morning", "Ask me anything"), (MAIL,), "rewrite"
    huge_seconds = 60.0  # most of it is the analyzer's

    @pytest.fixture(autouse=True)
    def _service(self, service):
        type(self).url = service.url

    def guardrail(self) -> Guardrail:
        settings = PresidioSettings(
            guardrail="presidio",
            presidio_analyzer_api_base=self.url,
            pii_entities_config={"EMAIL_ADDRESS": "MASK"},
            presidio_analyze_chunk_size_bytes=5000,
            request_timeout=60.0,
        )
        guardrail = Presidio(settings)
        guardrail.stages = frozenset({"pre_call"})  # the other stages are tried without a service
        return guardrail


def test_what_is_found_is_masked_by_its_name(service):
    text = f"Grüße 😀 an {MAIL}, Karte {CARD}."
    verdict = check(made(service, pii_entities_config={"EMAIL_ADDRESS": "MASK", "CREDIT_CARD": "MASK"}), text)
    assert said(verdict) == "Grüße 😀 an <EMAIL_ADDRESS>, Karte <CREDIT_CARD>."
    assert dict(verdict.found) == {"EMAIL_ADDRESS": 1, "CREDIT_CARD": 1}
    assert service.requests[0].body["entities"] == ["EMAIL_ADDRESS", "CREDIT_CARD"]
    assert service.requests[0].body["language"] == "en"


def test_what_blocks(service):
    guardrail = made(service, pii_entities_config={"EMAIL_ADDRESS": "MASK", "CREDIT_CARD": "BLOCK"})
    verdict = check(guardrail, f"{MAIL} and {CARD}")
    assert isinstance(verdict, Block)
    assert verdict.reason.startswith("Blocked entity detected: CREDIT_CARD by Guardrail: presidio")
    assert verdict.detail == {"entities": ["CREDIT_CARD"]}
    assert CARD not in repr(verdict)
    assert isinstance(check(made(service), MAIL, stage="during_call"), Block)


def test_thresholds_and_entities_that_do_not_count(service):
    assert check(made(service, presidio_entities_deny_list=["EMAIL_ADDRESS", "URL"]), MAIL) == ALLOW
    only = {"EMAIL_ADDRESS": "MASK"}
    assert check(made(service, pii_entities_config=only, presidio_score_thresholds={"ALL": 1.0}), MAIL) != ALLOW
    service.answer = json.dumps([{"start": 0, "end": 3, "entity_type": "EMAIL_ADDRESS", "score": 0.4}]).encode()
    assert check(made(service, presidio_score_thresholds={"EMAIL_ADDRESS": 0.5}), MAIL) == ALLOW
    assert check(made(service, presidio_score_thresholds={"EMAIL_ADDRESS": 0.3, "ALL": 0.9}), MAIL) != ALLOW


def test_what_was_masked_is_put_back(service):
    memory = {}
    settings = {"output_parse_pii": True, "mode": "pre_call", "pii_entities_config": {"EMAIL_ADDRESS": "MASK"}}
    guardrail = made(service, **settings)
    assert guardrail.runs_at(frozenset({"pre_call"})) == {"pre_call", "post_call"}
    verdict = check(guardrail, f"{MAIL}, bob@example.com, {MAIL}", memory=memory)
    assert said(verdict) == "<EMAIL_ADDRESS_1>, <EMAIL_ADDRESS_2>, <EMAIL_ADDRESS_1>"
    asked = len(service.requests)
    back = check(made(service, **settings), "x", answer("Hi <EMAIL_ADDRESS_2>!"), stage="post_call", memory=memory)
    assert said(back) == "Hi bob@example.com!"
    assert len(service.requests) == asked


def test_tags_that_somebody_wrote_stand_for_nothing(service):
    memory = {}
    settings = {"output_parse_pii": True, "mode": "pre_call", "pii_entities_config": {"EMAIL_ADDRESS": "MASK"}}
    verdict = check(made(service, **settings), f"<EMAIL_ADDRESS_1> is not {MAIL}", memory=memory)
    assert said(verdict) == "<EMAIL_ADDRESS_1> is not <EMAIL_ADDRESS_2>"
    told = answer("<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>")
    assert said(check(made(service, **settings), "x", told, stage="post_call", memory=memory)) == (
        f"<EMAIL_ADDRESS_1> {MAIL}"
    )


def test_a_clients_language_is_looked_at_as_well(service):
    guardrail = made(service, pii_entities_config={"EMAIL_ADDRESS": "MASK"})
    assert said(check(guardrail, MAIL, language="xx")) == "<EMAIL_ADDRESS>"
    assert [asked.body["language"] for asked in service.requests] == ["en", "xx"]


def test_when_it_has_anything_to_do(service):
    payload = Payload(SampleCall(), {})
    assert not made(service, mode="pre_call", output_parse_pii=True).needs("post_call", payload)
    assert not made(service, mode=["pre_call", "post_call"], presidio_filter_scope="input").needs("post_call", payload)
    assert not made(service, mode="pre_call", presidio_run_on="output").needs("pre_call", payload)
    assert made(service, mode="post_call").needs("post_call", payload)
    assert isinstance(check(made(service, mode="post_call"), "x", answer(MAIL), stage="post_call"), Rewrite)


def test_long_texts_are_cut_and_put_together(service):
    text = "calm words " * 400 + MAIL + " calm words" * 400
    config = {"EMAIL_ADDRESS": "MASK"}
    for longest in (1000, 1500, 4410, 4420, 100_000):
        guardrail = made(service, presidio_analyze_chunk_size_bytes=longest, pii_entities_config=config)
        assert said(check(guardrail, text)) == text.replace(MAIL, "<EMAIL_ADDRESS>")


def test_a_client_may_ask_for_more_only(service):
    guardrail = made(service, pii_entities_config={"EMAIL_ADDRESS": "MASK"})
    verdict = check(guardrail, f"{MAIL} {CARD}", language="en", entities=["CREDIT_CARD"])
    assert said(verdict) == "<EMAIL_ADDRESS> <CREDIT_CARD>"


def test_recognizers_of_ones_own(service, tmp_path):
    path = tmp_path / "recognizers.json"
    recognizer = {
        "name": "Ticket", "supported_language": "en", "supported_entity": "TICKET",
        "patterns": [{"name": "t", "regex": "T-[0-9]{4}", "score": 0.9}],
    }  # fmt: skip
    path.write_text(json.dumps([recognizer]))
    assert said(check(made(service, presidio_ad_hoc_recognizers=str(path)), "see T-1234")) == "see <TICKET>"
    for text in ("{}", "[1]", "no"):
        path.write_text(text)
        with pytest.raises(ValidationError, match="presidio_ad_hoc_recognizers"):
            made(service, presidio_ad_hoc_recognizers=str(path))


@pytest.mark.parametrize(
    "told",
    [
        b"", b"no", b"{}", b"[1]", b'[{"start": 0}]', b'[{"start": 5, "end": 9999, "entity_type": "X", "score": 1}]',
        b'[{"start": "a", "end": "b", "entity_type": "X", "score": 1}]',
    ],
)  # fmt: skip
def test_odd_answers_let_nothing_through(service, told):
    service.answer = told
    with pytest.raises(ServiceError):
        check(made(service), "Good morning")


def test_failures_let_nothing_through(service):
    service.status = 500
    with pytest.raises(ServiceError):
        check(made(service), "Good morning")
    with pytest.raises(Unreachable):
        check(made(service, presidio_analyzer_api_base="http://127.0.0.1:1"), "Good morning")


def test_settings():
    with pytest.raises(ValidationError, match="presidio_analyzer_api_base"):
        PresidioSettings(guardrail="presidio")
    with pytest.raises(ValidationError):
        PresidioSettings(guardrail="presidio", presidio_analyzer_api_base="http://a", pii_entities_config={"A": "HIDE"})
    environ = {"PRESIDIO_ANALYZER_API_BASE": "http://analyzer:3000"}
    assert PresidioSettings(guardrail="presidio", environ=environ).analyzer == "http://analyzer:3000"
