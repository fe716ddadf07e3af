"""polyrec similar."""

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.app import AsJson, BundleFolder, Count, app, load_bundle
from polyrec.cli.console import print_list
from polyrec.errors import ConfigError, DataError
from polyrec.types import FUSED


@app.command()
def similar(  # noqa: PLR0913 - one option per kind of query
    bundle: BundleFolder,
    item: Annotated[str | None, typer.Option(help="An item id.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to search by.")] = None,
    image: Annotated[Path | None, typer.Option(help="An image to search by.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound to search by.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video to search by.")] = None,
    view: Annotated[str | None, typer.Option(help="Compare in this view alone.")] = None,
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Find items whose content is nearest to an item, a text, or a file."""
    options = {"text": text, "image": image, "audio": audio, "video": video}
    contents = [(kind, content) for kind, content in options.items() if content is not None]
    if (item is not None) + len(contents) != 1:
        remedy = "give one of --item, --text, --image, --audio, --video"
        raise ConfigError("exactly one query is needed", remedy=remedy)
    loaded = load_bundle(bundle)
    if item is not None:
        lists = loaded.similar(item, view=view or FUSED, k=k)
    else:
        kind, content = contents[0]
        if isinstance(content, Path) and not content.is_file():
            raise DataError("no such file", received=str(content), remedy="check the path")
        encoder_view = loaded.view_of(kind, prefer=view)
        lists = loaded.search(view or encoder_view, content, by=encoder_view, k=k)
    print_list(loaded, lists, as_json=as_json)
