"""Native pass-through: vendors' own APIs under their prefixes."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
import zlib

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
VENDOR = "sk-vendor-0123456789"
BEARER = {"authorization": f"Bearer {KEY}"}
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}
AWS = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "aws-secret-0123456789",
    "aws_region_name": "eu-west-1",
}

LOGGER = """
    from tianji_core.api.callback import Callback

    class Records(Callback):
        wants_content = True

        def __init__(self, settings=None):
            self.all = []

        async def on_call(self, record):
            self.all.append(record)

    records = Records()
"""


@pytest.fixture
def rows(fake_upstream):
    """A row for each kind of vendor."""
    root = fake_upstream.url
    google = {"vertex_project": "our-project", "vertex_location": "europe-west1", "api_base": root}
    token = {"extra_headers": {"authorization": f"Bearer {VENDOR}"}, "vertex_credentials": {"type": "authorized_user"}}
    token["vertex_credentials"].update(client_id="a", client_secret="b", refresh_token="c")
    found = {
        "openai/gpt-x": {"api_base": fake_upstream.base},
        "anthropic/claude-x": {"api_base": root},
        "gemini/gemini-x": {"api_base": f"{root}/v1beta"},
        "azure/dep-x": {"api_base": root, "api_version": "2024-10-21"},
        "cohere/command-x": {"api_base": root},
        "bedrock/anthropic.claude-x-v1:0": {"api_base": root, **AWS},
        "vertex_ai/gemini-x": {**google, **token},
        "groq/llama-x": {"api_base": f"{root}/openai/v1"},
        "mistral/mistral-x": {"api_base": fake_upstream.base},
        "openrouter/a/b": {"api_base": f"{root}/api/v1"},
        "hosted_vllm/local": {"api_base": fake_upstream.base},
        "watsonx/w": {"api_base": root, "project_id": "p", "token": VENDOR},
        "azure_ai/phi": {"api_base": root},
        "nvidia_nim/n": {"api_base": fake_upstream.base},
        "ollama/o": {"api_base": root},
    }
    keyless = ("bedrock/", "vertex_ai/", "watsonx/")
    return [
        {
            "model_name": model.partition("/")[2],
            "litellm_params": {"model": model, **params, **({} if model.startswith(keyless) else {"api_key": VENDOR})},
        }
        for model, params in found.items()
    ]


@pytest.fixture
def config(config_beside, rows, fake_upstream):
    """A config file with all of them, and a callback beside it that keeps the records."""
    fake_upstream.answer(Answer.chat("Hello!"))

    def make(vendor=None, **general):
        vendor = {"openai_passthrough": "openai", "vertex-ai": "vertex_ai", "vllm": "hosted_vllm"}.get(vendor, vendor)
        wanted = [row for row in rows if vendor in (None, row["litellm_params"]["model"].partition("/")[0])]
        changes = general.pop("changes", {})
        return config_beside(
            {
                "model_list": wanted,
                "general_settings": {"master_key": KEY, **general},
                "litellm_settings": {"callbacks": ["logger.records"]},
                **changes,
            },
            logger=LOGGER,
        )

    return make


async def records_of(client, count=1):
    """What the callback was told."""
    callback = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
    for _ in range(200):
        if len(callback.all) >= count:
            return callback.all
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(callback.all)} of {count} records")


def passed(serving, config, method, path, **named):
    """One request, to a gateway with the rows of its vendor; the answer, and the record of its call."""
    if callable(config):
        config = config(vendor=path.removeprefix("/llm").split("/")[1])

    async def main():
        async with serving(config) as client:
            answer = await client.request(method, path, **{"headers": BEARER, **named})
            return answer, (await records_of(client))[0]

    return asyncio.run(main())


# -- every vendor ------------------------------------------------------------------------------------------------------

PLACES = [
    ("/openai/v1/chat/completions", "/v1/chat/completions", "authorization"),
    ("/openai/chat/completions", "/v1/chat/completions", "authorization"),
    ("/openai_passthrough/v1/files", "/v1/files", "authorization"),
    ("/anthropic/v1/messages", "/v1/messages", "x-api-key"),
    ("/anthropic/messages", "/v1/messages", "x-api-key"),
    ("/gemini/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent", "x-goog-api-key"),
    ("/gemini/v1/models/g:generateContent", "/v1/models/g:generateContent", "x-goog-api-key"),
    ("/gemini/upload/v1beta/files", "/upload/v1beta/files", "x-goog-api-key"),
    ("/azure/openai/deployments/d/x?api-version=1", "/openai/deployments/d/x?api-version=1", "api-key"),
    ("/azure/openai/models", "/openai/models?api-version=2024-10-21", "api-key"),
    ("/azure/openai/v1/files", "/openai/v1/files", "api-key"),
    ("/azure/openai/v1/chat/completions", "/openai/v1/chat/completions", "api-key"),
    ("/cohere/v2/chat", "/v2/chat", "authorization"),
    ("/cohere/v1/rerank", "/v1/rerank", "authorization"),
    ("/cohere/embed", "/v2/embed", "authorization"),
    ("/groq/openai/v1/chat/completions", "/openai/v1/chat/completions", "authorization"),
    ("/groq/v1/models", "/openai/v1/models", "authorization"),
    ("/mistral/v1/fim/completions", "/v1/fim/completions", "authorization"),
    ("/openrouter/api/v1/key", "/api/v1/key", "authorization"),
    ("/vllm/tokenize", "/tokenize", "authorization"),
    ("/hosted_vllm/v1/completions", "/v1/completions", "authorization"),
    ("/nvidia_nim/v1/ranking", "/v1/ranking", "authorization"),
    ("/watsonx/ml/v1/text/chat?version=2025-01-01", "/ml/v1/text/chat?version=2025-01-01", "authorization"),
    ("/azure_ai/models/info", "/models/info?api-version=2024-05-01-preview", "authorization"),
    ("/ollama/api/tags", "/api/tags", "authorization"),
    (
        "/vertex_ai/v1/projects/theirs/locations/us-east5/publishers/google/models/g:countTokens",
        "/v1/projects/our-project/locations/us-east5/publishers/google/models/g:countTokens",
        "authorization",
    ),
    (
        "/vertex-ai/publishers/google/models/g:countTokens",
        "/v1/projects/our-project/locations/europe-west1/publishers/google/models/g:countTokens",
        "authorization",
    ),
]


@pytest.mark.parametrize(("path", "target", "field"), PLACES, ids=[path for path, _, _ in PLACES])
def test_every_vendor_has_its_prefix(serving, config, fake_upstream, path, target, field):
    path, _, query = path.partition("?")
    answer, record = passed(serving, config, "PUT", path, query=query, content=b"\x00raw")
    assert answer.status == 200, answer.body
    seen = fake_upstream.requests[0]
    assert (seen.method, seen.target, seen.body) == ("PUT", target, b"\x00raw")
    assert VENDOR in seen.headers[field]
    assert KEY not in str(seen.headers)
    assert record.operation == "pass_through"
    assert record.route == path
    assert record.attempts[0].status == 200
    assert record.principal.is_admin
    assert answer.headers["x-litellm-call-id"] == record.id


def test_bedrock_is_signed_over_the_very_path(serving, config, fake_upstream):
    path = "/bedrock/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse"
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    fake_upstream.answer(Answer.json({"usage": {"inputTokens": 4, "outputTokens": 2, "totalTokens": 6}}))
    signed = (
        "AWS4-HMAC-SHA256 Credential="
        + KEY
        + "/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    )

    async def main():
        async with serving(config()) as client:
            exchange = client.open(
                "POST", path, json=body, headers={"authorization": signed, "x-amz-date": "20260101T000000Z"}
            )
            return await exchange.finished(), (await records_of(client))[0]

    answer, record = asyncio.run(main())
    assert answer.status == 200, answer.body
    seen = fake_upstream.requests[0]
    field = seen.headers["authorization"]
    assert field.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/bedrock/aws4_request" in field  # the row's region, whatever the ARN says
    assert KEY not in str(seen.headers)
    assert seen.headers.get_all("x-amz-date") != ["20260101T000000Z"]
    assert record.usage["prompt_tokens"] == 4
    assert record.usage["total_tokens"] == 6


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_any_method(serving, config, fake_upstream, method):
    answer, _ = passed(serving, config, method, "/openai/v1/blobs/file-1")
    assert answer.status == 200
    assert fake_upstream.requests[0].method == method
    assert (answer.body == b"") == (method == "HEAD")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND"])
def test_methods_that_would_show_the_credential_are_refused(serving, config, fake_upstream, method):
    answer, record = passed(serving, config, method, "/openai/v1/models")
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
    assert not fake_upstream.requests
    assert record.error.status == 405


def test_an_upload_in_parts_keeps_its_length_and_its_bytes(serving, config, fake_upstream):
    parts = [bytes([number]) * 50_000 for number in range(20)]
    headers = {**BEARER, "content-type": "multipart/form-data; boundary=x", "content-length": "1000000"}
    answer, _ = passed(serving, config, "POST", "/openai/v1/blobs", content=parts, headers=headers)
    assert answer.status == 200
    seen = fake_upstream.requests[0]
    assert seen.body == b"".join(parts)
    assert seen.headers["content-length"] == "1000000"
    assert seen.headers["content-type"] == "multipart/form-data; boundary=x"


def test_an_upload_of_unknown_length_goes_on_in_chunks(serving, config, fake_upstream):
    headers = {**BEARER, "content-type": "audio/wav", "transfer-encoding": "chunked"}
    answer, _ = passed(serving, config, "POST", "/openai/v1/blobs", content=[b"a", b"", b"bc"], headers=headers)
    assert answer.status == 200
    assert fake_upstream.requests[0].body == b"abc"
    assert fake_upstream.requests[0].headers["transfer-encoding"] == "chunked"


def test_gateway_routes_win_over_the_prefix(serving, config, fake_upstream):
    async def main():
        async with serving(config()) as client:
            first = await client.post(
                "/openai/deployments/gpt-x/chat/completions", {"messages": CHAT["messages"]}, headers=BEARER
            )
            second = await client.post("/openai/v1/responses", {"model": "nobody", "input": "Hi"}, headers=BEARER)
            third = await client.post(
                "/openai/v1/responses",
                {"model": "nobody", "input": "Hi"},
                headers=BEARER,
                raw_path=b"/openai/v1%2Fresponses",
            )
            return first, second, third

    first, second, third = asyncio.run(main())
    assert first.json()["model"] == "gpt-x"
    assert second.status == 400
    assert "nobody" in second.error["message"]
    assert third.status == 400  # whatever it looks like undecoded
    assert len(fake_upstream.requests) == 1


# -- what may not get through ------------------------------------------------------------------------------------------

TRAVERSALS = [
    "/openai/../anthropic/v1/messages",
    "/openai/v1/../../admin",
    "/openai/v1/%2e%2e/%2E%2e/admin",
    "/openai/v1/.%2e/admin",
    "/openai/v1/%252e%252e/admin",
    "/openai/v1/%25252e%25252e/admin",
    "/openai/v1/..;/admin",
    "/openai/v1/..;a=b/admin",
    "/openai/v1/./models",
    "/openai//evil.example/v1",
    "/openai/v1//models",
    "/openai/%2e%2e",
    "/openai/v1/..%2fadmin",
    "/openai/v1/a%2f..%2f..%2fadmin",
    "/openai/v1/..\\admin",
    "/openai/v1/..%5cadmin",
    "/openai/v1/%5c%5cevil.example",
    "/openai/v1/%00",
    "/openai/v1/x%0d%0ahost:%20evil.example",
    "/openai/v1/%c0%ae%c0%ae/admin",
    "/openai/v1/%ef%bc%8e%ef%bc%8e/admin",
    "/openai/v1/models%",
    "/openai/v1/models%zz",
    "/openai/v1/models x",
    "/openai/v1/models\x7f",
    "/openai/v1/<script>",
    "/openai%2fv1/models",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_paths_that_might_lead_elsewhere_are_refused(serving, config, fake_upstream, path):
    from urllib.parse import unquote

    async def main():
        async with serving(config()) as client:
            exchange = client.open("GET", unquote(path), headers=BEARER, raw_path=path.encode())
            return await exchange.finished()

    assert asyncio.run(main()).status in (400, 404)
    assert not fake_upstream.requests


@pytest.mark.parametrize(
    "path", ["/openai/v1/@evil.example/x", "/openai/:80@evil.example", "/openai/v1/a%20b%C3%BC", "/openai/v1/a%2Fb"]
)
def test_odd_paths_that_are_none_the_worse_arrive_as_they_are(serving, config, fake_upstream, path):
    from urllib.parse import unquote

    async def main():
        async with serving(config()) as client:
            return await client.open("GET", unquote(path), headers=BEARER, raw_path=path.encode()).finished()

    assert asyncio.run(main()).status == 200
    target = fake_upstream.requests[0].target
    assert target == path.removeprefix("/openai") or target == f"/v1{path.removeprefix('/openai')}"


SENSITIVE = {
    "authorization": f"Bearer {KEY}",
    "x-api-key": "caller-1",
    "api-key": "caller-2",
    "x-goog-api-key": "caller-3",
    "ocp-apim-subscription-key": "caller-4",
    "x-litellm-api-key": "caller-5",
    "proxy-authorization": "caller-6",
    "cookie": "session=caller-7",
    "x-forwarded-for": "caller-8",
    "x-forwarded-host": "caller-9",
    "forwarded": "for=caller-10",
    "x-real-ip": "caller-11",
    "x-company-secret": "caller-12",
    "x-http-method-override": "caller-13",
    "openai-organization": "caller-14",
    "openai-project": "caller-15",
    "x-goog-user-project": "caller-16",
    "x-amz-security-token": "caller-17",
    "te": "caller-18",
    "upgrade": "caller-19",
    "keep-alive": "caller-20",
    "connection": "close, x-request-id",
    "x-request-id": "caller-21",
    "expect": "caller-22",
    "origin": "https://caller-23",
    "referer": "https://caller-24",
    "host": "caller-25",
}


@pytest.mark.parametrize("prefix", ["openai", "anthropic", "gemini", "azure", "cohere", "vertex_ai", "bedrock"])
def test_no_credential_of_the_caller_gets_through(serving, config, fake_upstream, prefix):
    headers = {**SENSITIVE, "x-litellm-api-key": KEY, "user-agent": "kit/1", "idempotency-key": "i-1", "accept": "a/b"}
    query = f"key={KEY}&k%65y={KEY}&api_key={KEY}&access_token=caller&X-Amz-Signature=caller&a=1"
    answer, _ = passed(serving, config, "GET", f"/{prefix}/v1/things", headers=headers, query=query)
    assert answer.status == 200, answer.body
    seen = fake_upstream.requests[0]
    assert "caller" not in str(seen.headers)
    assert "caller" not in seen.target
    assert KEY not in str(seen.headers) + seen.target
    assert "a=1" in seen.target
    assert seen.headers["user-agent"] == "kit/1"
    assert seen.headers["idempotency-key"] == "i-1"
    assert seen.headers["accept"] == "a/b"
    assert seen.headers["host"] == f"127.0.0.1:{fake_upstream.port}"


def test_anthropics_own_fields_do(serving, config, fake_upstream):
    headers = {**BEARER, "anthropic-version": "2024-01-01", "anthropic-beta": "some-beta"}
    passed(serving, config, "POST", "/anthropic/v1/messages", json={"model": "claude-x"}, headers=headers)
    seen = fake_upstream.requests[0].headers
    assert seen.get_all("anthropic-version") == ["2024-01-01"]
    assert seen.get_all("anthropic-beta") == ["some-beta"]


def test_googles_key_may_come_in_the_query(serving, config, fake_upstream):
    answer, _ = passed(serving, config, "GET", "/gemini/v1beta/models", headers={}, query=f"pageSize=2&key={KEY}")
    assert answer.status == 200
    assert fake_upstream.requests[0].target == "/v1beta/models?pageSize=2"
    assert fake_upstream.requests[0].headers["x-goog-api-key"] == VENDOR


def test_fields_of_the_vendors_own_site_do_not_come_back(serving, config, fake_upstream):
    fields = [
        ("set-cookie", "a=b"),
        ("access-control-allow-origin", "*"),
        ("openai-organization", "org-1"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("x-leak", f"key is {VENDOR}"),
        ("content-security-policy", "script-src *"),
        ("x-ratelimit-remaining-requests", "7"),
        ("x-request-id", "req-1"),
        ("x-litellm-model-id", "somebody else's"),
        ("x-content-type-options", "none"),
    ]
    fake_upstream.answer(Answer.json({"ok": True}, headers=fields))
    answer, _ = passed(serving, config, "GET", "/openai/v1/models")
    names = set(answer.headers)
    assert not names & {
        "set-cookie",
        "access-control-allow-origin",
        "openai-organization",
        "x-hop",
        "x-leak",
        "connection",
    }
    assert answer.headers["x-ratelimit-remaining-requests"] == "7"
    assert answer.headers["x-request-id"] == "req-1"
    assert [value for name, value in answer.fields if name == b"x-content-type-options"] == [b"nosniff"]
    assert b"somebody" not in str(answer.fields).encode()
    assert answer.headers["content-type"] == "application/json"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-length"] == str(len(answer.body))


def test_redirects_are_passed_on_and_not_followed(serving, config, fake_upstream):
    fake_upstream.answer(Answer.text("", 307).but(headers=[("location", "http://169.254.169.254/latest")]))
    answer, record = passed(serving, config, "GET", "/openai/v1/models")
    assert answer.status == 307
    assert len(fake_upstream.requests) == 1
    assert record.outcome == "success"


def test_a_vendor_that_echoes_the_key_it_refuses(serving, config, fake_upstream):
    text = f"Incorrect API key provided: {VENDOR}."
    pieces = [text[:20].encode(), text[20:40].encode(), text[40:].encode()]
    fake_upstream.answer(Answer.text("", 401).but(pieces=[piece for each in pieces for piece in (each, 0.02)]))
    answer, record = passed(serving, config, "GET", "/openai/v1/models")
    assert answer.status == 401
    assert answer.body == b"Incorrect API key provided: ***."
    assert record.outcome == "failure"
    assert record.error.status == 401
    assert VENDOR not in repr(record)


def test_bodies_have_limits(serving, config, fake_upstream):
    async def main():
        async with serving(config(max_pass_through_size_mb=1, max_request_size_mb=0.5)) as client:
            file = {**BEARER, "content-type": "application/octet-stream"}
            said = await client.request(
                "POST", "/openai/v1/blobs", content=b"", headers={**file, "content-length": "2000000"}
            )
            found = await client.request("POST", "/openai/v1/blobs", content=[bytes(600_000)] * 3, headers=file)
            signed = await client.request("POST", "/bedrock/model/m/invoke", content=bytes(600_000), headers=file)
            return said, found, signed, await records_of(client, 3)

    said, found, signed, records = asyncio.run(main())
    assert [said.status, found.status, signed.status] == [413, 413, 413]
    assert [record.error.status for record in records] == [413, 413, 413]
    assert not [seen for seen in fake_upstream.requests if len(seen.body) >= 1_500_000]


# -- who may call ------------------------------------------------------------------------------------------------------

AUTH = """
    from tianji_core.api.call import Principal

    MODELS = "gpt-x claude-x gemini-x dep-x anthropic.claude-x-v1:0 command-x"
    KEYS = {
        "sk-one": Principal(user_id="one", models=frozenset(MODELS.split())),
        "sk-none": Principal(user_id="none", models=frozenset({"nothing"})),
    }

    def check(request, api_key):
        return KEYS[api_key]
