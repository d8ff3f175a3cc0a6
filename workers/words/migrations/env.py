"""Alembic's entry point; `workers.words.database.migrate` hands in the connection."""

from alembic import context

from workers.words.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="words_alembic_version",  # other parts keep tables in this database too
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
