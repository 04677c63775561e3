"""What vendors keep for callers: training, vector stores, assistants and threads, with ids of ours and owners."""

from __future__ import annotations

import asyncio
import json

import pytest
from fake_openai import FakeOpenAI
from upload_forms import key, upload

from tianji_core.server.routes.kept import FAMILIES
from tianji_core.testing import Answer, FakeUpstream


@pytest.fixture
def gpt(row, fake_upstream):
    return row(fake_upstream, "gpt", "openai/gpt-x")


UPLOAD = {"filename": "a.txt", "purpose": "user_data", "bytes": 6, "mime_type": "text/plain"}


class As:
    """Requests of one caller; an answer that is no 2xx fails the test, unless a status is asked for."""

    def __init__(self, client, who="ann"):
        self.client, self.who = client, who

    async def __call__(self, method, path, body=None, *, status=200, query="", headers=None):
        answer = await self.client.request(
            method, f"/v1{path}", json=body, query=query, headers={**key(self.who), **(headers or {})}
        )
        assert answer.status == status, (method, path, answer.body)
        return answer.json()

    async def file(self, **said):
        answer = await upload(self.client, self.who, **said)
        assert answer.status == 200, answer.body
        return answer.json()["id"]


def no_vendor_ids(value):
    """Nothing of what the fake hands out as ids of things that we own."""
    text = json.dumps(value)
    for prefix in ("file-", "ftjob-", "vs_", "asst_", "thread_", "conv_", "upload_"):
        assert f"{prefix}Vendor" not in text, text


# -- training --------------------------------------------------------------------------------------------------------


def test_a_training_job(with_callers, openai, gpt, database):
    async def main(client):
        ann = As(client)
        training = await ann.file(purpose="fine-tune", content=b'{"messages":[]}\n')
        checks = await ann.file(purpose="fine-tune", content=b"{}\n")
        made = await ann(
            "POST",
            "/fine_tuning/jobs",
            {
                "model": "gpt-4o-mini-2024-07-18",
                "training_file": training,
                "validation_file": checks,
                "metadata": {"file_id": "left alone"},
                "custom_llm_provider": "openai",
                "litellm_metadata": {"tags": ["x"]},
            },
        )
        no_vendor_ids(made)
        (theirs,) = openai.jobs.values()
        assert made == {**theirs, "id": made["id"], "training_file": training, "validation_file": checks}
        assert theirs["metadata"] == {"file_id": "left alone"}
        path = f"/fine_tuning/jobs/{made['id']}"
        assert await ann("GET", path) == made
        events = await ann("GET", f"{path}/events", query="limit=5")
        assert events["data"][0]["message"] == f"Created fine-tuning job: {made['id']}"
        assert openai.queries[-1] == {"limit": "5"}
        points = await ann("GET", f"{path}/checkpoints")
        assert points["data"][0]["fine_tuning_job_id"] == made["id"]
        assert (await ann("POST", f"{path}/pause"))["status"] == "paused"
        assert (await ann("POST", f"{path}/resume"))["status"] == "running"

        result = openai.finish_job(theirs["id"])
        done = (await ann("GET", "/fine_tuning/jobs"))["data"][0]
        no_vendor_ids(done)
        assert (done["id"], done["status"]) == (made["id"], "succeeded")
        (file,) = done["result_files"]
        content = await client.get(f"/v1/files/{file}/content", headers=key("ann"))
        assert content.body == openai.contents[result]
        assert (await client.get(f"/v1/files/{file}/content", headers=key("bob"))).status == 404
        before = len(openai.seen)
        assert (await ann("GET", "/fine_tuning/jobs"))["data"] == [done]
        assert len(openai.seen) == before, "a job that is done stays as it is"

        other = await ann("POST", "/fine_tuning/jobs", {"model": "gpt", "training_file": training})
        assert openai.jobs[list(openai.jobs)[1]]["model"] == "gpt-x", "a model of ours by its vendor's name"
        assert other["model"] == "gpt"
        assert (await ann("POST", f"/fine_tuning/jobs/{other['id']}/cancel"))["status"] == "cancelled"
        listed = await ann("GET", "/fine_tuning/jobs", query="limit=1")
        assert (listed["has_more"], listed["data"][0]["id"]) == (True, other["id"])
        more = await ann("GET", "/fine_tuning/jobs", query=f"limit=1&after={other['id']}")
        assert (more["has_more"], more["data"][0]["id"]) == (False, made["id"])
        assert len(openai.files) == 3, "each file was brought there once"

    with_callers(main, database, rows=[gpt])


