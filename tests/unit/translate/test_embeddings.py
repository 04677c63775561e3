"""Embeddings out of bare vectors."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.translate.embeddings import embeddings_answer, pack_vector, texts_of


def test_vectors_become_an_answer():
    assert embeddings_answer([[1, 0.5], [0, 2]], "m", prompt_tokens=3) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1, 0.5]},
            {"object": "embedding", "index": 1, "embedding": [0, 2]},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert "usage" not in embeddings_answer([], "m")


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_base64_is_floats(vector):
    packed = base64.b64decode(pack_vector(vector))
    assert list(struct.unpack(f"<{len(vector)}f", packed)) == vector


@pytest.mark.parametrize("vectors", [None, {}, "x", [1.0], [["x"]], [[True]], [[None]], [[[1.0]]]])
def test_what_is_no_list_of_vectors_is_an_error(vectors):
    with pytest.raises(BadGatewayError):
        embeddings_answer(vectors, "m")


def test_numbers_too_large_are_an_error():
    for vector in ([1e300], [10**400]):
        with pytest.raises(BadGatewayError):
            embeddings_answer([vector], "m", encoding_format="base64")


def test_texts():
    assert texts_of("a") == ["a"]
    assert texts_of(["a", "b"]) == ["a", "b"]
    for tokens in ([1, 2], [[1], [2]], 7):
        with pytest.raises(BadRequestError):
            texts_of(tokens)
