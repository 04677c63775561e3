"""Stored models as rows of `model_list`, where the config wants that (`store_model_in_db`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tianji_core.config import Loaded, Settings
from tianji_core.config.schema import Deployment as Row
from tianji_core.config.secrets import conceal
from tianji_core.gateway.stored.sealing import Seal, UnsealableError, seal_of
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.store.rules import Rule

log = get_logger("tianji.models")


def is_on(loaded: Loaded) -> bool:
    """Whether the config wants models in the database."""
    return loaded.config.general_settings.store_model_in_db or Settings.read(loaded.environ).store_model_in_db


def with_stored(loaded: Loaded, rules: Sequence[Rule]) -> Loaded:
    """The config with the stored rows after its own. One that cannot be read is left out, and logged."""
    if not rules or not is_on(loaded):
        return loaded
    seal = seal_of(loaded)
    rows = list(loaded.config.model_list)
    for rule in rules:
        try:
            rows.append(row_of(rule, seal, len(rows)))
        except (ValidationError, UnsealableError, KeyError) as error:
            why = "it is not in the form of a model" if isinstance(error, ValidationError) else str(error)
            log.error("stored model is left out", model_id=rule.name, why=why)
    return replace(loaded, config=loaded.config.model_copy(update={"model_list": rows}))


def row_of(rule: Rule, seal: Seal | None, index: int) -> Row:
    """A stored model as a row of the config. Raises ValidationError, UnsealableError, KeyError."""
    params = rule.data["litellm_params"] if seal is None else seal.open(rule.data["litellm_params"])
    info = {**rule.data.get("model_info", {}), "id": rule.name, "db_model": True}
    row = Row.model_validate(
        conceal({"model_name": rule.data["model_name"], "litellm_params": params, "model_info": info})
    )
    return row.place(index, params)
