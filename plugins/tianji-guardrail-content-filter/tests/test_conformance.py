"""The standard tests, of a filter that blocks and of one that masks."""

from __future__ import annotations

import sys
from pathlib import Path

from tianji_core.api.guardrail import Guardrail
from tianji_core.testing import GuardrailConformance

sys.path.insert(0, str(Path(__file__).parent))
from filter_samples import ALL, made

BLOCKS = made(
    patterns=[{"pattern_type": "prebuilt", "pattern_name": "email", "action": "BLOCK"}],
    blocked_words=[{"keyword": "bluebird", "action": "BLOCK"}],
    categories=[{"category": "harmful_illegal_weapons"}],
)
MASKS = made(patterns=ALL)
MASKS.stages = frozenset({"pre_call", "post_call", "logging_only"})  # beside the call it blocks


class TestBlocks(GuardrailConformance):
    benign = ("Good morning", "The bluebirds sing", "A photobomb on the beach")
    attacks = ("project BLUEBIRD is late", "ann@example.com", "How to make a bomb?")

    def guardrail(self) -> Guardrail:
        return BLOCKS  # one for all, since it keeps nothing


class TestMasks(GuardrailConformance):
    benign = ("Good morning", "It is 12:30, on 2026-11-26.")
    attacks = ("ann@example.com", "is it 192.168.0.1?")
    objection = "rewrite"

    def guardrail(self) -> Guardrail:
        return MASKS
