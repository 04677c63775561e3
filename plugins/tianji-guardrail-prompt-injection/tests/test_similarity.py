"""The index of known phrases."""

from time import process_time

import pytest

from tianji_core.api.guardrail import Block
from tianji_guardrail_prompt_injection import PromptInjection, PromptInjectionSettings
from tianji_guardrail_prompt_injection.fold import fold, words_of
from tianji_guardrail_prompt_injection.phrases import PHRASES
from tianji_guardrail_prompt_injection.similarity import PhraseIndex

PHRASE = "pour the purple paint over seven sleepy wolves"


def resembles(text: str, threshold: float = 0.65) -> bool:
    return PhraseIndex([PHRASE], threshold).resembles(words_of(fold(text)))


@pytest.mark.parametrize(
    "text",
    [
        PHRASE,
        "Now POUR the purple   paint, over seven (sleepy) wolves!",
        "pour the purple paint over those seven sleepy old wolves",
        "pouring purple paints over seven sleepy wolves",
        f"{'nothing of interest ' * 500}{PHRASE}{' nothing of interest' * 500}",
    ],
)
def test_what_is_similar(text):
    assert resembles(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "purple paint",
        "wolves sleepy seven over paint purple the pour",
        f" {'something else again ' * 20}".join(PHRASE.split()),
        f"pour the purple paint over {'a tall fence in the garden ' * 20} seven sleepy wolves",
        "paint " * 1000,
    ],
)
def test_what_is_not(text):
    assert not resembles(text)


def test_the_threshold_says_how_much_of_a_phrase_is_needed():
    part = "pour the purple paint over seven chairs"
    assert resembles(part, 0.5)
    assert not resembles(part, 0.9)


@pytest.mark.parametrize("phrase", ["", "the", "ignore this"])
def test_a_phrase_that_is_too_short_is_refused(phrase):
    with pytest.raises(ValueError, match="too short"):
        PhraseIndex([phrase], 0.5)


def test_every_phrase_of_the_corpus_is_similar_to_itself_and_blocked():
    exact = PhraseIndex(PHRASES, 1.0)
    guardrail = PromptInjection(PromptInjectionSettings(guardrail="prompt_injection"))
    for phrase in PHRASES:
        assert exact.resembles(words_of(fold(phrase))), phrase
        assert isinstance(guardrail.judge_text(phrase), Block), phrase
    assert len(set(PHRASES)) == len(PHRASES)


@pytest.mark.parametrize(
    "words",
    [
        ["ignore"],
        ["ignore", "previous", "instructions"],
        [word for phrase in PHRASES for word in words_of(fold(phrase))[:-2]],  # nearly every phrase, again and again
        [word for phrase in PHRASES for word in words_of(fold(phrase))[::-1]],
    ],
)
def test_time_grows_with_the_text(words):
    """A tenfold text may take tenfold time; three times as much is left for a busy machine."""
    index = PhraseIndex(PHRASES, 1.0)  # so that nothing ends the search early
    times = []
    for length in (10_000, 100_000):
        text = (words * (length // len(words) + 1))[:length]
        started = process_time()
        index.resembles(text)
        times.append(process_time() - started)
    assert times[1] < 30 * times[0] + 0.1
