"""Which guardrails look at a call, what they are shown, how streams are judged, and what becomes of failures."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tianji_core.testing import Answer

SOURCE = '''
    import asyncio, re
    from tianji_core.api.guardrail import ALLOW, Allow, Block, Guardrail, Rewrite, Unreachable

    class Words(Guardrail):
        """`bad` blocks, `say` answers, `1234` is masked; the rest is for tests of failures."""

        stages = frozenset({"pre_call", "during_call", "post_call", "logging_only"})
        seen = []
        made = 0

        def __init__(self, settings):
            Words.made += 1
            self.number, self.settings = Words.made, settings

        async def check(self, stage, payload):
            places = payload.places()
            Words.seen.append((self.number, stage, [p.text for p in places], dict(payload.options)))
            text = " ".join(p.text for p in places)
            if "slow" in text:
                await asyncio.sleep(5)
            if "away" in text:
                raise Unreachable("nobody there")
            if "crash" in text:
                raise RuntimeError("what happened")
            if "bad" in text:
                return Block("No bad words.", {"word": "bad"})
            if "say" in text:
                return Block("Refused.", answer="I would rather not.")
            return payload.rewritten(places, [re.sub("1234", "****", p.text) for p in places], {"NUMBER": 1})

    class Quick(Words):
        """The same, and sees at a glance when there is nothing."""

        looks = []

        def glance(self, text):
            Quick.looks.append(text.decode())
            if b"odd" in text:
                raise RuntimeError("what happened")
            return not re.search(b"bad|1234|say|away", text)

    class Remembers(Guardrail):
        """Takes names out before, and puts them back after."""

        stages = frozenset({"pre_call", "post_call"})

        def __init__(self, settings): pass
        def runs_at(self, asked): return asked | {"post_call"}
        def needs(self, stage, payload): return stage == "pre_call" or bool(payload.memory)

        async def check(self, stage, payload):
            places = payload.places()
            if stage == "pre_call":
                if any("Ann" in p.text for p in places):
                    payload.memory["<N>"] = "Ann"
                return payload.rewritten(places, [p.text.replace("Ann", "<N>") for p in places])
            return payload.rewritten(places, [p.text.replace("<N>", payload.memory["<N>"]) for p in places])

    class Asks(Guardrail):
        def __init__(self, settings): pass
        def connect(self, gateway): self.gateway = gateway

        async def check(self, stage, payload):
            body = {"model": "judge", "messages": [{"role": "user", "content": next(payload.texts())}]}
            answer = await self.gateway.ask(payload.call, "chat", body)
            return Block("The judge says no.") if "NO" in answer["choices"][0]["message"]["content"] else ALLOW
'''
WHO = """
    import json
    from tianji_core.api.call import Principal

    async def who(request, api_key):
        return Principal(user_id="u", roles=frozenset({"internal_user"}), metadata=json.loads(api_key or "{}"))
