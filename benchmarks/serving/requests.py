"""Streams of requests to the service, and what it says about its queue."""

import itertools
import time
from collections.abc import Callable, Iterator

import httpx
import numpy as np

from benchmarks.library.http_load import http_request, json_request
from benchmarks.serving.bundles import USERS, random_image, random_texts

EVENTS_PER_BATCH = 10
NEW_ITEMS = 200
MIX = {"recommend": 63, "events": 15, "session": 10, "neighbours": 5, "categories": 3, "text": 1,
       "image": 1, "new_item": 1, "health": 1}  # fmt: skip
"""Kind of request -> how many of a hundred."""


def recommend_requests() -> Iterator[bytes]:
    """Yield requests for recommendations to random users, endlessly."""
    users = np.random.default_rng(1).integers(0, USERS, 100_000).tolist()
    return itertools.cycle([recommend_request(user) for user in users])


def recommend_request(user: int) -> bytes:
    """Return the request for a user's recommendations."""
    return http_request("GET", f"/api/recommend/user-{user:05d}")


def event_batches(items: int) -> Iterator[bytes]:
    """Yield batches of random events, endlessly."""
    generator = np.random.default_rng(2)
    while True:
        events = [
            {
                "FeedbackType": "event",
                "UserId": f"user-{generator.integers(USERS):05d}",
                "ItemId": f"item-{item:06d}",
                "Timestamp": "2026-01-01T00:00:00Z",
            }
            for item in generator.integers(0, items, EVENTS_PER_BATCH)
        ]
        yield json_request("POST", "/api/feedback", events)


def mixed_requests(items: int, batches: Iterator[bytes]) -> Iterator[bytes]:
    """Yield all kinds of requests in the shares of `MIX`, endlessly; `batches` are the events."""
    generator = np.random.default_rng(3)
    kinds = [kind for kind, share in MIX.items() for _ in range(share)]
    makers = _makers(items, batches, generator)
    while True:
        for kind in generator.permutation(kinds):
            yield makers[kind](f"item-{generator.integers(items):06d}")


def _makers(
    items: int, batches: Iterator[bytes], generator: np.random.Generator
) -> dict[str, Callable[[str], bytes]]:
    """Return for each kind of request what makes it for an item."""
    new_texts = random_texts(NEW_ITEMS, generator)
    images = [random_image(generator) for _ in range(20)]

    def session(_: str) -> bytes:
        history = [{"ItemId": f"item-{i:06d}"} for i in generator.integers(0, items, 5)]
        return json_request("POST", "/api/session/recommend", history)

    def new_item(_: str) -> bytes:
        number = int(generator.integers(NEW_ITEMS))
        body = {"ItemId": f"new-{number:03d}", "Comment": new_texts[number]}
        return json_request("POST", "/api/item", body)

    def change(item: str, **columns: object) -> bytes:
        return json_request("PATCH", f"/api/item/{item}", columns)

    def image(item: str) -> bytes:
        content = images[generator.integers(len(images))]
        return http_request("PUT", f"/api/item/{item}/media/image", content)

    return {
        "recommend": lambda _: recommend_request(int(generator.integers(USERS))),
        "events": lambda _: next(batches),
        "session": session,
        "neighbours": lambda item: http_request("GET", f"/api/item/{item}/neighbors/"),
        "categories": lambda item: change(item, Categories=[f"c{generator.integers(20)}"]),
        "text": lambda item: change(item, Comment=random_texts(1, generator)[0]),
        "image": image,
        "new_item": new_item,
        "health": lambda _: http_request("GET", "/api/health/live"),
    }


def drain_queue(port: int) -> int:
    """Wait until every queued item is encoded; return how many were queued at first."""
    first = queued = _queued(port)
    while queued:
        time.sleep(0.1)
        queued = _queued(port)
    return first


def _queued(port: int) -> int:
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    lines = (line for line in metrics.splitlines() if line.startswith("polyrec_items{"))
    return sum(int(float(line.split()[-1])) for line in lines if 'status="queued"' in line)
