"""Policies and attachments of the store: from rows to drafts, and changed by admins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from tianji_core.api.errors import BadRequestError, ConflictError, NotFoundError
from tianji_core.config.check import check_keys
from tianji_core.config.marks import key_path
from tianji_core.config.report import Severity
from tianji_core.config.schema import Block
from tianji_core.config.schema.policies import Policy, PolicyAttachment
from tianji_core.gateway.policies.build import AttachmentDraft, KeyPath, PolicyDraft
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.following import Following
    from tianji_core.gateway.policies.book import Policies
    from tianji_core.store.rules import Kept, Rule

log = get_logger("tianji.policies")

POLICY, ATTACHMENT = "policy", "attachment"
LONGEST_NAME = 255

Change = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes new members of a rule out of its present ones."""


class Said(NamedTuple):
    """What is wrong with stored policies, or worth a word."""

    severity: Severity
    text: str


class Written(NamedTuple):
    """A rule that was written, and what is to be said about it."""

    rule: Rule
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Drafts:
    """What the store has, as drafts; what cannot be read is left out, and said."""

    policies: list[PolicyDraft]
    attachments: list[AttachmentDraft]
    said: list[Said]


def drafts_of(rules: tuple[Rule, ...]) -> Drafts:
    """The policies and attachments among stored rules."""
    found = Drafts([], [], [])
    for rule in rules:
        try:
            if rule.kind == POLICY:
                found.policies.append(PolicyDraft(rule.name, Policy.model_validate(dict(rule.data)), "database"))
            else:
                block = PolicyAttachment.model_validate(dict(rule.data))
                path = ("policy_attachments", rule.id)
                found.attachments.append(AttachmentDraft(block, path, rule.id, "database"))
        except ValidationError:
            found.said.append(Said("error", f"{rule.kind} {rule.name} of the database cannot be read"))
    return found


def made_of(policies: Policies, rules: tuple[Rule, ...]) -> tuple[Policies, list[Said]]:
    """The policies of the config and these, and what there is to be said about these."""
    drafts = drafts_of(rules)
    said = drafts.said

    def note(path: KeyPath, message: str, hint: str | None = None, *, severity: Severity = "error") -> None:
        if path in policies.config_paths or any(path[: len(known)] == known for known in policies.config_paths):
            return  # which has been said when the config was loaded
        said.append(Said(severity, f"{key_path(path)}: {message}{f'. {hint}' if hint else ''}"))

    made = policies.with_stored(drafts.policies, drafts.attachments, note)
    for draft in drafts.policies:
        if draft.path in policies.config_paths:
            said.append(Said("warning", f"policy {draft.name} of the database: the config has one of this name"))
    return made, said


def taker(policies: Policies) -> Callable[[Kept], None]:
    """What puts stored policies in force."""

    def take(kept: Kept) -> None:
        made, said = made_of(policies, kept.rules)
        for each in said:
            (log.error if each.severity == "error" else log.warning)("stored policies", problem=each.text)
        policies.take(made)

    return take


