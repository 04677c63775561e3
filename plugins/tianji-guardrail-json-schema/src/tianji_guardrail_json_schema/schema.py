"""A compiled schema: nothing is fetched, and expressions in it run in linear time."""

from __future__ import annotations

from itertools import islice
from typing import Any

import jsonschema_rs

MOST_TOLD = 5
"""Places that are told of what does not fit."""


class Schema:
    """Says where a value does not fit. Raises ValueError for what is no schema, or refers to other places."""

    def __init__(self, schema: Any) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(
                schema, pattern_options=jsonschema_rs.RegexOptions(), validate_formats=True, retriever=_nowhere
            )
        except ValueError as error:
            raise ValueError(f"this is no schema that can be used: {str(error).splitlines()[0][:200]}") from None
        self.source = schema

    def misfits(self, value: Any) -> list[str]:
        """The first places that do not fit, with the keyword that they break: `items/0/price: minimum`."""
        found = islice(self._validator.iter_errors(value), MOST_TOLD)
        return [f"{'/'.join(map(str, each.instance_path)) or '(the whole)'}: {_keyword(each)}" for each in found]


def _keyword(error: Any) -> str:
    names = [step for step in error.schema_path if isinstance(step, str)]
    return names[-1] if names else "false"


def _nowhere(uri: str) -> Any:
    raise ValueError("references to other places are not followed")
