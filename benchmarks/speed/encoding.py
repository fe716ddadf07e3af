"""How close is encoding to the cost of its forward pass or of decoding?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.encoding         # everything
    OMP_NUM_THREADS=1 python -m benchmarks.speed.encoding again   # data sets, uncached and cached

Each ratio is taken in one run against a floor: the bare forward pass on prepared tensors, or a bare
Pillow loop that decodes with `draft()` and resizes.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import transformers
from PIL import Image

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.artifact.feature_cache import FeatureCache
from polyrec.compute.sandbox import Sandbox
from polyrec.compute.workers import map_ordered
from polyrec.config import Limits, parse_config
from polyrec.encode.image.decode_image import ImageDecoder
from polyrec.encode.image.image_model import ImageModel, load_preprocessing
from polyrec.encode.run import EncodeContext, fill_cache
from polyrec.encode.text.minilm import MiniLM
from polyrec.encode.text.text_model import load_tokenizer
from polyrec.pipeline.encoding import fill_feature_cache
from polyrec.registry import find_class

DATA_SETS: dict[str, dict[str, Any]] = {
    "movielens_small_mm": {
        "data": {
            "text": ["title", "genres", "plot", "keywords"],
            "image": "poster",
            "min_rating": 4,
        },
        "encode": {"text": {"use": "minilm"}, "image": {"use": "descriptor"}},
    },
    "emotify": {
        "data": {"audio": "audio", "columns": {}},
        "encode": {"audio": {"use": "spectral"}},
    },
}
best_seconds = partial(best_of, clock=time.perf_counter)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "again" in sys.argv:
            save_results("encoding_again", data_sets(folder))
            return
        figures = {
            "jpeg_decode_and_resize": image_decoding(folder),
            "image_model_vit_b16": image_model(folder),
            "text_model_minilm": text_model(),
            "whole_data_sets": data_sets(folder),
        }
    save_results("encoding", figures)


def image_decoding(folder: Path) -> dict[str, Any]:
    """Compare decoding and resizing by one worker with a bare loop, and by two workers with one."""
    images = [folder / f"{i}.jpg" for i in range(400)]
    for path, content in zip(images, random_jpegs(40) * 10, strict=True):
        path.write_bytes(content)
    preparer = "polyrec.encode.image.decode_image:ImageDecoder"
    settings = {"crop": 224, "edge": 0, "resample": 3}
    resample = ImageDecoder(crop=224, edge=0).resample

    def bare() -> None:
        for path in images:
            with Image.open(path) as image:
                image.draft("RGB", (224, 224))
                np.asarray(image.convert("RGB").resize((224, 224), resample))

    def decode(workers: int) -> None:
        def prepare(path: Path) -> object:
            return sandbox.prepare(preparer, settings, path)

        for _ in map_ordered(prepare, images, workers=workers):
            pass

    with Sandbox(Limits()) as sandbox:
        decode(2)  # starts the processes
        floor, one_worker, two_workers = best_seconds(
            5, bare, partial(decode, 1), partial(decode, 2)
        )
    return {
        "bare_images_per_s": round(len(images) / floor, 1),
        "share_of_bare_loop": round(floor / one_worker, 3),
        "speedup_of_2_workers": round(one_worker / two_workers, 3),
        "goals": {"share": 0.9, "speedup": 1.7},
    }


def random_jpegs(count: int, *, width: int = 1280, height: int = 960) -> list[bytes]:
    """Return images of smooth colours with grain, of a photograph's size in bytes."""
    generator = np.random.default_rng(0)
    jpegs = []
    for _ in range(count):
        coarse = generator.integers(0, 256, (12, 16, 3)).astype(np.uint8)
        smooth = np.asarray(
            Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        )
        grain = generator.integers(-12, 13, smooth.shape)
        buffer = io.BytesIO()
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(
            buffer, "JPEG", quality=88
        )
        jpegs.append(buffer.getvalue())
    return jpegs


