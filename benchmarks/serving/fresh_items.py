"""How soon is a new item recommended, and does a new bundle take over without a failed request?

    export OMP_NUM_THREADS=1
    python -m benchmarks.serving.fresh_items make FOLDER [--items 10000] [--text lsa]
    python -m benchmarks.serving.fresh_items run FOLDER [--uploads 40] [--swaps 5] [--rate 20]

`make` draws a catalogue (seed 7) and trains its bundle: texts of drawn words, read by `lsa` or by
`minilm` (6 layers, width 384); drawn rows in the place of what `descriptor` made of pictures, and
`minilm` of texts; behaviour of 2,000 users with 30 events. `run` serves it, one worker in a process
of its own; a second process asks for recommendations at the rate (per second). A new item is
inserted with its text, then its picture (a PNG of 256 x 256) is uploaded. What counts is the time
from the first byte of the insert until the status says live: from then on the next request can find
it, which is checked. Then the pointer goes back and forth between two copies of the bundle.
"""

import argparse
import io
import itertools
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from benchmarks.library.http_load import paced, request
from benchmarks.library.results import save_results
from benchmarks.serving.throughput import Server
from polyrec.artifact.bundle import Bundle, Parts
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.config import parse_config
from polyrec.contracts import Encoder
from polyrec.pipeline import assemble
from polyrec.pipeline import run as pipeline
from polyrec.registry import find_class
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from polyrec.types import Embeddings, Interactions

USERS, HISTORY, WORDS = 2_000, 30, 3_000
RATE = 20.0  # other requests per second, unless said otherwise


def texts(count: int, draw: np.random.Generator) -> list[str]:
    """Return texts of 30 words; what is popular among words follows Zipf's law."""
    ranks = draw.zipf(1.3, (count, 30)) % WORDS
    return [" ".join(f"w{rank:04d}" for rank in row) for row in ranks]


