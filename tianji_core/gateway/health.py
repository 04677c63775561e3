"""Health checks: is a deployment there, does its key hold. Each asks the vendor for something small.

A check goes to one deployment by the same way as a try of a call, and leaves no trace in statistics and records. What
was found is kept over reloads, for who asks and for routing (`HealthFilter`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import ClientClosedError, GatewayError
from tianji_core.api.provider import Operation
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.reply import StreamReply
from tianji_core.routing import Deployment, Stats
from tianji_core.routing.stats import Checked
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

log = get_logger("tianji.health")

SECONDS = 60.0
"""That a check may take, unless `model_info.health_check_timeout` says otherwise."""
AT_ONCE = 10
"""Checks under way at the same time, unless the config says otherwise."""
SHORTEST = 0.05
"""Seconds between two rounds, whatever the config says: each costs money."""
_ASKED: dict[Operation, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Say ok."}], "max_tokens": 16},
    "completions": {"prompt": "Say ok.", "max_tokens": 16},
    "embeddings": {"input": "ok"},
    "moderations": {"input": "ok"},
    "rerank": {"query": "ok", "documents": ["ok"]},
}
"""What is asked for, by operation."""
_MODES: dict[str, Operation] = {
    "chat": "chat",
    "completion": "completions",
    "embedding": "embeddings",
    "moderation": "moderations",
    "rerank": "rerank",
    "responses": "chat",
}


class Health:
    """The checks of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        general = gateway.config.general_settings
        self._room = asyncio.Semaphore(general.health_check_concurrency or AT_ONCE)
        self._task: asyncio.Task[None] | None = None
        self._under_way: dict[str, asyncio.Task[Checked]] = {}

    @property
    def found(self) -> dict[str, Checked]:
        """The newest check of each deployment that had one, by its id."""
        return self._gateway.pipeline.stats.checked

    def start(self) -> None:
        """Check every deployment now and then, if the config wants it."""
        general = self._gateway.config.general_settings
        if general.background_health_checks and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._go_on(general.health_check_interval))

    async def aclose(self) -> None:
        """Check no more."""
        tasks: list[asyncio.Task[Any]] = list(self._under_way.values())
        if self._task is not None:
            tasks.append(self._task)
            self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self, deployments: Iterable[Deployment]) -> dict[str, Checked]:
        """Check these now, some at once; what was found, by id. A check that is under way already does for all who
        ask, and goes on when they leave."""
        found = await asyncio.gather(*(asyncio.shield(self._begin(each)) for each in deployments))
        return {each.deployment_id: each for each in found}

    def _begin(self, deployment: Deployment) -> asyncio.Task[Checked]:
        task = self._under_way.get(deployment.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._check(deployment))
            self._under_way[deployment.id] = task
            task.add_done_callback(lambda done: self._ended(deployment, done))
        return task

    def _ended(self, deployment: Deployment, task: asyncio.Task[Checked]) -> None:
        del self._under_way[deployment.id]
        if not task.cancelled():
            self.found[deployment.id] = task.result()

    async def _go_on(self, interval: float) -> None:
        interval = max(interval, SHORTEST)
        groups = frozenset(self._gateway.config.general_settings.background_health_check_model_groups)
        while True:
            wanted = [
                d
                for d in self._gateway.pipeline.models.deployments
                if not d.info.get("disable_background_health_check") and (not groups or d.model_name in groups)
            ]
            # Spread over the interval, so that the checks of many rows are no burst for a vendor. One that hangs keeps
            # no other waiting; the next round leaves it alone.
            for each in wanted:
                if each.id not in self._under_way:
                    self._begin(each).add_done_callback(partial(_tell, each))
                await asyncio.sleep(interval / len(wanted) / 2)
            await asyncio.sleep(interval / 2 if wanted else interval)

    async def _check(self, deployment: Deployment) -> Checked:
        operation = _operation_of(deployment)
        model = deployment.info.get("health_check_model") or deployment.model
        model = str(model).removeprefix(f"{deployment.provider_name}/")
        if operation is None or "*" in model:
            why = (
                "a wildcard names no model: set model_info.health_check_model" if operation else "nothing small to ask"
            )
            return Checked(deployment.id, None, time.time(), 0.0, None, why)
        seconds = deployment.info.get("health_check_timeout") or SECONDS
        async with self._room:
            begun, at = time.monotonic(), time.time()
            status: int | None = 200
            try:
                async with asyncio.timeout(float(seconds)):
                    await self._ask(deployment, operation, model)
                error = None
            except GatewayError as failure:
                status, error = failure.http_status, failure.message
            except TimeoutError:
                status, error = 408, f"no answer in {seconds} seconds"
            except Exception as failure:  # a defect of a plugin must not end the checks of the others
                log.exception("health check failed unexpectedly", deployment=deployment.id)
                status, error = 500, type(failure).__name__
            return Checked(deployment.id, error is None, at, time.monotonic() - begun, status, error)

    async def _ask(self, deployment: Deployment, operation: Operation, model: str) -> None:
        params = deployment.info.get("health_check_params")
        body = {"model": deployment.model_name, **_ASKED[operation], **(params if isinstance(params, dict) else {})}
        call = self._gateway.new_call(operation, body)
        pipeline = self._gateway.pipeline
        attempt = Attempt(call, deployment, Stats(), keep=False, max_response=pipeline.max_response_bytes, counts=False)
        reply = await attempt.run(model)
        if isinstance(reply, StreamReply):
            await reply.aclose(ClientClosedError("The check is over."))


