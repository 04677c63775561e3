"""The shape of a filter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

from tianji_core.api.call import CallView
from tianji_core.api.errors import GatewayError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.stats import Stats


class RoutedCall(CallView, Protocol):
    """What filters see of a call."""

    @property
    def prompt_tokens(self) -> int | None:
        """The prompt's tokens, counted or at most so many; None where nobody has looked."""


class Filter(ABC):
    """Keeps those deployments of a group that may have a call. Synchronous: it is on the way of the group's calls.

    A group gets the filters that its rows and the config call for, made at start-up.
    """

    reason: ClassVar[str]
    """Why a deployment was left out, in a word or two: for who asks how a call was routed."""

    @abstractmethod
    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        """Those of `candidates` that may have the call, in their order; `candidates` itself if that is all."""

    @abstractmethod
    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        """What the caller is told if none of the candidates may have it."""
