"""No regular expression of this package takes more than time in proportion to the text."""

import importlib
import pkgutil
import re
from re import _parser as parser
from time import process_time

import pytest

import tianji_guardrail_prompt_injection as package
from tianji_guardrail_prompt_injection.rules import LETTER_RULES, RAW_RULES, UNSPACED_RULES

RULES = (*LETTER_RULES, *RAW_RULES, *UNSPACED_RULES)
N = 20_000
"""Characters. At the square of them a search would take seconds, at the tenfold it takes a millisecond or two."""


def patterns() -> dict[str, re.Pattern[str]]:
    """Those of the rules, and those that modules keep by a name."""
    found = {f"{rule.name} {rule.pattern.pattern}": rule.pattern for rule in RULES}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = value
    return found


PATTERNS = patterns()


def sample(parsed) -> str:
    """A text that the pattern matches, or nearly: of each choice the first, of each repetition the least but one."""
    text = ""
    for kind, value in parsed:
        name = str(kind)
        if name == "LITERAL":
            text += chr(value)
        elif name == "IN":
            text += sample(value[:1]) or " "
        elif name == "RANGE":
            text += chr(value[0])
        elif name == "CATEGORY":
            text += "a" if "WORD" in str(value) else " "
        elif name in ("ANY", "NOT_LITERAL", "NEGATE"):
            text += "."
        elif name == "BRANCH":
            text += sample(value[1][0])
        elif name == "SUBPATTERN":
            text += sample(value[-1])
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            text += sample(value[2]) * max(1, value[0])
    return text


def hostile(pattern: re.Pattern[str]) -> list[str]:
    """Beginnings of a match, again and again; and one beginning with an end that goes on and on."""
    match = sample(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)) or "a"
    beginnings = {match[:length] for length in (1, 2, 3, 5, 8, 13, 21, len(match) - 1, len(match)) if length > 0}
    return [start * (N // len(start)) for start in beginnings] + [start + start[-1] * N for start in beginnings]


def test_there_is_something_to_look_at():
    assert len(PATTERNS) > 100
    assert sum("." in name.split(" ")[0] for name in PATTERNS) >= 8


@pytest.mark.parametrize("name", PATTERNS)
def test_a_search_takes_time_in_proportion(name):
    for text in hostile(PATTERNS[name]):
        started = process_time()
        for _ in PATTERNS[name].finditer(text):
            pass
        assert process_time() - started < 0.3, text[:60]


def test_no_rule_has_an_unbounded_gap_or_nested_repetition():
    for rule in RULES:
        for unbounded in ("*", "+", ",}", "){"):
            assert unbounded not in rule.pattern.pattern, rule
