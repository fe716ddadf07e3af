"""The page that tells how well modalities agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

_COLUMNS = {
    "recall@1": "the second view's own item is the first one found",
    "recall@10": "it is among the first ten",
    "recall@1_back": "asked the other way round",
    "recall@10_back": "asked the other way round",
    "cosine_pairs": "mean cosine of an item's own two rows",
    "cosine_others": "mean cosine of rows of different items",
    "alignment": "mean squared distance of an item's two rows; 0 is best",
    "uniformity_first": "how evenly the first view is spread; lower is better",
    "uniformity_second": "how evenly the second view is spread; lower is better",
    "gap": "distance between the two views as wholes; 0 is best",
    "cka": "how like the two views are, in whatever space; 1 is best",
}


def write_alignment_page(
    told: Mapping[str, Sequence[Mapping[str, Any]]], drawn: str, path: Path
) -> None:
    """Write the measures before and after alignment, and the map (SVG, "" for none)."""
    environment = Environment(loader=PackageLoader("polyrec.evaluate"), autoescape=True)
    pairs = []
    for before, after in zip(told["before"], told["after"], strict=True):
        rows = [
            (name, why, _cell(before, name), _cell(after, name)) for name, why in _COLUMNS.items()
        ]
        pairs.append((after["first"], after["second"], after["items"], rows))
    page = environment.get_template("alignment.html.j2").render(pairs=pairs, drawn=drawn)
    path.write_text(page, encoding="utf-8")


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else f"{value:.4f}"