def test_training_goes_where_it_is_asked_for(with_callers, openai, gpt):
    async def main(client):
        ann = As(client)
        file = await ann.file(purpose="fine-tune")
        body = {"model": "gpt-35-turbo-0613", "training_file": file}
        answer = await client.request("POST", "/azure/v1/fine_tuning/jobs", json=body, headers=key("ann"))
        assert answer.status == 200, answer.body
        assert (len(azure.jobs), len(openai.jobs)) == (1, 0)
        await ann("POST", "/fine_tuning/jobs", {**body, "custom_llm_provider": "azure"})
        await ann("POST", "/fine_tuning/jobs", body, query="custom_llm_provider=azure")
        await ann("POST", "/fine_tuning/jobs", body)
        assert (len(azure.jobs), len(openai.jobs)) == (4, 0), "finetune_settings win over rows"
        await ann("POST", "/fine_tuning/jobs", {**body, "custom_llm_provider": "openai"})
        assert (len(azure.jobs), len(openai.jobs)) == (4, 1)
        listed = await ann("GET", "/fine_tuning/jobs")
        assert len(listed["data"]) == 5
        no_vendor_ids(listed)
        graded = await ann("POST", "/fine_tuning/alpha/graders/run", {"grader": {}, "model_sample": "x"})
        assert graded["echo"] == {"grader": {}, "model_sample": "x"}
        few = As(client, "few")
        await few("POST", "/fine_tuning/jobs", body, status=403)
        await ann("POST", "/fine_tuning/jobs", {**body, "custom_llm_provider": "anthropic"}, status=400)
        await ann("POST", "/fine_tuning/jobs", {**body, "training_file": "file-nobody"}, status=404)
        await ann("POST", "/fine_tuning/jobs", {**body, "api_base": "http://evil"}, status=401)

    azure = FakeOpenAI("/openai")
    with FakeUpstream(script=azure.script) as upstream:
        settings = [{"custom_llm_provider": "azure", "api_base": upstream.url, "api_key": "sk-up"}]
        with_callers(main, rows=[gpt], finetune_settings=settings)


def test_a_vendor_that_does_not_answer(with_callers, openai, gpt, leftovers):
    async def main(client):
        ann = As(client)
        file = await ann.file(purpose="fine-tune")
        body = {"model": "m", "training_file": file}
        made = await ann("POST", "/fine_tuning/jobs", body)
        rows = await leftovers(client)
        openai.refuse = lambda method, path: Answer.error(503, f"Job {next(iter(openai.jobs))} is asleep.")
        assert (await ann("GET", "/fine_tuning/jobs"))["data"] == [made], "as it was last seen"
        failed = await ann("GET", f"/fine_tuning/jobs/{made['id']}", status=503)
        assert failed["error"]["message"] == f"Job {made['id']} is asleep."
        await ann("POST", "/fine_tuning/jobs", body, status=503)
        openai.refuse = lambda method, path: Answer.json([1])
        await ann("GET", f"/fine_tuning/jobs/{made['id']}", status=502)
        await ann("POST", "/fine_tuning/jobs", body, status=502)
        assert await leftovers(client) == rows
        openai.refuse = lambda method, path: None
        openai.jobs.clear()
        assert (await ann("GET", "/fine_tuning/jobs"))["data"] == [], "gone there, gone here"
        await ann("GET", f"/fine_tuning/jobs/{made['id']}", status=404)

    with_callers(main, rows=[gpt])


# -- vector stores ---------------------------------------------------------------------------------------------------


