import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import InvalidRequest
from tianji_core.transport.head import CHUNKED, Origin, encode_head, split_url


def head(method="POST", headers=(), length=0):
    return encode_head(UpstreamRequest(method, "http://x/", list(headers)), " /p HTTP/1.1\r\nhost: x\r\n", length)


@pytest.mark.parametrize(
    ("url", "origin", "target", "host"),
    [
        ("http://example.com", ("http", "example.com", 80), "/", "example.com"),
        ("http://example.com:80/a", ("http", "example.com", 80), "/a", "example.com"),
        ("https://example.com:443/a?b=c#d", ("https", "example.com", 443), "/a?b=c", "example.com"),
        ("https://example.com:8443/a/", ("https", "example.com", 8443), "/a/", "example.com:8443"),
        ("http://example.com:443/", ("http", "example.com", 443), "/", "example.com:443"),
        ("HTTP://EXAMPLE.com/A", ("http", "example.com", 80), "/A", "example.com"),
        ("http://[::1]:8000/a", ("http", "::1", 8000), "/a", "[::1]:8000"),
        ("https://[2001:DB8::1]/", ("https", "2001:db8::1", 443), "/", "[2001:db8::1]"),
        ("http://my_service-1.local?x=1", ("http", "my_service-1.local", 80), "/?x=1", "my_service-1.local"),
        ("http://h/%0d%0a?q=%00", ("http", "h", 80), "/%0d%0a?q=%00", "h"),
        ("http://h/?", ("http", "h", 80), "/?", "h"),
        ("http://h?#x", ("http", "h", 80), "/?", "h"),
        ("http://h/a;b?c?d://e/#f?g", ("http", "h", 80), "/a;b?c?d://e/", "h"),
        ("http://h//x/../y", ("http", "h", 80), "//x/../y", "h"),
    ],
)
def test_a_url_is_taken_apart(url, origin, target, host):
    assert split_url(url) == (Origin(*origin), target, host)


@pytest.mark.parametrize(
    "url",
    [
        "", "/path", "example.com/x", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http://:80/",
        "http://user@h/", "http://user:secret@h/", "http://@h/", "http://h:0/", "http://h:70000/", "http://h:x/",
        "http://h:-1/", "http://h/a b", "http://h/a\r\nx: y", "http://h/a\nb", "http://h/\0", "http://h/\t",
        "http://h/ü", "http://hüst/", "http://[::1/", "http://[zz]/", "http://[::1%25eth0]/", "http://a,b/",
        "http://h\\@evil/", "http://h%2f/", "http://[v1.x]/", "unix:/x", " http://h/", "http://h/\x7f",
    ],
)  # fmt: skip
def test_a_bad_url_is_refused_and_not_quoted(url):
    with pytest.raises(InvalidRequest) as caught:
        split_url(url)
    assert caught.value.sent is False
    assert "secret" not in str(caught.value)


def test_the_head_is_written_as_asked():
    written = head("POST", [("Authorization", "Bearer k"), ("X-A", "ü"), ("x-a", "2")], 5)
    assert written == (
        b"POST /p HTTP/1.1\r\nhost: x\r\nAuthorization: Bearer k\r\nX-A: \xfc\r\nx-a: 2\r\n"
        b"accept-encoding: identity\r\nuser-agent: tianji\r\ncontent-length: 5\r\n\r\n"
    )


def test_framing_fields_follow_method_and_body():
    assert b"content-length: 0" in head("POST")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        assert b"content-length" not in head(method)
        assert b"content-length: 3" in head(method, length=3)
    chunked = head("POST", length=CHUNKED)
    assert b"transfer-encoding: chunked" in chunked
    assert b"content-length" not in chunked


@pytest.mark.parametrize("name", ["accept-encoding", "Accept-Encoding", "ACCEPT-encoding"])
def test_the_callers_accept_encoding_replaces_ours(name):
    for _ in range(2):  # the second time from the names remembered
        assert b"identity" not in head(headers=[(name, "gzip")])


@pytest.mark.parametrize("name", ["Host", "host", "Content-Length", "content-length", "Transfer-Encoding"])
def test_the_transports_own_headers_are_refused(name):
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=name.lower()):
            head(headers=[(name, "1")])


@pytest.mark.parametrize("name", ["", " x", "x ", "x:", "x\r\ny", "x\ny", "é", "a b", "(x)", "x\0"])
def test_a_bad_header_name_is_refused(name):
    with pytest.raises(InvalidRequest):
        head(headers=[(name, "1")])


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "\0", "a\r\n\r\nGET / HTTP/1.1", "\n", "語"])
def test_a_bad_header_value_is_refused_and_not_quoted(value):
    with pytest.raises(InvalidRequest) as caught:
        head(headers=[("authorization", "secret" + value)])
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("method", ["", "GET /", "GET\r\n", "G T", "é", "CONNECT", "GET:"])
def test_a_bad_method_is_refused(method):
    with pytest.raises(InvalidRequest):
        head(method)


def test_the_names_remembered_are_bounded():
    from tianji_core.transport import head as module

    for number in range(3000):
        head(headers=[(f"x-{number}", "1")])
    assert len(module._names) <= module._NAMES_KEPT


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=12)), max_size=5), st.text(max_size=6))
def test_no_text_smuggles_a_line(headers, method):
    try:
        written = head(method, headers)
    except InvalidRequest:
        return
    lines = written.split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    assert written.count(b"\r\n\r\n") == 1
    assert not any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines)
    assert len(lines) - 2 <= 2 + len(headers) + 2
