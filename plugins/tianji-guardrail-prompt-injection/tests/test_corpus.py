"""Detection and false positives, measured on texts of our own; the README states the same numbers.

The rules, the phrases and the weights were made with the development corpus in sight. The held-out corpus was written
before anything was run on it, and nothing was made with it in sight: see corpus/README.md.
"""

import json
import runpy
from pathlib import Path

import pytest

from tianji_core.api.guardrail import Block
from tianji_guardrail_prompt_injection import PromptInjection, PromptInjectionSettings

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")


def corpus(name: str) -> dict[str, list[str]]:
    """The texts of each kind."""
    return json.loads((HERE / "corpus" / f"{name}.json").read_text(encoding="utf-8"))


def texts(name: str) -> list[str]:
    return [text for kind in corpus(name).values() for text in kind]


CORPORA = {which: (texts(f"{which}_attacks"), texts(f"{which}_benign")) for which in ("held_out", "development")}


def blocked(cases: list[str], sensitivity: str = "medium") -> list[str]:
    guardrail = PromptInjection(PromptInjectionSettings(guardrail="prompt_injection", sensitivity=sensitivity))
    return [text for text in cases if isinstance(guardrail.judge_text(text), Block)]


def test_the_corpora_are_large_enough_and_no_text_is_there_twice():
    attacks, benign = CORPORA["held_out"]
    assert len(attacks) >= 80
    assert len(benign) >= 120
    everything = [text for of_corpus in CORPORA.values() for kind in of_corpus for text in kind]
    assert len(set(everything)) == len(everything)


def test_of_the_held_out_corpus_enough_is_detected_and_hardly_anything_else_blocked():
    attacks, benign = CORPORA["held_out"]
    assert len(blocked(attacks)) / len(attacks) >= 0.85
    assert len(blocked(benign)) / len(benign) <= 0.02


def test_of_the_development_corpus_nearly_all_is_detected_and_nearly_nothing_else_blocked():
    attacks, benign = CORPORA["development"]
    assert len(blocked(attacks)) / len(attacks) >= 0.95
    assert len(blocked(benign)) / len(benign) <= 0.02


@pytest.mark.parametrize("which", CORPORA)
@pytest.mark.parametrize("sensitivity", ["low", "medium", "high"])
def test_the_rates_are_those_in_the_readme(which, sensitivity):
    (detected, attacks), (wrong, benign) = ((len(blocked(cases, sensitivity)), len(cases)) for cases in CORPORA[which])
    row = (
        f"| {which.replace('_', '-')} | `{sensitivity}` | {detected} of {attacks} ({detected / attacks:.1%}) "
        f"| {wrong} of {benign} ({wrong / benign:.1%}) |"
    )
    assert row in README, f"the README should say: {row}"


@pytest.mark.parametrize("kind", corpus("held_out_attacks"))
def test_the_rates_of_each_kind_are_those_in_the_readme(kind):
    cases = corpus("held_out_attacks")[kind]
    row = f"| {kind} | {len(blocked(cases))} of {len(cases)} |"
    assert row in README, f"the README should say: {row}"


def test_more_sensitive_never_detects_less():
    everything = [text for kind in CORPORA["held_out"] for text in kind]
    low, medium, high = (set(blocked(everything, level)) for level in ("low", "medium", "high"))
    assert low <= medium <= high


def test_calm_text_around_an_attack_hides_little():
    """Wording alone counts for less in a long text; rules and known phrases count as ever."""
    calm = " ".join(CORPORA["development"][1][:30])
    attacks = blocked(CORPORA["development"][0])
    assert len(blocked([f"{calm}\n{text}\n{calm}" for text in attacks])) / len(attacks) >= 0.95


def test_the_weights_are_those_of_the_development_corpus():
    """If not: `python tests/learn_wording.py`."""
    learning = runpy.run_path(str(HERE / "learn_wording.py"))
    known = json.loads(learning["WEIGHTS"].read_text(encoding="utf-8"))
    assert known.pop("source") == learning["source"](), "run tests/learn_wording.py"
    learned = learning["wording"](*CORPORA["development"])
    assert learned["bias"] == pytest.approx(known["bias"], abs=0.02)
    assert learned["letters"] == pytest.approx(known["letters"], abs=0.02)
