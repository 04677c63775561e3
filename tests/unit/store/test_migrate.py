"""Migrations: they make what the tables say, once, whoever comes at the same time."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from tianji_core.store.engines import sync_engine
from tianji_core.store.migrate import MigrationError, current, differences, upgrade
from tianji_core.store.migrations import HEAD
from tianji_core.store.store import _open

AT_ONCE = 6
MIGRATE = """
import sys
from tianji_core.store import check_url
from tianji_core.store.migrate import upgrade
print(upgrade(check_url(sys.argv[1])))
"""


def test_from_nothing_to_head_and_no_further(database):
    assert current(database) is None
    assert upgrade(database) is None
    assert current(database) == HEAD
    assert upgrade(database) == HEAD
    assert differences(database) == []


def test_a_missing_column_is_a_difference(database):
    upgrade(database)
    engine = sync_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE tianji_object DROP COLUMN vendor_id"))
    engine.dispose()
    assert any("vendor_id" in each for each in differences(database))


def test_replicas_that_start_together(url, database):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(AT_ONCE)
    ]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * AT_ONCE, ended
    assert sorted(out.strip() for out, _ in ended) == [HEAD] * (AT_ONCE - 1) + ["None"]
    assert differences(database) == []


def test_a_database_of_a_newer_version_is_left_alone(database):
    upgrade(database)
    engine = sync_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE tianji_migration SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(MigrationError, match="newer"):
        upgrade(database)
    with pytest.raises(Exception, match="not available"):
        _open(database)
    assert current(database) == "9999"


def test_the_head_is_the_last_migration():
    config = Config()
    config.set_main_option("script_location", "tianji_core/store/migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
