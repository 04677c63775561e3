"""`/v1/batches`, done by the gateway itself: every line by the way of all calls, each once in the output."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager

import pytest
from batch_callers import CHAT, User, line, lines

from tianji_core.store.objects import StoredObject
from tianji_core.testing import Answer

WHO = """
from tianji_core.api.call import Principal

async def who(request, key):
    roles = {"boss": {"proxy_admin"}}.get(key, {"internal_user"})
    return key and Principal(user_id=key, roles=frozenset(roles), models=frozenset({"m"} if key == "few" else ()))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def gateway(serving, config_beside, row, fake_upstream, sqlite):
    """`async with gateway() as ann`: an application, and a caller; more callers by `User(ann.client, "bob")`."""
    fake_upstream.answer(Answer.chat())

    @asynccontextmanager
    async def run(url=sqlite, rows=None, general=None, modules=None, **config):
        general = {"database_url": url, "custom_auth": "who.who", **(general or {})}
        rows = rows if rows is not None else [row(fake_upstream)]
        path = config_beside({"model_list": rows, "general_settings": general, **config}, who=WHO, **(modules or {}))
        async with serving(path) as client:
            yield User(client, "ann")

    return run


def slow_after(upstream, count):
    """So many calls are answered at once and all later ones slowly, until the gate is opened: `gate.set()`."""
    gate = threading.Event()

    def script(request):
        return Answer.chat().but(delay=0.3 if len(upstream.requests) > count and not gate.is_set() else 0.005)

    upstream.answer(script=script)
    return gate


def told(upstream):
    """What the vendor was asked, in order."""
    return [request.json()["messages"][-1]["content"] for request in upstream.requests]


def test_a_batchs_life(gateway, fake_upstream, database):
    def script(request):
        if request.json()["messages"][0]["content"] == "c3":
            return Answer.error(400, "No such thing.")
        return Answer.chat()

    fake_upstream.answer(script=script)

    async def main():
        async with gateway(database) as ann:
            begun = await ann.start(lines(12), metadata={"team": "a"})
            assert begun["metadata"] == {"team": "a"}
            assert begun["expires_at"] - begun["created_at"] == 24 * 3600
            batch = await ann.over(begun)
            assert batch["status"] == "completed"
            assert batch["request_counts"] == {"total": 12, "completed": 11, "failed": 1}
            assert batch["usage"]["input_tokens"] == 11 * 18
            assert batch["usage"]["total_tokens"] == 11 * 27
            assert begun["created_at"] <= batch["in_progress_at"] <= batch["finalizing_at"] <= batch["completed_at"]
            assert batch["errors"] is None
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            assert set(good) | set(bad) == {f"c{number}" for number in range(12)}
            response = good["c0"]["response"]
            assert (response["status_code"], good["c0"]["error"]) == (200, None)
            assert response["body"]["choices"][0]["message"]["content"] == "Hello!"
            assert response["body"]["model"] == "m"
            assert list(bad) == ["c3"]
            assert bad["c3"]["response"]["status_code"] == 400
            assert "No such thing" in bad["c3"]["response"]["body"]["error"]["message"]
            file = (await ann.get(f"/v1/files/{batch['output_file_id']}")).json()
            assert (file["purpose"], file["filename"]) == ("batch_output", f"{batch['id']}_output.jsonl")
            assert (await ann.get("/v1/batches")).json()["data"] == [batch]
            assert (await ann.get(f"/batches/{batch['id']}")).json() == batch
            opened = ann.client.app.serving.gateway.store.opened
            assert [piece async for piece in opened.pieces.read(batch["id"])] == []

    asyncio.run(main())
    assert sorted(told(fake_upstream)) == sorted(f"c{number}" for number in range(12))


