"""Alembic's migrations, in the order of their numbers."""

HEAD = "0004"
"""The last one: what the tables of this version stand for."""
