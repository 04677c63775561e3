"""YAML text to plain data (dict, list, str, int, float, bool, None), with the place of every key.

Built on the parser's events rather than on PyYAML's own construction, because this way nothing recurses, every key
has its line, and limits hold while reading: nesting, growth through aliases, one document, no custom tags. JSON is
YAML, so JSON files go the same way. Differences from `yaml.safe_load`, all on purpose: a key given twice is an error,
keys are always text as written, and dates stay text (`api_version: 2024-10-21` means what it says).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tianji_core.config.report import ConfigError, Problem, failure, show
from tianji_core.config.text import decode

MAX_DEPTH = 100
# With aliases written out, a file may grow this many times (and never minds below the floor).
MAX_GROWTH = 20
GROWTH_FLOOR = 20_000
GROWTH_CEILING = 1_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + name for name in ("str", "int", "float", "bool", "null")}
_AS_TEXT = {_TAG + name for name in ("timestamp", "value", "merge")}
_COLLECTIONS = {MappingStartEvent: _TAG + "map", SequenceStartEvent: _TAG + "seq"}
_RESOLVERS: dict[str | None, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers


@dataclass(slots=True)
class Spot:
    """The place of one value: of its key in a mapping, of its start in a list. `name` is the key as the file has it."""

    file: str
    line: int
    column: int = 0
    name: str = ""
    children: dict[str | int, Spot] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    value: Any
    spot: Spot
    size: int = 1
    anchor: str | None = None
    key: tuple[str, Spot] | None = None
    merging: bool = False  # the key is `<<`
    lines: dict[str, int] = field(default_factory=dict)
    merged: list[tuple[str, Any, Spot]] = field(default_factory=list)


def parse(raw: bytes, file: str, problems: list[Problem]) -> tuple[Any, Spot]:
    """The data in `raw` and where its parts are. Duplicate keys go to `problems`; anything worse is raised."""
    text = decode(raw, file)
    reader = _Reader(file, problems)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.feed(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, file, text) from None
    except yaml.YAMLError:
        raise failure("syntax", file, "not YAML: the text cannot be read") from None
    return reader.value, reader.spot


class _Reader:
    """Takes parser events and builds the value; a stack of open collections instead of recursion."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.value: Any = None
        self.spot = Spot(file, 1)
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, Spot, int] | None] = {}
        self._constructor = SafeConstructor()
        self._documents = 0
        self._written = 0
        self._expanded = 0

    def feed(self, event: Event) -> None:
        if isinstance(event, ScalarEvent):
            self._written += 1
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._written += 1
            self._open(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error(event, "a second document starts here (---)", "A config is one YAML document.")

    # -- events -------------------------------------------------------------------------------------------------

    def _scalar(self, event: ScalarEvent) -> None:
        spot = self._spot(event)
        tag = self._tag(event)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            if event.anchor:
                self._anchors[event.anchor] = (event.value, spot, 1)
            is_merge = tag == _TAG + "merge" and event.implicit[0]
            self._key(frame, event.value, spot, merge=is_merge)
            return
        value = self._construct(event, tag)
        if event.anchor:
            self._anchors[event.anchor] = (value, spot, 1)
        self._add(value, spot, 1)

    def _open(self, event: Any) -> None:
        expected = _COLLECTIONS[type(event)]
        if event.tag not in (None, "!", expected):
            raise self._custom_tag(event)
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", kind="limit")
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            raise self._error(event, "a key must be text, not a mapping or a list")
        if event.anchor:
            self._anchors[event.anchor] = None
        value: Any = {} if isinstance(event, MappingStartEvent) else []
        self._stack.append(_Frame(value, self._spot(event), anchor=event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.merged:
            _merge(frame)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, frame.spot, frame.size)
        self._add(frame.value, frame.spot, frame.size)

    def _alias(self, event: AliasEvent) -> None:
        name = str(event.anchor)
        if name not in self._anchors:
            raise self._error(event, f"the alias *{show(name)} has no anchor &{show(name)} above it")
        known = self._anchors[name]
        if known is None:
            raise self._error(event, f"the alias *{show(name)} stands inside its own anchor")
        value, origin, size = known
        spot = self._spot(event)
        spot.children = origin.children
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            if isinstance(value, dict | list):
                raise self._error(event, "a key must be text, not a mapping or a list")
            self._key(frame, str(value), spot, merge=False)
            return
        self._expanded += size
        if self._expanded > min(max(GROWTH_FLOOR, MAX_GROWTH * self._written), GROWTH_CEILING):
            raise self._error(event, "the aliases of this file grow without measure when written out", kind="limit")
        self._add(value, spot, size)

    # -- building -----------------------------------------------------------------------------------------------

    def _key(self, frame: _Frame, name: str, spot: Spot, *, merge: bool) -> None:
        spot.name = name
        frame.key = (name, spot)
        frame.merging = merge
        if merge:
            return
        if name in frame.lines:
            message = f'the key "{show(name)}" is given twice, first in line {frame.lines[name]}'
            self.problems.append(Problem("error", "duplicate-key", str(spot), self._path(name), message))
        frame.lines.setdefault(name, spot.line)

    def _add(self, value: Any, spot: Spot, size: int) -> None:
        if not self._stack:
            self.value, self.spot = value, spot
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.spot.children[len(frame.value)] = spot
            frame.value.append(value)
            return
        assert frame.key is not None  # noqa: S101  # a value follows its key: the parser sees to it
        name, at = frame.key
        frame.key = None
        if frame.merging:
            frame.merged[:0] = self._merge_source(value, spot, at)
            return
        at.children = spot.children
        frame.value[name] = value
        frame.spot.children[name] = at

    def _merge_source(self, value: Any, spot: Spot, at: Spot) -> list[tuple[str, Any, Spot]]:
        """What `<<: *a` or `<<: [*a, *b]` brings in, strongest first."""
        sources = [(value, spot)] if isinstance(value, dict) else []
        if isinstance(value, list):
            sources = [(item, spot.children[index]) for index, item in enumerate(value)]
        if not sources or not all(isinstance(source, dict) for source, _ in sources):
            raise failure("syntax", f"{at}", 'the merge key "<<" wants a mapping or a list of mappings')
        return [(name, item, where.children[name]) for source, where in sources for name, item in source.items()]

    def _construct(self, event: ScalarEvent, tag: str) -> Any:
        if tag == _TAG + "str" or tag in _AS_TEXT:
            return event.value
        node = yaml.ScalarNode(tag, event.value)
        try:
            if tag == _TAG + "null":
                return None
            if tag == _TAG + "bool":
                return self._constructor.construct_yaml_bool(node)
            if tag == _TAG + "int":
                return self._constructor.construct_yaml_int(node)
            return self._constructor.construct_yaml_float(node)
        except (ValueError, KeyError, IndexError, OverflowError):
            raise self._error(event, f"this is not a valid {tag.removeprefix(_TAG)} value") from None

    def _tag(self, event: ScalarEvent) -> str:
        if event.tag is None:
            return _resolve(event.value) if event.implicit[0] else _TAG + "str"
        if event.tag == "!":
            return _TAG + "str"
        if event.tag not in _SCALARS and event.tag != _TAG + "timestamp":
            raise self._custom_tag(event)
        return str(event.tag)

    # -- messages -----------------------------------------------------------------------------------------------

    def _spot(self, event: Event) -> Spot:
        mark: Any = event.start_mark
        return Spot(self.file, mark.line + 1, mark.column + 1)

    def _path(self, name: str) -> str:
        parts = [frame.key[0] if frame.key else len(frame.value) for frame in self._stack[:-1]]
        return key_path((*parts, name))

    def _custom_tag(self, event: Any) -> ConfigError:
        tag = str(event.tag).replace(_TAG, "!!")
        return self._error(
            event, f"the tag {tag} is not allowed", "A config is plain data: text, numbers, lists, maps."
        )

    def _error(self, event: Event, message: str, hint: str | None = None, *, kind: str = "syntax") -> ConfigError:
        spot = self._spot(event)
        return failure(kind, f"{spot}:{spot.column}", message, hint=hint)


def key_path(path: tuple[str | int, ...]) -> str:
    """`model_list[2].litellm_params.foo` of ("model_list", 2, "litellm_params", "foo")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{show(part)}" if text else show(part)
    return text


def _merge(frame: _Frame) -> None:
    value: dict[str, Any] = {}
    children: dict[str | int, Spot] = {}
    for name, item, spot in frame.merged:
        value.setdefault(name, item)
        children.setdefault(name, spot)
    value.update(frame.value)
    children.update(frame.spot.children)
    frame.value.clear()
    frame.value.update(value)
    frame.spot.children = children


def _resolve(value: str) -> str:
    for tag, pattern in (*_RESOLVERS.get(value[:1], ()), *_RESOLVERS.get(None, ())):
        if pattern.match(value):
            return str(tag)
    return _TAG + "str"


def _syntax(error: yaml.MarkedYAMLError, file: str, text: str) -> ConfigError:
    """The parser's words, with our form of place; a tab, the commonest cause, is called by its name."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return failure("syntax", file, str(error.problem or "not YAML"))
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    where = f"{file}:{mark.line + 1}:{mark.column + 1}"
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return failure("syntax", where, "a tab cannot indent YAML", hint="Use spaces.")
    message = " ".join(str(part) for part in (error.context, error.problem) if part) or "not YAML"
    if "nesting depth" in message:  # newer versions of libyaml, which looks ahead, have a limit of their own
        return failure("limit", where, f"nested deeper than {MAX_DEPTH} levels")
    return failure("syntax", where, message)
