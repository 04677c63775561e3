"""Files and vector stores that prompts name by the gateway's ids: each vendor gets its own ids, or the content."""

from __future__ import annotations

import base64
import json

import pytest
from batch_callers import User, line
from fake_openai import FakeOpenAI
from upload_forms import key, upload

from tianji_core.testing import Answer, FakeUpstream

PDF = b"%PDF-1.4 " + b"0123456789" * 100
DATA = base64.b64encode(PDF).decode()
UNKNOWN = "file-" + "0" * 32
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "x",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "x",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}


class FakeVendor(FakeOpenAI):
    """A vendor with files that answers prompts too, and remembers them; `down` has it fail."""

    def __init__(self, **how):
        super().__init__(**how)
        self.prompts = []
        self.headers = []
        self.down = False

    def script(self, request):
        if request.method == "POST" and "generateContent" in request.target:
            return self.answered(request, GEMINI)
        if self.prefix == "/v1" and request.path == "/v1/messages/count_tokens":
            return self.answered(request, {"input_tokens": 42})
        return super().script(request)

    def answered(self, request, answer):
        if self.down:
            return Answer.error(500, "Out of order.")
        self.prompts.append(request.json())
        self.headers.append(request.headers)
        return Answer.json(answer)

    def on_files(self, request, rest):
        prefix, self.prefix = self.prefix, "/anthropic"  # which asks for no purpose
        try:
            return super().on_files(request, rest)
        finally:
            self.prefix = prefix

    def on_chat(self, request, rest):
        return self.answered(request, CHAT)

    def on_responses(self, request, rest):
        if rest == ["input_tokens"]:
            return self.answered(request, {"object": "response.input_tokens", "input_tokens": 11})
        return self.answered(request, RESPONSE)

    def on_messages(self, request, rest):
        return self.answered(request, MESSAGE)


@pytest.fixture
def vendor(fake_upstream):
    fake = FakeVendor()
    fake_upstream.answer(script=fake.script)
    return fake


@pytest.fixture
def gpt(row, fake_upstream):
    return row(fake_upstream, "gpt", "openai/gpt-x")


@pytest.fixture
def claude(row, fake_upstream):
    return row(fake_upstream.url, "claude", "anthropic/claude-sonnet-4-5")


@pytest.fixture
def gemini(row, fake_upstream):
    return row(fake_upstream.url, "gemini", "gemini/gemini-2.5-flash")


async def kept(client, who="ann", filename="a.pdf", content=PDF, **said):
    made = await upload(client, who, content=content, filename=filename, purpose="user_data", **said)
    assert made.status == 200, made.body
    return made.json()["id"]


def chat(id, model="gpt", **more):
    parts = [{"type": "text", "text": "Read"}, {"type": "file", "file": {"file_id": id}}]
    return {"model": model, "messages": [{"role": "user", "content": parts}], **more}


def responses(*parts, model="gpt", **more):
    return {"model": model, "input": [{"role": "user", "content": list(parts)}], **more}


