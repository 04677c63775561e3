"""One row of `model_list`, compiled: everything that does not depend on the single call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tianji_core.api.http import Network
from tianji_core.api.provider import Operation, Provider
from tianji_core.transport import Timeouts, Transport
from tianji_core.wire.openai import PARAMS

_PARAM_CACHE_SIZE = 1000
"""Models whose parameters a wildcard deployment remembers; a client can ask for any name."""


@dataclass(eq=False, slots=True)
class Deployment:
    """A deployment as the pipeline uses it. Read-only once the gateway is compiled."""

    id: str
    model_name: str
    model: str
    provider_name: str
    provider: Provider
    transport: Transport
    network: Network
    """Lent to the provider's async methods; most override none of them, and then the `needs_…` below are false."""
    timeouts: Timeouts
    stream_timeouts: Timeouts
    first_chunk_patience: float | None = None
    """Seconds from the beginning of a try to a stream's first chunk, where no other time-out sees to that."""
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    """Calls at once, in each process."""
    order: int = 1
    tags: tuple[str, ...] = ()
    region: str | None = None
    """Where it runs, in the vendor's words and lower case."""
    max_input_tokens: int | None = None
    cooldown_time: float | None = None
    """Seconds that it rests after failures; None for what the router says."""
    info: Mapping[str, Any] = field(default_factory=dict)
    num_retries: int | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """OpenAI parameters and vendor parameters of the row; what the client sends wins."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Those of them that win over the client's."""
    drop_params: bool = False
    dropped_params: frozenset[str] = frozenset()
    dropped_places: tuple[tuple[str | int | None, ...], ...] = ()
    """Places inside members that are always left out, as `tianji_core.gateway.paths` reads them."""
    allowed_params: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()
    """Keys and the like: in no message to a client."""
    mock_response: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    """What of the row's `litellm_params` may be shown: nothing that could be a credential."""
    api_base: str | None = None
    """Shown in headers and records: without user, password and query."""
    needs_prepare: bool = False
    needs_authorize: bool = False
    needs_follow: bool = False
    asks_for_usage: bool = True
    """Whether streams are asked for a usage chunk (`stream_options.include_usage`)."""
    shows_cost: bool = False
    """Whether a stream's usage tells its clients what it costs."""
    shows_usage: bool = False
    """Whether that chunk goes to clients that did not ask for it, too."""
    forwards_trace: bool = False
    """Whether its vendor is told of the trace that a call is part of."""
    in_pass_through: bool | None = None
    """Whether its credential is lent to pass-through; None if the row does not say."""
    pricing: Any = None
    """What its calls cost: a `tianji_core.accounting.prices.Pricing`; None of deployments that serve no model."""
    rates: Any = None
    """The `Rates` of its model, if it is one and they are known."""
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    """List prices in US dollars, None where they are not known."""
    _rejected: dict[tuple[str, Operation], frozenset[str]] = field(default_factory=dict, repr=False)

    def rejected_params(self, model: str, operation: Operation) -> frozenset[str]:
        """The OpenAI parameters that this model does not take and the config does not let through."""
        key = (model, operation)
        rejected = self._rejected.get(key)
        if rejected is None:
            supported = self.provider.supported_params(model, operation)
            everything = PARAMS[operation]
            rejected = frozenset() if supported is None else everything - supported - self.allowed_params
            if len(self._rejected) < _PARAM_CACHE_SIZE:
                self._rejected[key] = rejected
        return rejected