"""
PATHS = {
    "/v1/chat/completions": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/messages": lambda text: {"max_tokens": 9, "messages": [{"role": "user", "content": text}]},
    "/v1/responses": lambda text: {"input": text},
}


def guard(name="words", kind="Words", mode="pre_call", default_on=True, **params):
    return {
        "guardrail_name": name,
        "litellm_params": {"guardrail": f"guards.{kind}", "mode": mode, "default_on": default_on, **params},
    }


@pytest.fixture
def ask(serving, row, fake_upstream, config_beside):
    """Sends calls through a gateway with these guardrails; gives their answers."""

    def run(guardrails, *bodies, answer=None, path="/v1/chat/completions", headers=None, rows=None, **more):
        if answer is not None:
            fake_upstream.answer(answer)
        config = {
            "model_list": rows or [row(fake_upstream)],
            "guardrails": guardrails,
            "router_settings": {"num_retries": 0},
            **more,
        }
        where = config_beside(config, guards=SOURCE, who=WHO)

        async def main():
            async with serving(where) as client:
                found = [await client.post(path, {"model": "m", **body}, headers=headers or {}) for body in bodies]
                words = [g.guardrail for g in client.app.serving.gateway.pipeline.guardrails.all]
                return found, words

        found, words = asyncio.run(main())
        first = getattr(words[0], "_members", words)[0]  # of those that take turns
        run.seen = getattr(type(first), "seen", [])
        run.looks = getattr(type(first), "looks", [])
        return found[0] if len(found) == 1 else found

    return run


def says(text, **members):
    return {"messages": [{"role": "user", "content": text}], **members}


def told(answer):
    """The text of a streamed chat, and its chunks."""
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line.startswith("data: {")]
    chunks = [json.loads(line) for line in lines]
    content = "".join(
        (choice.get("delta") or {}).get("content") or "" for chunk in chunks for choice in chunk.get("choices", [])
    )
    return content, chunks


# -- which -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "blocked"),
    [
        ({}, True),
        ({"disable_global_guardrails": True}, False),
        ({"opted_out_global_guardrails": ["words"]}, False),
        ({"opted_out_global_guardrails": ["others"]}, True),
        ({"disable_global_guardrails": True, "guardrails": ["words"]}, True),
        ({"disable_global_guardrails": "true", "opted_out_global_guardrails": "words"}, True),
    ],
)
def test_a_key_may_be_let_off(ask, metadata, blocked):
    answer = ask(
        [guard()],
        says("bad", disable_global_guardrails=True),
        answer=Answer.chat(),
        headers={"authorization": f"Bearer {json.dumps(metadata)}"},
        general_settings={"custom_auth": "who.who"},
    )
    assert answer.status == (400 if blocked else 200)


def test_a_key_asks_for_guardrails(ask):
    def status(metadata):
        return ask(
            [guard(default_on=False)],
            says("bad"),
            answer=Answer.chat(),
            headers={"authorization": f"Bearer {json.dumps(metadata)}"},
            general_settings={"custom_auth": "who.who"},
        ).status

    assert status({}) == 200
    assert status({"guardrails": ["words"]}) == 400
    assert status({"guardrails": ["nobody has that"]}) == 400


def test_a_models_own_guardrails_hold_for_fallbacks_too(ask, row, fake_upstream):
    rows = [
        row(fake_upstream, "m"),
        row(fake_upstream, "careful", guardrails=["words"]),
        row("http://127.0.0.1:1/v1", "dead"),
    ]
    more = {"rows": rows, "answer": Answer.chat()}
    plain, careful, fallen, calm = ask(
        [guard(default_on=False)],
        says("bad"),
        says("bad", model="careful"),
        says("bad", model="dead", fallbacks=["careful"]),
        says("good", model="dead", fallbacks=["careful"]),
        **more,
    )
    assert [plain.status, careful.status, fallen.status, calm.status] == [200, 400, 400, 200]
    assert calm.headers["x-litellm-applied-guardrails"] == "words"


def test_a_model_that_names_an_unknown_guardrail_stops_the_start(row, config_beside):
    from tianji_core.config import ConfigError
    from tianji_core.server import create_app

    path = config_beside({"model_list": [row("http://127.0.0.1:9", guardrails=["nobody"])]}, guards=SOURCE)
    with pytest.raises(ConfigError, match="nobody"):
        create_app(path)


def test_stages_by_tag(ask):
    mode = {"tags": {"strict": ["pre_call", "post_call"]}, "default": "post_call"}
    rest, strict = ask([guard(mode=mode)], says("bad"), says("bad", tags=["strict", "x"]), answer=Answer.chat())
    assert (rest.status, strict.status) == (200, 400)


def test_what_a_request_gives_a_guardrail(ask):
    asked = [{"words": {"extra_body": {"level": 3}}}, "others"]
    guards = [guard(default_on=False), guard("others", default_on=False)]
    ask(guards, says("x", guardrails=asked, guardrail_config={"language": "de"}), answer=Answer.chat())
    assert [options for *_, options in ask.seen] == [{"language": "de", "level": 3}, {"language": "de"}]


def test_guardrails_that_do_the_same_take_turns(ask):
    bodies = [says("x")] * 4
    ask([guard(), guard()], *bodies, answer=Answer.chat())
    assert [number for number, *_ in ask.seen] in ([1, 2, 1, 2], [3, 4, 3, 4])


@pytest.mark.parametrize(
    ("params", "seen"),
    [
        ({}, ["be good", "old", "{}", "found", "new"]),
        ({"skip_system_message_in_guardrail": True}, ["old", "{}", "found", "new"]),
        ({"skip_tool_message_in_guardrail": True}, ["be good", "old", "{}", "new"]),
        ({"scan_only_tool_results": True}, ["found"]),
        ({"experimental_use_latest_role_message_only": True}, ["new"]),
    ],
)
def test_what_a_guardrail_may_see(ask, params, seen):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": "old"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "found"},
        {"role": "user", "content": "new"},
    ]
    ask([guard(**params)], {"messages": messages}, answer=Answer.chat())
    assert ask.seen[-1][2] == seen


# -- at a glance -----------------------------------------------------------------------------------------------------


def test_a_glance_is_enough_where_it_finds_nothing(ask):
    guards = [guard(kind="Quick", mode=["pre_call", "post_call"])]
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    answer = ask(guards, {"messages": messages}, answer=Answer.chat("good day"))
    assert answer.status == 200
    assert answer.headers["x-litellm-applied-guardrails"] == "words"
    assert ask.looks == ["be brief\nhello", "good day"]
    assert ask.seen == []


@pytest.mark.parametrize("text", ["this is bad", "it is odd, and bad", "bad\n" + "x" * 60_000])
def test_what_a_glance_does_not_clear_is_checked(ask, text):
    answer = ask([guard(kind="Quick")], says(text), answer=Answer.chat())
    assert answer.status == 400
    assert [seen[1:3] for seen in ask.seen] == [("pre_call", [text])]
    assert ask.looks == ([text] if len(text) < 50_000 else [])


def test_a_glance_that_fails_is_no_verdict(ask):
    answer = ask([guard(kind="Quick")], says("it is odd"), answer=Answer.chat())
    assert answer.status == 200
    assert len(ask.seen) == 1


def test_a_glance_is_at_what_the_guardrail_before_has_made_of_it(ask, fake_upstream):
    guards = [guard("first", kind="Quick"), guard("second", kind="Quick")]
    ask(guards, says("it is 1234"), answer=Answer.chat())
    assert ask.looks == ["it is 1234", "it is ****"]
    assert len(ask.seen) == 1
    assert json.loads(fake_upstream.requests[-1].body)["messages"][0]["content"] == "it is ****"


def test_who_is_given_options_or_may_see_a_part_only_is_asked(ask):
    given = {"guardrails": [{"words": {"extra_body": {"level": 3}}}]}
    ask([guard(kind="Quick")], says("hello", **given), answer=Answer.chat())
    assert (len(ask.seen), ask.looks) == (1, [])
    ask([guard(kind="Quick", scan_only_tool_results=True)], says("hello"), answer=Answer.chat())
    assert ask.looks == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_glance_is_at_every_dialect(ask, path, stream):
    guards = [guard(kind="Quick", mode=["pre_call", "post_call"])]
    bodies = [{**PATHS[path](text), "stream": stream} for text in ("hello", "a bad one")]
    answer = Answer.chat_stream("good ", "day") if stream else Answer.chat("good day")
    good, bad = ask(guards, *bodies, answer=answer, path=path)
    assert (good.status, bad.status) == (200, 400)
    assert ask.looks[0] == "hello"
    assert "good day" in ask.looks[1]


def test_a_glance_is_in_the_record(recorded, fake_upstream):
    fake_upstream.answer(Answer.chat("good day"))
    before = time.time()
    _, (record,) = recorded(guard(kind="Quick", mode=["pre_call", "post_call"]), says("hello"))
    assert [(r.name, r.plugin, r.stage, r.status) for r in record.guardrail_runs] == [
        ("words", "guards.Quick", "pre_call", "success"),
        ("words", "guards.Quick", "post_call", "success"),
    ]
    assert all(
        before - 1 < r.started < time.time() and r.duration >= 0 and r.found == {} for r in record.guardrail_runs
    )


# -- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "params", "status"),
    [
        ("away", {}, 503),
        ("away", {"unreachable_fallback": "fail_open"}, 200),
        ("slow", {"timeout": 0.05}, 503),
        ("slow", {"timeout": 0.05, "unreachable_fallback": "fail_open"}, 200),
        ("crash", {"unreachable_fallback": "fail_open"}, 503),
        ("crash", {"fail_on_error": False}, 200),
        ("away", {"fail_on_error": False}, 200),
        ("bad", {"fail_on_error": False, "unreachable_fallback": "fail_open"}, 400),
    ],
)
@pytest.mark.parametrize("stage", ["pre_call", "during_call", "post_call"])
def test_closed_unless_the_config_says_otherwise(ask, word, params, status, stage):
    answer = ask([guard(mode=stage, **params)], says(word), answer=Answer.chat(word))
    assert answer.status == status
    assert "what happened" not in answer.body.decode()


def test_the_words_of_a_block(ask):
    answer = ask([guard(violation_message_template="{guardrail_name} says: {reason}")], says("bad"))
    assert answer.error["message"] == "words says: No bad words."


def test_token_ids_cannot_be_read(ask):
    answer = ask([guard()], {"input": [1, 2, 3]}, path="/v1/embeddings")
    assert answer.status == 400
    assert "token ids" in answer.error["message"]


# -- an answer in the model's stead ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stage", ["pre_call", "during_call", "post_call"])
def test_a_guardrail_speaks_in_the_models_stead(ask, path, stream, stage):
    said = "say" if stage == "post_call" else "Hello"
    vendor = Answer.chat_stream(said) if stream else Answer.chat(said)
    asked = "Hello" if stage == "post_call" else "say"
    answer = ask([guard(mode=stage)], {**PATHS[path](asked), "stream": stream}, answer=vendor, path=path)
    assert answer.status == 200, answer.body
    assert "I would rather not." in answer.body.decode()
    assert "Refused" not in answer.body.decode()


# -- streams ---------------------------------------------------------------------------------------------------------

LONG = [f"word{n} " for n in range(200)]


@pytest.mark.parametrize("mode", ["buffer", "window", "end"])
def test_a_plain_stream_is_the_same_whatever_the_way(ask, mode):
    body = says("x", stream=True, stream_options={"include_usage": True})
    answer = ask([guard(mode="post_call", streaming=mode)], body, answer=Answer.chat_stream(*LONG))
    content, chunks = told(answer)
    assert content == "".join(LONG)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert chunks[-1]["usage"]
    assert len(chunks) >= 200


@pytest.mark.parametrize("mode", ["buffer", "window"])
@pytest.mark.parametrize("path", PATHS)
def test_what_is_split_is_masked(ask, mode, path):
    vendor = Answer.chat_stream(*LONG[:80], "number 1", "2", "34", " and ", *LONG[80:])
    answer = ask(
        [guard(mode="post_call", streaming=mode)], {**PATHS[path]("x"), "stream": True}, answer=vendor, path=path
    )
    whole = "".join(LONG[:80]) + "number **** and " + "".join(LONG[80:])
    if path == "/v1/chat/completions":
        content, chunks = told(answer)
        assert content == whole
        assert len(chunks) >= 200  # its chunks are those that came
        assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    else:
        lines = [
            line.removeprefix("data: ") for line in answer.body.decode().splitlines() if line.startswith("data: {")
        ]
        deltas = [json.loads(line).get("delta", "") for line in lines]
        assert "".join(d if isinstance(d, str) else d.get("text", "") for d in deltas) == whole
        assert "1234" not in answer.body.decode()


def test_a_window_lets_go_before_the_end_and_stops_at_a_block(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat_stream(*LONG, "b", "ad", *LONG, pause=0.002))
    params = guard(mode="post_call", streaming="window", stream_window=64, stream_overlap=32)
    path = config_beside({"model_list": [row(fake_upstream)], "guardrails": [params]}, guards=SOURCE)

    async def main():
        async with serving(path) as client:
            return await client.chat(**says("x", stream=True))

    answer = asyncio.run(main())
    content, chunks = told(answer)
    assert content.startswith("word0 word1 ")
    assert len(content) > 500
    assert "bad" not in content
    assert "ad" not in content
    assert chunks[-1]["error"]["message"] == "No bad words."
    assert b"[DONE]" not in answer.body


def test_at_the_end_a_block_is_told(ask):
    answer = ask(
        [guard(mode="post_call", streaming="end")], says("x", stream=True), answer=Answer.chat_stream("fine ", "bad ")
    )
    content, chunks = told(answer)
    assert content == "fine bad "
    assert chunks[-1]["error"]["message"] == "No bad words."
    assert b"[DONE]" not in answer.body


def test_answers_of_one_kind_only(ask):
    for scope, stream, status in (("streaming", False, 200), ("streaming", True, 400), ("non_streaming", True, 200)):
        vendor = Answer.chat_stream("bad") if stream else Answer.chat("bad")
        answer = ask([guard(mode="post_call", stream_scope=scope)], says("x", stream=stream), answer=vendor)
        assert answer.status == status, (scope, stream)


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_taken_out_is_put_back(ask, fake_upstream, stream):
    fake_upstream.answer(Answer.chat_stream("Hi <", "N>", "!") if stream else Answer.chat("Hi <N>!"))
    answer = ask([guard(kind="Remembers", streaming="window")], says("I am Ann", stream=stream))
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "I am <N>"
    content = told(answer)[0] if stream else answer.json()["choices"][0]["message"]["content"]
    assert content == "Hi Ann!"


def test_a_stream_is_not_held_for_a_guardrail_that_has_nothing_to_do(ask, fake_upstream):
    fake_upstream.answer(Answer.chat_stream("Hi <N>"))
    assert told(ask([guard(kind="Remembers")], says("Nobody", stream=True)))[0] == "Hi <N>"


# -- what is only written down -----------------------------------------------------------------------------------------

SINK = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        records = []

        async def on_call(self, record):
            Sink.records.append(record)

    sink = Sink()
"""


