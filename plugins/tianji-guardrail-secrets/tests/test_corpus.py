"""How many credentials are found, and how many other texts are taken for some."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from random import Random

from tianji_guardrail_secrets.rules import standard
from tianji_guardrail_secrets.scanner import Scanner

sys.path.insert(0, str(Path(__file__).parent))
from made_up import BENIGN, by_form, by_name

SCANNER = Scanner(standard())
SEEDS = 20
AROUND = (
    "{}",
    "Here it is: {}. Thanks!",
    "({})",
    "äö {}\n",
    "KEY={}",
    "> {}\n> and so on",
)


def test_credentials_of_a_known_form():
    """Measured: all. Chance may make one that says nothing, such as a bearer token without a digit."""
    missed, total = [], 0
    for seed in range(SEEDS):
        for kind, secret in by_form(Random(seed)).items():
            for text in (*(around.format(secret) for around in AROUND), json.dumps({"q": f"see {secret}"})):
                total += 1
                hidden, kinds = SCANNER.hide(text)
                shown = json.dumps(secret)[1:-1] if text.startswith("{") else secret
                if not kinds or any(part in hidden for part in (shown[:24], shown[-24:])):
                    missed.append((kind, text))
    print(f"{total - len(missed)} of {total} by form")
    assert len(missed) <= total * 0.005, sorted({kind for kind, _ in missed})


def test_credentials_with_a_name():
    """Measured: all but some that chance makes look like a word."""
    missed, total = [], 0
    for seed in range(SEEDS):
        for kind, (text, secret) in by_name(Random(seed)).items():
            for whole in (text, f"Why does this fail?\n{text}\nI get 401."):
                total += 1
                hidden, kinds = SCANNER.hide(whole)
                if not kinds or secret in hidden:
                    missed.append((kind, whole))
    print(f"{total - len(missed)} of {total} by name")
    assert len(missed) <= total * 0.01, sorted({kind for kind, _ in missed})


def test_what_looks_a_little_like_it():
    wrong = [(text, SCANNER.hide(text)) for text in BENIGN if SCANNER.hide(text)[1]]
    print(f"{len(wrong)} of {len(BENIGN)} taken for credentials")
    assert len(wrong) <= 1, wrong


def test_one_look_at_all_texts_overlooks_nothing():
    random = Random(7)
    for number, text in enumerate((*by_form(random).values(), *(text for text, _ in by_name(random).values()))):
        if SCANNER.hide(text)[1]:
            texts = ["Hi", text, "there"] if number % 2 else [text, ""]
            assert not SCANNER.finds_nothing("\n".join(texts).encode()), text
    assert SCANNER.finds_nothing(b"Hi\nthere")


def test_no_rule_is_tied_to_the_ends_of_a_text():
    assert not [rule.name for rule in standard() if re.search(r"\\[AzZ]|\(\?\w*-", rule.pattern)]
