"""Batches of models whose vendor does batches: handed over, looked after, brought home."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from batch_callers import CHAT, User, line, lines
from fake_batches import BatchingAnthropic, BatchingOpenAI

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import RESPONSES

WHO = """
from tianji_core.api.call import Principal
from tianji_core.api.callback import Callback
from tianji_core.api.guardrail import Allow, Guardrail

async def who(request, key):
    return Principal(user_id=key, models=frozenset({"m"} if key == "few" else ()))

records = []

class Heard(Callback):
    async def on_call(self, record):
        records.append(record)

heard = Heard()

class Watching(Guardrail):
    stages = frozenset({"pre_call"})

    async def check(self, stage, payload):
        return Allow()

def watching(settings):
    return Watching()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("TIANJI_BATCH_POLL", "0.1")


@pytest.fixture
def openai():
    return BatchingOpenAI(key="sk-vendor-key")


@pytest.fixture
def anthropic():
    return BatchingAnthropic()


@pytest.fixture
def gateway(serving, config_beside, tmp_path, openai, anthropic):
    """`async with gateway() as ann`: models `m` of OpenAI, `claude` of Anthropic, `plain` of nobody with batches."""

    @asynccontextmanager
    async def run(general=None, info=None, params=None, **config):
        def script(request):
            if request.method == "POST" and request.path == "/v1/chat/completions":
                return Answer.chat("One by one.")
            return openai.script(request)

        with FakeUpstream(script=script) as one, FakeUpstream(script=anthropic.script) as two:
            row = {"model": "openai/gpt-4o", "api_base": one.base, "api_key": "sk-vendor-key", **(params or {})}
            claude = {"model": "anthropic/claude-opus-4-5", "api_base": two.url, "api_key": "sk-ant"}
            plain = {"model": "openai_compatible/up", "api_base": one.base, "api_key": "sk-vendor-key"}
            settings = {"database_url": f"sqlite:///{tmp_path}/t.db", "custom_auth": "who.who", **(general or {})}
            config = {
                "model_list": [
                    {"model_name": "m", "litellm_params": row, "model_info": {"id": "one", **(info or {})}},
                    {"model_name": "claude", "litellm_params": claude},
                    {"model_name": "plain", "litellm_params": plain},
                ],
                "general_settings": settings,
                "litellm_settings": {"callbacks": ["who.heard"]},
                **config,
            }
            async with serving(config_beside(config, who=WHO)) as client:
                ann = User(client, "ann")
                ann.vendor = one
                yield ann

    return run


def chat(body):
    """What OpenAI answers to a line."""
    text = body["messages"][-1]["content"]
    if text == "c1":
        return 400, {"error": {"message": "Not that, sk-vendor-key.", "type": "invalid_request_error", "code": None}}
    answer = json.loads(json.dumps(RESPONSES["chat"]))
    answer["choices"][0]["message"]["content"] = f"To {text}."
    return 200, {**answer, "model": "gpt-4o-2024-08-06"}


async def handed_over(ann, batch, vendor):
    """The batch once the vendor has it."""
    batch = await ann.until(batch, lambda b: bool(vendor.batches))
    return await ann.until(batch, lambda b: b["status"] == "in_progress")


