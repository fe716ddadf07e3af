"""What does every model reach on every data set, with tuned settings, and what does it cost?

    python -m benchmarks.quality.leaderboard                      # fit the missing cells
    python -m benchmarks.quality.leaderboard --tune --trials 20   # tune first where not tuned yet
    python -m benchmarks.quality.leaderboard --data lastfm2k_mm --models ease,als --again

A cell is a model on a data set. Its settings come from settings/DATA/MODEL.yaml (chosen on valid by
`polyrec tune`), else they are the defaults, and the table says so. Every fit has a process and one
thread of its own. The cheapest cells come first, each is saved when it is done, and the same
command goes on where it stopped. `--budget` is the processor seconds per cell, all its seeds
together: training that reaches it ends with its best epoch, and the table says so.
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
    FAMILIES,
    PEERS,
    SEEDS,
    Cell,
    available_data_sets,
    is_seeded,
    load_cells,
    register_peers,
    single_thread_environment,
)
from benchmarks.quality.leaderboard.table import mean_over_seeds, write_tables
from polyrec import registry
from polyrec.errors import PolyrecError

Row = dict[str, Any]
_BLEND_MEMBERS = 4
_MIN_BUDGET_S = 5.0  # below which no further seed is started


def main() -> None:
    options = parse_arguments()
    missing = register_peers()
    for name in (name for name in missing if not options.models or name in options.models):
        print(f"{name} is skipped: {PEERS[name][0]} is not installed (extra `bench`)")
    models = options.models or [
        name for name in registry.registered_parts("recommend") if name not in missing
    ]
    configs = list(available_data_sets(options.configs, only=options.data))
    cells = [Cell(config.resolve(), model) for config in configs for model in models]
    results_file = options.out.with_suffix(".json")
    rows = load_cells(results_file)
    deadline = time.monotonic() + options.minutes * 60
    for cell in sorted(cells, key=lambda cell: expected_cost(cell, rows)):
        if time.monotonic() > deadline:
            print("time is up: the same command goes on from here")
            break
        try:
            row = complete(cell, rows.get(cell.name), options)
        except PolyrecError as error:
            row = empty_row(cell, {}) | {"note": f"not run: {error}"}
        if row != rows.get(cell.name):
            # read again: another run may have saved other cells meanwhile
            rows = load_cells(results_file) | {cell.name: row}
            write_results(
                results_file, sorted(rows.values(), key=lambda r: (r["data"], r["model"]))
            )
            print(summary_line(row), flush=True)
    rows = load_cells(results_file)
    write_tables(
        rows.values(), options.out, seeds_of_model=seeds_of_models(), origin=origin(results_file)
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = {"type": lambda text: text.split(","), "default": None}
    parser.add_argument("--data", **names, help="data sets, comma-separated")
    parser.add_argument("--models", **names, help="models and peers, comma-separated")
    parser.add_argument("--budget", type=float, default=600, help="seconds per cell")
    parser.add_argument("--seeds", type=int, default=3, choices=range(1, len(SEEDS) + 1))
    parser.add_argument("--minutes", type=float, default=1e6, help="start no cell after that")
    parser.add_argument("--tune", action="store_true", help="tune cells that are not tuned yet")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--hours", type=float, default=0.5, help="of tuning, per cell")
    parser.add_argument("--again", action="store_true", help="fit cells that have results, too")
    parser.add_argument("--configs", type=Path, default=BENCHMARKS, help="folder of data configs")
    parser.add_argument("--settings", type=Path, default=BENCHMARKS / "settings")
    parser.add_argument("--out", type=Path, default=RESULTS / "leaderboard")
    return parser.parse_args()


def expected_cost(cell: Cell, rows: dict[str, Row]) -> tuple[float, int]:
    """Return a sort key: seconds of earlier fits, else a guess; then the number of events."""
    seeds = rows.get(cell.name, {}).get("seeds", [])
    seconds = sum(seed["fit_processor_seconds"] for seed in seeds)
    path = cell.run_config({}, seed=SEEDS[0]).data.path / "interactions.parquet"
    events = pl.scan_parquet(path).select(pl.len()).collect().item() if path.is_file() else 0
    guess = 1000.0 if cell.model == "blend" else 10.0 * is_seeded(cell.model)
    return seconds or guess, events


def complete(cell: Cell, row: Row | None, options: argparse.Namespace) -> Row:
    """Return the cell with the fits that its budget allows."""
    tuned = cell.tuned_settings(options.settings)
    if options.tune and not tuned:
        tuned = (compose_blend if cell.model == "blend" else search)(cell, options)
    if row is None or options.again or row["settings"] != tuned.get("settings", {}):
        row = empty_row(cell, tuned)
    row = row | {"seeds": list(row["seeds"]), "note": ""}
    seeds = SEEDS[: options.seeds] if is_seeded(cell.model) else SEEDS[:1]
    for seed in seeds[len(row["seeds"]) :]:
        left = options.budget - sum(s["fit_processor_seconds"] for s in row["seeds"])
        if row["seeds"] and left < max(
            _MIN_BUDGET_S, row["seeds"][-1]["fit_processor_seconds"] / 2
        ):
            row["note"] = f"{len(row['seeds'])} of {len(seeds)} seeds in {options.budget:g} s"
            break
        results = fit(cell, seed, left, row["settings"])
        if "failed" in results:
            row["note"] = results["failed"]
            break
        if results["fit_processor_seconds"] > left and "ended" not in results:
            results["ended"] = f"seed {seed} exceeded the budget of {options.budget:g} s"
        row["seeds"].append(results)
    ended = [seed["ended"] for seed in row["seeds"] if "ended" in seed]
    row["note"] = "; ".join(filter(None, [row["note"], *ended]))
    return row


def empty_row(cell: Cell, tuned: dict[str, Any]) -> Row:
    """Return a cell without fits."""
    return {
        "data": cell.data,
        "model": cell.model,
        "peer": cell.model in PEERS,
        "date": datetime.now(UTC).date().isoformat(),
        "settings": tuned.get("settings", {}),
        "trials": tuned.get("trials", 0),
        "note": "",
        "seeds": [],
    }


def fit(cell: Cell, seed: int, budget: float, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the results of one fit in a process of its own."""
    arguments = [str(cell.config), cell.model, str(seed), str(budget), json.dumps(settings)]
    results = run_module("benchmarks.quality.leaderboard.fit", arguments)
    return results or {"failed": f"ended without a result, at most {budget:.0f} s in"}