def picture(draw: np.random.Generator) -> bytes:
    small = draw.integers(0, 255, (8, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def rows(encoder: Encoder, count: int, draw: np.random.Generator) -> Embeddings:
    """Return drawn rows in the place of what an encoder made."""
    return Embeddings(
        np.abs(draw.standard_normal((count, encoder.width), np.float32)), np.ones(count, bool)
    )


def make(folder: Path, items: int, *, text: str = "lsa") -> None:
    """Train the bundle and put two copies of it on a shelf."""
    draw = np.random.default_rng(7)
    tree = {"data": {"path": "nowhere"}, "align": {"use": "whiten", "width": 64},
            "encode": {"text": {"use": text}, "image": {"use": "descriptor"}}}  # fmt: skip
    config = parse_config(tree, folder=folder)
    users = np.repeat(np.arange(USERS), HISTORY)
    chosen = np.concatenate([draw.choice(items, HISTORY, replace=False) for _ in range(USERS)])
    train = Interactions.of(users, chosen, shape=(USERS, items), times=np.arange(len(users)))
    told = texts(items, draw)
    words, eye = (find_class("encode", name)() for name in (text, "descriptor"))
    read = words.fit(told, train).encode(told) if text == "lsa" else rows(words, items, draw)
    encoded = {"text": read, "image": rows(eye, items, draw)}
    aligner, imputer, fuser, views = pipeline.prepare(config, train, encoded)
    model = assemble.make_recommender(config, {}).fit(train, views)
    nothing = train.take(np.zeros(0, np.int64))
    bundle = Bundle(
        config=config,
        ids=tuple(f"item-{i:06d}" for i in range(items)),
        titles=tuple(told),
        users=tuple(f"user-{i:05d}" for i in range(USERS)),
        kinds=("event",),
        behaviour={"train": train, "valid": nothing, "test": nothing},
        views=views,
        parts=Parts({"text": words, "image": eye}, aligner, fuser, model, imputer),
        fingerprint=f"drawn {items}",
    )
    first = bundle.save(folder / "000001")
    (folder / "000002").mkdir()
    for file in first.iterdir():
        os.link(file, folder / "000002" / file.name)
    (folder / "current").write_text("000001\n", encoding="utf-8")


def ask(port: int, seconds: float, rate: float, found) -> None:
    """Ask for recommendations at the rate; put (answers, failed, median ms, p99 ms)."""
    users = itertools.cycle(range(USERS))
    requests = (request("GET", f"/api/recommend/user-{user:05d}") for user in users)
    load = paced(port, requests, rate=rate, connections=8, seconds=seconds)
    found.put((len(load.milliseconds), load.failed, load.at(0.5), load.at(0.99)))


class Asking:
    """Requests from another process for a while."""

    def __init__(self, port: int, seconds: float, rate: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._found = context.Queue()
        self._process = context.Process(target=ask, args=(port, seconds, rate, self._found))
        self._process.start()
        time.sleep(3.0)  # until it has begun

    def result(self) -> dict:
        """Return what they met."""
        answers, failed, median, worst = self._found.get(timeout=300)
        self._process.join()
        return {"answers": answers, "failed": failed, "median ms": round(median, 1),
                "p99 ms": round(worst, 1)}  # fmt: skip


def upload(client: httpx.Client, name: str, draw: np.random.Generator) -> float:
    """Return the seconds from the insert of an item until it is live; it is found then."""
    body, file = {"ItemId": name, "Comment": texts(1, draw)[0]}, picture(draw)
    start = time.perf_counter()
    client.post("/api/item", json=body).raise_for_status()
    client.put(f"/api/item/{name}/media/image", content=file).raise_for_status()
    while (told := client.get(f"/api/item/{name}/status").json())["Status"] == "queued":
        time.sleep(0.01)
    taken = time.perf_counter() - start
    assert told["Status"] == "live", told
    assert told["Views"] == {"text": "read", "image": "read"}, told
    assert client.get(f"/api/item/{name}/neighbors/").json()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("make", "run"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--text", choices=("lsa", "minilm"), default="lsa")
    parser.add_argument("--uploads", type=int, default=40)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--rate", type=float, default=RATE)
    given = parser.parse_args()
    if given.what == "make":
        given.folder.mkdir(parents=True)
        make(given.folder, given.items, text=given.text)
    else:
        text = Bundle.load(given.folder / "000001").config.encode["text"].use
        told = ("" if text == "lsa" else f"_{text}") + (
            "" if given.rate == RATE else f"_{given.rate:g}"
        )
        figures = measure(given.folder, given.uploads, given.swaps, rate=given.rate)
        save_results(f"serve_fresh{told}", {"text": text, "rate": given.rate, **figures})


def measure(folder: Path, uploads: int, swaps: int, *, rate: float) -> dict[str, object]:
    for old in folder.glob("service.sqlite*"):
        if old.is_file():
            old.unlink()
    (folder / "current").write_text("000001\n", encoding="utf-8")
    settings = Settings(folder, database=f"sqlite:///{folder / 'service.sqlite'}")
    draw = np.random.default_rng(8)
    shelf = BundleRegistry(folder)
    with Server(partial(create_app, settings)) as server:
        port = server.port
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        first = upload(client, "warm-up", draw)
        asking = Asking(port, 3.0 + uploads * 1.5, rate)
        taken = [upload(client, f"new-{i:04d}", draw) for i in range(uploads)]
        beside = asking.result()
        asking = Asking(port, 3.0 + swaps * 12.0, rate)
        changed = [swap(client, shelf, f"{1 + (i + 1) % 2:06d}") for i in range(swaps)]
        swapping = asking.result()
        items = client.get("/api/model").json()["Items"]
    return {
        "items": items,
        "first upload s": round(first, 2),
        "upload to recommendable s": {
            "median": round(float(np.median(taken)), 3),
            "p90": round(float(np.quantile(taken, 0.9)), 3),
            "worst": round(max(taken), 3),
        },
        "requests beside uploads": beside,
        "swaps": swaps,
        "seconds per swap": [round(seconds, 1) for seconds in changed],
        "requests beside swaps": swapping,
    }


def swap(client: httpx.Client, shelf: BundleRegistry, name: str) -> float:
    """Return the seconds until another bundle answers."""
    start = time.perf_counter()
    shelf.set_current(name)
    while client.get("/api/model").json()["Version"] != name:
        time.sleep(0.1)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
