"""The page on how well modalities agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyrec.evaluate.pages.charts import write_page

_MEASURES = {
    "recall@1": "how often the first result in the second view is the item itself",
    "recall@10": "how often it is among the first ten",
    "recall@1_back": "from the second view to the first",
    "recall@10_back": "from the second view to the first",
    "cosine_pairs": "mean cosine of an item's own two rows",
    "cosine_others": "mean cosine of rows of different items",
    "alignment": "mean squared distance of an item's two rows; 0 is best",
    "uniformity_first": "how uniformly the first view is distributed; lower is better",
    "uniformity_second": "how uniformly the second view is distributed; lower is better",
    "gap": "distance between the means of the two views; 0 is best",
    "cka": "similarity of the two views, whatever their spaces; 1 is best",
}


def write_alignment_page(
    measures: Mapping[str, Sequence[Mapping[str, Any]]], svg: str, path: Path
) -> None:
    """Write the measures before and after alignment, and the map (SVG, "" for none)."""
    pairs = []
    for before, after in zip(measures["before"], measures["after"], strict=True):
        rows = [
            (name, meaning, _format(before, name), _format(after, name))
            for name, meaning in _MEASURES.items()
        ]
        pairs.append((after["first"], after["second"], after["items"], rows))
    write_page("alignment.html.j2", {"pairs": pairs, "svg": svg}, path)


def _format(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else f"{value:.4f}"
