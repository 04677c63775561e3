"""Shuffling, retries, fallbacks, numbers."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from tianji_core.api import errors
from tianji_core.routing import Fallbacks, RetryPolicy, SimpleShuffle, Stats


def drawn(rows, times=3000):
    stats = Stats(random=Random(7))
    return Counter(SimpleShuffle().pick(rows, None, stats).id for _ in range(times))


def test_alike(deployment):
    counts = drawn([deployment(id=str(i)) for i in range(3)])
    assert all(abs(count - 1000) < 120 for count in counts.values())


@pytest.mark.parametrize("key", ["weight", "rpm", "tpm"])
def test_by_weight(deployment, key):
    counts = drawn([deployment(id="a", **{key: 9}), deployment(id="b", **{key: 1})])
    assert 2500 < counts["a"] < 2850


def test_weight_before_rpm_before_tpm(deployment):
    rows = [deployment(id="a", weight=1, rpm=1, tpm=1), deployment(id="b", rpm=10**9, tpm=10**9)]
    assert drawn(rows) == {"a": 3000}
    rows = [deployment(id="a", rpm=1, tpm=1), deployment(id="b", tpm=10**9)]
    assert drawn(rows) == {"a": 3000}


def test_weights_of_nought(deployment):
    assert set(drawn([deployment(id="a", weight=0), deployment(id="b", weight=0)])) == {"a", "b"}
    assert drawn([deployment(id="a", weight=0)]) == {"a": 3000}


# -- retries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "alone", "with_others"),
    [
        (errors.InternalServerError, True, True),
        (errors.APIConnectionError, True, True),
        (errors.BadGatewayError, True, True),
        (errors.ServiceUnavailableError, True, True),
        (errors.OverloadedError, True, True),
        (errors.RateLimitError, True, True),
        (errors.RequestTimeoutError, True, True),
        (errors.ConflictError, True, True),
        (errors.AuthenticationError, False, True),
        (errors.PermissionDeniedError, False, True),
        (errors.BadRequestError, False, False),
        (errors.NotFoundError, False, False),
        (errors.UnprocessableEntityError, False, False),
        (errors.ContextWindowExceededError, False, False),
        (errors.ContentPolicyViolationError, False, False),
        (errors.GuardrailBlockedError, False, False),
        (errors.UnsupportedParamsError, False, False),
        (errors.ClientClosedError, False, False),
        (errors.PaymentRequiredError, False, False),
        (errors.RequestTooLargeError, False, False),
    ],
)
def test_what_is_tried_again(error, alone, with_others):
    policy = RetryPolicy(num_retries=3)
    assert policy.tries(error("x"), "g", 1, None, None) == (3 if alone else 0)
    assert policy.tries(error("x"), "g", 2, None, None) == (3 if with_others else 0)


@pytest.mark.parametrize(
    ("error", "group", "asked", "own", "tries"),
    [
        (errors.RateLimitError, "g", None, None, 7),
        (errors.RateLimitError, "other", None, None, 4),
        (errors.RateLimitError, "g", 1, None, 1),
        (errors.RateLimitError, "g", 0, 9, 0),
        (errors.RateLimitError, "g", None, 9, 7),
        (errors.InternalServerError, "g", None, None, 0),
        (errors.BadGatewayError, "g", None, None, 0),  # the nearest class that is named
        (errors.BadRequestError, "g", None, None, 1),
        (errors.ContextWindowExceededError, "g", None, None, 1),
        (errors.GuardrailBlockedError, "g", None, None, 0),
        (errors.NotFoundError, "g", None, None, 0),
        (errors.RequestTimeoutError, "g", None, 9, 9),
        (errors.RequestTimeoutError, "g", None, None, 2),
    ],
)
def test_policies(error, group, asked, own, tries):
    policy = RetryPolicy(
        by_error={errors.RateLimitError: 4, errors.BadRequestError: 1, errors.InternalServerError: 0},
        by_group={"g": {errors.RateLimitError: 7}},
    )
    assert policy.tries(error("x"), group, 1, asked, own) == tries


def test_pauses():
    policy = RetryPolicy(jitter=0.0)
    assert [policy.delay(0, i, Random(1)) for i in range(6)] == [0.5, 1, 2, 4, 8, 8]
    assert policy.delay(0, 10**9, Random(1)) == 8
    assert RetryPolicy(retry_after=3, jitter=0).delay(0, 0, Random(1)) == 3
    assert RetryPolicy(retry_after=30, jitter=0).delay(0, 0, Random(1)) == 30
    for asked, waited in ((2.5, 2.5), (60, 60), (61, None), (0, 0.5), (-5, 0.5)):
        assert policy.delay(asked, 0, Random(1)) == waited
    jittered = {RetryPolicy().delay(0, 0, Random(seed)) for seed in range(50)}
    assert len(jittered) > 40
    assert all(0.5 <= delay <= 1.25 for delay in jittered)


# -- fallbacks -----------------------------------------------------------------------------------------------------

FAILED = errors.InternalServerError("x")
TOO_LONG = errors.ContextWindowExceededError("x")
REFUSED = errors.ContentPolicyViolationError("x")
FULL = Fallbacks(
    general={"a": ["g1", "g2"], "*": ["default"]},
    context_window={"a": ["long"]},
    content_policy={"a": ["lax"], "*": ["laxest"]},
)


def names(fallbacks, error, group, *args):
    return [f.model for f in fallbacks.after(error, group, *args)]


def test_which_list():
    assert names(FULL, FAILED, "a") == ["g1", "g2"]
    assert names(FULL, FAILED, "b") == ["default"]
    assert names(FULL, TOO_LONG, "a") == ["long"]
    assert names(FULL, TOO_LONG, "b") == []
    assert names(FULL, REFUSED, "a") == ["lax"]
    assert names(FULL, REFUSED, "b") == ["laxest"]
    assert names(Fallbacks(general={"a": ["g"]}), TOO_LONG, "a") == ["g"]
    assert names(Fallbacks(general={"a": ["g"]}), REFUSED, "a") == ["g"]
    assert names(Fallbacks(), FAILED, "a") == []


def test_a_vendors_prefix_does_not_matter():
    fallbacks = Fallbacks(general={"gpt-4o": ["b"]})
    assert names(fallbacks, FAILED, "openai/gpt-4o") == ["b"]


def test_an_alias_has_the_list_of_its_group_unless_it_has_its_own():
    aliases = {"short": "a", "own": "a", "lonely": "b"}
    fallbacks = Fallbacks({"a": ["g"], "own": ["mine"], "*": ["default"]}, {"a": ["long"]}, aliases=aliases)
    assert names(fallbacks, FAILED, "short") == ["g"]
    assert names(fallbacks, TOO_LONG, "short") == ["long"]
    assert names(fallbacks, FAILED, "own") == ["mine"]
    assert names(fallbacks, FAILED, "lonely") == ["default"]
    assert names(fallbacks, TOO_LONG, "lonely") == []


def test_the_clients_own():
    assert names(FULL, FAILED, "a", ["x", "y"]) == ["x", "y"]
    assert names(FULL, TOO_LONG, "a", ["x"]) == ["x"]
    [found] = FULL.after(FAILED, "a", [{"model": "x", "messages": [], "seed": 1}])
    assert (found.model, found.overrides) == ("x", {"messages": [], "seed": 1})
    assert names(FULL, FAILED, "a", []) == ["g1", "g2"]
    assert names(FULL, FAILED, "a", [5, None, {}, {"model": 5}, "x"]) == ["x"]


def test_limits_and_what_never_falls_back():
    assert names(Fallbacks({"a": list("bcdefgh")}), FAILED, "a") == list("bcdef")
    assert names(Fallbacks({"a": ["b"]}, limit=0), FAILED, "a") == []
    for error in (errors.GuardrailBlockedError, errors.UnsupportedParamsError, errors.UnsupportedCapabilityError):
        assert names(FULL, error("x"), "a", ["x"]) == []


# -- numbers -------------------------------------------------------------------------------------------------------


def test_stats():
    stats = Stats(samples=3)
    seen = stats.stats("a")
    assert stats.stats("a") is seen
    for _ in range(4):
        stats.began("a")
    assert (seen.in_flight, seen.requests) == (4, 4)
    stats.succeeded("a", 2.0, 4, None, 30)
    stats.succeeded("a", 2.0, 0, 0.5)
    stats.failed("a", errors.InternalServerError("x"))
    stats.failed("a", errors.RequestTimeoutError("x"))
    assert (seen.in_flight, seen.successes, seen.failures, seen.tokens) == (0, 2, 2, 30)
    assert (seen.failed, seen.failed_in_a_row) == (2, 2)
    assert [value for value, _ in seen.latencies] == [0.5, 2.0, 1000.0]
    assert [value for value, _ in seen.first_token] == [0.5, 1000.0]
    for _ in range(10):
        stats.began("a")
        stats.succeeded("a", 1.0, 1, None)
    assert len(seen.latencies) == 3
    assert (seen.failed, seen.failed_in_a_row) == (2, 0)
    stats.began("a")
    stats.gave_up("a")
    assert seen.in_flight == 0
    stats.stats("b")
    stats.forget_all_but({"b"})
    assert stats.stats("a") is not seen


def test_samples_are_pairs_of_a_value_and_the_time_it_was_taken():
    stats, before = Stats(), time.monotonic()
    stats.began("a")
    stats.succeeded("a", 3.0, 2, 0.25)
    stats.began("a")
    stats.failed("a", errors.RequestTimeoutError("x"))
    seen = stats.stats("a")
    for samples, first in ((seen.latencies, 1.5), (seen.first_token, 0.25)):
        assert [value for value, _ in samples] == [first, 1000.0]
        assert all(before <= taken <= stats.now for _, taken in samples)


def test_a_reload_may_ask_for_other_numbers_of_samples():
    stats = Stats(samples=3)
    for seconds in (1.0, 2.0, 3.0):
        stats.began("a")
        stats.succeeded("a", seconds, 0, seconds)
    for samples, kept in ((2, [2.0, 3.0]), (5, [2.0, 3.0])):
        stats.keep(samples)
        for seen in (stats.stats("a").latencies, stats.stats("a").first_token):
            assert [value for value, _ in seen] == kept
            assert seen.maxlen == samples
    assert stats.stats("b").latencies.maxlen == 5


def test_what_says_nothing_of_the_deployment():
    stats = Stats()
    for error, blames in (
        (errors.BadRequestError("x"), True),
        (errors.UnprocessableEntityError("x"), True),
        (errors.InternalServerError("x"), False),
    ):
        stats.began("a")
        stats.failed("a", error, blames=blames)
    assert (stats.stats("a").failures, stats.stats("a").failed) == (3, 0)


def test_a_minute_begins_at_nothing(monkeypatch):
    stats = Stats()
    stats.began("a")
    stats.succeeded("a", 1.0, 5, None, 9)
    later = time.time() + 60
    monkeypatch.setattr("tianji_core.routing.stats.time.time", lambda: later)
    seen = stats.stats("a")
    assert (seen.requests, seen.tokens, seen.failed, seen.successes) == (0, 0, 0, 1)
