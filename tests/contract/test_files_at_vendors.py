"""Files that are brought to vendors: where a caller asks for it, and where something there needs them."""

from __future__ import annotations

import asyncio

import pytest
from fake_openai import FakeOpenAI
from upload_forms import FORM, form, key, upload

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.testing import Answer, FakeUpstream

BIG = b"0123456789abcdef" * 100_000


@pytest.fixture
def gpt(row, fake_upstream):
    """A row of OpenAI."""
    return row(fake_upstream, "gpt", "openai/gpt-x")


@pytest.mark.parametrize(
    "asked",
    [
        {"first": [("custom_llm_provider", "openai")]},
        {"last": [("custom_llm_provider", "openai")]},
        {"first": [("target_model_names", "gpt")]},
        {"last": [("model", "gpt")]},
        {"query": "custom_llm_provider=openai"},
        {"query": "provider=openai"},
        {"query": "model=gpt"},
        {"headers": {"custom-llm-provider": "openai"}},
        {"headers": {"x-litellm-model": "gpt"}},
        {"path": "/openai/v1/files"},
    ],
)
def test_a_file_for_a_vendor(with_callers, openai, gpt, leftovers, asked):
    async def main(client):
        made = await upload(client, content=BIG, filename="né.jsonl", purpose="batch", **asked)
        assert made.status == 200, made.body
        file = made.json()
        assert (file["bytes"], file["filename"], file["purpose"]) == (len(BIG), "né.jsonl", "batch")
        (theirs,) = openai.files.values()
        assert file["id"] != theirs["id"]
        assert theirs["form"] == {"purpose": "batch"}
        assert (theirs["filename"], openai.contents[theirs["id"]]) == ("né.jsonl", BIG)
        assert (await leftovers(client))[1] == 0, "its content is not kept twice"
        path = f"/v1/files/{file['id']}"
        assert (await client.get(path, headers=key("ann"))).json() == file
        assert (await client.get(path, headers=key("bob"))).status == 404
        assert (await client.get(f"{path}/content", headers=key("ann"))).body == BIG
        listed = await client.get("/v1/files", query="custom_llm_provider=openai", headers=key("ann"))
        assert [each["id"] for each in listed.json()["data"]] == [file["id"]]
        assert (await client.get("/azure/v1/files", headers=key("ann"))).json()["data"] == []
        assert (await client.request("DELETE", path, headers=key("ann"))).status == 200
        assert openai.files == {}
        assert await leftovers(client) == (0, 0)

    with_callers(main, rows=[gpt])


def test_it_goes_through_while_it_comes_in(with_callers, fake_upstream, openai, gpt, leftovers):
    """The vendor has its first bytes before the client has sent its last; a client that leaves cuts it there too."""

    async def main(client):
        body = form(content=BIG, first=[("custom_llm_provider", "openai")])
        headers = {**FORM, **key("ann")}
        exchange = client.open("POST", "/v1/files", content=body[:800_000], headers=headers, hold_body=True)
        async with asyncio.timeout(5):
            while fake_upstream.connections == 0:
                await asyncio.sleep(0.01)
        exchange.hang_up()
        await exchange.finished()
        assert await leftovers(client) == (0, 0)
        assert openai.files == {}
        assert all(not request.body.endswith(b"--\r\n") for request in fake_upstream.requests)

    with_callers(main, rows=[gpt])


def test_several_vendors_get_it(with_callers, openai, gpt, row, leftovers):
    async def main(client, other, theirs):
        made = await upload(client, content=BIG, first=[("target_model_names", "gpt, else,again")])
        assert made.status == 200, made.body
        assert [list(fake.contents.values()) for fake in (openai, theirs)] == [[BIG], [BIG]]
        assert (await leftovers(client))[1] == 0
        theirs.refuse = lambda method, path: Answer.error(500, "Out of order.")
        gone = await client.request("DELETE", f"/v1/files/{made.json()['id']}", headers=key("ann"))
        assert gone.status == 500
        theirs.refuse = lambda method, path: Answer.error(404, "No such file.")
        gone = await client.request("DELETE", f"/v1/files/{made.json()['id']}", headers=key("ann"))
        assert gone.status == 200
        theirs.refuse = lambda method, path: Answer.error(500, "Out of order.")
        failed = await upload(client, content=BIG, first=[("target_model_names", "gpt,else")])
        assert (failed.status, failed.error["message"]) == (500, "Out of order.")
        assert openai.files == {}, "all of them or none"
        assert await leftovers(client) == (0, 0)

    theirs = FakeOpenAI(key="sk-other")
    with FakeUpstream(script=theirs.script) as other:
        rows = [
            gpt,
            row(other, "else", "openai/gpt-y", api_key="sk-other"),
            row(other, "again", "openai/gpt-z", api_key="sk-other"),
        ]
        with_callers(lambda client: main(client, other, theirs), rows=rows)


