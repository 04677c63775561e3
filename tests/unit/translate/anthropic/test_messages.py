"""Chat messages to a conversation of the Messages API."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.anthropic.content import EMPTY_TEXT
from tianji_core.translate.anthropic.messages import OPERATOR_NOTE, chat_to_messages
from tianji_core.translate.anthropic.names import ToolNames

MARK = {"type": "ephemeral", "ttl": "1h"}


def text(value: str, **members: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **members}


def call(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def turns(*messages: dict[str, Any], inline: bool = False) -> list[tuple[str, list[Any]]]:
    """The turns of a conversation that begins with a user's word."""
    found = chat_to_messages([{"role": "user", "content": "Hi"}, *messages], inline_system=inline).messages
    assert found[0]["content"][0] == text("Hi")
    return [(turn["role"], turn["content"]) for turn in found]


def last(*messages: dict[str, Any]) -> list[Any]:
    return turns(*messages)[-1][1]


# -- system ------------------------------------------------------------------------------------------------------


def test_leading_system_messages_are_the_system_prompt() -> None:
    conversation = chat_to_messages(
        [
            {"role": "system", "content": "A", "cache_control": MARK},
            {"role": "developer", "content": [{"type": "text", "text": "B"}, {"type": "text", "text": " "}]},
            {"role": "user", "content": "Hi"},
        ]
    )
    assert conversation.system == [text("A", cache_control=MARK), text("B")]
    assert [turn["role"] for turn in conversation.messages] == ["user"]


def test_a_later_system_message_becomes_a_users_text_with_a_note() -> None:
    found = turns(
        {"role": "assistant", "content": "Hello"},
        {"role": "system", "content": "Be rude"},
        {"role": "user", "content": "And?"},
    )
    assert found[-1] == ("user", [text(OPERATOR_NOTE), text("Be rude"), text("And?")])


def test_models_that_take_it_get_a_later_system_message_where_it_stands() -> None:
    rude = {"role": "system", "content": "Be rude"}
    answer = {"role": "assistant", "content": "Ok"}
    assert turns(rude, answer, inline=True)[1] == ("system", [text("Be rude")])
    assert turns(rude, inline=True)[-1] == ("system", [text("Be rude")])
    # It has to follow a user's turn, and an answer or nothing has to follow it.
    assert turns(answer, rude, inline=True)[-1][0] == "user"
    assert turns(rude, {"role": "user", "content": "And?"}, inline=True)[0][0] == "user"


def test_a_system_message_takes_text_only() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    with pytest.raises(BadRequestError, match=r"messages\[0\].*text only"):
        chat_to_messages([{"role": "system", "content": [image]}])


# -- turns -------------------------------------------------------------------------------------------------------


def test_messages_of_one_role_become_one_turn() -> None:
    found = turns(
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": "e"},
    )
    assert found[1:] == [("assistant", [text("c"), text("d")]), ("user", [text("e")])]
    assert found[0][1] == [text("Hi"), text("b")]


def test_empty_contents() -> None:
    for empty in ("", "  \n", None, [], [{"type": "text", "text": ""}]):
        assert chat_to_messages([{"role": "user", "content": empty}]).messages == [
            {"role": "user", "content": [text(EMPTY_TEXT)]}
        ]
    assert last({"role": "assistant", "content": ""}) == [text("Hi")], "an empty answer is no turn"
    assert last({"role": "user", "content": ""}) == [text("Hi")], "there is content already"


def test_a_begun_answer_does_not_end_in_white_space() -> None:
    assert last({"role": "assistant", "content": "The answer is: \n"}) == [text("The answer is:")]
    assert turns({"role": "assistant", "content": "A "}, {"role": "user", "content": "B"})[1][1] == [text("A ")]


def test_a_message_may_bear_a_cache_marker() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert last({"role": "assistant", "content": "x"}, {"role": "user", "content": parts, "cache_control": MARK}) == [
        text("a"),
        text("b", cache_control=MARK),
    ]


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(BadRequestError, match=r"messages\[1\]"):
        turns({"role": "narrator", "content": "x"})


# -- tools -------------------------------------------------------------------------------------------------------


