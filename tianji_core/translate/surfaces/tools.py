"""Tools of a request in any dialect."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body


def listed(tools: Any) -> list[Body]:
    """The tools that a request names; nothing is none. Raises BadRequestError for what is no list of objects."""
    if not isinstance(tools or [], list) or not all(isinstance(tool, dict) for tool in tools or ()):
        raise BadRequestError("tools must be an array of objects.", param="tools")
    return list(tools or ())
