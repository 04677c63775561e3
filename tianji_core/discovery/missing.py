"""What is said when a wanted plugin is not there, or is there twice: the search for what was meant."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_core.discovery.errors import PluginError, closest, may_name_a_package, quoted
from tianji_core.discovery.kinds import BY_GROUP, BY_NAME, EXTENSION, PROVIDER, Kind
from tianji_core.discovery.known_plugins import KNOWN
from tianji_core.discovery.loading import Desk
from tianji_core.discovery.scan import Found, Scan


def not_installed(scan: Scan, kind: Kind, name: str, available: Sequence[str], who: str) -> PluginError:
    """No installed package has that name: say which would, what was probably meant, and what there is."""
    hints = []
    known = KNOWN.get(kind.name, {})
    if name in known:
        hints.append(f"Install it:  pip install {known[name]}")
    else:
        hints += _elsewhere(scan, kind, name)
        near = closest(name, {*available, *known})
        if near:
            hints.append(f"Did you mean {quoted(near)}?")
            hints += [f"Install {word}:  pip install {known[word]}" for word in near if word not in available]
        elif not hints:
            hints += _guess(kind, name)
    if available:
        hints.append(f"Installed {kind.plural}: {', '.join(available)}")
    else:
        hints.append(f"No {kind.word} is installed.")
    return PluginError(f"{who}, which is not installed.", *hints)


def no_extension(scan: Scan, name: str, who: str) -> PluginError:
    """An entry of `plugins:` that is neither an extension nor a package with plugins."""
    extensions = {found.name for found in scan.found if found.kind == EXTENSION.name}
    packages = {found.distribution for found in scan.found}
    hints = []
    if near := closest(name, extensions | packages):
        hints.append(f"Did you mean {quoted(near)}?")
    elif may_name_a_package(name):
        hints.append(f"If it is a package of that name:  pip install {name}")
    if extensions:
        hints.append(f"Installed extensions: {', '.join(sorted(extensions))}")
    hints.append(f"Installed packages with plugins: {', '.join(sorted(packages)) or 'none'}")
    return PluginError(f"{who}, which is not installed.", *hints)


def twice(who: str, both: Sequence[Found]) -> PluginError:
    """Two packages claim one name: neither may win by accident of the order on disk."""
    packages = " and ".join(found.package for found in both)
    commands = " or ".join(f"pip uninstall {found.distribution}" for found in both)
    return PluginError(f"{who}, but two installed packages have it: {packages}.", f"Remove one:  {commands}")


def registers_nothing(desk: Desk, kind: Kind, name: str, unmarked: Sequence[str]) -> PluginError:
    """A module was imported for a name, and did not register it."""
    hints = []
    others = [(of, other) for of, other, _, _ in desk.taken]
    same_name = [of for of, other in others if other == name]
    if same_name:
        of = same_name[0]
        hints.append(f'It registers a {of.word} "{name}": its entry point belongs into the group {_home(of)}.')
    elif others:
        registered = [f'{of.word} "{other}"' for of, other in others]
        hints.append(f"It registers {', '.join(registered)}.")
    elif unmarked:
        hints.append(f"Its function {unmarked[0]} lacks the mark: put @hookimpl (tianji_core.hookspecs) above it.")
    else:
        hints.append(f"It needs a function {kind.hook}(register), marked with @hookimpl (tianji_core.hookspecs).")
    return desk.error(f'but {desk.package} registers no {kind.word} "{name}" in its module {desk.module}', *hints)


def _elsewhere(scan: Scan, kind: Kind, name: str) -> list[str]:
    """Installed or known under that very name, only not as this kind."""
    hints = [
        f"{found.package} has it as a {BY_NAME[found.kind].word}, not as a {kind.word}."
        for found in scan.found
        if found.name == name and found.kind != EXTENSION.name
    ]
    for other, names in KNOWN.items():
        if other != kind.name and name in names and not scan.named(other, name):
            hints.append(f"{names[name]} has it as a {BY_NAME[other].word}, not as a {kind.word}.")
    for entry_point in scan.strays:
        if entry_point.name == name:
            owner = entry_point.dist.name if entry_point.dist is not None else "A package"
            hints.append(
                f'{owner} has it in the entry-point group "{entry_point.group}", which does not exist; '
                f"there are {', '.join(BY_GROUP)}."
            )
    return hints


def _home(kind: Kind) -> str:
    return kind.group or str(EXTENSION.group)


def _guess(kind: Kind, name: str) -> list[str]:
    hints = []
    if may_name_a_package(name):
        hints.append(f"If there is a package for it, this is probably its name:  pip install {kind.package(name)}")
    if kind is PROVIDER:
        hints.append("A vendor with an OpenAI-shaped API needs no package: model: openai_compatible/… and api_base.")
    return hints
