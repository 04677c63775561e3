"""Structured logs. A log line costs nothing on the way of a call unless something went wrong."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
DEFAULT_LEVEL = "INFO"


def configure_logging(level: str = DEFAULT_LEVEL, *, json: bool = False) -> None:
    """Set up the process's logs, to standard error: readable lines, or one JSON object a line.

    `level` is a name of LEVELS in any case; an unknown one means INFO. The libraries' own loggers (servers) go the
    same way.
    """
    number, shared, renderer = _configure_own(level, json=json)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)


def ensure_logging() -> None:
    """For a gateway inside somebody else's process: warnings to standard error, unless logs are set up already.

    The process's own loggers are left alone. structlog's default would show local variables in tracebacks.
    """
    if not structlog.is_configured():
        _configure_own("WARNING", json=False)


def _configure_own(level: str, *, json: bool) -> tuple[int, list[Any], Any]:
    """Set structlog up; the level's number, and the processors, for whoever wants to log the same way."""
    number = LEVELS.get(level.upper(), LEVELS[DEFAULT_LEVEL])
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
    ]
    if json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return number, shared, renderer


def get_logger(name: str) -> Any:
    """A logger that takes an event and key-value pairs: `log.warning("callback failed", callback=name)`."""
    return structlog.get_logger(source=name)
