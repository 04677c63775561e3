"""`/fallback`: fallbacks that admins set, in force at once here and soon elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.gateway import following
from tianji_core.testing import Answer

BOSS = {"authorization": "Bearer boss"}
ANN = {"authorization": "Bearer ann"}


@pytest.fixture
def failing(several, serving, row, fake_upstream, config_beside, database):
    """`failing(main, count)`: replicas whose model `dead` fails, and whose models m and n answer."""
    fake_upstream.answer(Answer.chat())
    who = """
        from tianji_core.api.call import Principal

        async def who(request, key):
            return Principal(user_id=key, roles=frozenset({"proxy_admin"} if key == "boss" else ()))
    """

    def run(main, count=1, **config):
        dead = row("http://127.0.0.1:1/v1", "dead", num_retries=0)
        path = config_beside(
            {
                "model_list": [row(fake_upstream, "m"), row(fake_upstream, "org/n"), dead],
                "general_settings": {"custom_auth": "who.who", "database_url": database},
                **config,
            },
            who=who,
        )

        return several(path, count, main)

    return run


def put(client, **body):
    return client.post("/fallback", body, headers=BOSS)


def test_the_life_of_a_fallback(failing, monkeypatch):
    monkeypatch.setattr(following, "LOOK_EVERY", 0.05)

    async def main(one, other):
        assert (await one.chat("dead", headers=ANN)).status == 500
        made = await put(one, model="dead", fallback_models=["m", "org/n"])
        told = {"model": "dead", "fallback_models": ["m", "org/n"], "fallback_type": "general"}
        assert made.json() == {**told, "message": "Fallback configuration created successfully"}
        answer = await one.chat("dead", headers=ANN)
        assert (answer.status, answer.headers["x-litellm-model-group"]) == (200, "m")
        again = await put(one, model="dead", fallback_models=["org/n"], fallback_type="general")
        assert again.json()["message"] == "Fallback configuration updated successfully"
        for _ in range(100):
            answer = await other.chat("dead", headers=ANN)
            if answer.status == 200 and answer.headers["x-litellm-model-group"] == "org/n":
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the other replica never knew")
        shown = await other.get("/fallback/dead", headers=BOSS)
        assert shown.json() == {**told, "fallback_models": ["org/n"]}
        assert (await other.get("/fallback/dead", headers=BOSS, query="fallback_type=content_policy")).status == 404
        gone = await other.request("DELETE", "/fallback/dead", headers=BOSS)
        assert gone.json()["message"] == "Fallback configuration deleted successfully"
        assert (await other.chat("dead", headers=ANN)).status == 500
        assert (await one.get("/fallback/dead", headers=BOSS)).status == 404
        assert (await other.request("DELETE", "/fallback/dead", headers=BOSS)).status == 404
        await put(one, model="org/n", fallback_models=["m"], fallback_type="context_window")
        assert (await one.get("/fallback/org/n", headers=BOSS, query="fallback_type=context_window")).status == 200

    failing(main, 2)


def test_those_of_the_config_are_changed_there(failing):
    async def main(client):
        shown = await client.get("/fallback/dead", headers=BOSS)
        assert shown.json()["fallback_models"] == ["m"]
        assert (await put(client, model="dead", fallback_models=["org/n"])).status == 409
        assert (await client.request("DELETE", "/fallback/dead", headers=BOSS)).status == 409
        # of another kind it may have some
        assert (await put(client, model="dead", fallback_models=["m"], fallback_type="content_policy")).status == 200

    failing(main, router_settings={"fallbacks": [{"dead": ["m"]}]})


WRONG = [
    ({"model": "x", "fallback_models": ["m"]}, 404, "Model 'x' not found in router"),
    ({"model": "dead", "fallback_models": ["x"]}, 400, "Invalid fallback models: ['x']"),
    ({"model": "m", "fallback_models": ["m"]}, 400, "cannot be its own fallback"),
    ({"model": "dead", "fallback_models": ["m", "m"]}, 400, "names a model twice"),
    ({"model": "dead", "fallback_models": []}, 400, "must be an array of strings"),
    ({"model": "dead", "fallback_models": ["m"], "fallback_type": "other"}, 400, "fallback_type must be one of"),
    ({"fallback_models": ["m"]}, 400, "model must be a string"),
]


def test_what_would_not_work_is_refused(failing):
    async def main(client):
        for body, status, message in WRONG:
            answer = await put(client, **body)
            assert (answer.status, message in answer.body.decode()) == (status, True), answer.body
            assert (await client.get("/fallback/dead", headers=BOSS)).status == 404
            assert (await client.post("/fallback", body, headers=ANN)).status == 403

    failing(main)
