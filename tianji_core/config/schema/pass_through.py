"""`general_settings.pass_through_endpoints`: paths of ours that lead to addresses of others."""

from __future__ import annotations

from typing import Annotated, Any

from tianji_core.config.schema.base import Block, key
from tianji_core.config.schema.types import Before, Flag, Kind, Names, Number, Seconds, Text, TextMap


def _named(value: Any) -> Any:
    """A list of names; a map, as the reference has it for fields to look at, means its keys."""
    if isinstance(value, dict):
        return list(value)
    return [value] if isinstance(value, str) else value


class PassThroughEndpoint(Block):
    """One path, and where requests for it go."""

    path: Text = key(..., "What callers ask for, `/v1/parse`.", usage="B")
    target: Text = key(..., "The address that gets the request.", usage="B")
    headers: TextMap = key({}, "Header fields for the target. `os.environ/NAME` may stand inside of a text.", usage="B")
    default_query_params: TextMap = key({}, "Query parameters, where the caller gives none of that name.", usage="B")
    include_subpath: Flag = key(False, "Serve everything below the path too.", usage="B")
    methods: Names = key([], "HTTP methods that are served.", usage="B", default_text="all")
    auth: Flag = key(True, "Callers need a key.", usage="B")
    cost_per_request: Number = key(0.0, "What a call costs, in US dollars, for the records.", usage="B")
    timeout: Seconds | None = key(
        None, "Time to the first byte, and longest silence.", usage="B", default_text="pass_through_request_timeout"
    )
    guardrails: Annotated[list[Text], Before(_named), Kind("list of names")] = key(
        [], "Guardrails that look at these calls, beside those that are always on.", usage="B"
    )
    forward_headers: Flag = key(False, "Send on all of the caller's header fields that hold no credential.", usage="C")