"""

ALLOWED = [
    ("POST", "/openai/v1/chat/completions", {"model": "gpt-x", "messages": []}),
    ("POST", "/anthropic/v1/messages", {"model": "claude-x", "messages": []}),
    ("POST", "/anthropic/v1/messages/count_tokens", {"model": "claude-x", "messages": []}),
    ("POST", "/gemini/v1beta/models/gemini-x:generateContent", {"contents": []}),
    ("POST", "/gemini/v1beta/models/gemini-x:countTokens", {"generateContentRequest": {"model": "models/gemini-x"}}),
    ("POST", "/vertex_ai/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent", {}),
    ("POST", "/azure/openai/deployments/dep-x/chat/completions", {"messages": []}),
    ("POST", "/bedrock/model/anthropic.claude-x-v1%3A0/converse", {"messages": []}),
    ("POST", "/cohere/v2/chat", {"model": "command-x", "messages": []}),
]
FORBIDDEN = [
    ("POST", "/openai/v1/chat/completions", {"model": "gpt-y", "messages": []}),
    ("POST", "/openai/v1/chat/completions", {"messages": []}),
    ("POST", "/openai/v1/chat/completions", {"model": "gpt-x", "models": ["gpt-y"]}),
    ("POST", "/openai_passthrough/v1/batches", {"model": "gpt-x", "input_file_id": "file-1"}),
    ("POST", "/openai_passthrough/v1/responses/x/cancel", {"model": "gpt-x"}),
    ("GET", "/openai/v1/models", None),
    ("GET", "/openai/v1/chat/completions", {"model": "gpt-x"}),
    ("POST", "/anthropic/v1/messages/batches", {"model": "claude-x", "requests": []}),
    ("POST", "/anthropic/v1/messages", {"model": "claude-x", "tools": [{"type": "advisor", "model": "claude-y"}]}),
    ("POST", "/gemini/v1beta/models/gemini-y:generateContent", {"model": "gemini-x"}),
    ("POST", "/gemini/v1beta/models/gemini-x:countTokens", {"generateContentRequest": {"model": "models/gemini-y"}}),
    ("POST", "/vertex_ai/v1/publishers/google/models/gemini-y:generateContent", {"model": "gemini-x"}),
    ("POST", "/vertex_ai/v1/endpoints/123:predict", {"model": "gemini-x"}),
    ("POST", "/azure/openai/deployments/dep-y/chat/completions", {"model": "dep-x"}),
    ("POST", "/bedrock/model/other/converse", {"model": "anthropic.claude-x-v1:0"}),
    ("POST", "/bedrock/rerank", {"model": "anthropic.claude-x-v1:0"}),
    ("POST", "/cohere/v1/chat", {"message": "no model, so Cohere's default"}),
    ("POST", "/groq/v1/chat/completions", {"model": "llama-x"}),
]


def as_key(key, serving, config_beside, rows, method, path, body, **named):
    from urllib.parse import unquote

    config = config_beside(
        {"model_list": rows, "general_settings": {"custom_auth": "who.check", **named.pop("general", {})}}, who=AUTH
    )
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **named}
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()

    async def main():
        async with serving(config) as client:
            exchange = client.open(method, unquote(path), content=content, headers=headers, raw_path=path.encode())
            return await exchange.finished()

    return asyncio.run(main())


@pytest.mark.parametrize(("method", "path", "body"), ALLOWED)
def test_a_key_with_models_reaches_those(serving, config_beside, rows, fake_upstream, method, path, body):
    fake_upstream.answer(Answer.json({}))
    answer = as_key("sk-one", serving, config_beside, rows, method, path, body)
    assert answer.status == 200, answer.body
    assert fake_upstream.requests[0].json() == body
    assert as_key("sk-none", serving, config_beside, rows, method, path, body).status == 403


@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN)
def test_a_key_with_models_reaches_no_others(serving, config_beside, rows, fake_upstream, method, path, body):
    answer = as_key("sk-one", serving, config_beside, rows, method, path, body)
    assert answer.status == 403, answer.body
    assert not fake_upstream.requests


def test_tricks_with_the_body_do_not_help(serving, config_beside, rows, fake_upstream):
    def ask(body, **named):
        return as_key(
            "sk-one", serving, config_beside, rows, "POST", "/openai/v1/chat/completions", body, **named
        ).status

    twice = b'{"model": "gpt-x", "messages": [], "model": "gpt-y"}'
    assert ask(twice) == 400
    assert ask(b'{"model": "gpt-x", "messages": [], "mod\\u0065l": "gpt-y"}') == 400
    assert ask(gzip.compress(b'{"model": "gpt-x"}'), **{"content-encoding": "gzip"}) in (400, 403)
    assert ask(b'[{"model": "gpt-x"}]') == 403
    assert ask(b'{"model": "gpt-x"}', **{"content-type": "multipart/form-data; boundary=x"}) == 403
    assert not fake_upstream.requests


def test_strangers_are_told_so_in_the_dialect(serving, config, fake_upstream):
    async def main():
        async with serving(config()) as client:
            paths = ("/openai/v1/models", "/anthropic/v1/models", "/gemini/v1beta/models", "/vertex_ai/v1/x")
            return [await client.get(path, headers={"authorization": "Bearer sk-wrong"}) for path in paths]

    openai, anthropic, gemini, vertex = asyncio.run(main())
    assert [a.status for a in (openai, anthropic, gemini, vertex)] == [401] * 4
    assert openai.error["type"] == "auth_error"
    assert anthropic.json()["type"] == "error"
    assert anthropic.json()["error"]["type"] == "authentication_error"
    assert gemini.json()["error"]["status"] == vertex.json()["error"]["status"] == "UNAUTHENTICATED"
    assert gemini.json()["error"]["code"] == 401
    assert not fake_upstream.requests


def test_what_is_no_prefix_stays_unknown(serving, config):
    async def main():
        async with serving(config()) as client:
            return [
                (await client.get(path, headers=BEARER)).status
                for path in ("/nobody/v1", "/echo/v1/models", "/v1/nothing", "/openaix/v1")
            ]

    assert asyncio.run(main()) == [404, 404, 404, 404]


# -- which row ---------------------------------------------------------------------------------------------------------


def lending(fake_upstream, *given):
    rows = []
    for number, (model, extra) in enumerate(given):
        params = {"model": model, "api_base": fake_upstream.base, "api_key": f"sk-row-{number}-0123456789", **extra}
        rows.append({"model_name": f"m{number}", "litellm_params": params})
    return {"model_list": rows, "general_settings": {"master_key": KEY}}


@pytest.mark.parametrize(
    ("given", "asked", "row"),
    [
        ([("openai/a", {}), ("openai/b", {})], "b", 1),
        ([("openai/a", {}), ("openai/b", {})], "c", 0),
        ([("openai/a", {}), ("openai/*", {}), ("openai/b", {})], "b", 2),
        ([("openai/a", {}), ("openai/*", {})], "c", 1),
        ([("openai/a", {}), ("openai/b", {"use_in_pass_through": True})], "a", 1),
        ([("openai/a", {"use_in_pass_through": False}), ("openai/b", {})], "a", 1),
        ([("openai/a", {"mock_response": "Hi"}), ("openai/b", {})], "a", 1),
        ([("anthropic/a", {}), ("text-completion-openai/b", {})], "a", 1),
    ],
)
def test_the_row_that_lends_its_key(serving, fake_upstream, given, asked, row):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving(lending(fake_upstream, *given)) as client:
            return await client.post("/openai/v1/chat/completions", {**CHAT, "model": asked}, headers=BEARER)

    assert asyncio.run(main()).status == 200
    assert fake_upstream.requests[0].headers["authorization"] == f"Bearer sk-row-{row}-0123456789"


def test_a_row_that_holds_its_callers_to_a_guardrail_lends_nothing_unasked(serving, fake_upstream):
    fixed = {
        **AWS,
        "api_base": fake_upstream.url,
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
    }

    async def main(extra):
        row = {"model_name": "m", "litellm_params": {"model": "bedrock/m", **fixed, **extra}}
        async with serving({"model_list": [row], "general_settings": {"master_key": KEY}}) as client:
            await client.post("/bedrock/model/m/converse", {}, headers=BEARER)

    fake_upstream.answer(Answer.json({}))
    asyncio.run(main({"use_in_pass_through": True}))
    assert len(fake_upstream.requests) == 1


def test_without_a_row_the_environment_lends(serving, fake_upstream, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk_of_the_environment")
    monkeypatch.setenv("GROQ_API_BASE", fake_upstream.base)
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [], "general_settings": {"master_key": KEY}}) as client:
            groq = await client.post("/groq/v1/chat/completions", CHAT, headers=BEARER)
            azure = await client.post("/azure/openai/v1/chat/completions", CHAT, headers=BEARER)
            echo = await client.post("/echo/v1/chat/completions", CHAT, headers=BEARER)
            return groq, azure, echo

    groq, azure, echo = asyncio.run(main())
    assert groq.status == 200, groq.body
    assert fake_upstream.requests[0].headers["authorization"] == "Bearer gsk_of_the_environment"
    assert azure.status == 404
    assert "azure" in azure.error["message"]
    assert echo.status == 404


def test_the_default_vertex_config_lends_where_no_row_does(serving, fake_upstream, monkeypatch):
    monkeypatch.setenv("VERTEXAI_API_BASE", fake_upstream.url)
    fake_upstream.answer(Answer.json({}))
    credentials = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    config = {
        "model_list": [],
        "general_settings": {"master_key": KEY},
        "default_vertex_config": {
            "vertex_project": "default-project",
            "vertex_location": "europe-west4",
            "vertex_credentials": credentials,
        },
    }

    async def main():
        async with serving(config) as client:
            provider = (await client.app.serving.gateway.pass_through.made_of_environment("vertex_ai"))[0].provider
            provider._extra["authorization"] = "Bearer token"  # there is no Google here to get one from
            return await client.post("/vertex_ai/publishers/google/models/g:generateContent", {}, headers=BEARER)

    assert asyncio.run(main()).status == 200
    wanted = "/v1/projects/default-project/locations/europe-west4/publishers/google/models/g:generateContent"
    assert fake_upstream.requests[0].target == wanted


def test_prefixes_can_be_switched_off(serving, config, fake_upstream):
    async def main(**general):
        async with serving(config(**general)) as client:
            paths = ("/openai/v1/models", "/anthropic/v1/models", "/openai_passthrough/v1/models")
            return [(await client.get(path, headers=BEARER)).status for path in paths]

    assert asyncio.run(main(pass_through_vendors=[])) == [404, 404, 404]
    assert asyncio.run(main(pass_through_vendors=["openai"])) == [200, 404, 200]


# -- usage -------------------------------------------------------------------------------------------------------------


def frame(payload, **headers):
    fields = b"".join(
        bytes([len(name) + 1])
        + b":"
        + name.replace("_", "-").encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(fields) + len(body), len(fields))
    data = start + struct.pack(">I", zlib.crc32(start)) + fields + body
    return data + struct.pack(">I", zlib.crc32(data))


CLAUDE = [
    {
        "type": "message_start",
        "message": {
            "model": "claude-x",
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1},
        },
    },
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello there, friend."}},
    {"type": "message_delta", "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
GEMINI = {
    "candidates": [],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12},
    "modelVersion": "gemini-x",
}
RESPONSE = {"model": "gpt-x", "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}}
COUNTED = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
STREAM_END = Answer.sse(b'data: {"usage": null}\n\n', {"model": "gpt-x", "choices": [], "usage": COUNTED})
ANSWERS = {
    "openai chat": ("/openai/v1/chat/completions", Answer.json({"model": "gpt-x", "usage": COUNTED}), (5, 7)),
    "openai gzip": (
        "/openai/v1/chat/completions",
        Answer(
            200,
            [("content-type", "application/json"), ("content-encoding", "gzip")],
            gzip.compress(json.dumps({"usage": COUNTED}).encode()),
        ),
        (5, 7),
    ),
    "openai embeddings": (
        "/openai/v1/embeddings",
        Answer.json({"data": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}}),
        (5, 0),
    ),
    "openai stream": ("/openai/v1/chat/completions", STREAM_END, (5, 7)),
    "openai responses": (
        "/openai_passthrough/v1/responses",
        Answer.json({"object": "response", "error": None, **RESPONSE}),
        (5, 7),
    ),
    "openai responses stream": (
        "/openai_passthrough/v1/responses",
        Answer.sse({"type": "response.completed", "response": RESPONSE}, done=False),
        (5, 7),
    ),
    "openai large": (
        "/openai/v1/images/generations",
        Answer.json({"data": "x" * 2_000_000, "usage": RESPONSE["usage"]}),
        (5, 7),
    ),
    "mistral": ("/mistral/v1/chat/completions", Answer.json({"usage": COUNTED}), (5, 7)),
    "anthropic": (
        "/anthropic/v1/messages",
        Answer.json({"type": "message", "model": "claude-x", "usage": {"input_tokens": 5, "output_tokens": 7}}),
        (5, 7),
    ),
    "anthropic stream": ("/anthropic/v1/messages", Answer.sse(*CLAUDE, done=False), (7, 7)),
    "gemini": ("/gemini/v1beta/models/gemini-x:generateContent", Answer.json(GEMINI), (5, 7)),
    "gemini sse": (
        "/gemini/v1beta/models/gemini-x:streamGenerateContent",
        Answer.sse({"candidates": []}, GEMINI, done=False),
        (5, 7),
    ),
    "gemini array": (
        "/gemini/v1beta/models/gemini-x:streamGenerateContent",
        Answer.json([{"candidates": []}, GEMINI]),
        (5, 7),
    ),
    "vertex": ("/vertex_ai/publishers/google/models/gemini-x:generateContent", Answer.json(GEMINI), (5, 7)),
    "vertex claude": (
        "/vertex_ai/publishers/anthropic/models/claude-x:streamRawPredict",
        Answer.sse(*CLAUDE, done=False),
        (7, 7),
    ),
    "vertex embeddings": (
        "/vertex_ai/publishers/google/models/e:predict",
        Answer.json({"predictions": [{"embeddings": {"statistics": {"token_count": n}}} for n in (2, 3)]}),
        (5, 0),
    ),
    "cohere v2": (
        "/cohere/v2/chat",
        Answer.json({"usage": {"tokens": {"input_tokens": 5, "output_tokens": 7}}}),
        (5, 7),
    ),
    "cohere v2 stream": (
        "/cohere/v2/chat",
        Answer.sse(
            {"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 5, "output_tokens": 7}}}},
            done=False,
        ),
        (5, 7),
    ),
    "cohere v1 stream": (
        "/cohere/v1/chat",
        Answer.text(
            '{"event_type":"stream-end","response":{"meta":{"tokens":{"input_tokens":5,"output_tokens":7}}}}\n',
            content_type="application/stream+json",
        ),
        (5, 7),
    ),
    "cohere embed": (
        "/cohere/v2/embed",
        Answer.json({"embeddings": {}, "meta": {"billed_units": {"input_tokens": 5}}}),
        (5, 0),
    ),
    "bedrock invoke": (
        "/bedrock/model/m/invoke",
        Answer.json(
            {"outputs": []},
            headers=[("x-amzn-bedrock-input-token-count", "5"), ("x-amzn-bedrock-output-token-count", "7")],
        ),
        (5, 7),
    ),
    "bedrock stream": (
        "/bedrock/model/m/converse-stream",
        Answer.text(
            frame({"delta": {}}, event_type="contentBlockDelta", message_type="event")
            + frame({"usage": {"inputTokens": 5, "outputTokens": 7}}, event_type="metadata", message_type="event"),
            content_type="application/vnd.amazon.eventstream",
        ),
        (5, 7),
    ),
    "ollama": (
        "/ollama/api/chat",
        Answer.text(
            '{"done":false}\n{"done":true,"prompt_eval_count":5,"eval_count":7}\n', content_type="application/x-ndjson"
        ),
        (5, 7),
    ),
}


@pytest.mark.parametrize(("path", "answer", "tokens"), ANSWERS.values(), ids=list(ANSWERS))
def test_usage_is_read_on_the_way(serving, config, fake_upstream, path, answer, tokens):
    fake_upstream.answer(answer)
    got, record = passed(serving, config, "POST", path, json={"model": "gpt-x", "messages": []})
    assert got.status == 200
    if "gzip" not in str(answer.headers) and answer.pieces is None:
        assert got.body == answer.body
    elif answer.pieces is not None:
        assert got.body == b"".join(piece for piece in answer.pieces if isinstance(piece, bytes))
    assert record.outcome == "success"
    assert (record.usage["prompt_tokens"], record.usage["completion_tokens"]) == tokens
    assert record.usage_source == "vendor"
    assert record.provider == path.split("/")[1].removesuffix("_passthrough")
    assert record.model


def test_a_stream_without_usage_is_counted(serving, config, fake_upstream):
    fake_upstream.answer(Answer.sse({"choices": [{"index": 0, "delta": {"content": "Hello there."}}]}))
    _, record = passed(serving, config, "POST", "/openai/v1/chat/completions", json={**CHAT, "stream": True})
    assert record.usage["estimated"]
    assert record.usage["completion_tokens"] > 0
    assert record.usage_source != "vendor"


def test_a_stream_is_not_held_back(serving, config, fake_upstream):
    fake_upstream.answer(Answer.sse(*CLAUDE[:2], 30.0, *CLAUDE[2:], done=False))

    async def main():
        async with serving(config()) as client:
            exchange = client.open("POST", "/anthropic/v1/messages", json={"model": "claude-x"}, headers=BEARER)
            seen = b""
            while b"friend" not in seen:
                seen += await asyncio.wait_for(exchange.piece(), 5)
            exchange.hang_up()
            await asyncio.wait_for(exchange.task, 5)
            gone = await fake_upstream.wait_disconnect()
            return gone, (await records_of(client))[0]

    gone, record = asyncio.run(main())
    assert gone.sent > 0
    assert record.error.status == 499
    # What was delivered is known of from the beginning of the stream, and estimated for the rest.
    assert record.usage["prompt_tokens"] == 7
    assert record.usage["completion_tokens"] == 5
    assert record.usage["estimated"]


def test_a_client_that_leaves_before_the_answer_cancels_the_call(serving, config, fake_upstream):
    fake_upstream.answer(Answer.never())

    async def main():
        async with serving(config()) as client:
            exchange = client.open("POST", "/openai/v1/chat/completions", json=CHAT, headers=BEARER)
            await fake_upstream.wait_request()
            exchange.hang_up()
            await asyncio.wait_for(exchange.task, 5)
            await fake_upstream.wait_disconnect()
            return (await records_of(client))[0]

    assert asyncio.run(main()).error.status == 499


def test_a_client_that_leaves_in_the_middle_of_its_upload_cancels_the_call(serving, config, fake_upstream):
    headers = {**BEARER, "content-type": "application/octet-stream", "content-length": "100"}

    async def main():
        async with serving(config()) as client:
            exchange = client.open("POST", "/openai/v1/blobs", content=b"half", headers=headers, hold_body=True)
            await asyncio.sleep(0.1)
            exchange.hang_up()
            await asyncio.wait_for(exchange.task, 5)
            return (await records_of(client))[0]

    assert asyncio.run(main()).error.status == 499
    assert not fake_upstream.requests


@pytest.mark.parametrize("pieces", [None, (b"data: {}\n\n", 0.05, b"data: {}\n\n")], ids=["length", "chunks"])
def test_an_answer_that_breaks_off_never_looks_whole(serving, config, fake_upstream, pieces):
    whole = Answer.json({"data": "x" * 1000}) if pieces is None else Answer.sse(*pieces, done=False)
    fake_upstream.answer(whole.but(cut_at=15))

    async def main():
        async with serving(config()) as client:
            exchange = client.open("GET", "/openai/v1/models", headers=BEARER)
            while await exchange.step():
                pass
            await exchange.task
            return exchange.answer, (await records_of(client))[0]

    answer, record = asyncio.run(main())
    assert answer.status == 200
    assert answer.pieces
    assert not answer.complete
    assert record.outcome == "failure"
    assert record.error.kind == "APIConnectionError"


def test_a_vendor_that_cannot_be_reached(serving, config_beside):
    params = {"model": "anthropic/claude-x", "api_base": "http://127.0.0.1:9", "api_key": VENDOR}
    config = {"model_list": [{"model_name": "m", "litellm_params": params}], "general_settings": {"master_key": KEY}}

    async def main():
        async with serving(config) as client:
            return await client.post("/anthropic/v1/messages", {"model": "claude-x"}, headers=BEARER)

    answer = asyncio.run(main())
    assert answer.status == 500
    assert answer.json()["type"] == "error"
    assert "127.0.0.1" not in answer.body.decode()


def test_a_vendor_that_is_silent_for_too_long(serving, config, fake_upstream):
    fake_upstream.answer(Answer.never())
    answer, record = passed(serving, config(pass_through_request_timeout=0.2), "GET", "/openai/v1/models")
    assert answer.status == 408
    assert record.error.kind == "RequestTimeoutError"


def test_behind_a_path_of_another_server(serving, config, fake_upstream, monkeypatch):
    monkeypatch.setenv("SERVER_ROOT_PATH", "/llm")
    _, record = passed(serving, config, "GET", "/llm/openai/v1/models", raw_path=b"/llm/openai/v1/mod%65ls")
    assert fake_upstream.requests[0].target == "/v1/mod%65ls"
    assert record.route == "/openai/v1/models"
