"""Vendors' errors, our errors, auth: status, body and fields as the client gets them."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"


@pytest.mark.parametrize(
    ("upstream", "status", "kind", "param"),
    [
        (400, 400, "kept_type", "kept_param"),
        (401, 401, "authentication_error", None),
        (402, 402, "insufficient_quota", None),
        (403, 403, "permission_error", None),
        (404, 404, "invalid_request_error", None),
        (408, 408, "invalid_request_error", None),
        (413, 413, "invalid_request_error", None),
        (418, 418, "kept_type", "kept_param"),
        (422, 422, "kept_type", "kept_param"),
        (429, 429, "throttling_error", None),
        (500, 500, "internal_server_error", None),
        (502, 502, "internal_server_error", None),
        (503, 503, "internal_server_error", None),
        (504, 408, "invalid_request_error", None),
        (529, 529, "internal_server_error", None),
        (599, 599, "internal_server_error", None),
        (302, 500, "internal_server_error", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_vendors_status(serving, row, fake_upstream, upstream, status, kind, param, stream):
    error = {"error": {"message": "It says no.", "type": "kept_type", "param": "kept_param", "code": "its_code"}}
    fake_upstream.answer(Answer.json(error, upstream))
    config = {"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}}

    async def main():
        async with serving(config) as client:
            return await client.chat(stream=stream)

    answer = asyncio.run(main())
    assert answer.headers["content-type"] == "application/json"
    body = answer.error
    if upstream in (504, 302):  # what they become is not ours to pin beyond the family
        assert answer.status in (408, 500, 502, 504)
        return
    assert answer.status == status
    assert body["message"] == "It says no."
    assert body["type"] == kind
    assert body["param"] == param


@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>Bad gateway</h1></html>", b"\xff\xfe", b"{", b"[]", b"null", b"plain words"]
)
def test_a_vendors_unreadable_error(serving, row, fake_upstream, body):
    fake_upstream.answer(Answer(503, (("content-type", "text/html"),), body))
    config = {"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}}

    async def main():
        async with serving(config) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert answer.status == 503
    assert answer.error["message"]
    assert "<" not in answer.error["message"]


def test_the_reference_bug_of_422_with_drop_params_is_not_ours(serving, row, fake_upstream):
    fake_upstream.answer(Answer.error(422))
    config = {"model_list": [row(fake_upstream)], "litellm_settings": {"drop_params": True}}

    async def main():
        async with serving(config) as client:
            return await client.chat(), await client.chat(stream=True)

    for answer in asyncio.run(main()):
        assert answer.status == 422


@pytest.mark.parametrize(
    ("value", "told"), [("7", 7), ("0.2", 1), ("0", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None)]
)
def test_retry_after_reaches_the_client(serving, row, fake_upstream, value, told):
    fake_upstream.answer(Answer.error(429, retry_after=value, x_ratelimit_remaining_requests="0"))
    config = {"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}}

    async def main():
        async with serving(config) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert answer.status == 429
    assert answer.headers.get("retry-after") == (None if told is None else str(told))
    assert answer.headers["llm_provider-retry-after"] == value
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


def test_nobody_listens(serving, row):
    config = {"model_list": [row("http://127.0.0.1:1/v1")], "router_settings": {"num_retries": 1}}

    async def main():
        async with serving(config) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert answer.status == 500
    assert answer.error["message"] == "Connection error."


def test_unknown_and_missing_models(serving, row, fake_upstream):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            chat = {"messages": [{"role": "user", "content": "x"}]}
            return [
                await client.post("/v1/chat/completions", {"model": "nope", **chat}),
                await client.post("/v1/chat/completions", chat),
                await client.post("/v1/chat/completions", {"model": "", **chat}),
                await client.post("/v1/chat/completions", {"model": None, **chat}),
                await client.post("/v1/chat/completions", {"model": "m"}),
                await client.post("/v1/completions", {"model": "m"}),
                await client.post("/v1/embeddings", {"model": "m"}),
            ]

    *unknown, no_messages, no_prompt, no_input = asyncio.run(main())
    for answer in unknown:
        assert answer.status == 400
        assert answer.error["type"] == "invalid_request_error"
        assert "model=" in answer.error["message"]
    assert no_messages.error["param"] == "messages"
    assert no_prompt.error["param"] == "prompt"
    assert no_input.error["param"] == "input"
    assert {a.status for a in (no_messages, no_prompt, no_input)} == {400}
    assert not fake_upstream.requests


# -- who calls ---------------------------------------------------------------------------------------------------

BASIC = base64.b64encode(f"anybody:{KEY}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"authorization": f"BEARER   {KEY} "},
        {"authorization": KEY},
        {"authorization": f"Basic {BASIC}"},
        {"x-litellm-api-key": f"Bearer {KEY}"},
        {"x-litellm-api-key": KEY},
        {"x-tianji-api-key": KEY},
        {"x-own-key": KEY},
        {"api-key": KEY},
        {"x-api-key": KEY},
        {"x-goog-api-key": KEY},
        {"ocp-apim-subscription-key": KEY},
        {"x-litellm-api-key": KEY, "authorization": "Bearer wrong"},
    ],
)
def test_where_the_key_may_come(serving, row, fake_upstream, headers):
    fake_upstream.answer(Answer.chat())
    general = {"master_key": KEY, "litellm_key_header_name": "X-Own-Key"}

    async def main():
        async with serving({"model_list": [row(fake_upstream)], "general_settings": general}) as client:
            return await client.chat(headers=headers)

    assert asyncio.run(main()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"authorization": "Basic !!!"},
        {"authorization": f"Digest {KEY}"},
        {"authorization": "Bearer \xe9\xff"},
        {"x-litellm-api-key": "wrong", "authorization": f"Bearer {KEY}"},
        {"authorization": "Bearer wrong", "x-api-key": KEY},
        {"cookie": f"key={KEY}"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/engines/m/chat/completions", "/v1/models"])
def test_who_is_not_let_in(serving, row, fake_upstream, headers, path):
    general = {"master_key": KEY}

    async def main():
        async with serving({"model_list": [row(fake_upstream)], "general_settings": general}) as client:
            if path == "/v1/models":
                return await client.get(path, headers=headers)
            return await client.post(path, {"model": "m", "messages": []}, headers=headers)

    answer = asyncio.run(main())
    assert answer.status == 401
    assert answer.error["type"] == "auth_error"
    assert answer.error["param"] == "None"
    assert answer.error["message"].startswith("Authentication Error")
    assert KEY not in answer.body.decode()
    assert not fake_upstream.requests


def test_auth_comes_before_the_body_is_looked_at(serving, row, fake_upstream):
    general = {"master_key": KEY}

    async def main():
        async with serving({"model_list": [row(fake_upstream)], "general_settings": general}) as client:
            return await client.request("POST", "/v1/chat/completions", content=b"{nonsense")

    assert asyncio.run(main()).status == 401


def test_a_master_key_from_the_environment(serving, row, fake_upstream, monkeypatch):
    monkeypatch.setenv("LITELLM_MASTER_KEY", KEY)
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            return await client.chat(), await client.chat(headers={"api-key": KEY})

    refused, called = asyncio.run(main())
    assert (refused.status, called.status) == (401, 200)


CUSTOM_AUTH = """
    from tianji_core.api.call import Principal
    from tianji_core.api.errors import PermissionDeniedError

    class UserAPIKeyAuth:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    async def check(request, api_key):
        if api_key == "boom":
            raise Exception("secret detail")
        if api_key == "denied":
            raise PermissionDeniedError("Not today.")
        if api_key == "few":
            return Principal(models=frozenset({"m"}))
        if api_key == "object":
            return UserAPIKeyAuth(user_id="u1", team_id="t1", user_role="proxy_admin", models=["m"])
        if api_key == "text":
            return request.headers["x-who"]
        return None

    def plain(request, api_key):
        return "anybody" if request.url.path else None

    not_a_function = 5
