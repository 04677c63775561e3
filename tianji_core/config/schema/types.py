"""Lenient types: what the reference takes, in the spellings that YAML and people have for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tianji_core.config.secrets import Secret


class Kind(str):
    """The word for a type in messages and docs, as a mark in `Annotated`."""

    __slots__ = ()


class Before:
    """A function that sees a value before its type is checked. (Pydantic's own form inspects it anew in each field.)"""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.function, handler(source))


class Around(Before):
    """A function that is given the value and the check of its type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        wrap: Any = self.function
        return core_schema.no_info_wrap_validator_function(wrap, handler(source))


def wrong(expected: str) -> PydanticCustomError:
    return PydanticCustomError("wrong_type", "{expected}", {"expected": expected})


def _whole(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong("an integer")
    if isinstance(value, str):  # YAML reads 1e6 as text
        try:
            number = float(value)
        except ValueError:
            return value
        if math.isfinite(number) and number.is_integer() and "e" in value.lower():
            return int(number)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong("a number")
    return value


def _names(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [item for item in value if item is not None]
    return value


def _text_map(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    return value


def _keep_secret(value: Any, check: Callable[[Any], Any]) -> Any:
    checked = check(value)  # pydantic makes a plain str of what it accepts
    return value if isinstance(value, Secret) else checked


def _make_secret(value: Any, check: Callable[[Any], Any]) -> Any:
    return Secret(check(value))


Text = Annotated[str, Around(_keep_secret), Kind("text")]
SecretText = Annotated[str, Around(_make_secret), Kind("secret text")]
Flag = Annotated[bool, Kind("true or false")]
Whole = Annotated[int, Before(_whole), Field(ge=0), Kind("integer")]
Number = Annotated[float, Before(_number), Field(ge=0, allow_inf_nan=False), Kind("number")]
Seconds = Annotated[float, Before(_number), Field(ge=0, allow_inf_nan=False), Kind("seconds")]
# A list of text; one text alone stands for a list of one.
Names = Annotated[list[Text], Before(_names), Kind("list of names")]
TextMap = Annotated[dict[str, Text], Before(_text_map), Kind("map of text")]
AnyMap = Annotated[dict[str, Any], Kind("map")]
