"""Models of the store, as admins change them by the API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.config import Loaded
from tianji_core.gateway.stored.changes import RowChanges, object_of
from tianji_core.gateway.stored.models import is_on, with_stored
from tianji_core.store.rules import Kept, Rule

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

KIND = "model"
LONGEST_ID = 255


class ModelChanges(RowChanges):
    """What admins do to stored models."""

    family = "models"
    noun = "model"

    def __init__(self, gateway: Gateway) -> None:
        """Raises BadRequestError where the config does not want them, ServiceUnavailableError."""
        if not is_on(gateway.loaded):
            raise BadRequestError(
                "Models are not kept in the database: set `store_model_in_db: true` in general_settings.",
                param="store_model_in_db",
            )
        super().__init__(gateway)

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

    def _beside(self, loaded: Loaded, rules: tuple[Rule, ...]) -> Loaded:
        rows = [row for row in loaded.config.model_list if not row.model_info.model_dump().get("db_model")]
        found = with_stored(replace(loaded, config=loaded.config.model_copy(update={"model_list": rows})), rules)
        if len(found.config.model_list) != len(rows) + len(rules):
            raise BadRequestError("This is not in the form of a model.", param="litellm_params")
        return found

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
    params = "tianji_params" if "tianji_params" in body and "litellm_params" not in body else "litellm_params"
    return name, object_of(body, params), object_of(body, "model_info")
