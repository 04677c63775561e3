"""The pages of the documentation, taken apart: fenced blocks, links, commands, headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from house import ROOT

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
PLUGIN_PAGES = sorted(ROOT.glob("plugins/*/README.md"))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<head>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it is to be written to (if it names one), its text, its line."""

    page: Path
    language: str
    file: str
    text: str
    line: int

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in order; of these languages only, if any are given."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, file = match["head"].strip().partition(" ")
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines(keepends=True)]
        found.append(Block(page, language, file.strip(), "".join(lines), text.count("\n", 0, match.start()) + 1))
    return [block for block in found if not languages or block.language in languages]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links."""
    yield from _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """What a link may name behind the `#`: headings as GitHub spells them."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(page), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def commands(page: Path, program: str) -> Iterator[tuple[str, list[str]]]:
    """Every call of a program: where it stands, and its words. Of shell blocks, console blocks and inline code."""
    for block in blocks(page, "sh", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] == program:
                yield block.place, words[1:]
    for code in _CODE.findall(prose(page)):
        if code.startswith(f"{program} "):
            try:
                words = shlex.split(code)
            except ValueError:
                continue
            yield f"{name(page)} `{code}`", words[1:]
