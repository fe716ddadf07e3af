"""polyrec demo."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import app, load_config
from polyrec.cli.console import err, out, print_list, print_log, print_metrics, print_table
from polyrec.compute.progress import progress_bars

_CONFIG = """\
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


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where to write data and bundle.")] = Path(
        "demo"
    ),
    items: Annotated[int, typer.Option(min=30)] = 600,
    users: Annotated[int, typer.Option(min=40)] = 2000,
) -> None:
    """Generate a data set, run everything on it, and show one user's recommendations."""
    from polyrec.data.synthetic import StudioSettings, generate_studio
    from polyrec.pipeline.run import run

    with print_log(), progress_bars(err) as progress:
        settings = StudioSettings(items=items, users=users)
        generate_studio(folder / "world", settings, progress=progress)
        config = folder / "demo.yaml"
        config.write_text(_CONFIG, encoding="utf-8")
        bundle = run(load_config(config, None), out=folder / "bundle", progress=progress)
    report = json.loads((folder / "bundle" / "report.json").read_text(encoding="utf-8"))
    print_metrics(report["metrics"])
    user = bundle.most_active(rank=10)
    out.rule(f"user {user}: last interactions")
    print_table(("item", "title"), [(i, bundle.title(i)) for i in bundle.history(user)[-10:]])
    out.rule("ten recommendations")
    print_list(bundle, bundle.recommend([user]), as_json=False)
    page = (folder / "bundle" / "report.html").resolve()
    out.print(f"The report: [bold]{escape(str(page))}[/]")
