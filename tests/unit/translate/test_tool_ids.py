"""Ids of calls with Gemini's signatures in them."""

from __future__ import annotations

from tianji_core.translate.anthropic.names import clean_id
from tianji_core.translate.tool_ids import plain_id, signed_id, split_id


def test_a_signature_travels_in_the_id() -> None:
    assert split_id(signed_id("call_1", "c2ln+/==")) == ("call_1", "c2ln+/==")
    assert plain_id("call_1__thought__c2ln") == "call_1"


def test_without_a_signature_the_id_is_itself() -> None:
    assert signed_id("call_1", None) == signed_id("call_1", "") == "call_1"
    assert split_id("call_1") == ("call_1", None)
    assert split_id("call_1__thought__") == ("call_1", None)


def test_it_is_not_for_anthropic() -> None:
    assert clean_id("call.1__thought__c2ln+/==") == "call_1"