def test_a_vector_store(with_callers, openai, gpt, database):
    async def main(client):
        ann = As(client)
        one, two, three = [await ann.file(purpose="assistants", content=b"text %d" % n) for n in range(3)]
        made = await ann("POST", "/vector_stores", {"name": "n", "file_ids": [one], "metadata": {"vs": "vs_1"}})
        no_vendor_ids(made)
        path = f"/vector_stores/{made['id']}"
        assert (await ann("GET", path))["file_counts"]["total"] == 1
        assert (await ann("POST", path, {"name": "new"}))["name"] == "new"
        added = await ann("POST", f"{path}/files", {"file_id": two, "attributes": {"file_id": two}})
        assert (added["id"], added["vector_store_id"]) == (two, made["id"])
        assert added["attributes"] == {"file_id": two}, "what is the caller's own stays"
        assert await ann("GET", f"{path}/files/{two}") == added
        assert (await ann("POST", f"{path}/files/{two}", {"attributes": {"a": 1}}))["attributes"] == {"a": 1}
        content = await ann("GET", f"{path}/files/{two}/content")
        assert content["data"] == [{"type": "text", "text": "text 1"}]
        batch = await ann("POST", f"{path}/file_batches", {"file_ids": [three]})
        assert batch["vector_store_id"] == made["id"]
        assert (await ann("GET", f"{path}/file_batches/{batch['id']}"))["status"] == "completed"
        assert (await ann("POST", f"{path}/file_batches/{batch['id']}/cancel"))["id"] == batch["id"]
        await ann("POST", f"{path}/file_batches", {"files": [{"file_id": three, "attributes": {}}]})
        listed = await ann("GET", f"{path}/file_batches/{batch['id']}/files", query=f"after={one}")
        assert openai.queries[-1]["after"] in openai.files
        listed = await ann("GET", f"{path}/files")
        assert [each["id"] for each in listed["data"]] == [one, two, three]
        assert (listed["first_id"], listed["last_id"]) == (one, three)
        found = await ann("POST", f"{path}/search", {"query": "text"})
        assert [each["file_id"] for each in found["data"]] == [one, two, three]
        assert found["data"][0]["attributes"] == {"file_id": "left alone"}
        gone = await ann("DELETE", f"{path}/files/{two}")
        assert gone == {"id": two, "object": "vector_store.file.deleted", "deleted": True}
        await ann("GET", f"{path}/files/{two}", status=404)
        stores = await ann("GET", "/vector_stores")
        assert [each["id"] for each in stores["data"]] == [made["id"]]
        assert stores["data"][0]["file_counts"]["total"] == 3
        no_vendor_ids(stores)
        gone = await ann("DELETE", path)
        assert gone == {"id": made["id"], "object": "vector_store.deleted", "deleted": True}
        await ann("GET", path, status=404)
        assert (await ann("GET", "/vector_stores"))["data"] == []
        assert len(openai.files) == 3

    with_callers(main, database, rows=[gpt])


def test_a_file_that_the_vendor_does_not_have_is_in_no_store_there(with_callers, openai, gpt):
    async def main(client):
        ann = As(client)
        store = (await ann("POST", "/vector_stores", {}))["id"]
        file = await ann.file()
        await ann("GET", f"/vector_stores/{store}/files/{file}", status=404)
        await ann("GET", f"/vector_stores/{store}/files", query=f"after={file}", status=404)
        await ann("DELETE", f"/vector_stores/{store}/files/{file}", status=404)
        assert openai.files == {}

    with_callers(main, rows=[gpt])


# -- assistants ------------------------------------------------------------------------------------------------------


