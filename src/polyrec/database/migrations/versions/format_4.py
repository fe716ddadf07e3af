"""Users have tastes that they stated."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Add the column; nobody has stated anything yet."""
    op.add_column("users", sa.Column("tastes", sa.Text))
