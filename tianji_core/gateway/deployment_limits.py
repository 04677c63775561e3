"""Hard limits of deployments, and budgets of vendors and deployments: exact over all replicas, by the shared state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tianji_core.api.callback import in_dollars
from tianji_core.api.errors import GatewayError, RateLimitError
from tianji_core.gateway.call import Call
from tianji_core.routing import Deployment, Stats
from tianji_core.routing.filters import Filter, RoutedCall
from tianji_core.state import Limit, Refused, State, Taken

MINUTE = 60.0


class HardLimits:
    """`rpm` and `tpm` of deployments, taken before a try and settled after it (`enforce_model_rate_limits`)."""

    def __init__(self, state: State, deployments: Sequence[Deployment]) -> None:
        self._state = state
        self._limits = {d.id: _limits(d) for d in deployments if d.rpm is not None or d.tpm is not None}

    def covers(self, deployment: Deployment) -> bool:
        return deployment.id in self._limits

    async def take(self, call: Call, deployment: Deployment) -> Taken | Refused:
        """Room for one try, in one round trip; or how long it takes until there may be some.

        A prompt that nobody has measured counts as one token until the call is over.
        """
        tokens = float(call.prompt_tokens or 1)
        wanted = [limit if limit.amount else limit._replace(amount=tokens) for limit in self._limits[deployment.id]]
        return await self._state.take(wanted)

    def settle(self, taken: Taken, tokens: int | None) -> None:
        """What a try has used: itself, and so many tokens; None if nobody knows."""
        used = [1.0 if limit.key.endswith(":rpm") else tokens for limit in taken.limits]
        self._state.settle(taken, used)


def _limits(deployment: Deployment) -> list[Limit]:
    """`amount` 0 stands for the tokens of the prompt."""
    found = []
    if deployment.rpm is not None:
        found.append(Limit(f"limit:{deployment.id}:rpm", 1.0, float(deployment.rpm), MINUTE))
    if deployment.tpm is not None:
        found.append(Limit(f"limit:{deployment.id}:tpm", 0.0, float(deployment.tpm), MINUTE))
    return found


@dataclass(frozen=True, slots=True)
class Budget:
    """So many dollars within so many seconds, which begin with the first that is spent."""

    key: str
    dollars: float
    seconds: float


class Budgets:
    """Budgets of providers, deployments and tags. What is spent is counted over all replicas, and known here from the
    last call that spent something; a call that is under way may go over a budget.
    """

    EVERY: ClassVar[float] = 2.0
    """Seconds between two looks at what others have spent, and at budgets whose time is over."""

    def __init__(
        self,
        state: State,
        providers: Mapping[str, Budget],
        deployments: Mapping[str, Budget],
        tags: Mapping[str, Budget],
    ) -> None:
        self._state = state
        self._providers, self._deployments, self.tags = providers, deployments, tags
        self.on_crossed: Callable[[str, float, float], None] | None = None
        """Is told of a budget that has just been used up: what it is of, its dollars, what is spent."""
        self._all = [*providers.values(), *deployments.values(), *tags.values()]
        self._spent: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn what is spent, and go on looking."""
        await self.look()
        self._looking = asyncio.get_running_loop().create_task(self._look_on())

    async def aclose(self) -> None:
        """Hand in what is still to be counted."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look(self) -> None:
        """Read what all replicas have spent."""
        spent = await self._state.read([budget.key for budget in self._all])
        self._spent = {budget.key: amount for budget, amount in zip(self._all, spent, strict=True)}

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self.EVERY)
            await self.look()

    def concern(self, deployment: Deployment) -> bool:
        """Whether a deployment, or its provider, has a budget."""
        return deployment.provider_name in self._providers or deployment.id in self._deployments

    def has_room(self, deployment: Deployment) -> bool:
        """Whether neither the deployment's budget nor its provider's is used up."""
        return not self._is_used_up(self._providers.get(deployment.provider_name)) and not self._is_used_up(
            self._deployments.get(deployment.id)
        )

    def left_of_providers(self) -> dict[str, float]:
        """What is left of the providers' budgets, in dollars."""
        return {
            name: max(0.0, budget.dollars - self._spent.get(budget.key, 0.0))
            for name, budget in self._providers.items()
        }

    def tags_have_room(self, tags: Sequence[str]) -> bool:
        """Whether no tag's budget is used up."""
        return not self.tags or not any(self._is_used_up(self.tags.get(tag)) for tag in tags)

    def spend(self, call: Call) -> None:
        """Count what a call that is over has cost."""
        deployment, cost = call.deployment, call.cost
        if deployment is None or cost is None or not cost.total:
            return
        concerned = [self._providers.get(deployment.provider_name), self._deployments.get(deployment.id)]
        concerned += [self.tags.get(tag) for tag in call.tags] if self.tags else ()
        found = [budget for budget in concerned if budget is not None]
        if not found:
            return
        dollars = in_dollars(cost.total)
        for budget in found:  # known here at once; what the others have spent comes with the answer
            before = self._spent.get(budget.key, 0.0)
            self._spent[budget.key] = before + dollars
            if self.on_crossed is not None and before < budget.dollars <= before + dollars:
                self.on_crossed(budget.key, budget.dollars, before + dollars)
        task = asyncio.get_running_loop().create_task(self._hand_in(found, dollars))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_in(self, budgets: Sequence[Budget], dollars: float) -> None:
        totals = await self._state.add([(budget.key, dollars, budget.seconds) for budget in budgets])
        for budget, total in zip(budgets, totals, strict=True):
            self._spent[budget.key] = max(total, self._spent.get(budget.key, 0.0))

    def _is_used_up(self, budget: Budget | None) -> bool:
        return budget is not None and self._spent.get(budget.key, 0.0) >= budget.dollars


class BudgetFilter(Filter):
    """Leaves out deployments whose budget, or whose provider's, is used up; all of them if a tag's is."""

    reason = "budget used up"

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        if not self._budgets.tags_have_room(call.tags):
            return ()
        return [d for d in candidates if self._budgets.has_room(d)]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return RateLimitError(
            f"The budget of every deployment of model {call.model!r} is used up.", type="budget_exceeded"
        )
