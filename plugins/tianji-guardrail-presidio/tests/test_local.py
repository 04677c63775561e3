"""The engine in this process."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time

import pytest
import spacy
from pii_measured import SETTINGS, made, masked
from pydantic import ValidationError
from test_presidio import CARD, MAIL, check, said

from tianji_core.api.guardrail import Block, Guardrail, Payload
from tianji_core.api.settings import NO_LOCAL_FILES
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_core.transport.json_service import ServiceError
from tianji_guardrail_presidio import Presidio, PresidioSettings


def local(**settings):
    return Presidio(PresidioSettings(guardrail="presidio", presidio_local=True, **settings))


@pytest.mark.timeout(240)  # for as much time as a huge text may take
class TestMasksHere(GuardrailConformance):
    benign, attacks, objection = ("Good morning", "Ask me anything"), (MAIL,), "rewrite"
    huge_seconds = 60.0  # Presidio's

    def guardrail(self) -> Guardrail:
        guardrail = local(
            mode=["pre_call", "post_call"],
            pii_entities_config={"EMAIL_ADDRESS": "MASK"},
            presidio_analyze_chunk_size_bytes=2000,
        )
        guardrail.stages = frozenset({"pre_call", "post_call"})  # beside the call it blocks
        return guardrail


def test_it_masks_and_blocks_by_entity():
    config = {"EMAIL_ADDRESS": "MASK", "CREDIT_CARD": "BLOCK"}
    assert said(check(local(pii_entities_config=config), f"Grüße 😀 an {MAIL}.")) == "Grüße 😀 an <EMAIL_ADDRESS>."
    verdict = check(local(pii_entities_config=config), f"{MAIL} and {CARD}")
    assert isinstance(verdict, Block)
    assert verdict.detail == {"entities": ["CREDIT_CARD"]}


def test_words_around_make_surer():
    settings = {"pii_entities_config": {"US_PASSPORT": "MASK"}, "presidio_score_thresholds": {"ALL": 0.4}}
    settings["presidio_more_recognizers"] = False
    assert said(check(local(**settings), "my travel document: 987654321")) == "my travel document: <US_PASSPORT>"
    assert not hasattr(check(local(**settings), "parcel 987654321"), "body")


def test_what_was_masked_is_put_back():
    memory = {}
    settings = {"output_parse_pii": True, "pii_entities_config": {"EMAIL_ADDRESS": "MASK"}}
    assert said(check(local(**settings), f"{MAIL}!", memory=memory)) == "<EMAIL_ADDRESS_1>!"
    told = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi <EMAIL_ADDRESS_1>"}}]}
    assert said(check(local(**settings), "x", told, stage="post_call", memory=memory)) == f"Hi {MAIL}"


def test_recognizers_of_ones_own(tmp_path):
    path = tmp_path / "recognizers.json"
    recognizer = {"name": "Ticket", "supported_entity": "TICKET", "supported_language": "en"}
    path.write_text(json.dumps([recognizer | {"patterns": [{"name": "t", "regex": "T-[0-9]{4}", "score": 0.9}]}]))
    settings = {"presidio_ad_hoc_recognizers": str(path), "pii_entities_config": {"TICKET": "MASK"}}
    assert said(check(local(**settings), "see T-1234")) == "see <TICKET>"
    assert said(check(local(**settings), "see T-1234", language="de")) == "see <TICKET>"
    with pytest.raises(ValueError, match="nothing finds TICKET"):
        local(presidio_language="de", **settings)
    path.write_text(json.dumps([recognizer | {"patterns": [{"name": "t", "regex": "(", "score": 0.9}]}]))
    with pytest.raises(ValueError, match="a recognizer that Presidio cannot read"):
        local(**settings)


def test_languages():
    config = {"ES_NIF": "MASK", "EMAIL_ADDRESS": "MASK"}
    stock = {"pii_entities_config": config, "presidio_more_recognizers": False}
    with pytest.raises(ValueError, match="nothing finds ES_NIF"):
        local(**stock)  # Presidio has it for Spanish
    assert said(check(local(presidio_language="es", **stock), "DNI 12345678Z")) == "DNI <ES_NIF>"
    assert said(check(local(pii_entities_config=config), f"{MAIL} 12345678Z", language="es")) == (
        "<EMAIL_ADDRESS> <ES_NIF>"
    )
    with pytest.raises(ServiceError):
        check(local(), MAIL, language="xx")


def test_what_a_client_asks_for_and_nobody_knows_is_no_trouble():
    guardrail = local(pii_entities_config={"EMAIL_ADDRESS": "MASK"})
    assert said(check(guardrail, f"{MAIL} {CARD}", entities=["CREDIT_CARD", "SHOE_SIZE"])) == (
        "<EMAIL_ADDRESS> <CREDIT_CARD>"
    )


def test_a_model_finds_names(tmp_path):
    model = spacy.blank("en")
    model.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ann Lee"}])
    model.to_disk(tmp_path / "model")
    settings = {"presidio_spacy_model": str(tmp_path / "model"), "pii_entities_config": {"PERSON": "MASK"}}
    assert said(check(local(**settings), "This is Ann Lee.")) == "This is <PERSON>."
    assert not hasattr(check(local(**settings), "This is nobody.", language="de"), "body")
    with pytest.raises(ValueError, match="nothing finds PERSON"):
        local(pii_entities_config={"PERSON": "MASK"})
    with pytest.raises(ValueError, match="cannot be loaded"):
        local(presidio_spacy_model=str(tmp_path))


def test_quotes_stay_where_they_are():
    text = json.dumps({"page": "https://example.com/ann", "mail": MAIL})
    [(new, _)] = masked(made(**SETTINGS), [text])
    assert json.loads(new) == {"page": "<URL_1>", "mail": "<EMAIL_ADDRESS_1>"}


def test_it_stays_off_the_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert said(check(local(presidio_more_recognizers=False), "ann@example.com")) == "<EMAIL_ADDRESS>"


def test_other_calls_go_on_meanwhile():
    body = {"messages": [{"role": "user", "content": f"call +49 30 123456 or {MAIL} " * 400}]}
    guardrail, ticks = local(), 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main():
        ticking = asyncio.create_task(tick())
        await guardrail.check("pre_call", Payload(SampleCall(body=body), body))
        ticking.cancel()
        await guardrail.aclose()

    asyncio.run(main())
    assert ticks > 20  # there would be as many as the text has parts


def test_its_threads_end_with_it():
    check(local(), MAIL)
    deadline = time.monotonic() + 5
    while any(each.name.startswith("presidio") for each in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_settings_that_cannot_be(monkeypatch, tmp_path):
    def refused(**settings):
        with pytest.raises(ValidationError) as caught:
            PresidioSettings(guardrail="presidio", **settings)
        return str(caught.value)

    assert "exclude each other" in refused(presidio_local=True, presidio_analyzer_api_base="http://a")
    assert "needs presidio_local" in refused(presidio_analyzer_api_base="http://a", presidio_spacy_model="m")
    for model in ("en_core_web_none", "no model", "a.b"):
        assert "neither installed nor a folder" in refused(presidio_local=True, presidio_spacy_model=model)
    monkeypatch.setattr("tianji_guardrail_presidio.settings.find_spec", lambda _: None)
    assert "pip install tianji-guardrail-presidio[local]" in refused(presidio_local=True)
    for name in ("presidio_spacy_model", "presidio_ad_hoc_recognizers"):
        with pytest.raises(ValidationError, match="only the config file"):
            PresidioSettings.model_validate({"guardrail": "presidio", name: str(tmp_path)}, context=NO_LOCAL_FILES)


def test_the_environment_names_a_service_that_the_config_does_not_want():
    settings = PresidioSettings(
        guardrail="presidio", presidio_local=True, environ={"PRESIDIO_ANALYZER_API_BASE": "http://127.0.0.1:1"}
    )
    assert said(check(Presidio(settings), MAIL)) == "<EMAIL_ADDRESS>"
