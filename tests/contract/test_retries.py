"""Tries and fallbacks: how many, in which order, how long."""

from __future__ import annotations

import asyncio
import time

import pytest

from tianji_core.testing import Answer, FakeUpstream

FAIL = Answer.error(500)


@pytest.fixture
def ask(serving, row, fake_upstream):
    def run(*answers, router=None, litellm=None, headers=None, rows=1, **body):
        fake_upstream.answer(*answers)
        config = {
            "model_list": [row(fake_upstream, model=f"openai_compatible/up-{i}") for i in range(rows)],
            "router_settings": router or {},
            "litellm_settings": litellm or {},
        }

        async def main():
            async with serving(config) as client:
                return await client.chat(headers=headers, **body)

        return asyncio.run(main())

    return run


def test_two_retries_unless_told_otherwise(ask, fake_upstream):
    answer = ask(FAIL)
    assert answer.status == 500
    assert len(fake_upstream.requests) == 3


def test_a_retry_that_helps(ask, fake_upstream):
    answer = ask(FAIL, Answer.error(429), Answer.chat("at last"))
    assert answer.status == 200
    assert answer.headers["x-litellm-attempted-retries"] == "2"
    assert len(fake_upstream.requests) == 3


@pytest.mark.parametrize(
    ("router", "litellm", "headers", "body", "tries"),
    [
        ({"num_retries": 0}, {}, {}, {}, 1),
        ({"num_retries": 4}, {}, {}, {}, 5),
        ({}, {"num_retries": 1}, {}, {}, 2),
        ({"num_retries": 0}, {"num_retries": 5}, {}, {}, 1),
        ({"num_retries": 4}, {}, {"x-litellm-num-retries": "1"}, {}, 2),
        ({"num_retries": 4}, {}, {}, {"num_retries": 2}, 3),
        ({"num_retries": 4}, {}, {"x-litellm-num-retries": "0"}, {"num_retries": 2}, 1),
    ],
)
def test_who_says_how_many(ask, fake_upstream, router, litellm, headers, body, tries):
    ask(FAIL, router=router, litellm=litellm, headers=headers, **body)
    assert len(fake_upstream.requests) == tries


def test_the_row_says_how_many(serving, row, fake_upstream):
    fake_upstream.answer(FAIL)

    async def main():
        async with serving({"model_list": [row(fake_upstream, num_retries=3)]}) as client:
            await client.chat()

    asyncio.run(main())
    assert len(fake_upstream.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_not_tried_again(ask, fake_upstream, status):
    assert ask(Answer.error(status)).status == status
    assert len(fake_upstream.requests) == 1


def test_a_refused_credential_is_tried_on_another_row_only(ask, fake_upstream):
    answer = ask(Answer.error(401), Answer.chat(), rows=2)
    assert answer.status == 200
    first, second = (request.json()["model"] for request in fake_upstream.requests)
    assert first != second


def test_refused_everywhere(ask, fake_upstream):
    assert ask(Answer.error(401), rows=2, router={"num_retries": 9}).status == 401
    assert sorted(r.json()["model"] for r in fake_upstream.requests) == ["up-0", "up-1"]


def test_other_rows_come_first(ask, fake_upstream):
    ask(FAIL, rows=3, router={"num_retries": 2})
    assert {r.json()["model"] for r in fake_upstream.requests} == {"up-0", "up-1", "up-2"}


def test_pauses_but_none_after_the_last_try(serving, row, fake_upstream, monkeypatch):
    monkeypatch.setenv("TIANJI_INITIAL_RETRY_DELAY", "0.3")
    monkeypatch.setenv("TIANJI_MAX_RETRY_DELAY", "0.3")
    fake_upstream.answer(FAIL)

    async def main():
        async with serving({"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 1}}) as client:
            started = time.monotonic()
            await client.chat()
            return time.monotonic() - started

    took = asyncio.run(main())
    assert 0.29 < took < 0.55


def test_a_vendors_retry_after_is_waited_for(ask, fake_upstream):
    started = time.monotonic()
    assert ask(Answer.error(429, retry_after="0.4"), Answer.chat()).status == 200
    assert time.monotonic() - started > 0.38


def test_no_pause_where_another_row_is_left(ask):
    started = time.monotonic()
    assert ask(Answer.error(429, retry_after="5"), Answer.chat(), rows=2).status == 200
    assert time.monotonic() - started < 1


def test_a_time_out_is_tried_again(serving, row, fake_upstream):
    fake_upstream.answer(Answer.never(), Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream, timeout=0.2)]}) as client:
            return await client.chat()

    assert asyncio.run(main()).status == 200


