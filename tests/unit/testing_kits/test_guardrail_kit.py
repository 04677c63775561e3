"""The guardrail kit passes good guardrails, at every stage and of either objection, and sees through bad ones."""

import asyncio
import copy
import json
import time

import pytest

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Rewrite
from tianji_core.testing.guardrail import GuardrailConformance

EVERYWHERE = frozenset({"pre_call", "during_call", "post_call"})


class NoSwearing(Guardrail):
    stages = EVERYWHERE

    async def check(self, stage, payload):
        found = any("darn" in text for text in payload.texts())
        return Block("no swearing", {"word": "the d word"}) if found else ALLOW


class Softens(Guardrail):
    stages = frozenset({"pre_call", "post_call"})

    async def check(self, stage, payload):
        body = payload.response if stage == "post_call" else payload.request
        text = json.dumps(body)
        return Rewrite(json.loads(text.replace("darn it", "oh no"))) if "darn it" in text else ALLOW


class TestNoSwearing(GuardrailConformance):
    benign, attacks = ("Good morning", "Gute Nacht"), ("oh darn it", "darn")

    def guardrail(self):
        return NoSwearing()


class TestSoftens(GuardrailConformance):
    benign, attacks, objection = ("Good morning",), ("darn it",), "rewrite"

    def guardrail(self):
        return Softens()


class NoStage(NoSwearing):
    stages = frozenset()


class OddStage(NoSwearing):
    stages = frozenset({"pre_call", "whenever"})


class BlocksAll(NoSwearing):
    async def check(self, stage, payload):
        return Block("no")


class AllowsAll(NoSwearing):
    async def check(self, stage, payload):
        return ALLOW


class OnlyPreCall(NoSwearing):
    async def check(self, stage, payload):
        return await super().check(stage, payload) if stage == "pre_call" else ALLOW


class OnlyStrings(NoSwearing):
    async def check(self, stage, payload):
        contents = [message.get("content") for message in payload.request.get("messages") or []]
        return Block("no") if any("darn" in content for content in contents if isinstance(content, str)) else ALLOW


class OnlyTheLast(NoSwearing):
    stages = frozenset({"pre_call"})

    async def check(self, stage, payload):
        messages = payload.request.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else {}
        return Block("no") if isinstance(last, dict) and "darn" in str(last.get("content")) else ALLOW


class Rewrites(Softens):
    """Changes what it was shown."""

    async def check(self, stage, payload):
        verdict = await super().check(stage, payload)
        if isinstance(verdict, Rewrite):
            body = payload.response if stage == "post_call" else payload.request
            body.clear()
            body.update(copy.deepcopy(verdict.body))
            return Rewrite(body)
        return verdict


class DropsTheModel(Softens):
    async def check(self, stage, payload):
        verdict = await super().check(stage, payload)
        return Rewrite({k: v for k, v in verdict.body.items() if k != "model"}) if verdict is not ALLOW else ALLOW


class NoReason(NoSwearing):
    async def check(self, stage, payload):
        return Block("") if await super().check(stage, payload) is not ALLOW else ALLOW


class OddDetail(NoSwearing):
    async def check(self, stage, payload):
        return Block("no", {"set": {1}}) if await super().check(stage, payload) is not ALLOW else ALLOW


class Fragile(NoSwearing):
    async def check(self, stage, payload):
        for message in payload.request["messages"]:
            message["content"].lower()
        return await super().check(stage, payload)


class OnlyUtf8(NoSwearing):
    async def check(self, stage, payload):
        "".join(payload.texts()).encode()
        return await super().check(stage, payload)


class Slow(NoSwearing):
    async def check(self, stage, payload):
        time.sleep(sum(map(len, payload.texts())) / 1_000_000)
        return ALLOW


class Muddled(NoSwearing):
    """Keeps the text it looks at in itself, over an await."""

    async def check(self, stage, payload):
        self.text = " ".join(payload.texts())
        await asyncio.sleep(0)
        return Block("no") if "darn" in self.text else ALLOW


class NotTwice(NoSwearing):
    closed = False

    async def aclose(self):
        assert not self.closed
        self.closed = True


class Synchronous(NoSwearing):
    def check(self, stage, payload):
        return ALLOW


@pytest.mark.parametrize(
    ("guardrail_class", "seen_by"),
    [
        (NoStage, "test_it_declares_stages_that_exist"),
        (OddStage, "test_it_declares_stages_that_exist"),
        (Synchronous, "test_check_is_async"),
        (BlocksAll, "test_benign_texts_pass"),
        (AllowsAll, "test_attacks_are_met_with_the_declared_objection"),
        (OnlyPreCall, "test_attacks_are_met_with_the_declared_objection"),
        (OnlyStrings, "test_the_place_of_a_text_makes_no_difference"),
        (OnlyTheLast, "test_an_attack_in_a_long_conversation_is_seen"),
        (OnlyTheLast, "test_the_place_of_a_text_makes_no_difference"),
        (NoReason, "test_a_block_says_why_and_its_detail_is_json"),
        (OddDetail, "test_a_block_says_why_and_its_detail_is_json"),
        (Rewrites, "test_a_rewrite_is_a_new_body_without_the_attack"),
        (Rewrites, "test_the_payload_is_never_changed"),
        (DropsTheModel, "test_a_rewrite_is_a_new_body_without_the_attack"),
        (OnlyUtf8, "test_odd_texts_raise_nothing"),
        (Slow, "test_huge_texts_raise_nothing_and_come_to_an_end"),
        (Fragile, "test_malformed_bodies_raise_nothing_unexpected"),
        (Muddled, "test_a_hundred_checks_at_once_get_their_own_answers"),
        (NotTwice, "test_closing_twice_is_no_trouble"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_bad_guardrails_are_seen_through(guardrail_class, seen_by, failures):
    class Bad(GuardrailConformance):
        benign, attacks, huge_seconds = ("Good morning",), ("darn it",), 0.5

        def guardrail(self):
            return guardrail_class()

    assert failures(Bad, seen_by) == {seen_by}
