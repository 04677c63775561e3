"""`tianji guardrails`: what the guardrails of a config say of texts."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

from tianji_core.cli.problems import print_report

_OUTCOMES = ("allow", "rewrite", "block")
_KEYS = {"guardrail", "text", "input_type", "expect", "output", "name"}


@click.group()
def guardrails() -> None:
    """What the guardrails of a config say of texts."""


@guardrails.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-c", "--config", "config", required=True, type=click.Path(dir_okay=False), help="The config.")
def test(file: str, config: str) -> None:
    """Try the cases of FILE: texts, the guardrail that judges each, and what is expected of it.

    Exit status: 0 if all came out as expected, 1 if not, 2 if they cannot be tried.
    """
    cases = _cases(file)
    failed = asyncio.run(_tried(config, cases))
    click.echo(f"{len(cases) - failed} of {len(cases)} as expected")
    sys.exit(1 if failed else 0)


def _cases(file: str) -> list[dict[str, Any]]:
    try:
        loaded = yaml.safe_load(Path(file).read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        _stop(f"{file} cannot be read: {error}")
    cases: Any = loaded.get("cases") if isinstance(loaded, dict) else loaded
    if not isinstance(cases, list) or not cases:
        _stop(f"{file}: needs a list of cases")
    for number, case in enumerate(cases, 1):
        if not isinstance(case, dict) or not isinstance(case.get("text"), str) or "guardrail" not in case:
            _stop(f"{file}: case {number} needs a guardrail and a text")
        if unknown := case.keys() - _KEYS:
            _stop(f"{file}: case {number} has {sorted(unknown)[0]!r}; known are {', '.join(sorted(_KEYS))}")
        if case.get("expect", "allow") not in _OUTCOMES:
            _stop(f"{file}: case {number}: expect is one of {', '.join(_OUTCOMES)}")
        if case.get("input_type", "request") not in ("request", "response"):
            _stop(f"{file}: case {number}: input_type is request or response")
    return cases


async def _tried(config: str, cases: list[dict[str, Any]]) -> int:
    """Say what came of each case; how many came out otherwise."""
    from tianji_core.config import ConfigError
    from tianji_core.gateway import Gateway
    from tianji_core.telemetry import configure_logging

    configure_logging("ERROR")
    try:
        gateway = Gateway.from_config(config)
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)
    failed = 0
    async with gateway:
        for number, case in enumerate(cases, 1):
            outcome, text = await _outcome(gateway, case)
            expected = case.get("expect", "allow")
            good = outcome == expected and ("output" not in case or text == case["output"])
            failed += not good
            named = case.get("name") or f"case {number}"
            told = f"{'ok  ' if good else 'FAIL'} {named}: {outcome}"
            click.echo(told if good else f"{told}, expected {expected}; it says: {text}")
    return failed


async def _outcome(gateway: Any, case: dict[str, Any]) -> tuple[str, str]:
    from tianji_core.api.errors import GatewayError, GuardrailBlockedError
    from tianji_core.gateway.guardrails.trial import tried

    side = case.get("input_type", "request")
    try:
        found = await tried(gateway.pipeline.guardrails, str(case["guardrail"]), case["text"], side)
    except GuardrailBlockedError as error:
        return "block", error.message
    except GatewayError as error:
        return "error", error.message
    return found.action, found.text


def _stop(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)
