"""The history of jobs: what lists are filtered and searched by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vocaqueue_job",
        sa.Column("nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("walk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("labels", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("ix_vocaqueue_job_id", "vocaqueue_job", ["namespace", "id"], unique=True)
    op.create_index("ix_vocaqueue_job_created", "vocaqueue_job", ["namespace", "created_at_ms"])
    op.create_index("ix_vocaqueue_job_creator", "vocaqueue_job", ["namespace", "created_by", "created_at_ms"])
    op.create_index("ix_vocaqueue_job_finished", "vocaqueue_job", ["namespace", "finished_at_ms"])
    numbers = op.create_table(
        "vocaqueue_job_number", sa.Column("last", sa.BigInteger(), primary_key=True, autoincrement=False)
    )
    op.bulk_insert(numbers, [{"last": 0}])
    op.create_table(
        "vocaqueue_job_segment",
        sa.Column("namespace", sa.String(length=40), primary_key=True),
        sa.Column("segment", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("bits", sa.SmallInteger(), nullable=False),
        sa.Column("first_nr", sa.BigInteger(), nullable=False),
        sa.Column("last_nr", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "vocaqueue_job_item",
        sa.Column("namespace", sa.String(length=40), primary_key=True),
        sa.Column("bits", sa.SmallInteger(), primary_key=True),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.BigInteger(), primary_key=True),
        sa.Column("pairs", sa.LargeBinary(), nullable=False),
    )
    # The index of the searched text: each database has one that takes ready-made words.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE vocaqueue_job_gram USING fts5(grams, content='', detail='none', tokenize='ascii')"
        )
    else:
        op.execute("CREATE TABLE vocaqueue_job_gram (nr BIGINT PRIMARY KEY, grams BIGINT[] NOT NULL)")
        op.execute("CREATE INDEX ix_vocaqueue_job_gram ON vocaqueue_job_gram USING gin (grams)")


def downgrade() -> None:
    for name in ("gram", "item", "segment", "number"):
        op.drop_table(f"vocaqueue_job_{name}")
    op.drop_table("vocaqueue_job")