def test_openai_does_its_batches(gateway, openai):
    async def main():
        async with gateway() as ann:
            entries = [*lines(5), line("bad", messages=[{"role": "user"}], timeout=-1)]
            begun = await handed_over(ann, await ann.start(entries, metadata={"a": "b"}), openai)
            [there] = openai.batches.values()
            assert (there["endpoint"], there["metadata"]) == (CHAT, {"tianji_batch_id": begun["id"]})
            sent = openai.lines(there["input_file_id"])
            assert [each["custom_id"] for each in sent] == [f"line-{number}" for number in range(1, 6)]
            assert {each["body"]["model"] for each in sent} == {"gpt-4o"}
            counts = (await ann.until(begun, lambda b: b["request_counts"]["completed"]))["request_counts"]
            assert counts == {"total": 6, "completed": 1, "failed": 1}
            openai.finish(chat)
            batch = await ann.over(begun)
            assert batch["status"] == "completed"
            assert batch["request_counts"] == {"total": 6, "completed": 4, "failed": 2}
            assert batch["usage"]["total_tokens"] == 4 * 27
            assert batch["metadata"] == {"a": "b"}
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            assert list(good) == ["c0", "c2", "c3", "c4"]
            assert {each["response"]["body"]["model"] for each in good.values()} == {"m"}
            assert good["c2"]["response"]["body"]["choices"][0]["message"]["content"] == "To c2."
            assert set(bad) == {"c1", "bad"}
            assert bad["c1"]["response"]["status_code"] == 400
            assert "sk-vendor-key" not in bad["c1"]["response"]["body"]["error"]["message"]
            assert there["input_file_id"] not in openai.files, "the lines are removed there"
            assert not any(file.startswith("file-Vendor") for file in (batch["output_file_id"], batch["error_file_id"]))
            callbacks = ann.client.app.serving.gateway.pipeline.callbacks
            heard = callbacks.subscriptions[0].callback.on_call.__globals__["records"]
            for _ in range(100):
                if any(r.operation == "batches" and r.usage for r in heard):
                    break
                await asyncio.sleep(0.01)
            [record] = [r for r in heard if r.operation == "batches" and r.usage]
            assert record.usage["total_tokens"] == 4 * 27
            assert (record.model, record.upstream_model, record.provider) == ("m", "gpt-4o", "openai")
            assert record.cost == pytest.approx(4 * (18 * 1.25e-6 + 9 * 5e-6)), "half of what calls cost"
            assert record.cost_breakdown.service_tier == "batches"
            assert (record.principal.user_id, record.metadata["batch_id"]) == ("ann", batch["id"])
            assert not [r for r in heard if r.operation == "chat"]

    asyncio.run(main())