def test_calls_come_after_the_text_and_results_first_in_their_turn() -> None:
    found = turns(
        {"role": "assistant", "content": "Wait.", "tool_calls": [call("a", arguments='{"x": 1}'), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "user", "content": "Hurry"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    )
    assert found[1][1] == [
        text("Wait."),
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "f", "input": {}},
    ]
    assert found[2][1] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        text("Hurry"),
    ]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", {}),
        ('{"a": [1]}', {"a": [1]}),
        ('{"a": ', {"invalid_json": '{"a": '}),
        ("[1]", {"value": [1]}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_arguments_become_an_object(arguments: Any, wanted: dict[str, Any]) -> None:
    assert last({"role": "assistant", "tool_calls": [call("a", arguments=arguments)]})[-1]["input"] == wanted


def test_results_of_every_kind() -> None:
    def result(**members: Any) -> dict[str, Any]:
        message = {"role": "tool", "tool_call_id": "a", **members}
        found = last({"role": "assistant", "tool_calls": [call("a")]}, message)[0]
        assert found.pop("type") == "tool_result"
        assert found.pop("tool_use_id") == "a"
        return dict(found)

    assert result(content="x") == {"content": "x"}
    assert result(content="") == {}
    assert result(content=None) == {}
    assert result(content="x", is_error=True) == {"content": "x", "is_error": True}
    assert result(content="x", cache_control=MARK) == {"content": "x", "cache_control": MARK}
    parts = [
        {"type": "text", "text": "see", "cache_control": MARK},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    assert result(content=parts) == {"content": [text("see"), image], "cache_control": MARK}


def test_ids_and_names_fit_the_vendors_rules() -> None:
    body = {"messages": [{"role": "assistant", "tool_calls": [call("a.b:c", "get weather!")]}]}
    found = chat_to_messages(
        [*body["messages"], {"role": "tool", "tool_call_id": "a.b:c", "content": "1"}], ToolNames.of(body)
    ).messages
    assert found[0]["content"][0]["id"] == found[1]["content"][0]["tool_use_id"] == "a_b_c"
    assert found[0]["content"][0]["name"] == "get_weather_"


def test_the_old_form_of_calls() -> None:
    found = turns(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    )
    assert found[1][1][0]["id"] == found[2][1][0]["tool_use_id"]


def test_a_tool_message_needs_the_id_of_its_call() -> None:
    with pytest.raises(BadRequestError, match="tool_call_id"):
        turns({"role": "tool", "content": "x"})


# -- thinking and the vendor's own tools -------------------------------------------------------------------------


def test_signed_thinking_goes_back_in_front() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln", "index": 0},
        {"type": "thinking", "thinking": "not signed"},
        {"type": "redacted_thinking", "data": "eHl6"},
    ]
    message = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "thinking_blocks": blocks}
    wanted = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eHl6"},
        text("Yes."),
    ]
    assert last(message) == wanted
    as_parts = {"role": "assistant", "content": [{"type": "text", "text": "Yes."}, *blocks]}
    assert last(as_parts) == wanted


def test_reasoning_alone_cannot_be_sent_back() -> None:
    assert last({"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}) == [text("Yes.")]


def test_a_cache_marker_does_not_land_on_thinking() -> None:
    block = {"type": "redacted_thinking", "data": "eHl6"}
    message = {"role": "assistant", "content": "", "thinking_blocks": [block], "cache_control": MARK}
    assert last(message) == [block]


def test_calls_that_the_vendor_made_itself_go_back_with_their_results() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    message = {
        "role": "assistant",
        "content": "330 m.",
        "tool_calls": [call("srvtoolu_1", "web_search", '{"query": "q"}'), call("srvtoolu_2", "web_search")],
        "provider_specific_fields": {"web_search_results": [result]},
    }
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    assert last(message) == [use, result, text("330 m.")], "the second has no result and is left out"
    found = turns(message, {"role": "tool", "tool_call_id": "srvtoolu_1", "content": "made up"})
    assert found[-1][0] == "assistant", "the vendor has answered that call itself"


# -- content -----------------------------------------------------------------------------------------------------


def block(part: dict[str, Any]) -> dict[str, Any]:
    found = chat_to_messages([{"role": "user", "content": [part]}]).messages[0]["content"]
    assert len(found) == 1
    return dict(found[0])


def image(url: Any, **members: Any) -> dict[str, Any]:
    return block({"type": "image_url", "image_url": {"url": url, **members}})


def file(**members: Any) -> dict[str, Any]:
    return block({"type": "file", "file": members})


def source(**members: Any) -> dict[str, Any]:
    return {"type": "base64", **members}


def test_images() -> None:
    assert image("data:image/jpg;base64,AA==") == {
        "type": "image",
        "source": source(media_type="image/jpeg", data="AA=="),
    }
    assert (
        image("data:application/octet-stream;base64,AA==", format="image/webp")["source"]["media_type"] == "image/webp"
    )
    assert image("https://x.example/a.png") == {
        "type": "image",
        "source": {"type": "url", "url": "https://x.example/a.png"},
    }
    assert block({"type": "image_url", "image_url": "https://x.example/a.png", "cache_control": MARK}) == {
        "type": "image",
        "source": {"type": "url", "url": "https://x.example/a.png"},
        "cache_control": MARK,
    }
    assert image("data:application/pdf;base64,AA==")["type"] == "document"


def test_files() -> None:
    assert file(file_data="data:application/pdf;base64,AA==", filename="a.pdf") == {
        "type": "document",
        "source": source(media_type="application/pdf", data="AA=="),
        "title": "a.pdf",
    }
    assert file(file_data="AA==")["source"] == source(media_type="application/pdf", data="AA==")
    assert file(file_data="data:text/plain;base64,aGVsbG8=")["source"] == {
        "type": "text",
        "media_type": "text/plain",
        "data": "hello",
    }
    assert file(file_data="data:text/plain,hello%20you")["source"]["data"] == "hello you"
    assert file(file_id="https://x.example/a.pdf")["source"] == {"type": "url", "url": "https://x.example/a.pdf"}
    assert file(file_id="file_1")["source"] == {"type": "file", "file_id": "file_1"}
    assert file(file_id="file_1", format="image/png")["type"] == "image"
    assert file(file_id="file_1", format="text/csv") == {"type": "container_upload", "file_id": "file_1"}


def test_blocks_in_the_vendors_own_form_are_passed_on() -> None:
    own = {"type": "search_result", "source": "x", "title": "T", "content": [text("a")], "citations": {"enabled": True}}
    assert block(own) == own


def test_what_the_vendor_cannot_take() -> None:
    for part in (
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}},
        {"type": "file", "file": {"file_data": "data:video/mp4;base64,AA=="}},
    ):
        with pytest.raises(UnsupportedCapabilityError):
            block(part)
    for part in (
        {"type": "image_url", "image_url": {}},
        {"type": "image_url", "image_url": {"url": "http://x.example/a.png"}},
        {"type": "file", "file": {}},
        {"type": "file"},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,a"}},
    ):
        with pytest.raises(BadRequestError):
            block(part)
