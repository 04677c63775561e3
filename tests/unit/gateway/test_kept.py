"""Ids in JSON, names of files, and forms whose file is not at hand."""

from __future__ import annotations

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.objects.kinds import ids_in, with_ids
from tianji_core.gateway.objects.shapes import check_life, check_purpose, clean_name, disposition, media_type
from tianji_core.wire.multipart import open_form

VALUES = [
    ({"assistant_id": "a"}, {("assistant", "a")}),
    ({"thread": {"messages": [{"attachments": [{"file_id": "f"}]}]}}, {("file", "f")}),
    (
        {"tool_resources": {"file_search": {"vector_store_ids": ["v", "w"]}}},
        {("vector_store", "v"), ("vector_store", "w")},
    ),
    ({"training_file": "f", "validation_file": None, "result_files": []}, {("file", "f")}),
    ({"id": "t", "object": "thread"}, {("thread", "t")}),
    ({"id": "t", "object": "thread.deleted", "deleted": True}, {("thread", "t")}),
    ({"id": "m", "object": "thread.message", "thread_id": "t"}, {("thread", "t")}),
    ({"id": "f", "object": "vector_store.file", "vector_store_id": "v"}, {("file", "f"), ("vector_store", "v")}),
    (
        {"object": "list", "first_id": "f", "last_id": "f", "data": [{"id": "f", "object": "vector_store.file"}]},
        {("file", "f")},
    ),
    ({"object": "list", "first_id": "r", "last_id": "r", "data": [{"id": "r", "object": "thread.run"}]}, set()),
    ({"object": "list", "data": []}, set()),
    ({"id": "r", "object": "thread.run"}, set()),
    (
        {"id": "u", "object": "upload", "file": {"id": "f", "object": "file"}},
        {("upload", "u"), ("file", "f")},
    ),
    ({"metadata": {"file_id": "x"}, "attributes": {"file_id": "x"}, "filters": [{"file_id": "x"}]}, set()),
    ({"file_id": 7, "file_ids": [None, 7, ""], "assistant_id": {"file_id": "x"}, "object": ["thread"]}, set()),
    ([[{"file_id": "f"}]], {("file", "f")}),
    ("file_id", set()),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_ids_are_found_and_replaced(value, expected):
    assert set(ids_in(value)) == expected
    there = {pair: f"their-{pair[1]}" for pair in expected}
    back = {(kind, f"their-{id}"): id for kind, id in expected}
    changed = with_ids(value, there)
    assert set(ids_in(changed)) == {(kind, f"their-{id}") for kind, id in expected}
    assert with_ids(changed, back) == value
    assert with_ids(value, {}) == value


def test_a_form_whose_file_is_not_at_hand():
    content_type, head, tail = open_form(
        "b0", [("purpose", "batch"), ("n", 1)], "file", 'a"\r\nx: y.txt', "text/plain\r\nx"
    )
    assert content_type == "multipart/form-data; boundary=b0"
    assert head == (
        b'--b0\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b0\r\ncontent-disposition: form-data; name="n"\r\n\r\n1\r\n'
        b'--b0\r\ncontent-disposition: form-data; name="file"; filename="a%22%0D%0Ax: y.txt"\r\n'
        b"content-type: text/plainx\r\n\r\n"
    )
    assert tail == b"\r\n--b0--\r\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=utf-8''a%22b%5Cc.txt"),
        ("日本.txt", "attachment; filename=\"__.txt\"; filename*=utf-8''%E6%97%A5%E6%9C%AC.txt"),
    ],
)
def test_dispositions(name, expected):
    assert disposition(name) == expected


def test_names_and_media_types():
    assert clean_name("a/b\\..") == "file"
    assert clean_name("\ud800a\x85") == "a"
    assert media_type("a.html", "text/html; x") == "text/html"
    assert media_type("a", "text/html\r\nx: y") == "application/octet-stream"


@pytest.mark.parametrize("seconds", ["3599", "2592001", "x", "1e9", "", None, "-1", "9" * 5000])
def test_lives_that_are_none(seconds):
    with pytest.raises(BadRequestError):
        check_life("created_at", seconds)


def test_lives_and_purposes():
    assert check_life(None, None) is None
    assert check_life("created_at", "3600") == 3600
    assert check_purpose("fine-tune") == "fine-tune"
    for wrong in (None, "", "x", ["batch"]):
        with pytest.raises(BadRequestError):
            check_purpose(wrong)
