"""Chat messages to Google's contents."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.gemini.contents import NO_SIGNATURE, Conversation, chat_to_contents
from tianji_core.translate.gemini.models import traits
from tianji_core.translate.gemini.names import FunctionNames

OLDER = traits("gemini-2.5-flash")
PNG = "data:image/png;base64,aGk="


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(call_id: str = "call_1", name: str = "f", arguments: Any = "{}", **members: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **members}


def calls(*made: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(made), **members}


def result(content: Any, call_id: str = "call_1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def read(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> Conversation:
    before = copy.deepcopy(messages)
    conversation = chat_to_contents(list(messages), traits(model))
    assert messages == before, "the caller's messages were changed"
    return conversation


def parts(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> list[Any]:
    """The parts of the last turn."""
    found: list[Any] = read(*messages, model=model).contents[-1]["parts"]
    return found


def test_system_prompts_come_together_wherever_they_stand() -> None:
    conversation = read({"role": "system", "content": "a"}, user("hi"), {"role": "developer", "content": "b"})
    assert conversation.system == [{"text": "a"}, {"text": "b"}]
    assert conversation.contents == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_system_prompt_alone_gets_a_turn_to_answer() -> None:
    assert read({"role": "system", "content": "a"}).contents == [{"role": "user", "parts": [{"text": "."}]}]


def test_gemma_has_no_system_prompt() -> None:
    conversation = read({"role": "system", "content": "a"}, user("hi"), model="gemma-3-27b-it")
    assert not conversation.system
    assert [turn["parts"] for turn in conversation.contents] == [[{"text": "a"}], [{"text": "hi"}]]


def test_messages_of_one_role_are_one_turn() -> None:
    contents = read(user("a"), user("b"), {"role": "assistant", "content": "c"}, user("d")).contents
    assert [(turn["role"], len(turn["parts"])) for turn in contents] == [("user", 2), ("model", 1), ("user", 1)]


def test_results_are_a_turn_of_their_own() -> None:
    contents = read(
        user("q"), calls(call("a", "f"), call("b", "g")), result("1", "a"), result("2", "b"), user("and?")
    ).contents
    assert [turn["role"] for turn in contents] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["f", "g"]
    assert contents[3]["parts"] == [{"text": "and?"}]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ('{"temp": 18}', {"temp": 18}),
        ("14:05", {"content": "14:05"}),
        ("[1]", {"content": "[1]"}),
        ("{broken", {"content": "{broken"}),
        ("", {"content": ""}),
        (None, {"content": ""}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"content": "ab"}),
    ],
)
def test_results_are_objects(content: Any, response: Any) -> None:
    found = parts(user("q"), calls(call()), result(content))
    assert found == [{"functionResponse": {"name": "f", "response": response}}]


def test_pictures_in_results_stand_beside_them_or_inside() -> None:
    picture = {"inlineData": {"data": "aGk=", "mimeType": "image/png"}}
    messages = [user("q"), calls(call()), result([{"type": "image_url", "image_url": {"url": PNG}}])]
    assert parts(*messages)[1:] == [picture]
    assert parts(*messages, model="gemini-3-pro")[0]["functionResponse"]["parts"] == [picture]


def test_a_result_without_a_call_is_refused_unless_it_names_the_function() -> None:
    with pytest.raises(BadRequestError, match="call_9"):
        read(user("q"), result("1", "call_9"))
    assert parts(user("q"), {**result("1", "call_9"), "name": "f"})[0]["functionResponse"]["name"] == "f"


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"city": "Paris"}', {"city": "Paris"}),
        ("", {}),
        (None, {}),
        ({"a": 1}, {"a": 1}),
        ("[1]", {"value": [1]}),
        ("{bro", {"invalid_json": "{bro"}),
    ],
)
def test_arguments_are_objects(arguments: Any, args: Any) -> None:
    assert parts(user("q"), calls(call(arguments=arguments))) == [{"functionCall": {"name": "f", "args": args}}]


def test_a_call_needs_a_name() -> None:
    with pytest.raises(BadRequestError, match="name"):
        read(user("q"), calls({"id": "a", "function": {}}))


# -- signatures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signed",
    [
        call("call_1__thought__c2ln"),
        call(provider_specific_fields={"thought_signature": "c2ln"}),
        call(extra_content={"google": {"thought_signature": "c2ln"}}),
    ],
    ids=["in the id", "ours", "of Google's OpenAI API"],
)
def test_signatures_of_calls_come_back(signed: dict[str, Any]) -> None:
    found = parts(user("q"), calls(signed))
    assert found == [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]


def test_a_signed_id_finds_its_result_with_and_without_the_signature() -> None:
    for answered in ("call_1__thought__c2ln", "call_1"):
        found = parts(user("q"), calls(call("call_1__thought__c2ln")), result("1", answered))
        assert found[0]["functionResponse"]["name"] == "f"


def test_a_signature_of_text_comes_back_with_it() -> None:
    fields = {"thought_signatures": ["c2ln"]}
    message = {"role": "assistant", "content": "Paris.", "provider_specific_fields": fields}
    assert parts(user("q"), message) == [{"text": "Paris.", "thoughtSignature": "c2ln"}]


def test_a_signature_of_a_call_is_not_the_texts_too() -> None:
    message = calls(
        call("call_1__thought__c2ln"), content="Looking.", provider_specific_fields={"thought_signatures": ["c2ln"]}
    )
    text, made = parts(user("q"), message)
    assert text == {"text": "Looking."}
    assert made["thoughtSignature"] == "c2ln"


def test_newer_models_are_shown_a_stand_in_for_lost_signatures() -> None:
    found = parts(user("q"), calls(call("a"), call("b")), model="gemini-3-flash-preview")
    assert [part.get("thoughtSignature") for part in found] == [NO_SIGNATURE, None]
    assert "thoughtSignature" not in parts(user("q"), calls(call("a")))[0]


def test_ids_of_calls_are_for_the_newest_models_only() -> None:
    messages = [user("q"), calls(call("call_1__thought__c2ln")), result("1", "call_1__thought__c2ln")]
    contents = read(*messages, model="gemini-3.5-flash").contents
    assert contents[1]["parts"][0]["functionCall"]["id"] == "call_1"
    assert contents[2]["parts"][0]["functionResponse"]["id"] == "call_1"
    assert "id" not in read(*messages).contents[1]["parts"][0]["functionCall"]


def test_what_googles_own_tools_did_goes_back_as_it_came() -> None:
    own = [{"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "c2ln"}]
    message = {"role": "assistant", "content": "2", "provider_specific_fields": {"gemini_parts": own}}
    assert parts(user("q"), message) == [*own, {"text": "2"}]


def test_thinking_and_pictures_of_earlier_answers() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Here."}],
        "images": [{"image_url": {"url": PNG}, "index": 0}],
    }
    assert parts(user("q"), message) == [
        {"text": "Here."},
        {"inlineData": {"data": "aGk=", "mimeType": "image/png"}},
    ]


# -- names -----------------------------------------------------------------------------------------------------


def test_names_that_google_refuses_are_changed_everywhere() -> None:
    body = {
        "messages": [user("q"), calls(call("a", "1 b/c")), result("1", "a")],
        "tools": [{"type": "function", "function": {"name": "1 b/c"}}],
    }
    names = FunctionNames.of(body)
    contents = chat_to_contents(body["messages"], OLDER, names).contents
    assert contents[1]["parts"][0]["functionCall"]["name"] == "_1_b_c"
    assert contents[2]["parts"][0]["functionResponse"]["name"] == "_1_b_c"
    assert names.to_caller("_1_b_c") == "1 b/c"


@pytest.mark.parametrize(
    ("name", "clean"),
    [("get_weather", "get_weather"), ("a.b:c-d", "a.b:c-d"), ("-a", "_-a"), ("天", "_"), ("x" * 70, "x" * 64)],
)
def test_cleaned_names(name: str, clean: str) -> None:
    assert FunctionNames.cleaned(name) == clean


# -- content ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}]])
def test_an_empty_message_still_says_something(content: Any) -> None:
    assert parts(user(content)) == [{"text": " "}]


def test_a_picture_alone_gets_a_text() -> None:
    assert parts(user([{"type": "image_url", "image_url": {"url": PNG}}])) == [
        {"inlineData": {"data": "aGk=", "mimeType": "image/png"}},
        {"text": " "},
    ]


@pytest.mark.parametrize(
    "message",
    [{"role": "narrator", "content": "x"}, user(5), user([5]), {"role": "user", "content": [{"type": "input_audio"}]}],
)
def test_nonsense_is_refused(message: Any) -> None:
    with pytest.raises(BadRequestError, match=r"messages\[0\]"):
        chat_to_contents([message], OLDER)


def test_parts_that_nobody_knows_are_refused() -> None:
    with pytest.raises(UnsupportedCapabilityError, match="hologram"):
        read(user([{"type": "hologram"}]))
