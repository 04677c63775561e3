"""Objects of callers, and their content in pieces."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tianji_object",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=True),
        sa.Column("status", sa.String(32), nullable=True),
        sa.Column("deployment_id", sa.String(255), nullable=True),
        sa.Column("vendor_id", sa.String(512), nullable=True),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(128), nullable=True),
        sa.Column("leased_until", sa.Float, nullable=True),
    )
    op.create_index("tianji_object_listing", "tianji_object", ["kind", "owner", "created_at", "id"])
    op.create_index("tianji_object_work", "tianji_object", ["kind", "status"])
    op.create_index("tianji_object_expiry", "tianji_object", ["expires_at"])
    op.create_table(
        "tianji_piece",
        sa.Column("object_id", sa.String(128), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("tianji_piece")
    op.drop_table("tianji_object")
