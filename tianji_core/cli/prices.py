"""`tianji prices`: what models cost, by the price table; and a newer table."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from tianji_core.cli.problems import print_report
from tianji_core.config import ConfigError

if TYPE_CHECKING:
    from tianji_core.accounting.prices import Tables
    from tianji_core.accounting.prices.sources import Taken
    from tianji_core.accounting.prices.table import Price

FETCHED = 64 * 1024 * 1024
"""Most bytes that are fetched."""
FETCH_TIMEOUT = 60.0
SHOWN_CHANGES = 50


@click.group()
def prices() -> None:
    """What models cost: the price table, and how to bring it up to date.

    Prices that the config gives itself (input_cost_per_token, …) go over the table; `tianji prices` knows nothing of
    them.
    """


_config = click.option("--config", "config", type=click.Path(dir_okay=False), help="The config that names a table.")


@prices.command()
@click.argument("models", nargs=-1)
@click.option("--provider", help="Look the models up as this provider's, as a deployment would.")
@_config
def show(models: tuple[str, ...], provider: str | None, config: str | None) -> None:
    """Say what the table has of MODELS (provider/model, or a name of the table); without any, where it comes from.

    Exit status: 1 if it has nothing of one of them.
    """
    from tianji_core.accounting.prices import embedded_table

    tables, _ = _tables(config)
    if not models:
        for table in tables.tables:
            where = "built in" if table is embedded_table() else str(table.path)
            click.echo(f"{where}: {sum(1 for _ in table)} models")
            for source in table.sources:
                click.echo("  " + ", ".join(f"{name} {value}" for name, value in source.items()))
        return
    missing = False
    for model in models:
        name, price = _found(tables, model, provider)
        if price is None:
            click.echo(f"{model}: no price is known", err=True)
            missing = True
            continue
        click.echo(f"{name}:")
        for key, value in price.items():
            click.echo(f"  {key}: {_text(value)}")
    if missing:
        sys.exit(1)


@prices.command()
@click.argument("source")
@click.option(
    "--output", type=click.Path(dir_okay=False), help="Where to write it, if neither config nor TIANJI_PRICE_TABLE say."
)
@_config
def update(source: str, output: str | None, config: str | None) -> None:
    """Write a price table made of SOURCE, to where the config or TIANJI_PRICE_TABLE says.

    In the config that is general_settings.price_table. SOURCE is a file, a URL, or `litellm`, for the package that is
    installed beside the gateway: a price table, a map of prices in LiteLLM's format, or a wheel of LiteLLM. It is
    checked before anything is written. A gateway that runs takes the new table with its next reload.
    """
    from tianji_core.accounting.prices.table import write_table

    _, configured = _tables(config, missing_is_fine=True)
    target = Path(output) if output else configured
    if target is None:
        raise click.ClickException("Where to? Name general_settings.price_table in a --config, or give --output.")
    taken, sources = _taken(source)
    for refused in taken.refused[:10]:
        click.echo(f"left out: {refused}", err=True)
    if len(taken.refused) > 10:
        click.echo(f"left out: {len(taken.refused) - 10} more", err=True)
    try:
        write_table(target, sources, taken.models)
    except OSError as error:
        raise click.ClickException(f"{target}: {error.strerror}") from None
    click.echo(f"{target}: {len(taken.models)} models")


@prices.command()
@click.argument("source")
@click.option("--all", "everything", is_flag=True, help="Every change, not only the first ones.")
@_config
def diff(source: str, everything: bool, config: str | None) -> None:
    """Say what `update` would change: models that come, go, or cost something else."""
    from tianji_core.accounting.prices import embedded_table
    from tianji_core.accounting.prices.sources import differences

    tables, _ = _tables(config, missing_is_fine=True)
    taken, _ = _taken(source)
    table = tables.tables[0]
    changes = list(differences(table, taken.models))
    if table is embedded_table():  # which stays below the new one: nothing of it goes
        changes = [change for change in changes if change.after is not None or change.key]
    for change in changes if everything else changes[:SHOWN_CHANGES]:
        if change.key:
            click.echo(f"~ {change.name} {change.key}: {_text(change.before)} → {_text(change.after)}")
        else:
            click.echo(f"{'+' if change.before is None else '-'} {change.name}")
    if len(changes) > SHOWN_CHANGES and not everything:
        click.echo(f"… {len(changes) - SHOWN_CHANGES} more: --all")
    models = {change.name for change in changes}
    click.echo(f"{len(models)} models differ" if models else "no differences")


def _found(tables: Tables, model: str, provider: str | None) -> tuple[str, Price | None]:
    """What the tables have of a model, and under which name."""
    from tianji_core.accounting.prices.names import is_of, names_of

    if provider is None:
        price = tables.get(model)
        if price is not None:
            return model, price
        provider, slash, rest = model.partition("/")
        if not slash:
            return model, None
        model = rest
    for name in names_of(provider, model):
        price = tables.get(name)
        if price is not None and is_of(provider, name, price):
            return name, price
    return model, None


def _tables(config: str | None, *, missing_is_fine: bool = False) -> tuple[Tables, Path | None]:
    """The tables that a gateway with this config would use, and where the operator's own is or would be."""
    from tianji_core.accounting.prices import PriceTable, PriceTableError, Tables, embedded_table
    from tianji_core.config import Settings, load, load_mapping
    from tianji_core.gateway.prices import named_table

    try:
        loaded = load(config) if config else load_mapping({"general_settings": {}})
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)
    general = loaded.config.general_settings
    wanted = named_table(general.price_table, Settings.read(loaded.environ).price_table, loaded.path)
    if wanted is None or (missing_is_fine and not wanted.exists()):
        return Tables(embedded_table()), wanted
    try:
        return Tables(PriceTable(wanted), embedded_table()), wanted
    except (OSError, PriceTableError) as error:
        raise click.ClickException(f"{wanted}: {getattr(error, 'strerror', None) or error}") from None


