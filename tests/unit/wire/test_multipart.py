"""Forms: what others read in them is what was put in, and no name or type of a client's gets out of its place."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import FormParser, parse_options_header

from tianji_core.api.http import SizedBody
from tianji_core.wire.multipart import IN_MEMORY, encode_form

NASTY = st.sampled_from(['"', "\r\n", "\n", "\r", "\\", ";", "%22", "--", "\r\n\r\n", "ü", "天", "🗼", '"; x="', "\0"])
names = st.lists(st.text(st.characters(codec="utf-8"), max_size=8) | NASTY, min_size=1, max_size=4).map("".join)
values = st.lists(st.text(st.characters(codec="utf-8"), max_size=12) | NASTY, max_size=4).map("".join)
contents = st.lists(st.binary(max_size=20) | st.sampled_from([b"\r\n--tianji-", b"\r\n--", b"--\r\n"]), max_size=4).map(
    b"".join
)


def escaped(name):
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def by_python_multipart(content_type, body):
    """Name, file name and content of each part, as python-multipart reads them."""
    kind, options = parse_options_header(content_type)
    assert kind == b"multipart/form-data"
    found = []

    def on_field(field):
        found.append((field.field_name, None, field.value or b""))

    def on_file(file):
        file.file_object.seek(0)
        found.append((file.field_name, file.file_name, file.file_object.read()))
        file.close()

    parser = FormParser("multipart/form-data", on_field, on_file, boundary=options[b"boundary"])
    parser.write(body)
    parser.finalize()
    parser.close()
    return found


def by_email(content_type, body):
    """The parts, as the standard library reads them."""
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    assert message.is_multipart()
    assert not message.defects
    return list(message.iter_parts())


@given(st.lists(st.tuples(names, values), min_size=1, max_size=4))
def test_fields_come_back(fields):
    content_type, body = encode_form(fields)
    found = by_python_multipart(content_type, body)
    assert [value.decode() for _, _, value in found] == [value for _, value in fields]
    assert len(by_email(content_type, body)) == len(fields)


@given(st.lists(st.tuples(names, names, contents), min_size=1, max_size=3))
def test_files_come_back(files):
    content_type, body = encode_form([], [(name, file, "audio/wav", data) for name, file, data in files])
    assert [data for _, _, data in by_python_multipart(content_type, body)] == [data for _, _, data in files]
    parts = by_email(content_type, body)
    assert len(parts) == len(files)
    for part in parts:
        assert {name.lower() for name, _ in part.items()} == {"content-disposition", "content-type"}


def test_the_standard_library_reads_the_same():
    data = bytes(range(256)) + b"\r\nlast line\r\n"
    content_type, body = encode_form(
        [("model", "whisper-1"), ("temperature", 0.5), ("stream", True), ("none", None), ("list", ["a", 1])],
        [("file", "a b.wav", "audio/wav", data)],
    )
    *fields, file = by_email(content_type, body)
    read = {p.get_param("name", header="content-disposition"): p.get_payload(decode=True) for p in fields}
    assert read == {
        "model": b"whisper-1",
        "temperature": b"0.5",
        "stream": b"true",
        "none": b"null",
        "list": b'["a",1]',
    }
    assert file.get_filename() == "a b.wav"
    assert file.get_content_type() == "audio/wav"
    assert file.get_payload(decode=True) == data


@pytest.mark.parametrize(
    "evil",
    [
        'a"; filename="b',
        "a\r\ncontent-type: text/html",
        "a\r\n\r\nbody",
        "a\nx-evil: 1",
        "a\rx-evil: 1",
        'a"\r\n--boundary\r\n',
    ],
)
def test_no_name_gets_out_of_its_quotes(evil):
    content_type, body = encode_form([(evil, "v")], [(evil, evil, f"image/png{evil}", b"data")])
    field, file = by_email(content_type, body)
    assert [name.lower() for name, _ in field.items()] == ["content-disposition"]
    assert field.get_param("filename", header="content-disposition") is None
    assert [name.lower() for name, _ in file.items()] == ["content-disposition", "content-type"]
    assert field.get_payload(decode=True) == b"v"
    assert file.get_payload(decode=True) == b"data"
    found = by_python_multipart(content_type, body)
    assert [(name.decode(), value) for name, _, value in found] == [(escaped(evil), b"v"), (escaped(evil), b"data")]
    assert found[1][1].decode() == escaped(evil)


def test_text_that_is_no_unicode_is_no_crash():
    content_type, body = encode_form([("a\ud800", "v\ud800")], [("f", "n\ud800", "t\ud800/天", b"")])
    assert len(by_python_multipart(content_type, body)) == 2


def test_the_same_form_is_the_same_bytes_and_another_has_another_boundary():
    one, two = encode_form([("a", "1")]), encode_form([("a", "2")])
    assert one == encode_form([("a", "1")])
    assert one[0] != two[0]
    inner = b"\r\n--" + one[0].partition("boundary=")[2].encode() + b"--\r\n"
    content_type, body = encode_form([], [("f", "n", "a/b", inner)])
    assert by_python_multipart(content_type, body) == [(b"f", b"n", inner)]


def test_an_empty_form():
    content_type, body = encode_form([])
    assert body == b"--" + content_type.partition("boundary=")[2].encode() + b"--\r\n"


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9), lambda i: st.lists(i, max_size=3), max_leaves=5))
def test_what_is_no_text_is_json(value):
    content_type, body = encode_form([("v", value)])
    assert json.loads(by_python_multipart(content_type, body)[0][2]) == value


class OnDisk:
    """A file that is read in pieces."""

    def __init__(self, data, piece):
        self.data, self.piece, self.size = data, piece, len(data)

    def pieces(self):
        return (self.data[start : start + self.piece] for start in range(0, self.size, self.piece))


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3_000_000])
def test_a_large_file_is_not_put_together(size):
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    fields = [("model", "m")]
    content_type, body = encode_form(fields, [("file", "n", "a/b", OnDisk(data, 70_000))])
    assert isinstance(body, bytes) == (size <= IN_MEMORY)
    if not isinstance(body, bytes):
        assert isinstance(body, SizedBody)
        assert body.size == len(b"".join(body))
        body = b"".join(body)  # as often as need be
    assert by_python_multipart(content_type, body) == [(b"model", None, b"m"), (b"file", b"n", data)]


def test_nobody_can_tell_the_boundary_of_a_large_file_beforehand():
    script = "from tianji_core.wire.multipart import encode_form; print(encode_form([('a', '1')])[0])"
    told = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(told) == 2
