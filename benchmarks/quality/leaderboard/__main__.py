"""What does every model reach on every data set, with tuned settings, and what does it cost?

    python -m benchmarks.quality.leaderboard                      # fit the missing cells
    python -m benchmarks.quality.leaderboard --tune --trials 20   # tune first where not tuned yet
    python -m benchmarks.quality.leaderboard --data lastfm2k_mm --models ease,als --again

A cell is a model on a data set. Its settings come from settings/DATA/MODEL.yaml (found on valid by
`polyrec tune`), else they are the defaults, and the table says so. Every fit has a process and a
thread of its own. The cheapest cells come first, each is written when it is done, and the same
command goes on where it stopped. `--budget` counts seconds of processor time per cell, all its
seeds together: a training that reaches it ends with its best epoch, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.library.data_sets import BENCHMARKS
from benchmarks.library.results import RESULTS, write_results
from benchmarks.quality.leaderboard.cells import (
    KINDS,
    PEERS,
    SEEDS,
    Cell,
    admit_peers,
    data_sets,
    draws,
    environment,
    load_cells,
)  # fmt: skip
from benchmarks.quality.leaderboard.table import mean, write
from polyrec import registry
from polyrec.errors import PolyrecError

_MEMBERS = 4  # of a blend
_ENOUGH = 5.0  # seconds of budget below which no further seed is begun


def main() -> None:
    asked = arguments()
    absent = admit_peers()
    for name in (name for name in absent if not asked.models or name in asked.models):
        print(f"{name} is skipped: {PEERS[name][0]} is not installed (extra `bench`)")
    wanted = asked.models or [n for n in registry.registered_parts("recommend") if n not in absent]
    configs = list(data_sets(asked.configs, only=asked.data))
    cells = [Cell(config.resolve(), model) for config in configs for model in wanted]
    held = load_cells(asked.out.with_suffix(".json"))
    stop = time.monotonic() + asked.minutes * 60
    for cell in sorted(cells, key=lambda cell: cost(cell, held)):
        if time.monotonic() > stop:
            print("the time is up: the same command goes on from here")
            break
        try:
            row = fill(cell, held.get(cell.name), asked)
        except PolyrecError as error:
            row = blank(cell, {}) | {"note": f"not run: {error}"}
        if row != held.get(cell.name):
            # read again: another run may have filled other cells meanwhile
            held = load_cells(asked.out.with_suffix(".json")) | {cell.name: row}
            write_results(
                asked.out.with_suffix(".json"),
                sorted(held.values(), key=lambda r: (r["data"], r["model"])),
            )
            print(told(row), flush=True)
    held = load_cells(asked.out.with_suffix(".json"))
    write(held.values(), asked.out, names=everyone(), run=run_line(asked.out))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = {"type": lambda text: text.split(","), "default": None}
    parser.add_argument("--data", **names, help="data sets by comma")
    parser.add_argument("--models", **names, help="models and peers by comma")
    parser.add_argument("--budget", type=float, default=600, help="seconds per cell")
    parser.add_argument("--seeds", type=int, default=3, choices=range(1, len(SEEDS) + 1))
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no cell after that")
    parser.add_argument("--tune", action="store_true", help="look for settings where none are")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--hours", type=float, default=0.5, help="of tuning, per cell")
    parser.add_argument("--again", action="store_true", help="fit cells that are there, too")
    parser.add_argument(
        "--configs", type=Path, default=BENCHMARKS, help="folder of data sets' configs"
    )
    parser.add_argument("--settings", type=Path, default=BENCHMARKS / "settings")
    parser.add_argument("--out", type=Path, default=RESULTS / "leaderboard")
    return parser.parse_args()


def cost(cell: Cell, held: dict[str, Any]) -> tuple[float, int]:
    """Return what orders cells: known seconds, else whether it draws; then events; blends last."""
    seeds = held.get(cell.name, {}).get("seeds", [])
    known = sum(seed["fit_processor_seconds"] for seed in seeds)
    path = cell.read_config({}, seed=SEEDS[0]).data.path / "interactions.parquet"
    events = pl.scan_parquet(path).select(pl.len()).collect().item() if path.is_file() else 0
    blind = 1000.0 if cell.model == "blend" else 10.0 * draws(cell.model)
    return known or blind, events


def fill(cell: Cell, row: dict[str, Any] | None, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the cell with all that can be had within its budget."""
    found = cell.found(asked.settings)
    if asked.tune and not found:
        found = compose(cell, asked) if cell.model == "blend" else search(cell, asked)
    if row is None or asked.again or row["settings"] != found.get("settings", {}):
        row = blank(cell, found)
    row = row | {"seeds": list(row["seeds"]), "note": ""}
    seeds = SEEDS[: asked.seeds] if draws(cell.model) else SEEDS[:1]
    for seed in seeds[len(row["seeds"]) :]:
        left = asked.budget - sum(s["fit_processor_seconds"] for s in row["seeds"])
        if row["seeds"] and left < max(_ENOUGH, row["seeds"][-1]["fit_processor_seconds"] / 2):
            row["note"] = f"{len(row['seeds'])} of {len(seeds)} seeds in {asked.budget:g} s"
            break
        reached = fit(cell, seed, left, row["settings"])
        if "failed" in reached:
            row["note"] = reached["failed"]
            break
        if reached["fit_processor_seconds"] > left and "ended" not in reached:
            reached["ended"] = f"seed {seed} went beyond the budget of {asked.budget:g} s"
        row["seeds"].append(reached)
    ended = [seed["ended"] for seed in row["seeds"] if "ended" in seed]
    row["note"] = "; ".join(filter(None, [row["note"], *ended]))
    return row