def messages(*blocks, model="claude", **more):
    return {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": list(blocks)}], **more}


async def post(client, path, body, who="ann", **headers):
    answer = await client.post(path, body, headers={**key(who), **headers})
    assert answer.status == 200, answer.body
    return answer.json()


def test_chat(with_callers, vendor, gpt):
    async def main(client):
        id = await kept(client)
        assert vendor.files == {}
        for _ in range(2):
            await post(client, "/v1/chat/completions", chat(id))
        (theirs,) = vendor.files
        assert vendor.contents[theirs] == PDF
        for prompt in vendor.prompts:
            assert prompt["messages"] == chat(theirs)["messages"]

    with_callers(main, rows=[gpt])


def test_ids_that_are_not_ours_go_through(with_callers, vendor, gpt):
    async def main(client):
        stranger = "file-AbCdEfGhIjKlMnOpQrStUv"
        asked = chat(stranger)
        asked["messages"][0]["content"].append({"type": "text", "text": f'"{UNKNOWN}"'})
        await post(client, "/v1/chat/completions", asked)
        assert vendor.prompts[0]["messages"] == asked["messages"]
        store = "vs_" + "1" * 32
        await post(client, "/v1/responses", {"model": "gpt", "input": "Hi", "tools": searching(store)})
        assert vendor.prompts[1]["tools"] == searching(store)
        assert vendor.files == {}

    with_callers(main, rows=[gpt])


def searching(store):
    return [{"type": "file_search", "vector_store_ids": [store]}]


def test_with_the_database_away(with_callers, vendor, gpt, postgres_url, postgres_cut):
    """Vector stores may be the vendor's own; files of this form are ours."""

    async def main(client):
        id = await kept(client)
        postgres_cut.cut()
        store = "vs_" + "1" * 32
        await post(client, "/v1/responses", {"model": "gpt", "input": "Hi", "tools": searching(store)})
        assert vendor.prompts[0]["tools"] == searching(store)
        assert (await client.post("/v1/chat/completions", chat(id), headers=key("ann"))).status == 503
        assert len(vendor.prompts) == 1
        postgres_cut.mend()

    with_callers(main, postgres_cut.url(postgres_url), rows=[gpt])


def test_what_a_tool_was_called_with_stays(with_callers, vendor, gpt, claude):
    async def main(client):
        id = await kept(client)
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": f'{{"file_id": "{id}"}}'}}
        asked = chat(id)
        asked["messages"] += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": f'"{id}"'},
        ]
        await post(client, "/v1/chat/completions", asked)
        assert vendor.prompts[0]["messages"][1]["tool_calls"] == [call]
        assert vendor.prompts[0]["messages"][2] == asked["messages"][2]
        use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"file_id": id, "type": "file"}}
        said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [use]}]
        found = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [document(id)]}
        said.append({"role": "user", "content": [found]})
        await post(client, "/v1/messages", {"model": "claude", "max_tokens": 10, "messages": said})
        sent = vendor.prompts[1]["messages"]
        assert sent[1]["content"] == [use]
        assert sent[2]["content"][0]["content"][0]["source"]["file_id"] in vendor.files

    with_callers(main, rows=[gpt, claude])


def document(id, kind="document", **more):
    return {"type": kind, "source": {"type": "file", "file_id": id}, **more}


def test_responses(with_callers, vendor, gpt):
    async def main(client):
        pdf, image = await kept(client), await kept(client, filename="a.png", content=b"PNG")
        made = await client.post("/v1/vector_stores", {"file_ids": [pdf]}, headers=key("ann"))
        store = made.json()["id"]
        container = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [pdf, image]}}
        asked = responses(
            {"type": "input_file", "file_id": pdf},
            {"type": "input_image", "file_id": image, "detail": "low"},
            tools=[*searching(store), container, {"type": "function", "name": "f", "parameters": {}}],
        )
        output = [{"type": "input_file", "file_id": pdf}]
        asked["input"].append({"type": "function_call_output", "call_id": "c", "output": output})
        await post(client, "/v1/responses", asked)
        assert (await post(client, "/v1/responses/input_tokens", asked))["input_tokens"] == 11
        assert vendor.prompts[1]["input"] == vendor.prompts[0]["input"]
        theirs = {
            id: next(k for k in vendor.files if vendor.contents[k] == c) for id, c in ((pdf, PDF), (image, b"PNG"))
        }
        theirs[store] = next(iter(vendor.stores))
        text = json.dumps([asked["input"], asked["tools"]])
        for ours, vendors in theirs.items():
            text = text.replace(ours, vendors)
        assert [vendor.prompts[0]["input"], vendor.prompts[0]["tools"]] == json.loads(text)

    with_callers(main, rows=[gpt])


def test_messages(with_callers, vendor, claude):
    async def main(client):
        pdf, image = await kept(client), await kept(client, filename="a.png", content=b"PNG")
        uploaded = {"type": "container_upload", "file_id": pdf}
        asked = messages(document(pdf, title="A", citations={"enabled": True}), document(image, "image"), uploaded)
        await post(client, "/v1/messages", asked)
        await post(client, "/v1/messages", asked, **{"anthropic-beta": "some-beta"})
        counted = {name: value for name, value in asked.items() if name != "max_tokens"}
        assert (await post(client, "/v1/messages/count_tokens", counted))["input_tokens"] == 42
        assert len(vendor.files) == 2
        for prompt in vendor.prompts:
            one, two, three = prompt["messages"][0]["content"]
            assert vendor.contents[one["source"]["file_id"]] == PDF
            assert three == {**uploaded, "file_id": one["source"]["file_id"]}
            assert {**one, "source": None} == {**asked["messages"][0]["content"][0], "source": None}
            assert vendor.contents[two["source"]["file_id"]] == b"PNG"
        assert vendor.headers[0]["anthropic-beta"] == "files-api-2025-04-14"
        assert vendor.headers[1]["anthropic-beta"].split(",") == ["some-beta", "files-api-2025-04-14"]

    with_callers(main, rows=[claude])


