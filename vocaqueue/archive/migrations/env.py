"""Alembic's entry point; `vocaqueue.archive.database` hands in the connection."""

from alembic import context

from vocaqueue.archive.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