@pytest.fixture
def recorded(serving, row, fake_upstream, config_beside):
    def run(guardrail, *bodies):
        config = {
            "model_list": [row(fake_upstream)],
            "guardrails": [guardrail],
            "litellm_settings": {"callbacks": ["sinks.sink"]},
        }
        where = config_beside(config, guards=SOURCE, sinks=SINK)

        async def main():
            async with serving(where) as client:
                answers = [await client.post("/v1/chat/completions", {"model": "m", **body}) for body in bodies]
                gateway = client.app.serving.gateway
                [delivery] = gateway.pipeline.callbacks.deliveries
                found = delivery.subscription.callback.records
                deadline = time.monotonic() + 5
                while len(found) < len(bodies) and time.monotonic() < deadline:
                    await asyncio.sleep(0.01)
                return answers, list(found)

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("stream", [False, True])
def test_only_what_is_written_down_is_masked(recorded, fake_upstream, stream):
    fake_upstream.answer(Answer.chat_stream("it is 12", "34") if stream else Answer.chat("it is 1234"))
    [answer], [record] = recorded(guard(mode="logging_only"), says("my 1234", stream=stream))
    content = told(answer)[0] if stream else answer.json()["choices"][0]["message"]["content"]
    assert content == "it is 1234"
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "my 1234"
    assert record.request["messages"][0]["content"] == "my ****"
    assert record.response["choices"][0]["message"]["content"] == "it is ****"
    assert {run.stage for run in record.guardrail_runs} == {"logging_only"}