def image_model(folder: Path) -> dict[str, Any]:
    """Compare ViT-B/16 with random weights, from JPEG bytes to rows, with its forward pass."""
    config = transformers.ViTConfig()
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder / "vit")
    transformers.ViTImageProcessorPil().save_pretrained(folder / "vit")
    encoder = ImageModel(model=str(folder / "vit"))
    images = random_jpegs(16 * 6, width=640, height=480)
    warm_up, timed = images[:16], images[16:]
    preprocessing = load_preprocessing(encoder.folder)
    limits = Limits()
    pixels = [preprocessing.decoder.prepare(raw, limits) for raw in images]
    tensors = torch.cat([preprocessing.scale(image)[None] for image in pixels])
    size = encoder.batch_size

    def forward() -> None:
        with torch.inference_mode():
            for start in range(0, len(tensors), size):
                encoder.network(pixel_values=tensors[start : start + size])

    encode_s, forward_s = [], []
    for _ in range(3):
        with empty_cache() as context:
            fill_cache(encoder, warm_up, context)
            encode_s.append(seconds_of(partial(fill_cache, encoder, timed, context)))
        forward_s.append(seconds_of(forward) * len(timed) / len(images))
    return {
        "images_per_s": round(len(timed) / min(encode_s), 2),
        "share_of_forward": round(min(forward_s) / min(encode_s), 3),
        "threads": torch.get_num_threads(),
        "goal": 0.9,
    }


def text_model() -> dict[str, Any]:
    """Compare MiniLM on the titles and plots of films with its forward pass on tokens."""
    table = pl.read_parquet(SHARED_DATA / "movielens_small_mm" / "items.parquet")
    rows = table.select("title", "genres", "plot", "keywords").iter_rows()
    contents = sorted({" ".join(str(cell) for cell in row if cell) for row in rows})[:1600]
    np.random.default_rng(0).shuffle(contents)
    encoder = MiniLM()
    encoder.encode(contents[:16])
    by_length = sorted(contents, key=len)
    size = encoder.batch_size
    tokenize = partial(
        load_tokenizer(encoder.folder), padding=True, truncation=True,
        max_length=encoder.max_tokens, return_tensors="pt",
    )  # fmt: skip
    batches = [tokenize(by_length[i : i + size]) for i in range(0, len(by_length), size)]

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                encoder.network(**batch)

    encode_s, forward_s = [], []
    for _ in range(3):
        with empty_cache() as context:
            encode_s.append(seconds_of(partial(fill_cache, encoder, contents, context)))
        forward_s.append(seconds_of(forward))
    return {
        "texts_per_s": round(len(contents) / min(encode_s), 1),
        "share_of_forward": round(min(forward_s) / min(encode_s), 3),
        "goal": 0.9,
    }


@contextmanager
def empty_cache() -> Iterator[EncodeContext]:
    """Return decoding processes and an empty feature cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        FeatureCache(Path(folder) / "c.sqlite") as cache,
        Sandbox(Limits()) as sandbox,
    ):
        yield EncodeContext(sandbox, cache, workers=2)


def seconds_of(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    return best_seconds(1, function)[0]


def data_sets(folder: Path) -> dict[str, Any]:
    """Return the seconds of data sets from their files, and from the cache."""
    figures = {}
    for name, tree in DATA_SETS.items():
        data = {"path": str(SHARED_DATA / name), **tree["data"]}
        config = parse_config(
            {**tree, "data": data, "cache": str(folder / "c.sqlite")}, folder=folder
        )
        figures[name] = run_twice(lambda config=config: fill_feature_cache(config).counts)
    figures["media_samples"] = media_samples(folder)
    return figures


def media_samples(folder: Path) -> dict[str, Any]:
    """Return the same for sounds and videos of many formats, damaged ones among them."""
    samples = SHARED_DATA / "media_samples"
    table = pl.read_parquet(samples / "items.parquet")
    with FeatureCache(folder / "s.sqlite") as cache, Sandbox(Limits()) as sandbox:
        context = EncodeContext(sandbox, cache)

        def encode() -> dict[str, Any]:
            counts = {}
            for kind, use in (("audio", "spectral"), ("video", "motion")):
                files = [samples / path for path in table.filter(pl.col("kind") == kind)["path"]]
                tally = fill_cache(find_class("encode", use)(), files, context)
                counts[kind] = {"present": tally.present, "unreadable": len(tally.problems)}
            return counts

        return run_twice(encode)


def run_twice(encode: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the seconds without and with the cache; reading the tables is part of both."""
    counts: dict[str, Any] = {}
    first = seconds_of(lambda: counts.update(encode()))
    again = best_seconds(3, encode)[0]
    return {
        "counts": counts,
        "first_s": round(first, 2),
        "again_s": round(again, 3),
        "ratio": round(first / again, 1),
        "goal": 50,
    }


if __name__ == "__main__":
    main()
