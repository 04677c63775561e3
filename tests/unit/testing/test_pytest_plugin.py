"""The pytest plugin: cheap to import, and its fixtures work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import tianji_core.testing
from tianji_core.testing import Answer, FakeUpstream

CHEAP = """
import pytest, sys, time
begin = time.perf_counter()
import tianji_core.testing.pytest_plugin
took = time.perf_counter() - begin
heavy = {"httpx", "pydantic", "starlette", "tianji_core.gateway", "tianji_core.testing.provider"}
heavy.intersection_update(sys.modules)
assert not heavy, heavy
print(took)
"""


def config(upstream: FakeUpstream) -> dict[str, Any]:
    params = {"model": "openai_compatible/m", "api_base": upstream.base, "api_key": "k"}
    return {"model_list": [{"model_name": "m", "litellm_params": params}]}


def test_importing_it_is_cheap() -> None:
    took = min(
        float(subprocess.run([sys.executable, "-c", CHEAP], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    )
    assert took < 0.02


def test_every_kit_can_be_imported_from_one_place() -> None:
    for name in tianji_core.testing.__all__:
        assert getattr(tianji_core.testing, name).__name__ == name
    with pytest.raises(AttributeError):
        tianji_core.testing.Nothing  # noqa: B018


def test_a_gateway_in_this_process(tianji_gateway: Callable[..., Any], fake_upstream: FakeUpstream) -> None:
    fake_upstream.answer(Answer.chat("Hi there."))

    async def run() -> Any:
        async with tianji_gateway(config(fake_upstream)) as gateway:
            return await gateway.chat(model="m", messages=[{"role": "user", "content": "Hello"}])

    assert asyncio.run(run())["choices"][0]["message"]["content"] == "Hi there."
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "Hello"


@pytest.mark.e2e
def test_a_gateway_of_its_own(tianji_server: Callable[..., Any], fake_upstream: FakeUpstream) -> None:
    server = tianji_server(config(fake_upstream))
    assert server.ready()
    assert server.stop() in (0, -signal.SIGTERM)
    assert not server.ready()


@pytest.mark.e2e
def test_a_gateway_that_does_not_start_shows_its_log(tianji_server: Callable[..., Any]) -> None:
    row = {"model_name": "m", "litellm_params": {"model": "nosuchprovider/m"}}
    with pytest.raises(RuntimeError, match="nosuchprovider"):
        tianji_server({"model_list": [row]})
