from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_guardrail_secrets import HideSecrets, HideSecretsSettings
from tianji_guardrail_secrets.rules import rules
from tianji_guardrail_secrets.scanner import Scanner

sys.path.insert(0, str(Path(__file__).parent))
from made_up import BENIGN, credentials

ONE = credentials(Random(1))
SCANNER = Scanner(rules())


def made(**settings):
    return HideSecrets(HideSecretsSettings(guardrail="hide-secrets", **settings))


class TestMasks(GuardrailConformance):
    benign, attacks, objection = BENIGN[:3], (f"my key is {ONE['GitHub']}", ONE["OpenAI"]), "rewrite"

    def guardrail(self) -> Guardrail:
        guardrail = made()
        guardrail.stages = frozenset({"pre_call", "post_call", "logging_only"})  # beside the call it blocks
        return guardrail


class TestBlocks(GuardrailConformance):
    benign, attacks = BENIGN[:3], (f"my key is {ONE['GitHub']}",)

    def guardrail(self) -> Guardrail:
        return made(on_secret="block")


def test_every_kind_is_found_wherever_it_stands():
    missed, total = [], 0
    for seed in range(20):
        for kind, secret in credentials(Random(seed)).items():
            around = (f"Here it is: {secret}. Thanks!", f'{{"key": "x", "value": "{secret}"}}', f"äö {secret}\n")
            for text in (secret, *around):
                total += 1
                hidden, kinds = SCANNER.hide(text)
                core = secret.split("://admin:")[-1].split("@")[0].split(" ")[-1].strip('"')
                if not kinds or core in hidden:
                    missed.append((kind, text))
    assert len(missed) / total <= 0.02, missed[:5]


def test_nothing_else_is():
    wrong = [text for text in BENIGN if SCANNER.hide(text)[1]]
    assert not wrong


def test_what_is_around_stays():
    hidden, kinds = SCANNER.hide(f"use {ONE['GitHub']}, or {ONE['BasicAuth']}, ja — 好")
    assert hidden == "use [REDACTED], or postgres://admin:[REDACTED]@db.example.com/app, ja — 好"
    assert len(kinds) == 2


def test_a_private_key_goes_with_all_its_lines():
    hidden, _ = SCANNER.hide(f"Look:\n{ONE['PrivateKey']}\nthat was it")
    assert hidden == "Look:\n[REDACTED]\nthat was it"


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "://a:" * 200_000, "eyJa." * 200_000, "aws key " * 125_000, "password='" * 100_000, "-" * 10**6],
)
def test_time_grows_with_the_text_only(text):
    def seconds(part):
        started = time.process_time()
        SCANNER.hide(part)
        return time.process_time() - started

    seconds(text[:1000])
    short, long = seconds(text[:100_000]), seconds(text)
    assert long < max(0.5, 40 * short)


def test_beside_the_call_it_blocks():
    body = {"messages": [{"role": "user", "content": ONE["Slack"]}]}
    verdict = asyncio.run(made().check("during_call", Payload(SampleCall(body=body), body)))
    assert isinstance(verdict, Block)
    assert ONE["Slack"] not in str(verdict)


def test_how_many_of_each_kind():
    body = {"messages": [{"role": "user", "content": f"{ONE['GitHub']} {ONE['Groq']} {ONE['Groq']}"}]}
    verdict = asyncio.run(made().check("pre_call", Payload(SampleCall(body=body), body)))
    assert isinstance(verdict, Rewrite)
    assert dict(verdict.found) == {"GitHub": 1, "Groq": 2}


def test_kinds_that_are_chosen():
    config = {"plugins_used": [{"name": "SlackDetector"}, {"name": "Groq"}]}
    guardrail = made(detect_secrets_config=config)

    def verdict(text):
        body = {"messages": [{"role": "user", "content": text}]}
        return asyncio.run(guardrail.check("pre_call", Payload(SampleCall(body=body), body)))

    assert verdict(ONE["GitHub"]) == ALLOW
    assert isinstance(verdict(ONE["Groq"]), Rewrite)
    for wrong in ([{"name": "Nobody"}], ["SlackDetector"], "x"):
        with pytest.raises(ValidationError):
            made(detect_secrets_config={"plugins_used": wrong})