def test_chat_with_claude(with_callers, vendor, claude):
    """Translated, to a vendor with files: documents by its ids, images as data."""

    async def main(client):
        pdf, image = await kept(client), await kept(client, filename="a.png", content=b"PNG")
        await post(client, "/v1/chat/completions", chat(pdf, "claude"))
        await post(client, "/v1/chat/completions", chat(image, "claude"))
        (theirs,) = vendor.files
        assert vendor.prompts[0]["messages"][0]["content"][1] == document(theirs)
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"PNG").decode()}
        assert vendor.prompts[1]["messages"][0]["content"][1] == {"type": "image", "source": source}
        assert vendor.headers[0]["anthropic-beta"] == "files-api-2025-04-14"

    with_callers(main, rows=[claude])


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize(("filename", "media"), [("a.pdf", "application/pdf"), ("a.png", "image/png")])
def test_a_vendor_without_files_gets_the_content(with_callers, vendor, gemini, dialect, filename, media):
    async def main(client):
        id = await kept(client, filename=filename)
        image = media.startswith("image/")
        path, asked = {
            "chat": ("/v1/chat/completions", chat(id, "gemini")),
            "responses": (
                "/v1/responses",
                responses({"type": "input_image" if image else "input_file", "file_id": id}, model="gemini"),
            ),
            "messages": ("/v1/messages", messages(document(id, "image" if image else "document"), model="gemini")),
        }[dialect]
        await post(client, path, asked)
        parts = vendor.prompts[0]["contents"][0]["parts"]
        assert {"inlineData": {"data": DATA, "mimeType": media}} in parts
        assert vendor.files == {}

    with_callers(main, rows=[gemini])


def test_hosts_without_files_get_the_content_natively(with_callers, vendor, row, fake_upstream):
    async def main(client):
        pdf, text = await kept(client), await kept(client, filename="a.txt", content=b"Hello")
        await post(client, "/v1/messages", messages(document(pdf, title="A"), document(text)))
        one, two = vendor.prompts[0]["messages"][0]["content"]
        source = {"type": "base64", "media_type": "application/pdf", "data": DATA}
        assert one == {"type": "document", "title": "A", "source": source}
        assert two == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello"}}
        refused = await client.post(
            "/v1/messages", messages({"type": "container_upload", "file_id": pdf}), headers=key("ann")
        )
        assert refused.status == 400

    vendor.prefix = "/anthropic/v1"
    rows = [row(fake_upstream.url, "claude", "azure_ai/claude-sonnet-4-5")]
    with_callers(main, rows=rows)


def test_vendors_of_responses_that_take_no_such_files(with_callers, vendor, row, fake_upstream):
    """Azure has files, but none for prompts."""

    async def main(client):
        pdf, image = await kept(client), await kept(client, filename="a.png", content=b"PNG")
        parts = [{"type": "input_file", "file_id": pdf}, {"type": "input_image", "file_id": image, "detail": "low"}]
        await post(client, "/v1/responses", responses(*parts, model="az"))
        data = base64.b64encode(b"PNG").decode()
        assert vendor.prompts[0]["input"][0]["content"] == [
            {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "low"},
        ]
        tools = [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [pdf]}}]
        asked = {"model": "az", "input": "Hi", "tools": tools}
        refused = await client.post("/v1/responses", asked, headers=key("ann"))
        assert (refused.status, refused.error["param"]) == (400, "file_id")
        assert vendor.files == {}

    vendor.prefix = "/openai/v1"
    with_callers(main, rows=[row(fake_upstream.url, "az", "azure/dep", api_version="v1")])