@pytest.mark.parametrize("where", ["header", "body", "row", "router"])
def test_time_outs(serving, row, fake_upstream, where):
    fake_upstream.answer(Answer.never())
    config = {
        "model_list": [row(fake_upstream, **({"timeout": 0.2} if where == "row" else {}))],
        "router_settings": {"num_retries": 0, **({"timeout": 0.2} if where == "router" else {})},
    }
    headers = {"x-litellm-timeout": "0.2"} if where == "header" else {}
    body = {"timeout": 0.2} if where == "body" else {}

    async def main():
        async with serving(config) as client:
            started = time.monotonic()
            answer = await client.chat(headers=headers, **body)
            assert time.monotonic() - started < 1
            return answer

    answer = asyncio.run(main())
    assert answer.status == 408
    assert answer.error["message"]


def test_a_slow_body_counts_too(serving, row, fake_upstream):
    fake_upstream.answer(Answer(200, (("content-type", "application/json"),), pieces=(b"{", 5.0, b"}")))

    async def main():
        async with serving({"model_list": [row(fake_upstream, timeout=0.2, num_retries=0)]}) as client:
            return await client.chat()

    assert asyncio.run(main()).status == 408


@pytest.mark.parametrize("value", ["x", "-1", "0", "nan", "inf", "1e999", "", "5,5"])
@pytest.mark.parametrize("header", ["x-litellm-timeout", "x-litellm-stream-timeout", "x-litellm-num-retries"])
def test_nonsense_in_fields(ask, fake_upstream, header, value):
    answer = ask(Answer.chat(), headers={header: value})
    if header == "x-litellm-num-retries" and value == "0":
        assert answer.status == 200
        return
    assert answer.status == 400
    assert header in answer.error["message"]


@pytest.mark.parametrize("seconds", [1e308, 5e-324, 1e-9, 1e12, 10**18])
def test_odd_time_outs_are_no_crash(ask, seconds):
    assert ask(Answer.chat(), router={"num_retries": 0}, timeout=seconds).status in (200, 408, 400)


# -- fallbacks -----------------------------------------------------------------------------------------------------

TOO_LONG = Answer.json(
    {"error": {"message": "This model's maximum context length is 10 tokens.", "code": "context_length_exceeded"}}, 400
)
REFUSED = Answer.json({"error": {"message": "No.", "code": "content_policy_violation"}}, 400)


@pytest.fixture
def groups(serving, row):
    """Several groups, each with a vendor of its own; says which were asked, in order."""

    def run(answers, router=None, headers=None, litellm=None, **body):
        upstreams = {name: FakeUpstream(answer).start() for name, answer in answers.items()}
        config = {
            "model_list": [row(upstream, name) for name, upstream in upstreams.items()],
            "router_settings": {"num_retries": 0, **(router or {})},
            "litellm_settings": litellm or {},
        }

        async def main():
            async with serving(config) as client:
                return await client.chat(next(iter(answers)), headers=headers, **body)

        try:
            answer = asyncio.run(main())
            seen = [(r.at, name, r) for name, u in upstreams.items() for r in u.requests]
            return answer, [name for _, name, _ in sorted(seen, key=lambda s: s[0])], upstreams
        finally:
            for upstream in upstreams.values():
                upstream.stop()

    return run


def test_fallbacks_in_order(groups):
    answers = {"a": FAIL, "b": Answer.error(503), "c": Answer.chat("from c"), "d": Answer.chat()}
    answer, asked, _ = groups(answers, {"fallbacks": [{"a": ["b", "c", "d"]}]})
    assert answer.status == 200
    assert asked == ["a", "b", "c"]
    assert answer.json()["model"] == "sample-model"  # what has stepped in says its own name
    assert answer.headers["x-litellm-attempted-fallbacks"] == "2"
    assert answer.headers["x-litellm-model-group"] == "c"


def test_the_error_of_the_group_that_was_asked_is_told(groups):
    answers = {"a": Answer.error(503, "A is ill."), "b": Answer.error(401, "B has no key.")}
    answer, asked, _ = groups(answers, {"fallbacks": [{"a": ["b"]}]})
    assert answer.status == 503
    assert answer.error["message"] == "A is ill."
    assert asked == ["a", "b"]
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"


