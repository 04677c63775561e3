"""The yardstick: the least a Python gateway on ordinary parts can do.

Starlette in front, one aiohttp session behind, uvicorn (httptools, uvloop) below. A POST goes to the upstream as it
came, the answer comes back as it is. No auth, no parsing, no logic. `uvicorn --app-dir benchmarks echo_proxy:app`
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

UPSTREAM = os.environ["BENCH_UPSTREAM"] + "/chat/completions"
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-upstream"}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        app.state.session = session
        yield


async def relay(request: Request) -> Response:
    session: aiohttp.ClientSession = request.app.state.session
    answer = await session.post(UPSTREAM, data=await request.body(), headers=HEADERS)
    content_type = answer.headers.get("content-type", "application/json")
    if content_type.startswith("text/event-stream"):
        return StreamingResponse(pieces(answer), answer.status, media_type=content_type)
    async with answer:
        return Response(await answer.read(), answer.status, media_type=content_type)


async def pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for piece in answer.content.iter_any():
            yield piece


async def health(_: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(
    routes=[Route("/v1/chat/completions", relay, methods=["POST"]), Route("/health", health)], lifespan=lifespan
)