@pytest.mark.parametrize("word", ["bad", "crash"])
def test_what_cannot_be_masked_is_left_out(recorded, fake_upstream, word):
    fake_upstream.answer(Answer.chat())
    [answer], [record] = recorded(guard(mode="logging_only"), says(word))
    assert answer.status == 200
    assert (record.request, record.response) == (None, None)
    assert record.outcome == "success"


def test_the_record_says_what_guardrails_did(recorded, fake_upstream):
    fake_upstream.answer(Answer.chat("it is 1234"))
    _, (masked, blocked) = recorded(guard(mode=["pre_call", "post_call"]), says("hello"), says("bad"))
    assert [(r.name, r.plugin, r.stage, r.status) for r in masked.guardrail_runs] == [
        ("words", "guards.Words", "pre_call", "success"),
        ("words", "guards.Words", "post_call", "guardrail_intervened"),
    ]
    assert dict(masked.guardrail_runs[1].found) == {"NUMBER": 1}
    [run] = blocked.guardrail_runs
    assert (run.status, run.error, dict(run.found)) == ("guardrail_intervened", "Block", {"word": "bad"})
    assert run.duration >= 0


# -- asking one of the gateway's own models ----------------------------------------------------------------------------


def test_a_guardrail_asks_a_model_of_the_gateway(ask, row, fake_upstream):
    rows = [row(fake_upstream, "m"), row(fake_upstream, "judge", mock_response="NO")]
    assert ask([guard(kind="Asks")], says("x"), rows=rows, answer=Answer.chat()).status == 400
    rows = [row(fake_upstream, "m"), row(fake_upstream, "judge", mock_response="fine")]
    assert ask([guard(kind="Asks")], says("x"), rows=rows, answer=Answer.chat()).status == 200
    rows = [row(fake_upstream, "m"), row("http://127.0.0.1:1/v1", "judge")]
    assert ask([guard(kind="Asks")], says("x"), rows=rows, answer=Answer.chat()).status >= 400


