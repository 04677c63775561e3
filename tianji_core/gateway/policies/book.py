"""The policies of a gateway: those of its config, and those of the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tianji_core.api.errors import BadRequestError, GatewayError, PermissionDeniedError, ServiceUnavailableError
from tianji_core.gateway.call import DEFAULT_OPTIONS, CallOptions
from tianji_core.gateway.policies.build import AttachmentDraft, Known, Note, PolicyDraft, build
from tianji_core.gateway.policies.facts import names_of
from tianji_core.gateway.policies.outcome import Outcome
from tianji_core.gateway.policies.ruleset import LONGEST_NAME, RuleSet
from tianji_core.gateway.policies.shaping import contradicts, shape
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.call import Call
    from tianji_core.routing import ModelTable

log = get_logger("tianji.policies")

_options: dict[frozenset[str], CallOptions] = {}


class Turn(NamedTuple):
    """Where a fallback leads: the model to try, and whether the call has to be shaped and judged anew for it."""

    model: str
    is_new: bool


class Policies:
    """What is in force now. `current` is None while there are no policies: then no call pays for them."""

    def __init__(
        self, policies: Sequence[PolicyDraft], attachments: Sequence[AttachmentDraft], known: Known, note: Note
    ) -> None:
        """Those of the config; what is wrong with them is noted."""
        self.known = known
        self.policies = self._config = tuple(policies)
        self.attachments = self._config_attachments = tuple(attachments)
        self.config_paths = frozenset([*(draft.path for draft in policies), *(draft.path for draft in attachments)])
        self.current = build(policies, attachments, known, note)

    def with_stored(
        self, policies: Iterable[PolicyDraft], attachments: Iterable[AttachmentDraft], note: Note
    ) -> Policies:
        """The policies of the config and these; what is wrong with these is noted. A name of the config wins."""
        names = {draft.name for draft in self._config}
        both = [*self._config, *(draft for draft in policies if draft.name not in names)]
        return Policies(both, [*self._config_attachments, *attachments], self.known, note)

    def take(self, other: Policies) -> None:
        """Put other policies in force; those of the config stay what they are."""
        self.policies, self.attachments, self.current = other.policies, other.attachments, other.current

    def apply(self, call: Call, models: ModelTable, *, as_it_is: bool = False) -> None:
        """Do to a call what its policies say, once. Raises GatewayError for one that they refuse.

        `as_it_is`: one that cannot be changed, and may name no model; what would change it refuses it.
        """
        if call.policies is not None:
            return
        asked = call.options.policies
        current = self.current
        for name in asked:
            if current is None or not current.may_be_asked_for(name):
                raise BadRequestError(f"There is no policy {name!r} that requests may ask for.", param="policies")
        if current is None:
            return
        if len(call.model) > LONGEST_NAME:  # which an expression in a condition might have to look at
            raise BadRequestError(f"Invalid model name passed in model={call.model[:60]}….", param="model")
        outcome = current.for_call(call, call.model, models)
        self._check(call, outcome)
        if outcome.swap is not None:
            outcome = self._swapped(call, current, outcome, models)
        if as_it_is and (call.routed is not None or contradicts(call.body, outcome)):
            raise BadRequestError("A policy would change this request, which can only be sent as it is.")
        if call.model or not as_it_is:
            self._check_model(call, outcome, call.routed or call.model, models)
        call.policies = outcome
        _add_guardrails(call, outcome.guardrails)
        if outcome.changes_body and not as_it_is:
            shape(call, outcome)

    def follow(self, call: Call, before: Outcome | None, model: str, models: ModelTable) -> Turn | None:
        """What policies say of a fallback to this model; None if they do not allow it.

        `before` is what held for the call when it was first judged.
        """
        current = self.current
        if current is None or before is None:
            return Turn(model, False)
        if len(model) > LONGEST_NAME:
            return None
        try:
            here = current.for_call(call, model, models)
            if here.fault is not None or (here.swap is not None and not _may_call(call, here.swap)):
                return None
            if here.swap is not None:
                model = here.swap
                here = here.and_also(replace(current.for_call(call, model, models), swap=None, swapped_by=None))
            outcome = before.and_also(here)
            self._check_model(call, outcome, model, models)
        except GatewayError:
            return None
        anew = not outcome.guardrails <= before.guardrails
        call.policies = outcome
        _add_guardrails(call, outcome.guardrails)
        return Turn(model, anew or (outcome.cap, outcome.set) != (before.cap, before.set))

    def concern(self, call: Call) -> bool:
        """Whether some policy may hold for this caller, whatever the model."""
        return self.current is not None and self.current.may_hold_for(call.principal)

    def of_passed(self, call: Call, group: str, model: str, models: ModelTable) -> Outcome | None:
        """What holds for a request that is passed through, for the vendor's name of the model or its row's.

        The guardrails are added to the call. Raises GatewayError.
        """
        if self.current is None:
            return None
        outcome = self.current.for_call(call, model[:LONGEST_NAME], models)
        if group:
            outcome = outcome.and_also(self.current.for_call(call, group, models))
        self._check(call, outcome)
        call.policies = outcome
        _add_guardrails(call, outcome.guardrails)
        return outcome

    def shape(self, call: Call) -> None:
        """Bring a body that was changed since to what the call's policies say."""
        if call.policies is not None and call.policies.changes_body:
            shape(call, call.policies)

    def changes(self, call: Call, models: ModelTable) -> bool:
        """Whether policies do more to this call than to have guardrails look at it, or refuse it."""
        if self.current is None:
            return bool(call.options.policies)
        try:
            self.apply(call, models)
        except GatewayError:
            return True
        return call.routed is not None or (call.policies is not None and call.policies.changes_body)

    def _swapped(self, call: Call, current: RuleSet, outcome: Outcome, models: ModelTable) -> Outcome:
        """What holds for the call once it goes to another model than it asked for."""
        to = outcome.swap
        assert to is not None  # noqa: S101 - see apply
        if not _may_call(call, to):
            raise PermissionDeniedError(
                f"Policy {outcome.swapped_by!r} has {to!r} answer, and this key may not call it.",
                type="key_model_access_denied",
                param="model",
            )
        there = replace(current.for_call(call, to, models), swap=None, swapped_by=None)  # one step, never a chain
        self._check(call, there)
        call.routed = to
        return outcome.and_also(there)

    def _check(self, call: Call, outcome: Outcome) -> None:
        if outcome.fault is not None:
            log.error("a policy cannot be kept to, calls are refused", fault=outcome.fault, call_id=call.id)
            raise ServiceUnavailableError("A policy for this call cannot be kept to; the gateway's log says why.")

    def _check_model(self, call: Call, outcome: Outcome, model: str, models: ModelTable) -> None:
        if not outcome.allow:
            return
        policy = outcome.refusing(names_of(model, models))
        if policy is not None:
            raise PermissionDeniedError(
                f"Policy {policy!r} does not allow model {model!r}.", type="policy_model_access_denied", param="model"
            )


def _may_call(call: Call, model: str) -> bool:
    return not call.principal.models or model in call.principal.models


def _add_guardrails(call: Call, guardrails: frozenset[str]) -> None:
    if guardrails <= call.options.guardrails:
        return
    if call.options is DEFAULT_OPTIONS:
        options = _options.get(guardrails)
        if options is None:
            options = CallOptions(guardrails=guardrails)
            if len(_options) < 1000:
                _options[guardrails] = options
        call.options = options
    else:
        call.options = replace(call.options, guardrails=call.options.guardrails | guardrails)