"""


def test_custom_auth(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    config = {
        "model_list": [row(fake_upstream, "m"), row(fake_upstream, "n")],
        "general_settings": {"custom_auth": "my_auth.check", "master_key": KEY},
    }
    path = config_beside(config, my_auth=CUSTOM_AUTH)

    async def main():
        async with serving(path) as client:
            found = {}
            for key in ("boom", "denied", "few", "object", "nobody", KEY):
                found[key] = await client.chat(headers={"authorization": f"Bearer {key}"})
            found["text"] = await client.chat(headers={"authorization": "Bearer text", "x-who": "me"})
            found["other"] = await client.chat("n", headers={"api-key": "few"})
            found["sideways"] = await client.chat("gone", headers={"api-key": "few"}, fallbacks=["n"])
            found["models"] = await client.get("/v1/models", headers={"api-key": "few"})
            found["hidden"] = await client.get("/v1/models/n", headers={"api-key": "few"})
            found["fall"] = await client.chat("m", headers={"api-key": "few"}, fallbacks=["n"])
            found["fall2"] = await client.chat("m", headers={"api-key": "few"}, fallbacks=[{"model": "n"}])
            return found

    found = asyncio.run(main())
    assert {k: found[k].status for k in ("few", "object", "text", KEY)} == dict.fromkeys(
        ("few", "object", "text", KEY), 200
    )
    assert found["boom"].status == 401
    assert "secret detail" not in found["boom"].body.decode()
    assert found["denied"].status == 403
    assert found["nobody"].status == 401
    for name in ("other", "sideways", "fall", "fall2"):  # rights only narrow, whatever way leads to the model
        assert found[name].status == 403, name
        assert found[name].error["type"] == "key_model_access_denied"
    assert [m["id"] for m in found["models"].json()["data"]] == ["m"]
    assert found["hidden"].status == 404


def test_custom_auth_that_does_not_wait(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    config = {"model_list": [row(fake_upstream)], "general_settings": {"custom_auth": "my_auth.plain"}}
    path = config_beside(config, my_auth=CUSTOM_AUTH)

    async def main():
        async with serving(path) as client:
            return await client.chat()

    assert asyncio.run(main()).status == 200


def test_custom_auth_that_is_none(config_beside, row):
    from tianji_core.config import ConfigError
    from tianji_core.server import create_app

    for name in ("my_auth.not_a_function", "my_auth.missing", "no_such_file.check"):
        config = {"model_list": [row("http://127.0.0.1:9")], "general_settings": {"custom_auth": name}}
        path = config_beside(config, my_auth=CUSTOM_AUTH)
        with pytest.raises(ConfigError) as raised:
            create_app(path)
        assert "config.yaml:" in str(raised.value)


def test_no_secret_of_the_row_is_shown_by_what_a_vendor_repeats(serving, fake_upstream, row):
    """Vendors repeat keys that they refuse; settings that are secret have no other place in a message either."""
    told = "The key sk-watsonx-0123 and the token tok-watsonx-4567 are wrong."
    fake_upstream.answer(Answer.error(401, told))
    secrets = {"api_key": "sk-watsonx-0123", "token": "tok-watsonx-4567", "project_id": "p"}
    config = {"model_list": [row(fake_upstream, model="watsonx/ibm/granite", **secrets)]}

    async def main():
        async with serving(config) as client:
            return await client.chat()

    answer = asyncio.run(main())
    assert answer.status == 401
    assert answer.json()["error"]["message"] == "The key *** and the token *** are wrong."
