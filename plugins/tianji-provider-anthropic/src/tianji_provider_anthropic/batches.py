"""Message batches (https://platform.claude.com/docs/en/build-with-claude/batch-processing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from tianji_core.api.batches import BatchAPI, BatchResult, BatchState
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.pass_through import PassThrough
from tianji_core.translate.anthropic.betas import HEADER

PATH = "/v1/messages/batches"
ENDPOINT = "/v1/messages"
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""What the errors of results are called, as statuses (https://platform.claude.com/docs/en/api/errors)."""


class MessageBatches(BatchAPI):
    """The calls go up in the body; the results come as JSON lines of their own."""

    max_lines = 100_000
    max_bytes = 256 * 1024 * 1024
    between = b","
    joined_headers = frozenset({HEADER})

    def endpoint(self, request: UpstreamRequest) -> str | None:
        return ENDPOINT if urlsplit(request.url).path.endswith("/messages") else None

    def line(self, custom_id: str, endpoint: str, request: UpstreamRequest) -> bytes:
        assert isinstance(request.body, bytes)  # noqa: S101 - calls to models are held in memory
        return orjson.dumps({"custom_id": custom_id, "params": orjson.Fragment(request.body)})

    def create(self, batch_id: str, endpoint: str, file_id: str | None) -> PassThrough:
        return PassThrough("POST", PATH, headers=[("content-type", "application/json")])

    def around(self) -> tuple[bytes, bytes]:
        return b'{"requests":[', b"]}"

    def get(self, vendor_id: str) -> PassThrough:
        return PassThrough("GET", _path(vendor_id))

    def cancel(self, vendor_id: str) -> PassThrough:
        return PassThrough("POST", f"{_path(vendor_id)}/cancel")

    def state(self, answer: Mapping[str, Any]) -> BatchState:
        counts = answer["request_counts"]
        completed, failed = counts.get("succeeded") or 0, counts.get("errored") or 0
        if answer["processing_status"] != "ended":
            return BatchState(None, completed, failed)
        results = (PassThrough("GET", f"{_path(answer['id'])}/results"),)
        cancelled = bool(counts.get("canceled")) or answer.get("cancel_initiated_at") is not None
        ended = "cancelled" if cancelled else "expired" if counts.get("expired") else "completed"
        return BatchState(ended, completed, failed, results=results)  # type: ignore[arg-type]  # words of `Ended`

    def result(self, line: Mapping[str, Any]) -> BatchResult | None:
        result = line["result"]
        if result["type"] == "succeeded":
            return BatchResult(line["custom_id"], 200, result["message"])
        if result["type"] != "errored":
            return None
        told = result["error"]
        error = told.get("error") or told
        return BatchResult(
            line["custom_id"], _STATUSES.get(error.get("type", ""), 500), {"type": "error", "error": error}
        )


def _path(vendor_id: str) -> str:
    return f"{PATH}/{quote(vendor_id, safe='')}"
