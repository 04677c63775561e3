"""What happens to the gateway itself, for callbacks: deployments that rest, calls that hang, Redis that is away.

Nothing of it is done where no callback asks for the kind of event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from tianji_core.api.callback import GatewayEvent
from tianji_core.routing.cooldown import Rest
from tianji_core.state.redis_state import RedisState

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

LOOK = 10.0
"""Seconds between two looks for calls that hang, at most."""


class Events:
    """Tells the callbacks of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._callbacks = gateway.pipeline.callbacks
        self._task: asyncio.Task[None] | None = None
        self._hanging = set[str]()
        state = gateway.state
        self._links = state.link.on_change if isinstance(state, RedisState) else []

    def start(self) -> None:
        """Begin to listen; needs a running loop."""
        if not self._callbacks.wants_events or self._task is not None:
            return
        cooldowns = self._gateway.pipeline.stats.cooldowns
        cooldowns.on_change.append(self._rests)
        self._links.append(self._state_is)
        budgets = self._gateway.pipeline.budgets
        if budgets is not None:
            budgets.on_crossed = self._crossed
        if self._callbacks.wants("llm_requests_hanging"):
            self._gateway.pipeline.limits.running = {}
        self._task = asyncio.get_running_loop().create_task(self._look_on())

    def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._gateway.pipeline.stats.cooldowns.on_change.remove(self._rests)
            self._links.remove(self._state_is)

    def tell(
        self, kind: str, message: str, level: Literal["info", "warning", "critical"] = "warning", **fields: Any
    ) -> None:
        """Tell those who want to know."""
        self._callbacks.tell(GatewayEvent(kind, message, time.time(), level, fields))

    # -- what is listened to -----------------------------------------------------------------------------------------

    def _rests(self, deployment_id: str, rest: Rest | None) -> None:
        about = self._about(deployment_id)
        name = about.get("model_group", deployment_id)
        if rest is None:
            self.tell("cooldown_deployment", f"A deployment of {name} is well again.", "info", ended=True, **about)
            return
        message = f"A deployment of {name} rests for {rest.seconds:g} s after {rest.reason}."
        self.tell("cooldown_deployment", message, seconds=rest.seconds, reason=rest.reason, status=rest.status, **about)

    def _about(self, deployment_id: str) -> Mapping[str, Any]:
        for each in self._gateway.pipeline.models.deployments:
            if each.id == deployment_id:
                return {
                    "model_group": each.model_name,
                    "model": each.model,
                    "provider": each.provider_name,
                    "api_base": each.api_base,
                    "deployment_id": each.id,
                }
        return {"deployment_id": deployment_id}

    def _state_is(self, up: bool) -> None:
        if up:
            self.tell("db_exceptions", "Redis is back.", "info", service="redis", ended=True)
        else:
            self.tell("db_exceptions", "Redis does not answer: replicas go on by themselves.", service="redis")

    def _crossed(self, what: str, dollars: float, spent: float) -> None:
        message = f"The budget of {what} is used up: {spent:.6g} of {dollars:.6g} dollars."
        self.tell(
            "budget_alerts", message, "critical", event="budget_crossed", name=what, max_budget=dollars, spend=spent
        )

    async def _look_on(self) -> None:
        """Look for calls that hang."""
        patience = self._gateway.config.general_settings.alerting_threshold
        while True:
            await asyncio.sleep(min(LOOK, patience / 4))
            running = self._gateway.pipeline.limits.running
            if not running:
                self._hanging.clear()
                continue
            now = time.monotonic()
            late = [call for call in running if now - call.started > patience]
            for call in late:
                if call.id not in self._hanging:
                    deployment = call.deployment.id if call.deployment is not None else None
                    self.tell(
                        "llm_requests_hanging",
                        f"A call of {call.model} is under way for more than {patience:g} s.",
                        call_id=call.id,
                        model_group=call.model,
                        deployment_id=deployment,
                        seconds=round(now - call.started, 1),
                    )
            self._hanging = {call.id for call in late}