def test_anthropic_does_its_batches(gateway, anthropic):
    def result(params):
        text = params["messages"][-1]["content"][0]["text"]
        if text == "c1":
            error = {"type": "invalid_request_error", "message": "Not that."}
            return {"type": "errored", "error": {"type": "error", "error": error}}
        if text == "c2":
            return {"type": "expired"}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-5",
            "content": [{"type": "text", "text": f"To {text}."}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 3},
        }
        return {"type": "succeeded", "message": message}

    async def main():
        async with gateway() as ann:
            entries = [{**each, "body": {**each["body"], "model": "claude"}} for each in lines(4)]
            begun = await handed_over(ann, await ann.start(entries), anthropic)
            [asked] = anthropic.asked.values()
            assert [each["custom_id"] for each in asked] == ["line-1", "line-2", "line-3", "line-4"]
            assert {each["params"]["model"] for each in asked} == {"claude-opus-4-5"}
            assert all(each["params"]["max_tokens"] > 0 for each in asked)
            assert anthropic.headers[0]["anthropic-version"] == "2023-06-01"
            anthropic.finish(result)
            batch = await ann.over(begun)
            assert batch["status"] == "expired"
            assert batch["request_counts"] == {"total": 4, "completed": 2, "failed": 1}
            good, bad = await ann.output(batch["output_file_id"]), await ann.output(batch["error_file_id"])
            body = good["c0"]["response"]["body"]
            assert (body["object"], body["model"]) == ("chat.completion", "claude")
            assert body["choices"][0]["message"]["content"] == "To c0."
            assert batch["usage"]["output_tokens"] == 6
            assert bad["c1"]["response"]["status_code"] == 400
            assert bad["c1"]["response"]["body"]["error"]["message"] == "Not that."
            assert bad["c2"]["error"]["code"] == "batch_expired"

            anthropic.batches.clear()
            anthropic.asked.clear()
            own = [
                line("a", "/v1/messages", model="claude", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
            ]
            begun = await handed_over(ann, await ann.start(own, "/v1/messages"), anthropic)
            anthropic.finish(
                lambda params: result({"messages": [{"content": [{"text": params["messages"][0]["content"]}]}]})
            )
            batch = await ann.over(begun)
            body = (await ann.output(batch["output_file_id"]))["a"]["response"]["body"]
            assert (body["type"], body["model"], body["content"][0]["text"]) == ("message", "claude", "To Hi.")

    asyncio.run(main())


def test_a_vendor_is_told_to_stop(gateway, openai):
    async def main():
        async with gateway() as ann:
            begun = await handed_over(ann, await ann.start(lines(6)), openai)
            assert (await ann.post(f"/v1/batches/{begun['id']}/cancel")).json()["status"] == "cancelling"
            [there] = openai.batches.values()
            await ann.until(begun, lambda b: there["status"] == "cancelling")
            openai.finish(chat, "cancelled", most=2)
            batch = await ann.over(begun)
            assert batch["status"] == "cancelled"
            assert batch["request_counts"] == {"total": 6, "completed": 2, "failed": 0}
            bad = await ann.output(batch["error_file_id"])
            assert {each["error"]["code"] for each in bad.values()} == {"batch_cancelled"}
            assert len(bad) == 4

    asyncio.run(main())


def test_a_batch_that_the_vendor_finds_wrong_has_failed(gateway, openai):
    async def main():
        async with gateway() as ann:
            begun = await handed_over(ann, await ann.start(lines(2)), openai)
            for there in openai.batches.values():
                error = {"code": "token_limit_exceeded", "message": "Too much.", "line": None, "param": None}
                there |= {"status": "failed", "errors": {"object": "list", "data": [error]}}
            batch = await ann.over(begun)
            assert (batch["status"], batch["errors"]["data"]) == ("failed", [error])

    asyncio.run(main())


def test_a_batch_outlives_the_gateway_that_handed_it_over(gateway, openai):
    async def main():
        async with gateway() as ann:
            begun = await handed_over(ann, await ann.start(lines(3)), openai)
            openai.finish(chat)
            await ann.over(begun)
            begun = await ann.start(lines(3))
            await ann.until(begun, lambda b: len(openai.batches) == 2)
            store = ann.client.app.serving.gateway.store.opened
            await ann.until(begun, lambda b: b["status"] == "in_progress")
            for _ in range(100):
                batch = await store.objects.get("batch", begun["id"], None)
                if batch.vendor_id and batch.worker is None:
                    break
                await asyncio.sleep(0.02)

            def forgotten(present):
                """As if it had been killed before it could write down what the vendor said."""
                from dataclasses import replace

                return replace(present, vendor_id=None, leased_until=None)

            await store.objects.change(batch, forgotten)
        async with gateway() as ann:
            await asyncio.sleep(0.3)
            # Another address each time, but the id of the row is the same: the batch is found again, not made anew.
            assert len(openai.batches) == 2
            openai.finish(chat)
            batch = await ann.over(begun)
            assert batch["request_counts"]["completed"] == 2

    asyncio.run(main())


GUARDRAIL = {
    "guardrail_name": "w",
    "litellm_params": {"guardrail": "who.watching", "mode": "pre_call", "default_on": True},
}


@pytest.mark.parametrize(
    ("config", "entries"),
    [
        ({"general": {"batches_by": "gateway"}}, lines(2)),
        ({"info": {"batches_by": "gateway"}}, lines(2)),
        ({"guardrails": [GUARDRAIL]}, lines(2)),
        ({}, [line("a", model="plain", messages=[{"role": "user", "content": "Hi"}]), *lines(1)]),
        ({}, [line("a", model="plain", messages=[{"role": "user", "content": "Hi"}])]),
        ({"params": {"mock_response": "One by one."}}, lines(2)),
    ],
    ids=["config", "row", "guardrail", "models", "vendor", "mock"],
)
def test_what_no_vendor_may_have_the_gateway_does(gateway, openai, config, entries):
    async def main():
        async with gateway(**config) as ann:
            batch = await ann.run(entries)
            assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", len(entries))
            for each in (await ann.output(batch["output_file_id"])).values():
                assert each["response"]["body"]["choices"][0]["message"]["content"] == "One by one."
            assert openai.batches == {}

    asyncio.run(main())


def test_what_a_vendor_refuses_the_gateway_does(gateway, openai):
    openai.refuse = lambda method, path: Answer.error(400, "No batches today.") if path == "/batches" else None

    async def main():
        async with gateway() as ann:
            batch = await ann.run([*lines(2), line("bad", timeout=-1, messages=[{"role": "user", "content": "x"}])])
            assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
            assert openai.files == {}, "what was brought there is taken back"

    asyncio.run(main())


def test_a_vendor_that_is_away_is_asked_again(gateway, openai):
    asked = []

    def refuse(method, path):
        asked.append(path)
        return Answer.error(503, "Away.") if len(asked) < 4 else None

    openai.refuse = refuse

    async def main():
        async with gateway() as ann:
            begun = await handed_over(ann, await ann.start(lines(2)), openai)
            openai.finish(lambda body: (200, chat({"messages": [{"content": "x"}]})[1]))
            assert (await ann.over(begun))["request_counts"]["completed"] == 2
            assert len(openai.batches) == 1

    asyncio.run(main())


def test_a_caller_may_name_the_provider(gateway, openai):
    async def main():
        async with gateway() as ann:
            begun = await handed_over(ann, await ann.start(lines(1), path="/openai/v1/batches"), openai)
            openai.finish(lambda body: chat({"messages": [{"content": "x"}]}))
            assert (await ann.over(begun))["status"] == "completed"
            batch = await ann.run(lines(1), custom_llm_provider="anthropic")  # which has no such model
            assert batch["status"] == "completed"
            assert len(openai.batches) == 1
            file = await ann.upload(lines(1))
            asked = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
            answer = await ann.post("/v1/batches", {**asked, "custom_llm_provider": "nobody"})
            assert answer.error["param"] == "custom_llm_provider"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("version", "prefix", "mode"),
    [("2024-10-21", "/openai", "batch"), ("v1", "/openai/v1", "batch"), ("2024-10-21", "/openai", None)],
)
def test_azure_does_batches_in_deployments_for_them(serving, config_beside, tmp_path, version, prefix, mode):
    vendor = BatchingOpenAI(prefix, "sk-vendor-key")

    def script(request):
        return Answer.chat("One by one.") if request.path.endswith("/chat/completions") else vendor.script(request)

    async def main():
        with FakeUpstream(script=script) as upstream:
            row = {
                "model": "azure/my-gpt",
                "api_base": upstream.url,
                "api_key": "sk-vendor-key",
                "api_version": version,
            }
            config = {
                "model_list": [{"model_name": "m", "litellm_params": row, "model_info": {"mode": mode}}],
                "general_settings": {"database_url": f"sqlite:///{tmp_path}/t.db"},
            }
            async with serving(config_beside(config)) as client:
                ann = User(client, "ann")
                begun = await ann.start(lines(2))
                if mode is None:
                    assert (await ann.over(begun))["status"] == "completed"
                    assert vendor.batches == {}
                    return
                begun = await handed_over(ann, begun, vendor)
                [there] = vendor.batches.values()
                assert there["endpoint"] == "/chat/completions"
                assert {each["body"]["model"] for each in vendor.lines(there["input_file_id"])} == {"my-gpt"}
                vendor.finish(chat)
                batch = await ann.over(begun)
                assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}

    asyncio.run(main())
