"""The tables. A change here needs a migration (see migrations/README.md); a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel


class ObjectRow(SQLModel, table=True):
    """Something that a caller made and may ask for again: a file, a batch, an answer."""

    __tablename__ = "tianji_object"
    __table_args__ = (
        Index("tianji_object_listing", "kind", "owner", "created_at", "id"),
        Index("tianji_object_work", "kind", "status"),
        Index("tianji_object_expiry", "expires_at"),
    )

    id: str = Field(primary_key=True, max_length=128)
    kind: str = Field(max_length=32)
    owner: str = Field(max_length=255)
    created_at: float
    expires_at: float | None = None
    status: str | None = Field(default=None, max_length=32)
    deployment_id: str | None = Field(default=None, max_length=255)
    vendor_id: str | None = Field(default=None, max_length=512)
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    version: int = 0
    worker: str | None = Field(default=None, max_length=128)
    leased_until: float | None = None


class PieceRow(SQLModel, table=True):
    """A piece of an object's content."""

    __tablename__ = "tianji_piece"

    object_id: str = Field(primary_key=True, max_length=128)
    number: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class RuleRow(SQLModel, table=True):
    """What an admin has set by the API, and every call goes by: a policy, an attachment, a fallback."""

    __tablename__ = "tianji_rule"
    __table_args__ = (UniqueConstraint("kind", "name", name="tianji_rule_name"),)

    id: str = Field(primary_key=True, max_length=64)
    family: str = Field(max_length=32)
    kind: str = Field(max_length=32)
    name: str = Field(max_length=512)
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: float
    updated_at: float
    created_by: str | None = Field(default=None, max_length=255)
    updated_by: str | None = Field(default=None, max_length=255)


class RevisionRow(SQLModel, table=True):
    """How often the rules of a family have been changed: what other replicas look at."""

    __tablename__ = "tianji_revision"

    family: str = Field(primary_key=True, max_length=32)
    number: int
