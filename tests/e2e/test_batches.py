"""Batches in real processes: killed, restarted, several at one database; and OpenAI's own client."""

from __future__ import annotations

import json
import time

import anthropic
import openai
import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.server import ServerProcess

KEY = "sk-e2e-0123456789abcdefghij"
CHAT = "/v1/chat/completions"
QUICK = {"TIANJI_BATCH_LEASE": "0.9", "DATABASE_URL": "", "TIANJI_MASTER_KEY": ""}


def jsonl(count, first=0):
    return b"".join(
        json.dumps(
            {
                "custom_id": f"c{number}",
                "method": "POST",
                "url": CHAT,
                "body": {"model": "m", "messages": [{"role": "user", "content": f"c{number}"}]},
            }
        ).encode()
        + b"\n"
        for number in range(first, first + count)
    )


@pytest.fixture
def vendor():
    with FakeUpstream(script=lambda _: Answer.chat().but(delay=0.02)) as upstream:
        yield upstream


@pytest.fixture
def start(vendor, tmp_path):
    """`start(url)`: a gateway over the vendor, and a client for it."""
    servers, clients = [], []

    def run(database, concurrency=4):
        params = {"model": "openai_compatible/up-1", "api_base": vendor.base, "api_key": "sk-up"}
        config = {
            "model_list": [{"model_name": "m", "litellm_params": params}],
            "general_settings": {"master_key": KEY, "database_url": database, "batch_concurrency": concurrency},
        }
        server = ServerProcess(config, tmp_path / f"server{len(servers)}", env=QUICK).start()
        servers.append(server)
        clients.append(openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0))
        return server, clients[-1]

    yield run
    for client in clients:
        client.close()
    for server in servers:
        server.stop()
        assert "Traceback" not in server.log(), server.log()


def created(client, content):
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")


def over(client, batch, seconds=30.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.05)
    raise AssertionError(batch)


def entries(client, file):
    return [json.loads(text) for text in client.files.content(file).text.splitlines()]


def answered(client, batch):
    """The custom_ids in the output, as often as they stand there."""
    return sorted(entry["custom_id"] for entry in entries(client, batch.output_file_id))


def test_a_killed_gateway_goes_on_after_its_restart(start, vendor, tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    server, client = start(url)
    batch = created(client, jsonl(200))
    vendor.request_seen(120, 20)
    server.process.kill()
    server.process.wait()
    before = len(vendor.requests)
    _, client = start(url, concurrency=8)
    batch = over(client, batch)
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("completed", 200, 0)
    assert answered(client, batch) == sorted(f"c{number}" for number in range(200))
    assert before < 200, "it was killed too late to show anything"
    # What was under way, and what had not been written down yet, is asked again; what was written down is not.
    assert len(vendor.requests) < 200 + before
    assert len(client.files.list(purpose="batch_output").data) == 1


def test_replicas_share_batches_and_take_over_from_one_that_dies(postgres_url, start, vendor):
    (first, one), (_, two) = start(postgres_url), start(postgres_url)
    batches = [created(client, jsonl(60, first=60 * number)) for number, client in enumerate((one, two, one))]
    vendor.request_seen(60, 20)
    for batch in batches:
        assert two.batches.retrieve(batch.id).status in ("validating", "in_progress")
    first.process.kill()
    first.process.wait()
    for number, batch in enumerate(batches):
        batch = over(two, batch)
        assert (batch.status, batch.request_counts.completed) == ("completed", 60)
        assert answered(two, batch) == sorted(f"c{n}" for n in range(60 * number, 60 * number + 60))


def test_official_clients(start, vendor, tmp_path):
    server, client = start(f"sqlite:///{tmp_path}/store.db")
    openais(client, vendor)
    with anthropic.Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as claude:
        anthropics(claude.messages.batches)


def openais(client, vendor):
    batch = created(client, jsonl(5))
    assert (batch.object, batch.status) == ("batch", "validating")
    batch = over(client, batch)
    assert batch.request_counts.total == 5
    assert len(answered(client, batch)) == 5
    other = created(client, jsonl(400))
    vendor.request_seen(10, 20)
    assert client.batches.cancel(other.id).status == "cancelling"
    other = over(client, other)
    assert other.status == "cancelled"
    assert {each["error"]["code"] for each in entries(client, other.error_file_id)} == {"batch_cancelled"}
    assert [each.id for each in client.batches.list(limit=1)] == [other.id, batch.id]
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_1")
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def anthropics(batches):
    params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    batch = batches.create(requests=[{"custom_id": "a", "params": params}, {"custom_id": "b", "params": params}])
    deadline = time.monotonic() + 20
    while batch.processing_status != "ended" and time.monotonic() < deadline:
        time.sleep(0.05)
        batch = batches.retrieve(batch.id)
    assert batch.request_counts.succeeded == 2
    results = {each.custom_id: each.result for each in batches.results(batch.id)}
    assert results["a"].message.content[0].text == "Hello!"
    assert [each.id for each in batches.list(limit=1)] == [batch.id]
    with pytest.raises(anthropic.BadRequestError):
        batches.cancel(batch.id)
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve("msgbatch_1")