def search(cell: Cell, options: argparse.Namespace) -> dict[str, Any]:
    """Tune a cell and save and return its settings, empty if that failed."""
    studies = options.settings / ".studies"
    arguments = [str(cell.config), cell.model, str(options.trials), str(options.hours)]
    tuned = run_module("benchmarks.quality.leaderboard.search", [*arguments, str(studies)])
    if tuned is None or "failed" in tuned:
        print(f"{cell.name} is not tuned: {(tuned or {}).get('failed', 'ended early')}")
        return {}
    save_settings(cell, tuned, options)
    return tuned


def compose_blend(cell: Cell, options: argparse.Namespace) -> dict[str, Any]:
    """Choose a blend's members, the best of each family on valid, and save and return them."""
    rows = [row for row in load_cells(options.out.with_suffix(".json")).values() if row["seeds"]]
    rows = [r for r in rows if r["data"] == cell.data and not r["peer"] and r["model"] != "blend"]
    rows.sort(key=lambda row: -mean_over_seeds(row, "valid", "recall@20"))
    best: dict[str, Row] = {}
    for row in rows:
        best.setdefault(FAMILIES.get(row["model"], row["model"]), row)
    members = [
        {"use": row["model"], **{path.partition(".")[2]: v for path, v in row["settings"].items()}}
        for row in list(best.values())[:_BLEND_MEMBERS]
    ]
    if not members:
        return {}
    tuned = {"trials": f"best {len(members)}", "settings": {"recommend.members": members}}
    save_settings(cell, tuned, options)
    return tuned


def save_settings(cell: Cell, tuned: dict[str, Any], options: argparse.Namespace) -> None:
    """Write settings/DATA/MODEL.yaml."""
    path = options.settings / cell.data / f"{cell.model}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Found on valid by `python -m benchmarks.quality.leaderboard --tune`.\n"
    path.write_text(head + yaml.safe_dump(tuned, sort_keys=False), encoding="utf-8")


def run_module(module: str, arguments: list[str]) -> dict[str, Any] | None:
    """Return the JSON in the last line that a module prints, None if it failed or was killed."""
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(
        command, env=single_thread_environment(), capture_output=True, text=True, check=False
    )
    if result.returncode:
        print(result.stderr[-2000:], file=sys.stderr)
        return None
    output: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return output


def summary_line(row: Row) -> str:
    figures = [(s["test"]["recall@20"], s["fit_processor_seconds"]) for s in row["seeds"]]
    recalls = ", ".join(f"{recall:.4f} in {seconds:.1f} s" for recall, seconds in figures)
    return f"{row['data']}/{row['model']}: {recalls} {row['note']}"


def seeds_of_models() -> dict[str, int]:
    """Return every model and peer, and the number of seeds it should have."""
    missing = register_peers()
    names = {*registry.registered_parts("recommend"), *PEERS}
    return {name: 3 if name in missing or is_seeded(name) else 1 for name in names}


def origin(results_file: Path) -> str:
    """Return a sentence on when and where the results were measured."""
    results = json.loads(results_file.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return f"Last run {results['date']} on {results['hardware']['processor']}; {versions}.\n"


if __name__ == "__main__":
    try:
        main()
    except PolyrecError as error:
        sys.exit(str(error))
