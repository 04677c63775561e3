"""The command line: `tianji serve|check|explain|guardrails|db|plugins|prices`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

import click

from tianji_core import __version__


class Commands(click.Group):
    """Loads a command's module only when that command is called for: `tianji --version` stays quick."""

    _homes: ClassVar = {
        "serve": ("tianji_core.cli.serve", "serve"),
        "check": ("tianji_core.cli.check", "check"),
        "explain": ("tianji_core.cli.explain", "explain"),
        "guardrails": ("tianji_core.cli.guardrails", "guardrails"),
        "db": ("tianji_core.cli.db", "db"),
        "plugins": ("tianji_core.cli.plugins", "plugins"),
        "prices": ("tianji_core.cli.prices", "prices"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._homes, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = self._homes.get(cmd_name)
        if home is None:
            return super().get_command(ctx, cmd_name) or self._of_plugin(ctx, cmd_name)
        from importlib import import_module

        command: click.Command = getattr(import_module(home[0]), home[1])
        return command

    def _of_plugin(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command that an installed extension of the same name brings (`tianji_cli`)."""
        from tianji_core.discovery import PluginError, Registry

        registry = Registry.scan()
        if not any(found.kind == "extension" and found.name == name for found in registry.installed()):
            return None
        try:
            registry.load_extension(name, f"tianji {name}")
        except PluginError as error:
            raise click.ClickException(str(error)) from None
        registry.pm.hook.tianji_cli(group=self)
        return super().get_command(ctx, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", prog_name="tianji")
def group() -> None:
    """Tianji: one OpenAI-compatible server in front of every model provider."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command. Flags without a command mean `serve`: `tianji --config proxy_config.yaml`."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args:
        args = ["--help"]
    elif args[0].startswith("-") and args[0] not in ("-h", "--help", "-v", "--version"):
        args.insert(0, "serve")
    group.main(args=args, prog_name="tianji")
