"""What vendors keep for callers: training (`/v1/fine_tuning`), vector stores, assistants, threads, conversations,
files that come in parts (`/v1/uploads`).

Nothing of it is kept here but whose it is and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.callback import CallKind
from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.call import Call
from tianji_core.server.asgi import parse_json, read_body
from tianji_core.server.forms import is_form
from tianji_core.server.permissions import Doc, GuardedRoute
from tianji_core.server.routes.recorded import Handler, KeptRoute, Streamed, read_limit, read_order, recorded
from tianji_core.server.uploads import Incoming

if TYPE_CHECKING:
    from tianji_core.gateway.objects.relay import Answer, Asked, Relay
    from tianji_core.server.app import App, Serving

MAX_LISTED = 100
_KEPT = Doc("", "KeptObject", body="object", stream="object")
_FILE = Doc("What is in a file that a vendor keeps", media=("*/*",))
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}


class Family(NamedTuple):
    """The paths of one kind of thing: where it is made and listed, and what is below each of them."""

    kind: str
    records_as: CallKind
    path: str
    id: str
    below: tuple[tuple[str, str], ...]
    prefixes: tuple[str, ...] = ("", "/v1")
    lists: bool = True


FAMILIES = (
    Family(
        "fine_tuning_job",
        "fine_tuning",
        "/fine_tuning/jobs",
        "fine_tuning_job_id",
        (
            ("", "GET"),
            ("/cancel", "POST"),
            ("/pause", "POST"),
            ("/resume", "POST"),
            ("/events", "GET"),
            ("/checkpoints", "GET"),
        ),
        ("", "/v1", "/{provider}/v1"),
    ),
    Family(
        "vector_store",
        "vector_stores",
        "/vector_stores",
        "vector_store_id",
        (
            ("", "GET POST DELETE"),
            ("/search", "POST"),
            ("/files", "GET POST"),
            ("/files/{file_id}", "GET POST DELETE"),
            ("/files/{file_id}/content", "GET"),
            ("/file_batches", "POST"),
            ("/file_batches/{batch_id}", "GET"),
            ("/file_batches/{batch_id}/cancel", "POST"),
            ("/file_batches/{batch_id}/files", "GET"),
        ),
    ),
    Family("upload", "files", "/uploads", "upload_id", (("/complete", "POST"), ("/cancel", "POST")), lists=False),
    Family("assistant", "assistants", "/assistants", "assistant_id", (("", "GET POST DELETE"),)),
    Family(
        "conversation",
        "conversations",
        "/conversations",
        "conversation_id",
        (("", "GET POST DELETE"), ("/items", "GET POST"), ("/items/{item_id}", "GET DELETE")),
        lists=False,
    ),
    Family(
        "thread",
        "assistants",
        "/threads",
        "thread_id",
        (
            ("", "GET POST DELETE"),
            ("/messages", "GET POST"),
            ("/messages/{message_id}", "GET POST DELETE"),
            ("/runs", "GET POST"),
            ("/runs/{run_id}", "GET POST"),
            ("/runs/{run_id}/cancel", "POST"),
            ("/runs/{run_id}/submit_tool_outputs", "POST"),
            ("/runs/{run_id}/steps", "GET"),
            ("/runs/{run_id}/steps/{step_id}", "GET"),
        ),
        lists=False,
    ),
)


def routes(app: App) -> list[GuardedRoute]:
    found: list[GuardedRoute] = []

    def add(kind: CallKind, path: str, handler: Handler, *methods: str) -> None:
        doc = _FILE if path.endswith("/content") else _KEPT._replace(summary=f"Kept by a vendor: {word[1:]}")
        found.append(KeptRoute(word, path, recorded(app, kind, handler), *methods, doc=doc))

    for family in FAMILIES:
        word = family.path
        for prefix in family.prefixes:
            path = prefix + family.path
            add(family.records_as, path, _creates(family.kind), "POST")
            if family.lists:
                add(family.records_as, path, _lists(family.kind), "GET")
            if family.kind == "thread":
                add(family.records_as, f"{path}/runs", _creates(family.kind, "/runs"), "POST")
            for below, methods in family.below:
                one = f"{path}/{{{family.id}}}{below}"
                add(family.records_as, one, _asks(family, below), *methods.split())
    for prefix in ("", "/v1"):
        doc = Doc("A part of a file that is uploaded in parts", "KeptObject", form="UploadPartForm")
        run = recorded(app, "files", _add_part)
        found.append(KeptRoute("/uploads", f"{prefix}/uploads/{{upload_id}}/parts", run, "POST", doc=doc))
        for action in ("run", "validate"):
            path = word = f"/fine_tuning/alpha/graders/{action}"
            add("fine_tuning", prefix + path, _grades(path), "POST")
    return found


def _creates(kind: str, rest: str = "") -> Handler:
    async def create(request: Request, serving: Serving, call: Call) -> Response:
        return _written(await _relay(serving, call).create(kind, await _asked(request, serving, rest)))

    return create


def _lists(kind: str) -> Handler:
    async def listing(request: Request, serving: Serving, call: Call) -> Response:
        query = request.query_params
        found = await _relay(serving, call).listed(
            kind,
            after=query.get("after") or None,
            before=query.get("before") or None,
            limit=read_limit(query.get("limit"), 20, MAX_LISTED),
            order=read_order(query.get("order")),
        )
        return JSONResponse(found)

    return listing


def _asks(family: Family, below: str) -> Handler:
    cursors = below in ("/files", "/file_batches/{batch_id}/files")

    async def ask(request: Request, serving: Serving, call: Call) -> Response:
        given = request.path_params
        # What is inside a thing has the vendor's id, for its parent is checked; only files have ids of ours.
        names = {name: _segment(value) for name, value in given.items() if name != "file_id"}
        asked = await _asked(request, serving, below.format(**names, file_id="{file}"))
        asked.cursors = cursors
        answer = await _relay(serving, call).ask(family.kind, given[family.id], asked, given.get("file_id"))
        return _written(answer)

    return ask


async def _add_part(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.objects.relay import Form

    headers: dict[bytes, bytes] = dict(request.scope["headers"])
    if not is_form(headers):
        raise BadRequestError("A part comes in a form, as `data`.", param="data")
    limit = int(serving.gateway.config.general_settings.max_upload_size_mb * 1024 * 1024)
    coming = Incoming(request.receive, headers, limit)
    form = Form(headers[b"content-type"].decode("latin-1"), coming.parts(), coming.length)
    return _written(await _relay(serving, call).send_form("upload", request.path_params["upload_id"], "/parts", form))


def _grades(path: str) -> Handler:
    async def grade(request: Request, serving: Serving, call: Call) -> Response:
        asked = await _asked(request, serving, "")
        return _written(await _relay(serving, call).ask_any("fine_tuning", path, asked))

    return grade


def _relay(serving: Serving, call: Call) -> Relay:
    from tianji_core.gateway.objects.relay import Relay

    return Relay(serving.gateway, call)


async def _asked(request: Request, serving: Serving, rest: str) -> Asked:
    """What a request asks for. Raises BadRequestError, RequestTooLargeError, ClientDisconnected."""
    from tianji_core.gateway.objects.relay import Asked

    body: Any = None
    if request.method == "POST":
        headers: dict[bytes, bytes] = dict(request.scope["headers"])
        data = await read_body(request.scope, request.receive, headers, serving.max_request_bytes)
        if data.strip():
            body = parse_json(data)
            if not isinstance(body, dict):
                raise BadRequestError("The request body must be a JSON object.", param="request_body")
    query = request.query_params
    provider = (
        query.get("custom_llm_provider")
        or query.get("provider")
        or request.headers.get("custom-llm-provider")
        or request.path_params.get("provider")
    )
    return Asked(request.method, rest, dict(query), body, provider, request.headers.get("openai-beta"))


def _written(answer: Answer) -> Response:
    return JSONResponse(answer) if isinstance(answer, dict) else Streamed(answer, EVENTS, events=True)


def _segment(id: str) -> str:
    """A vendor's id in a path. Raises BadRequestError for what would lead elsewhere."""
    if not id.strip(".") or not id.isascii() or not id.isprintable():
        raise BadRequestError("This is no id.", param="id")
    return quote(id, safe="")
