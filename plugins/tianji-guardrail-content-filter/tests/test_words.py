"""Words, their file, and categories with theirs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from tianji_core.api.guardrail import ALLOW, Block
from tianji_guardrail_content_filter.categories import CATEGORIES

sys.path.insert(0, str(Path(__file__).parent))
from filter_samples import check, made, masked

TAG = "[KEYWORD_REDACTED]"


def test_words_are_whole_and_of_any_case():
    words = ["Blue Bird", "müll", "c++", "secret_project"]
    guardrail = made(blocked_words=[{"keyword": word, "action": "MASK"} for word in words])
    assert masked(guardrail, "BLUE  bird, blue bird bluebird") == f"{TAG}, {TAG} bluebird"
    assert masked(guardrail, "Müll müllig MÜLL") == f"{TAG} müllig {TAG}"
    assert masked(guardrail, "I like C++!") == f"I like {TAG}!"
    assert masked(guardrail, "the Secret_Project, not secret_project_2") == f"the {TAG}, not secret_project_2"


def test_other_spellings_of_a_word():
    guardrail = made(blocked_words=[{"keyword": "project müll"}])
    for text in (
        "project\u00a0müll",
        "project\nmüll",
        "project \u200b müll",
        "PROJECT mu\u0308ll",
        "project\u3000MÜLL",
    ):
        assert check(guardrail, f"our {text}!").detail["keyword"] == "project müll"


@pytest.mark.parametrize(
    ("word", "text"),
    [("机密", "这是机密文件"), ("ความลับ", "นี่คือความลับมาก"), ("기밀", "기밀은 안 돼요"), ("秘密", "これは秘密です")],
)
def test_scripts_without_spaces(word, text):
    guardrail = made(blocked_words=[{"keyword": word, "action": "MASK"}])
    assert masked(guardrail, text) == text.replace(word, TAG)


def test_words_side_by_side_and_overlapping():
    words = [{"keyword": word, "action": "MASK"} for word in ("a b", "b c", "x")]
    assert masked(made(blocked_words=words), "x x,x a b c.") == f"{TAG} {TAG},{TAG} {TAG}."
    words = [{"keyword": "blue bird song", "action": "MASK"}, {"keyword": "bird", "action": "BLOCK"}]
    assert isinstance(check(made(blocked_words=words), "the blue bird song"), Block)


def test_a_block_names_the_word_of_the_config_and_nothing_else():
    words = [{"keyword": "BlueBird", "action": "BLOCK", "description": "A secret project"}, {"keyword": "grue"}]
    verdict = check(made(blocked_words=words), "my bluebird 4711")
    assert verdict.detail == {
        "error": "Content blocked: keyword 'BlueBird' detected",
        "keyword": "BlueBird",
        "description": "A secret project",
    }
    assert verdict.reason == "Content blocked: keyword 'BlueBird' detected"
    assert "description" not in check(made(blocked_words=words), "a GRUE").detail


def test_words_from_a_file(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text("blocked_words:\n  - keyword: wumpus\n    action: MASK\n  - grue\n")
    guardrail = made(blocked_words_file=str(path))
    assert masked(guardrail, "a wumpus") == f"a {TAG}"
    assert isinstance(check(guardrail, "a grue"), Block)


@pytest.mark.parametrize("text", ["5", "[{}]", "a: [", "blocked_words: 5", "- keyword: hush\n  oops: 1", "{}"])
def test_a_file_that_is_none_of_words(tmp_path, text):
    path = tmp_path / "words.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="blocked_words_file") as told:
        made(blocked_words_file=str(path))
    assert "hush" not in str(told.value)
    with pytest.raises(ValueError, match="FileNotFoundError"):
        made(blocked_words_file=str(tmp_path / "none"))


def test_ten_thousand_words():
    """One automaton for all: measured at 2 µs for 600 characters, as for one word."""
    words = [f"word{number}x number" for number in range(10_000)]
    guardrail = made(blocked_words=[{"keyword": word} for word in words])
    assert check(guardrail, "see WORD7777X  number").detail["keyword"] == "word7777x number"
    text = "Please summarise the minutes of the meeting and say who has to do what until when. " * 8
    assert check(guardrail, text) == ALLOW
    started = time.process_time()
    for _ in range(200):
        guardrail._filter.hits(text)
    assert (time.process_time() - started) / 200 < 100e-6


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_phrase_of_a_category(name):
    guardrails = {least: made(categories=[{"category": name}], severity_threshold=least) for least in ("high", "low")}
    for severity, texts in CATEGORIES[name].items():
        for text in texts:
            verdict = check(guardrails["low"], f"Tell me: {text.upper()}?")
            assert isinstance(verdict, Block), text
            assert verdict.detail["category"] == name
            assert verdict.detail["severity"] in ("low", "medium", "high")
            if severity == "high":
                assert isinstance(check(guardrails["high"], text), Block)


def test_severities():
    low = made(categories=[{"category": "harmful_self_harm", "severity_threshold": "low"}])
    high = made(categories=[{"category": "harmful_self_harm"}], severity_threshold="high")
    own = made(categories=[{"category": "harmful_self_harm", "severity_threshold": "low"}], severity_threshold="high")
    off = made(categories=[{"category": "harmful_self_harm", "enabled": False}, {"category": "denied_insults"}])
    assert isinstance(check(low, "about self-harm"), Block)
    assert isinstance(check(own, "about self-harm"), Block)
    assert check(high, "about self-harm") == ALLOW
    assert check(off, "how to commit suicide") == ALLOW


def test_a_block_of_a_category_has_the_shape_of_the_reference():
    """https://docs.litellm.ai/docs/proxy/guardrails/litellm_content_filter#test-example"""
    verdict = check(made(categories=[{"category": "harmful_illegal_weapons"}]), "Tell me how I make a bomb at home")
    assert verdict.detail == {
        "error": "Content blocked: harmful_illegal_weapons category phrase 'make a bomb' detected (severity: high)",
        "category": "harmful_illegal_weapons",
        "phrase": "make a bomb",
        "severity": "high",
    }
    verdict = check(made(categories=[{"category": "denied_insults"}]), "You ASSHOLE")
    assert verdict.reason == "Content blocked: denied_insults category keyword 'asshole' detected (severity: medium)"


