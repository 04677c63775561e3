"""Batches of OpenAI's API, and of vendors that have copied it.

https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from tianji_core.api.batches import BatchAPI, BatchResult, BatchState, Ended
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.pass_through import PassThrough

ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses", "/moderations", "/images/generations")
_ENDED: dict[str, Ended] = {
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
_NEVER_MADE = frozenset({"batch_expired", "batch_cancelled"})
_MARK = "tianji_batch_id"
"""Our id in the batch's metadata, to find a batch again whose making was not heard of."""
_JSON = ("content-type", "application/json")


class OpenAIBatches(BatchAPI):
    """A file of lines goes up first; the results come as files, too.

    `endpoints` are the ends of the paths that the vendor takes in batches, `prefix` is what it wants before them.
    """

    uploads = True

    def __init__(self, endpoints: tuple[str, ...] = ENDPOINTS, prefix: str = "/v1", *, own_rows: bool = False) -> None:
        self.own_rows = own_rows
        self._endpoints = endpoints
        self._prefix = prefix

    def endpoint(self, request: UpstreamRequest) -> str | None:
        path = urlsplit(request.url).path
        return next((self._prefix + end for end in self._endpoints if path.endswith(end)), None)

    def line(self, custom_id: str, endpoint: str, request: UpstreamRequest) -> bytes:
        assert isinstance(request.body, bytes)  # noqa: S101 - calls to models are held in memory
        body = orjson.Fragment(request.body)
        return orjson.dumps({"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body})

    def create(self, batch_id: str, endpoint: str, file_id: str | None) -> PassThrough:
        asked = {
            "input_file_id": file_id,
            "endpoint": endpoint,
            "completion_window": "24h",
            "metadata": {_MARK: batch_id},
        }
        return PassThrough("POST", "/batches", headers=[_JSON], body=orjson.dumps(asked))

    def get(self, vendor_id: str) -> PassThrough:
        return PassThrough("GET", f"/batches/{quote(vendor_id, safe='')}")

    def cancel(self, vendor_id: str) -> PassThrough:
        return PassThrough("POST", f"/batches/{quote(vendor_id, safe='')}/cancel")

    def find(self, batch_id: str) -> PassThrough | None:
        return PassThrough("GET", "/batches", query="limit=100")

    def found(self, batch_id: str, answer: Mapping[str, Any]) -> str | None:
        for each in answer["data"]:
            if (each.get("metadata") or {}).get(_MARK) == batch_id:
                return str(each["id"])
        return None

    def state(self, answer: Mapping[str, Any]) -> BatchState:
        counts = answer.get("request_counts") or {}
        files = [answer.get(name) for name in ("output_file_id", "error_file_id")]
        return BatchState(
            _ENDED.get(answer["status"]),
            counts.get("completed") or 0,
            counts.get("failed") or 0,
            tuple((answer.get("errors") or {}).get("data") or ()),
            tuple(PassThrough("GET", f"/files/{quote(file, safe='')}/content") for file in files if file),
        )

    def result(self, line: Mapping[str, Any]) -> BatchResult | None:
        response = line.get("response")
        if response is not None:
            return BatchResult(line["custom_id"], response["status_code"], response["body"])
        error = line["error"]
        if error["code"] in _NEVER_MADE:
            return None
        status = 408 if error["code"] == "request_timeout" else 500
        return BatchResult(line["custom_id"], status, {"error": error})
