"""Malformed requests and configs: an answer of the 4xx kind, or an error with its line; and on it goes."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

CHAT, TEXT, VECTOR = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HI = '"messages":[{"role":"user","content":"hello"}]'
GOOD = b'{"model":"m",' + HI.encode() + b"}"

JSON = {
    "truncated object": b'{"model":"m","messages":[{"role":"user"',
    "truncated string": b'{"model":"m","messages":[{"role":"user","content":"he',
    "truncated escape": b'{"model":"m","messages":[{"role":"user","content":"\\u00',
    "two documents": GOOD + GOOD,
    "trailing comma": b'{"model":"m","messages":[],}',
    "single quotes": b"{'model':'m','messages':[]}",
    "comment": b'{"model":"m", // which\n "messages":[]}',
    "bare key": b'{model:"m","messages":[]}',
    "NaN": b'{"model":"m",' + HI.encode() + b',"temperature":NaN}',
    "Infinity": b'{"model":"m",' + HI.encode() + b',"temperature":Infinity}',
    "-Infinity": b'{"model":"m",' + HI.encode() + b',"temperature":-Infinity}',
    "number too large": b'{"model":"m",' + HI.encode() + b',"temperature":1e999}',
    "integer too large": b'{"model":"m",' + HI.encode() + b',"max_tokens":' + b"9" * 400 + b"}",
    "integer past 64 bits": b'{"model":"m",' + HI.encode() + b',"max_tokens":99999999999999999999}',
    "a number of 5 MB": b'{"model":"m",' + HI.encode() + b',"seed":' + b"1" * 5_000_000 + b"}",
    "leading zero": b'{"model":"m",' + HI.encode() + b',"seed":007}',
    "hexadecimal": b'{"model":"m",' + HI.encode() + b',"seed":0x10}',
    "invalid UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "overlong UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xc0\xaf"}]}',
    "a surrogate in UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "lone surrogate": b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
    "lone low surrogate": b'{"model":"m","messages":[{"role":"user","content":"\\udc00x"}]}',
    "surrogate as model": b'{"model":"\\ud800","messages":[]}',
    "control character": b'{"model":"m","messages":[{"role":"user","content":"a\x00b"}]}',
    "raw line end": b'{"model":"m","messages":[{"role":"user","content":"a\nb"}]}',
    "BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "latin-1": '{"model":"m","messages":[{"role":"user","content":"é"}]}'.encode("latin-1"),
    "depth 10,000 of arrays": b'{"model":"m","messages":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "depth 10,000 of objects": b'{"model":"m","messages":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "depth 100,000, open": b"[" * 100_000,
    "depth 300": b'{"model":"m","messages":[{"content":' + b"[" * 300 + b"]" * 300 + b"}]}",
    "depth 1,000": b'{"model":"m","messages":[{"content":' + b"[" * 1000 + b"]" * 1000 + b"}]}",
    "model twice": b'{"model":"m","model":"echo",' + HI.encode() + b"}",
    "deep key twice": b'{"model":"m","messages":[{"role":"user","role":"system","content":"x"}]}',
    "key twice, escaped": b'{"model":"m","m\\u006fdel":"echo",' + HI.encode() + b"}",
    "empty": b"",
    "blank": b" \n\t ",
    "null": b"null",
    "a number": b"5",
    "a string": b'"hello"',
    "an array": b"[" + GOOD + b"]",
    "true": b"true",
    "empty object": b"{}",
    "a form": b"model=m&messages=hello",
    "multipart": b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--x--\r\n',
    "XML": b'<?xml version="1.0"?><model>m</model>',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "NUL before": b"\x00" + GOOD,
    "NUL after": GOOD + b"\x00",
    "50 MB of text": b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 50_000_000 + b'"}]}',
    "50 MB of brackets": b"[" * 50_000_000,
}

WRONG = {
    "audio": "x",
    "encoding_format": 5,
    "dimensions": "many",
    "frequency_penalty": "x",
    "functions": {},
    "logit_bias": [],
    "max_completion_tokens": 1.5,
    "max_tokens": "5",
    "messages": "hello",
    "metadata": [],
    "modalities": "text",
    "model": 5,
    "n": "2",
    "num_retries": "3",
    "parallel_tool_calls": "yes",
    "presence_penalty": [],
    "response_format": "json",
    "seed": "x",
    "stop": 5,
    "stream": "true",
    "stream_options": "include_usage",
    "stream_timeout": "1",
    "tags": "a",
    "temperature": "hot",
    "timeout": "soon",
    "tool_choice": 5,
    "tools": {"type": "function"},
    "top_logprobs": 1.5,
    "top_p": True,
    "user": 5,
    "fallbacks": "m",
    "guardrails": "none",
    "extra_body": [],
}
MEMBERS = [
    *({name: value} for name, value in WRONG.items()),
    {"messages": {}},
    {"messages": None},
    {"messages": [None]},
    {"messages": ["hello"]},
    {"messages": [[]]},
    {"messages": [5]},
    {"model": None},
    {"model": []},
    {"model": {}},
    {"model": "nope"},
    {"model": "x" * 100_000},
    {"model": "../../etc/passwd"},
    {"temperature": True},
    {"max_tokens": True},
    {"stream": 1},
    {"stream": "x"},
    {"num_retries": -1},
    {"timeout": -1},
    {"timeout": 0},
    {"stream_timeout": 0},
    {"metadata": {"tags": 5}, "model": "nope"},
    {"api_base": "http://127.0.0.1:1"},
    {"api_key": "x"},
    {"extra_body": {"messages": 5}},
    {"fallbacks": [{"model": "m", "messages": 5}]},
]


class Talker:
    """Sends raw requests to a shared gateway and sees to it that it goes on serving."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.asked = len(gateway.upstream.requests)

    def ask(self, method, path, body=b"", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.server.port, timeout=20)
        fields = {"authorization": f"Bearer {self.gateway.key}", "content-type": "application/json", **headers}
        try:
            try:
                connection.request(method, path, body, fields)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered before everything was sent
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def refused(self, status, body, dialect=True):
        assert 400 <= status < 500, (status, body[:500])
        if dialect:
            error = json.loads(body)["error"]
            assert error["message"]
            assert error["code"] == str(status)
            assert len(body) < 200_000

    def still_serving(self):
        status, body, _ = self.ask("POST", CHAT, GOOD)
        assert status == 200
        assert json.loads(body)["choices"][0]["message"]["content"] == "Hello hello"
        assert self.gateway.server.process.poll() is None


