"""Routes and commands for those who run the gateway: callbacks, trials, the level of logs, ids of calls."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.telemetry import configure_logging
from tianji_core.telemetry.logs import level
from tianji_core.testing import Answer
from tianji_core.testing.callback import HttpSink

MASTER = "sk-master-of-the-test-1"
ADMIN = {"authorization": f"Bearer {MASTER}"}


def ids(body):
    return [event["id"] for event in json.loads(body)]


def config(row, upstream, endpoint):
    return {
        "model_list": [row(upstream)],
        "litellm_settings": {"callbacks": ["hook"], "failure_callback": ["prometheus"]},
        "callback_settings": {"hook": {"callback_type": "webhook", "endpoint": endpoint, "flush_interval": 0.01}},
        "general_settings": {"master_key": MASTER},
    }


def test_callbacks_are_listed_with_what_became_of_records(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with HttpSink(ids) as sink, serving(config(row, fake_upstream, sink.url)) as client:
            await client.chat(headers=ADMIN)
            for _ in range(200):
                if sink.received():
                    break
                await asyncio.sleep(0.01)
            told = (await client.get("/callbacks/list", headers=ADMIN)).json()
            assert told["success_and_failure"] == ["hook"]
            assert told["failure"] == ["prometheus"]
            assert told["success"] == []
            [hook, _] = told["deliveries"]
            assert (hook["delivered"], hook["failed"], hook["dropped"], hook["queued"]) == (1, 0, 0, 0)
            assert (await client.get("/callbacks/list", headers={"authorization": "Bearer sk-x"})).status == 401

    asyncio.run(main())


def test_a_trial_tells_whether_a_sink_is_there(serving, row, fake_upstream):
    async def main():
        async with HttpSink(ids) as sink, serving(config(row, fake_upstream, sink.url)) as client:
            good = await client.get("/health/services", query="service=hook", headers=ADMIN)
            assert good.json() == {"status": "success", "message": "hook has taken a trial."}
            assert [name.startswith("trial-") for name in sink.received()] == [True]
            assert (await client.get("/health/services", query="service=prometheus", headers=ADMIN)).status == 200
            sink.failing = True
            bad = await client.get("/health/services", query="service=hook", headers=ADMIN)
            assert bad.status == 502
            assert "status 500" in bad.json()["error"]["message"]
            assert (await client.get("/health/services", query="service=nobody", headers=ADMIN)).status == 404
            assert (await client.get("/health/services", headers=ADMIN)).status == 400

    asyncio.run(main())


def test_the_level_of_the_logs(serving, row, fake_upstream):
    configure_logging("INFO", json=False)

    async def main():
        async with serving(config(row, fake_upstream, "http://127.0.0.1:9/")) as client:
            assert (await client.get("/log_level", headers=ADMIN)).json() == {"level": "INFO"}
            changed = await client.post("/log_level", {"level": "debug"}, headers=ADMIN)
            assert changed.json() == {"level": "DEBUG"}
            assert level() == "DEBUG"
            assert (await client.post("/log_level", {"level": "loud"}, headers=ADMIN)).status == 400
            assert (await client.post("/log_level", {"level": "INFO"}, headers={})).status == 401

    try:
        asyncio.run(main())
    finally:
        configure_logging("INFO", json=False)


def test_a_reload_follows_the_level_of_the_config(serving, row, fake_upstream, config_beside):
    configure_logging("INFO", json=False)
    wanted = {"model_list": [row(fake_upstream)]}
    path = config_beside(wanted)

    async def main():
        async with serving(path) as client:
            config_beside({**wanted, "litellm_settings": {"set_verbose": True}})
            await client.app.reload()
            assert level() == "DEBUG"
            config_beside(wanted)
            await client.app.reload()
            assert level() == "INFO"

    try:
        asyncio.run(main())
    finally:
        configure_logging("INFO", json=False)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("my-call.7:a_b", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("with space", False),
        ("new\tline", False),
        ("ünï", False),
    ],
)
def test_a_client_may_name_its_call(serving, row, fake_upstream, given, taken):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            answer = await client.chat(headers={"x-litellm-call-id": given})
            assert answer.status == 200
            assert (answer.headers["x-litellm-call-id"] == given) is taken
            assert answer.headers["x-litellm-call-id"]

    asyncio.run(main())


def test_the_command_tries_callbacks(tmp_path, capsys):
    from tianji_core.cli import main

    async def play(failing):
        async with HttpSink(ids) as sink:
            sink.failing = failing
            path = tmp_path / "config.yaml"
            settings = {"hook": {"callback_type": "webhook", "endpoint": sink.url}}
            path.write_text(json.dumps({"litellm_settings": {"callbacks": ["hook"]}, "callback_settings": settings}))

            def run(*args):
                with pytest.raises(SystemExit) as ended:
                    main(["plugins", "check", *args, "--config", str(path)])
                return ended.value.code

            codes = [await asyncio.to_thread(run), await asyncio.to_thread(run, "nobody")]
            return codes, list(sink.received())

    codes, received = asyncio.run(play(False))
    assert codes[0] == 0
    assert codes[1] != 0
    assert len(received) == 1
    assert "hook: has taken a trial" in capsys.readouterr().out
    codes, _ = asyncio.run(play(True))
    assert codes[0] == 1
    assert "not ok: status 500" in capsys.readouterr().out