def test_assistants_and_threads(with_callers, openai, gpt, database):
    async def main(client):
        ann = As(client)
        file = await ann.file(purpose="assistants", content=b"hello")
        store = (await ann("POST", "/vector_stores", {"file_ids": [file]}))["id"]
        resources = {"file_search": {"vector_store_ids": [store]}, "code_interpreter": {"file_ids": [file]}}
        made = await ann("POST", "/assistants", {"model": "gpt", "name": "a", "tool_resources": resources})
        assert (made["model"], made["tool_resources"]) == ("gpt", resources)
        (theirs,) = openai.assistants.values()
        assert theirs["model"] == "gpt-x"
        assert theirs["tool_resources"]["file_search"]["vector_store_ids"] == list(openai.stores)
        assistant = made["id"]
        assert await ann("GET", f"/assistants/{assistant}") == made
        assert (await ann("POST", f"/assistants/{assistant}", {"name": "b", "model": "gpt"}))["name"] == "b"
        assert [each["name"] for each in (await ann("GET", "/assistants"))["data"]] == ["b"]

        thread = await ann("POST", "/threads", {"messages": [{"role": "user", "content": "Hi"}]})
        path = f"/threads/{thread['id']}"
        no_vendor_ids(thread)
        assert (await ann("POST", path, {"metadata": {"a": "b"}}))["metadata"] == {"a": "b"}
        assert (await ann("GET", path))["id"] == thread["id"]
        attachment = {"file_id": file, "tools": [{"type": "file_search"}]}
        message = await ann("POST", f"{path}/messages", {"role": "user", "content": "x", "attachments": [attachment]})
        assert (message["thread_id"], message["attachments"]) == (thread["id"], [attachment])
        one = f"{path}/messages/{message['id']}"
        assert await ann("GET", one) == message
        assert (await ann("POST", one, {"metadata": {"c": "d"}}))["metadata"] == {"c": "d"}

        run = await ann("POST", f"{path}/runs", {"assistant_id": assistant, "model": "gpt"})
        assert (run["thread_id"], run["assistant_id"], run["model"]) == (thread["id"], assistant, "gpt")
        assert (await ann("GET", f"{path}/runs"))["data"][0] == run
        for rest, method in (
            ("", "GET"),
            ("", "POST"),
            ("/steps", "GET"),
            ("/steps/step_1", "GET"),
            ("/cancel", "POST"),
        ):
            answer = await ann(
                method, f"{path}/runs/{run['id']}{rest}", {} if rest == "" and method == "POST" else None
            )
            no_vendor_ids(answer)
        await ann("POST", f"{path}/runs/{run['id']}/submit_tool_outputs", {"tool_outputs": []})
        messages = await ann("GET", f"{path}/messages")
        no_vendor_ids(messages)
        annotation = messages["data"][-1]["content"][0]["text"]["annotations"][0]
        assert annotation["file_citation"]["file_id"] == file

        assert (await ann("DELETE", one))["deleted"] is True
        assert await ann("DELETE", path) == {"id": thread["id"], "object": "thread.deleted", "deleted": True}
        await ann("GET", path, status=404)
        assert (await ann("DELETE", f"/assistants/{assistant}"))["object"] == "assistant.deleted"
        assert (await ann("GET", "/assistants"))["data"] == []

    with_callers(main, database, rows=[gpt])


@pytest.mark.parametrize("together", [False, True])
def test_a_run_as_events(with_callers, openai, gpt, config_beside, together):
    async def main(client):
        ann = As(client)
        made = openai.make_file(b"plot", "plot.png", "assistants_output")
        assistant = (await ann("POST", "/assistants", {"model": "gpt"}))["id"]
        body = {"assistant_id": assistant, "stream": True}
        path = "/threads/runs"
        if not together:
            thread = (await ann("POST", "/threads", {}))["id"]
            path = f"/threads/{thread}/runs"
        answer = await client.request("POST", f"/v1{path}", json=body, headers=key("ann"))
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [frame.split("\n") for frame in answer.body.decode().strip().split("\n\n")]
        names = [event for event, _ in events]
        assert names[0] == "event: thread.created"
        assert events[-1] == ["event: done", "data: [DONE]"]
        values = [json.loads(data[6:]) for _, data in events[:-1]]
        no_vendor_ids(values)
        run = values[-1]
        thread = run["thread_id"]
        assert {value["id"] for value in values if value["object"] == "thread"} == {thread}
        assert run["assistant_id"] == assistant
        assert (await ann("GET", f"/threads/{thread}/runs/{run['id']}")) == run
        bob = As(client, "bob")
        await bob("GET", f"/threads/{thread}", status=404)
        cited = values[-2]["content"][0]["text"]["annotations"][0]["file_citation"]["file_id"]
        content = await client.get(f"/v1/files/{cited}/content", headers=key("ann"))
        assert content.body == b"plot", "what the vendor made is the caller's"
        assert (await client.get(f"/v1/files/{cited}", headers=key("bob"))).status == 404
        assert made["id"] not in answer.body.decode()
        again = {"tool_outputs": [], "stream": True}
        path = f"/v1/threads/{thread}/runs/{run['id']}/submit_tool_outputs"
        answer = await client.request("POST", path, json=again, headers=key("ann"))
        assert answer.body.endswith(b"event: done\ndata: [DONE]\n\n")

    with_callers(main, rows=[gpt])