def test_a_policys_guardrails_do_not_look_at_what_a_guardrail_asks(ask, row, fake_upstream):
    rows = [row(fake_upstream, "m"), row(fake_upstream, "judge", mock_response="fine")]
    policies = {
        "policies": {"careful": {"guardrails": {"add": ["words"]}}},
        "policy_attachments": [{"policy": "careful", "scope": "*"}],
    }
    guards = [guard(default_on=False), guard("asks", kind="Asks")]
    assert ask(guards, says("x"), rows=rows, answer=Answer.chat(), **policies).status == 200


# -- written for the reference -----------------------------------------------------------------------------------------

CUSTOM = """
    from typing import Any
    from fastapi import HTTPException
    from litellm.integrations.custom_guardrail import CustomGuardrail

    class Hooks(CustomGuardrail):
        def __init__(self, **kwargs):
            self.optional_params = kwargs
            super().__init__(**kwargs)

        async def async_pre_call_hook(self, user_api_key_dict, cache, data: dict, call_type):
            for message in data["messages"]:
                if message["content"] == "speak":
                    return "spoken instead"
                message["content"] = message["content"].replace("1234", self.optional_params["mask"])
            return data

        async def async_moderation_hook(self, data, user_api_key_dict, call_type):
            if "bad" in str(data["messages"]):
                raise ValueError("Guardrail failed words")

        async def async_post_call_success_hook(self, data, user_api_key_dict, response):
            for choice in response.choices:
                if "coffee" in choice.message.content:
                    raise HTTPException(status_code=400, detail={"error": "No coffee.", "level": 2})
                if "tea" in choice.message.content:
                    choice.message.content = "water"
                if "forbidden" in choice.message.content:
                    raise HTTPException(status_code=403, detail="Not you.")

        async def async_post_call_streaming_iterator_hook(self, user_api_key_dict, response, request_data):
            async for chunk in response:
                if chunk.choices[0].delta.get("content") == "tea":
                    chunk.choices[0].delta.content = "water"
                yield chunk

    class Texts(CustomGuardrail):
        async def apply_guardrail(self, inputs, request_data, input_type, logging_obj=None):
            if "bad" in inputs["texts"]:
                raise Exception("cannot say")
            inputs["texts"] = [text.replace("1234", input_type) for text in inputs["texts"]]
            return inputs
"""