def test_defaults_limits_and_loops(groups):
    assert groups({"a": FAIL, "b": Answer.chat()}, {"default_fallbacks": ["b"]})[1] == ["a", "b"]
    names = dict.fromkeys("abcdefgh", FAIL)
    assert groups(names, {"fallbacks": [{"a": list("bcdefgh")}]})[1] == list("abcdef")
    assert groups(names, {"fallbacks": [{"a": list("bcd")}], "max_fallbacks": 1})[1] == list("ab")
    assert groups({"a": FAIL, "b": FAIL}, {"fallbacks": [{"a": ["b", "a", "b"]}, {"b": ["a"]}]})[1] == ["a", "b"]


def test_the_client_says_where(groups):
    answers = {"a": FAIL, "b": Answer.chat(), "c": Answer.chat()}
    assert groups(answers, {"fallbacks": [{"a": ["b"]}]}, fallbacks=["c"])[1] == ["a", "c"]
    _, asked, upstreams = groups(answers, fallbacks=[{"model": "c", "messages": [], "temperature": 1}])
    assert asked == ["a", "c"]
    assert upstreams["c"].requests[0].json() == {"model": "up-1", "messages": [], "temperature": 1}
    assert groups(answers, {"fallbacks": [{"a": ["b"]}]}, disable_fallbacks=True)[1] == ["a"]


@pytest.mark.parametrize("fallbacks", [[5], [None], [[]], [{}], [{"model": 5}], ["nope"], [""]])
def test_nonsense_fallbacks(groups, fallbacks):
    answer, asked, _ = groups({"a": FAIL}, fallbacks=fallbacks)
    assert asked == ["a"]
    assert answer.status in (400, 500)
    assert answer.error["message"] != "Internal server error."


@pytest.mark.parametrize("members", [{"messages": "x"}, {"temperature": "hot"}, {"messages": [5]}, {"extra_body": 5}])
def test_nonsense_in_a_fallback(groups, members):
    answer, asked, _ = groups({"a": FAIL, "b": Answer.chat()}, fallbacks=[{"model": "b", **members}])
    assert answer.status == 400
    assert asked == []


def test_special_fallbacks(groups):
    router = {
        "fallbacks": [{"a": ["b"]}],
        "context_window_fallbacks": [{"a": ["long"]}],
        "content_policy_fallbacks": [{"a": ["lax"]}],
    }
    others = {"b": Answer.chat(), "long": Answer.chat(), "lax": Answer.chat()}
    assert groups({"a": TOO_LONG, **others}, router)[1] == ["a", "long"]
    assert groups({"a": REFUSED, **others}, router)[1] == ["a", "lax"]
    assert groups({"a": FAIL, **others}, router)[1] == ["a", "b"]
    assert groups({"a": TOO_LONG, **others}, {"fallbacks": [{"a": ["b"]}]})[1] == ["a", "b"]
    assert groups({"a": FAIL, "b": Answer.chat()}, litellm={"fallbacks": [{"a": ["b"]}]})[1] == ["a", "b"]


def test_a_stream_falls_back_before_its_first_chunk_only(groups):
    dead = Answer(200, (("content-type", "text/event-stream"),), b"")
    router = {"fallbacks": [{"a": ["b"]}]}
    answer, asked, _ = groups({"a": dead, "b": Answer.chat_stream("from b")}, router, stream=True)
    assert asked == ["a", "b"]
    assert answer.text() == "from b"
    assert {c["model"] for c in answer.chunks()} == {"up-1"}
    begun = Answer.sse({"choices": [{"index": 0, "delta": {"content": "x"}}]}, done=False)
    answer, asked, _ = groups({"a": begun, "b": Answer.chat_stream("from b")}, router, stream=True)
    assert asked == ["a"]
    assert "error" in answer.chunks()[-1]


def test_an_order_among_rows(serving, row):
    with FakeUpstream(FAIL) as first, FakeUpstream(Answer.chat("second")) as second:
        config = {"model_list": [row(second, order=2), row(first, order=1)]}

        async def main():
            async with serving(config) as client:
                return [await client.chat() for _ in range(5)]

        answers = asyncio.run(main())
        assert {a.status for a in answers} == {200}
        assert len(first.requests) == 5