def test_streams_that_break_off(with_callers, openai, gpt):
    async def main(client):
        ann = As(client)
        assistant = (await ann("POST", "/assistants", {"model": "gpt"}))["id"]
        body = {"assistant_id": assistant, "stream": True}
        whole = openai.stream
        openai.stream = lambda thread, run: whole(thread, run).but(pieces=whole(thread, run).pieces[:2])
        answer = await client.request("POST", "/v1/threads/runs", json=body, headers=key("ann"))
        assert b"[DONE]" not in answer.body
        assert json.loads(answer.body.strip().rpartition(b"data: ")[2])["error"]["message"]
        openai.stream = lambda thread, run: Answer.sse(b"event: x\ndata: {nonsense\n\n", done=False)
        await ann("POST", "/threads/runs", body, status=502)

    with_callers(main, rows=[gpt])


def test_a_client_that_leaves_ends_the_vendors_stream(with_callers, openai, gpt, fake_upstream):
    async def main(client):
        ann = As(client)
        assistant = (await ann("POST", "/assistants", {"model": "gpt"}))["id"]
        whole = openai.stream

        def slow(thread, run):
            answer = whole(thread, run)
            return answer.but(pieces=(*answer.pieces[:2], 30.0, *answer.pieces[2:]))

        openai.stream = slow
        body = {"assistant_id": assistant, "stream": True}
        exchange = client.open("POST", "/v1/threads/runs", json=body, headers=key("ann"))
        assert b"thread.created" in await exchange.piece()
        exchange.hang_up()
        await fake_upstream.wait_disconnect()
        await asyncio.wait_for(exchange.task, 5)

    with_callers(main, rows=[gpt])


def test_things_stay_together(with_callers, openai, gpt, row):
    async def main(client):
        ann = As(client)
        here = (await ann("POST", "/assistants", {"model": "gpt"}))["id"]
        there = (await ann("POST", "/assistants", {"model": "else"}))["id"]
        assert (len(openai.assistants), len(other.assistants)) == (1, 1)
        thread = (await ann("POST", "/threads", {}))["id"]
        assert len(openai.threads) == 1
        await ann("POST", f"/threads/{thread}/runs", {"assistant_id": here})
        mixed = await ann("POST", f"/threads/{thread}/runs", {"assistant_id": there}, status=400)
        assert there in mixed["error"]["message"]
        run = await ann("POST", "/threads/runs", {"assistant_id": there})
        assert len(other.threads) == 1
        assert (await ann("GET", f"/threads/{run['thread_id']}"))["id"] == run["thread_id"]
        await ann("POST", "/assistants", {"model": "nothing"}, status=400)
        few = As(client, "few")
        await few("POST", "/assistants", {"model": "else"}, status=403)
        mine = (await few("POST", "/assistants", {"model": "gpt"}))["id"]
        await few("POST", "/threads/runs", {"assistant_id": mine, "model": "else"}, status=403)

    other = FakeOpenAI(key="sk-other")
    with FakeUpstream(script=other.script) as upstream:
        with_callers(main, rows=[gpt, row(upstream, "else", "openai/gpt-y", api_key="sk-other")])


def test_assistant_settings(with_callers, openai, gpt):
    async def main(client):
        ann = As(client)
        await ann("POST", "/threads", {})
        assert (len(other.threads), len(openai.threads)) == (1, 0)
        await ann("POST", "/assistants", {"model": "gpt-raw", "custom_llm_provider": "openai"})
        assert [each["model"] for each in other.assistants.values()] == ["gpt-raw"]

    other = FakeOpenAI(key="sk-other")
    with FakeUpstream(script=other.script) as upstream:
        settings = {
            "custom_llm_provider": "openai",
            "litellm_params": {"api_base": upstream.base, "api_key": "sk-other"},
        }
        with_callers(main, rows=[gpt], assistant_settings=settings)


# -- whose they are --------------------------------------------------------------------------------------------------


