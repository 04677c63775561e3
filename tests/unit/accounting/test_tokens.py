"""Counting texts, with the tokenizer and without."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.accounting import tokens
from tianji_core.accounting.tokens import MOST, PAGE, count_texts, estimate_texts

splintr = pytest.importorskip("splintr")

ENGLISH = "The quick brown fox jumps over the lazy dog, and then it does so again. "
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. "
CHINESE = "我能吞下玻璃而不伤身体。天机不可泄露。"


@pytest.fixture
def without(monkeypatch):
    """As if the extra were not installed."""
    monkeypatch.setitem(sys.modules, "splintr", None)
    tokens._tokenizer.cache_clear()
    yield
    tokens._tokenizer.cache_clear()


def test_known_numbers():
    # From OpenAI's own tokenizer.
    assert count_texts(["Hello, world!"], "gpt-4o") == (4, True)
    assert count_texts(["Hello, world!", "Hello, world!"], "gpt-4") == (8, True)
    assert count_texts(["tiktoken is great!"], "gpt-4") == (6, True)
    assert count_texts([], "gpt-4o") == (0, True)
    assert count_texts(["<|endoftext|>"], "gpt-4o")[0] > 1, "a client's text holds no control tokens"


def test_another_familys_tokenizer_is_an_estimate():
    assert count_texts(["Hello, world!"], "claude-sonnet-4-5") == (4, False)


def test_without_the_extra(without):
    assert count_texts([ENGLISH], "gpt-4o") == (estimate_texts([ENGLISH]), False)


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN, CHINESE])
def test_the_rule_of_thumb_is_near(text):
    real, _ = count_texts([text * 20], "gpt-4o")
    assert real * 0.6 < estimate_texts([text * 20]) < real * 1.6


@given(st.lists(st.text()))
def test_any_text_is_estimated(texts):
    assert sum(map(len, texts)) / 4 <= estimate_texts(texts) <= sum(map(len, texts)) * 1.15 + 1


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "x" * 50, "a\n"])
def test_pages_change_nothing_to_speak_of(text):
    text *= 3 * PAGE // len(text) + 1
    whole = len(splintr.Tokenizer.from_pretrained("o200k_base").encode_ordinary(text))
    paged, exact = count_texts([text], "gpt-4o")
    assert exact
    assert abs(paged - whole) <= 4


@given(st.text(alphabet=" ab\n天", max_size=60))
def test_pages_lose_nothing(text):
    patched, tokens.PAGE = tokens.PAGE, 7
    try:
        pages = list(tokens._pages(text))
    finally:
        tokens.PAGE = patched
    assert "".join(pages) == text
    assert all(0 < len(page) <= 7 for page in pages)


def test_very_long_texts_are_taken_to_go_on_as_they_began():
    one = ENGLISH * (MOST // len(ENGLISH))
    counted, exact = count_texts([one], "gpt-4o")
    assert exact
    started = time.monotonic()
    tenfold, exact = count_texts([one] * 10, "gpt-4o")
    assert not exact
    assert abs(tenfold - 10 * counted) < counted * 0.01
    assert time.monotonic() - started < 2


def test_the_interpreter_is_not_held_for_long():
    """Other threads, such as the one with the event loop, get their turn."""
    count_texts(["warm"], "gpt-4o")
    longest, done = 0.0, threading.Event()

    def tick():
        nonlocal longest
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    thread = threading.Thread(target=tick)
    thread.start()
    for text in (" " * MOST, "\n" * MOST, "ab" * (MOST // 2), CHINESE * (MOST // len(CHINESE))):
        count_texts([text], "gpt-4o")
    done.set()
    thread.join()
    assert longest < 0.2  # it would be far more in one go; the machine may be busy


def test_nothing_is_loaded_before_it_is_needed():
    code = "import sys, tianji_core.gateway; assert 'splintr' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
