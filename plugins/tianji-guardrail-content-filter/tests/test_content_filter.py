from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_guardrail_content_filter import ContentFilter, ContentFilterSettings
from tianji_guardrail_content_filter.categories import CATEGORIES
from tianji_guardrail_content_filter.prebuilt import PREBUILT

ALL = [{"pattern_type": "prebuilt", "pattern_name": name, "action": "MASK"} for name in PREBUILT]


def made(**settings):
    return ContentFilter(ContentFilterSettings(guardrail="litellm_content_filter", **settings))


def check(guardrail, text, stage="pre_call"):
    body = {"messages": [{"role": "user", "content": text}]}
    return asyncio.run(guardrail.check(stage, Payload(SampleCall(body=body), body)))


def masked(guardrail, text):
    verdict = check(guardrail, text)
    return text if verdict == ALLOW else verdict.body["messages"][0]["content"]


class TestBlocks(GuardrailConformance):
    benign, attacks = ("Good morning", "The bluebirds sing"), ("project BLUEBIRD is late", "ann@example.com")

    def guardrail(self) -> Guardrail:
        pattern = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "BLOCK"}
        return made(patterns=[pattern], blocked_words=[{"keyword": "bluebird", "action": "BLOCK"}])


class TestMasks(GuardrailConformance):
    benign, attacks, objection = ("Good morning",), ("ann@example.com", "is it 192.168.0.1?"), "rewrite"

    def guardrail(self) -> Guardrail:
        guardrail = made(patterns=ALL)
        guardrail.stages = frozenset({"pre_call", "post_call", "logging_only"})  # beside the call it blocks
        return guardrail


SAMPLES = {
    "email": (["ann.b+c@mail.example.co.uk"], ["ann@localhost", "@example.com"]),
    "us_phone": (["(212) 555-0142", "+1 212 555 0142", "212-555-0142"], ["12-34-56"]),
    "us_ssn": (["536-90-4399"], ["000-12-3456", "666-12-3456", "123-00-4567", "912-12-1234"]),
    "visa": (["4111 1111 1111 1111", "4111111111111111"], ["4111 1111 1111 1112"]),
    "mastercard": (["5555-5555-5555-4444"], ["5555-5555-5555-4445"]),
    "amex": (["3782 822463 10005"], ["3782 822463 10006"]),
    "discover": (["6011 1111 1111 1117"], ["6011 1111 1111 1118"]),
    "credit_card": (["4222222222222", "30569309025904"], ["1234567890123", "0000000000000000"]),
    "iban": (["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"], ["DE89 3704 0044 0532 0130 01"]),
    "ipv4": (["192.168.10.254"], ["1.2.3", "999.1.1.1"]),
    "ipv6": (["2001:0db8:85a3:0000:0000:8a2e:0370:7334", "fe80::1"], ["12:30"]),
    "mac_address": (["00:1B:44:11:3A:B7"], ["00:1B:44"]),
    "url": (["https://example.com/a?b=c"], ["example.com"]),
    "aws_access_key": (["AKIA" + "IOSFODNN7EXAMPLE"], ["AKIA1"]),
    "github_token": (["gh" + "p_" + "a1" * 18], ["ghp_short"]),
    "slack_token": (["xo" + "xb-1234567890-abcdef"], ["xoxo"]),
    "generic_api_key": (["sk-" + "a1B2" * 8], ["sk-learn"]),
    "passport_us": (["A12345678"], ["A1234"]),
}


@pytest.mark.parametrize("name", PREBUILT)
def test_prebuilt_patterns(name):
    guardrail = made(patterns=[{"pattern_type": "prebuilt", "pattern_name": name, "action": "MASK"}])
    good, bad = SAMPLES[name]
    for text in good:
        assert masked(guardrail, f"Ä: {text}, so") == f"Ä: [{name.upper()}_REDACTED], so"
    for text in bad:
        assert masked(guardrail, f"Ä: {text}, so") == f"Ä: {text}, so"


def test_a_pattern_of_ones_own():
    pattern = {"pattern_type": "regex", "name": "ticket", "pattern": r"\bT-\d{4}\b", "action": "MASK"}
    assert masked(made(patterns=[pattern]), "see T-1234 and T-99") == "see [TICKET_REDACTED] and T-99"
    blocked = check(made(patterns=[{**pattern, "action": "BLOCK"}]), "see T-1234")
    assert blocked.detail == {"error": "Content blocked: ticket pattern detected", "pattern": "ticket"}


