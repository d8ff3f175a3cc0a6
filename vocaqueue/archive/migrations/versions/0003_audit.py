"""The audit log, which can only grow, and how far each stream of the ledger is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SAID = "the audit log is append-only"


def upgrade() -> None:
    op.create_table(
        "vocaqueue_cursor",
        sa.Column("namespace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("position", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "name"),
    )
    op.create_table(
        "vocaqueue_audit",
        sa.Column("namespace", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=True),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("act", sa.Text(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "seq"),
    )
    op.create_index("ix_vocaqueue_audit_entry", "vocaqueue_audit", ["namespace", "entry"], unique=True)
    for column in ("at_ms", "action", "actor_id", "target", "type"):
        op.create_index(f"ix_vocaqueue_audit_{column}", "vocaqueue_audit", ["namespace", column, "seq"])
    op.create_table(
        "vocaqueue_audit_head",
        sa.Column("namespace", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("namespace"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION vocaqueue_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER vocaqueue_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vocaqueue_audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION vocaqueue_audit_refuse()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER vocaqueue_audit_no_{verb.lower()} BEFORE {verb} ON vocaqueue_audit "
                f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )


def downgrade() -> None:
    op.drop_table("vocaqueue_audit_head")
    op.drop_table("vocaqueue_audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION vocaqueue_audit_refuse()")
    op.drop_table("vocaqueue_cursor")
