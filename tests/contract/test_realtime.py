"""Realtime sessions over ASGI: what needs no server and mostly no vendor."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tianji_core.api.call import ANONYMOUS
from tianji_core.server.client_secrets import read_wanted, read_wanted_of_the_beta

KEY = "sk-contract-0123456789abcdef"


class Socket:
    """A WebSocket's request to an application, without any server."""

    def __init__(self, app: Any, path: str, query: str, headers: Mapping[str, str], **scope: Any) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in {"host": "gateway.test", **headers}.items()],
            "client": ("10.1.2.3", 4321),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
            **scope,
        }
        self.task = asyncio.create_task(app(scope, self.inbox.get, self.outbox.put))

    async def refusal(self) -> tuple[int, dict[str, str], dict[str, Any]]:
        head = await asyncio.wait_for(self.outbox.get(), 5)
        assert head["type"] == "websocket.http.response.start", head
        body = await self.outbox.get()
        await self.task
        fields = {name.decode(): value.decode() for name, value in head["headers"]}
        assert fields["content-type"] == "application/json"
        assert int(fields["content-length"]) == len(body["body"])
        return head["status"], fields, json.loads(body["body"])["error"]


@pytest.fixture
def ask(serving, row):
    """Asks for a session; gives the refusal."""

    def run(path="/v1/realtime", query="model=m", headers=(), config=(), **scope):
        rows = [row("http://127.0.0.1:1/v1", "m", num_retries=0), row("http://127.0.0.1:1/v1", "a", "echo/echo")]
        whole = {"model_list": rows, **dict(config)}

        async def main():
            async with serving(whole) as client:
                return await Socket(client.app, path, query, dict(headers), **scope).refusal()

        return asyncio.run(main())

    return run


def test_a_vendor_that_cannot_be_reached(ask):
    status, fields, error = ask()
    assert (status, error["message"]) == (500, "Connection error.")
    assert fields["x-litellm-call-id"]


def test_too_many_at_once(ask):
    config = {"general_settings": {"max_in_flight_requests_per_worker": 0}}
    status, fields, _ = ask(config=config)
    assert status == 503
    assert fields["retry-after"] == "1"


def test_behind_a_path_of_a_proxy(ask, monkeypatch):
    monkeypatch.setenv("SERVER_ROOT_PATH", "/gate")
    assert ask("/gate/v1/realtime", "model=nobody")[0] == 400
    assert ask("/gate/v1/nothing")[0] == 404


def test_a_server_without_refusals_in_http(serving, row):
    async def main():
        async with serving({"model_list": [row("http://127.0.0.1:1/v1", "m")]}) as client:
            socket = Socket(client.app, "/v1/realtime", "model=nobody", {}, extensions=None)
            assert (await asyncio.wait_for(socket.outbox.get(), 5))["type"] == "websocket.close"
            await socket.task

    asyncio.run(main())


def test_who_may_call_some_models_opens_sessions_of_those(serving, row, config_beside):
    source = """
        from tianji_core.api.call import Principal

        async def who(request, api_key):
            return Principal(user_id="u", models=frozenset({"m"}))
    """
    rows = [row("http://127.0.0.1:1/v1", name, num_retries=0) for name in ("m", "other")]
    path = config_beside({"model_list": rows, "general_settings": {"custom_auth": "mine.who"}}, mine=source)

    async def main():
        async with serving(path) as client:
            headers = {"authorization": "Bearer x"}
            first = await Socket(client.app, "/v1/realtime", "model=other", headers).refusal()
            return first, await Socket(client.app, "/v1/realtime", "model=m", headers).refusal()

    (refused, _, error), (reached, _, _) = asyncio.run(main())
    assert (refused, error["type"]) == (403, "key_model_access_denied")
    assert reached == 500  # nobody is there


@pytest.mark.parametrize("query", ["a=1&" * 40 + "model=m", "model=%ff%fe"])
def test_odd_queries(ask, query):
    assert ask(query=query)[0] in (400, 500)


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://gateway.test", "gateway.test", 500),
        ("https://gateway.test", "gateway.test:443", 500),
        ("http://gateway.test:4000", "gateway.test:4000", 500),
        ("http://GATEWAY.test", "gateway.test", 500),
        ("http://gateway.test:4000", "gateway.test", 403),
        ("http://gateway.test.evil", "gateway.test", 403),
        ("http://evil@gateway.test:x", "gateway.test", 403),
        ("null", "gateway.test", 403),
        ("file://", "gateway.test", 403),
        ("http://[::1", "gateway.test", 403),
    ],
)
def test_origins(ask, origin, host, status):
    assert ask(headers={"origin": origin, "host": host})[0] == status


