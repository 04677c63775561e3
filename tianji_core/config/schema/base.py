"""What every block of the schema is made of: `key()` for one key, `Block` for a mapping of keys.

The schema is the one place of truth. A key says with `key()` what it means, what its default is and whether Tianji
acts on it; checks, the reference page and the test of the example file all read it from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from tianji_core.config.secrets import conceal, veil

Usage = Literal["A", "B", "C", "ours"]

# How a block takes a key it does not know: says so; says so only if it looks like a slip of a known one; takes it.
Unknown = Literal["warn", "warn-if-close", "take"]


class About(NamedTuple):
    """What the schema says about a key."""

    default: Any
    doc: str
    honoured: bool
    usage: str
    kind: str | None
    noop: tuple[Any, ...]
    default_text: str | None


def key(
    default: Any,
    doc: str,
    *,
    honoured: bool = True,
    usage: Usage = "A",
    kind: str | None = None,
    default_text: str | None = None,
) -> Any:
    """One key of the config.

    `usage` is how common the key is: A nearly everywhere, B common, C rare, "ours" not in the reference. `kind` and
    `default_text` are words for the docs where type and default do not say it.
    """
    extra: Any = {"about": About(default, doc, honoured, usage, kind, (), default_text)}
    if isinstance(default, list | dict):
        if kind == "block":  # one that is not given is made of nothing, by the validator of those that are
            return Field(default_factory=dict, validate_default=True, json_schema_extra=extra)
        return Field(default_factory=default.copy, json_schema_extra=extra)
    return Field(default, json_schema_extra=extra)


class Later:
    """A key that is known and not honoured yet: any value passes, since nothing is made of it.

    No pydantic field, so that the many of them cost nothing at start-up; reading it gives what the config says.
    """

    __slots__ = ("about", "name")

    def __init__(self, about: About) -> None:
        self.about = about
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return (instance.model_extra or {}).get(self.name, self.about.default)


def later(default: Any, doc: str, *, kind: str, usage: Usage = "B", noop: tuple[Any, ...] = ()) -> Any:
    """A key that is known and not honoured yet. Setting it is a warning, unless to what Tianji does anyway: one of
    `noop`, or the default where `noop` is empty."""
    return Later(About(default, doc, False, usage, kind, noop, None))


class Remark(NamedTuple):
    """Something a block has to say about a value: its key, the kind of warning, the words."""

    key: str
    kind: str
    message: str
    hint: str | None = None


class Block(BaseModel):
    """A mapping of the config. null means "not given", for every key."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        protected_namespaces=(),
        ignored_types=(Later,),
    )

    unknown: ClassVar[Unknown] = "warn"
    # Keys of the reference that are rare and not honoured, with their meaning; a name may hold a `*`.
    rare: ClassVar[dict[str, str]] = {}
    # Keys that are no fields and still right here: name (may hold a `*`) → meaning.
    passed: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Only what the config says; defaults would bury it."""
        yield from ((name, getattr(self, name)) for name in type(self).model_fields if name in self.model_fields_set)
        yield from (self.model_extra or {}).items()

    @model_serializer(mode="wrap")
    def _hide_secrets(self, dump: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        """JSON is made for showing, so it holds no secrets. A dump to Python keeps them, for code."""
        return veil(conceal(dump(self))) if info.mode == "json" else dump(self)

    @classmethod
    def is_rare(cls, name: str) -> bool:
        """Whether this is a key of the reference that is neither a field nor honoured."""
        return match(name, cls.rare) is not None

    @classmethod
    def slip_of(cls, name: str) -> str | None:
        """The known key that `name` was probably meant to be. None if `name` is known, or nothing is near."""
        if name in keys_of(cls) or match(name, cls.passed) or match(name, cls.rare) or cls.unknown == "take":
            return None
        return _nearest(cls, name)

    @classmethod
    def remarks(cls, data: dict[str, Any]) -> Iterator[Remark]:
        """Warnings that depend on values. Called with the block as it is in the file, before types are checked."""
        yield from ()


def match(name: str, table: dict[str, str]) -> str | None:
    """What a table of names and families (`aws_*`) says about a name."""
    if name in table:
        return table[name]
    return next((text for entry, text in table.items() if "*" in entry and fnmatchcase(name, entry)), None)


@lru_cache(maxsize=1024)
def _nearest(model: type[Block], name: str) -> str | None:
    # Where any key may be right, only a slip of a letter or two is worth a word: top_k is not top_p.
    cutoff = 0.75 if model.unknown == "warn" else 0.9
    names = [*keys_of(model), *(entry for entry in (*model.passed, *model.rare) if "*" not in entry)]
    found = get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return found[0] if found else None


@lru_cache(maxsize=64)
def keys_of(model: type[Block]) -> dict[str, About]:
    """Every key of a block, honoured ones first, with what the schema says about it."""
    found: dict[str, About] = {}
    for name, info in model.model_fields.items():
        extra: Any = info.json_schema_extra
        found[name] = extra["about"]
    found.update((name, value.about) for name, value in vars(model).items() if isinstance(value, Later))
    return found
