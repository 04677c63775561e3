"""Structured logs. A log line costs nothing on the way of a call unless something went wrong.

Every line that is written while a call is under way has its id: the call puts it into a context variable once.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any, TextIO

import structlog

from tianji_core.config import Loaded, Settings
from tianji_core.telemetry.redaction import REDACTOR

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
DEFAULT_LEVEL = "INFO"
CALL_ID: ContextVar[str | None] = ContextVar("tianji_call_id", default=None)
"""The call that is under way."""


class _SetUp:
    """How logs were set up last."""

    level = DEFAULT_LEVEL
    json: bool | None = None
    whole = False
    """Whether the loggers of libraries go the same way; not in somebody else's process."""


_set_up = _SetUp()


def configure_logging(level: str = DEFAULT_LEVEL, *, json: bool | None = None) -> None:
    """Set up the process's logs, to standard error: readable lines on a terminal, else one JSON object a line; `json`
    says which in any case.

    `level` is a name of LEVELS in any case; an unknown one means INFO. The libraries' own loggers (servers) go the
    same way. May be called again, for another level.
    """
    number, shared, renderer = _configure_own(level, json=not sys.stderr.isatty() if json is None else json)
    _set_up.json, _set_up.whole = json, True
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _without_secrets],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)


def level() -> str:
    """The level that holds now."""
    return _set_up.level


def set_level(name: str) -> None:
    """Another level from now on, in this process; the lines look as before."""
    if _set_up.whole:
        configure_logging(name, json=_set_up.json)
    else:
        _configure_own(name, json=False)


def level_of(loaded: Loaded) -> str:
    """The level that a config and its environment ask for."""
    return "DEBUG" if loaded.config.litellm_settings.set_verbose else Settings.read(loaded.environ).log


def ensure_logging() -> None:
    """For a gateway inside somebody else's process: warnings to standard error, unless logs are set up already.

    The process's own loggers are left alone. structlog's default would show local variables in tracebacks.
    """
    if not structlog.is_configured():
        _configure_own("WARNING", json=False)


def _configure_own(level: str, *, json: bool) -> tuple[int, list[Any], Any]:
    """Set structlog up; the level's number, and the processors, for whoever wants to log the same way."""
    name = level.upper() if level.upper() in LEVELS else DEFAULT_LEVEL
    number, _set_up.level = LEVELS[name], name
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        # Plain tracebacks: the prettier ones show local variables, and those hold keys and prompts.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _with_call,
    ]
    if json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer, _without_secrets],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return number, shared, renderer


def get_logger(name: str) -> Any:
    """A logger that takes an event and key-value pairs: `log.warning("callback failed", callback=name)`."""
    return structlog.get_logger(source=name)


def _with_call(_logger: Any, _method: str, event: Any) -> Any:
    if "call_id" not in event and (call_id := CALL_ID.get()) is not None:
        event["call_id"] = call_id
    return event


def _without_secrets(_logger: Any, _method: str, line: Any) -> Any:
    return REDACTOR.clean(line) if isinstance(line, str) else line


class _Lines:
    """Writes lines. Where nobody reads them any more, or the disk is full, they are lost: no call fails for its log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            return

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg


class _Handler(logging.StreamHandler[TextIO]):
    """The same for the lines of libraries."""

    def handleError(self, record: logging.LogRecord) -> None:
        return
