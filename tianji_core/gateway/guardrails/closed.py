"""What stands for a guardrail of the store that cannot be set up: the gateway serves, but not the calls it is for."""

from __future__ import annotations

from typing import get_args

from tianji_core.api.guardrail import Guardrail, Payload, Stage, Verdict


class Closed(Guardrail):
    """Judges nothing, so nothing gets past it."""

    stages = frozenset(get_args(Stage))

    def __init__(self, why: str) -> None:
        self.why = why

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        raise RuntimeError(f"it could not be set up: {self.why}")