@pytest.mark.parametrize("late", [False, True])
def test_what_a_vendor_refuses_leaves_nothing(with_callers, openai, gpt, leftovers, late):
    async def main(client):
        target = [("custom_llm_provider", "openai")]
        said = {"last": target} if late else {"first": target}
        openai.refuse = lambda method, path: Answer.error(400, "Bad file, and your key is sk-long-enough.")
        answer = await upload(client, **said)
        assert (answer.status, answer.error["message"]) == (400, "Bad file, and your key is ***.")
        openai.refuse = lambda method, path: Answer.json(["no object"])
        assert (await upload(client, **said)).status == 502
        openai.refuse = lambda method, path: Answer.json({"object": "file"})
        assert (await upload(client, **said)).status == 502
        assert await leftovers(client) == (0, 0)

    gpt["litellm_params"]["api_key"] = openai.key = "sk-long-enough"
    with_callers(main, rows=[gpt])


def test_targets_that_are_none(with_callers, openai, gpt, row, fake_upstream, leftovers):
    async def main(client):
        for target, status in (
            ([("custom_llm_provider", "azure")], 400),
            ([("custom_llm_provider", "nobody")], 400),
            ([("target_model_names", "nothing")], 400),
            ([("target_model_names", "fast")], 400),
            ([("model", "gpt"), ("custom_llm_provider", "azure")], 400),
        ):
            for said in ({"first": target}, {"last": target}):
                answer = await upload(client, **said)
                assert answer.status == status, target
                assert answer.error["param"] in ("model", "custom_llm_provider")
        for target in ([("model", "fast")], [("target_model_names", "gpt,fast")]):
            answer = await upload(client, "few", first=target)
            assert (answer.status, answer.error["type"]) == (403, "key_model_access_denied")
        assert openai.files == {}
        assert await leftovers(client) == (0, 0)
        assert (await upload(client, "few", first=[("model", "gpt")])).status == 200
        assert (await upload(client, "few", first=[("custom_llm_provider", "openai")])).status == 200

    with_callers(main, rows=[gpt, row(fake_upstream, "fast", "cerebras/llama")])


def test_files_settings_win_over_rows(with_callers, openai, gpt, fake_upstream):
    async def main(client):
        assert (await upload(client, first=[("custom_llm_provider", "openai")])).status == 200
        assert len(theirs.files) == 1
        assert openai.files == {}

    theirs = FakeOpenAI(key="sk-files")
    with FakeUpstream(script=theirs.script) as other:
        settings = [{"custom_llm_provider": "openai", "api_base": other.base, "api_key": "sk-files"}]
        with_callers(main, rows=[gpt], files_settings=settings)


@pytest.mark.parametrize(
    ("version", "path"),
    [(None, "/openai/files"), ("2024-10-21", "/openai/files"), ("v1", "/openai/v1/files")],
)
def test_azure(with_callers, row, version, path):
    async def main(client):
        answer = await upload(client, first=[("custom_llm_provider", "azure")], purpose="vision")
        assert (answer.status, answer.error["param"]) == (400, "purpose")
        made = await upload(client, first=[("custom_llm_provider", "azure")])
        assert made.status == 200, made.body
        assert len(azure.files) == 1
        content = await client.get(f"/v1/files/{made.json()['id']}/content", headers=key("ann"))
        assert content.body == b'{"a":1}\n'
        assert all(("api-version" in query) == (version != "v1") for query in azure.queries)

    azure = FakeOpenAI(path.removesuffix("/files"))
    with FakeUpstream(script=azure.script) as upstream:
        more = {} if version is None else {"api_version": version}
        with_callers(main, rows=[row(upstream.url, "az", "azure/dep", **more)])


