"""Detection and false positives, measured on a corpus of our own; the README states the same numbers.

`attacks.json` and `benign.json` were used while the rules were written. The two held-out files were written before
any rule was run and looked at only afterwards: at that first look 34 of the 44 attacks were detected and 1 of the 67
benign texts was blocked. Since then their misses have been used as well.
"""

import json
from pathlib import Path

import pytest

from tianji_core.api.guardrail import Block
from tianji_guardrail_prompt_injection import PromptInjection, PromptInjectionSettings

HERE = Path(__file__).parent


def texts(*names: str) -> list[str]:
    corpora = [json.loads((HERE / "corpus" / f"{name}.json").read_text(encoding="utf-8")) for name in names]
    return [text for corpus in corpora for kind in corpus.values() for text in kind]


ATTACKS = texts("attacks", "held_out_attacks")
BENIGN = texts("benign", "held_out_benign")


def blocked(cases: list[str], sensitivity: str) -> list[str]:
    guardrail = PromptInjection(PromptInjectionSettings(guardrail="prompt_injection", sensitivity=sensitivity))
    return [text for text in cases if isinstance(guardrail.judge_text(text), Block)]


def test_the_corpus_is_large_enough_and_has_no_text_twice():
    assert len(ATTACKS) >= 120
    assert len(BENIGN) >= 190
    assert len({*ATTACKS, *BENIGN}) == len(ATTACKS) + len(BENIGN)


@pytest.mark.parametrize("sensitivity", ["low", "medium", "high"])
def test_the_rates_are_those_in_the_readme(sensitivity):
    detected, wrong = len(blocked(ATTACKS, sensitivity)), len(blocked(BENIGN, sensitivity))
    row = (
        f"| `{sensitivity}` | {detected} of {len(ATTACKS)} ({detected / len(ATTACKS):.1%}) "
        f"| {wrong} of {len(BENIGN)} ({wrong / len(BENIGN):.1%}) |"
    )
    assert row in (HERE.parent / "README.md").read_text(encoding="utf-8"), f"the README should say: {row}"


def test_medium_detects_nearly_all_and_blocks_nearly_nothing_else():
    assert len(blocked(ATTACKS, "medium")) / len(ATTACKS) >= 0.95
    assert len(blocked(BENIGN, "medium")) / len(BENIGN) <= 0.02


def test_more_sensitive_never_detects_less():
    low, medium, high = (set(blocked(ATTACKS + BENIGN, level)) for level in ("low", "medium", "high"))
    assert low <= medium <= high


def test_calm_text_around_an_attack_hides_nothing():
    calm = " ".join(texts("benign")[:30])
    inside = [f"{calm}\n{text}\n{calm}" for text in blocked(ATTACKS, "medium")]
    assert blocked(inside, "medium") == inside
