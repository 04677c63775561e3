"""Rerank answers of many shapes become one."""

from __future__ import annotations

import pytest

from tianji_core.api.errors import BadGatewayError
from tianji_core.translate.rerank import document_text, rerank_answer, rerank_meta, rerank_scores, rerank_usage

ONE, TWO = {"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}
META = {"billed_units": {"total_tokens": 30}, "tokens": {"input_tokens": 30}}


@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        (
            {"id": "r", "results": [ONE, TWO], "meta": {"billed_units": {"search_units": 1}}},
            {"id": "r", "results": [ONE, TWO], "meta": {"billed_units": {"search_units": 1}}},
        ),
        ({"model": "j", "results": [TWO, ONE], "usage": {"total_tokens": 30}}, {"results": [ONE, TWO], "meta": META}),
        ({"object": "list", "data": [ONE], "usage": {"prompt_tokens": 30}}, {"results": [ONE], "meta": META}),
        ([{"index": 1, "score": 0.9, "text": "b"}], {"results": [{**ONE, "document": {"text": "b"}}]}),
        ({"rankings": [{"index": 1, "logit": -2}]}, {"results": [{"index": 1, "relevance_score": -2}]}),
        ({"results": [{**ONE, "document": "b"}]}, {"results": [{**ONE, "document": {"text": "b"}}]}),
        (
            {"results": [{**ONE, "document": {"text": "b", "n": 1}}]},
            {"results": [{**ONE, "document": {"text": "b", "n": 1}}]},
        ),
        (
            {"results": [{"index": 0, "relevance_score": None, "score": 1}]},
            {"results": [{"index": 0, "relevance_score": 1}]},
        ),
        ({"results": []}, {"results": []}),
        ({"results": [ONE], "id": None, "meta": None, "usage": {"total_tokens": None}}, {"results": [ONE]}),
    ],
)
def test_the_normal_form(answer, normal):
    assert rerank_answer(answer) == normal


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "x",
        {"results": None},
        {"results": {}},
        [1],
        [None],
        [{}],
        [{"index": "0", "score": 1}],
        [{"index": True, "score": 1}],
        [{"index": 0}],
        [{"index": 0, "score": "high"}],
    ],
)
def test_answers_without_sense(answer):
    with pytest.raises(BadGatewayError):
        rerank_answer(answer)


def test_documents_of_the_request_are_put_in():
    found = rerank_answer(
        [{"index": 1, "score": 1}, {"index": 0, "score": 0}, {"index": 9, "score": -1}], ["a", {"k": 1}]
    )
    assert [each.get("document") for each in found["results"]] == [{"k": 1}, {"text": "a"}, None]


def test_one_score_for_each_document():
    found = rerank_scores([0.1, 0.9, 0.5], top_n=2, meta=rerank_meta({"input_tokens": 30}))
    assert [each["index"] for each in found["results"]] == [1, 2]
    assert found["meta"] == META
    with pytest.raises(BadGatewayError):
        rerank_scores([None])


@pytest.mark.parametrize(
    ("meta", "usage"),
    [
        (META, {"prompt_tokens": 30, "completion_tokens": 0, "total_tokens": 30}),
        ({"billed_units": {"search_units": 2}}, {"search_units": 2}),
        ({"billed_units": {"total_tokens": 3}}, {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}),
        ({"billed_units": None, "tokens": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_what_was_used(meta, usage):
    assert rerank_usage({"results": [], "meta": meta}) == usage


def test_documents_as_texts():
    assert [document_text(each) for each in ("a", {"text": "b"}, {"title": "c"}, {"text": 1}, None)] == [
        "a",
        "b",
        '{"title":"c"}',
        '{"text":1}',
        "null",
    ]
