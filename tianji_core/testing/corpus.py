"""The requests that the provider kit sends: one or more for each operation and each feature, in the normal form.

A scenario's body lacks `model` (the kit adds the one under test). The kit asks a provider for the vendor's request of
each scenario, and for some also hands it a vendor's answer; what such an answer has to hold is said in `answer`.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from tianji_core.api.http import Upload
from tianji_core.api.provider import Body, Feature, Operation

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKMSAwIG9iajw8Pj5lbmRvYmoKdHJhaWxlcjw8Pj4KJSVFT0YK"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="

QUESTION = "What is the capital of France?"


def _tool(name: str, description: str, parameter: str) -> Body:
    schema = {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [_tool("get_weather", "Current weather of a city", "city"), _tool("get_time", "Current time in a zone", "tz")]
PERSON_SCHEMA: Body = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER_CALL = {
    "id": "call_kit1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
}


@dataclass(frozen=True)
class Scenario:
    """One request. `feature` is what a provider has to declare for it; `params` are the parameters it stands on."""

    name: str
    body: Body
    operation: Operation = "chat"
    feature: Feature | None = None
    params: frozenset[str] = frozenset()
    answer: str = ""
    """What the sample answer has to hold; empty if the kit needs none."""
    streams: bool = False
    """Whether a sample of the streamed answer is wanted too."""


def user(content: Any) -> Body:
    """A chat body of one user message."""
    return {"messages": [{"role": "user", "content": content}]}


def _chat(
    name: str, feature: Feature, *params: str, answer: str = "", streams: bool = False, **members: Any
) -> Scenario:
    body = {**user(QUESTION), **members}
    return Scenario(name, body, "chat", feature, frozenset(params), answer, streams)


def _part(name: str, feature: Feature, part: Body) -> Scenario:
    return Scenario(name, user([{"type": "text", "text": "What is this?"}, part]), "chat", feature)


CHAT = Scenario("chat", user(QUESTION), answer="an assistant's text", streams=True)
EMBEDDINGS = Scenario(
    "embeddings", {"input": ["first text", "second text"]}, "embeddings", answer="two vectors of the same length"
)
COMPLETIONS = Scenario("completions", {"prompt": "Once upon"}, "completions", answer="some text", streams=True)


def upload(filename: str, content_type: str, encoded: str) -> Upload:
    """A file of a form, as the server hands it on."""
    data = base64.b64decode(encoded)
    return Upload(filename, content_type, io.BytesIO(data), len(data))


RERANK = Scenario(
    "rerank",
    {"query": "capital of France", "documents": ["Berlin is in Germany.", "Paris is in France.", "Bread"], "top_n": 2},
    "rerank",
    answer="two results, document 1 first",
)
OTHERS = (
    RERANK,
    Scenario("moderations", {"input": "I like bread."}, "moderations", answer="one result, flagged or not"),
    Scenario("images", {"prompt": "A red square"}, "images", answer="an image, as url or b64_json"),
    Scenario(
        "image_edits",
        {"image": upload("a.png", "image/png", PNG), "prompt": "Make it blue"},
        "image_edits",
        answer="an image, as url or b64_json",
    ),
    Scenario(
        "image_variations",
        {"image": upload("a.png", "image/png", PNG)},
        "image_variations",
        answer="an image, as url or b64_json",
    ),
    Scenario("speech", {"input": "Hello.", "voice": "alloy"}, "speech", answer="audio (.bin)"),
    Scenario("transcriptions", {"file": upload("a.wav", "audio/wav", WAV)}, "transcriptions", answer="a text"),
    Scenario("translations", {"file": upload("a.wav", "audio/wav", WAV)}, "translations", answer="a text"),
)
"""One of each operation beside the three that make or read text."""

_TOOL_PARAMS = ("tools",)
_CONVERSATION = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": QUESTION},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": [{"type": "text", "text": "And of Italy?"}]},
]
_TOOL_CONVERSATION = [
    {"role": "user", "content": "How is the weather in Paris?"},
    {"role": "assistant", "content": None, "tool_calls": [WEATHER_CALL]},
    {"role": "tool", "tool_call_id": "call_kit1", "content": '{"temp":18}'},
]
_CACHED = [{"type": "text", "text": "A long document. " * 20, "cache_control": {"type": "ephemeral"}}]

SCENARIOS: tuple[Scenario, ...] = (
    CHAT,
    Scenario("conversation", {"messages": _CONVERSATION}),
    Scenario("sampling", {**user(QUESTION), "max_tokens": 40, "temperature": 1, "stop": ["END"]}),
    _chat(
        "tools",
        "tools",
        *_TOOL_PARAMS,
        tools=TOOLS,
        answer='one call of get_weather, such as {"city": "Paris"}',
        streams=True,
    ),
    Scenario(
        "tool_results", {"messages": _TOOL_CONVERSATION, "tools": TOOLS}, "chat", "tools", frozenset(_TOOL_PARAMS)
    ),
    _chat(
        "parallel_tools",
        "parallel_tools",
        "parallel_tool_calls",
        tools=TOOLS,
        parallel_tool_calls=True,
        answer="two calls: get_weather and get_time",
        streams=True,
    ),
    _chat("parallel_tools_off", "parallel_tools", "parallel_tool_calls", tools=TOOLS, parallel_tool_calls=False),
    _chat("tool_choice_none", "tool_choice", "tool_choice", tools=TOOLS, tool_choice="none"),
    _chat("tool_choice_required", "tool_choice", "tool_choice", tools=TOOLS, tool_choice="required"),
    _chat(
        "tool_choice_named",
        "tool_choice",
        "tool_choice",
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "get_time"}},
    ),
    _chat(
        "json_object",
        "json_object",
        "response_format",
        messages=[{"role": "user", "content": "A person, as a JSON object."}],
        response_format={"type": "json_object"},
        answer="a JSON object as text",
    ),
    _chat(
        "json_schema",
        "json_schema",
        "response_format",
        messages=[{"role": "user", "content": "Make up a person."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "person", "strict": True, "schema": PERSON_SCHEMA},
        },
        answer='a JSON object with "name" (string) and "age" (integer)',
    ),
    _part("image_data", "images", {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
    _part("image_url", "images", {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}),
    _part("audio", "audio", {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
    _part(
        "file",
        "files",
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    ),
    _chat(
        "reasoning",
        "reasoning",
        "reasoning_effort",
        reasoning_effort="low",
        answer="reasoning as well as a text",
        streams=True,
    ),
    Scenario(
        "prompt_caching",
        {"messages": [{"role": "system", "content": _CACHED}, {"role": "user", "content": "Summarise it."}]},
        "chat",
        "prompt_caching",
        answer="a usage that counts cached tokens of the prompt",
    ),
    _chat(
        "logprobs",
        "logprobs",
        "logprobs",
        "top_logprobs",
        logprobs=True,
        top_logprobs=2,
        answer="log probabilities of the tokens",
    ),
    _chat("seed", "seed", "seed", seed=7),
    _chat("n", "n", "n", n=2, answer="two choices"),
    EMBEDDINGS,
    Scenario("embeddings_text", {"input": "one text"}, "embeddings"),
    COMPLETIONS,
    *OTHERS,
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

TEXTS = {
    "unicode": "naïve café — 天机 🀄 👩‍👩‍👧 \u202eright to left\u202c \u0000 \x7f \u2028 \U0010ffff",
    "quotes": 'He said "data: [DONE]"\r\n\r\nevent: error\n\\u0041 </script> {{x}} %s ${HOME}',
    "empty": "",
    "huge": "All work and no play makes Jack a dull boy. " * 50_000,
}
"""Contents that must reach the vendor as they are."""

PARAM_VALUES: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "background": "transparent",
    "best_of": 2,
    "chunking_strategy": "auto",
    "dimensions": 64,
    "echo": True,
    "encoding_format": "base64",
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [TOOLS[0]["function"]],
    "include": ["logprobs"],
    "input_fidelity": "high",
    "instructions": "Speak slowly.",
    "language": "en",
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_chunks_per_doc": 3,
    "max_tokens_per_doc": 100,
    "max_completion_tokens": 50,
    "max_tokens": 50,
    "modalities": ["text"],
    "moderation": "low",
    "n": 2,
    "output_compression": 80,
    "output_format": "webp",
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "Paris"},
    "presence_penalty": 0.5,
    "prompt": "A hint.",
    "prompt_cache_key": "kit",
    "prompt_cache_retention": "24h",
    "quality": "high",
    "reasoning_effort": "high",
    "return_documents": True,
    "response_format": {"type": "json_object"},
    "safety_identifier": "kit-user",
    "seed": 7,
    "service_tier": "auto",
    "size": "1024x1024",
    "speed": 1.5,
    "stop": ["END"],
    "store": True,
    "style": "vivid",
    "suffix": " the end.",
    "temperature": 0.5,
    "tool_choice": "required",
    "tools": TOOLS,
    "timestamp_granularities": ["word"],
    "top_logprobs": 2,
    "top_n": 1,
    "top_p": 0.5,
    "user": "kit-user",
    "voice": "nova",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}
"""A value for each OpenAI parameter; `stream_options` is the gateway's own business."""
VALUES_OF: dict[tuple[Operation, str], Any] = {
    ("images", "response_format"): "b64_json",
    ("image_edits", "response_format"): "b64_json",
    ("image_variations", "response_format"): "b64_json",
    ("speech", "response_format"): "wav",
    ("transcriptions", "response_format"): "verbose_json",
    ("translations", "response_format"): "verbose_json",
}
"""Where a parameter of the same name means something else."""

COMPANIONS: dict[str, Body] = {
    "function_call": {"functions": [TOOLS[0]["function"]]},
    "parallel_tool_calls": {"tools": TOOLS},
    "tool_choice": {"tools": TOOLS},
    "top_logprobs": {"logprobs": True},
}
"""What a parameter makes no sense without."""
