"""`include:` a config made of several files, put together as the reference does.

A list that stands in both is joined; everything else of the including file is replaced by the included one. Each file
is read once, so a circle of includes ends by itself. Paths are relative to the file they stand in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tianji_core.config import aliases, marks
from tianji_core.config.marks import Spot
from tianji_core.config.report import Problem, failure
from tianji_core.config.text import MAX_BYTES


class Sources:
    """Reads a root file and what it includes."""

    def __init__(self, root: Path, problems: list[Problem]) -> None:
        self.root = root.absolute()
        self.home = self.root.parent
        self.problems = problems
        self.files: list[Path] = []

    def read(self) -> tuple[dict[str, Any], Spot]:
        """The whole config; empty is an error here, as an empty gateway is never what one wants."""
        data, spot = self._file(self.root, Spot(self.root.name, 0))
        if not data:
            hint = "Start from proxy_config.example.yaml."
            raise failure("empty", self.root.name, "Config cannot be None or Empty: no keys in the file", hint=hint)
        return data, spot

    def merge(self, data: dict[str, Any], spot: Spot, folder: Path) -> None:
        """Put the files of `data["include"]` into `data`, and their includes first into them."""
        names = data.pop("include", None)
        at = spot.children.pop("include", None)
        if names is None or at is None:
            return
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise failure("type", str(at), "expected a list of file names", key_path="include")
        for index, name in enumerate(names):
            child = at.children.get(index, at)
            path = self._find(name, folder, child, index)
            if path is None:  # read already: a file counts once, and a circle ends here
                continue
            more, where = self._file(path, child)
            for key, value in more.items():
                self._put(data, spot, key, value, where.children[key])

    def _find(self, name: str, folder: Path, spot: Spot, index: int) -> Path | None:
        path = folder / name
        try:
            if not path.is_file() and (self.home / name).is_file():
                path = self.home / name
                message = "found beside the root config, not beside the including file"
                hint = "Write the path relative to the file it stands in."
                self.problems.append(Problem("warning", "include", str(spot), f"include[{index}]", message, hint))
            path = path.resolve()
        except (OSError, ValueError, RuntimeError):
            raise failure("unreadable", str(spot), "this is not a usable path", key_path=f"include[{index}]") from None
        return None if path in self.files else path

    def _file(self, path: Path, asked: Spot) -> tuple[dict[str, Any], Spot]:
        name = self._name(path)
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "not a usable path").lower()
            what = f"cannot read {name}" if asked.line else "cannot read the config"
            raise failure("unreadable", str(asked) if asked.line else str(path), f"{what}: {reason}") from None
        self.files.append(path.resolve())
        data, spot = marks.parse(raw, name, self.problems)
        if data is None:
            return {}, Spot(name, 1)
        if not isinstance(data, dict):
            message = "the file must be a mapping (keys such as model_list:), not a list or a single value"
            raise failure("type", f"{spot}", message)
        data = aliases.rename(data, spot, self.problems)
        self.merge(data, spot, path.parent)
        return data, spot

    def _name(self, path: Path) -> str:
        """How messages call a file: relative to the root config."""
        try:
            return path.resolve().relative_to(self.home.resolve()).as_posix()
        except ValueError:
            return self.root.name if path == self.root else path.as_posix()

    @staticmethod
    def _put(data: dict[str, Any], spot: Spot, key: str, value: Any, where: Spot) -> None:
        mine = data.get(key)
        if not isinstance(mine, list) or not isinstance(value, list):
            data[key] = value
            spot.children[key] = where
            return
        joined = Spot(where.file, where.line, where.column, where.name, dict(spot.children[key].children))
        if mine:
            joined.file, joined.line = spot.children[key].file, spot.children[key].line
        for index, child in where.children.items():
            joined.children[len(mine) + int(index)] = child
        data[key] = [*mine, *value]
        spot.children[key] = joined