def test_all_origins_may_be_allowed(ask):
    config = {"general_settings": {"realtime_allowed_origins": ["*"]}}
    assert ask(headers={"origin": "https://anywhere.example"}, config=config)[0] == 500


def test_a_browsers_key_is_not_answered_back(ask):
    config = {"general_settings": {"master_key": KEY}}
    offered = [f"openai-insecure-api-key.{KEY}"]
    assert ask(config=config, subprotocols=offered)[0] == 500  # let in
    assert ask(config=config, subprotocols=["openai-insecure-api-key.wrong"])[0] == 401
    assert ask(config=config, subprotocols=offered, headers={"authorization": "Bearer wrong"})[0] == 401


def test_a_plugins_socket_is_guarded_too():
    from starlette.routing import WebSocketRoute

    from tianji_core.server.permissions import Permission, check_permissions, socket_route

    async def endpoint(websocket):
        raise AssertionError

    check_permissions([socket_route("/x", endpoint, Permission.ADMIN)])
    with pytest.raises(ValueError, match="/x"):
        check_permissions([WebSocketRoute("/x", endpoint)])


def test_nothing_of_it_is_loaded_before_the_first_session():
    source = """
        import sys, uvicorn
        from tianji_core.server import create_app
        from tianji_core.server.uvicorn_quick import protocol, socket_protocol
        app = create_app({"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/x", "api_key": "k"}}]})
        uvicorn.Config(app, http=protocol(), ws=socket_protocol()).load()
        loaded = [n for n in sys.modules if n.startswith("wsproto") or "realtime" in n or "websocket" in n]
        print(*sorted(loaded))
    """
    command = [sys.executable, "-c", textwrap.dedent(source)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(found) <= {"tianji_core.server.routes.realtime", "starlette.websockets"}, found


# -- client secrets --------------------------------------------------------------------------------------------------


@pytest.fixture
def secrets_of(serving, row, config_beside, tmp_path):
    """Runs `main(client)` with a gateway that has a database of its own and a caller for each key."""
    source = """
        from tianji_core.api.call import Principal

        async def who(request, api_key):
            if api_key != "sk-caller":
                raise ValueError("no")
            return Principal(user_id="u1", models=frozenset({"m", "a"}), metadata={"x": [1]})
    """

    def run(main, database=True):
        rows = [row("http://127.0.0.1:1/v1", name, num_retries=0) for name in ("m", "a", "other")]
        general = {"custom_auth": "mine.who", "database_url": f"sqlite:///{tmp_path}/own.db" if database else None}
        path = config_beside({"model_list": rows, "general_settings": general}, mine=source)

        async def outer():
            async with serving(path) as client:
                return await main(client)

        return asyncio.run(outer())

    return run


CALLER = {"authorization": "Bearer sk-caller"}


def test_a_client_secret_opens_sessions_of_its_model(secrets_of):
    session = {"type": "realtime", "model": "m", "instructions": "Be kind.", "audio": {"output": {"voice": "marin"}}}

    async def main(client):
        before = time.time()
        answer = await client.post("/v1/realtime/client_secrets", {"session": session}, headers=CALLER)
        assert answer.status == 200, answer.body
        made = answer.json()
        assert made["session"] == {"object": "realtime.session", **session}
        assert before + 599 < made["expires_at"] < time.time() + 601
        key = {"authorization": f"Bearer {made['value']}"}
        found = {}
        for query in ("model=m", "", "model=a", "model=other"):
            found[query] = (await Socket(client.app, "/v1/realtime", query, key).refusal())[0]
        assert found == {"model=m": 500, "": 500, "model=a": 403, "model=other": 403}  # 500: let in, nobody is there
        protocols = ["realtime", f"openai-insecure-api-key.{made['value']}"]
        assert (await Socket(client.app, "/v1/realtime", "", {}, subprotocols=protocols).refusal())[0] == 500
        # It opens nothing else.
        for path, body in (("/v1/chat/completions", {"model": "m", "messages": []}), ("/v1/realtime/sessions", {})):
            assert (await client.post(path, body, headers=key)).status == 401
        return made["value"]

    value = secrets_of(main)
    assert value.startswith("ek_")


def test_what_nobody_has_made_opens_nothing(secrets_of, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    async def main(client):
        key = {"authorization": "Bearer ek_0123456789012345678901234567890123456789012"}
        assert (await Socket(client.app, "/v1/realtime", "model=m", key).refusal())[0] == 401

    secrets_of(main)
    secrets_of(main, database=False)
    assert not (tmp_path / "tianji.db").exists(), "a stranger has made a database"


def test_an_expired_secret(secrets_of, monkeypatch):
    async def main(client):
        body = {"expires_after": {"anchor": "created_at", "seconds": 10}, "session": {"model": "m"}}
        made = (await client.post("/v1/realtime/client_secrets", body, headers=CALLER)).json()
        assert made["expires_at"] <= time.time() + 10
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 11)
        key = {"authorization": f"Bearer {made['value']}"}
        assert (await Socket(client.app, "/v1/realtime", "model=m", key).refusal())[0] == 401

    secrets_of(main)


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("client_secrets", {}, 400, "session.model"),
        ("client_secrets", [], 400, "request_body"),
        ("client_secrets", {"session": 5}, 400, "session"),
        ("client_secrets", {"session": {"model": "nobody"}}, 403, "model"),
        ("client_secrets", {"session": {"model": "other"}}, 403, "model"),
        ("client_secrets", {"session": {"model": 5}}, 400, "session.model"),
        ("client_secrets", {"session": {"model": "m", "type": "song"}}, 400, "session.type"),
        ("client_secrets", {"session": {"model": "m"}, "expires_after": {"seconds": 9}}, 400, "expires_after.seconds"),
        (
            "client_secrets",
            {"session": {"model": "m"}, "expires_after": {"seconds": "60"}},
            400,
            "expires_after.seconds",
        ),
        ("client_secrets", {"session": {"model": "m"}, "expires_after": 60}, 400, "expires_after"),
        ("client_secrets", {"session": {"model": "m"}, "expires_after": {"anchor": "x"}}, 400, "expires_after.anchor"),
        ("client_secrets", {"session": {"model": "m", "instructions": "x" * 1024 * 1024}}, 413, None),
        ("sessions", {}, 400, "session.model"),
        ("transcription_sessions", {"input_audio_transcription": {}}, 400, "session.model"),
    ],
)
def test_secrets_that_are_not_made(secrets_of, path, body, status, param):
    async def main(client):
        answer = await client.post(f"/v1/realtime/{path}", body, headers=CALLER)
        assert (answer.status, answer.error["param"]) == (status, param), answer.body

    secrets_of(main)