def test_lists_have_pages(gateway):
    async def main():
        async with gateway() as ann:
            ids = [(await ann.start(lines(1)))["id"] for _ in range(3)]
            page = (await ann.get("/v1/batches", query="limit=2")).json()
            assert [each["id"] for each in page["data"]] == [ids[2], ids[1]]
            assert (page["has_more"], page["first_id"], page["last_id"]) == (True, ids[2], ids[1])
            page = (await ann.get("/v1/batches", query=f"limit=2&after={ids[1]}")).json()
            assert ([each["id"] for each in page["data"]], page["has_more"]) == ([ids[0]], False)
            for wrong in ("0", "101", "x", "-1"):
                answer = await ann.get(
                    "/v1/batches", query=f"limit={wrong.encode().hex() if not wrong.isascii() else wrong}"
                )
                assert answer.status == 400, wrong

    asyncio.run(main())


def test_batches_are_their_owners(gateway):
    async def main():
        async with gateway() as ann:
            bob, boss = User(ann.client, "bob"), User(ann.client, "boss")
            batch = await ann.run(lines(1))
            for prefix in ("/v1/batches", "/batches", "/openai/v1/batches"):
                assert (await ann.get(f"{prefix}/{batch['id']}")).status == 200
                assert (await boss.get(f"{prefix}/{batch['id']}")).status == 200
                assert (await bob.get(f"{prefix}/{batch['id']}")).error["message"].startswith("No batch found")
                assert (await bob.post(f"{prefix}/{batch['id']}/cancel")).status == 404
                assert (await bob.get(prefix)).json()["data"] == []
                assert (await bob.get(prefix, query=f"after={batch['id']}")).json()["data"] == []
            assert (await bob.get(f"/v1/files/{batch['output_file_id']}")).status == 404
            asked = {"input_file_id": batch["input_file_id"], "endpoint": CHAT, "completion_window": "24h"}
            assert (await bob.post("/v1/batches", asked)).status == 404

    asyncio.run(main())


