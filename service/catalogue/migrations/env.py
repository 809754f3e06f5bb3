"""How Alembic runs here: always inside a connection that the caller opened."""

from alembic import context

from service.catalogue import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
