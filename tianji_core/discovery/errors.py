"""The one error of this room, and the words it is made of."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import traceback
from collections.abc import Iterable


class PluginError(Exception):
    """A plugin that cannot be used, told so that a person can act on it.

    `str()` is the whole text: one line that says what is wrong and whose fault it is, then indented lines that say what
    to do. The command line prints it and ends with `exit_status`; the traceback of what caused it (`__cause__`) is
    shown with `--debug` only.
    """

    exit_status = 2

    def __init__(self, summary: str, *hints: str) -> None:
        super().__init__("\n  ".join((summary, *hints)))
        self.summary = summary
        self.hints = hints


def one_line(error: BaseException) -> str:
    """What went wrong and where, in one line: `ImportError: no module named x (tianji_provider_x/__init__.py:3)`."""
    text = " ".join(str(error).split())
    if len(text) > 300:
        text = text[:297] + "..."
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):  # names its own file and line
        return said
    place = _place(error)
    return f"{said} ({place})" if place else said


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame that is neither the import system's nor this room's."""
    here = os.path.dirname(__file__)
    machinery = os.path.dirname(importlib.util.__file__ or "")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        folder = os.path.dirname(frame.filename)
        if frame.filename.startswith("<frozen") or folder in (here, machinery):
            continue
        return f"{os.path.join(os.path.basename(folder), os.path.basename(frame.filename))}:{frame.lineno}"
    return None


def closest(word: str, words: Iterable[str], limit: int = 3) -> list[str]:
    """The words most like `word`, best first; letter case and `-` against `_` do not count as a difference."""
    plain = {_plain(candidate): candidate for candidate in sorted(words)}
    return [plain[match] for match in difflib.get_close_matches(_plain(word), plain, n=limit, cutoff=0.7)]


def quoted(words: Iterable[str]) -> str:
    """`"a" or "b"`."""
    return " or ".join(f'"{word}"' for word in words)


def may_name_a_package(name: str) -> bool:
    """Whether a word from a config may stand in a pip command that people copy into their shell."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,60}[A-Za-z0-9])?", name) is not None


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
