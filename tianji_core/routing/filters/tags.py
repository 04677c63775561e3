"""Routing by tag: callers that bring a tag get the deployments that carry it."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_core.api.errors import AuthenticationError, GatewayError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats

DEFAULT = "default"


class TagFilter(Filter):
    """The call's tags against those of the deployments.

    One tag in common is enough, or with `match_any` off the deployment has to carry all of the call's. `!x` leaves out
    deployments with the tag x, `&x` demands it whatever the others say. A call without tags gets the deployments tagged
    `default`, or all where none is. A call whose tags nobody in the group carries gets the `default` ones, and is
    refused without any; so is one whose tags are known but never together.

    With a `prefix` only tags that begin with it count, and they count without it.
    """

    reason = "tags"

    def __init__(self, *, match_any: bool = True, prefix: str = "") -> None:
        self._match_any = match_any
        self._prefix = prefix

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        tags = self._routing_tags(call.tags) if call.tags else ()
        if not tags:
            return [d for d in candidates if DEFAULT in d.tags] or candidates
        wanted = {tag for tag in tags if tag[0] not in "!&"}
        denied = {tag[1:] for tag in tags if tag[0] == "!"}
        demanded = {tag[1:] for tag in tags if tag[0] == "&"}
        left = [d for d in candidates if not denied.intersection(d.tags) and demanded.issubset(d.tags)]
        if not wanted:
            return left
        if self._match_any:
            found = [d for d in left if not wanted.isdisjoint(d.tags)]
        else:
            found = [d for d in left if wanted.issubset(d.tags)]
        if found or any(not wanted.isdisjoint(d.tags) for d in candidates):
            return found
        return [d for d in left if DEFAULT in d.tags]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return AuthenticationError(
            f"No deployment of model {call.model!r} may be used with the tags of this request: "
            f"{', '.join(call.tags) or 'none'}.",
            param="tags",
        )

    def _routing_tags(self, tags: Sequence[str]) -> list[str]:
        prefix = self._prefix
        found = []
        for tag in tags:
            sign = tag[0] if tag[0] in "!&" else ""
            name = tag[len(sign) :]
            if name.startswith(prefix) and len(name) > len(prefix):
                found.append(sign + name[len(prefix) :])
        return found