WRONG = [
    ({"endpoint": "/v1/files"}, "endpoint"),
    ({"endpoint": None}, "endpoint"),
    ({"input_file_id": ""}, "input_file_id"),
    ({"input_file_id": 5}, "input_file_id"),
    ({"completion_window": "soon"}, "completion_window"),
    ({"completion_window": "30d"}, "completion_window"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata"),
    ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after"),
]


def test_what_is_wrong_with_a_request_is_told(gateway):
    async def main():
        async with gateway() as ann:
            for change, param in WRONG:
                asked = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h", **change}
                answer = await ann.post("/v1/batches", asked)
                assert (answer.status, answer.error["param"]) == (400, param)

    asyncio.run(main())


def test_the_input_file_has_to_be_there_and_for_batches(gateway):
    async def main():
        async with gateway() as ann:
            asked = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
            assert (await ann.post("/v1/batches", asked)).status == 404
            asked["input_file_id"] = await ann.upload(lines(1), purpose="user_data")
            assert (await ann.post("/v1/batches", asked)).error["param"] == "input_file_id"
            assert (await ann.post("/v1/batches", content=b"{")).status == 400
            assert (await ann.post("/v1/batches", content=b"[]")).status == 400
            assert (await ann.get("/v1/batches/batch_1")).status == 404

    asyncio.run(main())


def test_what_is_wrong_with_a_file_is_told_by_line(gateway, fake_upstream):
    async def failed(ann, entries):
        batch = await ann.run(entries)
        assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("failed", None, None)
        assert batch["failed_at"] is not None
        assert batch["errors"]["object"] == "list"
        return [(error["line"], error["code"], error["param"]) for error in batch["errors"]["data"]]

    async def main():
        async with gateway(general={"max_batch_file_records": 8}) as ann:
            wrong = [
                line("a"),
                b"{not json",
                b"",
                line("a"),
                line("b", "/v1/embeddings"),
                {**line("c"), "method": "GET"},
                {**line("d"), "body": "x"},
                {**line("e"), "custom_id": None},
                {**line("f"), "custom_id": 5},
            ]
            assert await failed(ann, wrong) == [
                (2, "invalid_json_line", None),
                (4, "duplicate_custom_id", "custom_id"),
                (5, "mismatched_endpoint", "url"),
                (6, "invalid_method", "method"),
                (7, "missing_required_parameter", "body"),
                (8, "missing_required_parameter", "custom_id"),
                (9, "invalid_type", "custom_id"),
            ]
            assert await failed(ann, lines(9)) == [(None, "too_many_lines", None)]
            assert await failed(ann, [b""]) == [(None, "empty_file", None)]
            assert await failed(ann, [b"\xff\xfe", b"[1]"]) == [
                (1, "invalid_json_line", None),
                (2, "invalid_json_line", None),
            ]

    asyncio.run(main())
    assert fake_upstream.requests == []


def test_a_cancelled_batch_keeps_what_was_done(gateway, fake_upstream, database):
    slow_after(fake_upstream, 6)

    async def main():
        async with gateway(database, general={"batch_concurrency": 2}) as ann:
            begun = await ann.start(lines(200))
            await fake_upstream.wait_request(7)
            answer = await ann.post(f"/v1/batches/{begun['id']}/cancel")
            assert answer.json()["status"] == "cancelling"
            assert answer.json()["cancelling_at"] is not None
            batch = await ann.over(begun)
            assert batch["status"] == "cancelled"
            assert batch["cancelled_at"] is not None
            done = batch["request_counts"]["completed"]
            assert 6 <= done < 100
            assert len(fake_upstream.requests) == done
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            assert set(good) == set(told(fake_upstream))
            assert len(bad) == 200 - done
            assert {each["error"]["code"] for each in bad.values()} == {"batch_cancelled"}
            assert not set(good) & set(bad)
            again = await ann.post(f"/v1/batches/{begun['id']}/cancel")
            assert again.status == 400
            assert "status 'cancelled'" in again.error["message"]

    asyncio.run(main())


def test_a_batch_whose_time_is_over_expires(gateway, fake_upstream):
    fake_upstream.answer(Answer.chat().but(delay=0.1))

    async def main():
        async with gateway(general={"batch_concurrency": 1}) as ann:
            batch = await ann.run(lines(100), window="1s")
            assert (batch["status"], batch["expired_at"] is not None) == ("expired", True)
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            assert 1 <= len(good) <= 12
            assert len(good) + len(bad) == 100
            assert {each["error"]["code"] for each in bad.values()} == {"batch_expired"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("endpoint", "body", "shown"),
    [
        ("/v1/completions", {"prompt": "Hi"}, "text_completion"),
        ("/v1/responses", {"input": "Hi"}, "response"),
        ("/v1/messages", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}, "message"),
        (CHAT, {"messages": [{"role": "user", "content": "Hi"}]}, "chat.completion"),
    ],
)
def test_lines_are_answered_in_their_own_dialect(gateway, endpoint, body, shown):
    async def main():
        async with gateway() as ann:
            entries = [line("a", endpoint, **body), line("b", endpoint, **body, stream=True)]
            entries.append({**line("c", endpoint, **body), "body": {"model": "m"}})
            batch = await ann.run(entries, endpoint)
            assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}, batch
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            answer = good["a"]["response"]["body"]
            assert (answer.get("object") or answer["type"]) == shown
            assert answer["model"] == "m"
            for each in bad.values():
                refused = each["response"]
                assert refused["status_code"] == 400
                assert refused["body"]["error"]["message"]
                assert (refused["body"].get("type") == "error") == (endpoint == "/v1/messages")

    asyncio.run(main())


