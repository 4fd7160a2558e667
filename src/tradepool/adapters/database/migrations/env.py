"""Alembic's entry: run the migrations on the connection that `engine.open_store` hands over."""

from __future__ import annotations

from alembic import context

from tradepool.adapters.database.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
