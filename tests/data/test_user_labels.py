"""Labels of users come from their table, and reach bundle, service and a retraining."""

from pathlib import Path

import pytest

import polyrec
from polyrec import Bundle
from polyrec.config import parse_config
from polyrec.data.load import Dataset, load_dataset
from polyrec.errors import DataError

LOG = "".join(f"u{u},i{(u + n) % 5},{10**9 + n}\n" for u in range(4) for n in range(4))
USERS = "user_id,city,age,mail\nu2,Bonn,30,a@b\nu0,,41,c@d\nu9,Rome,,e@f\n"


def load(folder: Path, table: str = USERS, **data: object) -> Dataset:
    (folder / "interactions.csv").write_text("user_id,item_id,timestamp\n" + LOG)
    (folder / "users.csv").write_text(table)
    tree = {"path": ".", "columns": {"user_labels": ["city", "age"]}, **data}
    return load_dataset(parse_config({"data": tree}, folder=folder).data, weights={}, seed=0)


def test_named_columns_are_kept_and_others_are_not(tmp_path: Path) -> None:
    dataset = load(tmp_path)
    assert dataset.user_labels == ({"age": 41}, None, {"city": "Bonn", "age": 30}, None)
    notes = {f.what: f.examples for f in dataset.validation.findings}
    assert notes["users without events"] == ("u9",)
    assert load(tmp_path, columns={}, table='"').user_labels == ()  # not read
    (tmp_path / "people.tsv").write_text("id\tcity\nu1\tOslo\n")
    columns = {"user": ["user_id", "id"], "user_labels": "city"}
    labels = load(tmp_path, "x", columns=columns, users="people.tsv").user_labels
    assert labels == (None, {"city": "Oslo"}, None, None)


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ("user_id,town\nu0,Bonn\n", "the users have no column 'city'"),
        (USERS + "u2,Kiel,3,x\n", "column 'user_id': duplicate or empty user ids.*'u2' on line 2"),
        ("uid,city,age\nu0,Bonn,3\n", "users.csv has no column 'user_id' for the user"),
    ],
)
def test_a_table_of_users_that_fits_not_is_refused(
    users: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, users)


def test_other_sources_have_labels_too(tmp_path: Path) -> None:
    rows = LOG.replace(",", "\t")
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + rows)
    tree = {"path": tmp_path, "use": "recbole", "columns": {"user_labels": "city"}}
    config = parse_config({"data": tree}, folder=tmp_path).data
    with pytest.raises(DataError, match="the users have no column 'city': received 'no users tab"):
        load_dataset(config, weights={}, seed=0)
    (tmp_path / "x.user").write_text("user_id:token\tcity:token\nu1\tOslo\n")
    assert load_dataset(config, weights={}, seed=0).user_labels[1] == {"city": "Oslo"}
    events = {"user_id": ["a", "a", "a", "b"], "item_id": ["x", "y", "z", "x"]}
    users = {"user_id": ["b", "a"], "plan": ["pro", "free"]}
    data = Dataset.from_frames(events, users=users, user_labels="plan")
    assert data.user_labels == ({"plan": "free"}, {"plan": "pro"})


def test_a_bundle_and_the_service_have_them(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    bundle = polyrec.run(load(tmp_path), recommend="popular", out=tmp_path / "bundle")
    assert Bundle.load(tmp_path / "bundle").user_labels == bundle.user_labels
    from polyrec.database.database import Database
    from polyrec.serve.background.bundle_import import import_bundle
    from polyrec.serve.background.training_tables import _user_labels

    database = Database.open(f"sqlite:///{tmp_path}/x.sqlite")
    import_bundle(database, bundle)
    with database.read() as connection:
        assert _user_labels(connection) == {"u0": {"age": 41}, "u2": {"city": "Bonn", "age": 30}}
    database.close()