def test_nothing_is_found_by_others(with_callers, openai, gpt, database):
    """Every route with an id: to others it is as if there was none; nothing of it reaches the vendor."""

    async def main(client):
        ann, bob, boss = As(client), As(client, "bob"), As(client, "boss")
        file = await ann.file(purpose="fine-tune")
        made = {
            "fine_tuning_job": await ann("POST", "/fine_tuning/jobs", {"model": "m", "training_file": file}),
            "vector_store": await ann("POST", "/vector_stores", {"file_ids": [file]}),
            "assistant": await ann("POST", "/assistants", {"model": "gpt"}),
            "thread": await ann("POST", "/threads", {}),
            "conversation": await ann("POST", "/conversations", {}),
            "upload": await ann("POST", "/uploads", UPLOAD),
        }
        before = len(openai.seen)
        tried = 0
        routes = [method for family in FAMILIES for _, methods in family.below for method in methods.split()]
        for family in FAMILIES:
            id = made[family.kind]["id"]
            never = id[: -len("0" * 32)] + "0" * 32
            for below, methods in family.below:
                rest = below.format(file_id=file, batch_id="x", message_id="x", run_id="x", step_id="x", item_id="x")
                for method in methods.split():
                    body = {} if method == "POST" else None
                    foreign = await bob(method, f"{family.path}/{id}{rest}", body, status=404)
                    unknown = await bob(method, f"{family.path}/{never}{rest}", body, status=404)
                    assert foreign == json.loads(json.dumps(unknown).replace(never, id))
                    tried += 1
            if family.lists:
                assert (await bob("GET", family.path))["data"] == []
                assert (await bob("GET", family.path, query=f"after={id}"))["data"] == []
        assert tried == len(routes)
        # Nor can they be named in a body.
        stores = {"file_search": {"vector_store_ids": [made["vector_store"]["id"]]}}
        for path, body in (
            ("/fine_tuning/jobs", {"model": "m", "training_file": file}),
            ("/vector_stores", {"file_ids": [file]}),
            ("/assistants", {"model": "gpt", "tool_resources": stores}),
            ("/threads/runs", {"assistant_id": made["assistant"]["id"]}),
            ("/threads", {"messages": [{"role": "user", "content": "x", "attachments": [{"file_id": file}]}]}),
        ):
            await bob("POST", path, body, status=404)
        assert len(openai.seen) == before
        for family in (each for each in FAMILIES if each.below[0][0] == ""):
            assert (await boss("GET", f"{family.path}/{made[family.kind]['id']}"))["id"] == made[family.kind]["id"]

    with_callers(main, database, rows=[gpt])


def test_ids_that_lead_elsewhere(with_callers, openai, gpt):
    async def main(client):
        ann = As(client)
        thread = (await ann("POST", "/threads", {}))["id"]
        before = len(openai.seen)
        for id in ("..", "%2e%2e", "a%00"):
            for path in (f"/threads/{thread}/messages/{id}", f"/threads/{thread}/runs/{id}/steps"):
                answer = await client.request(
                    "GET", f"/v1{path.replace('%2e', '.').replace('%00', chr(0))}", headers=key("ann")
                )
                assert answer.status in (400, 404)
        assert len(openai.seen) == before
        await ann("GET", f"/threads/{thread}/messages/a b", status=404)
        assert openai.seen[-1][1].endswith("/messages/a%20b")

    with_callers(main, rows=[gpt])


def test_a_database_that_is_away_makes_nothing(with_callers, openai, gpt, tmp_path):
    async def main(client):
        ann = As(client)
        for path, body in (
            ("/fine_tuning/jobs", {"model": "m", "training_file": "file-1"}),
            ("/vector_stores", {}),
            ("/assistants", {"model": "gpt"}),
            ("/threads", {}),
            ("/threads/runs", {"assistant_id": "asst_1"}),
        ):
            failed = await ann("POST", path, body, status=503)
            assert failed["error"]["message"] == "The database is not available."
        await ann("GET", "/vector_stores", status=503)
        assert openai.seen == []

    with_callers(main, f"sqlite:///{tmp_path}/nowhere/x.db", rows=[gpt])


def test_bodies_that_are_none(with_callers, openai, gpt):
    async def main(client):
        for body in (b"[]", b"{", b'"x"', b'{"a":1,"a":2}'):
            answer = await client.request("POST", "/v1/threads", content=body, headers=key("ann"))
            assert (answer.status, answer.error["param"]) == (400, "request_body")
        answer = await client.request("POST", "/v1/threads", content=b"", headers=key("ann"))
        assert answer.status == 200

    with_callers(main, rows=[gpt])


