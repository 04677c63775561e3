"""Policies on every surface: what they add looks at the call, what they say of models and parameters holds."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.api.call import Principal
from tianji_core.api.errors import GatewayError
from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.gateway.call import Call
from tianji_core.gateway.realtime import sessions
from tianji_core.testing import Answer

GUARDS = """
    from tianji_core.api.guardrail import ALLOW, Block, Guardrail

    class Words(Guardrail):
        stages = frozenset({"pre_call", "during_call", "post_call"})
        def __init__(self, settings):
            self.word = settings.get("word", "bad")
        async def check(self, stage, payload):
            return Block("No bad words.") if self.word in " ".join(payload.texts()) else ALLOW
"""
WHO = """
    from tianji_core.api.call import Principal

    async def who(request, key):
        roles = {"boss": {"proxy_admin"}}.get(key, {"internal_user"})
        models = {"few": {"m"}}.get(key, set())
        metadata = {"dev": {"team_alias": "devs", "tags": ["inside"]}, "own": {"policies": ["strict"]}}.get(key, {})
        return Principal(user_id=key, key_alias=f"{key}-key", team_id={"dev": "t1"}.get(key), metadata=metadata,
                         roles=frozenset(roles), models=frozenset(models))
"""
KEPT = """
    from pathlib import Path
    from tianji_core.api.callback import Callback
    from tianji_core.api.standard_payload import standard_payload

    class Records(Callback):
        async def on_call(self, record):
            said = standard_payload(record)["metadata"]["applied_policies"]
            Path(__file__).with_name("records.txt").write_text(" ".join(said))

    sink = Records()
