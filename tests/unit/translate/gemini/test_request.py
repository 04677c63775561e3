"""Chat bodies to generateContent: tools, generationConfig, thinking, and the rest."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.translate.gemini.models import parse_name, traits
from tianji_core.translate.gemini.request import chat_to_gemini

F = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
G = {"type": "function", "function": {"name": "g", "parameters": {"properties": {"a": {"type": "string"}}}}}
HI = [{"role": "user", "content": "Hi"}]


def build(model: str = "gemini-2.5-flash", *, modify: bool = False, drop: bool = False, **members: Any) -> Any:
    body = {"model": model, "messages": HI, **members}
    before = copy.deepcopy(body)
    request = chat_to_gemini(body, traits(model), modify=modify, drop=drop)
    assert body == before, "the caller's body was changed"
    return request


def config(model: str = "gemini-2.5-flash", **members: Any) -> Any:
    return build(model, **members).get("generationConfig")


# -- tools -----------------------------------------------------------------------------------------------------


def test_functions_are_one_tool() -> None:
    (tool,) = build(tools=[F, G])["tools"]
    assert tool["functionDeclarations"] == [
        {"name": "f", "description": "d"},
        {"name": "g", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
    ]


@pytest.mark.parametrize(
    ("tool", "wanted"),
    [
        ({"googleSearch": {}}, {"googleSearch": {}}),
        ({"google_search": {"exclude_domains": ["x"]}}, {"googleSearch": {"excludeDomains": ["x"]}}),
        ({"urlContext": {}}, {"urlContext": {}}),
        ({"codeExecution": None}, {"codeExecution": {}}),
        ({"enterpriseWebSearch": {}}, {"enterpriseWebSearch": {}}),
        ({"type": "web_search"}, {"googleSearch": {}}),
        ({"type": "web_search_preview_2025_03_11"}, {"googleSearch": {}}),
        ({"type": "code_interpreter"}, {"codeExecution": {}}),
        ({"type": "url_context"}, {"urlContext": {}}),
    ],
)
def test_googles_own_tools(tool: Any, wanted: Any) -> None:
    assert build(tools=[tool])["tools"] == [wanted]


def test_declarations_in_googles_form_are_kept() -> None:
    own = {"name": "h", "parametersJsonSchema": {"type": "object"}}
    assert build(tools=[{"functionDeclarations": [own]}, F])["tools"][0]["functionDeclarations"][0] == own


def test_web_search_options_are_a_search() -> None:
    assert build(web_search_options={})["tools"] == [{"googleSearch": {}}]
    assert build(web_search_options={}, tools=[{"googleSearch": {}}])["tools"] == [{"googleSearch": {}}]


def test_search_beside_functions_only_where_it_was_asked_for() -> None:
    search: list[Any] = [F, {"googleSearch": {}}, {"urlContext": {}}]
    assert build(tools=search)["tools"][1:] == [{"urlContext": {}}]
    both = build(tools=search, tool_config={"includeServerSideToolInvocations": True}, tool_choice="auto")
    assert len(both["tools"]) == 3
    assert both["toolConfig"] == {
        "includeServerSideToolInvocations": True,
        "functionCallingConfig": {"mode": "AUTO"},
    }


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ({"type": "function", "function": {"name": "g"}}, {"mode": "ANY", "allowedFunctionNames": ["g"]}),
        ({"type": "tool", "name": "g"}, {"mode": "ANY", "allowedFunctionNames": ["g"]}),
        ({"type": "any"}, {"mode": "ANY"}),
    ],
)
def test_choices(choice: Any, wanted: Any) -> None:
    assert build(tools=[F, G], tool_choice=choice)["toolConfig"] == {"functionCallingConfig": wanted}


def test_the_allowed_tools_are_left() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    request = build(tools=[F, G], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [each["name"] for each in request["tools"][0]["functionDeclarations"]] == ["g"]
    assert request["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


def test_a_choice_without_functions_says_nothing() -> None:
    assert "toolConfig" not in build(tool_choice="auto")


def test_parallel_calls_cannot_be_switched_off() -> None:
    with pytest.raises(UnsupportedParamsError, match="parallel_tool_calls"):
        build(tools=[F, G], parallel_tool_calls=False)
    assert build(tools=[F], parallel_tool_calls=False) == build(tools=[F])
    assert build(tools=[F, G], parallel_tool_calls=False, drop=True) == build(tools=[F, G])


@pytest.mark.parametrize(
    "members",
    [
        {"tools": [5]},
        {"tools": [{"type": "function", "function": {}}]},
        {"tools": [F], "tool_choice": "sometimes"},
        {"reasoning_effort": "enormous"},
        {"thinking": "yes"},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"audio": {"voice": "Kore", "format": "opus"}},
    ],
)
def test_what_makes_no_sense_is_refused(members: Any) -> None:
    with pytest.raises(BadRequestError):
        build(**members)


def test_tools_that_google_does_not_have_are_refused() -> None:
    with pytest.raises(UnsupportedCapabilityError, match="mcp"):
        build(tools=[{"type": "mcp", "server_url": "https://x.example"}])


# -- generationConfig ------------------------------------------------------------------------------------------


def test_nothing_asked_is_nothing_said() -> None:
    assert build(user="u", stream=True, stream_options={"include_usage": True}) == build()


def test_sampling() -> None:
    assert config(
        temperature=0.2, top_p=0.9, n=2, stop="END", max_tokens=5, seed=7, presence_penalty=0.1, frequency_penalty=0.2
    ) == {
        "temperature": 0.2,
        "topP": 0.9,
        "candidateCount": 2,
        "stopSequences": ["END"],
        "maxOutputTokens": 5,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
    }
    assert config(max_tokens=5, max_completion_tokens=6) == {"maxOutputTokens": 6}
    assert config(max_tokens=5, max_completion_tokens=None) == {"maxOutputTokens": 5}


def test_log_probabilities() -> None:
    assert config(logprobs=True, top_logprobs=3) == {"responseLogprobs": True, "logprobs": 3}
    assert config(logprobs=False, top_logprobs=3) is None


def test_formats() -> None:
    schema = {"type": "object", "properties": {"a": {"const": "k"}}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}
    assert config(response_format={"type": "text"}) is None
    assert config(response_format=wanted)["responseJsonSchema"] is schema
    assert config("gemini-1.5-pro", response_format=wanted)["responseSchema"] == {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": ["k"]}},
        "propertyOrdering": ["a"],
    }
    assert config(response_format={"type": "json_object", "response_schema": schema})["responseJsonSchema"] is schema


def test_modalities_and_voices() -> None:
    assert config(modalities=["text", "audio"], audio={"voice": "Kore", "format": "pcm16"}) == {
        "responseModalities": ["TEXT", "AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }


def test_googles_own_members_find_their_place() -> None:
    request = build(
        top_k=4,
        imageConfig={"aspectRatio": "1:1"},
        generationConfig={"topK": 3, "temperature": 0},
        temperature=1,
        safety_settings=[{"category": "c"}],
        cached_content="cachedContents/1",
        labels={"team": "a"},
        anything=None,
    )
    assert request["generationConfig"] == {
        "topK": 4,
        "temperature": 1,
        "imageConfig": {"aspectRatio": "1:1"},
    }
    assert request["safetySettings"] == [{"category": "c"}]
    assert request["cachedContent"] == "cachedContents/1"
    assert request["labels"] == {"team": "a"}
    assert "anything" not in request


def test_nothing_is_said_in_two_spellings() -> None:
    schema = {"type": "object", "properties": {"first_name": {"type": "string"}}}
    request = build(
        generation_config={
            "max_output_tokens": 9,
            "top_p": 0.1,
            "topP": 0.2,
            "stop_sequences": ["a"],
            "response_mime_type": "text/plain",
            "thinking_config": {"thinking_budget": 1},
            "response_schema": schema,
        },
        generationConfig={"maxOutputTokens": 8, "seed": 1},
        max_tokens=5,
        stop="b",
        response_format={"type": "json_object"},
        candidate_count=2,
        speech_config={"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
        media_resolution="MEDIA_RESOLUTION_LOW",
        tools=[F, {"function_declarations": [{"name": "h", "parameters_json_schema": schema}]}],
        tool_choice="auto",
        tool_config={"function_calling_config": {"mode": "ANY"}, "retrieval_config": {"language_code": "fr"}},
        cached_content="cachedContents/1",
        cachedContent="cachedContents/2",
        system_instruction={"parts": [{"text": "s"}]},
    )
    assert request["generationConfig"] == {
        "maxOutputTokens": 5,
        "topP": 0.2,
        "stopSequences": ["b"],
        "responseMimeType": "application/json",
        "thinkingConfig": {"thinkingBudget": 1},
        "responseSchema": schema,
        "seed": 1,
        "candidateCount": 2,
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    declared = request["tools"][0]["functionDeclarations"]
    assert declared[1] == {"name": "h", "parametersJsonSchema": schema}
    assert request["toolConfig"] == {
        "functionCallingConfig": {"mode": "AUTO"},
        "retrievalConfig": {"languageCode": "fr"},
    }
    assert request["cachedContent"] == "cachedContents/2"
    assert request["systemInstruction"] == {"parts": [{"text": "s"}]}
    assert request.keys() == {
        "cachedContent",
        "contents",
        "generationConfig",
        "systemInstruction",
        "toolConfig",
        "tools",
    }


def test_objects_without_an_end_are_no_trouble() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a_b": deep}
    sent = chat_to_gemini({"messages": HI, "generation_config": deep}, traits("gemini-2.5-flash"))
    assert sent["generationConfig"]["aB"]["aB"]


@pytest.mark.parametrize(("tier", "wanted"), [("auto", "priority"), ("default", "standard"), ("flex", "flex")])
def test_service_tiers(tier: str, wanted: str) -> None:
    assert build(service_tier=tier)["serviceTier"] == wanted


def test_a_model_that_speaks_first_is_answered_where_that_is_allowed() -> None:
    messages = [{"role": "assistant", "content": "Hello."}]
    assert build(messages=messages)["contents"][0]["role"] == "model"
    assert [turn["role"] for turn in build(messages=messages, modify=True)["contents"]] == ["user", "model"]


# -- thinking --------------------------------------------------------------------------------------------------


def budget(tokens: int, *, shown: bool = True) -> dict[str, Any]:
    return {"thinkingBudget": tokens, "includeThoughts": shown}


def level(name: str, *, shown: bool = True) -> dict[str, Any]:
    return {"thinkingLevel": name, "includeThoughts": shown}


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("gemini-2.5-flash", "low", budget(1024)),
        ("gemini-2.5-flash", "medium", budget(2048)),
        ("gemini-2.5-flash", "high", budget(4096)),
        ("gemini-2.5-flash", "xhigh", budget(8192)),
        ("gemini-2.5-flash", {"effort": "low"}, budget(1024)),
        ("gemini-2.5-flash", "minimal", budget(1)),
        ("gemini-2.5-pro", "minimal", budget(128)),
        ("gemini-2.5-flash-lite-preview", "minimal", budget(512)),
        ("gemini-2.5-flash", "none", budget(0, shown=False)),
        ("gemini-2.5-flash", "disable", budget(0, shown=False)),
        ("gemini-2.5-pro", "none", budget(128, shown=False)),
        ("gemini-flash-latest", "low", budget(1024)),
        ("gemini-3-pro-preview", "low", level("low")),
        ("gemini-3-pro-preview", "minimal", level("low")),
        ("gemini-3-pro-preview", "medium", level("high")),
        ("gemini-3.1-pro-preview", "medium", level("medium")),
        ("gemini-3-flash-preview", "minimal", level("minimal")),
        ("gemini-3-flash-preview", "xhigh", level("high")),
        ("gemini-3-flash-preview", "none", level("minimal", shown=False)),
        ("gemini-3-pro-preview", "none", level("low", shown=False)),
    ],
)
def test_efforts(model: str, effort: Any, wanted: Any) -> None:
    assert config(model, reasoning_effort=effort) == {"thinkingConfig": wanted}


@pytest.mark.parametrize(
    ("model", "thinking", "wanted"),
    [
        ("gemini-2.5-flash", {"type": "enabled", "budget_tokens": 3000}, budget(3000)),
        ("gemini-2.5-flash", {"type": "enabled", "budget_tokens": 0}, budget(0, shown=False)),
        ("gemini-2.5-flash", {"type": "disabled"}, budget(0, shown=False)),
        ("gemini-2.5-flash", {"type": "adaptive"}, {"includeThoughts": True}),
        ("gemini-3-flash-preview", {"type": "enabled", "budget_tokens": 3000}, level("medium")),
        ("gemini-3-flash-preview", {"type": "enabled", "budget_tokens": 10}, level("minimal")),
    ],
)
def test_thinking_in_anthropics_words(model: str, thinking: Any, wanted: Any) -> None:
    assert config(model, thinking=thinking, reasoning_effort="high") == {"thinkingConfig": wanted}


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("gemini-2.5-flash", "flash", (2, 5)),
        ("gemini-2.5-flash-lite-001", "flash-lite", (2, 5)),
        ("gemini-3-pro-preview", "pro", (3, 0)),
        ("gemini-3.1-pro-preview-customtools", "pro", (3, 1)),
        ("gemini-1.5-pro-002", "pro", (1, 5)),
        ("gemini-2.0-flash-exp", "flash", (2, 0)),
        ("gemini-exp-1206", "", None),
        ("gemini-flash-latest", "", None),
        ("1234567890", "", None),
    ],
)
def test_names(name: str, family: str, version: Any) -> None:
    assert parse_name(name) == (family, version)


def test_what_models_do_not_do() -> None:
    assert traits("gemini-2.0-flash").thinking == "none"
    assert traits("gemini-2.5-flash-image").thinking == "none"
    assert traits("gemini-2.5-flash-preview-tts").thinking == "none"
    assert traits("gemini-3-pro-image-preview").thinking == "level"
    assert not traits("gemini-3-pro-preview").penalties
    assert traits("models/gemini-2.5-pro") == traits("gemini-2.5-pro")
