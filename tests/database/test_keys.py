"""Keys open what their scopes say, and nothing of them can be read back."""

import pytest
import sqlalchemy as sa

from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.database.tables import KEYS
from polyrec.errors import ConfigError


@pytest.fixture
def connection():
    database = Database.open("sqlite://")
    with database.write() as opened:
        yield opened
    database.close()


def test_a_key_is_known_by_its_text_until_it_is_revoked(connection) -> None:
    key, text = keys.create_key(connection, " shop ", ["write", "read"], per_second=5)
    assert key.scopes == ("read", "write")
    assert keys.verify_key(connection, text) == key
    assert keys.revoke_key(connection, key.key_id)
    assert keys.verify_key(connection, text) is None
    assert not keys.revoke_key(connection, key.key_id)
    (listed,) = keys.all_keys(connection)
    assert listed.name == "shop"
    assert listed.revoked is not None
    assert not listed.may("read")


def test_the_database_holds_no_secret(connection) -> None:
    _, text = keys.create_key(connection, "shop", ["read"])
    secret = text.split("_", 2)[2]
    row = connection.execute(sa.select(KEYS)).one()
    assert secret not in str(row)
    assert len(secret) >= 43  # 256 bits


@pytest.mark.parametrize("text", ["", "pr", "pr_", "pr__", "pr_00000000_x", "xx_1_2", "é_ü_ö"])
def test_texts_that_are_not_keys_are_refused(connection, text: str) -> None:
    key, right = keys.create_key(connection, "shop", ["read"])
    assert keys.verify_key(connection, text) is None
    assert keys.verify_key(connection, right[:-1]) is None
    assert keys.verify_key(connection, f"pr_{key.key_id}_") is None


def test_admin_includes_all_scopes() -> None:
    assert keys.ApiKey("a", "boss", ("admin",)).may("write")
    assert not keys.ApiKey("a", "events", ("write",)).may("read")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("shop", []), "unknown scope"),
        (("shop", ["raed"]), "did you mean 'read'"),
        ((" ", ["read"]), "needs a name"),
    ],
)
def test_invalid_keys_are_refused(connection, arguments: tuple, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        keys.create_key(connection, *arguments)
    with pytest.raises(ConfigError, match="the rate"):
        keys.create_key(connection, "shop", ["read"], per_second=0)