def test_shapes_that_nobody_means(with_callers, vendor, gpt):
    async def main(client):
        id = await kept(client)
        deep = {"type": "text", "text": id}
        for _ in range(400):
            deep = {"type": "tool_result", "content": [deep]}
        for part in (
            {"type": ["file"], "file": {"file_id": id}},
            {"type": "file", "file": [id]},
            {"type": "file", "file": {"file_id": [id]}},
            {"type": "file"},
            deep,
        ):
            body = {"model": "gpt", "messages": [{"role": "user", "content": [part]}], "tools": [{"type": {}}]}
            answer = await client.post("/v1/chat/completions", body, headers=key("ann"))
            assert answer.status < 500, answer.body
        assert vendor.files == {}

    with_callers(main, rows=[gpt])


@pytest.mark.parametrize("id", ["theirs", UNKNOWN])
def test_files_that_are_not_the_callers(with_callers, vendor, gpt, claude, gemini, id):
    """Told alike, in the caller's dialect, and no vendor is asked."""

    async def main(client):
        named = await kept(client, "bob") if id == "theirs" else id
        for model in ("gpt", "gemini"):
            answer = await client.post("/v1/chat/completions", chat(named, model), headers=key("ann"))
            assert (answer.status, answer.error["message"]) == (404, f"No such File object: {named}")
        answer = await client.post(
            "/v1/responses", responses({"type": "input_file", "file_id": named}), headers=key("ann")
        )
        assert (answer.status, answer.error["message"]) == (404, f"No such File object: {named}")
        answer = await client.post("/v1/messages", messages(document(named)), headers=key("ann"))
        said = answer.json()
        assert (answer.status, said["type"], said["error"]["type"]) == (404, "error", "not_found_error")
        assert vendor.seen == []
        if id == "theirs":
            await post(client, "/v1/chat/completions", chat(named), "bob")
            await post(client, "/v1/chat/completions", chat(named), "boss")

    with_callers(main, rows=[gpt, claude, gemini])


def test_vector_stores_of_others_and_elsewhere(with_callers, vendor, gpt, row):
    async def main(client):
        store = (await client.post("/v1/vector_stores", {}, headers=key("ann"))).json()["id"]
        asked = {"model": "both", "input": "Hi", "tools": searching(store)}
        refused = await client.post("/v1/responses", asked, headers=key("bob"))
        assert refused.status == 404
        for _ in range(5):
            await post(client, "/v1/responses", asked)
        assert len(vendor.prompts) == 5, "the row beside it is taken"
        assert other.prompts == []
        file = await kept(client, first=[("model", "else")])
        for _ in range(5):
            await post(client, "/v1/chat/completions", chat(file, "both"))
        assert len(other.prompts) == 5, "a file that is at one vendor only is not carried about without need"
        elsewhere = await client.post("/v1/responses", {**asked, "model": "else"}, headers=key("ann"))
        assert (elsewhere.status, elsewhere.error["param"]) == (400, "tools")

    other = FakeVendor(key="sk-other")
    with FakeUpstream(script=other.script) as upstream:
        both = {**gpt, "model_name": "both"}
        rows = [gpt, both, *(row(upstream, n, "openai/gpt-y", api_key="sk-other") for n in ("both", "else"))]
        with_callers(main, rows=rows)


def test_fallbacks_get_it_too(with_callers, vendor, gpt, row):
    async def main(client):
        id = await kept(client)
        vendor.down = True
        answer = await client.post("/v1/chat/completions", chat(id, fallbacks=["else", "gemini"]), headers=key("ann"))
        assert answer.status == 200, answer.body
        (theirs,) = other.files
        assert other.contents[theirs] == PDF
        assert other.prompts[0]["messages"][0]["content"][1]["file"] == {"file_id": theirs}
        assert set(vendor.files) != set() != set(other.files)
        other.down = True
        answer = await client.post("/v1/chat/completions", chat(id, fallbacks=["else", "gemini"]), headers=key("ann"))
        assert answer.status == 200, answer.body
        assert third.prompts[0]["contents"][0]["parts"][1]["inlineData"]["data"] == DATA

    other, third = FakeVendor(key="sk-other"), FakeVendor(key=None)
    with FakeUpstream(script=other.script) as one, FakeUpstream(script=third.script) as two:
        rows = [
            gpt,
            row(one, "else", "openai/gpt-y", api_key="sk-other"),
            row(two.url, "gemini", "gemini/gemini-2.5-flash"),
        ]
        with_callers(main, rows=rows, router_settings={"num_retries": 0})