def test_embeddings(gateway, fake_upstream):
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    answer = {"object": "list", "model": "up", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    fake_upstream.answer(Answer.json(answer))

    async def main():
        async with gateway() as ann:
            batch = await ann.run([line("a", "/v1/embeddings", input="Hi")], "/v1/embeddings")
            good = await ann.output(batch["output_file_id"])
            assert good["a"]["response"]["body"]["data"] == data
            assert batch["usage"]["input_tokens"] == 3

    asyncio.run(main())


def test_lines_may_call_what_their_owner_may_call(gateway, row, fake_upstream):
    async def main():
        async with gateway(rows=[row(fake_upstream, "m"), row(fake_upstream, "n")]) as ann:
            few = User(ann.client, "few")
            message = [{"role": "user", "content": "Hi"}]
            entries = [line("a"), line("b", messages=message, model="n"), line("c", messages=message, fallbacks=["n"])]
            entries.append(line("d", messages=message, api_key="sk-mine"))
            batch = await few.run(entries)
            assert batch["request_counts"] == {"total": 4, "completed": 1, "failed": 3}
            bad = await few.output(batch["error_file_id"])
            assert {name: each["response"]["status_code"] for name, each in bad.items()} == {
                "b": 403,
                "c": 403,
                "d": 401,
            }

    asyncio.run(main())


def test_lines_are_calls_like_all_others(gateway, fake_upstream):
    """Guardrails judge them, callbacks hear of each, with whom it was for."""
    source = """
        from tianji_core.api.callback import Callback
        from tianji_core.api.guardrail import Allow, Block, Guardrail

        records = []

        class Heard(Callback):
            async def on_call(self, record):
                records.append(record)

        class Strict(Guardrail):
            stages = frozenset({"pre_call"})

            async def check(self, stage, payload):
                return Block("Not that.") if "c1" in str(payload.request) else Allow()

        heard = Heard()

        def strict(settings):
            return Strict()
    """
    guardrail = {"guardrail_name": "strict", "litellm_params": {"guardrail": "mine.strict", "mode": "pre_call"}}
    guardrail["litellm_params"]["default_on"] = True

    async def main():
        async with gateway(
            modules={"mine": source}, guardrails=[guardrail], litellm_settings={"callbacks": ["mine.heard"]}
        ) as ann:
            batch = await ann.run(lines(3))
            assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
            bad = await ann.output(batch["error_file_id"])
            assert bad["c1"]["response"]["body"]["error"]["message"] == "Not that."
            callbacks = ann.client.app.serving.gateway.pipeline.callbacks
            heard = callbacks.subscriptions[0].callback.on_call.__globals__["records"]
            records = []
            for _ in range(100):
                records = [each for each in heard if each.operation == "chat"]
                if len(records) == 3:
                    break
                await asyncio.sleep(0.01)
            assert {r.metadata["batch_custom_id"] for r in records} == {"c0", "c1", "c2"}
            assert {(r.principal.user_id, r.operation, r.metadata["batch_id"], r.route) for r in records} == {
                ("ann", "chat", batch["id"], CHAT)
            }

    asyncio.run(main())
    assert sorted(told(fake_upstream)) == ["c0", "c2"]


def test_a_crowded_vendor_is_asked_again(gateway, fake_upstream):
    seen = []

    def script(request):
        seen.append(request)
        return Answer.error(429, "Slow down.", retry_after="0.01") if len(seen) <= 2 else Answer.chat()

    fake_upstream.answer(script=script)

    async def main():
        async with gateway(router_settings={"num_retries": 0}) as ann:
            batch = await ann.run(lines(2))
            assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}

    asyncio.run(main())


def test_a_gateway_that_is_full_is_waited_for(gateway, fake_upstream):
    fake_upstream.answer(Answer.chat().but(delay=0.05))

    async def main():
        async with gateway(general={"max_in_flight_requests_per_worker": 3}) as ann:
            batch = await ann.run(lines(5))
            assert batch["request_counts"]["completed"] == 5

    asyncio.run(main())


def test_no_more_lines_at_once_than_the_config_says(gateway, fake_upstream):
    fake_upstream.answer(Answer.chat().but(delay=0.05))

    async def main():
        async with gateway(general={"batch_concurrency": 3}) as ann:
            first, second = await ann.start(lines(8)), await ann.start(lines(8))
            for each in (first, second):
                assert (await ann.over(each))["status"] == "completed"

    asyncio.run(main())
    assert 1 < fake_upstream.connections <= 3


def test_a_gateway_that_ends_leaves_the_rest_to_the_next(gateway, fake_upstream, database):
    gate = slow_after(fake_upstream, 10)

    async def main():
        async with gateway(database, general={"batch_concurrency": 2}) as ann:
            begun = await ann.start(lines(60))
            await fake_upstream.wait_request(11)
        assert len(fake_upstream.requests) < 60
        gate.set()
        async with gateway(database) as ann:
            batch = await ann.over(begun)
            assert batch["request_counts"] == {"total": 60, "completed": 60, "failed": 0}
            assert len(await ann.output(batch["output_file_id"])) == 60
        assert len(fake_upstream.requests) == 60, "a gateway that ends in peace has its calls come to their end"

    asyncio.run(main())


