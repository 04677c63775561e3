"""Names of functions: OpenAI's clients may use others than Google takes.

Google's "Function calling" page: a name begins with a letter or an underscore, goes on with letters, digits,
underscores, dots, colons and dashes, and has at most 64 characters.
"""

from __future__ import annotations

import re
from typing import ClassVar

from tianji_core.translate.anthropic.names import ToolNames

_BAD_CHARACTER = re.compile(r"[^A-Za-z0-9_.:-]")


class FunctionNames(ToolNames):
    """The two-way map between a caller's names and Google's, for one request."""

    __slots__ = ()

    most: ClassVar[int] = 64

    @classmethod
    def cleaned(cls, name: str) -> str:
        clean = _BAD_CHARACTER.sub("_", name)
        first = clean[:1]
        return (clean if first == "_" or first.isalpha() else f"_{clean}")[: cls.most]
