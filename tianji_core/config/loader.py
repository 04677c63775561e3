"""From a file, or a mapping, to a checked `Config` with a report and the place of every key."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tianji_core.config import aliases, variables
from tianji_core.config.check import check_keys
from tianji_core.config.include import Sources
from tianji_core.config.interpolate import Interpolator
from tianji_core.config.marks import MAX_DEPTH, Spot, key_path
from tianji_core.config.report import ConfigError, Problem, Report, Severity, failure
from tianji_core.config.schema import Config, Deployment
from tianji_core.config.secrets import Secret, conceal, describe, looks_secret
from tianji_core.config.variables import Environ

KeyPath = tuple[str | int, ...]

_EXPECTED = {
    "int_parsing": "an integer",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing_size": "a smaller number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


@dataclass(frozen=True)
class Loaded:
    """A config that the gateway can start with.

    `environ` is the process environment with `.env` and `environment_variables:` added; nothing is exported by
    loading, that is the caller's decision. `exports` are the variables that the config itself sets.
    """

    config: Config
    report: Report
    environ: dict[str, str] = field(repr=False)
    exports: dict[str, str] = field(repr=False)
    name: str
    path: Path | None
    files: tuple[Path, ...] = ()
    read_at: int | None = None
    """When the reading began, in Unix nanoseconds; None if there was no file."""
    _spots: Spot = field(repr=False, default_factory=lambda: Spot("<config>", 0))

    def where(self, path: KeyPath) -> str:
        """Where a key stands, "proxy_config.yaml:14"; where its nearest known parent stands, if it stands nowhere."""
        spot, spelled = locate(self._spots, path)
        return str(spot) if spot.line else f"{spot.file}: {key_path(spelled)}" if spelled else spot.file

    def spelling(self, path: KeyPath) -> str:
        """The key path as the file spells it: `model_list[0].tianji_params.model`."""
        return key_path(locate(self._spots, path)[1])


def load(path: str | Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read a config file. Raises ConfigError if the gateway cannot start with it; its `report` says why."""
    path = Path(path)
    began = time.time_ns()
    problems: list[Problem] = []
    sources = Sources(path, problems)
    data, spots = _told(problems, sources.read)
    process = Environ(os.environ if environ is None else environ)
    surroundings = Environ({**variables.dotenv_beside(path), **process})
    loaded = _Loading(path.name, path, spots, surroundings, problems).run(data, tuple(sources.files))
    return replace(loaded, read_at=began)


def load_mapping(
    data: Mapping[str, Any], *, name: str = "<config>", environ: Mapping[str, str] | None = None
) -> Loaded:
    """The same for a config that is a mapping already; places are key paths then. No `.env` is read."""
    problems: list[Problem] = []
    plain, spots = _plain(data, name, 0)
    if not isinstance(plain, dict) or not plain:
        raise failure("empty", name, "Config cannot be None or Empty: no keys in it")

    def read() -> tuple[dict[str, Any], Spot]:
        renamed: dict[str, Any] = aliases.rename(plain, spots, problems)
        sources.merge(renamed, spots, Path.cwd())
        return renamed, spots

    sources = Sources(Path.cwd() / name, problems)
    merged, spots = _told(problems, read)
    surroundings = Environ(os.environ if environ is None else environ)
    return _Loading(name, None, spots, surroundings, problems).run(merged, tuple(sources.files))


def locate(spots: Spot, path: KeyPath) -> tuple[Spot, KeyPath]:
    """The spot of a path, or of its nearest known parent; and the path in the file's own spelling."""
    spot = spots
    spelled: list[str | int] = []
    for index, part in enumerate(path):
        inner = aliases.canonical(part) if isinstance(part, str) else part
        child = spot.children.get(part, spot.children.get(inner))
        if child is None:
            spelled += path[index:]
            break
        spot = child
        spelled.append(spot.name or part if isinstance(part, str) else part)
    return spot, tuple(spelled)


