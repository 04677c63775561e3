"""What is wrong with a config, said so that a person can act on it: where, which key, what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]

# Errors with which the gateway still starts, as the reference does: the row or the variable is left out.
SURVIVABLE = frozenset({"invalid-deployment", "refused-variable"})


@dataclass(frozen=True)
class Problem:
    """One finding. `where` is "file:line" (or the config's name, when it came as a mapping)."""

    severity: Severity
    kind: str
    where: str
    key_path: str
    message: str
    hint: str | None = None

    @property
    def fatal(self) -> bool:
        """Whether the gateway must not start with it."""
        return self.severity == "error" and self.kind not in SURVIVABLE

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.where, self.key_path, self.message) if part)
        return f"{text}. {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Report:
    """Every problem of one config, in file order."""

    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> Report:
        """A report of the problems, each once, sorted by file (as first met) and line."""
        unique = list(dict.fromkeys(problems))
        files: dict[str, int] = {}
        for problem in unique:
            files.setdefault(_place(problem.where)[0], len(files))

        def order(problem: Problem) -> tuple[int, int]:
            file, line = _place(problem.where)
            return files[file], line

        return cls(sorted(unique, key=order))

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def fatal(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.fatal]

    def format(self, colour: bool = False) -> str:
        """The report as text, one problem a line and a count at the end; empty if there is nothing to say."""
        if not self.problems:
            return ""
        lines = [_line(problem, colour) for problem in self.problems]
        return "\n".join(lines if len(lines) == 1 else [*lines, self._count()])

    def _count(self) -> str:
        counts = ((len(self.errors), "error"), (len(self.warnings), "warning"))
        return ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in counts if number)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __len__(self) -> int:
        return len(self.problems)


class ConfigError(Exception):
    """The gateway cannot start with this config; `report` says why. Never carries a value of the config."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.format())
        self.report = report


def failure(kind: str, where: str, message: str, *, key_path: str = "", hint: str | None = None) -> ConfigError:
    """A ConfigError with one problem."""
    return ConfigError(Report([Problem("error", kind, where, key_path, message, hint)]))


def show(name: str) -> str:
    """A name from the config as it can be shown on one line."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= 80 else text[:77] + "..."


def _place(where: str) -> tuple[str, int]:
    """("proxy_config.yaml", 14) of "proxy_config.yaml:14:3" or of "proxy_config.yaml:14"."""
    parts = where.split(":")
    while len(parts) > 2 and parts[-1].isdigit() and parts[-2].isdigit():
        parts.pop()
    if len(parts) > 1 and parts[-1].isdigit():
        return ":".join(parts[:-1]), int(parts[-1])
    return where, 0


def _line(problem: Problem, colour: bool) -> str:
    word = "warning: " if problem.severity == "warning" else ""
    if not colour:
        return f"{word}{problem}"
    paint, bold, plain = ("\x1b[33m" if word else "\x1b[31m"), "\x1b[1m", "\x1b[0m"
    return f"{paint}{word or 'error: '}{plain}{bold}{problem.where}{plain}{str(problem)[len(problem.where) :]}"