class Changes:
    """Writes policies and attachments. What would not work is refused with BadRequestError, what is the config's or
    in use with ConflictError; all raise StoreUnavailableError too."""

    def __init__(self, policies: Policies, following: Following) -> None:
        self._policies = policies
        self._following = following

    async def create(self, name: str, members: dict[str, Any], by: str | None) -> Written:
        """Make a policy."""
        from tianji_core.store.rules import Rule

        _check_name(name)
        self._not_of_config(name)
        made = Rule(POLICY, name, _checked(Policy, members), created_by=by, updated_by=by)

        def change(kept: Kept) -> tuple[Rule, ...]:
            if any(rule.name == name for rule in kept.of_kind(POLICY)):
                raise ConflictError(f"There is a policy {name!r} already.", param="policy_name")
            return (*kept.rules, made)

        return Written(made, await self._write(change))

    async def update(self, key: str, name: str | None, change: Change, by: str | None) -> Written:
        """Change a policy, found by id or name; what refers to it follows a new name."""
        if name is not None:
            _check_name(name)
            self._not_of_config(name)
        written: list[Rule] = []

        def changed(kept: Kept) -> tuple[Rule, ...]:
            old = self._find(kept, POLICY, key)
            wanted = name if name is not None else old.name
            if wanted != old.name and any(rule.name == wanted for rule in kept.of_kind(POLICY)):
                raise ConflictError(f"There is a policy {wanted!r} already.", param="policy_name")
            data = _checked(Policy, change(old.data))
            written[:] = [replace(old, name=wanted, data=data, updated_at=time.time(), updated_by=by)]
            others = (_following(rule, old.name, wanted) for rule in kept.rules if rule.id != old.id)
            return (*others, written[0])

        warnings = await self._write(changed)
        return Written(written[0], warnings)

    async def delete(self, key: str) -> Rule:
        """Delete a policy that nothing refers to."""
        gone: list[Rule] = []

        def changed(kept: Kept) -> tuple[Rule, ...]:
            old = self._find(kept, POLICY, key)
            heirs = [rule.name for rule in kept.of_kind(POLICY) if rule.data.get("inherit") == old.name]
            attached = [rule.id for rule in kept.of_kind(ATTACHMENT) if rule.data.get("policy") == old.name]
            for word, names in (("inherited by", heirs), ("attached:", attached)):
                if names:
                    raise ConflictError(f"Policy {old.name!r} is {word} {', '.join(names[:10])}.")
            gone[:] = [old]
            return tuple(rule for rule in kept.rules if rule.id != old.id)

        await self._write(changed)
        return gone[0]

    async def attach(self, members: dict[str, Any], by: str | None) -> Written:
        """Make an attachment."""
        from tianji_core.store.rules import Rule

        data = _checked(PolicyAttachment, members)
        made = Rule(ATTACHMENT, "", _attaching(data), created_by=by, updated_by=by)
        made = replace(made, name=made.id)
        return Written(made, await self._write(lambda kept: (*kept.rules, made)))

    async def change_attachment(self, key: str, change: Change, by: str | None) -> Written:
        """Change an attachment."""
        written: list[Rule] = []

        def changed(kept: Kept) -> tuple[Rule, ...]:
            old = self._find(kept, ATTACHMENT, key)
            data = _attaching(_checked(PolicyAttachment, change(old.data)))
            written[:] = [replace(old, data=data, updated_at=time.time(), updated_by=by)]
            return (*(rule for rule in kept.rules if rule.id != old.id), written[0])

        warnings = await self._write(changed)
        return Written(written[0], warnings)

    async def detach(self, key: str) -> Rule:
        """Delete an attachment."""
        gone: list[Rule] = []

        def changed(kept: Kept) -> tuple[Rule, ...]:
            gone[:] = [self._find(kept, ATTACHMENT, key)]
            return tuple(rule for rule in kept.rules if rule.id != gone[0].id)

        await self._write(changed)
        return gone[0]

    async def kept(self) -> Kept:
        """What the store has."""
        return await self._following.kept("policies")

    async def _write(self, change: Callable[[Kept], tuple[Rule, ...]]) -> list[str]:
        """Write what `change` makes, unless something would be wrong with it that was not wrong before."""
        warnings: list[str] = []

        def checked(kept: Kept) -> tuple[Rule, ...]:
            rules = change(kept)
            known = set(made_of(self._policies, kept.rules)[1])
            fresh = [said for said in made_of(self._policies, rules)[1] if said not in known]
            wrong = [said.text for said in fresh if said.severity == "error"]
            if wrong:
                raise BadRequestError(" · ".join(wrong))
            warnings[:] = [said.text for said in fresh]
            return rules

        await self._following.change("policies", checked)
        return warnings

    def _find(self, kept: Kept, kind: str, key: str) -> Rule:
        rules = kept.of_kind(kind)
        found = next((rule for rule in rules if rule.id == key), None)
        found = found or next((rule for rule in rules if rule.name == key), None)
        if found is None:
            if kind == POLICY:
                self._not_of_config(key)
            elif any(draft.id == key for draft in self._policies.attachments):
                raise ConflictError(f"Attachment {key!r} stands in the config, and is changed there.")
            raise NotFoundError(f"There is no {kind} {key!r}.")
        return found

    def _not_of_config(self, name: str) -> None:
        if ("policies", name) in self._policies.config_paths:
            raise ConflictError(f"Policy {name!r} stands in the config, and is changed there.", param="policy_name")


def _following(rule: Rule, old: str, new: str) -> Rule:
    """A rule that names a policy by its new name."""
    for member in ("inherit", "policy"):
        if old != new and rule.data.get(member) == old:
            return replace(rule, data={**rule.data, member: new})
    return rule


def _attaching(data: dict[str, Any]) -> dict[str, Any]:
    if data.get("scope") is None and not any(data.get(name) for name in ("teams", "keys", "models", "tags")):
        raise BadRequestError('An attachment needs scope: "*", or some teams, keys, models or tags.', param="scope")
    return data


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name:
        raise BadRequestError(
            f"policy_name must be a text without slashes, of at most {LONGEST_NAME} characters.", param="policy_name"
        )


def _checked(model: type[Block], members: dict[str, Any]) -> dict[str, Any]:
    """The members of a rule, if they are what the config could say. Raises BadRequestError."""
    data = {name: value for name, value in members.items() if value is not None}
    wrong: list[str] = []

    def note(kind: str, path: KeyPath, message: str, hint: str | None) -> None:
        wrong.append(f"{key_path(path)}: {message}{f'. {hint}' if hint else ''}")

    check_keys(data, note, model)
    try:
        model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            said = detail.get("ctx", {}).get("expected") if detail["type"] == "wrong_type" else None
            text = f"expected {said}" if said else detail["msg"][:1].lower() + detail["msg"][1:]
            wrong.append(f"{key_path(detail['loc'])}: {text}")
    if wrong:
        raise BadRequestError(" · ".join(wrong))
    return data
