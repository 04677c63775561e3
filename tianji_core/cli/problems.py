"""Showing problems on a terminal."""

from __future__ import annotations

import sys

import click

from tianji_core.config import Report


def print_report(report: Report) -> None:
    """A report, to standard error; nothing for an empty one."""
    text = report.format(colour=sys.stderr.isatty())
    if text:
        click.echo(text, err=True)