def blank(cell: Cell, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": cell.data,
        "model": cell.model,
        "peer": cell.model in PEERS,
        "date": datetime.now(UTC).date().isoformat(),
        "settings": found.get("settings", {}),
        "trials": found.get("trials", 0),
        "note": "",
        "seeds": [],
    }


def fit(cell: Cell, seed: int, budget: float, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what one fit reached in a process of its own."""
    words = [str(cell.config), cell.model, str(seed), str(budget), json.dumps(settings)]
    told = child("benchmarks.quality.leaderboard.fit", words)
    return told or {"failed": f"ended without a result, at most {budget:.0f} s in"}


def search(cell: Cell, asked: argparse.Namespace) -> dict[str, Any]:
    """Look for settings, keep them, and return them."""
    studies = asked.settings / ".studies"
    words = [str(cell.config), cell.model, str(asked.trials), str(asked.hours), str(studies)]
    found = child("benchmarks.quality.leaderboard.search", words)
    if found is None or "failed" in found:
        print(f"{cell.name} is not tuned: {(found or {}).get('failed', 'ended early')}")
        return {}
    put(cell, found, asked)
    return found


def compose(cell: Cell, asked: argparse.Namespace) -> dict[str, Any]:
    """Name the members of a blend, the best of each kind on valid, and keep them."""
    rows = [row for row in load_cells(asked.out.with_suffix(".json")).values() if row["seeds"]]
    rows = [r for r in rows if r["data"] == cell.data and not r["peer"] and r["model"] != "blend"]
    rows.sort(key=lambda row: -mean(row, "valid", "recall@20"))
    best: dict[str, Any] = {}
    for row in rows:
        best.setdefault(KINDS.get(row["model"], row["model"]), row)
    members = [
        {"use": row["model"], **{path.partition(".")[2]: v for path, v in row["settings"].items()}}
        for row in list(best.values())[:_MEMBERS]
    ]
    if not members:
        return {}
    found = {"trials": f"best {len(members)}", "settings": {"recommend.members": members}}
    put(cell, found, asked)
    return found


def put(cell: Cell, found: dict[str, Any], asked: argparse.Namespace) -> None:
    """Write settings/DATA/MODEL.yaml."""
    place = asked.settings / cell.data / f"{cell.model}.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    head = "# Found on valid by `python -m benchmarks.quality.leaderboard --tune`.\n"
    place.write_text(head + yaml.safe_dump(found, sort_keys=False), encoding="utf-8")


def child(module: str, words: list[str]) -> dict[str, Any] | None:
    """Return the last line that a module prints, as JSON; None where it was killed."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def told(row: dict[str, Any]) -> str:
    figures = [(s["test"]["recall@20"], s["fit_processor_seconds"]) for s in row["seeds"]]
    reached = ", ".join(f"{recall:.4f} in {seconds:.1f} s" for recall, seconds in figures)
    return f"{row['data']}/{row['model']}: {reached} {row['note']}"


def everyone() -> dict[str, int]:
    """Return the names of all models and peers, and how many seeds each is worth."""
    absent = admit_peers()
    return {
        n: 3 if n in absent or draws(n) else 1
        for n in {*registry.registered_parts("recommend"), *PEERS}
    }


def run_line(out: Path) -> str:
    """Return on what the table was made."""
    kept = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {number}" for name, number in kept["versions"].items())
    return f"Last run {kept['date']} on {kept['hardware']['processor']}; {versions}.\n"


if __name__ == "__main__":
    try:
        main()
    except PolyrecError as error:
        sys.exit(str(error))
