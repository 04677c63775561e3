"""HTTP to the webhook: batches out, with retries where another try may help."""

from __future__ import annotations

import asyncio
import logging
from random import uniform

import httpx

from tianji_callback_generic_api.settings import GenericApiSettings, endpoint_of, headers_of

_LONGEST_DELAY = 30.0
_PARALLEL = 8
"""Requests under way at once with `log_format: single`; httpx's pool gets dearer with each."""
_READ = 64 << 10
"""Bytes of an answer that are read so that its connection can be used again; a longer one costs the connection."""


class Webhook:
    """The receiving end. Its client is made with the first request; redirects are not followed."""

    def __init__(self, settings: GenericApiSettings) -> None:
        """Raises ValueError if the endpoint or a header cannot be used."""
        self._settings = settings
        self._endpoint = endpoint_of(settings)
        self._headers = headers_of(settings)
        self.hurry = asyncio.Event()
        """Set when the gateway stops: from then on there is no long wait before another try."""
        self._client: httpx.AsyncClient | None = None
        self._quiet = _HideEndpoint(self._endpoint)

    async def post(self, events: list[bytes]) -> tuple[int, str]:
        """How many of the events were given up after all retries, and why."""
        if self._settings.log_format != "single":
            why = await self._deliver(self._body(events))
            return (len(events), why) if why else (0, "")
        slots = asyncio.Semaphore(_PARALLEL)

        async def one(event: bytes) -> str:
            async with slots:
                return await self._deliver(event)

        reasons = [why for why in await asyncio.gather(*map(one, events)) if why]
        return len(reasons), reasons[-1] if reasons else ""

    async def aclose(self) -> None:
        """Close the client; does nothing if there is none."""
        client, self._client = self._client, None
        if client is not None:
            logging.getLogger("httpx").removeFilter(self._quiet)
            await client.aclose()

    def _body(self, events: list[bytes]) -> bytes:
        if self._settings.log_format == "ndjson":
            return b"\n".join(events) + b"\n"
        return b"[" + b",".join(events) + b"]"

    async def _deliver(self, body: bytes) -> str:
        """One request and its retries: why it was given up, or an empty string."""
        delay = self._settings.retry_delay
        for left in range(self._settings.max_retries, -1, -1):
            try:
                async with asyncio.timeout(self._settings.timeout):
                    status = await self._attempt(body)
            except (httpx.TransportError, TimeoutError, OSError) as error:
                why = type(error).__name__  # its text may hold the endpoint, and that a token
            else:
                if 200 <= status < 300:
                    return ""
                why = f"status {status}"
                if status < 500:
                    return why
            if left:
                await self._pause(uniform(delay / 2, delay))  # noqa: S311 - jitter, no secret
                delay = min(delay * 2, _LONGEST_DELAY)
        return why

    async def _pause(self, seconds: float) -> None:
        shortest = min(seconds, self._settings.retry_delay)
        try:
            async with asyncio.timeout(seconds - shortest):
                await self.hurry.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(shortest)

    async def _attempt(self, body: bytes) -> int:
        if self._client is None:
            self._client = httpx.AsyncClient(
                headers=self._headers, timeout=self._settings.timeout, follow_redirects=False
            )
            logging.getLogger("httpx").addFilter(self._quiet)
        async with self._client.stream("POST", self._endpoint, content=body) as response:
            read = 0
            async for piece in response.aiter_raw():
                read += len(piece)
                if read > _READ:
                    break
            return response.status_code


class _HideEndpoint(logging.Filter):
    """httpx logs the URL of every request at INFO; ours may carry a token in its path or query, so it stays out."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._url = str(httpx.URL(endpoint))

    def filter(self, record: logging.LogRecord) -> bool:
        return not (isinstance(record.args, tuple) and any(str(arg) == self._url for arg in record.args))
