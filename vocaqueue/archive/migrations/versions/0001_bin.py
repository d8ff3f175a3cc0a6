"""The bin."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vocaqueue_bin",
        sa.Column("namespace", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=True),
        sa.Column("removed_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_removed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("blocks", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("namespace", "job_id", "act"),
    )
    op.create_index("ix_vocaqueue_bin_removed", "vocaqueue_bin", ["namespace", "is_removed", "removed_at_ms"])
    op.create_index("ix_vocaqueue_bin_expires", "vocaqueue_bin", ["namespace", "expires_at_ms"])


def downgrade() -> None:
    op.drop_table("vocaqueue_bin")
