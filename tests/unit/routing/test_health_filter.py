"""Which deployments are left out for their health checks."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tianji_core.routing import Stats
from tianji_core.routing.filters.health import HealthFilter
from tianji_core.routing.stats import Checked

A, B, C = (SimpleNamespace(id=name) for name in "abc")


def kept(*checks, fresh=60.0, forgives=False, rows=(A, B, C)):
    stats = Stats()
    stats.checked = {check.deployment_id: check for check in checks}
    return "".join(d.id for d in HealthFilter(fresh, forgives=forgives).keep(rows, None, stats))


def check(name, healthy, *, ago=0.0, status=500):
    return Checked(name, healthy, time.time() - ago, 0.1, status, None if healthy else "x")


def test_nobody_was_checked():
    assert kept() == "abc"


def test_the_ill_one_is_left_out():
    assert kept(check("a", False), check("b", True)) == "bc"


def test_a_check_that_asked_nothing_says_nothing():
    assert kept(check("a", None)) == "abc"


@pytest.mark.parametrize(("ago", "left"), [(0.0, "bc"), (59.0, "bc"), (61.0, "abc")])
def test_old_checks_do_not_count(ago, left):
    assert kept(check("a", False, ago=ago)) == left


def test_if_all_are_ill_all_stay():
    assert kept(*(check(name, False) for name in "abc")) == "abc"
    assert kept(check("a", False), rows=(A,)) == "a"


@pytest.mark.parametrize("status", [408, 429])
def test_what_passes_by_itself_may_be_forgiven(status):
    assert kept(check("a", False, status=status)) == "bc"
    assert kept(check("a", False, status=status), forgives=True) == "abc"


def test_other_failures_are_not_forgiven():
    assert kept(check("a", False, status=401), check("b", False, status=500), forgives=True) == "c"


def test_a_deployment_that_is_gone_is_nobodys_business():
    assert kept(check("z", False)) == "abc"
