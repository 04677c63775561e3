"""OpenAI's own client and what is kept: every method of files, fine_tuning, vector_stores, assistants and threads."""

from __future__ import annotations

import io

import openai
import pytest
from fake_openai import FakeOpenAI

from tianji_core.testing import FakeUpstream
from tianji_core.testing.server import ServerProcess

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
KEY = "sk-e2e-0123456789abcdefghij"


@pytest.fixture(scope="module")
def vendor():
    return FakeOpenAI()


@pytest.fixture(scope="module")
def client(vendor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    with FakeUpstream(script=vendor.script) as upstream:
        row = {"model_name": "gpt", "litellm_params": {"model": "openai/gpt-x", "api_base": upstream.base}}
        row["litellm_params"]["api_key"] = "sk-up"
        config = {
            "model_list": [row],
            "general_settings": {"master_key": KEY, "database_url": f"sqlite:///{folder}/store.db"},
        }
        gateway = ServerProcess(config, folder).start()
        try:
            base = f"http://127.0.0.1:{gateway.port}/v1"
            with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0, timeout=10) as found:
                yield found
        finally:
            gateway.stop()


def new_file(client, content=b"text", purpose="assistants", **more):
    return client.files.create(file=("a.txt", io.BytesIO(content)), purpose=purpose, **more)


