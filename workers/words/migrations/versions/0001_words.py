"""The words, their contents and their pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
    op.create_table(
        "words",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("word", sa.String(length=200), nullable=False),
        sa.Column("pos", sa.String(length=40), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("edited_by", sa.String(length=200), nullable=True),
        sa.Column("job_id", sa.String(length=200), nullable=True),
        sa.Column("source_row", sa.BigInteger(), nullable=True),
        sa.Column("job_change", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_words")),
        sa.UniqueConstraint("word", "pos", name=op.f("uq_words_word_pos")),
    )
    op.create_index(op.f("ix_words_job_id"), "words", ["job_id"], unique=False)
    op.create_index(op.f("ix_words_level"), "words", ["level"], unique=False)
    op.create_table(
        "contents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("word_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=True),
        sa.Column("edited_by", sa.String(length=200), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["word_id"], ["words.id"], name=op.f("fk_contents_word_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contents")),
        sa.UniqueConstraint("word_id", "field", "job_id", "fence", name=op.f("uq_contents_word_id_field_job_id_fence")),
        sa.UniqueConstraint("word_id", "field", "version", name=op.f("uq_contents_word_id_field_version")),
    )
    op.create_index(
        "ix_contents_current",
        "contents",
        ["word_id", "field"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(op.f("ix_contents_job_id"), "contents", ["job_id"], unique=False)
    op.create_table(
        "images",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("word_id", sa.String(length=64), nullable=False),
        sa.Column("style", sa.String(length=40), nullable=False),
        sa.Column("size", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(length=300), nullable=False),
        sa.Column("style_applied", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=True),
        sa.Column("edited_by", sa.String(length=200), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["word_id"], ["words.id"], name=op.f("fk_images_word_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint(
            "word_id", "style", "size", "job_id", "fence", name=op.f("uq_images_word_id_style_size_job_id_fence")
        ),
        sa.UniqueConstraint("word_id", "style", "size", "version", name=op.f("uq_images_word_id_style_size_version")),
    )
    op.create_index(
        "ix_images_current",
        "images",
        ["word_id", "style", "size"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(op.f("ix_images_file"), "images", ["file"], unique=False)
    op.create_index(op.f("ix_images_job_id"), "images", ["job_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_images_job_id"), table_name="images")
    op.drop_index(op.f("ix_images_file"), table_name="images")
    op.drop_index(
        "ix_images_current",
        table_name="images",
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.drop_table("images")
    op.drop_index(op.f("ix_contents_job_id"), table_name="contents")
    op.drop_index(
        "ix_contents_current",
        table_name="contents",
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.drop_table("contents")
    op.drop_index(op.f("ix_words_level"), table_name="words")
    op.drop_index(op.f("ix_words_job_id"), table_name="words")
    op.drop_table("words")
    op.drop_table("marks")
