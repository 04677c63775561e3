"""Message batches: the same batches as Anthropic's clients ask for them and see them.

https://platform.claude.com/docs/en/api/creating-message-batches
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.gateway.batches.lines import read_lines
from tianji_core.gateway.batches.shapes import Asked
from tianji_core.store.objects import StoredObject

PREFIX = "msgbatch_"
ENDPOINT = "/v1/messages"
WINDOW = 24 * 3600
_OVER = ("completed", "failed", "expired", "cancelled")
_UNDONE = {"batch_cancelled": "canceled", "batch_expired": "expired"}


def read_requests(body: Any) -> list[bytes]:
    """The requests of a message batch as lines of an input file. Raises BadRequestError."""
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        raise BadRequestError("requests: a list of at least one request is needed.", param="requests")
    found: dict[str, bytes] = {}
    for index, each in enumerate(requests):
        custom_id = each.get("custom_id") if isinstance(each, dict) else None
        params = each.get("params") if isinstance(each, dict) else None
        if not isinstance(custom_id, str) or not custom_id or not isinstance(params, dict):
            raise BadRequestError(f"requests.{index}: custom_id and params are needed.", param="requests")
        if custom_id in found:
            raise BadRequestError(f"requests.{index}: custom_id stands in another request too.", param="requests")
        line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": params}
        found[custom_id] = orjson.dumps(line) + b"\n"
    return list(found.values())


def asked_for(file_id: str) -> Asked:
    """What a message batch is in the words of the others."""
    return Asked(file_id, ENDPOINT, "24h", WINDOW, None, None, None)


def message_batch(stored: StoredObject) -> Body:
    """The object of Anthropic's API. Clients go to `results_url`; without a host it is below whatever leads here."""
    data, status = stored.data, stored.status or ""
    over = status in _OVER
    counts = data["counts"]
    rest = max(counts["total"] - counts["completed"] - counts["failed"], 0)
    return {
        "id": stored.id,
        "type": "message_batch",
        "processing_status": "ended" if over else "canceling" if status == "cancelling" else "in_progress",
        "request_counts": {
            "processing": 0 if over else rest,
            "succeeded": counts["completed"],
            "errored": counts["failed"],
            "canceled": rest if status == "cancelled" else 0,
            "expired": rest if status == "expired" else 0,
        },
        "created_at": _time(stored.created_at),
        "expires_at": _time(data["expires_at"]),
        "ended_at": _time(data.get(f"{status}_at")) if over else None,
        "cancel_initiated_at": _time(data.get("cancelling_at")),
        "archived_at": None,
        "results_url": f"{ENDPOINT}/batches/{stored.id}/results" if over else None,
    }


async def results(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of an output or error file as results."""
    async for _, text in read_lines(parts):
        line = orjson.loads(text)
        yield orjson.dumps({"custom_id": line["custom_id"], "result": _result(line)}) + b"\n"


def _result(line: Body) -> Body:
    response = line["response"]
    if response is None:
        return {"type": _UNDONE.get(line["error"]["code"], "canceled")}
    if response["status_code"] == 200:
        return {"type": "succeeded", "message": response["body"]}
    return {"type": "errored", "error": response["body"]}


def _time(seconds: float | None) -> str | None:
    """A time as RFC 3339 has it."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")