def test_anthropic(with_callers, row):
    """Its files API asks for no purpose and wants a beta; its own clients, which say their version, pass through."""

    async def main(client):
        made = await upload(client, path="/anthropic/v1/files", purpose="user_data")
        assert made.status == 200, made.body
        (theirs,) = fake.files.values()
        assert theirs["form"] == {}
        sent = upstream.requests[0].headers
        assert sent["anthropic-beta"] == "files-api-2025-04-14"
        assert sent["x-api-key"] == "sk-up"
        native = {"anthropic-version": "2023-06-01", "x-api-key": "ann"}
        passed = await client.get(f"/anthropic/v1/files/{theirs['id']}", headers=native)
        assert passed.json()["id"] == theirs["id"]

    fake = FakeOpenAI()
    fake.prefix = "/v1"
    real = fake.on_files

    def on_files(request, rest):
        if not rest and request.method == "POST":
            fake.prefix = "/anthropic"
            try:
                return real(request, rest)
            finally:
                fake.prefix = "/v1"
        return real(request, rest)

    fake.on_files = on_files
    with FakeUpstream(script=fake.script) as upstream:
        with_callers(main, rows=[row(upstream.url, "claude", "anthropic/claude-x")])


# -- brought there when something needs it ---------------------------------------------------------------------------


async def vendor_file(client, id, name, who="ann"):
    from tianji_core.api.call import Principal

    gateway = client.app.serving.gateway
    stored = await gateway.files.get(id, Principal(user_id=who))
    return await gateway.files.vendor_file(stored, gateway.pipeline.models.resolve(name).deployments[0])


def test_it_is_brought_once(with_callers, openai, gpt, row, fake_upstream, leftovers, database):
    async def main(client):
        id = (await upload(client, content=BIG)).json()["id"]
        assert openai.files == {}
        found = await asyncio.gather(*(vendor_file(client, id, name) for name in ("gpt", "gpt", "too", "gpt", "too")))
        assert len(set(found)) <= 2, "at most one for each row, of those that came at the same time"
        first = found[0]
        assert await vendor_file(client, id, "too") in found
        assert openai.contents[first] == BIG
        assert (await leftovers(client))[1] > 0, "it is kept here too"
        stored = client.app.serving.gateway.pipeline.models.resolve("gpt").deployments[0]
        assert await client.app.serving.gateway.files.ours(stored, [first, "file-x"]) != {}
        assert (await client.app.serving.gateway.files.ours(stored, [first]))[first] == id
        assert (await client.request("DELETE", f"/v1/files/{id}", headers=key("ann"))).status == 200
        assert openai.files == {}
        assert await leftovers(client) == (0, 0)

    with_callers(main, database, rows=[gpt, row(fake_upstream, "too", "openai/gpt-y")])


def test_another_account_gets_its_own(with_callers, openai, gpt, row, fake_upstream):
    async def main(client):
        id = (await upload(client)).json()["id"]
        one = await vendor_file(client, id, "gpt")
        openai.key = None
        assert await vendor_file(client, id, "other") != one
        assert len(openai.files) == 2

    with_callers(main, rows=[gpt, row(fake_upstream, "other", "openai/gpt-y", api_key="sk-else")])


def test_from_one_vendor_to_another(with_callers, openai, gpt, row):
    async def main(client):
        id = (await upload(client, content=BIG, first=[("model", "gpt")])).json()["id"]
        theirs = await vendor_file(client, id, "else")
        assert fake.contents[theirs] == BIG
        lost = (await upload(client, content=BIG, first=[("model", "gpt")])).json()["id"]
        openai.files.clear()
        with pytest.raises(GatewayError):
            await vendor_file(client, lost, "else")
        assert list(fake.files) == [theirs]

    fake = FakeOpenAI()
    with FakeUpstream(script=fake.script) as other:
        with_callers(main, rows=[gpt, row(other, "else", "openai/gpt-x")])


def test_a_vendor_that_refuses_it(with_callers, openai, gpt, row, fake_upstream, leftovers):
    async def main(client):
        id = (await upload(client)).json()["id"]
        openai.refuse = lambda method, path: Answer.error(400, "Bad file.")
        with pytest.raises(BadRequestError, match=r"Bad file\."):
            await vendor_file(client, id, "gpt")
        openai.refuse = lambda method, path: None
        assert await vendor_file(client, id, "gpt") in openai.files
        with pytest.raises(BadRequestError, match="takes no files"):
            await vendor_file(client, id, "fast")

    with_callers(main, rows=[gpt, row(fake_upstream, "fast", "cerebras/llama")])