@pytest.fixture
def custom(serving, row, fake_upstream, config_beside):
    def run(kind, answer, body, mode=("pre_call", "during_call", "post_call")):
        fake_upstream.answer(answer)
        params = {"guardrail": f"custom.{kind}", "mode": list(mode), "default_on": True}
        if kind == "Hooks":
            params["mask"] = "####"
        config = {
            "model_list": [row(fake_upstream)],
            "guardrails": [{"guardrail_name": "c", "litellm_params": params}],
        }
        where = config_beside(config, custom=CUSTOM)

        async def main():
            async with serving(where) as client:
                return await client.post("/v1/chat/completions", {"model": "m", **body})

        return asyncio.run(main())

    return run


def test_hooks_of_the_reference(custom, fake_upstream):
    answer = custom("Hooks", Answer.chat("tea"), says("my 1234"))
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "my ####"
    assert answer.json()["choices"][0]["message"]["content"] == "water"
    assert told(custom("Hooks", Answer.chat_stream("tea"), says("x", stream=True)))[0] == "water"
    assert custom("Hooks", Answer.chat(), says("speak")).json()["choices"][0]["message"]["content"] == "spoken instead"
    blocked = custom("Hooks", Answer.chat(), says("bad"))
    assert (blocked.status, blocked.error["message"]) == (400, "Guardrail failed words")
    blocked = custom("Hooks", Answer.chat("coffee"), says("x"))
    assert (blocked.status, blocked.error["message"]) == (400, "No coffee.")
    assert blocked.error["provider_specific_fields"]["level"] == 2
    assert custom("Hooks", Answer.chat("forbidden"), says("x")).status == 403