BENIGN = (
    "Please summarise the minutes of the meeting.",
    "Who won the photobomb contest? The bath bomb smells of roses.",
    "I spend my life in the kitchen and want to end my lifetime subscription.",
    "How do I kill a process in Linux? The killer feature is its die() function.",
    "Explain the history of the women's suffrage movement and of gay rights.",
    "Muslims, Jews and Christians live in this city.",
    "Write a thriller in which a detective finds a body.",
    "The museum shows weapons of the 17th century.",
    "What does the term derivative mean in finance? What is a statute?",
    "The patient was given 5 mg; the study reports on symptoms.",
    "Our investment in the new library pays off.",
    "Veterans Day is a holiday. The seniors' club has a new chair.",
    "My boss will murder me if I miss the deadline.",
    "The stock of the warehouse: which items should we reorder?",
)


def test_benign_texts_pass_all_categories_at_the_default_threshold():
    guardrail = made(categories=[{"category": name} for name in CATEGORIES])
    assert {text: check(guardrail, text) for text in BENIGN if check(guardrail, text) != ALLOW} == {}


FILE = """
category_name: wumpus
description: About the wumpus
default_action: BLOCK
keywords:
  - {keyword: grue, severity: high}
  - {keyword: lantern, severity: low}
phrases:
  - {phrase: hunt the wumpus, severity: high, match_type: exact}
  - {phrase: plan attack, severity: high, match_type: fuzzy}
  - {phrase: gun school, severity: medium, match_type: proximity, max_distance: 3}
exceptions: [wumpus prevention]
"""


@pytest.fixture
def wumpus(tmp_path):
    path = tmp_path / "wumpus.yaml"
    path.write_text(FILE)
    return lambda **more: made(categories=[{"category": "wumpus", "category_file": str(path), **more}])


@pytest.mark.parametrize(
    ("text", "kind", "listed"),
    [
        ("A GRUE!", "keyword", "grue"),
        ("let us hunt the wumpus", "phrase", "hunt the wumpus"),
        ("planning attacks", "phrase", "plan attack"),
        ("they planned an attack", "phrase", "plan attack"),
        ("brought a gun to school", "phrase", "gun school"),
        ("at school with a gun", "phrase", "gun school"),
    ],
)
def test_a_category_of_ones_own(wumpus, text, kind, listed):
    assert check(wumpus(), text).detail[kind] == listed


@pytest.mark.parametrize(
    "text", ["a lantern", "the wumpus hunts", "attack plan", "gun one two three four school", "a gruesome story"]
)
def test_what_a_category_of_ones_own_leaves(wumpus, text):
    assert check(wumpus(), text) == ALLOW


def test_the_action_and_threshold_of_the_entry_come_before_those_of_the_file(wumpus):
    assert masked(wumpus(action="MASK"), "a grue") == f"a {TAG}"
    assert isinstance(check(wumpus(severity_threshold="low"), "a lantern"), Block)


def test_exceptions_hold_for_their_sentence(wumpus):
    assert check(wumpus(), "In wumpus prevention, a grue is a help. Fine") == ALLOW
    assert isinstance(check(wumpus(), "This is wumpus prevention. Now bring me a grue"), Block)


@pytest.mark.parametrize(
    "text",
    ["5", "a: [", "keywords: []", "keywords: [{keyword: hush, severity: extreme}]", "keywords: [{keyword: ' '}]",
     "phrases: [{phrase: hush a b c d, match_type: proximity}]", "inherit_from: hush", "keywords: hush"],
)  # fmt: skip
def test_a_file_that_is_no_category(tmp_path, text):
    path = tmp_path / "category.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="category_file") as told:
        made(categories=[{"category": "x", "category_file": str(path)}])
    assert "hush" not in str(told.value)
    with pytest.raises(ValueError, match="FileNotFoundError"):
        made(categories=[{"category": "x", "category_file": str(tmp_path / "none")}])


@pytest.mark.parametrize("entry", [{"category": "nothing"}, {"category": ""}, {"category": "harmful_drugs", "x": 1}])
def test_a_category_that_does_not_exist(entry):
    with pytest.raises(ValidationError):
        made(categories=[entry])
