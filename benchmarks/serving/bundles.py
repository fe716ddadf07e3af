"""Bundles to serve: random weights for speed, trained parts where items are added."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import sparse

from polyrec.align.identity import Identity
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.parts import Parts
from polyrec.config import Config, parse_config
from polyrec.contracts import Encoder, Recommender
from polyrec.fuse.concat import Concat
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.recommend.linear.item_knn import ItemKNN
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.registry import find_class
from polyrec.types import Embeddings, Interactions

USERS, HISTORY_LENGTH, VOCABULARY = 2_000, 30, 3_000
NEIGHBOURS = 50
"""Non-zero weights per item of a sparse model."""


def random_behaviour(items: int, generator: np.random.Generator) -> Interactions:
    """Return `HISTORY_LENGTH` different items for every user."""
    users = np.repeat(np.arange(USERS), HISTORY_LENGTH)
    histories = [generator.choice(items, HISTORY_LENGTH, replace=False) for _ in range(USERS)]
    return Interactions.of(
        users, np.concatenate(histories), shape=(USERS, items), times=np.arange(len(users))
    )


def random_bundle(items: int, folder: Path, *, dense: bool = True) -> Bundle:
    """Return a bundle without content whose item-item weights are random."""
    generator = np.random.default_rng(7)
    train = random_behaviour(items, generator)
    model = (_dense_model if dense else _sparse_model)(items, generator)
    config = parse_config({"data": {"path": "nowhere"}}, folder=folder)
    return _bundle(config, [""] * items, train, Parts({}, Identity(), Concat(), model), {})


def save_trained_bundles(folder: Path, items: int, *, text: str = "lsa") -> None:
    """Train a bundle with text and images and save it twice, as two versions of one model.

    Texts are encoded with `lsa`; the rows of `minilm` and of the images are random, since encoding
    a catalogue is not what is measured.
    """
    generator = np.random.default_rng(7)
    tree = {"data": {"path": "nowhere"}, "align": {"use": "whiten", "width": 64},
            "encode": {"text": {"use": text}, "image": {"use": "descriptor"}}}  # fmt: skip
    config = parse_config(tree, folder=folder)
    train = random_behaviour(items, generator)
    titles = random_texts(items, generator)
    text_encoder, image_encoder = (find_class("encode", use)() for use in (text, "descriptor"))
    if text == "lsa":
        text_rows = text_encoder.fit(titles, train).encode(titles)
    else:
        text_rows = _random_rows(text_encoder, items, generator)
    encoded = {"text": text_rows, "image": _random_rows(image_encoder, items, generator)}
    aligner, imputer, fuser, views = align_and_fuse(config, train, encoded)
    model = build_recommender(config, {}).fit(train, views)
    encoders = {"text": text_encoder, "image": image_encoder}
    parts = Parts(encoders, aligner, fuser, model, imputer)
    first = _bundle(config, titles, train, parts, views).save(folder / "000001")
    (folder / "000002").mkdir()
    for file in first.iterdir():
        os.link(file, folder / "000002" / file.name)
    point_to_first(folder)


def point_to_first(folder: Path) -> None:
    """Make the first of the saved bundles the current one."""
    (folder / "current").write_text("000001\n", encoding="utf-8")


def random_texts(count: int, generator: np.random.Generator) -> list[str]:
    """Return texts of 30 words whose frequencies follow Zipf's law."""
    ranks = generator.zipf(1.3, (count, 30)) % VOCABULARY
    return [" ".join(f"w{rank:04d}" for rank in row) for row in ranks]


def random_image(generator: np.random.Generator) -> bytes:
    """Return a PNG of 256 x 256 smooth colours."""
    small = generator.integers(0, 255, (8, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def _bundle(
    config: Config, titles: list[str], train: Interactions, parts: Parts,
    views: dict[str, Embeddings],
) -> Bundle:  # fmt: skip
    empty = train.take(np.zeros(0, np.int64))
    return Bundle(
        config=config,
        ids=tuple(f"item-{i:06d}" for i in range(len(titles))),
        titles=tuple(titles),
        users=tuple(f"user-{i:05d}" for i in range(USERS)),
        kinds=("event",),
        behaviour={"train": train, "valid": empty, "test": empty},
        views=views,
        parts=parts,
        fingerprint=f"random {len(titles)}",
    )


def _dense_model(items: int, generator: np.random.Generator) -> Recommender:
    model = MultimodalLinear()
    model.popularity_ = generator.random(items, np.float32)
    model.weights_ = generator.standard_normal((items, items), np.float32)
    model.names_, model.means_, model.features_, model.solvers_ = (), {}, {}, {}
    model.norms_ = np.ones(2, np.float32)
    model.cold_items_ = {}
    return model


def _sparse_model(items: int, generator: np.random.Generator) -> Recommender:
    model = ItemKNN()
    model.popularity_ = generator.random(items, np.float32)
    columns = generator.integers(0, items, (items, NEIGHBOURS), np.int32)
    starts = np.arange(items + 1, dtype=np.int64) * NEIGHBOURS
    values = generator.random(items * NEIGHBOURS, np.float32)
    model.weights_ = sparse.csr_array((values, columns.reshape(-1), starts), shape=(items, items))
    model.weights_.sum_duplicates()
    return model


def _random_rows(encoder: Encoder, count: int, generator: np.random.Generator) -> Embeddings:
    rows = np.abs(generator.standard_normal((count, encoder.width), np.float32))
    return Embeddings(rows, np.ones(count, bool))