def _tell(deployment: Deployment, task: asyncio.Task[Checked]) -> None:
    """Write down what is wrong with a deployment."""
    if not task.cancelled() and (error := task.result().error) is not None:
        log.warning("health check failed", deployment=deployment.id, model=deployment.model_name, error=error)


def _operation_of(deployment: Deployment) -> Operation | None:
    """What a deployment is checked by; None where anything that could be asked for costs more than a little."""
    mode = deployment.info.get("mode")
    operations = deployment.provider.capabilities.operations
    if mode is None:
        return next((o for o in ("chat", "completions", "embeddings", "rerank") if o in operations), None)
    operation = _MODES.get(str(mode))
    return operation if operation in operations else None


def report(deployments: Sequence[Deployment], found: dict[str, Checked]) -> dict[str, Any]:
    """What `/health` answers, in the reference's words. Deployments without a check are told apart."""
    healthy, unhealthy, unchecked = [], [], []
    for each in deployments:
        told = {"model": f"{each.provider_name}/{each.model}", "model_name": each.model_name, "model_id": each.id}
        if each.api_base:
            told["api_base"] = each.api_base
        checked = found.get(each.id)
        if checked is None or checked.healthy is None:
            unchecked.append({**told, "reason": "not checked yet" if checked is None else checked.error})
        elif checked.healthy:
            healthy.append({**told, "checked_at": checked.at, "seconds": round(checked.seconds, 3)})
        else:
            unhealthy.append({**told, "checked_at": checked.at, "status_code": checked.status, "error": checked.error})
    return {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "unchecked_endpoints": unchecked,
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }


def latest(deployments: Sequence[Deployment], stats: Stats) -> list[dict[str, Any]]:
    """What is known of each deployment without asking anybody: the newest check, a rest, the minute."""
    told = []
    for each in deployments:
        seen, rest, checked = stats.stats(each.id), stats.cooldowns.resting.get(each.id), stats.checked.get(each.id)
        entry: dict[str, Any] = {
            "model_name": each.model_name,
            "model_id": each.id,
            "in_flight": seen.in_flight,
            "requests_this_minute": seen.requests,
            "tokens_this_minute": seen.tokens,
            "failed_in_a_row": seen.failed_in_a_row,
            "successes": seen.successes,
            "failures": seen.failures,
            "cooldown": None,
            "health_check": None,
        }
        if rest is not None:
            entry["cooldown"] = {
                "reason": rest.reason,
                "status_code": rest.status,
                "since": rest.since,
                "remaining_seconds": round(stats.cooldowns.remaining(each.id), 3),
            }
        if checked is not None:
            entry["health_check"] = {
                "healthy": checked.healthy,
                "checked_at": checked.at,
                "status_code": checked.status,
                "error": checked.error,
            }
        told.append(entry)
    return told