def test_texts_of_the_reference(custom, fake_upstream):
    answer = custom("Texts", Answer.chat("say 1234"), says("my 1234"))
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "my request"
    assert answer.json()["choices"][0]["message"]["content"] == "say response"
    failed = custom("Texts", Answer.chat(), says("bad"))
    assert failed.status == 503
    assert "cannot say" not in failed.body.decode()


def test_a_class_without_any_of_the_methods_stops_the_start(config_beside, row):
    from tianji_core.config import ConfigError
    from tianji_core.server import create_app

    source = "class Nothing:\n    def __init__(self, settings): pass\n"
    params = {"guardrail": "custom.Nothing", "mode": "pre_call"}
    config = {
        "model_list": [row("http://127.0.0.1:9")],
        "guardrails": [{"guardrail_name": "c", "litellm_params": params}],
    }
    with pytest.raises(ConfigError, match="CustomGuardrail"):
        create_app(config_beside(config, custom=source))


# -- the routes ------------------------------------------------------------------------------------------------------


def test_the_guardrails_are_listed_and_tried(serving, row, fake_upstream, config_beside):
    entry = guard(mode=["pre_call", "post_call"], default_on=False, secret="sk-of-the-service")
    entry["guardrail_info"] = {"params": [{"name": "level"}]}
    where = config_beside({"model_list": [row(fake_upstream)], "guardrails": [entry]}, guards=SOURCE)

    async def main():
        async with serving(where) as client:
            listed = await client.request("GET", "/guardrails/list")

            async def tried(**asked):
                return await client.post("/guardrails/apply_guardrail", asked)

            return listed, [
                await tried(guardrail_name="words", text="my 1234"),
                await tried(guardrail_name="words", text="fine", input_type="response"),
                await tried(guardrail_name="words", messages=[{"role": "user", "content": "bad"}]),
                await tried(guardrail_name="nobody", text="x"),
                await tried(guardrail_name="words"),
                await tried(guardrail_name="words", text="x", input_type="other"),
                await tried(text="x"),
            ]

    listed, answers = asyncio.run(main())
    assert "sk-of-the-service" not in listed.body.decode()
    [shown] = listed.json()["guardrails"]
    assert shown["guardrail_name"] == "words"
    assert shown["litellm_params"] == {
        "guardrail": "guards.Words",
        "mode": ["pre_call", "post_call"],
        "default_on": False,
    }
    assert shown["guardrail_info"] == {"params": [{"name": "level"}]}
    assert [answer.status for answer in answers] == [200, 200, 400, 404, 400, 400, 400]
    assert answers[0].json() == {"response_text": "my ****", "action": "rewrite"}
    assert answers[1].json() == {"response_text": "fine", "action": "allow"}
    assert answers[2].error["message"] == "No bad words."