"""
STRICT = {"strict": {"guardrails": {"add": ["words"]}}}
EVERYWHERE = [{"policy": "strict", "scope": "*"}]


def guard(name="words", mode="pre_call", **params):
    return {"guardrail_name": name, "litellm_params": {"guardrail": "guards.Words", "mode": mode, **params}}


@pytest.fixture
def policed(serving, row, fake_upstream, config_beside):
    """`policed(main, policies, attachments, …)`: an application with the models m, n and dead, and two guardrails."""

    def run(main, policies=None, attachments=None, guardrails=None, **config):
        rows = [row(fake_upstream, "m"), row(fake_upstream, "n", "openai_compatible/up-2")]
        rows += [row("http://127.0.0.1:1/v1", "dead", num_retries=0)]
        general = {"custom_auth": "who.who", **config.pop("general_settings", {})}
        path = config_beside(
            {
                "model_list": rows + config.pop("model_list", []),
                "guardrails": [guard(), guard("rude", word="rude")] if guardrails is None else guardrails,
                "policies": policies or STRICT,
                "policy_attachments": EVERYWHERE if attachments is None else attachments,
                "general_settings": general,
                "router_settings": {"num_retries": 0, **config.pop("router_settings", {})},
                **config,
            },
            guards=GUARDS,
            who=WHO,
            sinks=KEPT,
        )

        async def outer():
            async with serving(path) as client:
                return await main(client)

        return asyncio.run(outer())

    return run


def by(key):
    return {"authorization": f"Bearer {key}"}


SURFACES = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "bad"}]}),
    ("/v1/completions", {"prompt": "bad"}),
    ("/v1/embeddings", {"input": "bad"}),
    ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "bad"}]}),
    ("/v1/responses", {"input": "bad", "store": False}),
    ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "bad"}]}]}),
    ("/v1/moderations", {"input": "bad"}),
    ("/v1/images/generations", {"prompt": "bad"}),
    ("/v1/audio/speech", {"input": "bad", "voice": "alloy"}),
    ("/openai_compatible/chat/completions", {"messages": [{"role": "user", "content": "bad"}]}),
]


@pytest.mark.parametrize("stage", ["pre_call", "during_call"])
@pytest.mark.parametrize(("path", "body"), SURFACES, ids=[path for path, _ in SURFACES])
def test_a_guardrail_of_a_policy_blocks_on_every_surface(policed, fake_upstream, path, body, stage):
    fake_upstream.answer(Answer.chat())

    async def main(client):
        asked = body if "generateContent" in path else {"model": "m", **body}
        return await client.post(path, asked, headers=by("a"))

    answer = policed(main, guardrails=[guard(mode=stage)])
    assert answer.status == 400, answer.body
    assert "No bad words." in answer.body.decode()
    if stage == "pre_call":
        assert not fake_upstream.requests
    if "openai_compatible" not in path:
        assert answer.headers["x-litellm-applied-policies"] == "strict"
        assert answer.headers["x-litellm-policy-sources"] == "strict=scope:*"


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_applied_is_told_and_written_down(policed, fake_upstream, tmp_path, stream):
    fake_upstream.answer(Answer.chat_stream() if stream else Answer.chat())

    async def main(client):
        return await client.chat(stream=stream, headers=by("dev"))

    policies = {**STRICT, "teams": {"guardrails": {"add": ["rude"]}}}
    attachments = [*EVERYWHERE, {"policy": "teams", "teams": ["dev*"]}]
    answer = policed(main, policies, attachments, litellm_settings={"callbacks": ["sinks.sink"]})
    assert answer.status == 200
    assert answer.headers["x-litellm-applied-policies"] == "strict,teams"
    assert answer.headers["x-litellm-policy-sources"] == "strict=scope:*; teams=team:dev*"
    assert answer.headers["x-litellm-applied-guardrails"] == "words,rude"
    assert (tmp_path / "records.txt").read_text() == "strict teams"


def test_an_answer_is_judged_too(policed, fake_upstream):
    fake_upstream.answer(Answer.chat("something bad"), Answer.chat_stream("something ", "bad"))

    async def main(client):
        return await client.chat(headers=by("a")), await client.chat(headers=by("a"), stream=True)

    for answer in policed(main, guardrails=[guard(mode="post_call")]):
        assert answer.status == 400
        assert answer.error["message"] == "No bad words."


@pytest.mark.parametrize(
    ("key", "model", "tags", "blocked"),
    [
        ("a", "m", [], False),
        ("dev", "m", [], True),
        ("dev", "n", [], False),
        ("a", "m", ["eu"], False),
        ("a", "n", ["eu"], True),
    ],
)
def test_for_whom_policies_hold(policed, fake_upstream, key, model, tags, blocked):
    fake_upstream.answer(Answer.chat())

    async def main(client):
        return await client.chat(model, "bad", headers=by(key), tags=tags)

    attachments = [
        {"policy": "strict", "teams": ["devs"], "models": ["m"]},
        {"policy": "strict", "tags": ["e*"], "models": ["n"]},
    ]
    assert (policed(main, attachments=attachments).status == 400) is blocked


def test_an_alias_or_an_id_is_no_way_around(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main(client):
        listed = (await client.get("/model/info", headers=by("boss"))).json()["data"]
        ids = [each["model_info"]["id"] for each in listed if each["model_name"] == "m"]
        return [await client.chat(name, "bad", headers=by("a")) for name in ("m", "nick", *ids)]

    router = {"model_group_alias": {"nick": "m"}}
    answers = policed(main, attachments=[{"policy": "strict", "models": ["m"]}], router_settings=router)
    assert [answer.status for answer in answers] == [400, 400, 400]


def test_narrower_attachments_take_back_unless_it_is_mandatory(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {**STRICT, "free": {"inherit": "strict", "guardrails": {"remove": ["words"]}}}
    attachments = [*EVERYWHERE, {"policy": "free", "teams": ["devs"]}]

    async def main(client):
        return [(await client.chat(text="bad", headers=by(key))).status for key in ("a", "dev")]

    assert policed(main, policies, attachments) == [400, 200]
    attachments[0] = {**attachments[0], "mandatory": True}
    assert policed(main, policies, attachments) == [400, 400]
    always = [guard(default_on=True)]
    assert policed(main, policies, attachments[1:], guardrails=always) == [400, 400]


def test_a_request_can_only_add(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {
        **STRICT,
        "free": {"guardrails": {"remove": ["words"]}, "requestable": True},
        "rude": {"guardrails": {"add": ["rude"]}, "requestable": True},
        "tagged": {"guardrails": {"remove": ["words"]}, "condition": {"tags": ["inside"]}},
    }
    attachments = [*EVERYWHERE, {"policy": "tagged", "keys": ["*"]}]

    async def main(client):
        said = [{"policies": ["free"]}, {"tags": ["inside"]}, {"policies": ["rude"]}, {"policies": ["strict"]}]
        said += [{"policies": ["nobody"]}, {"policies": [5]}]
        answers = [await client.chat(text="bad", headers=by("a"), **each) for each in said]
        answers.append(await client.chat(text="rude", headers=by("a"), policies=["rude"]))
        answers.append(await client.chat(text="rude", headers=by("a")))
        answers.append(await client.chat(text="bad", headers=by("dev")))  # whose key has the tag
        return answers

    free, tagged, rude, strict, nobody, wrong, said, unsaid, dev = policed(main, policies, attachments)
    assert [each.status for each in (free, tagged, rude)] == [400, 400, 400]
    assert "words" in free.headers["x-litellm-applied-guardrails"]
    for refused in (strict, nobody):
        assert refused.error["param"] == "policies"
        assert "that requests may ask for" in refused.error["message"]
    assert "policies must be" in wrong.error["message"]
    assert (said.status, unsaid.status, dev.status) == (400, 200, 200)


def test_a_key_names_its_own_policies(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main(client):
        return [await client.chat(text="bad", headers=by(key)) for key in ("a", "own")]

    free, own = policed(main, attachments=[])
    assert (free.status, own.status) == (200, 400)
    free, own = policed(main, {"other": {}}, [])
    assert (free.status, own.status) == (200, 503)  # better than to go on without it
    assert "cannot be kept to" in own.error["message"]


# -- models ------------------------------------------------------------------------------------------------------------


def test_another_model_answers(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {"swap": {"models": {"swap": {"*": "n", "m*": "n"}}}, **STRICT}
    attachments = [{"policy": "swap", "scope": "*"}, {"policy": "strict", "models": ["n"]}]

    async def main(client):
        return [await client.chat(text=t, headers=by(k)) for k, t in (("a", "Hi"), ("few", "Hi"), ("a", "bad"))]

    swapped, few, bad = policed(main, policies, attachments)
    assert swapped.json()["model"] == "m"
    assert swapped.headers["x-litellm-model-group"] == "n"
    assert json.loads(fake_upstream.requests[0].body)["model"] == "up-2"
    assert few.status == 403  # rights only narrow
    assert few.error["type"] == "key_model_access_denied"
    assert bad.status == 400  # what is attached to the other model holds too
    assert len(fake_upstream.requests) == 1


def test_models_that_are_not_allowed(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {"some": {"models": {"allow": ["m", "dea*"]}}}

    async def main(client):
        answers = [await client.chat(model, headers=by("a")) for model in ("m", "n", "dead")]
        answers.append(await client.chat("dead", headers=by("a"), fallbacks=["n"]))
        answers.append(await client.chat("dead", headers=by("a"), fallbacks=["n", "m"]))
        answers.append(await client.post("/v1/embeddings", {"model": "n", "input": "x"}, headers=by("a")))
        return answers

    router = {"fallbacks": [{"dead": ["n"]}]}
    one, other, dead, there, back, embedded = policed(
        main, policies, [{"policy": "some", "scope": "*"}], router_settings=router
    )
    assert one.status == 200
    assert (other.status, other.error["type"]) == (403, "policy_model_access_denied")
    assert "'some' does not allow model 'n'" in other.error["message"]
    assert (dead.status, there.status) == (500, 500)
    assert (back.status, embedded.status) == (200, 403)


def test_a_fallback_is_looked_at_by_what_is_attached_to_it(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {**STRICT, "cap": {"params": {"cap": {"max_tokens": 7}}}}
    attachments = [{"policy": "strict", "models": ["n"]}, {"policy": "cap", "models": ["n"]}]

    async def main(client):
        bad = await client.chat("dead", "bad", headers=by("a"))
        good = await client.chat("dead", headers=by("a"), fallbacks=[{"model": "n", "max_tokens": 900}])
        return bad, good

    bad, good = policed(main, policies, attachments, router_settings={"fallbacks": [{"dead": ["n"]}]})
    assert bad.status == 400
    assert good.status == 200
    assert good.headers["x-litellm-applied-policies"] == "cap,strict"
    (request,) = fake_upstream.requests
    assert json.loads(request.body)["max_tokens"] == 7


# -- parameters --------------------------------------------------------------------------------------------------------

LIMITED = {"low": {"params": {"cap": {"max_tokens": 50, "temperature": 1}, "set": {"top_p": 0.5, "seed": None}}}}
LOW = [{"policy": "low", "scope": "*"}]


@pytest.mark.parametrize(
    ("path", "body", "sent"),
    [
        ("/v1/chat/completions", {}, {"max_tokens": 50, "top_p": 0.5}),
        ("/v1/chat/completions", {"max_tokens": 9, "seed": 4, "temperature": 2}, {"max_tokens": 9, "temperature": 1}),
        ("/v1/chat/completions", {"max_completion_tokens": 900}, {"max_completion_tokens": 50}),
        ("/v1/chat/completions", {"extra_body": {"max_tokens": 900}}, {"max_tokens": 50}),
        ("/v1/messages", {"max_tokens": 900, "temperature": 0.3}, {"max_tokens": 50, "temperature": 0.3}),
        ("/v1/responses", {"max_output_tokens": 900, "store": False}, {"max_tokens": 50}),
        ("/v1/completions", {"max_tokens": 60}, {"max_tokens": 50, "top_p": 0.5}),
        ("/v1/embeddings", {}, {}),
    ],
)
def test_parameters_are_capped_and_set(policed, fake_upstream, path, body, sent):
    fake_upstream.answer(Answer.chat())
    said = {"embeddings": {"input": "x"}, "responses": {"input": "x"}, "completions": {"prompt": "x"}}
    chat = {"messages": [{"role": "user", "content": "x"}]}
    asked = {"model": "m", **(chat if "chat" in path else said.get(path.rpartition("/")[2], chat)), **body}

    async def main(client):
        return await client.post(path, asked, headers=by("a"))

    policed(main, LIMITED, LOW)
    got = json.loads(fake_upstream.requests[0].body)
    assert {name: got.get(name) for name in sent} == sent
    assert "seed" not in got
    if path == "/v1/embeddings":
        assert got.keys() == {"model", "input"}


def test_what_is_passed_through_is_refused_where_it_would_change(policed, fake_upstream):
    fake_upstream.answer(Answer.json({"object": "list", "data": []}))

    async def main(client):
        chat = {"model": "up-1", "messages": []}
        refused = await client.post("/openai_compatible/chat/completions", chat, headers=by("a"))
        return refused, await client.get("/openai_compatible/models", headers=by("a"))

    refused, listed = policed(main, LIMITED, LOW)
    assert refused.status == 400
    assert "stays as it is" in refused.body.decode()
    assert listed.status == 200


def test_models_of_what_is_passed_through(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {"some": {"models": {"allow": ["n"]}}}

    async def main(client):
        asked = [{"model": name, "messages": []} for name in ("up-2", "up-1", "another")]
        return [await client.post("/openai_compatible/chat/completions", each, headers=by("a")) for each in asked]

    answers = policed(main, policies, [{"policy": "some", "scope": "*"}])
    assert [answer.status for answer in answers] == [200, 403, 403]


def test_uploads_that_no_policy_concerns_are_not_held(policed, fake_upstream):
    fake_upstream.answer(Answer.json({"id": "file"}))

    async def main(client):
        raw = {**by("a"), "content-type": "application/octet-stream"}
        return await client.post("/openai_compatible/files", content=b"\0" * 9_000_000, headers=raw)

    limits = {"general_settings": {"max_request_size_mb": 1}}
    assert policed(main, attachments=[{"policy": "strict", "teams": ["devs"]}], **limits).status == 200
    assert policed(main, **limits).status == 413


# -- others ------------------------------------------------------------------------------------------------------------


def test_in_a_process_of_ones_own(fake_upstream, row, config_beside):
    config = {"model_list": [row(fake_upstream)], "guardrails": [guard()], "policies": STRICT}
    path = config_beside({**config, "policy_attachments": EVERYWHERE}, guards=GUARDS)

    async def main():
        async with Gateway.from_config(path) as gateway:
            await gateway.chat(model="m", messages=[{"role": "user", "content": "bad"}])

    with pytest.raises(Exception, match="No bad words"):
        asyncio.run(main())


def test_without_policies_a_request_for_one_is_refused(policed, fake_upstream, serving, row):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            assert client.app.serving.gateway.pipeline.policies.current is None
            return await client.chat(policies=["strict"])

    assert asyncio.run(main()).error["param"] == "policies"


def test_a_reload_brings_other_policies(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main(client):
        before = await client.chat(text="bad", headers=by("a"))
        path = client.app.serving.gateway.loaded.path
        path.write_text(path.read_text().replace('"scope": "*"', '"teams": ["devs"]'))
        await client.app.reload()
        return before, await client.chat(text="bad", headers=by("a"))

    before, after = policed(main)
    assert (before.status, after.status) == (400, 200)


WRONG = """\
model_list:
  - {model_name: m, litellm_params: {model: echo/x}}
