"""The tables of the service's database, the same in SQLite and PostgreSQL.

Times are microseconds since 1970 (UTC). Labels and categories are JSON in text columns. A
change of the tables raises `FORMAT` and has a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

FORMAT = 4

METADATA = MetaData()

META = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

USERS = Table(
    "users",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("labels", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("tastes", Text),  # a JSON list of edits, oldest first; null: none
    sqlite_with_rowid=False,
)

ITEMS = Table(
    "items",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("is_hidden", Boolean, nullable=False),
    Column("categories", Text, nullable=False),  # a JSON list of strings
    Column("timestamp", BigInteger, nullable=False),
    Column("labels", Text, nullable=False),
    Column("comment", Text, nullable=False),
    # queued: waits to be encoded; live: in the model; quarantined: see reason
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # about the number of the change of its content; 0: not since it was imported from a bundle
    Column("revision", BigInteger, nullable=False),
    # whether the comment is its text content; false for bundle items until the comment changes
    Column("described", Boolean, nullable=False),
    Index("items_by_status", "status"),
    sqlite_with_rowid=False,
)

# uploaded files of items; the bytes are in `database.blobs`, under their digests
MEDIA = Table(
    "media",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("modality", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # sha256; "": content of the bundle that was removed
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Index("media_by_digest", "digest"),
    sqlite_with_rowid=False,
)

# one row per uploaded file, for quotas
UPLOADS = Table(
    "uploads",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("key_id", Text, nullable=False),  # "": without a key
    Column("size", BigInteger, nullable=False),
    Index("uploads_by_key", "key_id", "size"),
    sqlite_with_rowid=False,
)

# features of items whose content changed since the bundle was trained
FEATURES = Table(
    "features",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("maker", Text, primary_key=True),  # digest of the fitted encoder
    Column("revision", BigInteger, nullable=False),  # of the item, that was encoded
    Column("vector", LargeBinary),  # float32, little endian; null: none
    # "": encoded, or no content; "kept": as in the bundle; else the status of a problem
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# by user first: a history is one range of the primary key
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("feedback_type", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("comment", Text, nullable=False),
    # the weight that the event had in a bundle; null: the weight of its type
    Column("weight", Float),
    Index("feedback_by_item", "item_id"),
    Index("feedback_by_type", "feedback_type", "user_id", "item_id"),
    sqlite_with_rowid=False,
)

LOG = Table(
    "log",
    METADATA,
    Column(
        "sequence",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("action", Text, nullable=False),
    Column("user_id", Text),  # a digest for the action "forget"
    Column("item_id", Text),
    Column("feedback_type", Text),
    Column("value", Float),
    Column("weight", Float),
    Column("timestamp", BigInteger, nullable=False),  # of the event
    Column("made", BigInteger, nullable=False),  # when it was written
    Index("log_by_user", "user_id"),
    Index(
        "log_of_erased",
        "made",
        sqlite_where=text("action = 'forget'"),
        postgresql_where=text("action = 'forget'"),
    ),
    sqlite_autoincrement=True,  # a sequence number is never given twice
)

# API keys; of a secret only the digest is stored
KEYS = Table(
    "keys",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # comma-separated
    Column("per_second", Float),  # requests; null: the default of the service
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),  # null: valid
    sqlite_with_rowid=False,
)
