"""OpenAI's own Python client against a running gateway."""

from __future__ import annotations

import asyncio

import openai
import pytest

HI = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=10) as found:
        yield found


@pytest.mark.parametrize("model", ["m", "openai-m", "any/thing"])
def test_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, temperature=0.5, max_tokens=20)
    assert answer.choices[0].message.content == "Hello hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == model
    assert answer.usage.total_tokens == 27


def test_stream(client):
    chunks = list(client.chat.completions.create(model="m", messages=HI, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello hello"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {c.model for c in chunks} == {"m"}


def test_stream_with_usage(client):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="m", messages=HI, stream=True, stream_options=options))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 27
    assert all(c.usage is None for c in chunks[:-1])


def test_usage_that_the_gateway_has_counted(client):
    """The client takes the member that says so."""
    asked = [{"role": "user", "content": "uncounted"}]
    usage = client.chat.completions.create(model="m", messages=asked).usage
    assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens > 0
    assert usage.estimated is True
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(model="m", messages=asked, stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert last.usage.estimated is True
    assert all(chunk.usage is None for chunk in chunks)
    with client.chat.completions.stream(model="m", messages=asked, stream_options=options) as stream:
        stream.until_done()
        assert stream.get_final_completion().usage.completion_tokens == last.usage.completion_tokens


def test_the_stream_helper(client):
    with client.chat.completions.stream(model="m", messages=HI) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds
    assert final.choices[0].message.content == "Hello hello"


def test_completions_and_embeddings(client):
    text = client.completions.create(model="m", prompt="hello")
    assert text.choices[0].text == "Hello hello"
    parts = list(client.completions.create(model="m", prompt="hello", stream=True))
    assert "".join(p.choices[0].text for p in parts if p.choices) == "Hello hello"
    vector = client.embeddings.create(model="m", input="hello", encoding_format="float")
    assert vector.data[0].embedding == [0.5, -0.5]
    assert vector.model == "m"


def test_models(client):
    assert [m.id for m in client.models.list()][:3] == ["m", "openai-m", "echo"]
    assert client.models.retrieve("echo").id == "echo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (413, openai.APIStatusError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_a_vendors_errors(client, status, kind, stream):
    with pytest.raises(kind) as raised:
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": f"status {status}"}], stream=stream
        )
    assert type(raised.value) is kind
    assert raised.value.status_code == status
    assert f"Status {status}." in raised.value.message
    assert raised.value.code == str(status)
    assert raised.value.response.headers["x-litellm-call-id"]


def test_our_own_errors(client, gateway):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="nope", messages=HI)
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="m", messages=HI, temperature="hot")
    assert raised.value.param == "temperature"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").chat.completions.create(model="m", messages=HI)
    with pytest.raises(openai.NotFoundError):
        client.with_options(base_url=gateway.url + "/v7").chat.completions.create(model="m", messages=HI)


def test_a_stream_that_breaks(client):
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "break"}], stream=True)
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert "ended before it was complete" in raised.value.message


def test_time_outs(client):
    never = [{"role": "user", "content": "never"}]
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="m", messages=never)
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model="m", messages=never, extra_headers={"x-litellm-timeout": "0.2"})
    assert raised.value.status_code == 408


def test_nobody_there():
    with (
        openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="x", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


def test_echo(client):
    answer = client.chat.completions.create(model="echo", messages=HI)
    assert "hello" in answer.choices[0].message.content
    chunks = list(client.chat.completions.create(model="echo", messages=HI, stream=True))
    assert "hello" in "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert client.embeddings.create(model="echo", input=["a", "b"]).data[1].index == 1
    assert client.completions.create(model="echo", prompt="hello").choices[0].text


def test_echo_tools(client):
    function = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    tools = [{"type": "function", "function": function}]
    named = {"type": "function", "function": {"name": "get_weather"}}
    answer = client.chat.completions.create(model="echo", messages=HI, tools=tools, tool_choice=named)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert answer.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(model="echo", messages=HI, tools=tools, tool_choice=named) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_the_async_client(gateway):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
            answers = await asyncio.gather(*(client.chat.completions.create(model="m", messages=HI) for _ in range(20)))
            text = ""
            async for chunk in await client.chat.completions.create(model="m", messages=HI, stream=True):
                text += chunk.choices[0].delta.content or ""
            return answers, text

    answers, text = asyncio.run(main())
    assert {a.choices[0].message.content for a in answers} == {"Hello hello"}
    assert text == "Hello hello"


def test_the_azure_client(gateway):
    with openai.AzureOpenAI(azure_endpoint=gateway.url, api_key=gateway.key, api_version="2024-10-21") as client:
        answer = client.chat.completions.create(model="m", messages=HI)
        assert answer.choices[0].message.content == "Hello hello"


OLD = "openai==1.55.3"
SCRIPT = """
    import sys
    import openai
    assert openai.__version__.startswith("1.55"), openai.__version__
    client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2], max_retries=0)
    hi = [{"role": "user", "content": "hello"}]
    assert client.chat.completions.create(model="m", messages=hi).choices[0].message.content == "Hello hello"
    chunks = client.chat.completions.create(model="m", messages=hi, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello hello"
    assert client.embeddings.create(model="m", input="x", encoding_format="float").data[0].embedding == [0.5, -0.5]
    assert client.completions.create(model="m", prompt="hello").choices[0].text == "Hello hello"
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    named = {"type": "function", "function": {"name": "f"}}
    called = client.chat.completions.create(model="echo", messages=hi, tools=tools, tool_choice=named)
    assert called.choices[0].message.tool_calls[0].function.name == "f"
    for status, kind in ((400, openai.BadRequestError), (401, openai.AuthenticationError), (404, openai.NotFoundError),
                         (429, openai.RateLimitError), (500, openai.InternalServerError)):
        try:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": f"status {status}"}])
        except kind as error:
            assert error.status_code == status
        else:
            raise AssertionError(status)
    print("fine")
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_old_major_of_the_client(gateway, run_with):
    run_with(OLD, SCRIPT, gateway.url, gateway.key, also=("httpx<0.28",))