guardrails:
  - {guardrail_name: words, litellm_params: {guardrail: prompt_injection}}
policies:
  a:
    inherit: b
  b:
    inherit: a
  c:
    inherit: nobody
    guardrails: {add: [word], remove: [sword]}
  d:
    models:
      allow: [n]
      swap: {"m*": nn}
    params:
      cap: {max_tokens: 0, model: 3}
      set: {temperature: hot, tools: 5}
    condition:
      model: "gpt-(4"
      time: {start: "10:00", end: "10:00", timezone: Mars/Olympus}
policy_attachments:
  - {policy: e, scope: "*"}
  - {policy: c, scope: all}
  - {policy: c}
"""


def test_what_is_wrong_is_told_with_its_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(WRONG)
    with pytest.raises(ConfigError) as caught:
        Gateway.from_config(path)
    told = str(caught.value)
    for line in (
        "c.yaml:7: policies.a.inherit: a policy cannot inherit itself: a → b → a",
        "c.yaml:9: policies.b.inherit: a policy cannot inherit itself: b → a → b",
        'c.yaml:11: policies.c.inherit: no policy is called "nobody"',
        'c.yaml:12: policies.c.guardrails.add[0]: no guardrail is called "word". Did you mean "words"?',
        'c.yaml:16: policies.d.models.swap.m*: no model is called "nn"',
        "c.yaml:18: policies.d.params.cap.max_tokens: expected an integer above 0",
        "c.yaml:18: policies.d.params.cap.model: model is no parameter that a policy changes. For other models write",
        "c.yaml:19: policies.d.params.set.temperature: no request could have this value",
        "c.yaml:19: policies.d.params.set.tools: no request could have this value",
        "c.yaml:21: policies.d.condition.model: no regular expression",
        "c.yaml:22: policies.d.condition.time[0].end: the time ends when it starts",
        'c.yaml:24: policy_attachments[0].policy: no policy is called "e"',
        'c.yaml:25: policy_attachments[1].scope: the only scope is "*"',
    ):
        assert line in told, told


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ({"start": "25:00"}, 'expected a time of day, "09:30"'),
        ({"days": ["someday"]}, "expected days: mon, tue, …, or mon-fri"),
        ({"timezone": "Mars/Olympus"}, "this time zone is not known"),
    ],
)
def test_wrong_times(row, time, message):
    with pytest.raises(ConfigError, match=message):
        Gateway.from_config({"model_list": [row("http://x/v1")], "policies": {"a": {"condition": {"time": time}}}})


def test_warnings(row):
    policies = {"a": {"guardrails": {"remove": ["none"]}, "models": {"allow": ["mm"]}, "condition": {"models": "m"}}}
    gateway = Gateway.from_config(
        {"model_list": [row("http://x/v1")], "policies": policies, "policy_attachments": [{"policy": "a"}]}
    )
    told = gateway.loaded.report.format()
    assert 'policies.a.guardrails.remove[0]: no guardrail is called "none"' in told
    assert 'policies.a.models.allow[0]: no model is called "mm"' in told
    assert 'policies.a.condition.models: unknown key. Did you mean "model"?' in told
    assert 'policy_attachments[0]: no scope and nobody named: it holds for all calls. Write scope: "*"' in told


@pytest.fixture
def compiled(row, config_beside):
    """`compiled(policies, attachments)`: the pipeline of a gateway that has not been started."""

    def make(policies, attachments):
        config = {"model_list": [row("http://127.0.0.1:1/v1")], "guardrails": [guard()], "policies": policies}
        return Gateway.from_config(config_beside({**config, "policy_attachments": attachments}, guards=GUARDS)).pipeline

    return make


@pytest.mark.parametrize(
    ("policies", "attachments", "message"),
    [
        (LIMITED, LOW, "A policy sets parameters"),
        ({"none": {"models": {"allow": ["x"]}}}, [{"policy": "none", "scope": "*"}], "does not allow model 'm'"),
    ],
)
def test_realtime_sessions_that_nobody_could_look_into(compiled, policies, attachments, message):
    pipeline = compiled(policies, attachments)

    async def main():
        await sessions(pipeline).open(Call("realtime", "m", {"model": "m"}))

    with pytest.raises(GatewayError, match=message):
        asyncio.run(main())
    assert pipeline.limits.in_flight == 0


def test_what_vendors_keep_is_sent_as_it_is_or_not_at_all(compiled):
    pipeline = compiled({**LIMITED, "none": {"models": {"allow": ["x"]}}}, [*LOW, {"policy": "none", "teams": ["t"]}])
    pipeline.police_relayed(Call("chat", "", {}))
    pipeline.police_relayed(Call("chat", "m", {"model": "m", "name": "n"}))
    with pytest.raises(GatewayError, match="only be sent as it is"):
        pipeline.police_relayed(Call("chat", "m", {"model": "m", "temperature": 2}))
    theirs = Principal(team_id="t")
    pipeline.police_relayed(Call("chat", "", {}, principal=theirs))
    with pytest.raises(GatewayError, match="does not allow"):
        pipeline.police_relayed(Call("chat", "m", {"model": "m"}, principal=theirs))


def test_a_batch_goes_to_no_vendor_past_a_policy(compiled):
    call = {"messages": [{"role": "user", "content": "Hi"}]}
    assert compiled(LIMITED, LOW).watches(Call("chat", "m", call))
    assert compiled(STRICT, EVERYWHERE).watches(Call("chat", "m", call))
    assert not compiled(STRICT, [{"policy": "strict", "models": ["other"]}]).watches(Call("chat", "m", call))


def test_what_holds_for_one_fallback_does_not_for_the_next(policed, fake_upstream):
    fake_upstream.answer(Answer.chat())
    policies = {"only": {"models": {"allow": ["dead-2", "dead"]}}}
    more = [
        {"model_name": "dead-2", "litellm_params": {"model": "openai_compatible/x", "api_base": "http://127.0.0.1:1"}}
    ]

    async def main(client):
        return await client.chat("dead", headers=by("a"), fallbacks=["dead-2", "m"])

    answer = policed(main, policies, [{"policy": "only", "models": ["dead-2"]}], model_list=more)
    assert answer.status == 200
    assert answer.headers["x-litellm-model-group"] == "m"
    assert "x-litellm-applied-policies" not in answer.headers
