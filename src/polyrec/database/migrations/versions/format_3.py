"""Items' revisions and bundles' snapshots are numbers of the log, no longer times.

In format 2 the clock decided what a bundle contains. The table `uploads` is new.
"""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_META = sa.table("meta", sa.column("name", sa.Text), sa.column("value", sa.Text))
_ITEMS = sa.table("items", sa.column("item_id", sa.Text), sa.column("revision", sa.BigInteger))
_FEATURES = sa.table(
    "features", sa.column("item_id", sa.Text), sa.column("revision", sa.BigInteger)
)
_LOG = sa.table(
    "log",
    sa.column("sequence", sa.BigInteger),
    sa.column("action", sa.Text),
    sa.column("item_id", sa.Text),
    sa.column("made", sa.BigInteger),
)


def upgrade() -> None:
    """Create `uploads` and missing indexes, then replace times by sequence numbers."""
    op.create_table(
        "uploads",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_index("uploads_by_key", "uploads", ["key_id", "size"], if_not_exists=True)
    # the first databases of format 2 lacked them
    op.create_index(
        "feedback_by_type", "feedback", ["feedback_type", "user_id", "item_id"], if_not_exists=True
    )
    erased = sa.text("action = 'forget'")
    op.create_index(
        "log_of_erased", "log", ["made"], if_not_exists=True,
        sqlite_where=erased, postgresql_where=erased,
    )  # fmt: skip
    latest = sa.select(sa.func.coalesce(sa.func.max(_LOG.c.sequence), 0))
    of_item = latest.where(_LOG.c.item_id == _ITEMS.c.item_id, _LOG.c.action == "item")
    of_feature = latest.where(_LOG.c.item_id == _FEATURES.c.item_id, _LOG.c.action == "item")
    current = sa.exists(
        sa.select(_ITEMS.c.item_id).where(
            _ITEMS.c.item_id == _FEATURES.c.item_id, _ITEMS.c.revision == _FEATURES.c.revision
        )
    )
    numbered = sa.case((current, of_feature.scalar_subquery()), else_=0)
    op.execute(_FEATURES.update().values(revision=numbered))
    changed = _ITEMS.update().where(_ITEMS.c.revision > 0)
    op.execute(changed.values(revision=of_item.scalar_subquery()))
    until = latest.where(_LOG.c.made <= sa.cast(_META.c.value, sa.BigInteger)).scalar_subquery()
    snapshots = _META.update().where(_META.c.name.startswith("snapshot "))
    op.execute(snapshots.values(value=sa.cast(until, sa.Text)))
