"""`/policies`: made, changed and deleted by admins, in force at once here and soon elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.gateway import following
from tianji_core.testing import Answer

GUARDS = """
    from tianji_core.api.guardrail import ALLOW, Block, Guardrail

    class Words(Guardrail):
        def __init__(self, settings):
            self.word = settings.get("word", "bad")
        async def check(self, stage, payload):
            return Block("No bad words.") if self.word in " ".join(payload.texts()) else ALLOW
"""
WHO = """
    from tianji_core.api.call import Principal

    async def who(request, key):
        return Principal(user_id=key, key_alias=f"{key}-key", roles=frozenset({"proxy_admin"} if key == "boss" else ()))
"""
BOSS = {"authorization": "Bearer boss"}
ANN = {"authorization": "Bearer ann"}


@pytest.fixture
def ruled(several, serving, row, fake_upstream, config_beside, database):
    """`ruled(main, count)`: replicas of one application with the models m and n and the guardrails words and rude."""
    fake_upstream.answer(Answer.chat())

    def run(main, count=1, **config):
        rude = {"guardrail": "guards.Words", "mode": "pre_call", "word": "rude"}
        words = {"guardrail": "guards.Words", "mode": "pre_call"}
        path = config_beside(
            {
                "model_list": [row(fake_upstream, "m"), row(fake_upstream, "n"), row("http://127.0.0.1:1/v1", "dead")],
                "guardrails": [
                    {"guardrail_name": "words", "litellm_params": words},
                    {"guardrail_name": "rude", "litellm_params": rude},
                ],
                "general_settings": {"custom_auth": "who.who", "database_url": database},
                "router_settings": {"num_retries": 0},
                **config,
            },
            guards=GUARDS,
            who=WHO,
        )

        return several(path, count, main)

    return run


async def ask(client, method, path, body=None, status=200, headers=BOSS):
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.status == status, answer.body
    return answer.json()


def test_the_life_of_a_policy(ruled):
    async def main(client):
        made = await ask(
            client,
            "POST",
            "/policies",
            {
                "policy_name": "strict",
                "description": "Ours",
                "guardrails_add": ["words"],
                "condition": {"model": "m.*", "time": {"days": "mon-sun"}},
                "params": {"set": {"seed": None}},
            },
        )
        assert made["policy_name"] == "strict"
        assert made["guardrails_add"] == ["words"]
        assert made["guardrails_remove"] == []
        assert made["created_by"] == made["updated_by"] == "boss"
        assert made["source"] == "database"
        assert "warnings" not in made
        id = made["policy_id"]
        assert (await client.chat(text="bad", headers=ANN)).status == 200  # nobody has attached it
        attached = await ask(client, "POST", "/policies/attachments", {"policy_name": "strict", "scope": "*"})
        assert (await client.chat(text="bad", headers=ANN)).status == 400
        assert (await client.chat("n", "bad", headers=ANN)).status == 200
        assert await ask(client, "GET", f"/policies/{id}") == made == await ask(client, "GET", "/policies/strict")
        listed = await ask(client, "GET", "/policies/list")
        assert listed == {"policies": [made], "total_count": 1} == await ask(client, "GET", "/policies")
        changed = await ask(client, "PUT", f"/policies/{id}", {"guardrails_add": ["rude"], "condition": None})
        assert changed["guardrails_add"] == ["rude"]
        assert changed["condition"] is None
        assert changed["description"] == "Ours"
        assert (await client.chat(text="bad", headers=ANN)).status == 200
        assert (await client.chat("n", "rude", headers=ANN)).status == 400
        child = {"policy_name": "child", "inherit": "strict", "guardrails": {"add": ["words"]}, "requestable": True}
        await ask(client, "POST", "/policies", child)
        assert (await client.chat(text="bad", headers=ANN, policies=["child"])).status == 400
        renamed = await ask(client, "PUT", "/policies/strict", {"policy_name": "base"})
        assert renamed["policy_id"] == id
        resolved = await ask(client, "GET", "/policies/child/resolved-guardrails")
        assert resolved["inheritance_chain"] == ["base", "child"]
        assert resolved["resolved_guardrails"] == ["rude", "words"]
        (held,) = (await ask(client, "GET", "/policies/attachments/list"))["attachments"]
        assert held == await ask(client, "GET", f"/policies/attachments/{attached['attachment_id']}")
        assert held["policy_name"] == "base"
        assert "inherited by child" in (await ask(client, "DELETE", f"/policies/{id}", status=409))["error"]["message"]
        await ask(client, "DELETE", "/policies/child")
        assert "attached" in (await ask(client, "DELETE", f"/policies/{id}", status=409))["error"]["message"]
        narrowed = {"scope": None, "teams": ["x"]}
        moved = await ask(client, "PUT", f"/policies/attachments/{held['attachment_id']}", narrowed)
        assert (moved["scope"], moved["teams"]) == (None, ["x"])
        assert (await client.chat("n", "rude", headers=ANN)).status == 200
        await ask(client, "DELETE", f"/policies/attachments/{held['attachment_id']}")
        assert "deleted" in (await ask(client, "DELETE", f"/policies/{id}"))["message"]
        assert client.app.serving.gateway.pipeline.policies.current is None
        for path in (f"/policies/{id}", f"/policies/attachments/{held['attachment_id']}"):
            for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
                await ask(client, method, path, body, status=404)

    ruled(main)


WRONG = [
    ({"policy_name": "x", "guardrails_add": ["wordz"]}, 'no guardrail is called "wordz". Did you mean "words"?'),
    ({"policy_name": "x", "inherit": "nobody"}, 'no policy is called "nobody"'),
    ({"policy_name": "x", "inherit": "x"}, "cannot inherit itself: x → x"),
    ({"policy_name": "x", "condition": {"model": "("}}, "no regular expression"),
    ({"policy_name": "x", "condition": {"time": {"start": "9"}}}, 'expected a time of day, "09:30"'),
    ({"policy_name": "x", "condition": {"time": {"timezone": "x/../y"}}}, "time zone is not known"),
    ({"policy_name": "x", "gaurdrails": {}}, 'gaurdrails: unknown key. Did you mean "guardrails"?'),
    ({"policy_name": "x", "models": {"swap": {"m": "nn"}}}, 'no model is called "nn"'),
    ({"policy_name": "x", "params": {"cap": {"max_tokens": "many"}}}, "params.cap.max_tokens"),
    ({"policy_name": "x", "params": {"set": {"api_base": "http://evil"}}}, "no parameter that a policy changes"),
    ({"policy_name": "x", "guardrails": []}, "guardrails must be an object"),
    ({"policy_name": "a/b"}, "without slashes"),
    ({"policy_name": 5}, "policy_name must be a string"),
    ({}, "policy_name must be a string"),
    ([], "must be a JSON object"),
]


def test_what_would_not_work_is_refused(ruled):
    async def main(client):
        for body, message in WRONG:
            assert message in (await ask(client, "POST", "/policies", body, status=400))["error"]["message"], body
        assert (await ask(client, "GET", "/policies/list"))["total_count"] == 0

    ruled(main)


def test_what_does_not_go_together_is_refused(ruled):
    async def main(client):
        await ask(client, "POST", "/policies", {"policy_name": "a"})
        await ask(client, "POST", "/policies", {"policy_name": "b", "inherit": "a"})
        await ask(client, "POST", "/policies", {"policy_name": "b"}, status=409)
        await ask(client, "PUT", "/policies/a", {"policy_name": "b"}, status=409)
        circle = await ask(client, "PUT", "/policies/a", {"inherit": "b"}, status=400)
        assert "cannot inherit itself" in circle["error"]["message"]
        nobody = await ask(client, "POST", "/policies/attachments", {"policy_name": "c", "scope": "*"}, status=400)
        assert 'no policy is called "c"' in nobody["error"]["message"]
        everybody = await ask(client, "POST", "/policies/attachments", {"policy_name": "a"}, status=400)
        assert everybody["error"]["param"] == "scope"
        told = await ask(client, "POST", "/policies/attachments", {"policy_name": "a", "models": ["zzz"]})
        assert 'no model is called "zzz"' in told["warnings"][0]
        for method, path in (("GET", "/policies/list"), ("POST", "/policies"), ("POST", "/policies/resolve")):
            await ask(client, method, path, {}, status=403, headers=ANN)

    ruled(main)


def test_those_of_the_config_are_changed_there(ruled):
    policies = {"base": {"guardrails": {"add": "words"}, "condition": {"key_alias": "ann-*"}}}
    attachments = [{"policy": "base", "keys": ["ann-key"]}]

    async def main(client):
        (shown,) = (await ask(client, "GET", "/policies/list"))["policies"]
        assert shown["source"] == "config"
        assert shown["guardrails_add"] == ["words"]
        assert shown["condition"] == {"key_alias": ["ann-*"]}
        (attached,) = (await ask(client, "GET", "/policies/attachments/list"))["attachments"]
        assert attached["keys"] == ["ann-key"]
        for method, path in (
            ("PUT", "/policies/base"),
            ("DELETE", "/policies/base"),
            ("PUT", f"/policies/attachments/{attached['attachment_id']}"),
            ("DELETE", f"/policies/attachments/{attached['attachment_id']}"),
        ):
            refused = await ask(client, method, path, {}, status=409)
            assert "stands in the config" in refused["error"]["message"]
        await ask(client, "POST", "/policies", {"policy_name": "base"}, status=409)
        # but they may be gone on from, and attached
        await ask(client, "POST", "/policies", {"policy_name": "more", "inherit": "base", "guardrails_add": ["rude"]})
        await ask(client, "POST", "/policies/attachments", {"policy_name": "more", "scope": "*"})
        assert (await client.chat(text="rude", headers=ANN)).status == 400
        assert (await client.chat(text="bad", headers=ANN)).status == 400
        assert (await client.chat(text="bad", headers=BOSS)).status == 200

    ruled(main, policies=policies, policy_attachments=attachments)


def test_other_replicas_follow(ruled, monkeypatch):
    monkeypatch.setattr(following, "LOOK_EVERY", 0.05)

    async def until(client, status):
        for _ in range(100):
            if (await client.chat(text="bad", headers=ANN)).status == status:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {status}")

    async def main(one, other):
        await ask(one, "POST", "/policies", {"policy_name": "strict", "guardrails_add": ["words"]})
        made = await ask(one, "POST", "/policies/attachments", {"policy_name": "strict", "scope": "*"})
        await until(other, 400)
        # a reload keeps them, from its first call on
        await other.app.reload()
        assert (await other.chat(text="bad", headers=ANN)).status == 400
        await ask(other, "DELETE", f"/policies/attachments/{made['attachment_id']}")
        await until(one, 200)

    ruled(main, 2)


def test_they_are_there_after_a_restart(ruled, config_beside):
    async def first(client):
        await ask(client, "POST", "/policies", {"policy_name": "strict", "guardrails_add": ["words"]})
        await ask(client, "POST", "/policies/attachments", {"policy_name": "strict", "scope": "*"})

    async def second(client):
        return await client.chat(text="bad", headers=ANN)

    ruled(first)
    assert ruled(second).status == 400
    # A guardrail that the config has no more: calls that it should have seen are refused, not let through.
    refused = ruled(second, guardrails=[])
    assert refused.status == 503
    assert "guardrail" not in refused.error["message"]


def test_what_would_hold_is_explained(ruled):
    policies = {
        "base": {"guardrails": {"add": ["words", "rude"]}},
        "night": {
            "inherit": "base",
            "condition": {"time": {"start": "22:00", "end": "6:00", "timezone": "Asia/Tokyo"}},
        },
        "free": {"guardrails": {"remove": ["rude"]}, "condition": {"metadata": {"tier": "gold"}}},
        "cheap": {"models": {"swap": {"m": "n"}, "allow": ["n"]}, "params": {"cap": {"max_tokens": 9}}},
    }
    attachments = [
        {"policy": "base", "scope": "*"},
        {"policy": "free", "keys": ["ann-*"]},
        {"policy": "cheap", "teams": ["x"], "models": ["m"]},
        {"policy": "night", "tags": ["eu"], "mandatory": True},
    ]

    async def main(client):
        async def resolved(**question):
            return await ask(client, "POST", "/policies/resolve", {"time": "2026-03-02T12:00Z", **question})

        plain = await resolved(model="m")
        assert plain["effective_guardrails"] == ["words", "rude"]
        assert [each["matched_via"] for each in plain["matched_policies"]] == ["scope:*"]
        base, free, cheap, night = plain["attachments"]
        assert (base["matched"], base["holds"], base["width"]) == (True, True, "global")
        assert free["not_matched"] == ["keys: ann-*"]
        assert cheap["not_matched"] == ["teams: x"]
        assert night["not_matched"] == ["tags: eu"]
        assert night["parts"][-1]["conditions_failed"] == ["time: mon,tue,wed,thu,fri,sat,sun 22:00-06:00 Asia/Tokyo"]

        gold = await resolved(model="m", key_alias="ann-1", key_metadata={"tier": "gold"})
        assert gold["effective_guardrails"] == ["words"]
        taken = {each["policy_name"]: each["guardrails_taken_back"] for each in gold["matched_policies"]}
        assert taken == {"base": ["rude"], "free": []}
        said = await resolved(model="m", key_alias="ann-1", metadata={"tier": "gold"})
        assert said["effective_guardrails"] == ["words", "rude"]  # anybody can say so

        late = await resolved(
            tags=["eu"], time="2026-03-02T23:30+09:00", key_alias="ann-1", key_metadata={"tier": "gold"}
        )
        assert late["effective_guardrails"] == ["words", "rude"]
        swapped = await resolved(model="m", team_alias="x")
        assert swapped["models"]["swap"] == {"from": "m", "to": "n", "policy_name": "cheap"}
        assert swapped["params"] == {"cap": {"max_tokens": 9}, "set": {}}
        assert swapped["refused"] is None
        asked = await resolved(policies=["free"])
        assert asked["refused"] == "requests may not ask for: free"
        assert (
            "time must be"
            in (await ask(client, "POST", "/policies/resolve", {"time": "noon"}, 400))["error"]["message"]
        )

    ruled(main, policies=policies, policy_attachments=attachments)


def test_without_its_database_the_rest_goes_on(serving, row, fake_upstream, config_beside, postgres_url, postgres_cut):
    fake_upstream.answer(Answer.chat())
    url = postgres_cut.url(postgres_url)
    words = {"guardrail": "guards.Words", "mode": "pre_call"}
    path = config_beside(
        {
            "model_list": [row(fake_upstream, "m")],
            "guardrails": [{"guardrail_name": "words", "litellm_params": words}],
            "general_settings": {"custom_auth": "who.who", "database_url": url},
        },
        guards=GUARDS,
        who=WHO,
    )

    async def main():
        async with serving(path) as client:
            await ask(client, "POST", "/policies", {"policy_name": "strict", "guardrails_add": ["words"]})
            await ask(client, "POST", "/policies/attachments", {"policy_name": "strict", "scope": "*"})
            postgres_cut.cut()
            assert (await client.chat(text="bad", headers=ANN)).status == 400  # what is known stays in force
            await ask(client, "POST", "/policies", {"policy_name": "other"}, status=503)
            assert (await client.chat(headers=ANN)).status == 200

    asyncio.run(main())