def test_files(client, vendor):
    made = new_file(client, b"one", "user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert (made.filename, made.bytes, made.expires_at - made.created_at) == ("a.txt", 3, 3600)
    assert client.files.retrieve(made.id) == made
    assert client.files.wait_for_processing(made.id).status == "processed"
    assert client.files.content(made.id).read() == b"one"
    assert client.files.retrieve_content(made.id) == "one"
    others = [new_file(client, purpose="batch").id for _ in range(3)]
    page = client.files.list(limit=2, purpose="batch", order="asc")
    assert [each.id for each in page] == others, "the client follows the pages"
    there = new_file(client, b"there", extra_body={"custom_llm_provider": "openai"})
    assert there.id not in vendor.files
    assert client.files.content(there.id).read() == b"there"
    by_model = new_file(client, b"there", extra_body={"target_model_names": "gpt"})
    assert client.files.delete(by_model.id).deleted
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
    with pytest.raises(openai.BadRequestError):
        client.files.create(file=b"x", purpose="nonsense")


def test_fine_tuning(client, vendor):
    jobs = client.fine_tuning.jobs
    file = new_file(client, b"{}\n", "fine-tune")
    made = jobs.create(model="gpt-4o-mini", training_file=file.id, hyperparameters={"n_epochs": 1})
    assert (made.training_file, made.model, made.hyperparameters.n_epochs) == (file.id, "gpt-4o-mini", 1)
    assert jobs.retrieve(made.id) == made
    assert jobs.pause(made.id).status == "paused"
    assert jobs.resume(made.id).status == "running"
    assert [each.id for each in jobs.list(limit=5)] == [made.id]
    assert made.id in next(iter(jobs.list_events(made.id))).message
    assert next(iter(jobs.checkpoints.list(made.id))).fine_tuning_job_id == made.id
    vendor.finish_job(next(iter(vendor.jobs)))
    done = jobs.retrieve(made.id)
    assert client.files.content(done.result_files[0]).text.startswith("step,loss")
    assert jobs.cancel(jobs.create(model="gpt", training_file=file.id).id).status == "cancelled"
    grader = {"type": "string_check", "name": "n", "input": "a", "operation": "eq", "reference": "a"}
    client.fine_tuning.alpha.graders.run(grader=grader, model_sample="a")
    client.fine_tuning.alpha.graders.validate(grader=grader)


def test_vector_stores(client):
    stores = client.vector_stores
    file = new_file(client)
    store = stores.create(name="s", file_ids=[file.id])
    assert stores.retrieve(store.id).file_counts.total == 1
    assert stores.update(store.id, name="t").name == "t"
    assert store.id in [each.id for each in stores.list()]
    assert [each.file_id for each in stores.search(store.id, query="text")] == [file.id]
    more = new_file(client, b"more")
    assert stores.files.create(store.id, file_id=more.id).id == more.id
    assert stores.files.retrieve(more.id, vector_store_id=store.id).status == "completed"
    assert stores.files.update(more.id, vector_store_id=store.id, attributes={"a": "b"}).attributes == {"a": "b"}
    assert next(iter(stores.files.content(more.id, vector_store_id=store.id))).text == "more"
    assert {each.id for each in stores.files.list(store.id)} == {file.id, more.id}
    third = new_file(client, b"third")
    assert stores.files.create_and_poll(third.id, vector_store_id=store.id).status == "completed"
    assert stores.files.poll(third.id, vector_store_id=store.id).id == third.id
    assert stores.files.upload(vector_store_id=store.id, file=("b.txt", b"up")).status == "completed"
    assert stores.files.upload_and_poll(vector_store_id=store.id, file=("c.txt", b"up")).status == "completed"
    assert stores.files.delete(third.id, vector_store_id=store.id).id == third.id
    batch = stores.file_batches.create(store.id, file_ids=[third.id])
    assert stores.file_batches.retrieve(batch.id, vector_store_id=store.id).vector_store_id == store.id
    assert third.id in [each.id for each in stores.file_batches.list_files(batch.id, vector_store_id=store.id)]
    assert stores.file_batches.poll(batch.id, vector_store_id=store.id).status == "completed"
    assert stores.file_batches.create_and_poll(store.id, file_ids=[third.id]).status == "completed"
    uploaded = stores.file_batches.upload_and_poll(store.id, files=[("d.txt", b"d"), ("e.txt", b"e")])
    assert uploaded.status == "completed"
    assert stores.file_batches.cancel(batch.id, vector_store_id=store.id).id == batch.id
    assert stores.delete(store.id).deleted


def test_assistants_and_threads(client):
    assistants, threads = client.beta.assistants, client.beta.threads
    store = client.vector_stores.create(file_ids=[new_file(client).id])
    resources = {"file_search": {"vector_store_ids": [store.id]}}
    assistant = assistants.create(model="gpt", tools=[{"type": "file_search"}], tool_resources=resources)
    assert assistant.tool_resources.file_search.vector_store_ids == [store.id]
    assert assistant.model == "gpt"
    assert assistants.retrieve(assistant.id) == assistant
    assert assistants.update(assistant.id, name="n").name == "n"
    assert [each.id for each in assistants.list()] == [assistant.id]

    thread = threads.create(messages=[{"role": "user", "content": "Hi"}])
    assert threads.retrieve(thread.id).id == thread.id
    assert threads.update(thread.id, metadata={"a": "b"}).metadata == {"a": "b"}
    message = threads.messages.create(thread.id, role="user", content="Hello")
    assert threads.messages.retrieve(message.id, thread_id=thread.id) == message
    assert threads.messages.update(message.id, thread_id=thread.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert message.id in [each.id for each in threads.messages.list(thread.id)]
    assert threads.messages.delete(message.id, thread_id=thread.id).deleted

    runs, asked = threads.runs, {"thread_id": thread.id, "assistant_id": assistant.id}
    run = runs.create(**asked)
    assert (run.thread_id, run.assistant_id) == (thread.id, assistant.id)
    assert runs.retrieve(run.id, thread_id=thread.id).id == run.id
    assert runs.update(run.id, thread_id=thread.id, metadata={}).id == run.id
    assert run.id in [each.id for each in runs.list(thread.id)]
    assert runs.create_and_poll(**asked).status == "completed"
    assert runs.poll(run.id, thread.id).status == "completed"
    (step,) = runs.steps.list(run.id, thread_id=thread.id)
    assert runs.steps.retrieve(step.id, thread_id=thread.id, run_id=run.id).thread_id == thread.id
    outputs = {"thread_id": thread.id, "tool_outputs": [{"tool_call_id": "c", "output": "o"}]}
    assert runs.submit_tool_outputs(run.id, **outputs).id == run.id
    assert runs.submit_tool_outputs_and_poll(run_id=run.id, **outputs).status == "completed"
    assert runs.cancel(run.id, thread_id=thread.id).status == "cancelled"

    for event in runs.create(**asked, stream=True):
        assert thread.id in str(event.data) or event.event == "thread.message.delta"
    with runs.stream(**asked) as stream:
        stream.until_done()
        assert stream.get_final_run().usage.total_tokens == 18
        assert stream.get_final_messages()[0].thread_id == thread.id
    with runs.submit_tool_outputs_stream(run_id=run.id, **outputs) as stream:
        stream.until_done()
    with runs.create_and_stream(**asked) as stream:
        stream.until_done()

    first = {"assistant_id": assistant.id, "thread": {"messages": [{"role": "user", "content": "Hi"}]}}
    begun = threads.create_and_run(**first)
    assert threads.retrieve(begun.thread_id).id == begun.thread_id
    assert threads.create_and_run_poll(**first).status == "completed"
    with threads.create_and_run_stream(**first) as stream:
        stream.until_done()
        made = stream.get_final_run().thread_id
    assert threads.delete(made).deleted
    with pytest.raises(openai.NotFoundError):
        threads.retrieve(made)
    assert threads.delete(thread.id).deleted
    assert assistants.delete(assistant.id).deleted


def test_conversations(client, vendor):
    hello = {"type": "message", "role": "user", "content": "Hello"}
    made = client.conversations.create(items=[hello], metadata={"a": "b"})
    assert client.conversations.retrieve(made.id) == made
    assert client.conversations.update(made.id, metadata={"c": "d"}).metadata == {"c": "d"}
    (added,) = client.conversations.items.create(made.id, items=[hello]).data
    assert client.conversations.items.retrieve(added.id, conversation_id=made.id).role == "user"
    assert len(client.conversations.items.list(made.id).data) == 2
    assert client.conversations.items.delete(added.id, conversation_id=made.id).id == made.id
    answer = client.responses.create(model="gpt", input="Hi", conversation=made.id)
    assert (answer.output_text, answer.conversation.id) == ("2", made.id)
    with client.responses.stream(model="gpt", input="Hi", conversation=made.id) as stream:
        assert stream.get_final_response().conversation.id == made.id
    assert made.id not in vendor.conversations
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="gpt", input="Hi", conversation=made.id)


def test_uploads(client, vendor, tmp_path):
    told = {"filename": "a.txt", "purpose": "user_data", "bytes": 6, "mime_type": "text/plain"}
    begun = client.uploads.create(**told)
    parts = [client.uploads.parts.create(begun.id, data=data).id for data in (b"abc", b"def")]
    done = client.uploads.complete(begun.id, part_ids=parts)
    assert (done.id, done.status) == (begun.id, "completed")
    assert client.files.content(done.file.id).read() == b"abcdef"
    assert client.uploads.cancel(client.uploads.create(**told).id).status == "cancelled"
    assert not {begun.id, done.file.id} & {*vendor.uploads, *vendor.files}
    path = tmp_path / "large.txt"
    path.write_bytes(b"0123456789" * 100)
    chunked = client.uploads.upload_file_chunked(file=path, mime_type="text/plain", purpose="user_data", part_size=300)
    assert client.files.content(chunked.file.id).read() == path.read_bytes()
