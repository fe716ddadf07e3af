"""The network of the mission's article is a configuration; so are its variants."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import polyrec
from machine_cache import MachineCache, key_of
from polyrec.artifact.bundle import Bundle
from polyrec.config import Config, read_config
from polyrec.contracts import Recommender
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.evaluation import evaluate_bundle
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.types import Embeddings, Interactions, Views
from studio_worlds import FEATURE_SOURCES, LARGER

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
def studio(larger_world: Path) -> Path:
    return larger_world


def article(studio: Path, folder: Path, *overrides: str) -> Config:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYREC_WORLD", str(studio))
        return read_config(EXAMPLE, overrides=[*QUICK, f"cache={folder / 'c.sqlite'}", *overrides])


@pytest.fixture(scope="module")
def encoded(
    studio: Path, machine_cache: MachineCache, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Dataset, Views]:
    """Return the data and what the encoders learned to make of it: the same for all variants."""
    config = article(studio, tmp_path_factory.mktemp("encoded"))
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed)

    def make(folder: Path) -> None:
        for name, view in encode_dataset(config, dataset)[1].items():
            np.savez(folder / f"{name}.npz", vectors=view.vectors, present=view.present)

    key = key_of((LARGER, QUICK), sources=FEATURE_SOURCES, files=[EXAMPLE])
    kept = machine_cache.folder("article_views", make, key=key)
    views = {path.stem: Embeddings(**np.load(path)) for path in sorted(kept.iterdir())}
    assert views.keys() == set(KINDS)
    return dataset, views


def recall(model: Recommender, behaviour: dict[str, Interactions]) -> float:
    evaluation = evaluate_top_k(model, behaviour["train"], behaviour["test"], ["recall@20"])
    return evaluation.means["recall@20"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns(
    studio: Path, encoded: tuple[Dataset, Views], variant: str, tmp_path: Path
) -> None:
    data, views = encoded
    config = article(studio, tmp_path, *VARIANTS[variant])
    *_, aligned = align_and_fuse(config, data.train, views)
    model = build_recommender(config, {}).fit(data.train, aligned, valid=data.valid)
    popular = polyrec.recommend.Popular().fit(data.train, {})
    assert recall(model, data.behaviour) > 1.1 * recall(popular, data.behaviour)


def test_it_runs_end_to_end_and_is_saved(studio: Path, tmp_path: Path) -> None:
    bundle = polyrec.run(article(studio, tmp_path, *VARIANTS["attention"]))
    popular = polyrec.recommend.Popular().fit(bundle.behaviour["train"], {})
    on_test = evaluate_bundle(bundle, ["recall@20"])["test"].means["recall@20"]
    assert on_test > 1.1 * recall(popular, bundle.behaviour)
    again = Bundle.load(bundle.save(tmp_path / "out"))
    assert again.recommend(histories=[["i0003"]]) == bundle.recommend(histories=[["i0003"]])
    assert again.search("a quiet sea").ids[0]


def test_its_encoders_learn_with_it_as_one_network(studio: Path, tmp_path: Path) -> None:
    few = ["recommend.epochs=2", *(f"encode.{kind}.epochs=1" for kind in KINDS)]
    bundle = polyrec.run(article(studio, tmp_path, "recommend.end_to_end=true", *few))
    compared = []
    for name in KINDS:
        encoder = bundle.parts.encoders[name]
        assert bundle.cards[name]["weights_sha256"] == encoder.fingerprint_
        # what the bundle holds was made by the weights that were learned last
        content = (studio / name).glob("*") if name != "text" else []
        for file in sorted(content)[:2]:
            row = encoder.encode([file])
            near = np.abs(bundle.views[name].vectors - row.vectors).max(axis=1).min()
            assert near < 1e-5 or not row.present[0]
            compared += [name] * int(row.present[0])
    assert {"image", "audio"} <= set(compared)
    again = Bundle.load(bundle.save(tmp_path / "out"))
    assert again.recommend(histories=[["i0003"]]) == bundle.recommend(histories=[["i0003"]])
