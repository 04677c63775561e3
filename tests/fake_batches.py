"""Fakes of vendors that do batches: OpenAI's, which is also Azure's, and Anthropic's.

A batch is under way until a test lets it end with `finish`.
"""

from __future__ import annotations

import json
import time
from typing import Any

from fake_openai import FakeOpenAI, Values

from tianji_core.testing import Answer


class BatchingOpenAI(FakeOpenAI):
    """https://platform.openai.com/docs/api-reference/batch"""

    def __init__(self, prefix: str = "/v1", key: str | None = "sk-up") -> None:
        super().__init__(prefix, key)
        self.batches: dict[str, Values] = {}

    def on_batches(self, request: Any, rest: list[str]) -> Values | Answer:
        if not rest:
            return self.listed(self.batches.values()) if request.method == "GET" else self._made(request.json())
        batch = self.batches.get(rest[0])
        if batch is None:
            return self.missing(rest[0])
        if rest[1:] == ["cancel"]:
            batch["status"] = "cancelling"
        return batch

    def _made(self, asked: Values) -> Values | Answer:
        if asked["input_file_id"] not in self.files:
            return self.missing(asked["input_file_id"])
        if asked["completion_window"] != "24h":
            return Answer.error(400, "Invalid value for completion_window.")
        lines = self.lines(asked["input_file_id"])
        assert all(line["url"] == asked["endpoint"] for line in lines)
        id = self.id("batch_")
        self.batches[id] = {
            **asked,
            "id": id,
            "object": "batch",
            "status": "in_progress",
            "created_at": int(time.time()),
            "request_counts": {"total": len(lines), "completed": 1, "failed": 0},
            "errors": None,
            "output_file_id": None,
            "error_file_id": None,
        }
        return self.batches[id]

    def lines(self, file: str) -> list[Values]:
        return [json.loads(text) for text in self.contents[file].splitlines()]

    def finish(self, answer: Any, status: str = "completed", most: int | None = None) -> None:
        """End all batches: `answer(body)` gives status and body for a line, or None if it is never asked."""
        for batch in self.batches.values():
            good, bad = [], []
            for number, line in enumerate(reversed(self.lines(batch["input_file_id"]))):
                told = None if most is not None and number >= most else answer(line["body"])
                entry = {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": None, "error": None}
                if told is None:
                    entry["error"] = {"code": f"batch_{status}", "message": "Too late."}
                else:
                    entry["response"] = {"status_code": told[0], "request_id": f"r{number}", "body": told[1]}
                (good if told is not None and told[0] == 200 else bad).append(entry)
            for name, entries in (("output_file_id", good), ("error_file_id", bad)):
                if entries:
                    content = b"".join(json.dumps(each).encode() + b"\n" for each in entries)
                    batch[name] = self.make_file(content, f"{name}.jsonl", "batch_output")["id"]
            batch["status"] = status
            batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}


class BatchingAnthropic:
    """https://platform.claude.com/docs/en/api/creating-message-batches"""

    PATH = "/v1/messages/batches"

    def __init__(self) -> None:
        self.batches: dict[str, Values] = {}
        self.asked: dict[str, list[Values]] = {}
        self.results: dict[str, bytes] = {}
        self.headers: list[Any] = []

    def script(self, request: Any) -> Answer:
        if request.headers.get("x-api-key") != "sk-ant":
            return Answer.json({"type": "error", "error": {"type": "authentication_error", "message": "No."}}, 401)
        path = request.path.removeprefix(self.PATH).strip("/").split("/")
        if not request.path.startswith(self.PATH):
            return self._missing()
        if path == [""]:
            return Answer.json(self._made(request))
        batch = self.batches.get(path[0])
        if batch is None:
            return self._missing()
        if path[1:] == ["results"]:
            return Answer.text(self.results[path[0]], content_type="application/x-jsonl")
        if path[1:] == ["cancel"]:
            batch |= {"processing_status": "canceling", "cancel_initiated_at": "2026-01-01T00:00:00Z"}
        return Answer.json(batch)

    def _missing(self) -> Answer:
        return Answer.json({"type": "error", "error": {"type": "not_found_error", "message": "Not found."}}, 404)

    def _made(self, request: Any) -> Values:
        self.headers.append(request.headers)
        asked = request.json()["requests"]
        id = f"msgbatch_Vendor{len(self.batches):018d}"
        counts = {"processing": len(asked), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        self.asked[id] = asked
        self.batches[id] = {
            "id": id,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": counts,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        return self.batches[id]

    def finish(self, result: Any) -> None:
        """End all batches: `result(params)` gives the result of a request."""
        for id, batch in self.batches.items():
            results = [{"custom_id": each["custom_id"], "result": result(each["params"])} for each in self.asked[id]]
            counts = dict.fromkeys(batch["request_counts"], 0)
            for each in results:
                counts[each["result"]["type"]] += 1
            self.results[id] = b"".join(json.dumps(each).encode() + b"\n" for each in results)
            batch |= {"processing_status": "ended", "request_counts": counts}