@pytest.fixture
def talker(one_gateway):
    return Talker(one_gateway)


@pytest.mark.parametrize("name", JSON)
def test_bodies(talker, name):
    for path in (CHAT, TEXT, VECTOR) if len(JSON[name]) < 1000 else (CHAT,):
        asked = len(talker.gateway.upstream.requests)
        status, body, _ = talker.ask("POST", path, JSON[name])
        talker.refused(status, body)
        if "50 MB" in name:
            assert status == 413
        assert len(talker.gateway.upstream.requests) == asked, "it reached the vendor"
    talker.still_serving()


def test_members(talker):
    for members in MEMBERS:
        asked = len(talker.gateway.upstream.requests)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], **members}).encode()
        status, answer, _ = talker.ask("POST", CHAT, body)
        talker.refused(status, answer)
        if len(members) == 1:
            [name] = members
            if name in WRONG and members[name] is WRONG[name]:
                assert status == 400, members
                assert json.loads(answer)["error"]["param"] == name, members
        assert len(talker.gateway.upstream.requests) == asked, members
    talker.still_serving()


@pytest.mark.parametrize("path", [TEXT, VECTOR])
def test_members_of_the_other_operations(talker, path):
    name = "prompt" if path == TEXT else "input"
    for value in (None, 5, True, {}, 1.5):
        status, answer, _ = talker.ask("POST", path, json.dumps({"model": "m", name: value}).encode())
        talker.refused(status, answer)
        assert json.loads(answer)["error"]["param"] == name
    for odd in ([None], [{}], [[]], [1, "a"], [True]):
        status, answer, _ = talker.ask("POST", path, json.dumps({"model": "m", name: odd}).encode())
        assert status == 200 or 400 <= status < 500, (odd, answer)
    talker.still_serving()


