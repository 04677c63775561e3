"""Responses of vendors that keep them themselves: their ids on the way to the client, and back to their account."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tianji_core.testing import Answer, FakeUpstream

KEY = "sk-contract-0123456789abcdef"
ADMIN = {"authorization": f"Bearer {KEY}"}
ADA = {"authorization": "Bearer sk-ada"}
BOB = {"authorization": "Bearer sk-bob"}
CALLERS = """
    from tianji_core.api.call import Principal

    async def who(request, key):
        name = (key or "").removeprefix("sk-")
        return Principal(user_id=name) if name in ("ada", "bob") else None
"""


class FakeOpenAI:
    """OpenAI's Responses with their memory: every answer repeats what was said before it."""

    def __init__(self):
        self.encrypted = secrets.token_hex(8)  # only this account can read it
        self.kept = {}
        self.asked = []

    def __call__(self, request):
        self.asked.append(request)
        _, _, rest = request.path.partition("/responses")
        if rest == "/input_tokens":
            return Answer.json({"object": "response.input_tokens", "input_tokens": 11})
        if rest == "/compact":
            usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
            made = {"type": "compaction", "id": "cmp_1", "encrypted_content": self.encrypted}
            return Answer.json({"id": "resp_c", "object": "response.compaction", "output": [made], "usage": usage})
        if rest:
            return self.about(request, *rest.strip("/").split("/"))
        body = request.json()
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self.kept:
            return no(400, f"Previous response with id '{previous}' not found.")
        given = body["input"] if isinstance(body["input"], list) else []
        if any(item.get("encrypted_content", self.encrypted) != self.encrypted for item in given):
            return no(400, "The encrypted content could not be verified.")
        said = [*(self.kept[previous]["said"] if previous else []), *texts(body["input"])]
        response = {
            "id": f"resp_{secrets.token_hex(24)}",
            "object": "response",
            "created_at": 1,
            "status": "queued" if body.get("background") else "completed",
            "background": body.get("background", False),
            "model": "gpt-5-2025-08-07",
            "previous_response_id": previous,
            "store": body.get("store", True),
            "output": self.output(said, body, given),
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        }
        if response["store"]:
            self.kept[response["id"]] = {"said": said, "response": response}
        return streamed(response) if body.get("stream") else Answer.json(response)

    def output(self, said, body, given):
        """With tools two calls side by side, until their results are there."""
        thought = {"type": "reasoning", "id": "rs_1", "summary": []}
        if "reasoning.encrypted_content" in body.get("include", ()):
            thought["encrypted_content"] = self.encrypted
        results = [item["output"] for item in given if item.get("type") == "function_call_output"]
        if body.get("tools") and not results:
            call = {"type": "function_call", "name": "f", "status": "completed"}
            return [thought] + [
                {**call, "id": f"fc_{n}", "call_id": f"call_{n}", "arguments": f"[{n}]"} for n in (1, 2)
            ]
        return [*([thought] if body.get("include") else []), message(" ".join([*said, *results]))]

    def about(self, request, ident, action=""):
        found = self.kept.get(ident)
        if found is None:
            return no(404, f"Response with id '{ident}' not found.")
        response = found["response"]
        if request.method == "DELETE":
            del self.kept[ident]
            return Answer.json({"id": ident, "object": "response", "deleted": True})
        if action == "input_items":
            items = [{"id": f"msg_{n}", **message(text)} for n, text in enumerate(found["said"])]
            limit = int(request.query.get("limit", 20))
            return Answer.json({"object": "list", "data": items[:limit], "has_more": len(items) > limit})
        if action == "cancel":
            if not response["background"]:
                return no(400, "Cannot cancel a synchronous response.")
            response["status"] = "cancelled"
        if request.query.get("stream") == "true":
            after = int(request.query.get("starting_after", -1))
            return streamed(response, after)
        return Answer.json(response)


def message(text):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def no(status, text):
    return Answer.json({"error": {"message": text, "type": "invalid_request_error", "code": None}}, status)


def texts(given):
    if isinstance(given, str):
        return [given]
    contents = [item.get("content") or () for item in given]
    parts = [[{"text": each}] if isinstance(each, str) else each for each in contents]
    return [part["text"] for each in parts for part in each if "text" in part]