def test_a_file_that_goes_meanwhile_leaves_nothing_there(with_callers, openai, gpt, leftovers):
    async def main(client):
        id = (await upload(client)).json()["id"]
        loop = asyncio.get_running_loop()

        def refuse(method, path):
            if method == "POST":
                gone = client.request("DELETE", f"/v1/files/{id}", headers=key("ann"))
                assert asyncio.run_coroutine_threadsafe(gone, loop).result(5).status == 200

        openai.refuse = refuse
        with pytest.raises(GatewayError):
            await vendor_file(client, id, "gpt")
        assert openai.files == {}
        assert await leftovers(client) == (0, 0)

    with_callers(main, rows=[gpt])


def test_a_file_that_is_to_expire_expires_there_too(with_callers, openai, gpt):
    life = [("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "7200")]

    async def main(client):
        id = (await upload(client, first=life)).json()["id"]
        (there,) = [openai.files[await vendor_file(client, id, "gpt")]]
        assert there["form"]["expires_after[anchor]"] == "created_at"
        assert 7190 <= int(there["form"]["expires_after[seconds]"]) <= 7200
        await upload(client, first=[*life, ("model", "gpt")])
        assert list(openai.files.values())[1]["form"]["expires_after[seconds]"] == "7200"
        late = (await upload(client, first=[("model", "gpt")], last=life)).json()
        assert late["expires_at"] == late["created_at"] + 7200

    with_callers(main, rows=[gpt])


def test_a_row_that_was_changed_still_finds_it(serving, openai, gpt, config_beside, tmp_path):
    from tianji_core.api.call import ANONYMOUS

    def config(**more):
        row = {**gpt, "litellm_params": {**gpt["litellm_params"], **more}}
        return config_beside({"model_list": [row], "general_settings": {"database_url": f"sqlite:///{tmp_path}/s.db"}})

    async def main():
        async with serving(config()) as client:
            id = (await upload(client, first=[("model", "gpt")])).json()["id"]
            config(rpm=7)
            await client.app.reload()
            assert (await client.get(f"/v1/files/{id}/content")).body == b'{"a":1}\n'
            gateway = client.app.serving.gateway
            stored = await gateway.files.get(id, ANONYMOUS)
            deployment = gateway.pipeline.models.deployments[0]
            assert await gateway.files.vendor_file(stored, deployment) in openai.files
            assert len(openai.files) == 1
            config_beside({"general_settings": {"database_url": f"sqlite:///{tmp_path}/s.db"}})
            await client.app.reload()
            assert (await client.get(f"/v1/files/{id}/content")).status == 404
            assert (await client.request("DELETE", f"/v1/files/{id}")).status == 200

    asyncio.run(main())


def test_files_that_a_vendor_made(with_callers, openai, gpt):
    async def main(client):
        gateway = client.app.serving.gateway
        deployment = gateway.pipeline.models.deployments[0]
        made = openai.make_file(b"result", "out.jsonl", "batch_output")
        ids = [await gateway.files.register("user:ann", deployment, made["id"]) for _ in range(2)]
        assert ids[0] == ids[1]
        again = await asyncio.gather(*(gateway.files.register("user:ann", deployment, made["id"]) for _ in range(3)))
        assert set(again) == {ids[0]}
        assert await gateway.files.ours(deployment, [made["id"]]) == {made["id"]: ids[0]}
        shown = (await client.get(f"/v1/files/{ids[0]}", headers=key("ann"))).json()
        assert (shown["filename"], shown["bytes"], shown["purpose"]) == ("out.jsonl", 6, "batch_output")
        assert (await client.get(f"/v1/files/{ids[0]}/content", headers=key("ann"))).body == b"result"
        assert (await client.get(f"/v1/files/{ids[0]}/content", headers=key("bob"))).status == 404
        unknown = await gateway.files.register("user:ann", deployment, "file-of-nobody")
        assert (await client.get(f"/v1/files/{unknown}", headers=key("ann"))).status == 404

    with_callers(main, rows=[gpt])