def _taken(source: str) -> tuple[Taken, list[dict[str, Any]]]:
    """The models of a source, and what the table is to say of where they come from."""
    from datetime import UTC, datetime

    from tianji_core.accounting.prices import PriceTableError
    from tianji_core.accounting.prices.sources import read_map, read_source

    said = {"name": source, "version": "unknown", "date": datetime.now(UTC).date().isoformat(), "license": "unknown"}
    try:
        if source == "litellm":
            path, said["version"] = _installed()
            return read_source(path), [said]
        if urlsplit(source).scheme in ("http", "https"):
            shown = urlsplit(source)._replace(query="", fragment="")
            said["name"] = shown._replace(netloc=shown.netloc.rpartition("@")[2]).geturl()
            return read_map(_fetched(source), said["name"]), [said]
        taken = read_source(Path(source))
        return taken, taken.sources or [said]
    except PriceTableError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{source}: {error.strerror or error}") from None


def _installed() -> tuple[Path, str]:
    """The price map of the installed package litellm, which is not imported for it, and the package's version."""
    from importlib.metadata import PackageNotFoundError, distribution

    from tianji_core.accounting.prices.sources import MAP_IN_WHEEL

    try:
        found = distribution("litellm")
    except PackageNotFoundError:
        raise click.ClickException("The package litellm is not installed here.") from None
    return Path(str(found.locate_file(MAP_IN_WHEEL))), found.version


def _fetched(url: str) -> bytes:
    """What is at an address that the operator has given."""
    import asyncio

    from tianji_core.api.http import UpstreamRequest
    from tianji_core.transport import HttptoolsTransport, Timeouts, TransportError

    async def fetch() -> bytes:
        transport = HttptoolsTransport()
        timeouts = Timeouts(first_byte=FETCH_TIMEOUT, between_chunks=FETCH_TIMEOUT, total=FETCH_TIMEOUT)
        try:
            response = await transport.send(UpstreamRequest("GET", url), timeouts)
            async with response:
                if response.status != 200:
                    raise click.ClickException(f"{url}: the answer has status {response.status}.")
                return await response.read(FETCHED)
        finally:
            await transport.aclose()

    try:
        return asyncio.run(fetch())
    except TransportError as error:
        raise click.ClickException(f"{url}: {error}") from None


def _text(value: Any) -> str:
    """A price as people write it: 0.0000025, not 2.5e-06."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, (dict, list)):
        import json

        return json.dumps(value)
    return str(value)
