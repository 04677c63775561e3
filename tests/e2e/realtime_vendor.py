"""A scripted realtime vendor on a real WebSocket, by a library that the gateway does not use."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import websockets
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {
        "text_tokens": 5,
        "audio_tokens": 15,
        "cached_tokens": 4,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}


@dataclass
class Seen:
    """One session as the vendor has seen it."""

    target: str
    headers: dict[str, str]
    code: int | None = None
    reason: str = ""
    ended: float | None = None
    sent: int = 0
    got: int = 0

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


class RealtimeVendor:
    """Says `session.created`, then echoes, but for what a client's message asks it to do otherwise."""

    def __init__(self) -> None:
        self.sessions: list[Seen] = []
        self.refuse: int | None = None
        """A status to answer the next request for a session with."""
        self.hold: threading.Event | None = None
        """The next handshakes wait for it."""
        self.port = 0
        self._news = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def session(self, count: int, timeout: float = 5.0) -> Seen:
        """Wait for the `count`th session."""
        self.wait(lambda: len(self.sessions) >= count, timeout)
        return self.sessions[count - 1]

    def ended(self, seen: Seen, timeout: float = 5.0) -> Seen:
        """Wait until a session is over."""
        self.wait(lambda: seen.ended is not None, timeout)
        return seen

    def wait(self, ready: Any, timeout: float = 5.0) -> None:
        with self._news:
            if not self._news.wait_for(ready, timeout):
                raise TimeoutError(f"the vendor waits in vain: {self.sessions[-3:]}")

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    # -- what it does --------------------------------------------------------------------------------------------

    async def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.hold is not None:
            self.sessions.append(Seen(request.path, dict(request.headers.raw_items())))
            self._tell()
            hold = self.hold
            while not hold.is_set():
                await asyncio.sleep(0.01)
                if connection.transport.is_closing():
                    self.sessions[-1].ended = time.monotonic()
                    self._tell()
                    break
            return None
        if self.refuse is None:
            return None
        status, self.refuse = HTTPStatus(self.refuse), None
        self.sessions.append(Seen(request.path, dict(request.headers.raw_items())))
        self._tell()
        response = connection.respond(status, json.dumps({"error": {"message": "Not you.", "type": "vendor_error"}}))
        del response.headers["content-type"]
        response.headers["content-type"] = "application/json"
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        seen = Seen(connection.request.path, headers)
        self.sessions.append(seen)
        self._tell()
        try:
            await connection.send(json.dumps({"type": "session.created", "session": {"model": "up"}}))
            async for message in connection:
                seen.got += 1
                await self._answer(connection, seen, message)
        except websockets.ConnectionClosed:
            pass
        finally:
            seen.code, seen.reason = connection.close_code, connection.close_reason or ""
            seen.ended = time.monotonic()
            self._tell()

    async def _answer(self, connection: ServerConnection, seen: Seen, message: str | bytes) -> None:
        event = json.loads(message) if isinstance(message, str) and message.startswith('{"type"') else {}
        kind = event.get("type")
        if kind == "close":
            await connection.close(event["code"], event.get("reason", ""))
        elif kind == "die":
            connection.transport.abort()
        elif kind == "garbage":
            connection.transport.write(b"\xff\xff\xff\xff")
        elif kind == "deaf":
            await asyncio.sleep(event["seconds"])
            for _ in range(event["count"]):
                await connection.recv()
            await connection.send(str(event["count"]))
        elif kind == "ping":
            await (await connection.ping())
            await connection.send(json.dumps({"type": "ponged"}))
        elif kind == "flood":
            for _ in range(event["count"]):
                await connection.send("x" * event["size"])
                seen.sent += 1
        elif kind == "response.create":
            await connection.send(json.dumps({"type": "response.output_text.delta", "delta": '"response.done"'}))
            await connection.send(json.dumps({"type": "response.done", "response": {"usage": USAGE}}, indent=1))
        elif kind == "transcribe":
            usage = {"type": "tokens", "total_tokens": 7, "input_tokens": 5, "output_tokens": 2}
            name = "conversation.item.input_audio_transcription.completed"
            await connection.send(json.dumps({"type": name, "transcript": "Hi", "usage": usage}))
        else:
            await connection.send(message)

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> RealtimeVendor:
        ready = threading.Event()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            async with serve(
                self._talk,
                "127.0.0.1",
                0,
                process_request=self._judge,
                compression=None,
                max_size=None,
                max_queue=4,
                close_timeout=1,
            ) as server:
                self.port = server.sockets[0].getsockname()[1]
                ready.set()
                await self._stop.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def stop(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