def test_odd_but_possible_bodies(talker):
    """Nothing here is ours to refuse; nothing may make the gateway stumble either."""
    message = {"role": "user", "content": "hello"}
    for members in (
        {"messages": []},
        {"messages": [{}]},
        {"messages": [{"role": 5, "content": {"a": [None]}, "tool_calls": "x"}]},
        {"messages": [message] * 5000},
        {"": "", "\x00": "\x00", "a" * 10_000: 1},
        {"stream_options": {"include_usage": "yes"}, "stream": True},
        {"stream_options": None, "stream": True},
        {"tools": [None, 5, []]},
        {"logit_bias": {"x": []}},
        {"response_format": {}},
        {"metadata": {"tags": [None, {}, "a"], "": None}},
        {"tags": [None, [], "a"]},
        {"fallbacks": [None, 5, "", "nope"]},
        {"timeout": 1e300},
        {"num_retries": 2**53},
        {"seed": -(2**63)},
        {"temperature": -0.0, "top_p": 5e-324},
        {"user": ""},
        {"user": "\r\nx-evil: 1"},
    ):
        body = json.dumps({"model": "m", "messages": [message], **members}).encode()
        status, answer, headers = talker.ask("POST", CHAT, body)
        assert status == 200 or 400 <= status < 500, (members, answer)
        assert "x-evil" not in headers
    talker.still_serving()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/%00",
        "/v1/models/..%2f..%2fetc%2fpasswd",
        "/v1/models/../../etc/passwd",
        "/../../../../etc/passwd",
        "/docs/..%2f..%2fapp.py",
        "/docs/%2e%2e/%2e%2e/running.py",
        "/v1/models/%ff%fe",
        "/v1/models/%ed%a0%80",
        "/v1/models/%",
        "/v1/models/%zz",
        "/v1/models/" + "a" * 20_000,
        "//evil.test/v1/models",
        "/v1/models/\\..\\..",
        "/%2e%2e%2f",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x=1",
        "/engines//chat/completions",
        "/openai/deployments/%00/chat/completions",
        "/v1/models/a?" + "b=c&" * 3000,
    ],
)
def test_paths(gateway, path):
    talker = Talker(gateway)
    for method in ("GET", "POST"):
        with talker.gateway.send(method, path, GOOD if method == "POST" else b"") as sock:
            sock.settimeout(10)
            data = sock.recv(65536)
        if data:  # a server may also hang up on nonsense
            status = int(data.split(b" ", 2)[1])
            assert 300 <= status < 500, data[:300]
            assert b"root:" not in data
    talker.still_serving()


POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
UPGRADE = (
    b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBs\r\n"
)
RAW = {
    "no request": b"\r\n\r\n\r\n\r\n",
    "noise": bytes(range(256)) * 4,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
    "no version": b"POST /v1/chat/completions\r\nhost: x\r\n\r\n",
    "method garbage": b"G\x00T / HTTP/1.1\r\nhost: x\r\n\r\n",
    "space in the target": b"GET / v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
    "a field without a colon": b"GET / HTTP/1.1\r\nhost x\r\n\r\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nhost: x\r\na: b\x00c\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "a field of 1 MB": b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 1_000_000 + b"\r\n\r\n",
    "20,000 fields": b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    "length garbage": POST + b"content-length: ten\r\n\r\n{}",
    "length negative": POST + b"content-length: -1\r\n\r\n{}",
    "length enormous": POST + b"content-length: " + b"9" * 30 + b"\r\n\r\n{}",
    "two lengths": POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    "length and chunked": POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
    "chunk garbage": POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a coding nobody knows": POST + b"transfer-encoding: magic\r\n\r\n{}",
    "half a body": POST + b"content-length: 100\r\n\r\n{",
    "half a head": b"POST /v1/chat/completions HTTP/1.1\r\nhos",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade": b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + UPGRADE + b"\r\n",
    "CONNECT": b"CONNECT evil.test:443 HTTP/1.1\r\nhost: evil.test\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nhost: x\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    "absolute target": b"GET http://evil.test/v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
def test_raw_requests(gateway, name):
    """The server's part, but the gateway must live through it: an answer that is no success, or the line goes dead."""
    data = b""
    with socket.create_connection(("127.0.0.1", gateway.server.port), timeout=0.5) as sock:
        try:
            sock.sendall(RAW[name])
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                data += part
        except (ConnectionError, OSError):
            pass
    if data.startswith(b"HTTP/1"):
        status = int(data.split(b" ", 2)[1])
        # "/" redirects to the docs; a server may take small liberties with fields as long as nothing is called.
        assert status in (101, 200, 204, 307) or 400 <= status < 500 or status in (501, 505), data[:300]
        assert b"chat.completion" not in data
    Talker(gateway).still_serving()


HEADERS = {
    "authorization": [
        "",
        "Bearer",
        "Bearer " + "x" * 5000,
        "Basic !!!",
        "Basic " + "A" * 3000,
        "\xff\xfe",
        "Digest x=y",
        "Bearer \t",
    ],
    "content-type": [
        "",
        "text/plain",
        "garbage",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "a" * 5000,
    ],
    "content-encoding": ["gzip", "br", "nonsense"],
    "accept": ["", "text/event-stream", "image/png"],
    "x-litellm-timeout": ["x", "-1", "nan", ""],
    "x-litellm-num-retries": ["x", "-1", "1e99", "\xff"],
    "x-litellm-tags": ["", ",,,", "a" * 5000, "\xff"],
    "host": ["", "evil.test", "a" * 5000, "x:99999"],
    "traceparent": ["garbage"],
    "x-forwarded-for": ["garbage, 1.2.3.4"],
    "expect": ["100-continue", "nonsense"],
}


def test_fields(gateway):
    talker = Talker(gateway)
    for name, values in HEADERS.items():
        for value in values:
            status, body, headers = talker.ask("POST", CHAT, GOOD, **{name: value})
            assert status == 200 or 400 <= status < 500, (name, value, status, body[:300])
            assert all(ord(c) >= 32 for v in headers.values() for c in v)
            if name in ("authorization", "x-litellm-timeout", "x-litellm-num-retries"):
                talker.refused(status, body)
    talker.still_serving()


def test_memory_stays_bounded(one_gateway):
    """After all of the above, and some more of the worst of it."""
    talker = Talker(one_gateway)
    worst = [JSON["50 MB of text"], JSON["depth 100,000, open"], JSON["a number of 5 MB"], JSON["50 MB of brackets"]]
    for body in worst:
        talker.ask("POST", CHAT, body)
    before = one_gateway.rss()
    for _ in range(5):
        for body in worst:
            talker.ask("POST", CHAT, body)
        within = b'{"model":"nope","messages":[{"role":"user","content":"' + b"x" * 20_000_000 + b'"}]}'
        talker.refused(*talker.ask("POST", CHAT, within)[:2])
    talker.still_serving()
    assert one_gateway.rss() < before + 60 * 1024 * 1024  # what is not for the garbage collector to find
    assert one_gateway.rss() < 500 * 1024 * 1024


# -- configs ------------------------------------------------------------------------------------------------------

ROW = "  - model_name: a\n    litellm_params:\n      model: echo/echo-1\n"
CONFIGS = {
    "empty": "",
    "blank": "\n\n  \n",
    "only a comment": "# nothing\n",
    "null": "null\n",
    "a list": "- a\n- b\n",
    "a text": "hello\n",
    "a number": "5\n",
    "broken flow": "model_list: [}\n",
    "broken indentation": "model_list:\n  - model_name: a\n   litellm_params: {}\n",
    "a tab": "model_list:\n\t- model_name: a\n",
    "open quote": 'model_list:\n  - model_name: "a\n',
    "key twice": "model_list: []\nmodel_list: []\n",
    "unknown anchor": "model_list: *nowhere\n",
    "a Python object": "model_list: !!python/object/apply:os.system ['true']\n",
    "an unknown tag": "model_list: !nonsense x\n",
    "two documents": "model_list: []\n---\nmodel_list: []\n",
    "depth 10,000": "a: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "model_list: *j\n",
    "an anchor in itself": "model_list: &a [*a]\n",
    "NUL": "model_list: \x00\n",
    "rows that are a map": "model_list: {a: b}\n",
    "no such vendor": "model_list:\n  - model_name: a\n    litellm_params:\n      model: nope/x\n",
    "no vendor": "model_list:\n  - model_name: a\n    litellm_params:\n      model: nameless\n",
    "no address": "model_list:\n  - model_name: a\n    litellm_params:\n      model: openai_compatible/x\n",
    "no such strategy": "model_list:\n" + ROW + "router_settings:\n  routing_strategy: nope\n",
    "no such callback": "model_list:\n" + ROW + "litellm_settings:\n  callbacks: [nope]\n",
    "no such file": "model_list:\n" + ROW + "litellm_settings:\n  callbacks: [nope.sink]\n",
    "no such guardrail": "model_list:\n"
    + ROW
    + "guardrails:\n  - guardrail_name: g\n    litellm_params: {guardrail: nope, mode: pre_call}\n",
    "no such plugin": "model_list:\n" + ROW + "plugins: [nope]\n",
    "no such credential": "model_list:\n" + ROW + "      litellm_credential_name: nope\n",
    "no such include": "include: [missing.yaml]\nmodel_list:\n" + ROW,
    "settings that are a list": "model_list:\n" + ROW + "general_settings: []\n",
    "settings that are a text": "model_list:\n" + ROW + "router_settings: fast\n",
    "retries that are a text": "model_list:\n" + ROW + "router_settings:\n  num_retries: many\n",
    "a time-out that is a text": "model_list:\n" + ROW + "router_settings:\n  timeout: soon\n",
    "a negative time-out": "model_list:\n" + ROW + "router_settings:\n  timeout: -1\n",
    "a key that is a list": "model_list:\n" + ROW + "general_settings:\n  master_key: [a]\n",
    "a prefix that is none": "model_list:\n" + ROW + "general_settings:\n  response_header_prefix: x-evil-\n",
    "fallbacks that are a text": "model_list:\n" + ROW + "router_settings:\n  fallbacks: a\n",
    "no such certificate": "model_list:\n" + ROW + "litellm_settings:\n  ssl_certificate: /nowhere.pem\n",
    "custom auth that is missing": "model_list:\n" + ROW + "general_settings:\n  custom_auth: nope.check\n",
    "one id twice": "model_list:\n" + (ROW + "    model_info: {id: same}\n") * 2,
}
LINELESS = {"empty", "blank", "only a comment", "null", "a list", "a text", "a number", "NUL", "billion laughs"}
"""There is no line to name in these, or the whole file is the matter."""


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name, tmp_path, capsys):
    """In process, to be quick: `tianji check` and `serve` go through the same code (see test_serve.py)."""
    from tianji_core.cli import main

    path = tmp_path / "config.yaml"
    path.write_bytes(CONFIGS[name].encode())
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])
    out, err = capsys.readouterr()
    assert ended.value.code == 2, out + err
    assert "Traceback" not in out + err
    assert "config.yaml" in err, err
    if name not in LINELESS:
        assert "config.yaml:" in err, err
    assert len(err) < 20_000


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"model_list: \xc3\x28\n",
        "model_list: []\n".encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"\x00" * 100,
    ],
)
def test_configs_of_bytes(data, tmp_path, capsys):
    from tianji_core.cli import main

    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])
    out, err = capsys.readouterr()
    assert ended.value.code == 2, out + err
    assert "config.yaml" in err


@pytest.mark.parametrize("name", ["broken flow", "no such vendor", "retries that are a text", "depth 10,000"])
def test_configs_that_are_served(name, tianji, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIGS[name])
    command = tianji("serve", "--config", str(path), "--port", "{port}")
    assert command.end() == 2, command.output()
    assert "config.yaml:" in command.output()
    assert "Traceback" not in command.output()
