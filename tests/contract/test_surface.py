"""Which paths there are, who may use them, and what is answered where there is nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
BODIES = {
    "chat/completions": CHAT,
    "completions": {"model": "m", "prompt": "Once"},
    "embeddings": {"model": "m", "input": "text"},
}
PREFIXES = ["/v1/", "/", "/engines/m/", "/openai/deployments/m/"]


def scripted(request):
    """A vendor that has every operation."""
    if request.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return Answer.json({"object": "list", "model": "up-1", "data": data, "usage": usage})
    return Answer.chat("Hello!")


@pytest.fixture
def config(fake_upstream, row):
    fake_upstream.answer(script=scripted)
    return {"model_list": [row(fake_upstream)], "general_settings": {"master_key": KEY}}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("suffix", list(BODIES))
def test_every_alias_of_a_model_route(serving, config, fake_upstream, prefix, suffix):
    body = dict(BODIES[suffix])
    if "{" not in prefix and len(prefix) > 4:
        del body["model"]  # the path names it

    async def main():
        async with serving(config) as client:
            return await client.post(prefix + suffix, body, headers={"authorization": f"Bearer {KEY}"})

    answer = asyncio.run(main())
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["model"] == "m"
    assert fake_upstream.requests[0].json()["model"] == "up-1"
    if suffix == "completions":
        assert answer.json()["object"] == "text_completion"
        assert answer.json()["choices"][0]["text"] == "Hello!"


def test_the_path_wins_over_the_body(serving, config, fake_upstream):
    async def main():
        async with serving(config) as client:
            body = {**CHAT, "model": "something-else"}
            headers = {"api-key": KEY}
            return await client.post(
                "/openai/deployments/m/chat/completions", body, headers=headers, query="api-version=2024-10-21"
            )

    assert asyncio.run(main()).status == 200


def test_models_with_slashes_in_the_path(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream, "org/m")]}) as client:
            called = await client.post("/engines/org/m/chat/completions", {"messages": CHAT["messages"]})
            return called, await client.get("/v1/models/org/m")

    called, shown = asyncio.run(main())
    assert called.status == 200
    assert shown.json()["id"] == "org/m"


@pytest.mark.parametrize("path", ["/models", "/v1/models"])
def test_models(serving, row, path):
    upstream = "http://127.0.0.1:9/v1"
    config = {
        "model_list": [
            row(upstream, "b", info={"mode": "chat", "max_input_tokens": 100}),
            row(upstream, "a"),
            row(upstream, "a"),
            row(upstream, "wild/*", "openai_compatible/*"),
        ],
        "router_settings": {"model_group_alias": {"z": "a", "secret": {"model": "a", "hidden": True}}},
        "general_settings": {"master_key": KEY},
    }

    async def main():
        async with serving(config) as client:
            key = {"x-api-key": KEY}
            return [
                await client.get(path, headers=key),
                await client.get(path, headers=key, query="return_wildcard_routes=true"),
                await client.get(f"{path}/a", headers=key),
                await client.get(f"{path}/secret", headers=key),
                await client.get(f"{path}/nope", headers=key),
                await client.get(path),
            ]

    listed, wild, one, hidden, nope, nobody = asyncio.run(main())
    assert listed.json()["object"] == "list"
    assert [m["id"] for m in listed.json()["data"]] == ["z", "b", "a"]
    first = listed.json()["data"][2]
    assert first == {"id": "a", "object": "model", "created": 1677610602, "owned_by": "openai"}
    assert listed.json()["data"][1]["mode"] == "chat"
    assert listed.json()["data"][1]["max_input_tokens"] == 100
    assert [m["id"] for m in wild.json()["data"]] == ["z", "b", "a", "wild/*"]
    assert one.json()["id"] == "a"
    assert hidden.status == 200
    assert nope.status == 404
    assert "nope" in nope.json()["detail"]
    assert nobody.status == 401


def test_health_and_root_are_public(serving, config):
    async def main():
        async with serving(config) as client:
            paths = ["/health/liveliness", "/health/liveness", "/health/readiness", "/", "/docs", "/openapi.json"]
            return [await client.get(path) for path in [*paths, "/docs/docs.css", "/docs/docs.js", "/docs/nope"]]

    live, alive, ready, root, docs, spec, css, js, nope = asyncio.run(main())
    assert live.status == alive.status == 200
    assert live.json() == "I'm alive!"
    assert ready.json() == {"status": "healthy", "db": "Not connected"}
    assert root.status in (200, 307)
    assert docs.status == 200
    assert docs.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    assert spec.json()["openapi"].startswith("3.")
    assert css.headers["content-type"].startswith("text/css")
    assert js.headers["content-type"].startswith("text/javascript")
    assert nope.status == 404
    for answer in (live, ready, docs, spec, nope):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


def test_every_route_says_what_it_takes_and_gives(serving, config):
    """With `doc=Doc(…)`, where it is defined; see `tianji_core.server.permissions`."""

    async def main():
        async with serving(config) as client:
            return client.app.routes, (await client.get("/openapi.json")).json()

    routes, spec = asyncio.run(main())
    assert not [route.path for route in routes if route.doc is None]
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert set(operation["responses"]) in ({"200", "4XX", "5XX"}, {"307", "4XX", "5XX"}), where
            for media in operation.get("requestBody", {"content": {}})["content"].values():
                assert media["schema"], where
    without = {
        path for path, methods in spec["paths"].items() if "post" in methods and "requestBody" not in methods["post"]
    }
    assert not [path for path in without if "{path}" not in path and not path.endswith(("/cancel", "/flushall"))]
    public = {path for path, methods in spec["paths"].items() for each in methods.values() if "security" not in each}
    assert "/health/liveness" in public
    assert not [path for path in public if "chat" in path or "models" in path]


def test_errors_of_every_route_are_told_in_its_dialect(serving, config):
    async def main():
        async with serving(config) as client:
            paths = ["/v1/messages", "/v1/messages/count_tokens"]
            return [await client.post(path, {"model": "m"}, headers={"x-api-key": "wrong"}) for path in paths]

    for answer in asyncio.run(main()):
        assert answer.status == 401
        assert (answer.json()["type"], answer.json()["error"]["type"]) == ("error", "authentication_error")


def test_openapi_lists_exactly_the_routes(serving, config):
    async def main():
        async with serving(config) as client:
            spec = (await client.get("/openapi.json")).json()
            return spec, client.app

    spec, app = asyncio.run(main())
    listed = {(path, method.upper()) for path, methods in spec["paths"].items() for method in methods}
    served = {(route.path.replace(":path", ""), method) for route in app.routes for method in route.methods - {"HEAD"}}
    assert listed == served
    for suffix in BODIES:
        for prefix in ("", "/v1", "/engines/{model}", "/openai/deployments/{model}"):
            assert (f"{prefix}/{suffix}", "POST") in listed
    # Every hot path is a listed one too: nothing is reachable that the document does not tell of.
    assert {(path, "POST") for path in app._hot} <= listed
    # Ids are unique, references lead somewhere, and what needs a key says so.
    operations = [op for methods in spec["paths"].values() for op in methods.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)
    assert spec["paths"]["/v1/chat/completions"]["post"]["security"]
    assert "security" not in spec["paths"]["/health/liveness"]["get"]
    for reference in _references(spec):
        at = spec
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


def _references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/embeddings", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/health/liveness", 405),
        ("GET", "/nothing", 404),
        ("POST", "/v1/nothing", 404),
        ("POST", "/v1/chat", 404),
        ("GET", "/v1/../v1/models", 404),
        ("GET", "/v1/models\x00", 404),
        ("POST", "/v1//chat/completions", 404),
        ("GET", "/docs/../server/app.py", 404),
        ("GET", "/docs/docs.html", 404),
        ("OPTIONS", "/v1/chat/completions", 405),
    ],
)
def test_what_is_not_there(serving, config, method, path, status):
    async def main():
        async with serving(config) as client:
            return await client.request(method, path, headers={"authorization": f"Bearer {KEY}"})

    answer = asyncio.run(main())
    assert answer.status == status
    assert isinstance(answer.json(), dict)
    if status == 405:
        assert answer.headers["allow"]


def test_head_is_answered_where_get_is(serving, config):
    async def main():
        async with serving(config) as client:
            return await client.request("HEAD", "/health/liveness")

    assert asyncio.run(main()).status == 200


def test_a_root_path_is_taken_off_at_slashes_only(serving, config, monkeypatch):
    monkeypatch.setenv("SERVER_ROOT_PATH", "/llm")

    async def main():
        async with serving(config) as client:
            headers = {"authorization": f"Bearer {KEY}"}
            return [
                await client.post("/llm/v1/chat/completions", CHAT, headers=headers),
                await client.get("/llm/health/liveness"),
                await client.get("/llmhealth/liveness"),
                await client.get("/llm/"),
                await client.get("/llm"),
            ]

    called, health, wrong, root, bare = asyncio.run(main())
    assert called.status == 200
    assert health.status == 200
    assert wrong.status == 404
    assert root.headers["location"] == "/llm/docs"
    assert bare.status == 307


def test_docs_can_be_moved_and_switched_off(serving, config, monkeypatch):
    async def main():
        async with serving(config) as client:
            return [await client.get(path) for path in ("/docs", "/reference", "/")]

    monkeypatch.setenv("DOCS_URL", "reference")
    docs, moved, root = asyncio.run(main())
    assert (docs.status, moved.status, root.headers["location"]) == (404, 200, "/reference")
    assert b"/reference/docs.js" in moved.body
    monkeypatch.setenv("NO_DOCS", "true")
    docs, moved, root = asyncio.run(main())
    assert (docs.status, moved.status, root.status) == (404, 404, 200)


def test_a_route_without_permission_keeps_the_server_from_starting(config_beside, config):
    from starlette.routing import Route

    from tianji_core.gateway import Gateway
    from tianji_core.hookspecs import hookimpl
    from tianji_core.server import create_app
    from tianji_core.server.permissions import Permission, route

    async def hello(request):
        from starlette.responses import JSONResponse

        return JSONResponse(request.scope["principal"].is_admin)

    class Careless:
        @hookimpl
        def tianji_routes(self, gateway):
            return [Route("/acme", hello)]

    class Careful:
        @hookimpl
        def tianji_routes(self, gateway):
            return [route("/acme", hello, Permission.ADMIN)]

    gateway = Gateway.from_config(config)
    gateway.registry.pm.register(Careless())
    with pytest.raises(ValueError, match=r"/acme"):
        create_app(gateway)

    gateway = Gateway.from_config(config)
    gateway.registry.pm.register(Careful())
    app = create_app(gateway)

    async def main():
        async def call(headers):
            sent = []

            async def send(message):
                sent.append(message)

            async def receive():
                return {"type": "http.request", "body": b""}

            scope = {"type": "http", "method": "GET", "path": "/acme", "headers": headers, "query_string": b""}
            await app(scope, receive, send)
            return sent[0]["status"], json.loads(sent[1]["body"])

        nobody = await call([])
        admin = await call([(b"authorization", f"Bearer {KEY}".encode())])
        await gateway.aclose()
        return nobody, admin

    nobody, admin = asyncio.run(main())
    assert nobody[0] == 401
    assert nobody[1]["error"]["type"] == "auth_error"
    assert admin == (200, True)
