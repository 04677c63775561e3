"""Models of the store, as admins change them by the API."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import BadRequestError, NotFoundError, ServiceUnavailableError
from tianji_core.config import ConfigError
from tianji_core.gateway.stored_models import is_on, seal_of, with_stored
from tianji_core.store.rules import Family, Kept, Rule

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

FAMILY: Family = "models"
KIND = "model"
LONGEST_ID = 255


class ModelChanges:
    """What admins do to stored models. Each change is tried out before it is kept."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        seal = seal_of(gateway.loaded)
        if not is_on(gateway.loaded):
            raise BadRequestError(
                "Models are not kept in the database: set `store_model_in_db: true` in general_settings.",
                param="store_model_in_db",
            )
        if seal is None:
            raise ServiceUnavailableError("Models cannot be kept without a salt key or a master key.")
        self._seal = seal

    async def add(self, body: Mapping[str, Any], by: str | None) -> Rule:
        """A new model. Raises BadRequestError for one that cannot work, StoreUnavailableError."""
        name, params, info = _parts(body)
        if name is None or "model" not in params:
            raise BadRequestError("model_name and litellm_params.model are needed.", param="model_name")
        ident = info.pop("id", str(uuid.uuid4()))
        if not isinstance(ident, str) or not 0 < len(ident) <= LONGEST_ID:
            raise BadRequestError("model_info.id must be a short text.", param="model_info.id")
        data = {"model_name": name, "litellm_params": self._seal.close(params), "model_info": info}
        rule = Rule(KIND, ident, data, created_by=by, updated_by=by)

        def change(kept: Kept) -> tuple[Rule, ...]:
            ids = {d.id for d in self._gateway.pipeline.models.deployments} | {r.name for r in kept.rules}
            if ident in ids:
                raise BadRequestError(f"Model id {ident!r} is taken.", param="model_info.id")
            return (*kept.rules, rule)

        await self._change(change)
        self._gateway.events.tell("new_model_added", f"Model {body.get('model_name')} was added.", "info", by=by)
        return rule

    async def update(self, ident: str, body: Mapping[str, Any], by: str | None) -> Rule:
        """Members of a stored model put in the place of what it says now. Raises as `add`, and NotFoundError."""
        name, params, info = _parts(body)
        info.pop("id", None)
        changed: list[Rule] = []

        def change(kept: Kept) -> tuple[Rule, ...]:
            old = self._find(kept, ident)
            data = {
                "model_name": name or old.data["model_name"],
                "litellm_params": {**old.data["litellm_params"], **self._seal.close(params)},
                "model_info": {**old.data.get("model_info", {}), **info},
            }
            changed.append(replace(old, data=data, updated_at=time.time(), updated_by=by))
            return tuple(changed[-1] if rule.name == ident else rule for rule in kept.rules)

        await self._change(change)
        return changed[-1]

    async def remove(self, ident: str) -> Rule:
        """Raises NotFoundError for one that is not stored, StoreUnavailableError."""
        removed: list[Rule] = []

        def change(kept: Kept) -> tuple[Rule, ...]:
            removed.append(self._find(kept, ident))
            return tuple(rule for rule in kept.rules if rule.name != ident)

        await self._change(change)
        return removed[-1]

    async def _change(self, change: Callable[[Kept], tuple[Rule, ...]]) -> None:
        """Try a change out, and keep it. What is tried is what will be kept: nothing may come between."""
        before = await self._gateway.following.kept(FAMILY)
        rules = change(before)
        await self._try_out(rules)

        def unchanged(kept: Kept) -> tuple[Rule, ...]:
            return rules if kept.rules == before.rules else change(kept)

        await self._gateway.following.change(FAMILY, unchanged)

    async def _try_out(self, rules: tuple[Rule, ...]) -> None:
        """Raises BadRequestError with what is wrong, in the words of a config's check."""
        loaded = self._gateway.loaded
        rows = [row for row in loaded.config.model_list if not row.model_info.model_dump().get("db_model")]
        plain = replace(loaded, config=loaded.config.model_copy(update={"model_list": rows}))

        def compiled() -> Gateway:
            found = with_stored(plain, rules)
            if len(found.config.model_list) != len(rows) + len(rules):
                raise BadRequestError("This is not in the form of a model.", param="litellm_params")
            return type(self._gateway).from_config(found, registry=self._gateway.registry, stored=())

        try:
            tried = await asyncio.to_thread(compiled)
        except ConfigError as error:
            told = "; ".join(problem.message for problem in error.report.problems)
            raise BadRequestError(f"The model cannot work: {told}.", param="litellm_params") from None
        await tried.aclose()

    @staticmethod
    def _find(kept: Kept, ident: str) -> Rule:
        found = next((rule for rule in kept.rules if rule.name == ident), None)
        if found is None:
            raise NotFoundError(f"No model with id {ident!r} is in the database.", param="id")
        return found


def _parts(body: Mapping[str, Any]) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """`model_name`, `litellm_params` and `model_info` of a request. Raises BadRequestError."""
    name = body.get("model_name")
    if name is not None and (not isinstance(name, str) or not name):
        raise BadRequestError("model_name must be a text.", param="model_name")
    params = body.get("litellm_params", body.get("tianji_params"))
    info = body.get("model_info")
    for given, called in ((params, "litellm_params"), (info, "model_info")):
        if given is not None and not isinstance(given, dict):
            raise BadRequestError(f"{called} must be an object.", param=called)

    def said(values: dict[str, Any] | None) -> dict[str, Any]:
        return {name: value for name, value in (values or {}).items() if value is not None}

    return name, said(params), said(info)
