"""Guardrails that admins add by the API: rules of a family of their own."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO tianji_revision (family, number) VALUES ('guardrails', 0)")


def downgrade() -> None:
    op.execute("DELETE FROM tianji_rule WHERE family = 'guardrails'")
    op.execute("DELETE FROM tianji_revision WHERE family = 'guardrails'")