def test_words_are_whole_and_of_any_case():
    words = [
        {"keyword": "Blue Bird", "action": "MASK"},
        {"keyword": "müll", "action": "MASK"},
        {"keyword": "c++", "action": "MASK"},
    ]
    guardrail = made(blocked_words=words)
    tag = "[KEYWORD_REDACTED]"
    assert masked(guardrail, "BLUE  bird, blue bird bluebird") == f"{tag}, {tag} bluebird"
    assert masked(guardrail, "Müll müllig MÜLL") == f"{tag} müllig {tag}"
    assert masked(guardrail, "I like C++!") == f"I like {tag}!"


def test_a_block_names_the_word_and_nothing_else():
    words = [{"keyword": "bluebird", "action": "BLOCK", "description": "A secret project"}]
    verdict = check(made(blocked_words=words), "my BlueBird secret")
    assert isinstance(verdict, Block)
    assert verdict.detail == {
        "error": "Content blocked: keyword 'bluebird' detected",
        "keyword": "bluebird",
        "description": "A secret project",
    }
    assert "secret" not in verdict.reason


def test_words_from_a_file(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text("blocked_words:\n  - keyword: wumpus\n    action: MASK\n  - grue\n")
    guardrail = made(blocked_words_file=str(path))
    assert masked(guardrail, "a wumpus") == "a [KEYWORD_REDACTED]"
    assert isinstance(check(guardrail, "a grue"), Block)
    for text in ("5", "[{}]", "a: [", "blocked_words: 5"):
        path.write_text(text)
        with pytest.raises(ValueError, match="blocked_words_file"):
            made(blocked_words_file=str(path))
    with pytest.raises(ValueError, match="FileNotFoundError"):
        made(blocked_words_file=str(tmp_path / "none"))


def test_categories_by_severity():
    low = made(categories=[{"category": "harmful_self_harm", "severity_threshold": "low"}])
    high = made(categories=[{"category": "harmful_self_harm"}], severity_threshold="high")
    assert isinstance(check(low, "about self-harm"), Block)
    assert check(high, "about self-harm") == ALLOW
    assert check(high, "how to commit suicide").detail["category"] == "harmful_self_harm"
    for name, phrases in CATEGORIES.items():
        found = made(categories=[{"category": name, "severity_threshold": "low"}])
        assert all(isinstance(check(found, text), Block) for texts in phrases.values() for text in texts)
        assert check(found, "Please summarise the minutes of the meeting.") == ALLOW


def test_beside_the_call_what_would_be_masked_blocks():
    guardrail = made(patterns=ALL)
    assert isinstance(check(guardrail, "ann@example.com", "during_call"), Block)
    verdict = check(guardrail, "ann@example.com, bob@example.com")
    assert isinstance(verdict, Rewrite)
    assert dict(verdict.found) == {"email": 2}


@pytest.mark.parametrize(
    "settings",
    [
        {"patterns": [{"pattern_type": "prebuilt", "pattern_name": "nothing"}]},
        {"patterns": [{"pattern_type": "regex"}]},
        {"patterns": [{"pattern_type": "regex", "pattern": "(?=a)b"}]},
        {"patterns": [{"pattern_type": "regex", "pattern": "("}]},
        {"categories": [{"category": "nothing"}]},
        {"blocked_words": [{"keyword": ""}]},
    ],
)
def test_what_cannot_be_used_is_told(settings):
    with pytest.raises(ValidationError):
        made(**settings)


def test_a_filter_of_nothing():
    with pytest.raises(ValueError, match="no patterns"):
        made()


@pytest.mark.parametrize("unit", ["a@", "1 ", "a.", "https://", "4111-"])
def test_time_grows_with_the_text_only(unit):
    text = unit * (1_000_000 // len(unit))
    pattern = {"pattern_type": "regex", "pattern": "(a+)+$", "action": "MASK"}
    guardrail = made(patterns=[*ALL, pattern], categories=[{"category": name} for name in CATEGORIES])

    def seconds(part):
        started = time.process_time()
        check(guardrail, part)
        return time.process_time() - started

    seconds(text[:1000])
    short, long = seconds(text[:100_000]), seconds(text)
    assert long < max(2.0, 40 * short)


def test_what_an_ordinary_request_costs():
    guardrail = made(patterns=ALL, categories=[{"category": name} for name in CATEGORIES])
    text = "Please summarise the minutes of the meeting and say who has to do what until when. " * 8
    payload = Payload(SampleCall(), {"messages": [{"role": "user", "content": text}]})

    async def many(count):
        for _ in range(count):
            assert await guardrail.check("pre_call", payload) == ALLOW

    asyncio.run(many(100))
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        asyncio.run(many(500))
        best = min(best, (time.process_time() - started) / 500)
    print(f"{best * 1e6:.1f} µs for {len(text)} characters")
    assert best < 200e-6
