"""Stored guardrails as rows of `guardrails`. None is ever left out: what cannot be read refuses the calls it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tianji_core.config import Loaded
from tianji_core.config.schema import Guardrail as Row
from tianji_core.config.secrets import conceal
from tianji_core.gateway.stored.sealing import Seal, UnsealableError, seal_of

if TYPE_CHECKING:
    from tianji_core.store.rules import Rule

_OPEN = frozenset({"guardrail", "mode", "default_on"})
"""What is not sealed: for which calls a guardrail is has to be known even where its settings cannot be read."""


def sealed(params: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """`litellm_params` as they lie in the store."""
    return {name: value if name in _OPEN else seal.close(value) for name, value in params.items()}


def with_stored(loaded: Loaded, rules: Sequence[Rule]) -> Loaded:
    """The config with the stored rows after its own."""
    if not rules:
        return loaded
    seal = seal_of(loaded)
    rows = [*loaded.config.guardrails, *(row_of(rule, seal) for rule in rules)]
    return replace(loaded, config=loaded.config.model_copy(update={"guardrails": rows}))


def row_of(rule: Rule, seal: Seal | None) -> Row:
    """A stored guardrail as a row of the config; with what is wrong with it, if it cannot be read.

    Raises ValidationError if not even what is not sealed makes a row.
    """
    params = rule.data["litellm_params"]
    unreadable = None
    try:
        if seal is None:
            raise UnsealableError("there is neither a salt key nor a master key to open it with")
        return _row(rule, seal.open(params))
    except UnsealableError as error:
        unreadable = str(error)
    except ValidationError as error:
        unreadable = told(error)
    return _row(rule, {name: value for name, value in params.items() if name in _OPEN}, unreadable)


def told(error: ValidationError) -> str:
    """What is wrong with a row, without the values in it."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    texts = (f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}" for each in details)
    return "; ".join(texts)


def _row(rule: Rule, params: Mapping[str, Any], unreadable: str | None = None) -> Row:
    info = rule.data.get("guardrail_info", {})
    row = Row.model_validate(
        conceal({"guardrail_name": rule.name, "litellm_params": dict(params), "guardrail_info": info})
    )
    return row.of_store(rule.id, unreadable)
