"""`tianji plugins`: what is installed, what it can be told, whether it is sound, and a start for a new one."""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import click

from tianji_core.cli import plugin_texts as texts
from tianji_core.discovery import PluginError, Registry
from tianji_core.discovery.checkup import examine, names_like
from tianji_core.discovery.errors import closest, quoted
from tianji_core.discovery.kinds import BY_SHORT, EXTENSION
from tianji_core.discovery.project import registry_of
from tianji_core.discovery.scan import Found

P = ParamSpec("P")
DEBUG = {"debug": True}


def _tell(command: Callable[P, None]) -> Callable[P, None]:
    """Let a PluginError end the command with its own text; the traceback behind it shows with --debug."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PluginError as error:
            context = click.get_current_context()
            if context.find_object(dict) == DEBUG:
                traceback.print_exception(error)
            else:
                click.echo(str(error), err=True)
            context.exit(error.exit_status)

    return told


@click.group()
@click.option("--debug", is_flag=True, help="Show the traceback behind an error.")
@click.pass_context
def plugins(context: click.Context, debug: bool) -> None:
    """Plugins: list, show, check, new."""
    if debug:
        context.obj = DEBUG


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_tell
def list_(as_json: bool) -> None:
    """What is there, by kind: built in and installed. Imports no package."""
    registry = _scan()
    rows = [texts.row(one) for one in registry.registered()] + [texts.row(one) for one in registry.installed()]
    click.echo(json.dumps(rows, indent=2) if as_json else texts.table(rows))


@plugins.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_tell
def show(name: str, as_json: bool) -> None:
    """The settings, environment variables and abilities of a plugin: NAME, KIND:NAME or its package's name."""
    registry = _scan()
    built_in = [one for one in registry.registered() if name in (one.name, f"{one.kind}:{one.name}")]
    shown = [texts.described(one, one) for one in built_in]
    if not built_in:
        shown = [texts.described(found, _loaded(registry, found)) for found in _chosen(registry, name)]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        click.echo("\n\n".join(texts.sheet(one) for one in shown))


@plugins.command()
@click.argument("what", required=False, metavar="[NAME|PATH]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Send a trial to the callbacks of this config, or to the one that is named.",
)
@_tell
def check(what: str | None, config_file: Path | None) -> None:
    """Load plugins as the gateway would, and say everything that is wrong with them.

    Without an argument all that are installed; a PATH is the folder of a plugin project.
    """
    if config_file is not None:
        if not try_callbacks(config_file, what):
            click.get_current_context().exit(1)
        return
    path = Path(what) if what is not None and ("/" in what or what == "." or Path(what).is_dir()) else None
    registry = registry_of(path) if path is not None else Registry.scan()
    chosen = registry.installed() if what is None or path is not None else _chosen(registry, what)
    bad = 0
    for stray in registry.strays() if what is None or path is not None else ():
        bad += 1
        click.echo(f'{stray.name}: the entry-point group "{stray.group}" does not exist')
    for found in chosen:
        problems = examine(registry, found)
        bad += bool(problems)
        click.echo(f"{found.kind} {found.name} ({found.package}): {'ok' if not problems else 'not ok'}")
        for problem in problems:
            click.echo("  " + problem.replace("\n", "\n  "))
    if bad:
        click.get_current_context().exit(1)


@plugins.command()
@click.argument("kind", metavar=f"{{{'|'.join(BY_SHORT)}}}")
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default="the current one",
    help="The folder that gets the package's folder.",
)
@_tell
def new(kind: str, name: str, directory: Path) -> None:
    """Write a new plugin package: sources, tests, pyproject.toml."""
    from tianji_core.discovery.scaffold import create

    folder = create(kind, name, directory)
    click.echo(texts.next_steps(folder, BY_SHORT[kind], name))


def try_callbacks(config_file: Path, only: str | None) -> bool:
    """Send a trial to each callback of a config; whether all have taken it."""
    import asyncio

    from tianji_core.config import ConfigError
    from tianji_core.gateway import Gateway

    async def main() -> bool:
        dispatcher = Gateway.from_config(config_file).pipeline.callbacks
        chosen = [each for each in dispatcher.deliveries if only in (None, each.subscription.name)]
        if not chosen:
            names = [each.subscription.name for each in dispatcher.deliveries]
            raise PluginError(f"The config has no such callback. It has: {', '.join(names) or 'none'}.")
        good = True
        for each in chosen:
            why = await each.check()
            good = good and why is None
            click.echo(f"callback {each.subscription.name}: {'has taken a trial' if why is None else 'not ok: ' + why}")
        await dispatcher.aclose()
        return good

    try:
        return asyncio.run(main())
    except ConfigError as error:
        raise PluginError(str(error)) from None


def _scan() -> Registry:
    from tianji_core.gateway.builtin import register_builtins

    registry = Registry.scan()
    register_builtins(registry)
    return registry


def _loaded(registry: Registry, found: Found) -> Any:
    if found.kind == EXTENSION.name:
        registry.load_extension(found.name, wanted_by="tianji plugins show")
        return None
    return registry.load(found.kind, found.name, wanted_by="tianji plugins show")


def _chosen(registry: Registry, name: str) -> list[Found]:
    chosen = names_like(registry, name)
    if not chosen:
        near = closest(
            name, {found.name for found in registry.installed()} | {one.name for one in registry.registered()}
        )
        hints = [f"Did you mean {quoted(near)}?"] if near else []
        raise PluginError(f'No plugin "{name}" is installed.', *hints, "`tianji plugins list` shows what is.")
    return chosen