class _Loading:
    """One run: collects every problem it can find before it gives up."""

    def __init__(self, name: str, path: Path | None, spots: Spot, environ: Environ, problems: list[Problem]) -> None:
        self.name, self.path, self.spots, self.environ, self.problems = name, path, spots, environ, problems
        self.interpolator = Interpolator(
            environ, lambda path, kind, message, hint: self._add("warning", kind, path, message, hint)
        )

    def run(self, data: dict[str, Any], files: tuple[Path, ...]) -> Loaded:
        exports = self._environment(data)
        plain = self.interpolator.tree(data)
        check_keys(plain, lambda kind, path, message, hint: self._add("warning", kind, path, message, hint))
        rows = self._rows(plain.pop("model_list", None))
        resolved = {**conceal(plain), "environment_variables": exports}
        config = self._validate(resolved)
        report = Report.of(self.problems)
        if config is None or report.fatal:
            raise ConfigError(report)
        config = config.model_copy(update={"model_list": rows}).inherit()
        return Loaded(config, report, self.environ, exports, self.name, self.path, files, _spots=self.spots)

    def _environment(self, data: dict[str, Any]) -> dict[str, str]:
        block = data.pop("environment_variables", None)
        if block is None:
            return {}
        if not isinstance(block, dict):
            self._add(
                "error", "type", ("environment_variables",), f"expected a mapping, got {describe(block, hidden=True)}"
            )
            return {}
        return variables.export(block, self.environ, self.interpolator, self._add)

    def _rows(self, rows: Any) -> list[Deployment]:
        if rows is None:
            return []
        if not isinstance(rows, list):
            self._add("error", "type", ("model_list",), f"expected a list, got {describe(rows, hidden=False)}")
            return []
        found = (self._row(row, index) for index, row in enumerate(rows))
        return [row for row in found if row is not None]

    def _row(self, row: Any, index: int) -> Deployment | None:
        try:
            deployment = Deployment.model_validate(conceal(row))
        except ValidationError as error:
            self._wrong(error, ("model_list", index), row, kind="invalid-deployment", hint="The row is left out.")
            return None
        return deployment.place(index, row["litellm_params"])

    def _validate(self, data: dict[str, Any]) -> Config | None:
        try:
            return Config.model_validate(data)
        except ValidationError as error:
            self._wrong(error, (), data)
            return None

    def _wrong(
        self, error: ValidationError, base: KeyPath, data: Any, *, kind: str = "type", hint: str | None = None
    ) -> None:
        for detail in error.errors(include_url=False, include_context=True, include_input=True):
            tail, value = _follow(data, detail["loc"])
            path = (*base, *tail)
            hidden = any(looks_secret(part) for part in path) or isinstance(value, Secret)
            if detail["type"] == "missing":
                self._add("error", kind, (*base, *detail["loc"]), "required key missing", hint)
                continue
            variable = self.interpolator.variables.get(path)
            got = f'the value of the environment variable "{variable}"' if variable else describe(value, hidden=hidden)
            extra = "Put it in quotes." if isinstance(value, bool) and detail["type"] == "string_type" else None
            hints = " ".join(text for text in (extra, hint) if text) or None
            self._add("error", kind, path, f"expected {_expected(detail)}, got {got}", hints)

    def _add(self, severity: Severity, kind: str, path: KeyPath, message: str, hint: str | None = None) -> None:
        spot, spelled = locate(self.spots, path)
        self.problems.append(Problem(severity, kind, str(spot), key_path(spelled), message, hint))


def _told(problems: list[Problem], read: Any) -> Any:
    """Run `read`; what it raises is reported together with what was found before."""
    try:
        result = read()
    except ConfigError as error:
        raise ConfigError(Report.of([*problems, *error.report])) from None
    except RecursionError:
        raise ConfigError(Report.of([*problems, Problem("error", "limit", "", "", "nested too deeply")])) from None
    return result


def _expected(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "wrong_type":
        return str(context["expected"])
    if kind == "literal_error":
        return str(context["expected"]).replace("'", '"')
    if kind == "greater_than_equal":
        return f"{context['ge']:g} or more"
    return _EXPECTED.get(kind, "another type of value")


def _follow(data: Any, loc: tuple[int | str, ...]) -> tuple[KeyPath, Any]:
    """The part of `loc` that exists in the data (the rest names validators), and the value there."""
    path: list[str | int] = []
    for part in loc:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if not inside:
            break
        data = data[part]
        path.append(part)
    return tuple(path), data


def _plain(value: Any, name: str, depth: int) -> tuple[Any, Spot]:
    """A copy of a mapping given in process as plain data, and spots without lines."""
    if depth > MAX_DEPTH:
        raise failure("limit", name, f"nested deeper than {MAX_DEPTH} levels")
    spot = Spot(name, 0)
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        for key, item in value.items():
            text = key if isinstance(key, str) else str(key)
            result[text], spot.children[text] = _plain(item, name, depth + 1)
            spot.children[text].name = text
        return result, spot
    if isinstance(value, list | tuple):
        items = [_plain(item, name, depth + 1) for item in value]
        spot.children = {index: where for index, (_, where) in enumerate(items)}
        return [item for item, _ in items], spot
    return value, spot
