"""When a deployment is left alone, for how long, and how it comes back."""

from __future__ import annotations

import pytest

from tianji_core.api import errors
from tianji_core.routing import CooldownRules, Stats
from tianji_core.routing.cooldown import LONGEST, PROBE

ILL = errors.InternalServerError("x")
LIMITED = errors.RateLimitError("x")


class Clock:
    """The time of the module under test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("tianji_core.routing.cooldown.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def group():
    """Two deployments, a and b, of one group, and the only one of another, c."""

    def make(**rules):
        stats = Stats()
        stats.cooldowns.rules = CooldownRules(peers={"a": ("b",), "b": ("a",), "c": ()}, **rules)
        return stats

    return make


def fail(stats, identifier, error=ILL, times=1):
    for _ in range(times):
        stats.began(identifier)
        stats.failed(identifier, error)


def succeed(stats, identifier, times=1):
    for _ in range(times):
        stats.began(identifier)
        stats.succeeded(identifier, 0.1, 1, None)


def test_five_in_a_row(group):
    stats = group()
    succeed(stats, "a", 100)
    fail(stats, "a", times=4)
    assert not stats.cooldowns.rests("a")
    fail(stats, "a")
    assert stats.cooldowns.rests("a")


def test_a_success_between_begins_the_row_anew(group):
    stats = group()
    succeed(stats, "a", 100)
    for _ in range(5):
        fail(stats, "a", times=4)
        succeed(stats, "a")
    assert not stats.cooldowns.resting


def test_more_than_half_of_a_minute(group):
    stats = group()
    for _ in range(2):
        succeed(stats, "a")
        fail(stats, "a")
    assert not stats.cooldowns.resting  # four calls say nothing yet
    fail(stats, "a")
    assert stats.cooldowns.rests("a")  # 3 of 5


@pytest.mark.parametrize("error", [LIMITED, errors.AuthenticationError("x"), errors.NotFoundError("x")])
def test_what_the_next_call_would_meet_too(group, error):
    stats = group()
    fail(stats, "a", error)
    assert stats.cooldowns.rests("a")
    assert stats.cooldowns.resting["a"].reason == type(error).__name__


@pytest.mark.parametrize("kind", [errors.BadRequestError, errors.UnprocessableEntityError, errors.ConflictError])
def test_what_is_about_the_request(group, kind):
    stats = group()
    fail(stats, "a", kind("x"), times=20)
    assert not stats.cooldowns.resting


def test_the_last_of_a_group_goes_on(group):
    stats = group()
    fail(stats, "a", LIMITED)
    fail(stats, "b", LIMITED, times=9)
    fail(stats, "c", times=9)
    assert stats.cooldowns.resting.keys() == {"a"}


def test_with_a_fallback_even_the_last_one_rests(group):
    stats = group(with_fallback=frozenset({"a", "b", "c"}))
    fail(stats, "a", LIMITED)
    fail(stats, "b", LIMITED)
    fail(stats, "c", times=5)
    assert stats.cooldowns.resting.keys() == {"a", "b", "c"}


def test_how_long(group, clock):
    stats = group(own_seconds={"b": 60.0}, with_fallback=frozenset({"c"}))
    asked = errors.RateLimitError("x", retry_after=20.0)
    fail(stats, "a", asked)
    fail(stats, "c", errors.RateLimitError("x", retry_after=1e9))
    assert stats.cooldowns.remaining("a") == 20.0  # as the vendor asks
    assert stats.cooldowns.remaining("c") == LONGEST
    stats = group(own_seconds={"b": 60.0})
    fail(stats, "b", asked)
    assert stats.cooldowns.remaining("b") == 60.0  # the row's own
    fail(stats, "a", LIMITED)  # the last one
    assert stats.cooldowns.remaining("a") == 0.0
    clock.now += 60.0
    assert not stats.cooldowns.rests("b")


def test_off(group):
    for rules in ({"enabled": False}, {"seconds": 0.0}, {"own_seconds": {"a": 0.0}}):
        stats = group(**rules)
        fail(stats, "a", LIMITED, times=9)
        assert not stats.cooldowns.resting


def test_one_call_tries_whether_it_is_well_again(group, clock):
    stats = group()
    cooldowns = stats.cooldowns
    fail(stats, "a", LIMITED)
    clock.now += 5.0
    assert not cooldowns.rests("a")
    stats.began("a")
    assert cooldowns.rests("a"), "the others wait for the probe"
    stats.failed("a", ILL)
    assert cooldowns.remaining("a") == 5.0, "one failure is enough now"
    clock.now += 5.0
    stats.began("a")
    stats.gave_up("a")
    assert not cooldowns.rests("a"), "a probe that nobody waits for says nothing"
    stats.began("a")
    clock.now += PROBE
    assert not cooldowns.rests("a"), "a probe that never ends does not lock it out"
    stats.succeeded("a", 0.1, 1, None)
    assert not cooldowns.resting


def test_a_probe_that_fails_for_the_requests_sake(group, clock):
    stats = group()
    fail(stats, "a", LIMITED)
    clock.now += 5.0
    fail(stats, "a", errors.BadRequestError("x"))
    assert not stats.cooldowns.rests("a")


def test_allowed_fails(group, clock):
    stats = group(allowed_fails=3)
    fail(stats, "a", LIMITED, times=3)
    assert not stats.cooldowns.resting
    clock.now += 5.0  # the count is of the cooldown time
    fail(stats, "a", LIMITED, times=3)
    assert not stats.cooldowns.resting
    fail(stats, "a")
    assert stats.cooldowns.rests("a")


def test_allowed_fails_by_kind(group):
    policy = {errors.RateLimitError: 5, errors.InternalServerError: 0}
    stats = group(allowed_by_error=policy)
    fail(stats, "a", errors.AuthenticationError("x"), times=9)  # the policy does not speak of it
    fail(stats, "a", LIMITED, times=5)
    assert not stats.cooldowns.resting
    fail(stats, "b", errors.BadGatewayError("x"))  # the nearest class that is named
    assert stats.cooldowns.rests("b")
    stats = group(allowed_by_error=policy, allowed_fails=1)
    fail(stats, "a", errors.AuthenticationError("x"))
    assert not stats.cooldowns.resting
    fail(stats, "a", errors.NotFoundError("x"))
    assert stats.cooldowns.rests("a")


def test_who_listens_is_told_of_each_change_once(group, clock):
    stats, told = group(), []
    stats.cooldowns.on_change.append(lambda identifier, rest: told.append((identifier, rest and rest.reason)))
    fail(stats, "a", LIMITED)
    clock.now += 5.0
    succeed(stats, "a", 3)
    assert told == [("a", "RateLimitError"), ("a", None)]


def test_what_other_replicas_say(group, clock):
    stats, other = group(), group()
    told = []
    other.cooldowns.on_change.append(lambda *_: told.append(1))
    stats.cooldowns.on_change.append(other.cooldowns.learned)
    fail(stats, "a", LIMITED)
    assert other.cooldowns.rests("a")
    clock.now += 5.0
    succeed(stats, "a")
    assert not other.cooldowns.resting
    assert not told, "what was heard is not told on"
    other.cooldowns.learned("gone", stats.cooldowns.resting.get("a"))
    assert not other.cooldowns.resting


def test_deployments_that_are_gone_are_forgotten(group):
    stats = group()
    fail(stats, "a", LIMITED)
    stats.forget_all_but({"b", "c"})
    assert not stats.cooldowns.resting
