"""What a request asks of the gateway itself means the same on every surface, and so does what is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.gateway.body import REFUSED
from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
BOUNDARY = "kit-boundary"
HI = [{"role": "user", "content": "Hi"}]
JSON_SURFACES = {
    "chat": ("/v1/chat/completions", {"messages": HI}),
    "completions": ("/v1/completions", {"prompt": "Once"}),
    "embeddings": ("/v1/embeddings", {"input": "a"}),
    "rerank": ("/v1/rerank", {"query": "q", "documents": ["a"]}),
    "moderations": ("/v1/moderations", {"input": "a"}),
    "images": ("/v1/images/generations", {"prompt": "a"}),
    "speech": ("/v1/audio/speech", {"input": "a", "voice": "alloy"}),
    "messages": ("/v1/messages", {"messages": HI, "max_tokens": 5}),
    "responses": ("/v1/responses", {"input": "Hi"}),
    "gemini": ("/v1beta/models/{model}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
}
FORM_SURFACES = {
    "image_edits": ("/v1/images/edits", {"prompt": "a"}, "image"),
    "transcriptions": ("/v1/audio/transcriptions", {}, "file"),
    "translations": ("/v1/audio/translations", {}, "file"),
}
SURFACES = [*JSON_SURFACES, *FORM_SURFACES]
OWNED = {"messages", "responses"}
"""Dialects whose `metadata` is their own."""

KEEPER = """
    import json, pathlib
    from tianji_core.api.callback import Callback

    class Keep(Callback):
        async def on_call(self, record):
            told = {
                "tags": record.tags,
                "metadata": dict(record.metadata),
                "end_user": record.end_user,
                "attempts": len(record.attempts),
                "group": record.model_group,
                "outcome": record.outcome,
                "guardrails": record.guardrails,
            }
            with pathlib.Path(__file__).with_name("told.jsonl").open("a") as file:
                file.write(json.dumps(told) + chr(10))

    keep = Keep()
"""
GUARD = """
    from tianji_core.api.guardrail import Block, Guardrail

    class Never(Guardrail):
        stages = frozenset({"pre_call"})

        def __init__(self, settings):
            pass

        async def check(self, stage, payload):
            return Block("Never.")
