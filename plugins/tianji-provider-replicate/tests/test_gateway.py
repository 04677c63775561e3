"""Predictions through a whole gateway, with a fake Replicate behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tianji_core.api.errors import RequestTimeoutError
from tianji_core.testing import Answer

HI = [{"role": "user", "content": "Hi"}]


def config(base: str, **params: Any) -> dict[str, Any]:
    row = {"model": "replicate/meta/meta-llama-3-8b-instruct", "api_key": "k", "api_base": base, **params}
    return {"model_list": [{"model_name": "m", "litellm_params": row}], "litellm_settings": {"num_retries": 0}}


def test_a_stream_is_read_where_the_prediction_says(fake_upstream: Any, tianji_gateway: Any) -> None:
    prediction = {"id": "p1", "status": "starting", "urls": {"stream": f"{fake_upstream.base}/streams/p1"}}
    events = "event: output\ndata: Hello\n\nevent: output\ndata: !\n\nevent: done\ndata: {}\n\n"
    fake_upstream.answer(Answer.json(prediction, 201), Answer.text(events))

    async def main() -> list[str]:
        async with tianji_gateway(config(fake_upstream.base)) as gateway:
            chunks = [chunk async for chunk in gateway.stream(model="m", messages=HI)]
            return [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]

    assert "".join(asyncio.run(main())) == "Hello!"
    assert [request.path for request in fake_upstream.requests][1] == "/v1/streams/p1"


def test_a_time_out_cancels_the_prediction(fake_upstream: Any, tianji_gateway: Any) -> None:
    fake_upstream.answer(Answer.json({"id": "p1", "status": "starting"}, 201))

    async def main() -> None:
        async with tianji_gateway(config(fake_upstream.base, timeout=0.6)) as gateway:
            with pytest.raises(RequestTimeoutError):
                await gateway.chat(model="m", messages=HI)
            for _ in range(500):  # it happens in the background
                if fake_upstream.requests[-1].path.endswith("/cancel"):
                    break
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert fake_upstream.requests[-1].path == "/v1/predictions/p1/cancel"
    assert fake_upstream.requests[-1].headers["authorization"] == "Bearer k"
