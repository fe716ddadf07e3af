"""Does search find what people look for, and is it better than its parts?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.search studio movielens_small_mm

Known items: a sentence leaves the text of 200 items before encoders and index see it, and is then
the query: NDCG@10 of its item, by words (BM25), by content, by both joined, and joined for a user
drawn at random, whose taste must not hide what is looked for. In the studio data
set all sentences are made of the same few phrases, so that one finds every item but its own: there
a query is half of the terms of an item's text, in any order, and the text stays as it is. Exact
titles: the share of 500 titles that find their item first (or another item of the same title).
Personal: the query for each held-out click is one word of the clicked item's text that 20 items to
a fifth of all have; hit rate@10 with the user's ranking and without, over 500 clicks of the test
part, on which nothing was chosen. Intervals are of the differences, paired by query. The results of
other data are kept. An encoder is named behind the data: movielens_small_mm,minilm.
POLYREC_STUDIO is a folder with a studio data set of 600 items; by default it is made.
"""

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import RESULTS, read_figures, save_results
from benchmarks.quality.new_items import make_studio
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.item_search import SearchQuery, SearchWeights
from polyrec.config import read_config
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.protocols import bootstrap_interval
from polyrec.index.terms import search_terms
from polyrec.pipeline.run import run

QUERIES, TITLES, CLICKS, DEPTH, SEED = 200, 500, 500, 10, 7
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]+")
_SHORTEST = 5  # terms of a query, and of what is left of the text
PARTS = {
    "words": SearchWeights(content=0),
    "content": SearchWeights(words=0),
    "joined": SearchWeights(),
}

Texts = Sequence[Any]
Choice = Callable[[Texts], tuple[Texts, dict[int, str]]]


def main(sources: list[str]) -> None:
    rows = read_figures(RESULTS / "search.json") or {}
    with tempfile.TemporaryDirectory() as folder:
        for source in sources or ("studio", "movielens_small_mm"):
            name, _, encoder = source.partition(",")
            choose = half_of_the_terms if name == "studio" else hold_out_sentences
            dataset = read(name, Path(folder))
            rows[f"{name}, {encoder or 'lsa'}"] = measure(dataset, encoder or "lsa", choose)
            save_results("search", rows)


def read(name: str, folder: Path) -> Dataset:
    """Return a data set with text alone."""
    path = config_path(name)
    if name == "studio" and "POLYREC_STUDIO" not in os.environ:
        path = make_studio(folder)
    config = read_config(path)
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed)
    texts = {"text": dataset.catalog.content("text")}
    return replace(dataset, catalog=replace(dataset.catalog, contents=texts))


def fit(dataset: Dataset, encoder: str, choose: Choice) -> tuple[Bundle, dict[int, str]]:
    """Return a bundle without what is held out, and item -> its query."""
    texts, queries = choose(dataset.catalog.content("text"))
    catalog = replace(dataset.catalog, contents={"text": texts})
    settings = {"encode": {"text": {"use": encoder}}, "recommend": {"use": "ease", "l2": 300}}
    return run(replace(dataset, catalog=catalog), settings=settings), queries


def measure(dataset: Dataset, encoder: str, choose: Choice) -> dict[str, Any]:
    """Return the figures of a data set."""
    bundle, queries = fit(dataset, encoder, choose)
    return {
        "items": len(dataset.catalog),
        "known items": known_items(bundle, queries),
        "exact titles first": round(exact_titles(bundle), 4),
        "personal": personal(bundle),
    }


def hold_out_sentences(texts: Texts) -> tuple[Texts, dict[int, str]]:
    """Return the texts without one sentence of 200 of them, and item -> its sentence."""
    rng = np.random.default_rng(SEED)
    shortened, queries = list(texts), {}
    for row in rng.permutation(len(texts)).tolist():
        text = texts[row] if isinstance(texts[row], str) else ""
        sentences = [part.strip() for part in _SENTENCE.findall(text)]
        sentences = [part for part in sentences if len(search_terms(part)) >= _SHORTEST]
        if not sentences:
            continue
        sentence = sentences[int(rng.integers(len(sentences)))]
        rest = text.replace(sentence, " ")
        if len(queries) < QUERIES and len(search_terms(rest)) >= _SHORTEST:
            shortened[row], queries[row] = rest, sentence
    return tuple(shortened), queries


