"""From what the config and the store say to policies made ready; and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zoneinfo import ZoneInfoNotFoundError

from tianji_core.api.members import OWN
from tianji_core.config.report import Severity
from tianji_core.config.schema import policies as schema
from tianji_core.discovery.errors import closest
from tianji_core.gateway.body import REFUSED, REQUIRED, TYPES
from tianji_core.gateway.policies.conditions import Condition, HasTag, HasValue, IsTime, Moving
from tianji_core.gateway.policies.patterns import STAR, Pattern, Patterns, by_weight
from tianji_core.gateway.policies.rules import Attachment, Part, Policy, Source
from tianji_core.gateway.policies.ruleset import RuleSet
from tianji_core.gateway.policies.shaping import LIMIT
from tianji_core.gateway.policies.times import Window

if TYPE_CHECKING:
    from tianji_core.routing import ModelTable

KeyPath = tuple[str | int, ...]
DEEPEST = 50
"""Policies that may follow one another by `inherit`."""
_UNTOUCHED = (
    OWN | REFUSED | {"model", "stream", "stream_options"} | {name for names in REQUIRED.values() for name in names}
)
"""Members of bodies that are no parameters, or that guardrails have judged."""


class Note(Protocol):
    """Takes what is wrong at a place."""

    def __call__(
        self, path: KeyPath, message: str, hint: str | None = None, *, severity: Severity = "error"
    ) -> None: ...


class Known(NamedTuple):
    """What policies may name."""

    guardrails: frozenset[str]
    always_on: frozenset[str]
    models: ModelTable


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """A policy as somebody wrote it down."""

    name: str
    block: schema.Policy
    source: Source = "config"

    @property
    def path(self) -> KeyPath:
        return ("policies", self.name)


@dataclass(frozen=True, slots=True)
class AttachmentDraft:
    """An attachment as somebody wrote it down."""

    block: schema.PolicyAttachment
    path: KeyPath
    id: str
    source: Source = "config"


def build(
    policies: Sequence[PolicyDraft], attachments: Sequence[AttachmentDraft], known: Known, note: Note
) -> RuleSet | None:
    """The rules; None if there are none. What is wrong is noted, and what it is wrong with cannot be kept to."""
    if not policies and not attachments:
        return None
    builder = _Builder({draft.name: draft for draft in policies}, known, note)
    made = [builder.policy(draft) for draft in policies]
    return RuleSet(made, [builder.attachment(draft) for draft in attachments])


class _Builder:
    def __init__(self, drafts: Mapping[str, PolicyDraft], known: Known, note: Note) -> None:
        self._drafts = drafts
        self._known = known
        self._note = note
        self._parts: dict[str, tuple[Part, str | None]] = {}

    # -- policies ----------------------------------------------------------------------------------------------------

    def policy(self, draft: PolicyDraft) -> Policy:
        chain, fault = self._chain(draft)
        parts = []
        for each in chain:
            part, wrong = self._part(each)
            parts.append(part)
            fault = fault or wrong
        return Policy(draft.name, tuple(parts), draft.block.requestable, draft.source, fault)

    def _chain(self, draft: PolicyDraft) -> tuple[list[PolicyDraft], str | None]:
        """The policy and what it inherits, the root first; and what is wrong with that."""
        chain = [draft]
        while True:
            parent = chain[-1].block.inherit
            if parent is None:
                return chain[::-1], None
            path = (*chain[-1].path, "inherit")
            names = [each.name for each in chain]
            if parent in names:
                circle = " → ".join([*names[names.index(parent) :], parent])
                if parent == draft.name:  # each of a circle finds it; others only lead into it
                    self._note((*draft.path, "inherit"), f"a policy cannot inherit itself: {circle}")
                return chain[::-1], f"policy {draft.name!r} inherits in a circle: {circle}"
            if parent not in self._drafts:
                if len(chain) == 1:
                    self._note(path, f'no policy is called "{parent}"', _hint(parent, self._drafts))
                return chain[::-1], f"policy {chain[-1].name!r} inherits {parent!r}, which does not exist"
            if len(chain) >= DEEPEST:
                self._note(path, f"more than {DEEPEST} policies inherit one another")
                return chain[::-1], f"policy {draft.name!r} inherits too much"
            chain.append(self._drafts[parent])

    def _part(self, draft: PolicyDraft) -> tuple[Part, str | None]:
        """What a policy says itself, made once, so that parts of conditions are the same objects everywhere."""
        if draft.name not in self._parts:
            self._faults: list[str] = []
            part = self._made_part(draft)
            fault = f"policy {draft.name!r}: {self._faults[0]}" if self._faults else None
            self._parts[draft.name] = (part, fault)
        return self._parts[draft.name]

    def _made_part(self, draft: PolicyDraft) -> Part:
        block, path = draft.block, draft.path
        self._check_guardrails(block.guardrails, (*path, "guardrails"))
        self._check_params(block.params, (*path, "params"))
        models = (*path, "models")
        for index, text in enumerate(block.models.allow):
            self._check_pattern(text, (*models, "allow", index))
        for text, to in block.models.swap.items():
            self._check_pattern(text, (*models, "swap", text))
            if self._known.models.resolve(to) is None:
                self._wrong((*models, "swap", text), f'no model is called "{to}"', self._hint_model(to))
        swap = sorted(block.models.swap.items(), key=lambda pair: by_weight(pair[0]))
        return Part(
            draft.name,
            tuple(block.guardrails.add),
            tuple(block.guardrails.remove),
            self._condition(block.condition, (*path, "condition")),
            Patterns.of(block.models.allow),
            tuple((Pattern.of(text), to) for text, to in swap),
            dict(block.params.cap),
            dict(block.params.set),
        )

    def _condition(self, block: schema.PolicyCondition, path: KeyPath) -> Condition:
        moving: list[Moving] = []
        tags = Patterns.of(block.tags)
        if tags is not None:
            moving.append(HasTag(tags))
        for name, value in block.metadata.items():
            values = value if isinstance(value, list) else [value]
            if not values or any(isinstance(each, (dict, list)) or each is None for each in values):
                self._wrong((*path, "metadata", name), "expected a value or a list of values")
                continue
            moving.append(HasValue(name, tuple(Pattern.of(v) if isinstance(v, str) else v for v in values)))
        windows = [self._window(each, (*path, "time", index)) for index, each in enumerate(block.time)]
        if windows:
            moving.append(IsTime(tuple(window for window in windows if window is not None)))
        try:
            models = Patterns.of(block.model, expressions=True)
        except re.error as error:
            self._wrong((*path, "model"), f"no regular expression: {error.msg}", "For any text write *.")
            models = None
        for index, pattern in enumerate(models.all if models is not None else ()):
            if pattern.is_exact:
                self._check_pattern(pattern.text, (*path, "model", index))
        return Condition(models, Patterns.of(block.team_alias), Patterns.of(block.key_alias), tuple(moving))

    def _window(self, block: schema.PolicyTime, path: KeyPath) -> Window | None:
        if block.start == block.end:
            self._wrong((*path, "end"), "the time ends when it starts", "For whole days leave start and end out.")
            return None
        try:
            return Window(block.days, block.start, block.end, block.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            hint = 'Names of the IANA database are known, "Europe/Berlin".'
            self._wrong((*path, "timezone"), "this time zone is not known", hint)
            return None

    def _check_guardrails(self, block: schema.PolicyGuardrails, path: KeyPath) -> None:
        for index, name in enumerate(block.add):
            if name not in self._known.guardrails:
                hint = _hint(name, self._known.guardrails)
                self._wrong((*path, "add", index), f'no guardrail is called "{name}"', hint)
        for index, name in enumerate(block.remove):
            place = (*path, "remove", index)
            if name not in self._known.guardrails:
                self._note(
                    place, f'no guardrail is called "{name}"', _hint(name, self._known.guardrails), severity="warning"
                )
            elif name in self._known.always_on:
                hint = f"Take default_on away from {name}, and have a policy of scope * add it."
                self._note(place, f"{name} is always on, no policy can remove it", hint, severity="warning")
            elif name in block.add:
                self._note(place, f"{name} is added here too; removing wins", severity="warning")

    def _check_params(self, block: schema.PolicyParams, path: KeyPath) -> None:
        for name, value in block.cap.items():
            self._check_param(name, (*path, "cap", name))
            if name in (LIMIT, "max_completion_tokens") and not (isinstance(value, int) and value > 0):
                self._wrong((*path, "cap", name), "expected an integer above 0")
        for name, value in block.set.items():
            place = (*path, "set", name)
            self._check_param(name, place)
            types = TYPES.get(name)
            fits = bool in types if types and isinstance(value, bool) else types is None or isinstance(value, types)
            if value is not None and not fits:
                self._wrong(place, "no request could have this value", "It is a value of another type.")

    def _check_param(self, name: str, path: KeyPath) -> None:
        if name in _UNTOUCHED:
            hint = "For other models write models.swap." if name == "model" else None
            self._wrong(path, f"{name} is no parameter that a policy changes", hint)

    # -- attachments -------------------------------------------------------------------------------------------------

    def attachment(self, draft: AttachmentDraft) -> Attachment:
        block, path = draft.block, draft.path
        if block.policy not in self._drafts:
            self._note((*path, "policy"), f'no policy is called "{block.policy}"', _hint(block.policy, self._drafts))
        narrowed = any((block.teams, block.keys, block.models, block.tags))
        if block.scope not in (None, STAR):
            self._note((*path, "scope"), 'the only scope is "*"', "For less name teams, keys, models or tags.")
        elif block.scope is not None and narrowed:
            hint = "Without scope it holds for what is named."
            self._note(
                (*path, "scope"),
                "scope * is for all calls, what is named beside it counts for nothing",
                hint,
                severity="warning",
            )
        elif block.scope is None and not narrowed:
            self._note(
                path, "no scope and nobody named: it holds for all calls", 'Write scope: "*".', severity="warning"
            )
        for index, text in enumerate(block.models):
            self._check_pattern(text, (*path, "models", index))
        made = Attachment(
            block.policy,
            priority=block.priority,
            default=block.default,
            mandatory=block.mandatory,
            id=draft.id,
            source=draft.source,
        )
        if block.scope == STAR:
            return made
        tags = Patterns.of(block.tags)
        return replace(
            made,
            teams=Patterns.of(block.teams),
            keys=Patterns.of(block.keys),
            models=Patterns.of(block.models),
            tags=None if tags is None else HasTag(tags),
        )

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _check_pattern(self, text: str, path: KeyPath) -> None:
        """Warn of a model that nobody can ask for."""
        models = self._known.models
        if STAR in text:
            pattern = Pattern.of(text)
            if any(pattern.fits(name) for name in (*models.groups, *models.aliases)) or any(
                STAR in group for group in models.groups
            ):
                return
            self._note(path, f'no model fits "{text}"', severity="warning")
        elif models.resolve(text) is None:
            self._note(path, f'no model is called "{text}"', self._hint_model(text), severity="warning")

    def _hint_model(self, name: str) -> str | None:
        return _hint(name, (*self._known.models.groups, *self._known.models.aliases))

    def _wrong(self, path: KeyPath, message: str, hint: str | None = None) -> None:
        self._faults.append(message)
        self._note(path, message, hint)


def _hint(name: str, names: Iterable[str]) -> str | None:
    close = closest(name, list(names), 1)
    return f'Did you mean "{close[0]}"?' if close else None


def drafts_of(
    policies: Mapping[str, schema.Policy], attachments: Sequence[schema.PolicyAttachment]
) -> tuple[list[PolicyDraft], list[AttachmentDraft]]:
    """What the config says, as drafts."""
    found = [PolicyDraft(name, block) for name, block in policies.items()]
    attached = [
        AttachmentDraft(block, ("policy_attachments", index), f"config-{index}")
        for index, block in enumerate(attachments)
    ]
    return found, attached
