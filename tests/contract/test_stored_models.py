"""Models that admins add by the API: kept in the database, in force without a restart, on every replica."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from tianji_core.testing import Answer, FakeUpstream

ADMIN = {"authorization": "Bearer sk-master-of-the-test-1"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/models.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def admin(serving, row, fake_upstream, database, monkeypatch):
    """Run a function with a client of a gateway that keeps models, and how to begin another one."""
    monkeypatch.setattr("tianji_core.gateway.following.LOOK_EVERY", 0.05)
    fake_upstream.answer(Answer.chat("from the row"))
    config = {
        "model_list": [row(fake_upstream, "of-the-config")],
        "general_settings": {
            "master_key": "sk-master-of-the-test-1",
            "database_url": database,
            "store_model_in_db": True,
        },
    }

    def run(function, **general):
        changed = {**config, "general_settings": {**config["general_settings"], **general}}

        async def main():
            async with serving(changed) as client:
                return await function(client, lambda: serving(changed))

        return asyncio.run(main())

    return run


def params(upstream, **more):
    return {"model": "openai_compatible/up-2", "api_base": upstream.base, "api_key": "sk-canary-of-a-vendor", **more}


async def ask(client, model):
    answer = await client.chat(model, headers=ADMIN)
    return answer.json()["choices"][0]["message"]["content"] if answer.status == 200 else answer.status


async def until(check, seconds=5.0):
    for _ in range(int(seconds / 0.02)):
        if await check():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


def test_added_changed_and_taken_out(admin):
    with FakeUpstream(Answer.chat("from the store")) as second:

        async def main(client, another):
            assert await ask(client, "new") == 400
            body = {"model_name": "new", "litellm_params": params(second), "model_info": {"id": "n1", "mode": "chat"}}
            added = await client.post("/model/new", body, headers=ADMIN)
            assert added.status == 200, added.body
            assert added.json()["model_id"] == "n1"
            assert b"canary" not in added.body
            assert await ask(client, "new") == "from the store"
            assert await ask(client, "of-the-config") == "from the row"
            shown = await client.get("/model/info", query="litellm_model_id=n1", headers=ADMIN)
            assert shown.json()["data"][0]["model_info"]["db_model"] is True
            assert b"canary" not in shown.body
            again = await client.post("/model/new", body, headers=ADMIN)
            assert again.status == 400
            async with another() as other:  # a replica that starts now
                assert await ask(other, "new") == "from the store"
                renamed = await client.post("/model/update", {"id": "n1", "model_name": "newer"}, headers=ADMIN)
                assert renamed.status == 200, renamed.body
                assert await ask(client, "newer") == "from the store"
                assert await ask(client, "new") == 400

                async def follows():
                    return await ask(other, "newer") == "from the store"

                await until(follows)
                gone = await client.post("/model/delete", {"id": "n1"}, headers=ADMIN)
                assert gone.status == 200
                assert await ask(client, "newer") == 400

                async def is_gone():
                    return await ask(other, "newer") == 400

                await until(is_gone)
            assert (await client.post("/model/delete", {"id": "n1"}, headers=ADMIN)).status == 404

        admin(main)
        assert second.requests[0].headers.get("authorization") == "Bearer sk-canary-of-a-vendor"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model_name": "x"},
        {"model_name": 5, "litellm_params": {"model": "echo/x"}},
        {"model_name": "x", "litellm_params": []},
        {"model_name": "x", "litellm_params": {"model": "no-such-provider/x"}},
        {"model_name": "x", "litellm_params": {"model": "openai_compatible/x", "rpm": "many"}},
        {"model_name": "x", "litellm_params": {"model": "echo/x"}, "model_info": {"id": ""}},
        {"model_name": "x", "litellm_params": {"model": "echo/x"}, "model_info": {"id": 5}},
    ],
)
def test_what_cannot_work_is_not_kept(admin, body):
    async def main(client, another):
        answer = await client.post("/model/new", body, headers=ADMIN)
        assert answer.status == 400, answer.body
        assert await ask(client, "of-the-config") == "from the row"
        assert len(client.app.serving.gateway.pipeline.models.deployments) == 1

    admin(main)


def test_who_may(admin):
    async def main(client, another):
        body = {"model_name": "x", "litellm_params": {"model": "echo/x"}}
        for path in ("/model/new", "/model/update", "/model/delete"):
            assert (await client.post(path, body, headers={"authorization": "Bearer sk-other"})).status == 401

    admin(main)


def test_only_where_the_config_wants_it(admin):
    async def main(client, another):
        body = {"model_name": "x", "litellm_params": {"model": "echo/x"}}
        answer = await client.post("/model/new", body, headers=ADMIN)
        assert answer.status == 400
        assert "store_model_in_db" in answer.error["message"]

    admin(main, store_model_in_db=False)


def test_no_secret_lies_open_in_the_database(serving, row, fake_upstream, tmp_path):
    path = tmp_path / "open.db"
    config = {
        "model_list": [row(fake_upstream, "m")],
        "general_settings": {
            "master_key": "sk-master-of-the-test-1",
            "database_url": f"sqlite:///{path}",
            "store_model_in_db": True,
        },
    }

    async def main():
        async with serving(config) as client:
            body = {"model_name": "x", "litellm_params": params(fake_upstream)}
            assert (await client.post("/model/new", body, headers=ADMIN)).status == 200
        changed = {**config, "general_settings": {**config["general_settings"], "master_key": "sk-another-master-1"}}
        async with serving(changed) as client:  # what it cannot read it leaves out, and serves the rest
            answer = await client.chat("m", headers={"authorization": "Bearer sk-another-master-1"})
            assert answer.status == 200
            assert len(client.app.serving.gateway.pipeline.models.deployments) == 1

    fake_upstream.answer(Answer.chat())
    asyncio.run(main())
    with sqlite3.connect(path) as connection:
        [(data,)] = connection.execute("SELECT data FROM tianji_rule").fetchall()
    assert "canary" not in data
    assert "sealed:" in data


def test_calls_under_way_are_not_cut(admin):
    with FakeUpstream(replace(Answer.chat("slow"), delay=0.3)) as slow:

        async def main(client, another):
            body = {"model_name": "slow", "litellm_params": params(slow), "model_info": {"id": "s"}}
            assert (await client.post("/model/new", body, headers=ADMIN)).status == 200
            under_way = asyncio.create_task(ask(client, "slow"))
            await asyncio.sleep(0.1)
            assert (await client.post("/model/delete", {"id": "s"}, headers=ADMIN)).status == 200
            assert await under_way == "slow"
            assert await ask(client, "slow") == 400

        admin(main)


def test_what_was_only_tried_out_is_closed(serving, row, fake_upstream, config_beside, tmp_path):
    """A change is tried out with a whole gateway, whose plugins may hold something open."""
    counting = """
        from tianji_core.api.guardrail import ALLOW, Guardrail

        class Counting(Guardrail):
            opened = closed = 0
            def __init__(self, settings):
                Counting.opened += 1
            async def check(self, stage, payload):
                return ALLOW
            async def aclose(self):
                Counting.closed += 1
    """
    path = config_beside(
        {
            "model_list": [row(fake_upstream, "m")],
            "guardrails": [
                {"guardrail_name": "g", "litellm_params": {"guardrail": "counting.Counting", "mode": "pre_call"}}
            ],
            "general_settings": {
                "master_key": "sk-master-of-the-test-1",
                "database_url": f"sqlite:///{tmp_path}/models.db",
                "store_model_in_db": True,
            },
        },
        counting=counting,
    )

    async def main():
        async with serving(path) as client:
            body = {"model_name": "x", "litellm_params": params(fake_upstream)}
            assert (await client.post("/model/new", body, headers=ADMIN)).status == 200
            [active] = client.app.serving.gateway.pipeline.guardrails.all
            return type(active.guardrail)

    counted = asyncio.run(main())
    assert counted.opened == counted.closed
    assert counted.opened >= 3  # the first gateway, the one that was tried out, the one with the model
