"""`tianji db`: the database's tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tianji_core.cli.problems import print_report
from tianji_core.config import ConfigError

if TYPE_CHECKING:
    from tianji_core.store import Database


@click.group()
def db() -> None:
    """The database: files, batches, stored answers. A gateway that starts migrates it by itself."""


_config = click.option("--config", "config", type=click.Path(dir_okay=False), help="The config that names it.")
_url = click.option("--database-url", "url", help="The database, instead of the config's or DATABASE_URL.")


@db.command()
@_config
@_url
def upgrade(config: str | None, url: str | None) -> None:
    """Migrate the tables to this version."""
    from tianji_core.store.migrate import upgrade as migrate
    from tianji_core.store.migrations import HEAD

    database = _database(config, url)
    with _told():
        before = migrate(database)
    click.echo(f"{database.shown}: {f'was at {before}, ' if before != HEAD else ''}is at {HEAD}")


@db.command()
@_config
@_url
def current(config: str | None, url: str | None) -> None:
    """Say which revision the tables are at."""
    from tianji_core.store.migrate import current as revision
    from tianji_core.store.migrations import HEAD

    database = _database(config, url)
    with _told():
        found = revision(database)
    click.echo(f"{database.shown}: {found or 'no tables'} (this version: {HEAD})")


@db.command()
@_config
@_url
def check(config: str | None, url: str | None) -> None:
    """Exit with 1 unless the tables are what this version needs."""
    from tianji_core.store.migrate import current as revision
    from tianji_core.store.migrate import differences
    from tianji_core.store.migrations import HEAD

    database = _database(config, url)
    with _told():
        found = revision(database)
        wrong = differences(database) if found == HEAD else [f"at {found or 'no'} revision, not {HEAD}"]
    for each in wrong:
        click.echo(f"{database.shown}: {each}", err=True)
    if wrong:
        sys.exit(1)
    click.echo(f"{database.shown}: is as it should be")


def _database(config: str | None, url: str | None) -> Database:
    """The database that is meant. Ends the command if it cannot be told."""
    from tianji_core.config import Settings, load, load_mapping
    from tianji_core.store import DatabaseURLError, check_url
    from tianji_core.store.url import DEFAULT_URL

    try:
        loaded = load(config) if config else load_mapping({"general_settings": {}})
        found = url or loaded.config.general_settings.database_url or Settings.read(loaded.environ).database_url
        return check_url(found or DEFAULT_URL)
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)
    except DatabaseURLError as error:
        raise click.ClickException(f"The database's URL {error}.") from None


@contextmanager
def _told() -> Iterator[None]:
    """Failures of the database in one line, without what was sent to it."""
    from sqlalchemy.exc import SQLAlchemyError

    from tianji_core.store.migrate import MigrationError

    try:
        yield
    except MigrationError as error:
        raise click.ClickException(str(error)) from None
    except ImportError as error:
        raise click.ClickException(f"{error}; for PostgreSQL: pip install 'tianji-core[postgres]'") from None
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        lines = str(cause).splitlines()
        raise click.ClickException(f"{type(cause).__name__}: {lines[0] if lines else ''}") from None
