"""Guardrails of the store, as admins change them by the API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from tianji_core.api.errors import BadRequestError, ConflictError, NotFoundError
from tianji_core.config import Loaded
from tianji_core.config.check import check_keys
from tianji_core.config.schema import GuardrailParams
from tianji_core.config.secrets import HIDDEN
from tianji_core.gateway.guardrails.closed import Closed
from tianji_core.gateway.stored.changes import RowChanges, object_of
from tianji_core.gateway.stored.guardrails import sealed, told, with_stored
from tianji_core.gateway.stored.sealing import UnsealableError
from tianji_core.store.rules import Kept, Rule

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

KIND = "guardrail"


class Written(NamedTuple):
    """A guardrail as it is kept now, and what is to be told of its keys."""

    rule: Rule
    warnings: list[str]


LONGEST_NAME = 255


class GuardrailChanges(RowChanges):
    """What admins do to stored guardrails. A guardrail is found by its id or its name.

    All raise BadRequestError for what cannot work, ConflictError for a name that is taken and for a guardrail that the
    config or a policy holds on to, NotFoundError, StoreUnavailableError.
    """

    family = "guardrails"
    noun = "guardrail"

    async def add(self, body: Mapping[str, Any], by: str | None) -> Written:
        """A new guardrail."""
        name, params, info = _parts(body)
        if name is None or "guardrail" not in params:
            raise BadRequestError("guardrail_name and litellm_params.guardrail are needed.", param="guardrail_name")
        data = {"litellm_params": sealed(params, self._seal), "guardrail_info": info or {}}
        rule = Rule(KIND, name, data, created_by=by, updated_by=by)

        def change(kept: Kept) -> tuple[Rule, ...]:
            self._is_free(name, kept)
            return (*kept.rules, rule)

        await self._change(change, name)
        return Written(rule, _warnings(params))

    async def update(self, key: str, body: Mapping[str, Any], by: str | None, *, whole: bool) -> Written:
        """Members in the place of what a guardrail says now; with `whole` nothing of that stays. A text that is sent
        back as it was shown, hidden, stays what it is."""
        wanted, params, info = _parts(body)
        old = self._find(await self._gateway.following.kept(self.family), key)
        name = wanted or old.name
        if name != old.name:
            await self._is_not_named(old.name)
        try:
            before = self._seal.open(old.data["litellm_params"])
        except UnsealableError:
            before = {}
        params = _unhidden(params, before)
        if whole and "guardrail" not in params:
            raise BadRequestError("litellm_params.guardrail is needed.", param="litellm_params.guardrail")
        data = {
            "litellm_params": sealed(params if whole else {**before, **params}, self._seal),
            "guardrail_info": (old.data.get("guardrail_info", {}) if info is None and not whole else info) or {},
        }
        new = replace(old, name=name, data=data, updated_at=time.time(), updated_by=by)

        def change(kept: Kept) -> tuple[Rule, ...]:
            if self._find(kept, old.id) != old:
                raise ConflictError("Somebody else has just changed this guardrail.")
            if name != old.name:
                self._is_free(name, kept)
            return tuple(new if rule.id == old.id else rule for rule in kept.rules)

        await self._change(change, name)
        return Written(new, _warnings(params))

    async def remove(self, key: str) -> Rule:
        """Take one out that no policy names."""
        rule = self._find(await self._gateway.following.kept(self.family), key)
        await self._is_not_named(rule.name)

        def change(kept: Kept) -> tuple[Rule, ...]:
            self._find(kept, rule.id)
            return tuple(each for each in kept.rules if each.id != rule.id)

        await self._change(change)
        return rule

    def _beside(self, loaded: Loaded, rules: tuple[Rule, ...]) -> Loaded:
        rows = [row for row in loaded.config.guardrails if row.stored_id is None]
        plain = replace(loaded, config=loaded.config.model_copy(update={"guardrails": rows}))
        try:
            return with_stored(plain, rules)
        except ValidationError as error:
            raise BadRequestError(f"The guardrail cannot work: {told(error)}.", param="litellm_params") from None

    def _look_at(self, tried: Gateway, name: str | None) -> None:
        if name is None:
            return
        active = next((each for each in tried.pipeline.guardrails.all if each.name == name), None)
        why = "none of its modes is honoured" if active is None else None
        if active is not None and isinstance(active.guardrail, Closed):
            why = active.guardrail.why
        if why is not None:
            raise BadRequestError(f"The guardrail cannot work: {why}.", param="litellm_params")
        index = next(i for i, row in enumerate(tried.config.guardrails) if row.guardrail_name == name)
        place = f"guardrails[{index}]."
        for problem in tried.loaded.report.problems:
            if problem.kind == "unknown-key" and problem.key_path.startswith(place):
                key = problem.key_path.removeprefix(place)
                hint = f" {problem.hint}" if problem.hint else ""
                raise BadRequestError(f"{key}: {problem.message}.{hint}", param=key)

    def _find(self, kept: Kept, key: str) -> Rule:
        found = next((rule for rule in kept.rules if rule.id == key), None)
        found = found or next((rule for rule in kept.rules if rule.name == key), None)
        if found is not None:
            return found
        if any(row.guardrail_name == key and row.stored_id is None for row in self._gateway.config.guardrails):
            raise ConflictError(f"Guardrail {key!r} stands in the config, and is changed there.")
        raise NotFoundError(f"No guardrail {key!r} is in the database.", param="guardrail_id")

    def _is_free(self, name: str, kept: Kept) -> None:
        ours = {row.guardrail_name for row in self._gateway.config.guardrails if row.stored_id is None}
        if name in ours or any(rule.name == name for rule in kept.rules):
            raise ConflictError(f"There is a guardrail {name!r} already.", param="guardrail_name")

    async def _is_not_named(self, name: str) -> None:
        policies = await self._gateway.following.kept("policies")
        named = [rule.name for rule in policies.rules if name in _added(rule)]
        if named:
            raise ConflictError(f"Guardrail {name!r} is named by policy {', '.join(named[:10])}.")


def _parts(body: Mapping[str, Any]) -> tuple[str | None, dict[str, Any], dict[str, Any] | None]:
    """Name, parameters and info, which stand in `guardrail` or in the body itself. Raises BadRequestError."""
    given = body.get("guardrail", body)
    if not isinstance(given, dict):
        raise BadRequestError("guardrail must be an object.", param="guardrail")
    name = given.get("guardrail_name")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise BadRequestError("guardrail_name must be a short text without control characters.", param="guardrail_name")
    params = object_of(given, "litellm_params")
    if given.get("default_on") is not None:
        params.setdefault("default_on", given["default_on"])
    info = None if given.get("guardrail_info") is None else object_of(given, "guardrail_info")
    return name, params, info


def _warnings(params: Mapping[str, Any]) -> list[str]:
    """Of which keys nothing comes, in the words of a config's check."""
    found: list[str] = []

    def warn(_kind: str, path: tuple[str | int, ...], message: str, hint: str | None) -> None:
        found.append(f"{'.'.join(map(str, path))}: {message}. {hint or ''}".rstrip())

    check_keys(dict(params), warn, GuardrailParams, ("litellm_params",))
    return found


def _unhidden(new: Any, old: Any) -> Any:
    """Parameters with the texts of now where they are sent back hidden."""
    if isinstance(new, dict):
        known = old if isinstance(old, dict) else {}
        return {name: _unhidden(value, known.get(name)) for name, value in new.items()}
    if isinstance(new, list):
        places = old if isinstance(old, list) and len(old) == len(new) else [None] * len(new)
        return [_unhidden(value, was) for value, was in zip(new, places, strict=True)]
    return old if new == HIDDEN and isinstance(old, str) else new


def _added(policy: Rule) -> Iterator[str]:
    """The guardrails that a stored policy adds."""
    block = policy.data.get("guardrails") or {}
    names = block.get("add") or ()
    yield from [names] if isinstance(names, str) else names
