"""Responses with a memory: answers that the gateway keeps for vendors that do not."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import chat_chunks
from tianji_core.testing.server import free_port

KEY = "sk-contract-0123456789abcdef"
ADMIN = {"authorization": f"Bearer {KEY}"}
TOOLS = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]

CALLERS = """
    from tianji_core.api.call import Principal

    async def who(request, key):
        name = (key or "").removeprefix("sk-")
        return Principal(user_id=name) if name in ("ada", "bob") else None
"""
ADA = {"authorization": "Bearer sk-ada"}
BOB = {"authorization": "Bearer sk-bob"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def config(fake_upstream, config_beside):
    """A gateway over three vendors without a memory, one fake for all of them; callers are Ada and Bob."""

    def made(database=None, **general):
        rows = {
            "chat": {"model": "openai_compatible/up-1", "api_base": fake_upstream.base},
            "claude": {"model": "anthropic/claude-sonnet-4-5", "api_base": fake_upstream.url},
            "gemini": {"model": "gemini/gemini-2.5-pro", "api_base": fake_upstream.url},
        }
        given = {"master_key": KEY, "custom_auth": "callers.who", **general}
        if database is not None:
            given["database_url"] = database
        rows = [{"model_name": n, "litellm_params": {**p, "api_key": "sk-up"}} for n, p in rows.items()]
        whole = {"model_list": rows, "general_settings": given, "router_settings": {"num_retries": 0}}
        return config_beside(whole, callers=CALLERS)

    return made


def calls(request):
    """The vendors: each calls the tool `f` until it has an answer of it, and then says what that was."""
    body = request.json()
    if "contents" in body:
        results = [p["functionResponse"] for c in body["contents"] for p in c["parts"] if "functionResponse" in p]
        said = str(results[-1]["response"]) if results else None
        call = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
        parts = [{"text": said}] if said else [{"text": "Hm.", "thought": True}, call]
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1}
        answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": usage}
        return Answer.sse(answer, done=False) if "stream" in request.path else Answer.json(answer)
    if request.path.endswith("/messages"):
        blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
        results = [b["content"] for b in blocks if b["type"] == "tool_result"]
        usage = {"input_tokens": 1, "output_tokens": 1}
        thinking = {"type": "thinking", "thinking": "Hm.", "signature": "SIG"}
        call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
        content = [{"type": "text", "text": str(results[-1])}] if results else [thinking, call]
        answer = {"id": "msg_1", "type": "message", "role": "assistant", "content": content, "usage": usage}
        if body.get("stream"):
            return message_stream(answer)
        return Answer.json({**answer, "stop_reason": "end_turn" if results else "tool_use"})
    results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    if body.get("stream"):
        delta = {"content": results[-1]} if results else {"tool_calls": [{**call, "index": 0}]}
        return Answer.sse(*chat_chunks(delta))
    if results:
        return Answer.chat(results[-1])
    answer = Answer.chat()
    whole = json.loads(answer.body)
    whole["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    return Answer.json(whole)


def message_stream(message):
    """A message as Anthropic streams it."""
    events = [{"type": "message_start", "message": {**message, "content": []}}]
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            empty, deltas = {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": '{"a":1}'}]
        elif block["type"] == "thinking":
            empty = {**block, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            empty, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
    return Answer.sse(*events, {"type": "message_stop"}, done=False)


def streamed(answer):
    """The events of a streamed Response."""
    frames = answer.body.decode().strip().split("\n\n")
    events = [json.loads(frame.partition("\ndata: ")[2]) for frame in frames]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def whole(answer):
    """The response of an answer, streamed or not; its id is the same all along."""
    if answer.headers["content-type"] == "application/json":
        return answer.json()
    events = streamed(answer)
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1
    return events[-1]["response"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["chat", "claude", "gemini"])
def test_a_tool_loop(serving, config, fake_upstream, database, model, stream):
    """Three turns, the second by the id of the first on another replica, and nothing of it said twice."""
    config = config(database)
    fake_upstream.answer(script=calls)
    more = {"model": model, "tools": TOOLS, "stream": stream}

    async def main():
        async with serving(config) as one, serving(config) as two:
            asked = {**more, "input": "What is f?", "instructions": "Be terse."}
            first = whole(await one.post("/v1/responses", asked, headers=ADA))
            (call,) = [item for item in first["output"] if item["type"] == "function_call"]
            result = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
            asked = {**more, "input": [result], "previous_response_id": first["id"]}
            second = whole(await two.post("/v1/responses", asked, headers=ADA))
            asked = {**more, "input": "And now?", "previous_response_id": second["id"]}
            last = await one.post("/responses", asked, headers=ADA)
            third = whole(last)
            path = f"/v1/responses/{third['id']}"
            found = (await two.get(path, headers=ADA)).json()
            again = await two.get(path, headers=ADA, query="stream=true")
            if stream:
                assert again.body == last.body
            assert streamed(again)[-1]["response"] == third
            items = (await two.get(f"/v1/responses/{third['id']}/input_items", headers=ADA, query="order=asc")).json()
            return first, second, third, found, items

    first, second, third, found, items = asyncio.run(main())
    assert "42" in second["output"][0]["content"][0]["text"]
    assert (first["previous_response_id"], second["previous_response_id"]) == (None, first["id"])
    assert [r["store"] for r in (first, second, third)] == [True, True, True]
    assert found == third
    kinds = [item["type"] for item in items["data"]]
    assert [kind for kind in kinds if kind != "reasoning"] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]
    assert len({item["id"] for item in items["data"]}) == len(kinds)
    sent = [json.dumps(request.json()) for request in fake_upstream.requests]
    assert ["Be terse." in body for body in sent] == [True, False, False]
    assert ["And now?" in body for body in sent] == [False, False, True]
    assert all("What is f?" in body for body in sent)
    signature = {"claude": "SIG", "gemini": "c2ln"}.get(model)
    if signature:  # what the vendor needs to go on thinking has come back to it
        assert [signature in body for body in sent] == [False, True, True]


@pytest.mark.parametrize("model", ["chat", "claude", "gemini"])
def test_a_loop_of_a_client_that_remembers_itself(serving, config, fake_upstream, tmp_path, monkeypatch, model):
    """As Codex asks: streamed, nothing stored, reasoning taken along, and no database is made."""
    monkeypatch.chdir(tmp_path)
    fake_upstream.answer(script=calls)
    more = {"model": model, "tools": TOOLS, "stream": True, "store": False, "include": ["reasoning.encrypted_content"]}

    async def main():
        async with serving(config()) as client:
            history = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is f?"}]}]
            first = whole(await client.post("/v1/responses", {**more, "input": history}, headers=ADA))
            history += [{n: v for n, v in item.items() if n not in ("id", "status")} for item in first["output"]]
            (call,) = [item for item in history if item["type"] == "function_call"]
            history.append({"type": "function_call_output", "call_id": call["call_id"], "output": "42"})
            second = whole(await client.post("/v1/responses", {**more, "input": history}, headers=ADA))
            assert "42" in second["output"][0]["content"][0]["text"]
            assert (first["store"], second["store"]) == (False, False)

    asyncio.run(main())
    sent = json.dumps(fake_upstream.requests[1].json())
    assert {"claude": "SIG", "gemini": "c2ln"}.get(model, "") in sent
    assert list(tmp_path.glob("*.db*")) == []


def test_answers_belong_to_who_asked(serving, config, fake_upstream, database):
    fake_upstream.answer(Answer.chat("Hi"))

    async def main():
        async with serving(config(database)) as client:
            made = (await client.post("/v1/responses", {"model": "chat", "input": "x"}, headers=ADA)).json()
            path = f"/v1/responses/{made['id']}"
            for answer in (
                await client.get(path, headers=BOB),
                await client.get(path + "/input_items", headers=BOB),
                await client.post(path + "/cancel", headers=BOB),
                await client.request("DELETE", path, headers=BOB),
            ):
                assert answer.status == 404
                assert answer.error["message"] == f"Response with id '{made['id']}' not found."
            asked = {"model": "chat", "input": "y", "previous_response_id": made["id"]}
            answer = await client.post("/v1/responses", asked, headers=BOB)
            assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
            assert answer.error["message"] == f"Previous response with id '{made['id']}' not found."
            assert (await client.get(path, headers=ADMIN)).json() == made
            for where in ("/v1", "", "/openai/v1"):
                assert (await client.get(f"{where}/responses/{made['id']}", headers=ADA)).json() == made
            cancel = await client.post(path + "/cancel", headers=ADA)
            assert (cancel.status, cancel.error["message"]) == (400, "Cannot cancel a synchronous response.")
            gone = await client.request("DELETE", path, headers=ADA)
            assert gone.json() == {"id": made["id"], "object": "response", "deleted": True}
            assert (await client.get(path, headers=ADA)).status == 404
            assert (await client.get(path)).status == 401

    asyncio.run(main())


def test_input_items_come_in_pages(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.chat("Hi"))
    said = [{"role": "user", "content": f"{n}"} for n in range(5)]

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            made = (await client.post("/v1/responses", {"model": "chat", "input": said}, headers=ADA)).json()
            path = f"/v1/responses/{made['id']}/input_items"
            first = (await client.get(path, headers=ADA, query="limit=3")).json()
            rest = (await client.get(path, headers=ADA, query=f"limit=3&after={first['last_id']}")).json()
            for query in ("limit=0", "limit=101", "limit=x", "order=up", "after=msg_none"):
                answer = await client.get(path, headers=ADA, query=query)
                assert (answer.status, answer.error["param"]) == (400, query.partition("=")[0])
            return first, rest

    first, rest = asyncio.run(main())
    assert [item["content"][0]["text"] for item in first["data"] + rest["data"]] == ["4", "3", "2", "1", "0"]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["first_id"] == first["data"][0]["id"]


@pytest.mark.parametrize(
    ("named", "general", "store", "kept"),
    [
        (True, {}, None, True),
        (True, {}, False, False),
        (True, {"store_responses": False}, True, False),
        (False, {}, None, False),
        (False, {}, True, True),
        (False, {"store_responses": True}, None, True),
    ],
)
def test_what_is_kept(serving, config, fake_upstream, tmp_path, monkeypatch, named, general, store, kept):
    """All answers where somebody named a database; else those that a client wants kept."""
    monkeypatch.chdir(tmp_path)
    fake_upstream.answer(Answer.chat("Hi"))
    asked = {"model": "chat", "input": "x", **({} if store is None else {"store": store})}

    async def main():
        database = f"sqlite:///{tmp_path}/tianji.db" if named else None
        async with serving(config(database, **general)) as client:
            made = (await client.post("/v1/responses", asked, headers=ADA)).json()
            assert made["store"] is kept
            found = await client.get(f"/v1/responses/{made['id']}", headers=ADA)
            assert (found.status == 200) is kept

    asyncio.run(main())
    assert (tmp_path / "tianji.db").exists() is (named or kept)


def test_a_stream_that_is_cut_is_not_kept(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.sse(*chat_chunks({"content": "one"})[:2], done=False))
    asked = {"model": "chat", "input": "x", "stream": True}

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            answer = await client.post("/v1/responses", asked, headers=ADA)
            first = json.loads(answer.body.decode().split("\n")[1].removeprefix("data: "))
            assert "response.completed" not in answer.body.decode()
            assert (await client.get(f"/v1/responses/{first['response']['id']}", headers=ADA)).status == 404

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_the_database_is_away(serving, config, fake_upstream, stream):
    """What needs no database is answered, and says that it was not kept."""
    fake_upstream.answer(script=lambda r: Answer.chat_stream("Hi") if stream else Answer.chat("Hi"))
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    asked = {"model": "chat", "input": "x", "stream": stream}

    async def main():
        async with serving(config(nowhere)) as client:
            answer = await client.post("/v1/responses", asked, headers=ADA)
            assert answer.status == 200
            made = whole(answer)
            assert (made["status"], made["store"]) == ("completed", False)
            for answer in (
                await client.post("/v1/responses", {**asked, "store": True}, headers=ADA),
                await client.post("/v1/responses", {**asked, "previous_response_id": made["id"]}, headers=ADA),
                await client.get(f"/v1/responses/{made['id']}", headers=ADA),
            ):
                assert answer.status == 503
                assert answer.headers["retry-after"]
                assert answer.error["message"] == "The database is not available."

    asyncio.run(main())


def test_a_part_of_the_conversation_is_gone(serving, config, fake_upstream, tmp_path):
    """What was deleted is not said again to anybody, nor left out in silence."""
    fake_upstream.answer(Answer.chat("Hi"))

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            ids = []
            for n in range(3):
                asked = {"model": "chat", "input": f"{n}", "previous_response_id": ids[-1] if ids else None}
                ids.append((await client.post("/v1/responses", asked, headers=ADA)).json()["id"])
            await client.request("DELETE", f"/v1/responses/{ids[0]}", headers=ADA)
            asked = {"model": "chat", "input": "more", "previous_response_id": ids[2]}
            answer = await client.post("/v1/responses", asked, headers=ADA)
            assert (answer.status, answer.error["message"]) == (
                400,
                f"Previous response with id '{ids[0]}' not found.",
            )

    asyncio.run(main())


def test_many_at_once_go_on_from_one_answer(serving, config, fake_upstream, database):
    fake_upstream.answer(Answer.chat("Hi"))

    async def main():
        async with serving(config(database)) as one, serving(config(database)) as two:
            root = (await one.post("/v1/responses", {"model": "chat", "input": "root"}, headers=ADA)).json()["id"]

            async def branch(client, name):
                previous = root
                for turn in range(3):
                    asked = {"model": "chat", "input": f"{name}{turn}", "previous_response_id": previous}
                    made = (await client.post("/v1/responses", asked, headers=ADA)).json()
                    previous = made["id"]
                path = f"/v1/responses/{previous}/input_items"
                items = (await client.get(path, headers=ADA, query="order=asc&limit=100")).json()["data"]
                asked = [item["content"][0]["text"] for item in items if item["role"] == "user"]
                assert asked == ["root", f"{name}0", f"{name}1", f"{name}2"]

            await asyncio.gather(*(branch(client, f"{n}-") for n, client in enumerate([one, two] * 4)))

    asyncio.run(main())


async def _ended(client, path):
    while (found := (await client.get(path, headers=ADA)).json())["status"] == "in_progress":
        await asyncio.sleep(0.01)
    return found


def test_background(serving, config, fake_upstream, database):
    """Created, polled on another replica, read as a stream, gone on from."""
    fake_upstream.answer(Answer.chat("Hi").but(delay=0.2))

    async def main():
        async with serving(config(database)) as one, serving(config(database)) as two:
            asked = {"model": "chat", "input": "x", "background": True}
            made = (await one.post("/v1/responses", asked, headers=ADA)).json()
            assert (made["status"], made["background"], made["output"]) == ("queued", True, [])
            path = f"/v1/responses/{made['id']}"
            asked = {"model": "chat", "input": "y", "previous_response_id": made["id"]}
            answer = await two.post("/v1/responses", asked, headers=ADA)
            assert (answer.status, "is in_progress" in answer.error["message"]) == (400, True)
            told, found = await asyncio.gather(one.get(path, headers=ADA, query="stream=true"), _ended(two, path))
            assert (found["status"], found["output"][0]["content"][0]["text"]) == ("completed", "Hi")
            assert (found["background"], found["usage"]["total_tokens"] > 0) == (True, True)
            assert streamed(told)[-1] == {**streamed(told)[-1], "type": "response.completed", "response": found}
            assert (await two.post("/v1/responses", asked, headers=ADA)).status == 200
            assert (await one.post(path + "/cancel", headers=ADA)).json() == found

    asyncio.run(main())


def test_background_whose_client_stays(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.chat("Hi").but(delay=0.1))
    asked = {"model": "chat", "input": "x", "background": True, "stream": True}

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            events = streamed(await client.post("/v1/responses", asked, headers=ADA))
            assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
            assert events[-1]["type"] == "response.completed"
            path = f"/v1/responses/{events[0]['response']['id']}"
            rest = await client.get(path, headers=ADA, query="stream=true&starting_after=2")
            frames = rest.body.decode().strip().split("\n\n")
            assert [json.loads(frame.partition("\ndata: ")[2]) for frame in frames] == events[3:]

    asyncio.run(main())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_background_is_cancelled(serving, config, fake_upstream, database, monkeypatch, elsewhere):
    monkeypatch.setattr("tianji_core.gateway.responses.background.RENEWAL", 0.05)
    fake_upstream.answer(Answer.never())

    async def main():
        async with serving(config(database)) as one, serving(config(database)) as two:
            other = two if elsewhere else one
            asked = {"model": "chat", "input": "x", "background": True}
            made = (await one.post("/v1/responses", asked, headers=ADA)).json()
            path = f"/v1/responses/{made['id']}"
            await fake_upstream.wait_request()
            assert (await other.post(path + "/cancel", headers=BOB)).status == 404
            cancelled = (await other.post(path + "/cancel", headers=ADA)).json()
            assert cancelled["status"] == "cancelled"
            await fake_upstream.wait_disconnect()
            assert (await one.get(path, headers=ADA)).json() == cancelled

    asyncio.run(main())


def test_background_that_fails(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.error(429, "Too much."))

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            asked = {"model": "chat", "input": "x", "background": True}
            made = (await client.post("/v1/responses", asked, headers=ADA)).json()
            found = await _ended(client, f"/v1/responses/{made['id']}")
            assert (found["status"], found["error"]["code"]) == ("failed", "rate_limit_exceeded")
            assert "Too much." in found["error"]["message"]
            told = await client.get(f"/v1/responses/{made['id']}", headers=ADA, query="stream=true")
            assert [event["type"] for event in streamed(told)] == [
                "response.created",
                "response.in_progress",
                "response.failed",
            ]

    asyncio.run(main())


def test_background_whose_gateway_ends(serving, config, fake_upstream, tmp_path, monkeypatch):
    """One that is shut down says so; one that dies says nothing any more, and then its lease runs out."""
    monkeypatch.setattr("tianji_core.gateway.responses.background.LEASE", 0.3)
    fake_upstream.answer(Answer.never())
    asked = {"model": "chat", "input": "x", "background": True}

    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as two:
            async with serving(config(f"sqlite:///{tmp_path}/store.db")) as one:
                shut = (await one.post("/v1/responses", asked, headers=ADA)).json()["id"]
                dead = (await one.post("/v1/responses", asked, headers=ADA)).json()["id"]
                await fake_upstream.wait_request(2)
                killed = one.app.serving.gateway.responses.background._tasks.pop(dead)
                one.app.serving.gateway.responses.background._stopped.add(dead)  # which writes nothing any more
                killed.cancel()
            for ident, why in ((shut, "was shut down"), (dead, "has ended")):
                found = await _ended(two, f"/v1/responses/{ident}")
                assert found["status"] == "failed"
                assert why in found["error"]["message"]

    asyncio.run(main())


def test_background_needs_the_store(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.chat("Hi"))
    asked = {"model": "chat", "input": "x", "background": True}

    async def main():
        for general, more, status in (
            ({}, {"store": False}, 400),
            ({"store_responses": False}, {}, 400),
            ({"database_url": f"sqlite:///{tmp_path}/nowhere/x.db"}, {}, 503),
        ):
            async with serving(config(**general)) as client:
                answer = await client.post("/v1/responses", {**asked, **more}, headers=ADA)
                assert answer.status == status
        assert fake_upstream.requests == []

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_a_database_that_goes_away_while_an_answer_comes(
    serving, config, fake_upstream, postgres_url, postgres_cut, monkeypatch, stream
):
    """The answer is paid for and goes out; what it says of itself is true. Then all is as before."""
    monkeypatch.setattr("tianji_core.gateway.responses.kept.AWAY", 0.0)
    fake_upstream.answer(script=lambda r: Answer.chat_stream("Hi") if stream else Answer.chat("Hi"))
    asked = {"model": "chat", "input": "x", "stream": stream}

    async def main():
        async with serving(config(postgres_cut.url(postgres_url))) as client:
            made = whole(await client.post("/v1/responses", asked, headers=ADA))
            assert made["store"] is True
            postgres_cut.cut()
            more = {**asked, "previous_response_id": made["id"]}
            lost = whole(await client.post("/v1/responses", asked, headers=ADA))
            assert (lost["status"], lost["store"]) == ("completed", False)
            assert (await client.post("/v1/responses", more, headers=ADA)).status == 503
            postgres_cut.mend()
            assert whole(await client.post("/v1/responses", more, headers=ADA))["store"] is True
            assert (await client.get(f"/v1/responses/{lost['id']}", headers=ADA)).status == 404

    asyncio.run(main())


def test_how_long_and_how_much(serving, config, fake_upstream, tmp_path):
    fake_upstream.answer(Answer.chat("Hi"))
    url = f"sqlite:///{tmp_path}/store.db"
    mebibyte = 1024 * 1024

    async def main():
        async with serving(config(url, max_request_size_mb=1)) as client:
            asked = {"model": "chat", "input": "x" * (mebibyte // 2)}
            for n in range(3):
                answer = await client.post("/v1/responses", asked, headers=ADA)
                assert answer.status == (200 if n < 2 else 413)
                if n == 2:
                    assert answer.error["param"] == "previous_response_id"
                else:
                    asked = {**asked, "previous_response_id": answer.json()["id"]}
        async with serving(config(url, responses_retention_days=0)) as client:
            made = (await client.post("/v1/responses", {"model": "chat", "input": "x"}, headers=ADA)).json()
            assert (await client.get(f"/v1/responses/{made['id']}", headers=ADA)).status == 404

    asyncio.run(main())


def test_members_of_the_wrong_kind(serving, config, tmp_path):
    async def main():
        async with serving(config(f"sqlite:///{tmp_path}/store.db")) as client:
            for name in ("store", "background", "previous_response_id"):
                asked = {"model": "chat", "input": "x", name: 1}
                answer = await client.post("/v1/responses", asked, headers=ADA)
                assert (answer.status, answer.error["param"]) == (400, name)
            answer = await client.post("/v1/responses", [], headers=ADA)
            assert (answer.status, answer.error["param"]) == (400, "request_body")
            answer = await client.get("/v1/responses/resp_" + "0" * 31 + "\0", headers=ADA)
            assert answer.status == 404
            answer = await client.get("/v1/responses/resp_" + "0" * 32, headers=ADA, query="stream=true")
            assert answer.status == 404

    asyncio.run(main())
