"""The command line: polyrec check | encode | run | evaluate | recommend | similar | demo.

Exit codes: 0 done, 1 the data or the work failed, 2 the command or the config is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from polyrec import __version__
from polyrec.errors import ConfigError, DataError, PolyrecError
from polyrec.types import FUSED, Progress

if TYPE_CHECKING:
    from polyrec.bundle import Bundle, Lists
    from polyrec.config import Config

app = typer.Typer(
    help="A recommender for items that are seen, heard and read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
errors = Console(stderr=True)

Set = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: a.b=c.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Folder = Annotated[Path, typer.Argument(help="A bundle: the --out of a run.")]
Count = Annotated[int, typer.Option("-k", min=1, help="How many items.")]


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Read raw behaviour and raw content, learn, recommend."""
    if version:
        out.print(__version__)
        raise typer.Exit


@app.command()
def check(
    source: Annotated[Path, typer.Argument(help="A config, or a folder with interactions.*.")],
    settings: Set = None,
    report: Annotated[
        Path | None, typer.Option("--out", help="Where the report goes, as JSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate: counts, broken and missing media, duplicates, leaks. Exit 1 on errors."""
    from polyrec import pipeline
    from polyrec.config import PRESETS, parse, read

    if source.is_dir():
        kinds = {kind: worth for preset in PRESETS.values() for kind, worth in preset.items()}
        tree = {"data": {"path": str(source.resolve()), "kinds": kinds}}
        config = parse(tree, folder=Path.cwd())
        errors.print("behaviour alone is checked: a config names the columns that hold content")
    else:
        config = read(source, overrides=settings or ())
    with _progress() as progress:
        found = pipeline.check(config, progress=progress)
    told = found.to_dict()
    place = report or Path("runs") / f"{source.resolve().stem}.check.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    if as_json:
        _json(told)
    else:
        _show_check(told)
        out.print(f"report {escape(str(place))}")
    raise typer.Exit(0 if found.ok else 1)


@app.command()
def encode(config: Path, settings: Set = None, as_json: Json = False) -> None:
    """Turn media into features, kept in the cache: resumable. Lists what could not be read."""
    from polyrec import pipeline

    with _progress() as progress:
        views, ids = pipeline.encode_all(_config(config, settings), progress=progress)
    told: dict[str, dict[str, Any]] = {
        name: {
            "width": view.width,
            "present": int(view.present.sum()),
            "missing": int((~view.present).sum()) - len(view.problems),
            "unreadable": {ids[row]: why for row, why in view.problems.items()},
        }
        for name, view in views.items()
    }
    if as_json:
        _json(told)
        return
    rows = [
        (n, v["width"], v["present"], v["missing"], len(v["unreadable"])) for n, v in told.items()
    ]
    _table(("view", "width", "present", "missing", "unreadable"), rows)
    for name, view in told.items():
        for item, why in view["unreadable"].items():
            out.print(f"[yellow]{escape(name)} of {escape(item)}[/]: {escape(why)}")


@app.command()
def run(
    config: Path,
    settings: Set = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the bundle goes.")] = None,
    as_json: Json = False,
) -> None:
    """Go the whole way: a bundle folder with report.json and report.html."""
    from polyrec import pipeline

    target = folder or Path("runs") / config.stem
    with _progress() as progress:
        pipeline.run(_config(config, settings), out=target, progress=progress)
    report = json.loads((target / "report.json").read_text(encoding="utf-8"))
    if as_json:
        _json({"bundle": str(target), "metrics": report["metrics"], "chosen": report["chosen"]})
        return
    _show_metrics(report["metrics"])
    out.print(
        f"bundle [bold]{escape(str(target))}[/], report {escape(str(target / 'report.html'))}"
    )


@app.command()
def evaluate(
    bundle: Folder,
    metrics: Annotated[str, typer.Option(help="Names with cut-offs, by comma.")] = "",
    as_json: Json = False,
) -> None:
    """Measure a bundle again, with other metrics."""
    from polyrec import pipeline

    loaded = _bundle(bundle)
    names = tuple(filter(None, metrics.split(","))) or loaded.config.evaluate.metrics
    with _progress() as progress:
        found = pipeline.evaluate(loaded, names, progress=progress)
    means = {split: dict(evaluation.means) for split, evaluation in found.items()}
    if as_json:
        _json({"metrics": means})
    else:
        _show_metrics(means)


@app.command()
def recommend(
    bundle: Folder,
    user: Annotated[str | None, typer.Option(help="A user of the data.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids by comma, of someone unknown.")
    ] = None,
    k: Count = 10,
    as_json: Json = False,
) -> None:
    """Rank the items that a user has not seen."""
    if (user is None) == (history is None):
        raise ConfigError("recommend for whom?", remedy="give --user U or --history a,b,c")
    loaded = _bundle(bundle)
    if user is not None:
        lists = loaded.recommend([user], k=k)
    else:
        lists = loaded.recommend(histories=[list(filter(None, (history or "").split(",")))], k=k)
    _show_lists(loaded, lists, as_json=as_json)


@app.command()
def similar(  # noqa: PLR0913 - one option per kind of question
    bundle: Folder,
    item: Annotated[str | None, typer.Option(help="An item id.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to search by.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to search by.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound to search by.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video to search by.")] = None,
    view: Annotated[str | None, typer.Option(help="Compare in this view alone.")] = None,
    k: Count = 10,
    as_json: Json = False,
) -> None:
    """Find items whose content is near an item, a text, or a file."""
    asked = {"text": text, "image": image, "audio": audio, "video": video}
    given = {kind: content for kind, content in asked.items() if content is not None}
    if (item is not None) + len(given) != 1:
        raise ConfigError(
            "similar to what?", remedy="give one of --item, --text, --image, --audio, --video"
        )
    loaded = _bundle(bundle)
    if item is not None:
        lists = loaded.similar(item, view=view or FUSED, k=k)
    else:
        kind, content = next(iter(given.items()))
        if isinstance(content, Path) and not content.is_file():
            raise DataError("no file here", received=str(content), remedy="check the path")
        lists = loaded.search(view or loaded.view_of(kind), content, k=k)
    _show_lists(loaded, lists, as_json=as_json)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where world and bundle go.")] = Path(
        "demo"
    ),
    items: Annotated[int, typer.Option(min=30)] = 600,
    users: Annotated[int, typer.Option(min=40)] = 2000,
) -> None:
    """Make the studio world, go the whole way, and show one user's recommendations."""
    from polyrec import pipeline
    from polyrec.config import read
    from polyrec.data.studio import Studio, make_world

    with _progress() as progress:
        make_world(folder / "world", Studio(items=items, users=users), progress=progress)
        config = folder / "demo.yaml"
        config.write_text(_DEMO, encoding="utf-8")
        bundle = pipeline.run(read(config), out=folder / "bundle", progress=progress)
    report = json.loads((folder / "bundle" / "report.json").read_text(encoding="utf-8"))
    _show_metrics(report["metrics"])
    user = bundle.most_active(rank=10)
    out.rule(f"user {user}: what was done last")
    _table(("item", "title"), [(i, bundle.title(i)) for i in bundle.history(user)[-10:]])
    out.rule("ten recommendations")
    _show_lists(bundle, bundle.recommend([user]), as_json=False)
    out.print(f"Look at [bold]{escape(str((folder / 'bundle' / 'report.html').resolve()))}[/]")


_DEMO = """\
# Made by `polyrec demo`: everything is read from the raw files beside this one.
seed: 7
preset: shop
data:
  path: world
  text: [title, description]
  image: image
  audio: audio
  video: video
encode:
  text: {use: lsa}
  image: {use: descriptor}
  audio: {use: spectral}
  video: {use: motion}
align: {use: whiten, width: 64}
fuse: {use: concat}
recommend: {use: multimodal_linear}
"""


def main() -> None:
    """Run a command; a person never sees a traceback unless POLYREC_DEBUG is set."""
    try:
        app()
    except PolyrecError as error:
        _tell(error)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("POLYREC_DEBUG"):
            raise
        errors.print(f"[red]unexpected[/] {type(error).__name__}: {escape(str(error))}")
        errors.print("this is a fault in polyrec: please report it with POLYREC_DEBUG=1 set")
        sys.exit(1)


def _tell(error: PolyrecError) -> None:
    errors.print(f"[red]error[/] {escape(error.what)}", highlight=False)
    if error.received is not None:
        errors.print(f"  received  {escape(str(error.received))}", highlight=False)
    if error.remedy:
        errors.print(f"  remedy    {escape(error.remedy)}", highlight=False)


def _config(path: Path, settings: Sequence[str] | None) -> Config:
    from polyrec.config import read

    return read(path, overrides=settings or ())


def _bundle(folder: Path) -> Bundle:
    from polyrec.bundle import Bundle

    return Bundle.load(folder)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar per stage on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=errors, transient=not errors.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def step(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield step


def _json(tree: object) -> None:
    out.print_json(json.dumps(tree, ensure_ascii=False))


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def _show_metrics(metrics: dict[str, dict[str, float]]) -> None:
    rows = []
    for name in metrics["test"]:
        values = (metrics.get(split, {}).get(name) for split in ("valid", "test"))
        rows.append((name, *("-" if value is None else f"{value:.4f}" for value in values)))
    _table(("metric", "valid", "test"), rows)


def _show_lists(bundle: Bundle, lists: Lists, *, as_json: bool) -> None:
    pairs = list(zip(lists.ids[0], lists.scores[0], strict=True))
    if as_json:
        _json([{"id": item, "title": bundle.title(item), "score": score} for item, score in pairs])
        return
    rows = [
        (i + 1, item, bundle.title(item), f"{score:.4f}") for i, (item, score) in enumerate(pairs)
    ]
    _table(("", "item", "title", "score"), rows)


def _show_check(told: dict[str, Any]) -> None:
    plain = ("users", "items", "events", "density", "splits", "kinds", "time_range", "content")
    _table(("", ""), [(name, told[name]) for name in plain])
    colours = {"error": "red", "warning": "yellow", "note": "blue"}
    for found in told["findings"]:
        colour = colours[found["level"]]
        examples = f" ({', '.join(found['examples'])})" if found["examples"] else ""
        line = f"{found['count']:,} {found['what']}{examples}; {found['remedy']}"
        out.print(f"[{colour}]{found['level']}[/] {escape(line)}", highlight=False)
