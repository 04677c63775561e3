"""All policies and attachments of a gateway, and what they come to for a call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from tianji_core.gateway.policies.conditions import IsTime, Moving
from tianji_core.gateway.policies.facts import Facts, Who, names_of, own_policies, tags_of, who_is
from tianji_core.gateway.policies.outcome import Applied, Outcome, combined
from tianji_core.gateway.policies.rules import KEY, Attachment, Policy

if TYPE_CHECKING:
    from tianji_core.api.call import Principal
    from tianji_core.gateway.call import Call
    from tianji_core.routing import ModelTable

MOST_PLACES = 4096
"""Callers with a model each whose policies are remembered."""
MOST_OUTCOMES = 256
"""Outcomes that are remembered for each, by how the moving parts of conditions came out."""

LONGEST_NAME = 512
"""Characters of a model's name: what clients send may be of any length, and is compared and remembered here."""

_BY_KEY = "key's own"
BY_REQUEST = "request"


class RuleSet:
    """Policies and attachments. What they come to for a caller and a model is worked out once; what moves (tags,
    metadata, time) is looked at for each call."""

    def __init__(self, policies: Iterable[Policy], attachments: Iterable[Attachment]) -> None:
        self.policies: Mapping[str, Policy] = {policy.name: policy for policy in policies}
        self.attachments = tuple(attachments)
        self._places: dict[tuple[object, ...], _Place] = {}

    # -- pure --------------------------------------------------------------------------------------------------------

    def outcome(self, facts: Facts, own: Iterable[str] = (), asked: Iterable[str] = ()) -> Outcome:
        """What holds for a call. `own` are policies that the caller's key names, `asked` those of the request.

        What the request says of itself (its tags, its metadata, the policies it asks for) can only add: what would
        hold without it holds in any case.
        """
        own = tuple(own)
        settled = combined(self.applied(facts, False, own), facts)
        return settled.and_also(combined(self.applied(facts, True, own, asked), facts))

    def applied(self, facts: Facts, said: bool, own: Iterable[str] = (), asked: Iterable[str] = ()) -> list[Applied]:
        """The policies that hold; `said` if what the request says of itself counts."""
        found = list(self._attached(facts, said, default=False))
        found += (self._applied(name, facts, said, _BY_KEY, KEY) for name in own if self._holds(name, facts, said))
        if not found:
            found = list(self._attached(facts, said, default=True))
        for name in asked:
            if self._holds(name, facts, said):
                found.append(self._applied(name, facts, said, BY_REQUEST)._replace(asked=True))
        return found

    def may_be_asked_for(self, name: str) -> bool:
        """Whether requests may ask for this policy."""
        found = self.policies.get(name)
        return found is not None and found.requestable

    def _attached(self, facts: Facts, said: bool, *, default: bool) -> Iterator[Applied]:
        for attachment in self.attachments:
            if attachment.default is not default or next(attachment.misses(facts, said), None) is not None:
                continue
            if self._holds(attachment.policy, facts, said):
                applied = self._applied(attachment.policy, facts, said, attachment.reason(facts, said))
                yield applied._replace(
                    width=attachment.width, priority=attachment.priority, mandatory=attachment.mandatory
                )

    def _holds(self, name: str, facts: Facts, said: bool) -> bool:
        """One that does not exist holds, and refuses: better than to go on without it."""
        policy = self.policies.get(name)
        return policy is None or policy.holds(facts, said)

    def _applied(self, name: str, facts: Facts, said: bool, reason: str, width: int = 0) -> Applied:
        policy = self.policies.get(name)
        if policy is None:
            policy = Policy(name, (), fault=f"there is no policy {name!r}")
        return Applied(name, policy.effect(facts, said), reason, width, fault=policy.fault)

    def may_hold_for(self, principal: Principal) -> bool:
        """Whether some attachment is for this caller, for one model or another, or his key names policies."""
        who = who_is(principal)
        return bool(own_policies(principal)) or any(
            (each.keys is None or each.keys.fit(who.keys)) and (each.teams is None or each.teams.fit(who.teams))
            for each in self.attachments
        )

    # -- for calls ---------------------------------------------------------------------------------------------------

    def for_call(self, call: Call, model: str, models: ModelTable) -> Outcome:
        """What holds for a call to this model, from memory where nothing new is to be worked out."""
        principal = call.principal
        metadata = principal.metadata
        own = own_policies(principal) if metadata else ()
        key: tuple[object, ...] = (model, principal.key_hash, principal.key_alias, principal.team_id, own)
        if metadata and (alias := metadata.get("team_alias")) is not None:
            key += (str(alias),)
        place = self._places.get(key)
        if place is None:
            place = self._place(key, who_is(principal), names_of(model, models), own)
        asked = call.options.policies
        if not place.moving and not asked:
            outcome = place.outcomes.get(asked)
            if outcome is not None:
                return outcome
        tags = tags_of(principal) if metadata else ()
        facts = Facts(
            place.who,
            place.models,
            tags,
            metadata,
            call.tags,
            call.metadata,
            time.time() if place.needs_time else 0.0,
        )
        if asked and not all(map(self.may_be_asked_for, asked)):
            return self.outcome(facts, own, asked)  # who lets that through has nothing remembered
        state = (asked, *(each.holds(facts, said) for said in (False, True) for each in place.moving))
        outcome = place.outcomes.get(state if place.moving else asked)
        if outcome is None:
            outcome = self.outcome(facts, own, asked)
            if len(place.outcomes) < MOST_OUTCOMES:
                place.outcomes[state if place.moving else asked] = outcome
        return outcome

    def _place(self, key: tuple[object, ...], who: Who, models: tuple[str, ...], own: tuple[str, ...]) -> _Place:
        facts = Facts(who, models, now=0.0)
        moving: dict[int, Moving] = {}
        names = [*own, *(name for name, policy in self.policies.items() if policy.requestable)]
        for attachment in self.attachments:
            missed = list(attachment.misses(facts, False))
            if attachment.tags is not None and missed == [str(attachment.tags)]:
                moving[id(attachment.tags)] = attachment.tags
                names.append(attachment.policy)
            elif not missed:
                names.append(attachment.policy)
        for name in names:
            policy = self.policies.get(name)
            for part in policy.parts if policy is not None else ():
                moving.update((id(each), each) for each in part.condition.moving)
        place = _Place(who, models, tuple(moving.values()))
        if len(self._places) >= MOST_PLACES:
            self._places.clear()
        self._places[key] = place
        return place


class _Place:
    """A caller and a model."""

    __slots__ = ("models", "moving", "needs_time", "outcomes", "who")

    def __init__(self, who: Who, models: tuple[str, ...], moving: tuple[Moving, ...]) -> None:
        self.who = who
        self.models = models
        self.moving = moving
        self.needs_time = any(isinstance(each, IsTime) for each in moving)
        self.outcomes: dict[tuple[object, ...], Outcome] = {}
