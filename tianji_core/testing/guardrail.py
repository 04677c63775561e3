"""The conformance kit of guardrails.

class TestNoSwearing(GuardrailConformance):
    benign = ("Good morning", "Could you translate this?")
    attacks = ("Darn it!",)

    def guardrail(self) -> Guardrail:
        return NoSwearing(NoSwearingSettings(guardrail="no_swearing"))
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
from abc import abstractmethod
from collections.abc import Iterator
from time import perf_counter
from typing import Any, ClassVar, Literal, get_args

import pytest

from tianji_core.api.errors import GatewayError
from tianji_core.api.guardrail import Allow, Block, Guardrail, Payload, Rewrite, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_core.testing.standard import Conformance, SampleCall

_STAGES: frozenset[str] = frozenset(get_args(Stage))


class GuardrailConformance(Conformance, kit=True):
    """What every guardrail promises, at each stage that it declares. Subclass it, name the class `Test…`."""

    benign: ClassVar[tuple[str, ...]]
    """Texts that the guardrail lets through."""
    attacks: ClassVar[tuple[str, ...]]
    """Texts that it does not, wherever in a conversation they stand."""
    objection: ClassVar[Literal["block", "rewrite"]] = "block"
    """What it does about `attacks`."""
    unread: ClassVar[frozenset[str]] = frozenset()
    """Places, of those that `placements` names, that the guardrail leaves alone on purpose."""
    huge_seconds: ClassVar[float] = 5.0
    """What a text of a million characters may cost."""

    @abstractmethod
    def guardrail(self) -> Guardrail:
        """A fresh guardrail."""

    def test_it_declares_stages_that_exist(self) -> None:
        guardrail = self.guardrail()
        assert isinstance(guardrail, Guardrail), f"{type(guardrail).__name__} is no Guardrail"
        assert guardrail.stages, "a guardrail without a stage never runs"
        assert guardrail.stages <= _STAGES, f"unknown stages: {set(guardrail.stages) - _STAGES}"

    def test_check_is_async(self) -> None:
        assert inspect.iscoroutinefunction(self.guardrail().check), "check must be async def"

    def test_benign_texts_pass(self) -> None:
        assert self.benign, "name some texts that pass"
        for text in self.benign:
            for stage, payload in self._everywhere(text):
                verdict = self._check(stage, payload)
                assert isinstance(verdict, Allow), f"{stage} objects to the benign text {text[:60]!r}: {verdict!r:.200}"

    def test_attacks_are_met_with_the_declared_objection(self) -> None:
        assert self.attacks, "name some texts that do not pass"
        for text in self.attacks:
            for stage, payload in self._everywhere(text):
                verdict = self._check(stage, payload)
                if self.objection == "block":
                    expected: Any = Block
                else:  # beside the call nothing can be changed any more: either refuses it there
                    expected = (Block, Rewrite) if stage == "during_call" else Rewrite
                assert isinstance(verdict, expected), f"{stage} answers {text[:60]!r} with {verdict!r:.200}"

    def test_the_place_of_a_text_makes_no_difference(self) -> None:
        for text in (*self.benign, *self.attacks):
            for stage in self._stages():
                verdicts = {name: type(self._check(stage, p)).__name__ for name, p in self._places(text, stage).items()}
                assert len(set(verdicts.values())) == 1, f"{stage}: {text[:60]!r} is judged by its place: {verdicts}"

    def test_an_attack_in_a_long_conversation_is_seen(self) -> None:
        calm = {"role": "user", "content": self.benign[0]}
        for stage in self._stages():
            for position in (0, 25, 50):
                messages = [dict(calm) for _ in range(51)]
                messages[position]["content"] = self.attacks[0]
                payload = _payload({"messages": messages}, stage, self.attacks[0])
                assert not isinstance(self._check(stage, payload), Allow), f"not seen in message {position} of 51"

    def test_a_glance_overlooks_no_attack(self) -> None:
        guardrail, calm = self.guardrail(), self.benign[0]
        for text in self.attacks:
            for lines in ([text], [calm, text], [text, calm], [calm, "", text, calm]):
                assert not guardrail.glance(_lines(lines)), f"at a glance {text[:60]!r} looks like nothing"
        for text in (calm, *_ODD_TEXTS):
            assert isinstance(guardrail.glance(_lines([text])), bool)

    def test_a_block_says_why_and_its_detail_is_json(self) -> None:
        for stage, payload, _ in self._attacks():
            verdict = self._check(stage, payload)
            if isinstance(verdict, Block):
                assert verdict.reason.strip(), "a block needs a reason: it is all that the caller gets to know"
                assert json.loads(json.dumps(verdict.detail)) == verdict.detail, "detail must be plain JSON"

    def test_a_rewrite_is_a_new_body_without_the_attack(self) -> None:
        for stage, payload, text in self._attacks():
            verdict = self._check(stage, payload)
            if isinstance(verdict, Rewrite):
                old = payload.response if stage == "post_call" else payload.request
                assert verdict.body is not old, "the body was changed in place"
                assert text not in json.dumps(verdict.body, ensure_ascii=False), "the attack is still in the new body"
                assert set(verdict.body) == set(old or ()), "the new body lost or gained members"

    def test_the_payload_is_never_changed(self) -> None:
        for text in (*self.benign, *self.attacks):
            for stage, payload in self._everywhere(text):
                before = copy.deepcopy((payload.request, payload.response, payload.call))
                self._check(stage, payload)
                assert (payload.request, payload.response, payload.call) == before, f"{stage} changed its payload"

    def test_odd_texts_raise_nothing(self) -> None:
        for text in _ODD_TEXTS:
            for stage, payload in self._everywhere(text):
                assert isinstance(self._check(stage, payload), Verdict)

    @pytest.mark.parametrize("number", range(3))
    def test_huge_texts_raise_nothing_and_come_to_an_end(self, number: int) -> None:
        text = _huge_texts(self.attacks[0])[number]
        for stage in self._stages():
            started = perf_counter()
            verdict = self._check(stage, placements(text, stage)["string"])
            seconds = perf_counter() - started
            assert isinstance(verdict, Verdict)
            assert seconds <= self.huge_seconds, f"{stage}: a million characters took {seconds:.1f} s"

    def test_malformed_bodies_raise_nothing_unexpected(self) -> None:
        for stage in self._stages():
            for body in _malformed():
                for payload in (_payload(body, stage, "Hello"), Payload(SampleCall(body=body), body, body)):
                    if stage != "post_call" and payload.response is not None:
                        continue
                    try:
                        verdict = self._check(stage, payload)
                    except GatewayError:
                        continue
                    assert isinstance(verdict, Verdict), f"{stage} answered {verdict!r:.200} to {body!r:.200}"

    def test_answers_of_the_same_check_are_equal(self) -> None:
        guardrail = self.guardrail()
        for stage, payload, _ in self._attacks():
            verdicts = asyncio.run(_check_all(guardrail, [(stage, payload)] * 3))
            assert verdicts[0] == verdicts[1] == verdicts[2]

    def test_a_hundred_checks_at_once_get_their_own_answers(self) -> None:
        for stage in self._stages():
            texts = [(self.attacks if i % 3 == 0 else self.benign)[0] for i in range(100)]
            work = [(stage, placements(text, stage)["string"]) for text in texts]
            verdicts = asyncio.run(_check_all(self.guardrail(), work))
            wrong = [i for i, verdict in enumerate(verdicts) if isinstance(verdict, Allow) == (i % 3 == 0)]
            assert not wrong, f"{stage}: checks {wrong[:5]} got the answer of another one"

    def test_closing_twice_is_no_trouble(self) -> None:
        async def close() -> None:
            guardrail = self.guardrail()
            await guardrail.aclose()
            await guardrail.aclose()

        asyncio.run(close())

    def _stages(self) -> list[Stage]:
        return [stage for stage in get_args(Stage) if stage in self.guardrail().stages]

    def _everywhere(self, text: str) -> Iterator[tuple[Stage, Payload]]:
        return ((stage, payload) for stage in self._stages() for payload in self._places(text, stage).values())

    def _places(self, text: str, stage: Stage) -> dict[str, Payload]:
        return {name: payload for name, payload in placements(text, stage).items() if name not in self.unread}

    def _attacks(self) -> Iterator[tuple[Stage, Payload, str]]:
        return ((stage, payload, text) for text in self.attacks for stage, payload in self._everywhere(text))

    def _check(self, stage: Stage, payload: Payload) -> Verdict:
        return asyncio.run(_check_all(self.guardrail(), [(stage, payload)]))[0]


def _lines(texts: list[str]) -> bytes:
    return "\n".join(texts).encode("utf-8", "surrogatepass")


async def _check_all(guardrail: Guardrail, work: list[tuple[Stage, Payload]]) -> list[Verdict]:
    try:
        return list(await asyncio.gather(*(guardrail.check(stage, payload) for stage, payload in work)))
    finally:
        await guardrail.aclose()


def placements(text: str, stage: Stage) -> dict[str, Payload]:
    """The same text in every place of a request (of an answer, at post_call) where a model reads it."""
    if stage == "post_call":
        return {name: Payload(SampleCall(), _request("Hi"), answer) for name, answer in _answers(text).items()}
    calls = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    history: list[Body] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": calls}]
    contents: dict[str, list[Body]] = {
        "string": [{"role": "user", "content": text}],
        "text part": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "text part among others": [{"role": "user", "content": [*_OTHER_PARTS, {"type": "text", "text": text}]}],
        "tool result": [*history, {"role": "tool", "tool_call_id": "c1", "content": text}],
        "tool result part": [
            *history, {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": text}]}
        ],
        "earlier turn": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": "Yes"},
            {"role": "user", "content": "Go"},
        ],
        "tool arguments": [*history[:1], {"role": "assistant", "tool_calls": _tool_calls(text)}],
    }  # fmt: skip
    bodies: dict[str, Body] = {name: {"model": "m", "messages": messages} for name, messages in contents.items()}
    tool = {"type": "function", "function": {"name": "look", "description": text, "parameters": {"type": "object"}}}
    bodies["tool definition"] = {"model": "m", "messages": history[:1], "tools": [tool]}
    return {name: _payload(body, stage, "Hi") for name, body in bodies.items()}


def _answers(text: str) -> dict[str, Body]:
    whole: Body = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    calm: Body = {"index": 0, "message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}
    head: Body = {"id": "r-1", "object": "chat.completion", "created": 1, "model": "m"}
    thinks = {**calm, "message": {**calm["message"], "reasoning_content": text}}
    acts = {**calm, "message": {**calm["message"], "content": None, "tool_calls": _tool_calls(text)}}
    return {
        "string": {**head, "choices": [whole]},
        "second choice": {**head, "choices": [calm, {**whole, "index": 1}]},
        "reasoning": {**head, "choices": [thinks]},
        "tool arguments": {**head, "choices": [acts]},
    }


def _tool_calls(text: str) -> list[Body]:
    arguments = json.dumps({"question": text}, ensure_ascii=False)
    return [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": arguments}}]


def _request(text: str) -> Body:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def _payload(body: Body, stage: Stage, answer: str) -> Payload:
    response = _answers(answer)["string"] if stage == "post_call" else None
    return Payload(SampleCall(body=body), body, response)


_OTHER_PARTS: list[Body] = [
    {"type": "text", "text": "Look at this:"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
]
_ODD_TEXTS = (
    "", " ", "\n\r\t\x00\x1b",
    "中文文本", "नमस्ते", "🏳️‍🌈" * 20, "\u202e\u200b\ufeff", "e" + "\u0301" * 500, "\ud800", "\udfff\ud800",
    "{" * 300, "<" * 300, "\\u0041\\", "%00%ff", "=" * 300, "A" * 300, "a b " * 300, "١٢٣", "ﷺ" * 50, "\U0010ffff",
)  # fmt: skip


def _huge_texts(attack: str) -> tuple[str, str, str]:
    words = f"{attack} " * (1_000_000 // (len(attack) + 1))
    return "x" * 1_000_000, words, "ﷺé中 " * 250_000


def _malformed() -> Iterator[Body]:
    """JSON objects that are no proper request: what is missing, empty, of another type, or nested in excess."""
    yield {}
    odd: Any
    for odd in (None, "text", {}, {"role": "user"}, [], [None], [[]], [5], ["text"], [{}]):
        yield {"messages": odd}
        yield {"prompt": odd}
        yield {"input": odd}
        yield {"choices": odd}
        yield {"messages": [{"role": "user", "content": odd}]}
        yield {"messages": [{"role": odd, "content": "Hello"}]}
        yield {"messages": [{"role": "user", "content": [{"type": "text", "text": odd}]}]}
        yield {"messages": [{"role": "user", "content": [{"type": odd, "file": odd, "image_url": odd}]}]}
        yield {
            "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": odd, "filename": odd}}]}]
        }
        yield {"messages": [{"role": "assistant", "content": None, "tool_calls": odd}]}
        yield {"messages": [{"role": "assistant", "tool_calls": [{"function": odd}, {"function": {"arguments": odd}}]}]}
    for number in (0, 5, -1.5, True, 10**30):
        yield {"messages": [{"role": number, "content": number, "name": number}], "prompt": number, "input": number}
    deep: Any = "Hello"
    for _ in range(200):
        deep = [{"type": "text", "text": deep}]
    yield {"messages": [{"role": "user", "content": deep}]}
