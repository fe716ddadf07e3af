"""The network of the mission's article is a configuration; so are its variants."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import polyrec
from polyrec import pipeline
from polyrec.bundle import Bundle
from polyrec.config import read
from polyrec.data.studio import Studio, make_world

KINDS = ("text", "image", "audio")
EXAMPLE = Path(__file__).parents[2] / "examples" / "article.yaml"
QUICK = [
    *("recommend.weight_decay=0.01", "recommend.hide=0.3", "recommend.epochs=15"),
    *(f"encode.{kind}.epochs=3" for kind in ("text", "image", "audio")),
]
VARIANTS = {
    "click": [],
    "next item": ["recommend.head=softmax"],
    "in batch": ["recommend.head=in_batch"],
    "weighted average": ["fuse.use=learned_mean"],
    "attention": ["fuse.use=attention"],
    "tokens": ["fuse.use=bottleneck"],
    "cosine": ["align.use=cosine", "align.width=32", "fuse.use=mean", "fuse.lengths=given"],
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("article") / "world"
    make_world(folder, Studio(items=100, users=300))
    return folder


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_and_is_kept(
    studio: Path, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_WORLD", str(studio))
    overrides = [*QUICK, f"cache={tmp_path / 'c.sqlite'}", *VARIANTS[variant]]
    bundle = polyrec.run(read(EXAMPLE, overrides=overrides))
    popular = polyrec.recommend.Popular().fit(bundle.behaviour["train"], {})
    from polyrec.evaluate.protocols import compat

    train, test = bundle.behaviour["train"], bundle.behaviour["test"]
    floor = compat(popular, train, test, ["recall@20"]).means["recall@20"]
    assert pipeline.evaluate(bundle, ["recall@20"])["test"].means["recall@20"] > 1.1 * floor
    if variant == "attention":
        again = Bundle.load(bundle.save(tmp_path / "out"))
        assert again.recommend(histories=[["i0003"]]) == bundle.recommend(histories=[["i0003"]])
        assert again.search("text", "a quiet sea").ids[0]


def test_its_encoders_learn_with_it_as_one_network(
    studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_WORLD", str(studio))
    overrides = [*QUICK, f"cache={tmp_path / 'c.sqlite'}", "recommend.through=true"]
    overrides += ["recommend.epochs=2", *(f"encode.{kind}.epochs=1" for kind in KINDS)]
    bundle = polyrec.run(read(EXAMPLE, overrides=overrides))
    for name in KINDS:
        encoder = bundle.parts.encoders[name]
        assert bundle.cards[name]["weights_sha256"] == encoder.fingerprint_
        # what the bundle holds was made by the weights that were learned last
        content = (studio / name).glob("*") if name != "text" else []
        for file in sorted(content)[:2]:
            row = encoder.encode([file])
            near = np.abs(bundle.views[name].vectors - row.vectors).max(axis=1).min()
            assert near < 1e-5 or not row.present[0]
    again = Bundle.load(bundle.save(tmp_path / "out"))
    assert again.recommend(histories=[["i0003"]]) == bundle.recommend(histories=[["i0003"]])
