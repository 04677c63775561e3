"""Whether a request fits a deployment: `enable_pre_call_checks`."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_core.api.errors import ContextWindowExceededError, GatewayError, UnsupportedParamsError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats


class ContextFilter(Filter):
    """Leaves out deployments whose `max_input_tokens` the prompt exceeds."""

    reason = "prompt too long"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        tokens = call.prompt_tokens
        if tokens is None:
            return candidates
        return [d for d in candidates if d.max_input_tokens is None or tokens <= d.max_input_tokens]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        most = max(d.max_input_tokens or 0 for d in candidates)
        return ContextWindowExceededError(
            f"The prompt has {call.prompt_tokens} tokens, and model {call.model!r} takes {most}.",
            code="context_length_exceeded",
        )


class ResponseFormatFilter(Filter):
    """Leaves out deployments that know no `response_format`, where it would not be dropped."""

    reason = "no response_format"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        if call.body.get("response_format") is None:
            return candidates
        operation = call.operation
        return [
            d for d in candidates if d.drop_params or "response_format" not in d.rejected_params(d.model, operation)
        ]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return UnsupportedParamsError(
            f"No deployment of model {call.model!r} supports response_format.", param="response_format"
        )
