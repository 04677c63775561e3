"""`file.instance`: an object out of a Python file beside the config, or out of an installed module."""

from __future__ import annotations

import hashlib
import importlib
import keyword
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tianji_core.discovery.errors import PluginError, closest, one_line, quoted
from tianji_core.discovery.stand_ins import provide


def is_dotted(name: str) -> bool:
    """Whether a text reads as `module.attr`: two or more Python names with dots between."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)


def load_attribute(name: str, beside: Path | None = None, wanted_by: str | None = None) -> Any:
    """The object that `module.attr` names.

    `beside` is the config file or its folder: `module` is a file or a package there, else an installed module. Files
    beside the config may import one another, by plain and by relative names; they never stand in for an installed
    module or one of Python's. Raises PluginError; runs nothing for a name that is not made of dotted identifiers.
    """
    who = f'{wanted_by or "The gateway"} wants "{name}"'
    if not is_dotted(name):
        raise PluginError(
            f"{who}, which does not name an object.",
            "It has to be module.attr: a Python file beside the config without its .py, a dot, a name in that file.",
        )
    dotted, _, attribute = name.rpartition(".")
    folder = None if beside is None else (beside if beside.is_dir() else beside.parent).resolve()
    file = None if folder is None else _file(folder, dotted)
    if folder is not None and file is not None:
        module = _import(_package_beside(folder) + "." + dotted, who, str(file))
    else:
        module = _import_installed(dotted, folder, who)
    try:
        return getattr(module, attribute)
    except AttributeError:
        near = closest(attribute, (each for each in vars(module) if not each.startswith("_")))
        hints = [f"Did you mean {quoted(near)}?"] if near else []
        raise PluginError(f'{who}, but {file or dotted} has no "{attribute}".', *hints) from None


def _file(folder: Path, dotted: str) -> Path | None:
    base = folder.joinpath(*dotted.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _package_beside(folder: Path) -> str:
    """A package of its own whose folder is the config's: so a file there cannot take the place of another module."""
    name = "_tianji_beside_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    if name not in sys.modules:
        package = ModuleType(name, f"The Python files in {folder}")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
        if str(folder) not in sys.path:
            sys.path.append(str(folder))  # for `import helpers` in such a file; last, so that it hides nothing
    return name


def _import(dotted: str, who: str, place: str) -> ModuleType:
    importlib.invalidate_caches()  # a file written a moment ago may be younger than what the finders remember
    try:
        try:
            return importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("fastapi", "litellm"):
                raise
            provide()  # written for the reference
            return importlib.import_module(dotted)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{who}, but {place} cannot be imported: {one_line(error)}.", "The whole traceback is shown with --debug."
        ) from error


def _import_installed(dotted: str, folder: Path | None, who: str) -> ModuleType:
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        if error.name is None or not (dotted + ".").startswith(error.name + "."):
            raise PluginError(f"{who}, but {dotted} cannot be imported: {one_line(error)}.") from error
        looked = f"neither {folder.joinpath(*dotted.split('.'))}.py nor an" if folder is not None else "no"
        hints = []
        if folder is not None and (near := closest(dotted, (path.stem for path in folder.glob("*.py")))):
            hints.append(f"Did you mean {quoted(near)}?")
        raise PluginError(f'{who}, but there is {looked} installed module "{dotted}".', *hints) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{who}, but {dotted} cannot be imported: {one_line(error)}.", "The whole traceback is shown with --debug."
        ) from error
