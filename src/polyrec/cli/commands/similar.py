"""polyrec similar."""

from pathlib import Path
from typing import Annotated

import typer

from polyrec.artifact.item_search import SearchQuery
from polyrec.cli.app import AsJson, BundleFolder, Count, app, load_bundle
from polyrec.cli.console import print_list
from polyrec.errors import ConfigError, DataError


@app.command()
def similar(  # noqa: PLR0913 - one option per kind of query
    bundle: BundleFolder,
    item: Annotated[list[str] | None, typer.Option(help="An item id; may be repeated.")] = None,
    unlike: Annotated[list[str] | None, typer.Option(help="Less like this item.")] = None,
    text: Annotated[str, typer.Option(help="Words to search by.")] = "",
    image: Annotated[Path | None, typer.Option(help="An image to search by.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound to search by.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video to search by.")] = None,
    user: Annotated[str | None, typer.Option(help="Order the items for this user.")] = None,
    view: Annotated[str, typer.Option(help="Compare in this view alone, without words.")] = "",
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Find items by words and content: like a text, a file, some items, or all of these."""
    files = {"image": image, "audio": audio, "video": video}
    paths = {kind: path for kind, path in files.items() if path is not None}
    if not (item or unlike or text.strip() or paths):
        remedy = "give --item, --unlike, --text, --image, --audio or --video"
        raise ConfigError("a query is needed", remedy=remedy)
    for path in paths.values():
        if not path.is_file():
            raise DataError("no such file", received=str(path), remedy="check the path")
    query = SearchQuery(text, paths, item or (), unlike or (), view)
    loaded = load_bundle(bundle)
    print_list(loaded, loaded.search(query, user=user, k=k), as_json=as_json)
