"""Ids of answers that vendors keep: what they lead to, and what they do not tell."""

from __future__ import annotations

import base64
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.provider import ProviderSettings
from tianji_core.gateway.responses.ids import ResponseIds

VENDOR_ID = "resp_" + "0a1b" * 12


def deployment(ident, base="https://a.example/v1", key="sk-one-secret", organization=None, keeps=True):
    """What of a deployment its account is made of."""
    provider = SimpleNamespace(
        api_base=base,
        settings=ProviderSettings(organization=organization),
        native_dialects=frozenset({"responses"}),
        remembers=frozenset({"responses"} if keeps else ()),
    )
    return SimpleNamespace(id=ident, provider=provider, provider_name="openai", secrets=(key,), mock_response=None)


ONE = deployment("one")
SAME = deployment("same")
OTHER = deployment("other", key="sk-other-secret")
ELSEWHERE = deployment("elsewhere", base="https://b.example/v1")
ALL = (ONE, SAME, OTHER, ELSEWHERE)


def test_an_id_leads_back_to_its_account():
    ids, replica = ResponseIds(b"key", ALL), ResponseIds(b"key", reversed(ALL))
    for each in ALL:
        sealed = ids.seal(VENDOR_ID, each, "user:a")
        assert re.fullmatch(re.escape(VENDOR_ID) + r"\.[A-Za-z0-9_-]{32}", sealed)
        found = replica.open(sealed, "user:a")
        assert (found.id, found.vendor_id) == (sealed, VENDOR_ID)
        assert {d.id for d in found.deployments} == ({"one", "same"} if each in (ONE, SAME) else {each.id})
        assert replica.open(sealed, None).vendor_id == VENDOR_ID
        assert replica.open(sealed, "user:b") is None
        assert ResponseIds(b"other key", ALL).open(sealed, "user:a") is None
    assert ids.seal(VENDOR_ID, ONE, "user:a") == ids.seal(VENDOR_ID, SAME, "user:a")


def test_an_account_whose_key_has_changed():
    sealed = ResponseIds(b"key", [ONE]).seal(VENDOR_ID, ONE, "user:a")
    changed = deployment("one", key="sk-changed-secret")
    assert ResponseIds(b"key", [changed, ELSEWHERE]).open(sealed, "user:a").deployments == (changed,)
    assert ResponseIds(b"key", [changed, OTHER]).open(sealed, "user:a") is None  # which of the two was it?
    assert ResponseIds(b"key", [deployment("one", organization="org")]).open(sealed, "user:a") is None
    assert ResponseIds(b"key", [ELSEWHERE]).open(sealed, "user:a") is None


def test_every_character_counts():
    ids = ResponseIds(b"key", ALL)
    sealed = ids.seal(VENDOR_ID, ONE, "user:a")
    for at, character in enumerate(sealed):
        for other in ("A" if character != "A" else "B", "", "."):
            assert ids.open(sealed[:at] + other + sealed[at + 1 :], "user:a") is None or other == character


@given(st.text())
def test_nothing_else_is_an_id(text):
    ids = ResponseIds(b"key", ALL)
    assert ids.open(text, None) is None
    assert ids.open(f"{VENDOR_ID}.{text}", None) is None


@pytest.mark.parametrize("vendor_id", ["", "../files", "a.b", "é", "x" * 300, "None"])
def test_what_a_vendor_may_call_its_answers(vendor_id):
    ids = ResponseIds(b"key", ALL)
    sealed = ids.seal(vendor_id, ONE, "user:a")
    assert sealed == vendor_id or ids.open(sealed, "user:a").vendor_id == vendor_id


def test_ids_tell_nothing():
    """Neither whose they are nor which ones are of one owner."""
    ids = ResponseIds(b"key", ALL)
    one, two = (ids.seal(f"resp_{n}", ONE, "user:ada") for n in (1, 2))
    seals = [base64.urlsafe_b64decode(each.partition(".")[2]) for each in (one, two)]
    assert all(b"ada" not in seal and b"secret" not in seal for seal in seals)
    assert seals[0][:9] == seals[1][:9]  # the account
    assert all(a != b for a, b in zip(seals[0][9::6], seals[1][9::6], strict=True))


def test_whether_there_are_several_accounts():
    assert not ResponseIds(b"key", [ONE, SAME, deployment("chat", key="sk-chat-secret", keeps=False)]).several
    assert ResponseIds(b"key", [ONE, OTHER]).several
    ids = ResponseIds(b"key", ALL)
    assert ids.account("one") == ids.account("same") != ids.account("other")
