"""Keys: nothing that can change an answer is forgotten, nothing else counts."""

from __future__ import annotations

import io
from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.call import Principal
from tianji_core.api.http import Upload
from tianji_core.gateway.cache.embeddings import inputs_of
from tianji_core.gateway.cache.entries import Entry
from tianji_core.gateway.cache.keys import item_keys, request_key, tenant
from tianji_core.gateway.call import Call

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(["messages", "temperature", "tools", "vendor_only", "x"]), VALUES, max_size=4)


def key(body, model="m", operation="chat", whose="user:a", **more):
    return request_key(Call(operation, model, body, **more), whose, (b"anthropic-beta",))


def without_nulls(body):
    return {name: value for name, value in body.items() if value is not None}


@settings(max_examples=200, deadline=None)
@given(BODIES, BODIES)
def test_keys_are_equal_where_bodies_are(one, other):
    same = orjson.dumps(without_nulls(one), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        without_nulls(other), option=orjson.OPT_SORT_KEYS
    )
    assert (key(one) == key(other)) is same


def test_all_that_counts_beside_the_body():
    body = {"messages": []}
    keys = {
        key(body),
        key(body, model="n"),
        key(body, operation="completions"),
        key(body, whose="user:b"),
        key(body, headers={b"anthropic-beta": b"x"}),
        key(body, native={"messages": []}, dialect="messages"),
        key(body, native={"messages": []}, dialect="responses"),
    }
    assert len(keys) == 7
    ignored = {"user": "u", "metadata": {"a": 1}, "stream": True, "tags": ["t"], "cache": {"ttl": 1}, "timeout": 3}
    assert key({**body, **ignored}, headers={b"x-other": b"1"}) == key(body)


def test_files_count_by_their_content():
    def upload(data, name="a.wav"):
        return {"file": Upload(name, "audio/wav", io.BytesIO(data), len(data))}

    assert key(upload(b"1")) == key(upload(b"1", "b.wav")) != key(upload(b"2"))
    assert key(upload(b"1")) != key(upload(b"1", "a.mp3"))


def test_inputs():
    assert inputs_of("a") == ["a"]
    assert inputs_of(["a", "b"]) == ["a", "b"]
    assert inputs_of([1, 2]) == [[1, 2]]
    assert inputs_of([[1], [2]]) == [[1], [2]]
    call = Call("embeddings", "m", {"input": ["a", "b"], "dimensions": 3})
    keys = item_keys(call, "w", (), ["a", "b", "a", [1]])
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3
    assert item_keys(Call("embeddings", "m", {"input": "b", "dimensions": 3}), "w", (), ["b"]) == [keys[1]]


def test_tenants():
    who = Principal(key_hash="k", user_id="u", team_id="t", organization_id="o")
    assert [tenant(who, s) for s in ("user", "team", "organization", "all")] == [
        "user:u",
        "team:t",
        "organization:o",
        "all",
    ]
    alone = replace(who, team_id=None, organization_id=None)
    assert {tenant(alone, s) for s in ("user", "team", "organization")} == {"user:u"}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | VALUES.map(orjson.dumps))
def test_what_is_none_of_ours_is_no_entry(data):
    assert Entry.decode(data) is None


def test_an_entry_comes_back():
    entry = Entry(1.5, {"choices": []}, usage={"total_tokens": 3}, deployment="d", model="m")
    assert Entry.decode(entry.encode()) == entry
