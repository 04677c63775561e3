"""Alembic runs this: it brings the connection along, see `tianji_core.store.migrate`."""

from alembic import context
from sqlmodel import SQLModel

from tianji_core.store import tables  # noqa: F401 - makes them known

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table="tianji_migration",
    include_name=lambda name, kind, _: kind != "table" or name is None or name.startswith("tianji_"),
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