def half_of_the_terms(texts: Texts) -> tuple[Texts, dict[int, str]]:
    """Return the texts, and for 200 of them half of their terms."""
    rng = np.random.default_rng(SEED)
    queries = {}
    for row in rng.permutation(len(texts))[:QUERIES].tolist():
        terms = sorted(set(search_terms(str(texts[row] or ""))))
        queries[row] = " ".join(rng.permutation(terms)[: len(terms) // 2].tolist())
    return texts, {row: text for row, text in queries.items() if text}


def known_items(bundle: Bundle, queries: dict[int, str]) -> dict[str, Any]:
    """Return NDCG@10 of the items whose sentences are the queries, by each part of the search."""
    values = {
        name: np.array([
            _gain(bundle, SearchQuery(text, weights=weights), bundle.ids[row])
            for row, text in queries.items()
        ])
        for name, weights in PARTS.items()
    }  # fmt: skip
    users = np.random.default_rng(SEED).choice(bundle.users, len(queries))
    values["joined for some user"] = np.array([
        _gain(bundle, SearchQuery(text), bundle.ids[row], user)
        for user, (row, text) in zip(users.tolist(), queries.items(), strict=True)
    ])  # fmt: skip
    figures: dict[str, Any] = {"queries": len(queries)}
    figures |= {f"ndcg@10 by {name}": round(float(v.mean()), 4) for name, v in values.items()}
    for name in ("words", "content"):
        interval = bootstrap_interval(values["joined"] - values[name])
        figures[f"joined above {name}"] = [round(end, 4) for end in interval]
    return figures


def _gain(bundle: Bundle, query: SearchQuery, item: str, user: str | None = None) -> float:
    ids = bundle.search(query, user=user, k=DEPTH).ids[0]
    return 1 / np.log2(ids.index(item) + 2) if item in ids else 0.0


def exact_titles(bundle: Bundle) -> float:
    """Return the share of titles for which an item with that title comes first."""
    titles = [title for title in bundle.titles if search_terms(title)]
    titles = np.random.default_rng(SEED).permutation(titles)[:TITLES].tolist()
    first = [bundle.title(bundle.search(title, k=1).ids[0][0]) for title in titles]
    return float(np.mean([a == b for a, b in zip(first, titles, strict=True)]))


def personal(bundle: Bundle) -> dict[str, Any]:
    """Return the hit rate of held-out clicks with and without the user."""
    empty = bundle.behaviour["test"].take(np.zeros(0, np.int64))
    blind = replace(bundle, behaviour={**bundle.behaviour, "test": empty})
    plain, taste = [], []
    for user, item, word in clicks(bundle):
        plain.append(item in blind.search(word, k=DEPTH).ids[0])
        taste.append(item in blind.search(word, user=user, k=DEPTH).ids[0])
    hits, personal_hits = np.mean(plain), np.mean(taste)
    interval = bootstrap_interval(np.subtract(taste, plain, dtype=float))
    return {
        "clicks": len(plain),
        "hit rate@10": round(float(hits), 4),
        "hit rate@10 for the user": round(float(personal_hits), 4),
        "lift": round(float(personal_hits / hits - 1), 3),
        "difference": [round(end, 4) for end in interval],
    }


def clicks(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    """Yield user, item and word of held-out clicks."""
    rng = np.random.default_rng(SEED)
    terms = [sorted(set(search_terms(text))) for text in bundle.texts]
    counts = Counter(term for of_item in terms for term in of_item)
    test = bundle.behaviour["test"]
    order = rng.permutation(np.flatnonzero(test.weights > 0))
    left = CLICKS
    for row in order.tolist():
        user, item = int(test.users[row]), int(test.items[row])
        words = [term for term in terms[item] if 20 <= counts[term] <= len(terms) / 5]
        if words and left:
            left -= 1
            yield bundle.users[user], bundle.ids[item], words[int(rng.integers(len(words)))]


if __name__ == "__main__":
    main(sys.argv[1:])