def test_a_conversation_that_goes_on(with_callers, vendor, gemini):
    """What was said before names the file; the request that goes on does not."""

    async def main(client):
        id = await kept(client)
        first = await post(client, "/v1/responses", responses({"type": "input_file", "file_id": id}, model="gemini"))
        more = {"model": "gemini", "input": "More", "previous_response_id": first["id"]}
        await post(client, "/v1/responses", more)
        for prompt in vendor.prompts:
            assert prompt["contents"][0]["parts"][0]["inlineData"]["data"] == DATA

    with_callers(main, rows=[gemini])


def test_batches(with_callers, vendor, gemini):
    async def main(client):
        ann = User(client, "ann")
        id = await kept(client)
        entries = [line("one", **chat(id, "gemini")), line("two", **chat(UNKNOWN, "gemini"))]
        batch = await ann.over(await ann.start(entries))
        assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
        (prompt,) = vendor.prompts
        assert prompt["contents"][0]["parts"][1]["inlineData"]["data"] == DATA

    with_callers(main, rows=[gemini])


def test_large_files_and_large_requests(with_callers, vendor, gpt, gemini):
    """They are worked on in a thread."""

    async def main(client):
        large = PDF * 1000
        id = await kept(client, content=large)
        asked = chat(id, "gemini")
        await post(client, "/v1/chat/completions", asked)
        data = vendor.prompts[0]["contents"][0]["parts"][1]["inlineData"]["data"]
        assert base64.b64decode(data) == large
        asked = chat(id)
        asked["messages"].insert(0, {"role": "user", "content": "x" * 1_000_000})
        await post(client, "/v1/chat/completions", asked)
        (theirs,) = vendor.files
        assert vendor.prompts[1]["messages"][1:] == chat(theirs)["messages"]

    with_callers(main, rows=[gpt, gemini])


def test_too_much_to_send_as_data(with_callers, vendor, gemini, monkeypatch):
    async def main(client):
        id = await kept(client)
        answer = await client.post("/v1/chat/completions", chat(id, "gemini"), headers=key("ann"))
        assert (answer.status, answer.error["param"]) == (400, "file_id")
        assert vendor.prompts == []

    monkeypatch.setattr("tianji_core.gateway.objects.prompts.MAX_INLINE", 500)
    with_callers(main, rows=[gemini])


def test_a_server_like_openais_without_files(with_callers, vendor, row, fake_upstream):
    async def main(client):
        id = await kept(client)
        await post(client, "/v1/chat/completions", chat(id, "m"))
        file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}
        assert vendor.prompts[0]["messages"][0]["content"][1] == {"type": "file", "file": file}

    vendor.refuse = lambda method, path: Answer.error(404, "Not Found") if path == "/files" else None
    with_callers(main, rows=[row(fake_upstream)])


def test_guardrails_and_records_see_what_the_client_sent(with_callers, vendor, gpt, tmp_path):
    async def main(client):
        id = await kept(client)
        await post(client, "/v1/chat/completions", chat(id))
        await post(client, "/v1/responses", responses({"type": "input_file", "file_id": id}))
        guardrail = client.app.serving.gateway.pipeline.guardrails.all[0].guardrail
        assert guardrail.seen == [[id], [id]]

    (tmp_path / "guards.py").write_text(GUARD)
    params = {"guardrail": "guards.Watch", "mode": "pre_call", "default_on": True}
    with_callers(main, rows=[gpt], guardrails=[{"guardrail_name": "watch", "litellm_params": params}])


GUARD = """
from tianji_core.api.guardrail import ALLOW, Guardrail


class Watch(Guardrail):
    stages = frozenset({"pre_call"})
    seen = []

    def __init__(self, settings):
        pass

    async def check(self, stage, payload):
        parts = payload.request["messages"][0]["content"]
        self.seen.append([part["file"]["file_id"] for part in parts if part["type"] == "file"])
        return ALLOW
"""
