"""Rules that admins set by the API: policies, their attachments, fallbacks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FAMILIES = ("policies", "fallbacks")


def upgrade() -> None:
    op.create_table(
        "tianji_rule",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("family", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=True),
        sa.Column("updated_by", sa.String(255), nullable=True),
        sa.UniqueConstraint("kind", "name", name="tianji_rule_name"),
    )
    revisions = op.create_table(
        "tianji_revision",
        sa.Column("family", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.bulk_insert(revisions, [{"family": family, "number": 0} for family in FAMILIES])


def downgrade() -> None:
    op.drop_table("tianji_revision")
    op.drop_table("tianji_rule")
