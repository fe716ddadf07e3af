"""Fixed-seed rankings of every model, bit for bit: kept while the layout changes.

`python tests/golden/test_rankings_stay.py` writes the file of digests anew.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyrec.registry import find_class, registered_parts
from polyrec.types import FUSED, Embeddings, Interactions, Query

DIGESTS = Path(__file__).with_name("rankings.json")
QUICK = {
    "recommend": {
        **{n: {"epochs": 4} for n in (
            "multi_dae", "multi_vae", "multimodal_dae", "elsa", "bpr", "vbpr", "mlp", "sasrec",
            "freedom", "lightgcn", "mgcn", "two_tower")},
        "als": {"dim": 16, "rounds": 4},
        "blend": {"members": [{"use": "ease"}, {"use": "als", "dim": 8}, {"use": "item_knn"}]},
    },
    "align": {"infonce": {"epochs": 3}, "uniform": {"epochs": 3}},
    "fuse": {},
}  # fmt: skip
VARIANTS = {
    "lightgcn": [{"loss": "bpr"}],
    "freedom": [{"pruned": 0.3}],
    "two_tower": [{"head": "softmax"}, {"head": "sigmoid", "attend": True}],
    "multimodal_linear": [{"weights": {"text": 0.7, "fused": 0.3}}],
}


def world() -> tuple[Interactions, Interactions, dict[str, Embeddings], dict[str, Embeddings]]:
    """Return train, valid, the items' views, and views of five new items."""
    generator = np.random.default_rng(11)
    users, items = 90, 70
    taste, kind = generator.standard_normal((users, 4)), generator.standard_normal((items + 5, 4))
    chance = taste @ kind[:items].T + generator.gumbel(size=(users, items))
    chance[:, 60:] = -np.inf  # nobody took the last ten
    chosen = np.argsort(-chance, axis=1)[:, :14]
    who, what = np.repeat(np.arange(users), 14), chosen.ravel()
    order = generator.permutation(len(who))
    who, what = who[order], what[order]
    weights = generator.choice(np.float32([1, 1, 1, 4, -1]), len(who))
    events = Interactions.of(
        who, what, shape=(users, items), times=np.arange(len(who)) * 60, weights=weights
    )
    held = np.arange(len(who)) % 6 == 0
    views = {}
    for name, width in (("text", 9), ("image", 9), ("audio", 9)):
        rows = kind @ generator.standard_normal((4, width))
        rows += 0.3 * generator.standard_normal(rows.shape)
        here = generator.random(items + 5) > 0.15
        rows[~here] = 0
        views[name] = Embeddings(rows.astype(np.float32), here)
    views[FUSED] = views["text"]
    known = {n: v.take(np.arange(items)) for n, v in views.items()}
    fresh = {n: v.take(np.arange(items, items + 5)) for n, v in views.items()}
    return events.take(~held), events.take(held), known, fresh


def digest(*arrays: Any) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def ranked(name: str, settings: dict[str, Any], parts: Any) -> list[str]:
    train, valid, known, fresh = parts
    model = find_class("recommend", name)(**settings)
    model.fit(train, known, valid=valid)
    strangers = Query.of([[], [1, 2, 3], [65], [5]])
    found = []
    for query in (train.histories(np.arange(90)), strangers):
        lists = model.recommend(query, 20)
        found.append(digest(lists.items, lists.scores, model.score(query)))
    if hasattr(model, "add_items"):
        grown = model.add_items(fresh)
        lists = grown.recommend(train.histories(np.arange(90)), 20)
        found.append(digest(lists.items, lists.scores))
    return found


def cases() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for room in ("recommend", "align", "fuse"):
        for name in sorted(registered_parts(room)):
            plain = QUICK[room].get(name, {})
            found += [(room, name, plain | more) for more in ({}, *VARIANTS.get(name, []))]
    return found


def taken(room: str, name: str, settings: dict[str, Any], parts: Any) -> list[str]:
    if room == "recommend":
        return ranked(name, settings, parts)
    train, _, known, fresh = parts
    plain = {n: v for n, v in known.items() if n != FUSED}
    part = find_class(room, name)(**settings).fit(plain, train)
    if room == "fuse":
        return [digest(part.fuse(v).vectors) for v in (plain, {n: fresh[n] for n in plain})]
    return [digest(*(part.align(plain)[n].vectors for n in sorted(plain)))]


def key(room: str, name: str, settings: dict[str, Any]) -> str:
    return f"{room}.{name} {json.dumps(settings, sort_keys=True)}"


@pytest.mark.parametrize("case", cases(), ids=lambda c: key(*c))
def test_nothing_changes(case: tuple[str, str, dict[str, Any]]) -> None:
    assert taken(*case, world()) == json.loads(DIGESTS.read_text())[key(*case)]


if __name__ == "__main__":
    parts = world()
    made = {key(*case): taken(*case, parts) for case in cases()}
    if "--check" in sys.argv:
        before = json.loads(DIGESTS.read_text())
        sys.exit(str([k for k in made if made[k] != before.get(k)]) if made != before else 0)
    DIGESTS.write_text(json.dumps(made, indent=1) + "\n")
