"""Usage that a vendor counts otherwise."""

from __future__ import annotations

import pytest

from tianji_core.openai_compat.usage import add_reasoning, add_reasoning_by_sum, count_cached


def test_cached_tokens_under_another_name() -> None:
    usage = {"prompt_tokens": 10, "hits": 8}
    count_cached(usage, "hits")
    assert usage == {"prompt_tokens": 10, "hits": 8, "prompt_tokens_details": {"cached_tokens": 8}}
    told = {"hits": 8, "prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 0}}
    count_cached(told, "hits")
    assert told["prompt_tokens_details"] == {"cached_tokens": 7, "audio_tokens": 0}


def test_reasoning_beside_the_completion_becomes_a_part_of_it() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    add_reasoning(usage, 30)
    assert usage == {
        "prompt_tokens": 10,
        "completion_tokens": 35,
        "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    }


@pytest.mark.parametrize(("total", "completion"), [(18, 8), (15, 5), (99, 5)])
def test_the_sum_tells_whether_reasoning_is_a_part(total: int, completion: int) -> None:
    details = {"reasoning_tokens": 3}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total, "completion_tokens_details": details}
    add_reasoning_by_sum(usage)
    assert (usage["completion_tokens"], usage["total_tokens"]) == (completion, total)


@pytest.mark.parametrize("usage", [None, [], "no", {}, {"completion_tokens": None}, {"completion_tokens_details": 5}])
def test_anything_may_be_sent_for_a_usage(usage: object) -> None:
    before = repr(usage)
    count_cached(usage, "hits")
    add_reasoning(usage, 3)
    add_reasoning_by_sum(usage)
    add_reasoning({"completion_tokens": 1}, "3")
    assert repr(usage) == before
