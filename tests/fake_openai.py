"""A fake of what OpenAI and Azure keep for their callers: files, training, vector stores, assistants and threads.

It speaks the wire format of https://platform.openai.com/docs/api-reference and remembers what it is told. Ids that it
does not know are 404, so an id of the gateway's that slips through is found out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from tianji_core.testing import Answer

Values = dict[str, Any]


def parse_form(request: Any) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    """The fields and the files of a form."""
    boundary = re.search(r"boundary=([^;]+)", request.headers["content-type"])[1].encode()
    fields, files = {}, {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part[2:-2].partition(b"\r\n\r\n")
        text = head.decode()
        name = re.search(r'name="([^"]*)"', text)[1]
        filename = re.search(r'filename="([^"]*)"', text)
        if filename is None:
            fields[name] = value.decode()
        else:
            files[name] = (filename[1], re.search(r"(?i)content-type: (.*)", text)[1].strip(), value)
    return fields, files


class FakeOpenAI:
    """Hand `script` to a FakeUpstream. `prefix` is what stands before its paths, and `key` lets in."""

    def __init__(self, prefix: str = "/v1", key: str | None = "sk-up") -> None:
        self.prefix, self.key = prefix, key
        self.files: dict[str, Values] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, Values] = {}
        self.stores: dict[str, Values] = {}
        self.in_stores: dict[str, dict[str, Values]] = {}
        self.assistants: dict[str, Values] = {}
        self.threads: dict[str, Values] = {}
        self.uploads: dict[str, Values] = {}
        self.parts: dict[str, dict[str, bytes]] = {}
        self.conversations: dict[str, Values] = {}
        self.items: dict[str, dict[str, Values]] = {}
        self.messages: dict[str, dict[str, Values]] = {}
        self.runs: dict[str, dict[str, Values]] = {}
        self.seen: list[tuple[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.refuse: Callable[[str, str], Answer | None] = lambda method, path: None
        self._numbers = count(1)

    def id(self, prefix: str) -> str:
        return f"{prefix}Vendor{next(self._numbers):018d}"

    def script(self, request: Any) -> Answer:
        path = request.path
        if not path.startswith(self.prefix + "/"):
            return self.missing(f"path {path}")
        path = path[len(self.prefix) :]
        self.seen.append((request.method, path))
        self.queries.append(request.query)
        if self.key is not None and self.key not in (
            (request.headers.get("authorization") or "").removeprefix("Bearer "),
            request.headers.get("api-key"),
            request.headers.get("x-api-key"),
        ):
            return Answer.error(401, f"Incorrect API key provided: {request.headers.get('authorization')}.")
        refused = self.refuse(request.method, path)
        if refused is not None:
            return refused
        segments = path.strip("/").split("/")
        handler = getattr(self, f"on_{segments[0]}", None)
        if handler is None:
            return self.missing(path)
        found = handler(request, segments[1:])
        return found if isinstance(found, Answer) else Answer.json(found)

    def missing(self, what: str) -> Answer:
        return Answer.error(404, f"No such thing: '{what}'")

    def listed(self, values: Any) -> Values:
        data = list(values)
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": False}

    # -- files ---------------------------------------------------------------------------------------------------

    def make_file(self, content: bytes, filename: str, purpose: str) -> Values:
        file = {
            "id": self.id("file-"),
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
        }
        self.files[file["id"]] = file
        self.contents[file["id"]] = content
        return file

    def on_files(self, request: Any, rest: list[str]) -> Values | Answer:
        if not rest:
            if request.method == "GET":
                return self.listed(self.files.values())
            fields, files = parse_form(request)
            if "file" not in files:
                return Answer.error(400, "The form is cut.")
            if "purpose" not in fields and self.prefix != "/anthropic":
                return Answer.error(400, "Missing required parameter: 'purpose'")
            filename, _, content = files["file"]
            file = self.make_file(content, filename, fields.get("purpose", ""))
            file["form"] = fields
            return file
        if rest[0] not in self.files:
            return self.missing(rest[0])
        if rest[1:] == ["content"]:
            return Answer.text(self.contents[rest[0]], content_type="application/octet-stream")
        if request.method == "DELETE":
            del self.files[rest[0]]
            return {"id": rest[0], "object": "file", "deleted": True}
        return self.files[rest[0]]

    def unknown_files(self, ids: list[str | None]) -> Answer | None:
        for id in ids:
            if id is not None and id not in self.files:
                return Answer.error(400, f"File {id} does not exist")
        return None

    # -- training ------------------------------------------------------------------------------------------------

    def on_fine_tuning(self, request: Any, rest: list[str]) -> Values | Answer:
        if rest[0] != "jobs":
            return {"object": "grader", "echo": request.json()}
        if len(rest) == 1:
            if request.method == "GET":
                return self.listed(self.jobs.values())
            body = request.json()
            bad = self.unknown_files([body.get("training_file"), body.get("validation_file")])
            if bad is not None:
                return bad
            job = {
                "id": self.id("ftjob-"),
                "object": "fine_tuning.job",
                "created_at": int(time.time()),
                "model": body["model"],
                "organization_id": "org-1",
                "status": "queued",
                "training_file": body["training_file"],
                "validation_file": body.get("validation_file"),
                "result_files": [],
                "fine_tuned_model": None,
                "finished_at": None,
                "error": None,
                "hyperparameters": body.get("hyperparameters") or {"n_epochs": "auto"},
                "trained_tokens": None,
                "seed": 1,
                "metadata": body.get("metadata"),
            }
            self.jobs[job["id"]] = job
            return job
        job = self.jobs.get(rest[1])
        if job is None:
            return self.missing(rest[1])
        if len(rest) == 2:
            return job
        if rest[2] == "events":
            message = f"Created fine-tuning job: {job['id']}"
            event = {
                "id": self.id("ftevent-"),
                "object": "fine_tuning.job.event",
                "created_at": 1,
                "level": "info",
                "message": message,
                "type": "message",
            }
            return self.listed([event])
        if rest[2] == "checkpoints":
            point = {
                "id": self.id("ftckpt_"),
                "object": "fine_tuning.job.checkpoint",
                "created_at": 1,
                "fine_tuned_model_checkpoint": "ft:x:ckpt",
                "fine_tuning_job_id": job["id"],
                "metrics": {"step": 1},
                "step_number": 1,
            }
            return self.listed([point])
        job["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "running"}[rest[2]]
        return job

    def finish_job(self, id: str) -> str:
        """The job is done; the id of its result file."""
        result = self.make_file(b"step,loss\n1,0.5\n", "step_metrics.csv", "fine-tune-results")
        job = self.jobs[id]
        job.update(status="succeeded", fine_tuned_model="ft:gpt-x:org::1", result_files=[result["id"]])
        return result["id"]

    # -- vector stores -------------------------------------------------------------------------------------------

    def on_vector_stores(self, request: Any, rest: list[str]) -> Values | Answer:
        if (request.headers.get("openai-beta") or "") != "assistants=v2":
            return Answer.error(400, "OpenAI-Beta is missing")
        if not rest:
            if request.method == "GET":
                return self.listed(self.stores.values())
            body = request.json()
            bad = self.unknown_files(body.get("file_ids") or [])
            if bad is not None:
                return bad
            store = {
                "id": self.id("vs_"),
                "object": "vector_store",
                "created_at": int(time.time()),
                "name": body.get("name"),
                "usage_bytes": 0,
                "file_counts": {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0},
                "status": "completed",
                "last_active_at": int(time.time()),
                "metadata": body.get("metadata") or {},
            }
            self.stores[store["id"]] = store
            self.in_stores[store["id"]] = {}
            for id in body.get("file_ids") or []:
                self.add_to_store(store["id"], id)
            return store
        store = self.stores.get(rest[0])
        if store is None:
            return self.missing(rest[0])
        if len(rest) == 1:
            if request.method == "DELETE":
                del self.stores[rest[0]]
                return {"id": rest[0], "object": "vector_store.deleted", "deleted": True}
            if request.method == "POST":
                store.update(request.json())
            return store
        return getattr(self, f"store_{rest[1]}")(request, store, rest[2:])

    def add_to_store(self, store: str, id: str, attributes: Any = None) -> Values:
        file = {
            "id": id,
            "object": "vector_store.file",
            "created_at": int(time.time()),
            "usage_bytes": 5,
            "vector_store_id": store,
            "status": "completed",
            "last_error": None,
            "attributes": attributes or {},
        }
        self.in_stores[store][id] = file
        counts = self.stores[store]["file_counts"]
        counts["total"] = counts["completed"] = len(self.in_stores[store])
        return file

    def store_files(self, request: Any, store: Values, rest: list[str]) -> Values | Answer:
        files = self.in_stores[store["id"]]
        if not rest:
            if request.method == "GET":
                return self.listed(files.values())
            body = request.json()
            return self.unknown_files([body["file_id"]]) or self.add_to_store(
                store["id"], body["file_id"], body.get("attributes")
            )
        if rest[0] not in files:
            return self.missing(rest[0])
        if rest[1:] == ["content"]:
            text = self.contents[rest[0]].decode()
            return {"object": "vector_store.file_content.page", "data": [{"type": "text", "text": text}]}
        if request.method == "DELETE":
            del files[rest[0]]
            return {"id": rest[0], "object": "vector_store.file.deleted", "deleted": True}
        if request.method == "POST":
            files[rest[0]].update(request.json())
        return files[rest[0]]

    def store_search(self, request: Any, store: Values, rest: list[str]) -> Values:
        body = request.json()
        data = [
            {
                "file_id": id,
                "filename": self.files[id]["filename"],
                "score": 0.9,
                "attributes": {"file_id": "left alone"},
                "content": [{"type": "text", "text": self.contents[id].decode()}],
            }
            for id in self.in_stores[store["id"]]
        ]
        return {
            "object": "vector_store.search_results.page",
            "search_query": body["query"],
            "data": data,
            "has_more": False,
            "next_page": None,
        }

    def store_file_batches(self, request: Any, store: Values, rest: list[str]) -> Values | Answer:
        if not rest:
            body = request.json()
            ids = body.get("file_ids") or [each["file_id"] for each in body["files"]]
            bad = self.unknown_files(ids)
            if bad is not None:
                return bad
            for id in ids:
                self.add_to_store(store["id"], id)
            return self.batch(store, self.id("vsfb_"))
        if rest[1:] == ["files"]:
            return self.listed(self.in_stores[store["id"]].values())
        return self.batch(store, rest[0])

    def batch(self, store: Values, id: str) -> Values:
        return {
            "id": id,
            "object": "vector_store.file_batch",
            "created_at": int(time.time()),
            "vector_store_id": store["id"],
            "status": "completed",
            "file_counts": store["file_counts"],
        }

    # -- assistants and threads ----------------------------------------------------------------------------------

    def on_assistants(self, request: Any, rest: list[str]) -> Values | Answer:
        if not rest and request.method == "POST":
            body = request.json()
            bad = self.unknown_stores(body)
            if bad is not None:
                return bad
            assistant = {
                "id": self.id("asst_"),
                "object": "assistant",
                "created_at": int(time.time()),
                "name": body.get("name"),
                "description": None,
                "model": body["model"],
                "instructions": body.get("instructions"),
                "tools": body.get("tools") or [],
                "tool_resources": body.get("tool_resources"),
                "metadata": body.get("metadata") or {},
                "temperature": 1.0,
                "top_p": 1.0,
                "response_format": "auto",
            }
            self.assistants[assistant["id"]] = assistant
            return assistant
        if not rest:
            return self.listed(self.assistants.values())
        assistant = self.assistants.get(rest[0])
        if assistant is None:
            return self.missing(rest[0])
        if request.method == "DELETE":
            del self.assistants[rest[0]]
            return {"id": rest[0], "object": "assistant.deleted", "deleted": True}
        if request.method == "POST":
            assistant.update(request.json())
        return assistant

    def unknown_stores(self, body: Values) -> Answer | None:
        resources = body.get("tool_resources") or {}
        for id in (resources.get("file_search") or {}).get("vector_store_ids") or []:
            if id not in self.stores:
                return self.missing(id)
        return self.unknown_files((resources.get("code_interpreter") or {}).get("file_ids") or [])

    # -- files in parts ------------------------------------------------------------------------------------------

    def on_uploads(self, request: Any, rest: list[str]) -> Values | Answer:
        if not rest:
            begun = {"id": self.id("upload_"), "object": "upload", "status": "pending", "file": None, **request.json()}
            self.uploads[begun["id"]], self.parts[begun["id"]] = begun, {}
            return begun
        upload = self.uploads.get(rest[0])
        if upload is None:
            return self.missing(rest[0])
        parts = self.parts[rest[0]]
        if rest[1] == "parts":
            _, files = parse_form(request)
            part = {"id": self.id("part_"), "object": "upload.part", "created_at": 1, "upload_id": rest[0]}
            parts[part["id"]] = files["data"][2]
            return part
        if rest[1] == "cancel":
            upload["status"] = "cancelled"
            return upload
        content = b"".join(parts[id] for id in request.json()["part_ids"])
        if len(content) != upload["bytes"]:
            return Answer.error(400, "The parts are not all of it.")
        upload["status"] = "completed"
        upload["file"] = self.make_file(content, upload["filename"], upload["purpose"])
        return upload

    # -- conversations -------------------------------------------------------------------------------------------

    def on_conversations(self, request: Any, rest: list[str]) -> Values | Answer:
        body = request.json() if request.body else {}
        if not rest:
            made = {
                "id": self.id("conv_"),
                "object": "conversation",
                "created_at": int(time.time()),
                "metadata": body.get("metadata") or {},
            }
            self.conversations[made["id"]], self.items[made["id"]] = made, {}
            self.say(made["id"], body.get("items") or [])
            return made
        found = self.conversations.get(rest[0])
        if found is None:
            return self.missing(rest[0])
        if len(rest) == 1:
            if request.method == "DELETE":
                del self.conversations[rest[0]]
                return {"id": rest[0], "object": "conversation.deleted", "deleted": True}
            found.update(body)
            return found
        items = self.items[rest[0]]
        if len(rest) == 2:
            return self.listed(self.say(rest[0], body["items"]) if request.method == "POST" else items.values())
        if rest[2] not in items:
            return self.missing(rest[2])
        if request.method == "DELETE":
            del items[rest[2]]
            return found
        return items[rest[2]]

    def say(self, conversation: str, items: list[Values]) -> list[Values]:
        said = [{"status": "completed", "type": "message", **item, "id": self.id("msg_")} for item in items]
        for item in said:
            content = item["content"]
            if isinstance(content, str):
                item["content"] = [{"type": "input_text", "text": content}]
            self.items[conversation][item["id"]] = item
        return said

    def on_responses(self, request: Any, rest: list[str]) -> Values | Answer:
        """Only answers within a conversation: how many items it has."""
        body = request.json()
        conversation = body["conversation"]
        if conversation not in self.conversations:
            return self.missing(conversation)
        self.say(conversation, [{"role": "user", "content": body["input"]}])
        text = {"type": "output_text", "text": f"{len(self.items[conversation])}", "annotations": []}
        (answer,) = self.say(conversation, [{"role": "assistant", "content": [text]}])
        response = {
            "id": self.id("resp_"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "completed",
            "model": body["model"],
            "conversation": {"id": conversation},
            "output": [answer],
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        if not body.get("stream"):
            return response
        told = [
            ("response.created", {**response, "status": "in_progress", "output": []}),
            ("response.completed", response),
        ]
        return Answer.sse(
            *({"type": kind, "sequence_number": n, "response": each} for n, (kind, each) in enumerate(told)), done=False
        )

    # -- threads -------------------------------------------------------------------------------------------------

    def on_threads(self, request: Any, rest: list[str]) -> Values | Answer:
        if rest[:1] == ["runs"]:
            body = request.json()
            return self.start_run(self.make_thread(body.get("thread") or {}), body)
        if not rest:
            body = request.json() if request.body else {}
            return self.unknown_stores(body) or self.make_thread(body)
        thread = self.threads.get(rest[0])
        if thread is None:
            return self.missing(rest[0])
        if len(rest) == 1:
            if request.method == "DELETE":
                del self.threads[rest[0]]
                return {"id": rest[0], "object": "thread.deleted", "deleted": True}
            if request.method == "POST":
                thread.update(request.json())
            return thread
        return getattr(self, f"thread_{rest[1]}")(request, thread, rest[2:])

    def make_thread(self, body: Values) -> Values:
        thread = {
            "id": self.id("thread_"),
            "object": "thread",
            "created_at": int(time.time()),
            "metadata": body.get("metadata") or {},
            "tool_resources": body.get("tool_resources") or {},
        }
        self.threads[thread["id"]] = thread
        self.messages[thread["id"]] = {}
        self.runs[thread["id"]] = {}
        for message in body.get("messages") or []:
            self.add_message(thread, message)
        return thread

    def add_message(self, thread: Values, body: Values, **more: Any) -> Values:
        message = {
            "id": self.id("msg_"),
            "object": "thread.message",
            "created_at": int(time.time()),
            "thread_id": thread["id"],
            "role": body["role"],
            "status": "completed",
            "assistant_id": None,
            "run_id": None,
            "attachments": body.get("attachments") or [],
            "content": [{"type": "text", "text": {"value": body["content"], "annotations": []}}],
            "metadata": body.get("metadata") or {},
            **more,
        }
        self.messages[thread["id"]][message["id"]] = message
        return message

    def thread_messages(self, request: Any, thread: Values, rest: list[str]) -> Values | Answer:
        messages = self.messages[thread["id"]]
        if not rest:
            if request.method == "GET":
                return self.listed(messages.values())
            body = request.json()
            bad = self.unknown_files([each.get("file_id") for each in body.get("attachments") or []])
            return bad or self.add_message(thread, body)
        if rest[0] not in messages:
            return self.missing(rest[0])
        if request.method == "DELETE":
            del messages[rest[0]]
            return {"id": rest[0], "object": "thread.message.deleted", "deleted": True}
        if request.method == "POST":
            messages[rest[0]].update(request.json())
        return messages[rest[0]]

    def thread_runs(self, request: Any, thread: Values, rest: list[str]) -> Values | Answer:
        runs = self.runs[thread["id"]]
        if not rest:
            return self.listed(runs.values()) if request.method == "GET" else self.start_run(thread, request.json())
        run = runs.get(rest[0])
        if run is None:
            return self.missing(rest[0])
        if rest[1:2] == ["cancel"]:
            run["status"] = "cancelled"
        if rest[1:2] == ["submit_tool_outputs"] and request.json().get("stream"):
            return self.stream(thread, run)
        if rest[1:2] == ["steps"]:
            step = {
                "id": "step_1",
                "object": "thread.run.step",
                "created_at": 1,
                "run_id": run["id"],
                "assistant_id": run["assistant_id"],
                "thread_id": thread["id"],
                "type": "message_creation",
                "status": "completed",
                "step_details": {"type": "message_creation", "message_creation": {"message_id": "msg_1"}},
                "usage": None,
            }
            return step if len(rest) > 2 else self.listed([step])
        if request.method == "POST" and len(rest) == 1:
            run.update(request.json())
        return run

    def start_run(self, thread: Values, body: Values) -> Values | Answer:
        if body["assistant_id"] not in self.assistants:
            return self.missing(body["assistant_id"])
        run = {
            "id": self.id("run_"),
            "object": "thread.run",
            "created_at": int(time.time()),
            "thread_id": thread["id"],
            "assistant_id": body["assistant_id"],
            "status": "completed",
            "model": body.get("model") or self.assistants[body["assistant_id"]]["model"],
            "instructions": "",
            "tools": [],
            "metadata": {},
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
        self.runs[thread["id"]][run["id"]] = run
        cited = next(iter(self.files), None)
        answer = self.add_message(
            thread, {"role": "assistant", "content": "Hello!"}, assistant_id=body["assistant_id"], run_id=run["id"]
        )
        if cited is not None:
            citation = {"type": "file_citation", "text": "[1]", "file_citation": {"file_id": cited}}
            answer["content"][0]["text"]["annotations"] = [citation]
        return self.stream(thread, run) if body.get("stream") else run

    def stream(self, thread: Values, run: Values) -> Answer:
        message = list(self.messages[thread["id"]].values())[-1]
        delta = {
            "id": message["id"],
            "object": "thread.message.delta",
            "delta": {"content": [{"index": 0, "type": "text", "text": {"value": "Hello!"}}]},
        }
        events = [
            ("thread.created", thread),
            ("thread.run.created", {**run, "status": "queued", "usage": None}),
            ("thread.message.created", {**message, "content": []}),
            ("thread.message.delta", delta),
            ("thread.message.completed", message),
            ("thread.run.completed", run),
        ]
        pieces = [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events]
        return Answer(200, (("content-type", "text/event-stream"),), pieces=(*pieces, b"event: done\ndata: [DONE]\n\n"))