def test_a_reload_hands_batches_over(gateway, fake_upstream):
    gate = slow_after(fake_upstream, 6)

    async def main():
        async with gateway(general={"batch_concurrency": 2}) as ann:
            begun = await ann.start(lines(60))
            await fake_upstream.wait_request(7)
            old = ann.client.app.serving.gateway
            await ann.client.app.reload()
            gate.set()
            batch = await ann.over(begun)
            assert batch["request_counts"] == {"total": 60, "completed": 60, "failed": 0}
            assert old.pipeline.limits.in_flight == 0
            assert len(await ann.output(batch["output_file_id"])) == 60

    asyncio.run(main())
    assert len(fake_upstream.requests) == 60


def test_a_database_that_goes_away_and_comes_back(gateway, fake_upstream, postgres_url, postgres_cut):
    gate = slow_after(fake_upstream, 10)

    async def main():
        async with gateway(postgres_cut.url(postgres_url), general={"batch_concurrency": 2}) as ann:
            begun = await ann.start(lines(80))
            await fake_upstream.wait_request(11)
            postgres_cut.cut()
            for method, path in (("GET", ""), ("POST", ""), ("GET", "/batch_1"), ("POST", "/batch_1/cancel")):
                body = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
                answer = await ann.client.request(method, f"/v1/batches{path}", json=body, headers=ann.headers)
                assert (answer.status, answer.error["code"]) == (503, "503"), path
            assert (await ann.client.chat(headers=ann.headers)).status == 200
            postgres_cut.mend()
            gate.set()
            batch = await ann.over(begun)
            assert batch["request_counts"] == {"total": 80, "completed": 80, "failed": 0}
            assert len(await ann.output(batch["output_file_id"])) == 80

    asyncio.run(main())


def test_an_input_file_that_goes_away(gateway, fake_upstream):
    async def main():
        async with gateway(general={"batch_concurrency": 1}) as ann:
            file = await ann.upload(lines(3))
            opened = await ann.client.app.serving.gateway.store.ready()
            asked = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
            begun = (await ann.post("/v1/batches", asked)).json()
            await opened.objects.remove("file", file, None)
            batch = await ann.over(begun)
            if batch["status"] == "failed":  # unless it was quicker than we
                assert batch["errors"]["data"][0]["code"] == "input_file_gone"

    asyncio.run(main())


def test_output_files_may_expire(gateway):
    async def main():
        async with gateway() as ann:
            batch = await ann.run(lines(1), output_expires_after={"anchor": "created_at", "seconds": 3600})
            file = (await ann.get(f"/v1/files/{batch['output_file_id']}")).json()
            assert file["expires_at"] - file["created_at"] == 3600

    asyncio.run(main())


def test_without_batches_nothing_looks_for_them(gateway):
    async def main():
        async with gateway() as ann:
            assert ann.client.app.serving.gateway.store.opened is not None
            assert "batches" not in vars(ann.client.app.serving.gateway)
            batch = await ann.run(lines(1))
            runner = ann.client.app.serving.gateway.batches.runner
            while runner.busy:
                await asyncio.sleep(0.01)
            await ann.get(f"/v1/batches/{batch['id']}")
            assert not runner.busy

    asyncio.run(main())


def test_what_another_worker_has_written_is_not_written_over(gateway, fake_upstream):
    """A worker that has slept through its lease finds that the batch is another's, and leaves it alone."""
    gate = slow_after(fake_upstream, 3)

    async def main():
        async with gateway(general={"batch_concurrency": 1}) as ann:
            begun = await ann.start(lines(30))
            await fake_upstream.wait_request(4)
            objects = ann.client.app.serving.gateway.store.opened.objects
            batch = await objects.get("batch", begun["id"], None)

            def stolen(present: StoredObject) -> StoredObject:
                from dataclasses import replace

                return replace(present, worker="somebody else", leased_until=time.time() + 0.2)

            await objects.change(batch, stolen)
            gate.set()
            batch = await ann.over(begun)
            assert batch["request_counts"] == {"total": 30, "completed": 30, "failed": 0}
            assert len(await ann.output(batch["output_file_id"])) == 30

    asyncio.run(main())


