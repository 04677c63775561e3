"""Our providers against a mock that others wrote: every vendor's format that it knows, through a running gateway.

The mock is the npm package in `vendor_mock/package.json`. It is installed under `.venv` at the first run; without Node
these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.server import ServerProcess

HERE = Path(__file__).parent / "vendor_mock"
FOLDER = Path(__file__).resolve().parents[2] / ".venv" / "vendor-mock"
MASTER_KEY = "sk-e2e-0123456789abcdefghij"
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {member: {"type": "string"}}}},
    }
    for name, member in (("get_weather", "city"), ("get_time", "tz"))
]
AWS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret", "aws_region_name": "us-east-1"}
SAYS = "Hello from the mock — schön. 🗼"

CHATS: dict[str, dict[str, Any]] = {
    "openai": {"model": "openai/gpt-4o-mini", "api_base": "{url}/v1"},
    "openai_compatible": {"model": "openai_compatible/any", "api_base": "{url}/v1"},
    "groq": {"model": "groq/llama-3.3-70b-versatile", "api_base": "{url}/v1"},
    "mistral": {"model": "mistral/mistral-small-latest", "api_base": "{url}/v1"},
    "anthropic": {"model": "anthropic/claude-sonnet-4-5", "api_base": "{url}"},
    "gemini": {"model": "gemini/gemini-2.5-flash", "api_base": "{url}/v1beta"},
    "vertex_ai": {
        "model": "vertex_ai/gemini-2.5-flash",
        "api_base": "{url}",
        "vertex_project": "p",
        "vertex_location": "us-central1",
        "vertex_credentials": "{service_account}",
    },
    "azure": {"model": "azure/gpt-4o-mini", "api_base": "{url}", "api_version": "2024-10-21"},
    "bedrock": {"model": "bedrock/anthropic.claude-sonnet-4-5-v1:0", "aws_bedrock_runtime_endpoint": "{url}", **AWS},
    "bedrock invoke": {
        "model": "bedrock/invoke/anthropic.claude-sonnet-4-5-v1:0",
        "aws_bedrock_runtime_endpoint": "{url}",
        **AWS,
    },
    "cohere": {"model": "cohere/command-a-03-2025", "api_base": "{url}/v2/chat"},
    "ollama_chat": {"model": "ollama_chat/llama3.1", "api_base": "{url}"},
    "openrouter": {"model": "openrouter/openai/gpt-4o-mini", "api_base": "{url}/api/v1"},
}
EMBEDDINGS: dict[str, dict[str, Any]] = {
    "openai": {"model": "openai/text-embedding-3-small", "api_base": "{url}/v1"},
    "azure": {"model": "azure/text-embedding-3-small", "api_base": "{url}", "api_version": "2024-10-21"},
    "cohere": {"model": "cohere/embed-v4.0", "api_base": "{url}/v2/embed"},
}
"""Not Ollama's: there the mock answers `/api/embed` in the shape of the older `/api/embeddings`."""


@pytest.fixture(scope="module")
def vendors() -> Iterator[str]:
    """The mock's address."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "serve.mjs"):
        shutil.copy(HERE / name, FOLDER / name)
    if not (FOLDER / "node_modules").is_dir():
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        done = subprocess.run(install, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"the mock cannot be installed: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        ["node", "serve.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def client(vendors: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """OpenAI's client, pointed at a gateway with a row for each format."""
    folder = tmp_path_factory.mktemp("vendor-mock")
    with FakeUpstream(Answer.json({"access_token": "ya29.token", "expires_in": 3600})) as tokens:
        account = service_account(f"{tokens.url}/token")
        rows = [row(name, params, vendors, account) for name, params in CHATS.items()]
        rows += [row(f"{name} embeddings", params, vendors, account) for name, params in EMBEDDINGS.items()]
        config = folder / "config.yaml"
        general, router = {"master_key": MASTER_KEY}, {"num_retries": 0}
        config.write_text(json.dumps({"model_list": rows, "general_settings": general, "router_settings": router}))
        server = ServerProcess(config, folder / "run").start()
        try:
            with openai.OpenAI(base_url=f"{server.url}/v1", api_key=MASTER_KEY, max_retries=0, timeout=20) as found:
                yield found
        finally:
            server.stop()


def row(name: str, params: dict[str, Any], url: str, account: str) -> dict[str, Any]:
    filled = {key: value.replace("{url}", url) for key, value in params.items()}
    filled = {key: value.replace("{service_account}", account) for key, value in filled.items()}
    return {"model_name": name, "litellm_params": {"api_key": "sk-mock", **filled}}


def service_account(token_uri: str) -> str:
    """A key file as Google hands them out, with a key made for this run."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "test@p.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
    )


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("name", CHATS)
def test_chat_and_stream_say_the_same(client: openai.OpenAI, name: str) -> None:
    whole = client.chat.completions.create(model=name, messages=said("hello"), max_tokens=50)
    assert whole.choices[0].message.content == SAYS
    assert whole.choices[0].finish_reason == "stop"
    assert whole.model == name
    assert whole.usage is not None
    chunks = list(client.chat.completions.create(model=name, messages=said("hello"), max_tokens=50, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SAYS
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]


@pytest.mark.parametrize("name", CHATS)
def test_tool_calls_there_and_back(client: openai.OpenAI, name: str) -> None:
    asked = said("two calls")
    answer = client.chat.completions.create(model=name, messages=asked, tools=TOOLS, max_tokens=50).choices[0]
    assert answer.finish_reason == "tool_calls"
    calls = answer.message.tool_calls or []
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"tz": "CET"}),
    ]
    assert len({c.id for c in calls}) == 2
    results = [{"role": "tool", "tool_call_id": c.id, "content": '{"sky": "blue"}'} for c in calls]
    more = [*asked, answer.message.model_dump(exclude_none=True), *results]
    last = client.chat.completions.create(model=name, messages=more, tools=TOOLS, max_tokens=50).choices[0]
    assert last.message.content == "It is sunny in Paris."


@pytest.mark.parametrize("name", CHATS)
def test_tool_calls_in_a_stream(client: openai.OpenAI, name: str) -> None:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    finish = None
    stream = client.chat.completions.create(
        model=name, messages=said("two calls"), tools=TOOLS, max_tokens=50, stream=True
    )
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                names[call.index] = names.get(call.index, "") + (call.function.name or "")
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert finish == "tool_calls"
    assert names == {0: "get_weather", 1: "get_time"}
    assert [json.loads(arguments[index]) for index in (0, 1)] == [{"city": "Paris"}, {"tz": "CET"}]


@pytest.mark.parametrize("name", CHATS)
def test_errors_are_the_right_ones(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=name, messages=said("too often"), max_tokens=50)
    assert "Slow down." in str(caught.value)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=name, messages=said("broken"), max_tokens=50, stream=True)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings(client: openai.OpenAI, name: str) -> None:
    answer = client.embeddings.create(model=f"{name} embeddings", input="embed me", encoding_format="float")
    assert answer.data[0].embedding == pytest.approx([0.1, -0.2, 0.3])
