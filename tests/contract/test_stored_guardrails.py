"""Guardrails that admins add by the API: kept in the database, in force without a restart, on every replica."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from tianji_core.testing import Answer

ADMIN = {"authorization": "Bearer sk-master-of-the-test-1"}
CANARY = "sk-canary-of-a-guardrail"
FILTER = {
    "guardrail": "litellm_content_filter",
    "mode": "pre_call",
    "default_on": True,
    "blocked_words": [{"keyword": "aardvark", "action": "BLOCK"}],
}
ASKING = {
    "guardrail": {
        "guardrail_name": "asking",
        "litellm_params": {
            "guardrail": "generic_guardrail_api",
            "mode": ["pre_call"],
            "default_on": True,
            "api_base": "http://127.0.0.1:9/",
            "api_key": CANARY,
            "headers": {"x-more": CANARY},
        },
    }
}
ANALYZER = {"presidio_analyzer_api_base": "http://127.0.0.1:9/"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/guardrails.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def config(row, fake_upstream, database, monkeypatch):
    monkeypatch.setattr("tianji_core.gateway.following.LOOK_EVERY", 0.05)
    fake_upstream.answer(Answer.chat("answered"))
    return {
        "model_list": [row(fake_upstream, "m")],
        "guardrails": [{"guardrail_name": "of-the-config", "litellm_params": {**FILTER, "default_on": False}}],
        "general_settings": {"master_key": "sk-master-of-the-test-1", "database_url": database},
    }


@pytest.fixture
def admin(serving, config):
    """Run a function with a client of a gateway, and how to begin another one."""

    def run(function):
        async def main():
            async with serving(config) as client:
                return await function(client, lambda: serving(config))

        return asyncio.run(main())

    return run


def body(name="stored", info=None, **params):
    said = {"guardrail_name": name, "litellm_params": {**FILTER, **params}}
    return {"guardrail": said if info is None else {**said, "guardrail_info": info}}


async def status(client, text="an aardvark"):
    return (await client.chat("m", messages=[{"role": "user", "content": text}], headers=ADMIN)).status


async def until(check, seconds=5.0):
    for _ in range(int(seconds / 0.02)):
        if await check():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


def test_added_read_changed_and_taken_out(admin):
    async def main(client, another):
        assert await status(client) == 200
        made = await client.post("/guardrails", body(info={"note": "for tests"}), headers=ADMIN)
        assert made.status == 200, made.body
        told = made.json()
        ident = told["guardrail_id"]
        assert told["guardrail_definition_location"] == "db"
        assert told["guardrail_info"] == {"note": "for tests"}
        assert told["litellm_params"]["blocked_words"] == [{"keyword": "aardvark", "action": "BLOCK"}]
        assert told["created_at"][:19] == told["updated_at"][:19]
        assert await status(client) == 400  # at once, where it was made
        assert await status(client, "a badger") == 200
        for path in (f"/guardrails/{ident}", f"/guardrails/{ident}/info", "/guardrails/stored"):
            assert {**(await client.get(path, headers=ADMIN)).json(), "warnings": []} == told
        listed = (await client.get("/v2/guardrails/list", headers=ADMIN)).json()["guardrails"]
        assert [(g["guardrail_name"], g["guardrail_definition_location"]) for g in listed] == [
            ("of-the-config", "config"),
            ("stored", "db"),
        ]
        async with another() as other:  # a replica that starts now
            assert await status(other) == 400
            off = await client.request("PATCH", f"/guardrails/{ident}", json={"default_on": False}, headers=ADMIN)
            assert off.status == 200, off.body
            assert off.json()["litellm_params"]["default_on"] is False
            assert off.json()["litellm_params"]["blocked_words"] == [{"keyword": "aardvark", "action": "BLOCK"}]
            assert await status(client) == 200

            async def follows():
                return await status(other) == 200

            await until(follows)
            words = [{"keyword": "badger", "action": "BLOCK"}]
            put = await client.request(
                "PUT", "/guardrails/stored", json=body("newer", blocked_words=words), headers=ADMIN
            )
            assert put.status == 200, put.body
            assert put.json()["guardrail_id"] == ident
            assert put.json()["guardrail_info"] == {}
            assert (await status(client), await status(client, "a badger")) == (200, 400)
            gone = await client.request("DELETE", f"/guardrails/{ident}", headers=ADMIN)
            assert gone.json() == {"message": f"Guardrail {ident} deleted successfully", "guardrail_name": "newer"}
            assert await status(client, "a badger") == 200

            async def is_gone():
                return await status(other, "a badger") == 200

            await until(is_gone)
        for method in ("GET", "DELETE"):
            assert (await client.request(method, f"/guardrails/{ident}", headers=ADMIN)).status == 404

    admin(main)


@pytest.mark.parametrize(
    ("said", "expected", "why"),
    [
        ({}, 400, "guardrail_name"),
        ({"guardrail": "x"}, 400, "guardrail"),
        ({"guardrail": {"guardrail_name": "x"}}, 400, "litellm_params.guardrail"),
        (body("two\nlines"), 400, "guardrail_name"),
        (body("of-the-config"), 409, "already"),
        (body(mode="sometimes"), 400, "litellm_params.mode: one or more of pre_call"),
        (body(mode="pre_mcp_call"), 400, "honoured"),
        (body(guardrail="no-such-guardrail"), 400, "no-such-guardrail"),
        (body(guardrail="os.system"), 400, "config file"),
        (body(blocked_words=[{"keyword": 5.5, "action": "SING"}]), 400, "BLOCK"),
        (body(blocked_wrods=[]), 400, 'litellm_params.blocked_wrods: unknown key. Did you mean "blocked_words"?'),
        (body(blocked_words_file="/etc/passwd"), 400, "config file"),
        (body(categories=[{"category": "x", "category_file": "/etc/passwd"}]), 400, "config file"),
        (body(guardrail="json_schema", mode="post_call", schema_file="/etc/passwd"), 400, "config file"),
        (body(guardrail="presidio", **ANALYZER, presidio_ad_hoc_recognizers="/etc/passwd"), 400, "config file"),
    ],
)
def test_what_cannot_work_is_not_kept(admin, said, expected, why):
    async def main(client, another):
        answer = await client.post("/guardrails", said, headers=ADMIN)
        assert answer.status == expected, answer.body
        assert why in answer.error["message"]
        assert await status(client) == 200
        assert len((await client.get("/guardrails/list", headers=ADMIN)).json()["guardrails"]) == 1

    admin(main)


def test_keys_of_which_nothing_comes_are_told(admin):
    async def main(client, another):
        made = await client.post("/guardrails", body(run_in_parallel=True), headers=ADMIN)
        [told] = made.json()["warnings"]
        assert told.startswith("litellm_params.run_in_parallel: known, not honoured")

    admin(main)


def test_those_of_the_config_are_shown_and_not_changed(admin):
    async def main(client, another):
        [listed] = (await client.get("/guardrails/list", headers=ADMIN)).json()["guardrails"]
        shown = await client.get(f"/guardrails/{listed['guardrail_id']}", headers=ADMIN)
        assert shown.json()["guardrail_name"] == "of-the-config"
        assert shown.json()["created_at"] is None
        for method, sent in (("PUT", body()), ("PATCH", {"default_on": True}), ("DELETE", None)):
            answer = await client.request(method, "/guardrails/of-the-config", json=sent, headers=ADMIN)
            assert answer.status == 409, answer.body

    admin(main)


def test_who_may(admin):
    async def main(client, another):
        nobody = {"authorization": "Bearer sk-other"}
        for method, path in (
            ("POST", "/guardrails"),
            ("GET", "/guardrails/of-the-config"),
            ("GET", "/guardrails/of-the-config/info"),
            ("PUT", "/guardrails/x"),
            ("PATCH", "/guardrails/x"),
            ("DELETE", "/guardrails/x"),
        ):
            assert (await client.request(method, path, json=body(), headers=nobody)).status == 401

    admin(main)


def test_no_secret_is_shown_and_none_is_lost_by_sending_it_back(admin):
    async def main(client, another):
        made = await client.post("/guardrails", ASKING, headers=ADMIN)
        assert made.status == 200, made.body
        shown = await client.get("/guardrails/asking", headers=ADMIN)
        assert CANARY.encode() not in made.body + shown.body
        edited = shown.json()
        assert edited["litellm_params"]["api_key"] == "***"
        edited["litellm_params"]["default_on"] = False
        put = await client.request("PUT", "/guardrails/asking", json=edited, headers=ADMIN)
        assert put.status == 200, put.body
        row = client.app.serving.gateway.config.guardrails[-1]
        assert row.litellm_params.extra["api_key"] == CANARY
        assert row.litellm_params.extra["headers"] == {"x-more": CANARY}
        assert row.litellm_params.extra["api_base"] == "http://127.0.0.1:9/"
        assert row.litellm_params.default_on is False

    admin(main)


def test_a_guardrail_that_a_policy_names_stays(admin):
    async def main(client, another):
        assert (await client.post("/guardrails", body(default_on=False), headers=ADMIN)).status == 200
        policy = {"policy_name": "p", "guardrails_add": ["stored"]}
        assert (await client.post("/policies", policy, headers=ADMIN)).status == 200
        gone = await client.request("DELETE", "/guardrails/stored", headers=ADMIN)
        assert gone.status == 409
        assert "policy p" in gone.error["message"]
        renamed = await client.request("PATCH", "/guardrails/stored", json={"guardrail_name": "other"}, headers=ADMIN)
        assert renamed.status == 409

    admin(main)


def test_many_changes_at_once_lose_none(admin):
    async def main(client, another):
        async with another() as other:
            names = [f"g{number}" for number in range(8)]
            answers = await asyncio.gather(
                *(
                    (client if number % 2 else other).post("/guardrails", body(name, default_on=False), headers=ADMIN)
                    for number, name in enumerate(names)
                )
            )
            assert [answer.status for answer in answers] == [200] * 8

            async def all_there():
                lists = [await each.get("/guardrails/list", headers=ADMIN) for each in (client, other)]
                return all(
                    {g["guardrail_name"] for g in found.json()["guardrails"]} == {"of-the-config", *names}
                    for found in lists
                )

            await until(all_there)
            twice = await asyncio.gather(
                *(each.post("/guardrails", body("same", default_on=False), headers=ADMIN) for each in (client, other))
            )
            assert sorted(answer.status for answer in twice) == [200, 409]

    admin(main)


def test_one_that_cannot_be_opened_refuses_its_calls(serving, config, tmp_path):
    """Nobody is served without a guardrail since the salt key is another one: fail closed, and say why."""

    async def main():
        async with serving(config) as client:
            assert (await client.post("/guardrails", body(), headers=ADMIN)).status == 200
            later = body("later", default_on=False)
            assert (await client.post("/guardrails", later, headers=ADMIN)).status == 200
        config["general_settings"]["master_key"] = "sk-another-master-1"
        other = {"authorization": "Bearer sk-another-master-1"}
        async with serving(config) as client:
            refused = await client.chat("m", messages=[{"role": "user", "content": "a badger"}], headers=other)
            assert refused.status == 503
            assert "stored" in refused.error["message"]
            # An admin can mend it, though the other one cannot be read either.
            put = await client.request("PUT", "/guardrails/stored", json=body(), headers=other)
            assert put.status == 200, put.body
            served = await client.chat("m", messages=[{"role": "user", "content": "a badger"}], headers=other)
            assert served.status == 200
            blocked = await client.chat("m", messages=[{"role": "user", "content": "aardvark"}], headers=other)
            assert blocked.status == 400
            assert (await client.request("DELETE", "/guardrails/later", headers=other)).status == 200

    asyncio.run(main())


def test_one_whose_package_is_gone_refuses_its_calls(admin):
    async def main(client, another):
        assert (await client.post("/guardrails", body(), headers=ADMIN)).status == 200

        def elsewhere(kept):  # as a replica keeps it that has a package which is not here
            [rule] = kept.rules
            params = {**rule.data["litellm_params"], "guardrail": "not-installed-here"}
            return (replace(rule, data={**rule.data, "litellm_params": params}),)

        await client.app.serving.gateway.following.change("guardrails", elsewhere)
        async with another() as other:
            assert await status(other, "a badger") == 503
            mended = await other.request("PUT", "/guardrails/stored", json=body(), headers=ADMIN)
            assert mended.status == 200, mended.body
            assert await status(other, "a badger") == 200

    admin(main)


def test_nothing_lies_open_in_the_database(serving, row, fake_upstream, tmp_path):
    path = tmp_path / "open.db"
    config = {
        "model_list": [row(fake_upstream, "m")],
        "general_settings": {"master_key": "sk-master-of-the-test-1", "database_url": f"sqlite:///{path}"},
    }

    async def main():
        async with serving(config) as client:
            assert (await client.post("/guardrails", ASKING, headers=ADMIN)).status == 200

    asyncio.run(main())
    with sqlite3.connect(path) as connection:
        [(data,)] = connection.execute("SELECT data FROM tianji_rule").fetchall()
    assert "canary" not in data
    assert "sealed:" in data
