"""The keys of a config against the schema: slips, keys in the wrong block, keys known and not honoured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeGuard, get_args, get_origin

from tianji_core.config.interpolate import Path
from tianji_core.config.schema import (
    Block,
    Config,
    GeneralSettings,
    LitellmParams,
    LitellmSettings,
    RouterSettings,
    keys_of,
)
from tianji_core.config.schema.base import match

ONE_OR_MORE = "block or list of blocks"
"""The kind of a list that one mapping alone may stand for."""
NOT_HONOURED = "known, not honoured yet"

# Where a key may have been meant to stand.
_HOMES: dict[str, type[Block]] = {
    "router_settings": RouterSettings,
    "litellm_settings": LitellmSettings,
    "general_settings": GeneralSettings,
    "model_list[].litellm_params": LitellmParams,
    "the top level": Config,
}

# warn(kind, path, message, hint)
Warn = Callable[[str, Path, str, str | None], None]


def check_keys(data: Any, warn: Warn, model: type[Block] = Config, path: Path = ()) -> None:
    """Say what there is to say about the keys of a block and of the blocks in it."""
    if not isinstance(data, dict):
        return
    keys = keys_of(model)
    for name, value in data.items():
        at = (*path, name)
        if name in keys:
            _check_field(model, name, value, warn, at)
        elif meaning := match(name, model.rare):
            if value:
                warn("not-honoured", at, NOT_HONOURED, f"It means: {_lower(meaning)}")
        elif match(name, model.passed) is None:
            _check_unknown(model, name, warn, at)
    for remark in model.remarks(data):
        warn(remark.kind, (*path, remark.key), remark.message, remark.hint)


def _check_field(model: type[Block], name: str, value: Any, warn: Warn, path: Path) -> None:
    said = keys_of(model)[name]
    if not said.honoured and not _changes_nothing(model, name, value):
        warn("not-honoured", path, NOT_HONOURED, None)
    inner, several = block_of(model, name)
    if inner is None:
        return
    if several is list and isinstance(value, dict) and said.kind == ONE_OR_MORE:
        check_keys(value, warn, inner, path)
    elif several is dict and isinstance(value, dict):
        for key, item in value.items():
            check_keys(item, warn, inner, (*path, key))
    elif several is list and isinstance(value, list):
        for index, item in enumerate(value):
            check_keys(item, warn, inner, (*path, index))
    elif several is None:
        check_keys(value, warn, inner, path)


def _changes_nothing(model: type[Block], name: str, value: Any) -> bool:
    """Whether a value that is not honoured is what Tianji does anyway."""
    said = keys_of(model)[name]
    if value is None:
        return True
    allowed = said.noop or (said.default,)
    return any(_same(value, one) for one in allowed)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, bool | int | float):
        return value.strip().lower() == str(other).lower()
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _check_unknown(model: type[Block], name: str, warn: Warn, path: Path) -> None:
    slip = model.slip_of(name)
    if slip is None and model.unknown != "warn":
        return
    home = (
        None if model.unknown != "warn" else next((place for place in homes(name) if _HOMES[place] is not model), None)
    )
    hint = f'It belongs under "{home}".' if home and home != "the top level" else None
    if home == "the top level":
        hint = "It belongs at the top level."
    if hint is None and slip is not None:
        hint = f'Did you mean "{slip}"?'
    warn("unknown-key", path, "unknown key", hint)


def homes(name: str) -> Iterator[str]:
    """The blocks that have a key of this name."""
    for place, model in _HOMES.items():
        if name in keys_of(model) or match(name, model.rare) is not None:
            yield place


@lru_cache(maxsize=512)
def block_of(model: type[Block], name: str) -> tuple[type[Block] | None, type | None]:
    """The block that a field holds, if any, and in what, if there may be several: list or dict."""
    if name not in model.model_fields:
        return None, None
    annotation = model.model_fields[name].annotation
    several = get_origin(annotation)
    if several in (list, dict):
        annotation = get_args(annotation)[-1]
    else:
        several = None
    return (annotation if _is_block(annotation) else None), several


def _is_block(annotation: Any) -> TypeGuard[type[Block]]:
    return isinstance(annotation, type) and issubclass(annotation, Block)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
