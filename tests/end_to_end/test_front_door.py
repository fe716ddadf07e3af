"""From a shop's files and frames to a report, with the code that README.md shows."""

import ast
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import polyrec
from polyrec.errors import ConfigError
from polyrec.types import silent

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CUSTOMERS, PRODUCTS = 24, 12


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jpeg: bytes) -> Path:
    """Return a folder as shops export it: semicolons, US dates, pictures in subfolders."""
    orders = ["customer;sku;ordered"]
    for customer in range(1, CUSTOMERS + 1):
        for order in range(6):
            day = date(2024, 1, 1) + timedelta(days=20 * order + customer)
            sku = f"00{(customer % 3) * 4 + (customer + order) % 4}"
            orders.append(f"c{customer};{sku};{day:%m/%d/%Y}")
    products = ["sku,name,description,photo"]
    for product in range(PRODUCTS):
        folder = tmp_path / "shop/pictures" / str(product % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"p{product}.jpg").write_bytes(jpeg)
        kind = ("lamp", "chair", "table")[product // 4]
        products.append(f"00{product},A {kind},The {kind} number {product},p{product}.jpg")
    (tmp_path / "shop/orders.csv").write_text("\n".join(orders) + "\n")
    (tmp_path / "shop/products.csv").write_text("\n".join(products) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # of the feature cache
    return tmp_path


def test_the_frames_of_the_readme_become_lists_and_a_report(shop: Path) -> None:
    block = next(b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "pandas" in b)
    assert len(ast.parse(block).body) == 8
    names: dict[str, Any] = {}
    exec(block, names)
    frame = names["lists"].to_pandas()
    assert list(frame.columns) == ["user", "rank", "item", "title", "score"]
    assert set(frame["user"]) == {"c1", "c2"}
    assert frame["title"].str.startswith("A ").all()
    assert (shop / "runs/shop/report.html").is_file()
    data = names["data"]
    assert data.catalog.ids[0] == "000"
    assert data.validation.counts["content"] == {"text": PRODUCTS, "image": PRODUCTS}
    again = polyrec.Bundle.load(shop / "runs/shop")
    assert again.recommend(["c1", "c2"], k=10) == names["lists"]


def test_settings_and_models_of_a_run_on_a_data_set(shop: Path) -> None:
    orders = pd.read_csv("shop/orders.csv", sep=";", dtype=str)
    data = polyrec.Dataset.from_frames(
        orders, user="customer", item="sku", time="ordered", time_format="%m/%d/%Y"
    )
    model = polyrec.recommend.EASE(l2=3.0)
    bundle = polyrec.run(data, recommend=model, settings={"seed": 3}, progress=silent)
    assert bundle.parts.recommender == model
    assert bundle.config.seed == 3
    chosen = polyrec.run(data, recommend="ease")
    assert chosen.config.recommend.settings == {}
    named = polyrec.run(data, recommend={"use": "ease", "l2": 3.0})
    assert named.recommend(["c1", "c9"]) == bundle.recommend(["c1", "c9"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recommend": "eese"}, "unknown part for recommend.*did you mean 'ease'"),
        ({"recommend": {"use": "ease", "l3": 1}}, "unknown setting: received 'l3'"),
        ({"settings": {"data": {}}}, "belongs to the data set; give it to Dataset.from_frames"),
        ({"settings": {"sed": 3}}, "unknown key: received 'sed'; did you mean 'seed'"),
        (
            {"settings": {"evaluate": {"protocol": "global_time"}}},
            "another split.*give Dataset.from_frames split='global_time'",
        ),
    ],
)
def test_wrong_settings_are_refused(options: dict, message: str) -> None:
    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcdabcd"]}
    data = polyrec.Dataset.from_frames(events)
    with pytest.raises(ConfigError, match=message):
        polyrec.run(data, **options)


def test_the_seed_of_the_split_is_that_of_the_run() -> None:
    events = {
        "user_id": [f"u{u}" for u in range(20) for _ in range(8)],
        "item_id": [f"i{(u + j) % 15}" for u in range(20) for j in range(8)],
    }
    data = polyrec.Dataset.from_frames(events, split="new_items", seed=3)
    assert repr(data).startswith("Dataset(15 items, 20 users, events: train ")
    settings = {"evaluate": {"protocol": "new_items"}}
    bundle = polyrec.run(data, recommend={"use": "ease", "l2": 5.0}, settings=settings)
    assert bundle.config.seed == 3
    assert repr(bundle).startswith("Bundle(EASE, 15 items, 20 users, events: train ")
    with pytest.raises(ConfigError, match=r"another seed.*give Dataset.from_frames seed=4"):
        polyrec.run(data, settings={**settings, "seed": 4})


def test_two_configs_and_a_dict_over_a_config() -> None:
    config = {"data": {"path": "x"}, "seed": 1}
    with pytest.raises(ConfigError, match="two configs: received 'Config'"):
        polyrec.run(config, settings=polyrec.config.parse_config(config, folder=Path()))
    with pytest.raises(ConfigError, match="unknown key: received 'sed'"):
        polyrec.run(config, settings={"sed": 1})