def test_nobody_else_gets_secrets(secrets_of):
    async def main(client):
        answer = await client.post("/v1/realtime/client_secrets", {"session": {"model": "m"}})
        assert answer.status == 401

    secrets_of(main)


def test_the_beta_has_the_secret_in_the_session(secrets_of):
    async def main(client):
        body = {"model": "m", "voice": "alloy", "client_secret": {"expires_after": {"seconds": 100}}}
        made = (await client.post("/v1/realtime/sessions", body, headers=CALLER)).json()
        assert made["client_secret"]["expires_at"] - time.time() > 90
        assert (made["object"], made["voice"]) == ("realtime.session", "alloy")
        body = {"input_audio_transcription": {"model": "a"}}
        made = (await client.post("/realtime/transcription_sessions", body, headers=CALLER)).json()
        assert made["input_audio_transcription"] == {"model": "a"}
        key = {"authorization": f"Bearer {made['client_secret']['value']}"}
        assert (await Socket(client.app, "/v1/realtime", "intent=transcription", key).refusal())[0] == 500

    secrets_of(main)


@pytest.mark.parametrize(
    ("wanted", "event"),
    [
        (read_wanted({"session": {"model": "m"}}), None),
        (
            read_wanted({"session": {"model": "m", "tools": []}}),
            {"type": "session.update", "session": {"type": "realtime", "tools": []}},
        ),
        (
            read_wanted_of_the_beta({"model": "m", "voice": "alloy"}, transcribes=False),
            {"type": "session.update", "session": {"voice": "alloy"}},
        ),
        (
            read_wanted_of_the_beta({"input_audio_transcription": {"model": "a"}}, transcribes=True),
            {"type": "transcription_session.update", "session": {"input_audio_transcription": {"model": "a"}}},
        ),
    ],
)
def test_how_a_session_is_set_up(wanted, event):
    assert wanted.secret(ANONYMOUS).event == event