def test_message_batches(gateway, fake_upstream, row):
    """Anthropic's shape, whatever the model."""

    def script(request):
        if request.json()["messages"][0]["content"] == "no":
            return Answer.error(400, "Not that.")
        return Answer.chat()

    fake_upstream.answer(script=script)

    def asked(*texts):
        params = {t: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": t}]} for t in texts}
        return {"requests": [{"custom_id": text, "params": params[text]} for text in texts]}

    async def main():
        async with gateway() as ann:
            bob, path = User(ann.client, "bob"), "/v1/messages/batches"
            begun = (await ann.post(path, asked("a", "no", "b"))).json()
            assert (begun["type"], begun["processing_status"]) == ("message_batch", "in_progress")
            assert begun["request_counts"]["processing"] == 3
            assert begun["results_url"] is None
            batch = begun
            while batch["processing_status"] != "ended":
                await asyncio.sleep(0.02)
                batch = (await ann.get(f"{path}/{begun['id']}")).json()
            counts = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0}
            assert batch["request_counts"] == counts
            assert batch["ended_at"] > batch["created_at"]
            answer = await ann.get(batch["results_url"])
            assert answer.headers["content-type"] == "application/x-jsonl"
            results = {each["custom_id"]: each["result"] for each in map(json.loads, answer.body.splitlines())}
            assert {name: each["type"] for name, each in results.items()} == {
                "a": "succeeded",
                "b": "succeeded",
                "no": "errored",
            }
            assert results["a"]["message"]["type"] == "message"
            assert results["a"]["message"]["content"][0]["text"] == "Hello!"
            assert results["no"]["error"]["type"] == "error"
            assert (await ann.get(path)).json()["data"] == [batch]
            other = await ann.run(lines(1))
            assert [each["id"] for each in (await ann.get(path)).json()["data"]] == [begun["id"]]
            for answer in (
                await bob.get(f"{path}/{begun['id']}"),
                await bob.get(f"{path}/{begun['id']}/results"),
                await bob.post(f"{path}/{begun['id']}/cancel"),
                await ann.get(f"{path}/{other['id']}"),
                await ann.post(path, {"requests": []}),
                await ann.post(path, asked("a", "a")),
                await ann.post(path, {"requests": [{"custom_id": "a"}]}),
            ):
                assert answer.status in (400, 404)
                assert answer.json()["type"] == "error"

    asyncio.run(main())


def test_message_batches_refuse_in_their_own_dialect(gateway):
    async def main():
        async with gateway() as ann:
            for method, rest in (("POST", ""), ("GET", ""), ("GET", "/x"), ("POST", "/x/cancel")):
                answer = await ann.client.request(method, f"/v1/messages/batches{rest}")
                assert (answer.status, answer.json()["type"]) == (401, "error")

    asyncio.run(main())


def test_a_line_may_go_on_with_an_answer_that_is_kept(gateway, fake_upstream):
    async def main():
        async with gateway() as ann:
            first = (await ann.post("/v1/responses", {"model": "m", "input": "My name is Ann."})).json()
            entry = line("a", "/v1/responses", input="Who am I?", previous_response_id=first["id"])
            other = line("b", "/v1/responses", input="Who am I?", previous_response_id="resp_" + "0" * 32)
            batch = await ann.run(
                [entry, other, line("c", "/v1/responses", input="x", background=True)], "/v1/responses"
            )
            assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
            answer = (await ann.output(batch["output_file_id"]))["a"]["response"]["body"]
            assert (await ann.get(f"/v1/responses/{answer['id']}")).json()["id"] == answer["id"]

    asyncio.run(main())
    assert fake_upstream.requests[-1].json()["messages"][0]["content"] == "My name is Ann."
