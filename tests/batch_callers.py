"""Callers of batches, for tests of the whole application."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

BOUNDARY = "edge"
OVER = ("completed", "failed", "expired", "cancelled")
CHAT = "/v1/chat/completions"
Batch = dict[str, Any]


def line(custom_id: str, url: str = CHAT, **body: Any) -> dict[str, Any]:
    """A line of an input file; a chat, unless something else is said."""
    body = body or {"messages": [{"role": "user", "content": custom_id}]}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {"model": "m", **body}}


def lines(count: int) -> list[dict[str, Any]]:
    return [line(f"c{number}") for number in range(count)]


def jsonl(entries: Iterable[Any]) -> bytes:
    """Lines of JSON; bytes go in as they are."""
    return b"".join((e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n" for e in entries)


class User:
    """A caller with his key."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.headers = {"authorization": f"Bearer {name}"}

    async def get(self, path: str, **named: Any) -> Any:
        return await self.client.get(path, headers=self.headers, **named)

    async def post(self, path: str, body: Any = None, **named: Any) -> Any:
        return await self.client.post(path, body, headers=self.headers, **named)

    async def upload(self, entries: Iterable[Any], purpose: str = "batch") -> str:
        form = (
            f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
            f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
        ).encode()
        form += jsonl(entries) + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {**self.headers, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await self.client.request("POST", "/v1/files", content=form, headers=headers)
        assert answer.status == 200, answer.body
        return str(answer.json()["id"])

    async def start(
        self, entries: Iterable[Any], endpoint: str = CHAT, window: str = "24h", path: str = "/v1/batches", **more: Any
    ) -> Batch:
        """A new batch; gives its object."""
        file = await self.upload(entries)
        asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": window, **more}
        answer = await self.post(path, asked)
        assert answer.status == 200, answer.body
        batch: Batch = answer.json()
        assert batch["status"] == "validating"
        return batch

    async def until(self, batch: Batch, what: Callable[[Batch], bool], seconds: float = 15.0) -> Batch:
        """The batch, once this is true of it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = await self.get(f"/v1/batches/{batch['id']}")
            if answer.status == 200:
                batch = answer.json()
                if what(batch):
                    return batch
            await asyncio.sleep(0.03)
        raise AssertionError(batch)

    async def over(self, batch: Batch) -> Batch:
        return await self.until(batch, lambda b: b["status"] in OVER)

    async def run(self, entries: Iterable[Any], *named: Any, **more: Any) -> Batch:
        return await self.over(await self.start(entries, *named, **more))

    async def output(self, file: str | None) -> dict[str, Any]:
        """The lines of an output file, by their custom_id."""
        if file is None:
            return {}
        answer = await self.get(f"/v1/files/{file}/content")
        assert answer.status == 200, answer.body
        found = [json.loads(text) for text in answer.body.splitlines()]
        assert all(set(each) == {"id", "custom_id", "response", "error"} for each in found)
        assert len({each["id"] for each in found}) == len(found)
        named = {each["custom_id"]: each for each in found}
        assert len(named) == len(found), "a line stands there twice"
        return named
