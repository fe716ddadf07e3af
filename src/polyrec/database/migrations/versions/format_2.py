"""The format of the first databases that can be migrated."""

revision = "2"
down_revision = None


def upgrade() -> None:
    """Change nothing: this is where migrations start."""
