"""Answers that come in pieces, cut anywhere: what is masked in the whole leaves in no piece either."""

from __future__ import annotations

import asyncio
import re
from random import Random

import pytest
from pii_documents import documents
from pii_measured import SETTINGS, made, masked

from tianji_core.testing import Answer

DOCUMENTS = 5
"""So many make an answer: longer than a window and what it overlaps."""
SHORTEST = 6
"""Characters of an identifier that would be a piece of it."""


def answers():
    texts = [document.text for document in documents()]
    return ["\n\n".join(texts[at : at + DOCUMENTS]) for at in range(0, len(texts), DOCUMENTS)]


def cut(random, text, longest):
    """A text in pieces of one to so many characters."""
    pieces, at = [], 0
    while at < len(text):
        size = random.randint(1, longest)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def left_in_pieces(told, whole):
    """The identifiers of which there is more in what was streamed than in what all of it would have become."""
    left = []
    for text, (masked_whole, found) in zip(told, whole, strict=True):
        for identifier in found.values():
            size = min(SHORTEST, len(identifier))
            pieces = (identifier[at : at + size] for at in range(len(identifier) - size + 1))
            left += [identifier for piece in pieces if piece in text and piece not in masked_whole]
    return left


_NUMBER = re.compile(r"(?<=[A-Z])_\d+>")
"""What the tags of requests have, and those of answers have not."""


@pytest.fixture(scope="module")
def whole():
    """What becomes of the answers where they are judged as a whole, and what is masked in them."""
    return masked(made(**SETTINGS), answers())


@pytest.fixture
def streamed(tianji_gateway, fake_upstream):
    """Sends a gateway requests, and it the vendor's answers in pieces of at most so many characters; what the caller
    gets to read."""

    def run(longest, asked, answered, **params):
        upstream = {"model": "openai_compatible/m", "api_base": fake_upstream.base, "api_key": "k"}
        guardrail = {"guardrail": "presidio", "presidio_local": True, "default_on": True, **SETTINGS, **params}
        config = {
            "model_list": [{"model_name": "m", "litellm_params": upstream}],
            "guardrails": [{"guardrail_name": "pii", "litellm_params": guardrail}],
        }
        random = Random(longest)

        async def main():
            told = []
            async with tianji_gateway(config) as gateway:
                for question, answer in zip(asked, answered, strict=True):
                    fake_upstream.answer(Answer.chat_stream(*cut(random, answer, longest)))
                    chunks = gateway.stream(model="m", messages=[{"role": "user", "content": question}])
                    deltas = [choice["delta"] async for chunk in chunks for choice in chunk["choices"]]
                    told.append("".join(delta.get("content") or "" for delta in deltas))
            return told

        return asyncio.run(main())

    return run


@pytest.fixture
def answered(streamed):
    """The answers, as a guardrail lets them out that looks at them."""

    def run(longest, **streaming):
        texts = answers()
        return streamed(longest, ["Hi"] * len(texts), texts, mode="post_call", **streaming)

    return run


@pytest.mark.parametrize("longest", [4, 24])
def test_a_stream_that_is_judged_as_a_whole_says_what_the_whole_would(answered, whole, longest):
    assert answered(longest, streaming="buffer") == [_NUMBER.sub(">", text) for text, _ in whole]


@pytest.mark.parametrize("window", [64, 256])
@pytest.mark.parametrize("longest", [4, 24])
def test_nothing_that_is_masked_in_the_whole_leaves_in_pieces(answered, whole, longest, window):
    told = answered(longest, streaming="window", stream_window=window)
    assert not left_in_pieces(told, whole)


def test_without_an_overlap_pieces_would_leave(answered, whole):
    told = answered(24, streaming="window", stream_window=64, stream_overlap=0)
    assert len(left_in_pieces(told, whole)) > 100


@pytest.mark.parametrize("streaming", ["buffer", "window"])
def test_what_was_masked_in_the_request_is_put_back_into_a_stream(streamed, whole, fake_upstream, streaming):
    tagged = [text for text, _ in whole]
    told = streamed(4, answers(), tagged, mode="pre_call", output_parse_pii=True, streaming=streaming)
    assert told == answers()
    assert [asked.json()["messages"][0]["content"] for asked in fake_upstream.requests] == tagged