"""


def scripted(request):
    """A vendor that has everything; the model `down` is out of order."""
    if b"down" in request.body:
        return Answer.error(500)
    if b"slow" in request.body:
        return Answer.never()
    path = request.path
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return Answer.json({"object": "list", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    if path.endswith("/rerank"):
        return Answer.json({"results": [{"index": 0, "relevance_score": 0.5}]})
    if path.endswith("/moderations"):
        return Answer.json({"id": "mod", "model": "x", "results": []})
    if "/images/" in path:
        return Answer.json({"created": 1, "data": [{"b64_json": "AAAA"}]})
    if path.endswith("/speech"):
        return Answer.text(b"audio", content_type="audio/mpeg")
    if "/audio/" in path:
        return Answer.json({"text": "Hello"})
    return Answer.chat()


@pytest.fixture
def ask_all(serving, config_beside, fake_upstream, row, tmp_path):
    """Calls a surface with these members, one after the other; gives the answers, and what the records say of each."""
    fake_upstream.answer(script=scripted)

    def run(surface, *calls):
        rows = [row(fake_upstream, name, f"openai_compatible/{up}") for name, up in MODELS.items()]
        guard = {"guardrail_name": "never", "litellm_params": {"guardrail": "guards.Never", "mode": "pre_call"}}
        config = {
            "model_list": rows,
            "general_settings": {"master_key": KEY, "database_url": f"sqlite:///{tmp_path}/store.db"},
            "litellm_settings": {"callbacks": ["keeper.keep"]},
            "router_settings": {"num_retries": 0},
            "guardrails": [guard],
        }
        path = config_beside(config, keeper=KEEPER, guards=GUARD)
        told = path.with_name("told.jsonl")
        told.write_text("")

        async def main():
            answers = []
            async with serving(path) as client:
                for call in calls:
                    members = {"model": "m", "headers": {}, **call}
                    fields = {"authorization": f"Bearer {KEY}", **members.pop("headers")}
                    url, named = asked(surface, members.pop("model"), members)
                    if "content" in named:
                        fields["content-type"] = f"multipart/form-data; boundary={BOUNDARY}"
                    answers.append(await client.request("POST", url, headers=fields, **named))
            return answers

        return asyncio.run(main()), [json.loads(line) for line in told.read_text().splitlines()]

    return run


MODELS = {"m": "up-1", "broken": "down-1", "lame": "slow-1", "other": "up-2"}


def asked(surface, model, members):
    if surface in FORM_SURFACES:
        path, body, file = FORM_SURFACES[surface]
        return path, {"content": form({"model": model, **body, **members}, file)}
    path, body = JSON_SURFACES[surface]
    if "{model}" in path:
        return path.replace("{model}", model), {"json": {**body, **members}}
    return path, {"json": {"model": model, **body, **members}}


def form(members, file):
    body = b""
    for name, value in members.items():
        text = value if isinstance(value, str) else json.dumps(value)
        body += f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
    body += f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{file}"; filename="a"\r\n\r\nAAAA\r\n'.encode()
    return body + f"--{BOUNDARY}--\r\n".encode()


def is_told(answer, surface, text):
    """Whether an error says this, in the dialect of the surface."""
    told = answer.json()
    told = told[0] if isinstance(told, list) else told
    if surface == "messages":
        assert told["type"] == "error"
    return text in told["error"]["message"]


EVERYWHERE = pytest.mark.parametrize("surface", SURFACES)


@EVERYWHERE
def test_metadata_and_tags_go_into_the_records(ask_all, fake_upstream, surface):
    more = {} if surface in OWNED else {"metadata": {"a": "1", "b": "1", "tags": ["one"]}}
    own = {"litellm_metadata": {"b": "2", "tags": ["two"]}, "tags": ["three", "two"]}
    (answer,), (told,) = ask_all(surface, {"headers": {"x-litellm-tags": "four"}, **more, **own})
    assert answer.status == 200, answer.body
    assert told["metadata"]["b"] == "2"
    assert told["metadata"].get("a") == (None if surface in OWNED else "1")
    assert set(told["tags"]) == {"two", "three", "four"}
    (sent,) = fake_upstream.requests
    for word in (b"litellm_metadata", b'"tags"', b"three"):
        assert word not in sent.body


@EVERYWHERE
def test_the_end_user_is_found(ask_all, surface):
    calls = [
        {"litellm_metadata": {"user": "u"}},
        {"litellm_metadata": {"user_id": "u"}},
        {"litellm_metadata": {"user": "x"}, "headers": {"x-litellm-end-user-id": "u"}},
    ]
    if surface != "gemini":  # Google's API has no such members
        calls += [
            {"user": "u", "drop_params": True},
            {"safety_identifier": "u", "drop_params": True},
            {"litellm_metadata": {"user": "u"}, "safety_identifier": "x", "drop_params": True},
            {"user": "x", "headers": {"x-litellm-customer-id": "u"}, "drop_params": True},
        ]
    answers, told = ask_all(surface, *calls)
    assert [answer.status for answer in answers] == [200] * len(calls)
    assert [each["end_user"] for each in told] == ["u"] * len(calls)


@EVERYWHERE
def test_fallbacks_and_retries(ask_all, surface):
    (fell, stayed, tried, by_head, many), told = ask_all(
        surface,
        {"model": "broken", "fallbacks": ["other"]},
        {"model": "broken", "fallbacks": ["other"], "disable_fallbacks": True},
        {"model": "broken", "num_retries": 2},
        {"model": "broken", "num_retries": 2, "headers": {"x-litellm-num-retries": "1"}},
        {"model": "broken", "num_retries": 99},
    )
    assert (fell.status, fell.headers["x-litellm-attempted-fallbacks"]) == (200, "1")
    assert [answer.status for answer in (stayed, tried, by_head, many)] == [500, 500, 500, 400]
    assert told[0]["group"] == "other"
    assert [each["attempts"] for each in told] == [2, 1, 3, 2]
    assert is_told(many, surface, "num_retries")


@EVERYWHERE
def test_time_outs(ask_all, surface):
    answers, told = ask_all(
        surface,
        {"model": "lame", "timeout": 0.05},
        {"model": "lame", "headers": {"x-litellm-timeout": "0.05"}},
        {"timeout": -1},
    )
    assert [answer.status in (408, 504) for answer in answers] == [True, True, False]
    assert answers[2].status == 400
    assert [each["outcome"] for each in told] == ["failure", "failure"]


@EVERYWHERE
def test_guardrails_run_if_they_are_asked_for(ask_all, fake_upstream, surface):
    (plain, blocked), (_, told) = ask_all(surface, {}, {"guardrails": ["never"]})
    assert (plain.status, blocked.status) == (200, 400)
    assert is_told(blocked, surface, "Never.")
    assert told["guardrails"] == ["never"]
    assert len(fake_upstream.requests) == 1


@EVERYWHERE
def test_what_would_steer_the_gateway_has_no_effect(ask_all, fake_upstream, surface):
    dropped = {
        "mock_response": "canned",
        "callbacks": ["x.y"],
        "model_info": {"id": "x"},
        "input_cost_per_token": 5,
        "extra_headers": {"x-canned": "canned"},
    }
    (answer,), _ = ask_all(surface, dropped)
    assert answer.status == 200, answer.body
    assert b"canned" not in answer.body
    (sent,) = fake_upstream.requests
    assert b"canned" not in sent.body
    assert "x-canned" not in sent.headers


@EVERYWHERE
def test_hosts_and_credentials_are_refused(ask_all, fake_upstream, surface):
    calls = [members for name in sorted(REFUSED) for members in ({name: "x"}, {"extra_body": {name: "x"}})]
    answers, _ = ask_all(surface, *calls)
    for call, answer in zip(calls, answers, strict=True):
        assert answer.status == 401, (call, answer.body)
        assert is_told(answer, surface, next(iter(call.get("extra_body", call))))
    assert fake_upstream.requests == []