def streamed(response, after=-1):
    begun = {**response, "status": "in_progress", "output": []}
    said = [item["content"][0]["text"] for item in response["output"] if item["type"] == "message"]
    delta = {"item_id": "msg_1", "output_index": 9, "content_index": 0, "delta": "".join(said)}
    items = [item for item in response["output"] if item["type"] != "message"]
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_text.delta", **delta},
        *({"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(items)),
        {"type": "response.completed", "response": response},
    ]
    told = [{**event, "sequence_number": n} for n, event in enumerate(events)]
    return Answer.sse(*(event for event in told if event["sequence_number"] > after), done=False)


def events(answer):
    frames = answer.body.decode().strip().split("\n\n")
    return [json.loads(frame.partition("\ndata: ")[2]) for frame in frames]


def whole(answer):
    if answer.headers["content-type"] == "application/json":
        return answer.json()
    told = events(answer)
    assert len({event["response"]["id"] for event in told if "response" in event}) == 1
    return told[-1]["response"]


@pytest.fixture
def vendors():
    """Two accounts of OpenAI that know nothing of each other."""
    one, two = FakeOpenAI(), FakeOpenAI()
    with FakeUpstream(script=one) as a, FakeUpstream(script=two) as b:
        one.base, two.base = a.base, b.base
        yield one, two


@pytest.fixture
def config(vendors, config_beside, fake_upstream, tmp_path, monkeypatch):
    """Model `m` on both accounts, `one` and `two` on one each; `chat` has no memory. There is no database."""
    monkeypatch.chdir(tmp_path)
    fake_upstream.answer(Answer.chat("Hi"))

    def made(more=(), key=KEY, **general):
        def row(name, vendor, secret="sk-up", model="openai/gpt-5"):
            return {"model_name": name, "litellm_params": {"model": model, "api_base": vendor, "api_key": secret}}

        one, two = vendors
        rows = [
            row("m", one.base),
            row("m", two.base),
            row("one", one.base),
            row("two", two.base, model="openai/gpt-5-2025"),
        ]
        rows.append(row("chat", fake_upstream.base, model="openai_compatible/up-1"))
        given = {"master_key": key, "custom_auth": "callers.who", **general}
        whole = {"model_list": [*rows, *more], "general_settings": given, "router_settings": {"num_retries": 0}}
        return config_beside(whole, callers=CALLERS)

    return made


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_stays_with_its_account(serving, config, vendors, stream, tmp_path):
    async def main():
        async with serving(config()) as client, serving(config()) as replica:
            for _ in range(20):
                asked = {"model": "m", "input": "a", "stream": stream}
                first = whole(await client.post("/v1/responses", asked, headers=ADA))
                asked = {**asked, "input": "b", "previous_response_id": first["id"]}
                second = whole(await replica.post("/v1/responses", asked, headers=ADA))
                assert second["output"][0]["content"][0]["text"] == "a b"
                assert second["previous_response_id"] == first["id"]
                assert (first["model"], second["model"]) == ("m", "m")
                found = (await client.get(f"/v1/responses/{second['id']}", headers=ADA)).json()
                assert (found["id"], found["previous_response_id"]) == (second["id"], first["id"])
                assert found["model"] in ("gpt-5-2025-08-07", "two")  # `one` is called `m` too

    asyncio.run(main())
    assert all(vendor.asked for vendor in vendors)
    assert list(tmp_path.glob("*.db*")) == []  # ids do it alone


def test_what_vendors_keep_is_asked_for_there(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            made = (await client.post("/v1/responses", {"model": "two", "input": "a"}, headers=ADA)).json()
            path = f"/v1/responses/{made['id']}"
            found = await client.get(path, headers=ADA, query="include=a&include=b&other=c")
            assert found.json() == made
            assert vendors[1].asked[-1].target.endswith("?include=a&include=b")
            told = events(await client.get(path, headers=ADA, query="stream=true&starting_after=0"))
            assert [event["sequence_number"] for event in told] == [1, 2]
            assert told[-1]["response"]["id"] == made["id"]
            items = (await client.get(path + "/input_items", headers=ADA, query="limit=1")).json()
            assert items["data"][0]["content"][0]["text"] == "a"
            cancel = await client.post(path + "/cancel", headers=ADA)
            assert (cancel.status, cancel.error["message"]) == (400, "Cannot cancel a synchronous response.")
            for wrong in (BOB, {"authorization": "Bearer sk-none"}):
                answer = await client.get(path, headers=wrong)
                assert answer.status == (404 if wrong is BOB else 401)
            assert (await client.get(path, headers=ADMIN)).status == 200
            gone = await client.request("DELETE", path, headers=ADA)
            assert gone.json() == {"id": made["id"], "object": "response", "deleted": True}
            for query in ("", "stream=true"):
                answer = await client.get(path, headers=ADA, query=query)
                assert answer.status == 404
                assert answer.error["message"] == f"Response with id '{made['id']}' not found."

    asyncio.run(main())


def test_ids_that_lead_nowhere(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            made = (await client.post("/v1/responses", {"model": "one", "input": "a"}, headers=ADA)).json()["id"]
            vendor_id, _, seal = made.partition(".")
            assert vendor_id in vendors[0].kept
            turned = "A" if seal[-1] != "A" else "B"
            count = len(vendors[0].asked)
            for ident in (vendor_id, made[:-1] + turned, f"resp_x.{seal}", "resp_" + "0" * 32, "x", "..", "é"):
                answer = await client.get(f"/v1/responses/{ident}", headers=ADA)
                assert (answer.status, answer.error["message"]) == (404, f"Response with id '{ident}' not found.")
                asked = {"model": "one", "input": "b", "previous_response_id": ident}
                answer = await client.post("/v1/responses", asked, headers=ADA)
                assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
            answer = await client.post("/v1/responses", {**asked, "previous_response_id": made}, headers=BOB)
            assert answer.status == 400
            assert len(vendors[0].asked) == count
        async with serving(config(key="sk-another-0123456789abcdef")) as client:
            assert (await client.get(f"/v1/responses/{made}", headers=ADA)).status == 404

    asyncio.run(main())


def test_nothing_is_sealed_that_is_not_kept(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            for stream in (False, True):
                asked = {"model": "one", "input": "a", "store": False, "stream": stream}
                made = whole(await client.post("/v1/responses", asked, headers=ADA))
                assert "." not in made["id"]
                assert made["store"] is False

    asyncio.run(main())


def test_a_conversation_cannot_leave_its_account(serving, config):
    async def main():
        async with serving(config()) as client:
            made = (await client.post("/v1/responses", {"model": "one", "input": "a"}, headers=ADA)).json()["id"]
            for model in ("two", "chat"):
                asked = {"model": model, "input": "b", "previous_response_id": made, "fallbacks": ["one"]}
                answer = await client.post("/v1/responses", asked, headers=ADA)
                assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
                assert f"Response '{made}' cannot be continued" in answer.error["message"]

    asyncio.run(main())


def test_a_vendors_key_may_change(serving, config, vendors):
    async def main():
        path = config()
        async with serving(path) as client:
            made = (await client.post("/v1/responses", {"model": "one", "input": "a"}, headers=ADA)).json()["id"]
            path.write_text(path.read_text().replace("sk-up", "sk-new"))
            await client.app.reload()
            asked = {"model": "one", "input": "b", "previous_response_id": made}
            answer = await client.post("/v1/responses", asked, headers=ADA)
            assert answer.json()["output"][0]["content"][0]["text"] == "a b"
            assert vendors[0].asked[-1].headers["authorization"] == "Bearer sk-new"

    asyncio.run(main())


def test_a_kept_conversation_may_go_on_at_a_vendor_with_a_memory(serving, config, vendors, fake_upstream):
    """From the store to OpenAI, which then has all of it, and not one id that it would look up."""
    thought = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}

    def answered(request):
        whole = json.loads(Answer.chat("Hi").body)
        whole["choices"][0]["message"] = thought
        return Answer.json(whole)

    fake_upstream.answer(script=answered)

    async def main():
        async with serving(config()) as client:
            asked = {"model": "chat", "input": "a", "store": True}
            first = (await client.post("/v1/responses", asked, headers=ADA)).json()
            asked = {"model": "one", "input": "b", "previous_response_id": first["id"]}
            second = (await client.post("/v1/responses", asked, headers=ADA)).json()
            assert second["output"][0]["content"][0]["text"] == "a Hi b"
            assert second["previous_response_id"] == first["id"]
            sent = vendors[0].asked[-1].json()
            assert "previous_response_id" not in sent
            assert not any("id" in item for item in sent["input"])
            asked = {"model": "one", "input": "c", "previous_response_id": second["id"]}
            third = (await client.post("/v1/responses", asked, headers=ADA)).json()
            assert third["output"][0]["content"][0]["text"] == "a Hi b c"

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_background_at_the_vendor(serving, config, vendors, stream):
    async def main():
        async with serving(config()) as client:
            asked = {"model": "one", "input": "a", "background": True, "stream": stream}
            made = whole(await client.post("/v1/responses", asked, headers=ADA))
            assert vendors[0].asked[-1].json()["background"] is True
            path = f"/v1/responses/{made['id']}"
            assert (await client.get(path, headers=ADA)).json()["status"] == "queued"
            cancelled = (await client.post(path + "/cancel", headers=ADA)).json()
            assert (cancelled["id"], cancelled["status"]) == (made["id"], "cancelled")

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_goes_back_to_who_encrypted_it(serving, config, vendors, stream):
    """As Codex asks: nothing stored, encrypted reasoning, tool calls side by side. Any other account would refuse."""
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    more = {"model": "m", "stream": stream, "store": False, "include": ["reasoning.encrypted_content"], "tools": tools}

    async def main():
        async with serving(config()) as client, serving(config()) as replica:
            for _ in range(20):
                history = [{"role": "user", "content": "a"}]
                answer = await client.post("/v1/responses", {**more, "input": history}, headers=ADA)
                if stream:
                    told = [e["item"] for e in events(answer) if e["type"] == "response.output_item.done"]
                    assert told == whole(answer)["output"]
                items = whole(answer)["output"]
                assert [item["type"] for item in items] == ["reasoning", "function_call", "function_call"]
                calls = [item["call_id"] for item in items[1:]]
                history += [{n: v for n, v in item.items() if n != "id"} for item in items]
                history += [{"type": "function_call_output", "call_id": c, "output": f"of {c}"} for c in calls]
                answer = await replica.post("/v1/responses", {**more, "input": history}, headers=ADA)
                assert answer.status == 200
                assert whole(answer)["output"][1]["content"][0]["text"] == "a of call_1 of call_2"
            history += [{n: v for n, v in item.items() if n != "id"} for item in whole(answer)["output"]]
            for model in ("one", "two"):  # one of which cannot read it
                asked = {**more, "model": model, "input": history}
                assert (await client.post("/v1/responses", asked, headers=ADA)).status == 200

    asyncio.run(main())
    assert all(vendor.asked for vendor in vendors)
    assert not any(b"tianji" in request.body for vendor in vendors for request in vendor.asked)


def test_one_account_has_nothing_to_mark(serving, config, vendors):
    """Then nothing of the stream is looked at but what has to be."""
    asked = {"model": "one", "input": "a", "store": False, "include": ["reasoning.encrypted_content"]}

    async def main():
        path = config()
        written = json.loads(path.read_text())
        written["model_list"] = [row for row in written["model_list"] if row["model_name"] == "one"]
        path.write_text(json.dumps(written))
        async with serving(path) as client:
            made = (await client.post("/v1/responses", asked, headers=ADA)).json()
            assert made["output"][0]["encrypted_content"] == vendors[0].encrypted

    asyncio.run(main())


def test_tokens_are_counted_where_the_conversation_is(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            made = (await client.post("/v1/responses", {"model": "two", "input": "a"}, headers=ADA)).json()["id"]
            asked = {"model": "two", "input": "b", "previous_response_id": made, "store": True, "metadata": {}}
            for path in ("/v1/responses", "/responses", "/openai/v1/responses"):
                answer = await client.post(f"{path}/input_tokens", asked, headers=ADA)
                assert answer.json() == {"object": "response.input_tokens", "input_tokens": 11}
            sent = vendors[1].asked[-1].json()
            assert sent == {"model": "gpt-5-2025", "input": "b", "previous_response_id": made.partition(".")[0]}
            answer = await client.post("/v1/responses/input_tokens", {"model": "chat", "input": "hello"}, headers=ADA)
            assert answer.json()["input_tokens"] > 0
            answer = await client.post("/v1/responses/input_tokens", {**asked, "model": "one"}, headers=ADA)
            assert (answer.status, answer.error["param"]) == (400, "previous_response_id")

    asyncio.run(main())


def test_compaction(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            asked = {"model": "m", "input": "a long story"}
            for _ in range(6):
                made = (await client.post("/v1/responses/compact", asked, headers=ADA)).json()
                assert made["object"] == "response.compaction"
                history = [*made["output"], {"role": "user", "content": "and?"}]
                answer = await client.post("/v1/responses", {"model": "m", "input": history}, headers=ADA)
                assert answer.status == 200
            answer = await client.post("/v1/responses/compact", {**asked, "model": "chat"}, headers=ADA)
            assert (answer.status, answer.error["param"]) == (404, "model")

    asyncio.run(main())


def test_conversations_are_the_vendors(serving, config, vendors):
    async def main():
        async with serving(config()) as client:
            asked = {"model": "one", "input": "a", "conversation": "conv_1"}
            assert (await client.post("/v1/responses", asked, headers=ADMIN)).status == 200
            assert vendors[0].asked[-1].json()["conversation"] == "conv_1"
            assert (await client.post("/v1/responses", asked, headers=ADA)).status == 404
            answer = await client.post("/v1/responses", {**asked, "model": "chat"}, headers=ADA)
            assert (answer.status, answer.error["param"]) == (400, "conversation")

    asyncio.run(main())


GUARD = """
    from tianji_core.api.guardrail import Allow, Guardrail, Rewrite

    class Guard(Guardrail):
        stages = frozenset({"pre_call", "post_call"})

        async def check(self, stage, payload):
            body = payload.request if stage == "pre_call" else payload.response
            if "secret" not in str(body):
                return Allow()
            return Rewrite(eval(str(body).replace("secret", "***")))

    def guard(settings):
        return Guard()
"""


def test_a_guardrail_that_rewrites(serving, config, vendors, config_beside):
    """What the vendor keeps is what was judged, or it is not gone on with."""

    def guarded(*modes):
        written = json.loads(config().read_text())
        rows = [{"guardrail_name": m, "litellm_params": {"guardrail": "guard.guard", "mode": m}} for m in modes]
        for row in rows:
            row["litellm_params"]["default_on"] = True
        return config_beside({**written, "guardrails": rows}, guard=GUARD)

    async def main():
        async with serving(guarded("pre_call")) as client:
            made = (await client.post("/v1/responses", {"model": "one", "input": "a"}, headers=ADA)).json()["id"]
            asked = {"model": "one", "input": "a secret", "previous_response_id": made}
            answer = await client.post("/v1/responses", asked, headers=ADA)
            assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
            assert "a guardrail has changed" in answer.error["message"]
        async with serving(guarded("post_call")) as client:
            for stream in (False, True):
                asked = {"model": "one", "input": "my secret", "stream": stream, "store": True}
                made = whole(await client.post("/v1/responses", asked, headers=ADA))
                assert "secret" not in json.dumps(made)
                assert "." not in made["id"]
                found = await client.get(f"/v1/responses/{made['id']}", headers=ADA)
                assert found.json() == made
            asked = {"model": "one", "input": "my secret", "background": True}
            made = (await client.post("/v1/responses", asked, headers=ADA)).json()
            while (found := (await client.get(f"/v1/responses/{made['id']}", headers=ADA)).json())["status"] == made[
                "status"
            ]:
                await asyncio.sleep(0.01)
            assert "background" not in vendors[0].asked[-1].json()
            assert "secret" not in json.dumps(found)

    asyncio.run(main())
