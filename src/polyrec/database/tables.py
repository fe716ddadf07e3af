"""The tables of the service's database, the same in SQLite and PostgreSQL.

Times are microseconds since 1970 (UTC). What may be any JSON (labels) is text that holds JSON. Who
adds a table adds it here and raises `FORMAT`.
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

FORMAT = 2

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
    # queued: its content waits to be read; live: the model knows it; quarantined: see reason
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # when its content last changed; 0: never since it came with a bundle
    Column("revision", BigInteger, nullable=False),
    # whether the comment is its text; not so for an item of a bundle until its comment changes
    Column("described", Boolean, nullable=False),
    Index("items_by_status", "status"),
    sqlite_with_rowid=False,
)

# what was uploaded; the files lie beside the database, under their digests (`database.blobs`)
MEDIA = Table(
    "media",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("modality", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # sha256; "": what the bundle had was taken away
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Index("media_by_digest", "digest"),
    sqlite_with_rowid=False,
)

# what encoders made of the content of items that changed since the bundle was trained
FEATURES = Table(
    "features",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("maker", Text, primary_key=True),  # digest of the fitted encoder
    Column("revision", BigInteger, nullable=False),  # of the item, that was read
    Column("vector", LargeBinary),  # float32, little endian; null: nothing is there
    # "": read or nothing there; "kept": as in the bundle; else a problem's status
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
    # what a bundle learned that the event is worth; null: what its type is worth
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
    Column("user_id", Text),  # for `forget` a digest
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

# who may ask: what is kept of a secret is its digest
KEYS = Table(
    "keys",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # by comma
    Column("per_second", Float),  # requests; null: what the service allows
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),  # null: it holds
    sqlite_with_rowid=False,
)