GUARD = """
from tianji_core.api.guardrail import Allow, Block, Guardrail

class Guard(Guardrail):
    stages = frozenset({"pre_call", "post_call"})

    def __init__(self, settings=None):
        pass

    async def check(self, stage, payload):
        text = str(payload.response if stage == "post_call" else payload.request)
        return Block("Not that word.") if "forbidden" in text else Allow()
"""


def test_guardrails_see_it(serving, config_beside, openai, gpt, tmp_path):
    params = {"guardrail": "guard.Guard", "mode": "pre_call", "default_on": True}
    config = {
        "model_list": [gpt],
        "guardrails": [{"guardrail_name": "g", "litellm_params": params}],
        "general_settings": {"database_url": f"sqlite:///{tmp_path}/g.db"},
    }

    async def main():
        async with serving(config_beside(config, guard=GUARD)) as client:
            thread = (await client.post("/v1/threads", {})).json()["id"]
            good = await client.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": "fine"})
            assert good.status == 200
            bad = await client.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": "forbidden"})
            assert (bad.status, bad.error["message"]) == (400, "Not that word.")
            assert len(next(iter(openai.messages.values()))) == 1

    asyncio.run(main())


def test_calls_are_written_down(serving, config_beside, openai, gpt, tmp_path):
    recorder = """
    from tianji_core.api.callback import Callback

    class Recorder(Callback):
        def __init__(self):
            self.records = []

        async def on_call(self, record):
            self.records.append(record)

    recorder = Recorder()
    """
    config = {
        "model_list": [gpt],
        "litellm_settings": {"callbacks": ["recorder_one.recorder"]},
        "general_settings": {"database_url": f"sqlite:///{tmp_path}/g.db"},
    }

    async def main():
        async with serving(config_beside(config, recorder_one=recorder)) as client:
            await upload(client, first=[("model", "gpt")])
            assistant = (await client.post("/v1/assistants", {"model": "gpt"})).json()["id"]
            await client.post("/v1/threads/runs", {"assistant_id": assistant, "stream": True})
            await client.get("/v1/files/file-nobody")
            subscription = client.app.serving.gateway.pipeline.callbacks.subscriptions[0]
        return subscription.callback.records

    records = asyncio.run(main())
    assert [(r.operation, r.outcome) for r in records] == [
        ("files", "success"),
        ("assistants", "success"),
        ("assistants", "success"),
        ("files", "failure"),
    ]
    run = records[2]
    assert (run.usage["total_tokens"], run.provider, run.stream) == (18, "openai", True)
    assert run.model_group == "gpt"
    assert records[1].upstream_model == "gpt-x"


# -- conversations ---------------------------------------------------------------------------------------------------


def test_a_conversation(with_callers, openai, gpt, database):
    async def main(client):
        ann, bob, boss = As(client), As(client, "bob"), As(client, "boss")
        hello = {"type": "message", "role": "user", "content": "Hello"}
        made = await ann("POST", "/conversations", {"metadata": {"a": "b"}, "items": [hello]})
        path = f"/conversations/{made['id']}"
        assert made["object"] == "conversation"
        assert await ann("GET", path) == made
        assert (await ann("POST", path, {"metadata": {"c": "d"}}))["metadata"] == {"c": "d"}
        (first,) = (await ann("GET", f"{path}/items"))["data"]
        assert first["content"][0]["text"] == "Hello"
        added = await ann("POST", f"{path}/items", {"items": [hello]})
        item = f"{path}/items/{added['data'][0]['id']}"
        assert (await ann("GET", item))["role"] == "user"
        assert (await ann("DELETE", item))["id"] == made["id"]
        for caller in (bob,):
            await caller("GET", path, status=404)
            await caller("POST", f"{path}/items", {"items": [hello]}, status=404)
            await caller("DELETE", path, status=404)
        assert (await boss("GET", path))["id"] == made["id"]
        for each in (made, first, added):
            no_vendor_ids(each)
        assert await ann("DELETE", path) == {"id": made["id"], "object": "conversation.deleted", "deleted": True}
        assert not openai.conversations
        await ann("GET", path, status=404)

    with_callers(main, database, [gpt])


