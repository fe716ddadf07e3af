"""The command line: polyrec check | encode | run | tune | evaluate | recommend | similar | demo.

The service's commands stand in `service`.

Exit codes: 0 done, 1 the data or the work failed, 2 the command or the config is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec import __version__
from polyrec.cli.show import (
    day,
    errors,
    out,
    progress_bars,
    show_alignment,
    show_check,
    show_cost,
    show_json,
    show_lists,
    show_metrics,
    table,
)
from polyrec.errors import ConfigError, DataError
from polyrec.types import FUSED

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.config import Config

app = typer.Typer(
    help="A recommender for items that are seen, heard and read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: a.b=c.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Folder = Annotated[Path, typer.Argument(help="A bundle: the --out of a run.")]
_LISTED = 50  # entries of a quarantine list that are printed

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
    from polyrec.config import PRESETS, parse_config, read_config
    from polyrec.pipeline import run as pipeline

    if source.is_dir():
        kinds = {kind: worth for preset in PRESETS.values() for kind, worth in preset.items()}
        tree = {"data": {"path": str(source.resolve()), "kinds": kinds}}
        config = parse_config(tree, folder=Path.cwd())
        errors.print("behaviour alone is checked: a config names the columns that hold content")
    else:
        config = read_config(source, overrides=settings or ())
    with progress_bars() as progress:
        found = pipeline.check(config, progress=progress)
    told = found.to_dict()
    place = report or Path("runs") / f"{source.resolve().stem}.check.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    if as_json:
        show_json(told)
    else:
        show_check(told)
        out.print(f"report {escape(str(place))}")
    raise typer.Exit(0 if found.ok else 1)


@app.command()
def encode(
    config: Path,
    settings: Set = None,
    pack: Annotated[
        Path | None, typer.Option(help="Write the features there, too (.safetensors).")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--out", help="Where the quarantine list goes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn media into features, kept in the cache: resumable. Lists what could not be read."""
    from polyrec.evaluate.quarantine import write_quarantine
    from polyrec.pipeline import run as pipeline

    read_config = _config(config, settings)
    with progress_bars() as progress:
        found = pipeline.encode_all(read_config, pack=pack, progress=progress)
    place = listed or Path("runs") / f"{config.stem}.quarantine.jsonl"
    write_quarantine(found.quarantine, place)
    if as_json:
        unread = [entry._asdict() for entry in found.quarantine]
        show_json({"views": found.counts, "quarantine": unread})
        return
    rows = [(name, *counts.values()) for name, counts in found.counts.items()]
    table(("view", "width", "present", "missing", "unreadable"), rows)
    for entry in found.quarantine[:_LISTED]:
        out.print(
            f"[yellow]{escape(entry.view)} of {escape(entry.item)}[/]: {escape(entry.reason)}"
        )
    if found.quarantine:
        out.print(f"{len(found.quarantine):,} could not be read: {escape(str(place))}")
    if pack is not None:
        out.print(f"pack {escape(str(pack))}")


@app.command()
def cache(
    config: Annotated[Path | None, typer.Argument(help="A config that names the cache.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Forget what the options name.")] = False,
    encoder: Annotated[str, typer.Option(help="Only of encoders whose identity holds this.")] = "",
    older_than: Annotated[float, typer.Option(min=0, help="Only what is older, in days.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Show what the feature cache holds, or prune it."""
    from polyrec.artifact.feature_cache import FeatureCache
    from polyrec.config import Config, read_config

    default = Path(Config.model_fields["cache"].default).expanduser()
    place = default if config is None else read_config(config).cache
    if prune and not encoder and not older_than:
        raise ConfigError("prune what?", remedy="give --encoder NAME, --older-than DAYS, or both")
    with FeatureCache(place) as opened:
        gone = opened.prune(encoder=encoder, older_than_days=older_than) if prune else 0
        held = opened.encoders()
    if as_json:
        show_json({"cache": str(place), "pruned": gone, "held": [row._asdict() for row in held]})
        return
    heads = ("encoder", "vectors", "unreadable", "MB", "last written")
    rows = [
        (row.identity[:90], row.vectors, row.problems, round(row.bytes / 1e6, 1), day(row.last))
        for row in held
    ]
    table(heads, rows)
    out.print(f"{escape(str(place))}" + (f": {gone:,} rows forgotten" if prune else ""))


@app.command()
def run(
    config: Path,
    settings: Set = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the bundle goes.")] = None,
    as_json: Json = False,
) -> None:
    """Go the whole way: a bundle folder with report.json and report.html."""
    from polyrec.pipeline import run as pipeline

    target = folder or Path("runs") / config.stem
    with progress_bars() as progress:
        pipeline.run(_config(config, settings), out=target, progress=progress)
    report = json.loads((target / "report.json").read_text(encoding="utf-8"))
    if as_json:
        show_json({"bundle": str(target), "metrics": report["metrics"], "chosen": report["chosen"]})
        return
    show_metrics(report["metrics"])
    show_cost(report["cost"])
    out.print(
        f"bundle [bold]{escape(str(target))}[/], report {escape(str(target / 'report.html'))}"
    )


@app.command("align-report")
def align_report(
    config: Path,
    settings: Set = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the report goes.")] = None,
    as_json: Json = False,
) -> None:
    """Tell how well modalities agree, before and after alignment; with a map of the space."""
    from polyrec.pipeline import run as pipeline

    target = folder or Path("runs") / f"{config.stem}.alignment"
    read_config = _config(config, settings)
    with progress_bars() as progress:
        told = pipeline.align_report(read_config, target, progress=progress)
    if as_json:
        show_json(told)
        return
    show_alignment(told)
    out.print(f"page {escape(str(target / 'alignment.html'))}")


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
    show_lists(loaded, lists, as_json=as_json)


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
        reader = loaded.view_of(kind, prefer=view)
        lists = loaded.search(view or reader, content, by=reader, k=k)
    show_lists(loaded, lists, as_json=as_json)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where world and bundle go.")] = Path(
        "demo"
    ),
    items: Annotated[int, typer.Option(min=30)] = 600,
    users: Annotated[int, typer.Option(min=40)] = 2000,
) -> None:
    """Make the studio world, go the whole way, and show one user's recommendations."""
    from polyrec.config import read_config
    from polyrec.data.synthetic import Studio, make_world
    from polyrec.pipeline import run as pipeline

    with progress_bars() as progress:
        make_world(folder / "world", Studio(items=items, users=users), progress=progress)
        config = folder / "demo.yaml"
        config.write_text(_DEMO, encoding="utf-8")
        bundle = pipeline.run(read_config(config), out=folder / "bundle", progress=progress)
    report = json.loads((folder / "bundle" / "report.json").read_text(encoding="utf-8"))
    show_metrics(report["metrics"])
    user = bundle.most_active(rank=10)
    out.rule(f"user {user}: what was done last")
    table(("item", "title"), [(i, bundle.title(i)) for i in bundle.history(user)[-10:]])
    out.rule("ten recommendations")
    show_lists(bundle, bundle.recommend([user]), as_json=False)
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


def _config(path: Path, settings: Sequence[str] | None) -> Config:
    from polyrec.config import read_config

    return read_config(path, overrides=settings or ())


def _bundle(folder: Path) -> Bundle:
    from polyrec.artifact.bundle import Bundle

    return Bundle.load(folder)
