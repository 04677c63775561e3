"""`general_settings.pass_through_endpoints`, also over a reload; and guardrails that look at what is passed through."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
BEARER = {"authorization": f"Bearer {KEY}"}

LOGGER = """
    from tianji_core.api.callback import Callback

    class Records(Callback):
        def __init__(self):
            self.all = []

        async def on_call(self, record):
            self.all.append(record)

    records = Records()
"""

GUARD = """
    from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Rewrite

    class NoSecrets(Guardrail):
        stages = frozenset({"pre_call", "during_call", "post_call"})

        def __init__(self, settings):
            self.rewrites = settings.get("rewrites", False)

        async def check(self, stage, payload):
            for text in payload.texts():
                if "secret" in text:
                    return Rewrite(payload.request) if self.rewrites else Block("That is a secret.")
            return ALLOW
"""


def endpoint(upstream, path="/v1/parse", **changes):
    return {"path": path, "target": f"{upstream.url}/api", "headers": {"authorization": "Bearer target-key"}, **changes}


def config(*endpoints, **more):
    general = {"master_key": KEY, "pass_through_endpoints": list(endpoints), **more.pop("general", {})}
    callbacks = {"callbacks": ["logger.records"]}
    return {"model_list": more.pop("rows", []), "general_settings": general, "litellm_settings": callbacks, **more}


async def records_of(client, count=1):
    callback = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
    for _ in range(200):
        if len(callback.all) >= count:
            return callback.all
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(callback.all)} of {count} records")


def test_an_endpoint_with_everything(serving, config_beside, fake_upstream, monkeypatch):
    monkeypatch.setenv("PARSE_KEY", "of-the-environment")
    fake_upstream.answer(Answer.json({"parsed": True}))
    path = config_beside(
        config(
            endpoint(
                fake_upstream,
                headers={"Authorization": "Bearer os.environ/PARSE_KEY", "x-tenant": "us"},
                default_query_params={"lang": "en", "depth": "2"},
                cost_per_request=0.25,
                methods=["post"],
            )
        ),
        logger=LOGGER,
    )

    async def main():
        async with serving(path) as client:
            headers = {**BEARER, "x-tenant": "them", "content-type": "text/plain", "x-custom": "1"}
            answer = await client.post("/v1/parse", content=b"text", headers=headers, query="depth=9&key=k")
            got = await client.get("/v1/parse", headers=BEARER)
            below = await client.post("/v1/parse/more", content=b"text", headers=BEARER)
            nobody = await client.post("/v1/parse", content=b"text")
            return answer, got, below, nobody, await records_of(client, 2)

    answer, got, below, nobody, records = asyncio.run(main())
    assert answer.json() == {"parsed": True}
    (seen,) = fake_upstream.requests
    assert seen.path == "/api"
    assert seen.query == {"lang": "en", "depth": "9"}
    assert seen.body == b"text"
    assert seen.headers.get_all("authorization") == ["Bearer of-the-environment"]
    assert seen.headers.get_all("x-tenant") == ["us"]
    assert "x-custom" not in seen.headers
    assert got.status == 405
    assert got.headers["allow"] == "POST"
    assert below.status == 404
    assert nobody.status == 401
    assert (records[0].operation, records[0].provider, records[0].cost) == ("pass_through", "pass_through", 0.25)
    assert records[0].deployment_id == "pass_through/v1/parse"
    assert records[1].cost is None


def test_a_public_endpoint_with_subpaths(serving, fake_upstream):
    fake_upstream.answer(Answer.json({}))
    made = config(
        endpoint(fake_upstream, "/hooks", auth=False, include_subpath=True),
        endpoint(fake_upstream, "/hooks/deep", target=f"{fake_upstream.url}/deep?x=1"),
        endpoint(fake_upstream, "/openai/v1/blobs", target=f"{fake_upstream.url}/mine"),
    )
    del made["litellm_settings"]

    async def main():
        async with serving(made) as client:
            paths = ("/hooks", "/hooks/", "/hooks/a%20b/c", "/hooks/deep", "/hooks/deeper")
            answers = [await client.open("GET", p.replace("%20", " "), raw_path=p.encode()).finished() for p in paths]
            keyed = await client.get("/hooks/deep", headers=BEARER)
            files = await client.get("/openai/v1/blobs", headers=BEARER)
            out = await client.open("GET", "/hooks/../x", raw_path=b"/hooks/%2e%2e/x").finished()
            return [a.status for a in (*answers, keyed, files, out)]

    assert asyncio.run(main()) == [200, 200, 200, 401, 200, 200, 200, 400]
    targets = [seen.target for seen in fake_upstream.requests]
    assert targets == ["/api", "/api", "/api/a%20b/c", "/api/deeper", "/deep?x=1", "/mine"]


def test_all_harmless_fields_where_that_is_wanted(serving, fake_upstream):
    fake_upstream.answer(Answer.json({}))
    made = config(endpoint(fake_upstream, forward_headers=True))
    del made["litellm_settings"]
    headers = {
        **BEARER,
        "x-custom": "1",
        "x-copy": f"again {KEY}",
        "x-api-token": "t",
        "cookie": "c",
        "x-forwarded-for": "1.2.3.4",
        "connection": "x-hop",
        "x-hop": "1",
    }

    async def main():
        async with serving(made) as client:
            await client.get("/v1/parse", headers=headers)

    asyncio.run(main())
    seen = fake_upstream.requests[0].headers
    assert seen["x-custom"] == "1"
    assert not {"x-copy", "x-api-token", "cookie", "x-forwarded-for", "x-hop"} & {name for name, _ in seen}
    assert KEY not in str(seen)


def test_a_reload_changes_the_endpoints(serving, config_beside, fake_upstream):
    fake_upstream.answer(Answer.json({}))
    path = config_beside(config(endpoint(fake_upstream, "/old")), logger=LOGGER)

    async def main():
        async with serving(path) as client:

            async def statuses():
                found = [await client.get(p, headers=BEARER) for p in ("/old", "/new", "/openai/v1/models")]
                paths = (await client.get("/openapi.json")).json()["paths"]
                return [a.status for a in found], [p for p in ("/old", "/new", "/{provider}/{path}") if p in paths]

            first = await statuses()
            config_beside(config(endpoint(fake_upstream, "/new"), general={"pass_through_vendors": []}))
            await client.app.reload()
            return first, await statuses()

    first, second = asyncio.run(main())
    assert first == ([200, 404, 404], ["/old", "/{provider}/{path}"]) or first[0][2] in (401, 404)
    assert second == ([404, 200, 404], ["/new"])


def test_a_reload_in_the_middle_of_an_upload_lets_it_end(serving, config_beside, fake_upstream):
    fake_upstream.answer(Answer.json({}))
    path = config_beside(config(endpoint(fake_upstream)), logger=LOGGER)
    headers = {**BEARER, "content-type": "application/octet-stream"}

    async def main():
        async with serving(path) as client:
            exchange = client.open("POST", "/v1/parse", content=b"one", headers=headers, hold_body=True)
            await asyncio.sleep(0.05)
            config_beside(config())
            await client.app.reload()
            exchange.upload(b"two")
            return (await asyncio.wait_for(exchange.finished(), 5)).status

    assert asyncio.run(main()) == 200
    assert fake_upstream.requests[0].body == b"onetwo"


WRONG = [
    ({"path": "no-slash"}, "path", "Write /no-slash."),
    ({"path": "/a/../b"}, "path", "Its segments must not be empty"),
    ({"path": "/"}, "path", "the root"),
    ({"path": "/a/{id}"}, "path", "include_subpath"),
    ({"target": "example.com/x"}, "target", "https://host/path"),
    ({"target": "ftp://example.com"}, "target", "https://host/path"),
    ({"target": "https://user:pw@example.com"}, "target", "under headers"),
    ({"target": "https://example.com/a b"}, "target", "percent-encoded"),
    ({"methods": ["TRACE"]}, "methods", "GET"),
    ({"headers": {"bad name": "x"}}, "headers", "no header field"),
    ({"headers": {"x": "a\nb"}}, "headers.x", "no header field"),
    ({"headers": {"host": "evil.example"}}, "headers.host", "no header field"),
    ({"guardrails": ["nobody"]}, "guardrails", "guardrails has: none"),
    ({"timeout": "soon"}, "timeout", "expected a number"),
    ({"path": "/twice"}, "path", "another endpoint"),
]


@pytest.mark.parametrize(("change", "key", "text"), WRONG)
def test_what_is_wrong_is_told_with_its_line(config_beside, fake_upstream, change, key, text):
    path = config_beside(config(endpoint(fake_upstream, "/twice"), endpoint(fake_upstream, **change)), logger=LOGGER)
    with pytest.raises(ConfigError) as caught:
        Gateway.from_config(path)
    told = str(caught.value)
    assert text in told
    assert f"pass_through_endpoints[1].{key}" in told
    assert "config.yaml:" in told
    assert "pw@" not in told


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"include_subpaths": True}, 'Did you mean "include_subpath"?'),
        ({"headers": {"x": "os.environ/NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE"),
        ({"headers": {"x": "Bearer os.environ/NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE"),
    ],
)
def test_what_may_be_a_slip_is_told(config_beside, fake_upstream, change, text):
    path = config_beside(config(endpoint(fake_upstream, **change)), logger=LOGGER)
    gateway = Gateway.from_config(path)
    assert any(text in str(problem) for problem in gateway.loaded.report.problems)
    assert gateway.pass_through.targets()


def test_an_endpoint_that_is_never_reached_is_told(serving, config_beside, fake_upstream, monkeypatch):
    from tianji_core.server import app

    told = []
    monkeypatch.setattr(app.log, "warning", lambda *args, **named: told.append(named), raising=False)
    fake_upstream.answer(Answer.json({}))
    path = config_beside(
        config(endpoint(fake_upstream, "/v1/models", methods=["GET", "PUT"]), endpoint(fake_upstream, "/v1/mine")),
        logger=LOGGER,
    )

    async def main():
        async with serving(path) as client:
            await client.get("/v1/models", headers=BEARER)

    asyncio.run(main())
    (warning,) = [each for each in told if "endpoint" in each]
    assert (warning["endpoint"], warning["method"]) == ("/v1/models", "GET")
    assert warning["at"].startswith("config.yaml:")
    assert not fake_upstream.requests


# -- guardrails --------------------------------------------------------------------------------------------------------


def guarded(upstream, *, default_on, mode="pre_call", guardrails=(), **params):
    row = {"model": "openai/gpt-x", "api_base": upstream.base, "api_key": "sk-vendor-0123456789"}
    guard = {"guardrail": "guard.NoSecrets", "mode": mode, "default_on": default_on, **params}
    return {
        "model_list": [{"model_name": "m", "litellm_params": row}],
        "guardrails": [{"guardrail_name": "no-secrets", "litellm_params": guard}],
        "general_settings": {
            "master_key": KEY,
            "pass_through_endpoints": [endpoint(upstream, guardrails=list(guardrails))],
        },
    }


BAD = {"model": "gpt-x", "odd": {"place": ["a secret"]}}
GOOD = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("mode", ["pre_call", "during_call"])
def test_a_guardrail_that_is_always_on_sees_what_is_passed_through(serving, config_beside, fake_upstream, mode):
    fake_upstream.answer(Answer.chat())
    path = config_beside(guarded(fake_upstream, default_on=True, mode=mode), guard=GUARD)

    async def main():
        async with serving(path) as client:
            good = await client.post("/openai/v1/chat/completions", GOOD, headers=BEARER)
            bad = await client.post("/openai/v1/anything", BAD, headers=BEARER)
            file = await client.post("/openai/v1/blobs", content=b"a file", headers=BEARER)
            form = {**BEARER, "content-type": "multipart/form-data; boundary=x"}
            upload = await client.post("/openai/v1/blobs", content=b"--x", headers=form)
            listed = await client.get("/openai/v1/models", headers=BEARER)
            endpoint = await client.post("/v1/parse", BAD, headers=BEARER)
            return good, bad, file, upload, listed, endpoint

    good, *rest = asyncio.run(main())
    assert good.status == 200
    assert good.headers["x-litellm-applied-guardrails"] == "no-secrets"
    assert [answer.status for answer in rest] == [400, 400, 400, 200, 400]
    assert rest[0].error["message"] == "That is a secret."
    assert len(fake_upstream.requests) == 2


def test_a_guardrail_that_is_asked_for_by_the_endpoint(serving, config_beside, fake_upstream):
    fake_upstream.answer(Answer.json({}))
    path = config_beside(guarded(fake_upstream, default_on=False, guardrails=["no-secrets"]), guard=GUARD)

    async def main():
        async with serving(path) as client:
            vendor = await client.post("/openai/v1/anything", BAD, headers=BEARER)
            return vendor.status, (await client.post("/v1/parse", BAD, headers=BEARER)).status

    assert asyncio.run(main()) == (200, 400)


def test_a_guardrail_that_would_rewrite_refuses(serving, config_beside, fake_upstream):
    path = config_beside(guarded(fake_upstream, default_on=True, rewrites=True), guard=GUARD)

    async def main():
        async with serving(path) as client:
            return await client.post("/openai/v1/anything", BAD, headers=BEARER)

    answer = asyncio.run(main())
    assert answer.status == 400
    assert "no-secrets" in answer.error["message"]
    assert not fake_upstream.requests


def test_a_guardrail_of_answers_holds_them(serving, config_beside, fake_upstream):
    answers = [
        Answer.json({"deep": ["a secret"]}),
        Answer.json({"fine": 1}),
        Answer.chat_stream("Hi"),
        Answer.error(404),
    ]
    fake_upstream.answer(*answers)
    path = config_beside(guarded(fake_upstream, default_on=True, mode="post_call"), guard=GUARD)

    async def main():
        async with serving(path) as client:
            return [await client.post("/openai/v1/chat/completions", GOOD, headers=BEARER) for _ in answers]

    bad, good, stream, error = asyncio.run(main())
    assert [a.status for a in (bad, good, stream, error)] == [400, 200, 400, 404]
    assert good.json() == {"fine": 1}
    assert bad.error["message"] == "That is a secret."