@pytest.mark.parametrize("as_object", [False, True])
def test_responses_within_a_conversation(with_callers, openai, row, fake_upstream, as_object):
    """Only its owner's calls go on in it, and only where it is."""

    async def main(client):
        ann, bob, boss = As(client), As(client, "bob"), As(client, "boss")
        made = await ann("POST", "/conversations", {})
        named = {"id": made["id"]} if as_object else made["id"]
        asked = {"model": "gpt", "input": "Hi", "conversation": named}
        for count in ("1", "3"):
            answer = await ann("POST", "/responses", asked)
            assert answer["output"][0]["content"][0]["text"] == count
            assert answer["conversation"] == {"id": made["id"]}
            no_vendor_ids(answer)
        streamed = await client.post("/v1/responses", {**asked, "stream": True}, headers=key("ann"))
        assert streamed.body.count(made["id"].encode()) == 2
        assert b"conv_Vendor" not in streamed.body
        assert len((await ann("GET", f"/conversations/{made['id']}/items"))["data"]) == 6
        (theirs,) = openai.conversations
        before = len(openai.seen)
        for name in (named, theirs):
            await bob("POST", "/responses", {**asked, "conversation": name}, status=404)
        await ann("POST", "/responses", {**asked, "conversation": theirs}, status=404)
        await ann("POST", "/responses", {**asked, "conversation": 5}, status=400)
        await ann("POST", "/responses", {**asked, "model": "other"}, status=400)
        assert len(openai.seen) == before
        assert (await boss("POST", "/responses", {**asked, "conversation": theirs}))["conversation"] == {"id": theirs}

    other = row(fake_upstream, "other", "openai/gpt-x", api_key="sk-other")
    with_callers(main, rows=[row(fake_upstream, "gpt", "openai/gpt-x"), other])


# -- files in parts ----------------------------------------------------------------------------------------------------


def part_form(data):
    head = b'--b\r\ncontent-disposition: form-data; name="data"; filename="p"\r\ncontent-type: text/plain\r\n\r\n'
    return {"content": head + data + b"\r\n--b--\r\n"}


FORM = {"content-type": "multipart/form-data; boundary=b"}


def test_an_upload_in_parts(with_callers, openai, gpt, database):
    async def main(client):
        ann, bob = As(client), As(client, "bob")
        begun = await ann("POST", "/uploads", UPLOAD)
        path = f"/uploads/{begun['id']}"

        async def part(data, who="ann", status=200, headers=FORM):
            sent = {**part_form(data), "headers": {**key(who), **headers}}
            answer = await client.request("POST", f"/v1{path}/parts", **sent)
            assert answer.status == status, answer.body
            return answer.json()

        parts = [await part(data) for data in (b"abc", b"def")]
        assert {each["upload_id"] for each in parts} == {begun["id"]}
        await part(b"xyz", "bob", 404)
        await part(b"xyz", status=400, headers={"content-type": "text/plain"})
        ids = [each["id"] for each in parts]
        await bob("POST", f"{path}/complete", {"part_ids": ids}, status=404)
        done = await ann("POST", f"{path}/complete", {"part_ids": ids})
        assert (done["id"], done["status"]) == (begun["id"], "completed")
        content = await client.get(f"/v1/files/{done['file']['id']}/content", headers=key("ann"))
        assert content.body == b"abcdef"
        assert (await client.get(f"/v1/files/{done['file']['id']}", headers=key("bob"))).status == 404
        no_vendor_ids([begun, parts, done])
        other = await ann("POST", "/uploads", UPLOAD)
        assert (await ann("POST", f"/uploads/{other['id']}/cancel"))["status"] == "cancelled"

    with_callers(main, database, [gpt])


def test_a_part_that_is_too_large(with_callers, openai, gpt):
    async def main(client):
        begun = await As(client)("POST", "/uploads", UPLOAD)
        sent = {**part_form(b"x" * 2_000_000), "headers": {**key("ann"), **FORM}}
        answer = await client.request("POST", f"/v1/uploads/{begun['id']}/parts", **sent)
        assert answer.status == 413, answer.body
        assert not any(openai.parts.values())

    with_callers(main, rows=[gpt], general={"max_upload_size_mb": 1})
