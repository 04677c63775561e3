"""`tianji check`: what is wrong with a config, before anybody depends on it."""

from __future__ import annotations

import sys

import click

from tianji_core.cli.problems import print_report
from tianji_core.config import ConfigError, Loaded, Problem, Report, load


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--strict", is_flag=True, help="Fail on warnings too: unknown keys, keys not honoured yet.")
def check(file: str, strict: bool) -> None:
    """Report everything that is wrong with a config FILE, each problem with its line.

    Exit status: 0 if the gateway would start (with --strict: if there is nothing to report), 1 for warnings under
    --strict, 2 if it would not start.
    """
    from tianji_core.gateway import Gateway
    from tianji_core.telemetry import configure_logging

    configure_logging("WARNING")
    loaded: Loaded | None = None
    fatal: list[Problem] = []
    try:
        loaded = load(file)
        Gateway.from_config(loaded)
    except ConfigError as error:
        fatal = error.report.problems
    report = Report.of([*(loaded.report.problems if loaded is not None else ()), *fatal])
    print_report(report)
    if fatal:
        sys.exit(2)
    if report.problems:
        if strict:
            sys.exit(1)
        if report.errors:
            click.echo("The gateway would start, without what the errors name.")
        return
    click.echo(f"{file}: no problems.")
