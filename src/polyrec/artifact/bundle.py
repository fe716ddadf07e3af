"""A trained system as an immutable folder: all that serving needs, and no pickle."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polyrec import __version__
from polyrec.artifact import part_state
from polyrec.artifact.checksummed_folder import (
    MANIFEST,
    ChecksummedFolder,
    ChecksummedWriter,
    read_manifest,
)
from polyrec.artifact.content_index import ContentIndex
from polyrec.artifact.item_search import SearchQuery, search_scores
from polyrec.artifact.parts import Parts
from polyrec.artifact.stored_contents import dump_contents, load_contents
from polyrec.config import IN_MEMORY, Config, make_part, parse_config
from polyrec.errors import BundleError, DataError, nearest
from polyrec.index.topk import top_of_row
from polyrec.index.words import WordIndex
from polyrec.lists import IdMap, ItemLists, describe_counts
from polyrec.registry import find_class, load_object, short_name
from polyrec.types import (
    FUSED,
    Catalog,
    Embeddings,
    Floats,
    Interactions,
    ItemMetadata,
    Query,
    Ranking,
    Raw,
    Views,
)

FORMAT = 2  # 2: other names of learned attributes
_NAMES = ("ids", "titles", "users", "kinds")
_METADATA_FILE = "metadata.json"  # only where the data have metadata
_USERS_FILE = "user_labels.json"  # only where the data have labels of users
_CONTENTS_FILE = "contents.json"  # only of frames
_SPLITS = ("train", "valid", "test")
_COLUMNS = ("users", "items", "times", "weights", "kinds")
_ROOMS = (("align", "aligner"), ("fuse", "fuser"), ("recommend", "recommender"))


@dataclass(frozen=True, repr=False)
class Bundle:
    """A trained system: items, users, interactions, views and parts."""

    config: Config
    ids: tuple[str, ...]
    titles: tuple[str, ...]
    users: tuple[str, ...]
    kinds: tuple[str, ...]
    behaviour: Mapping[str, Interactions]  # train, valid, test
    views: Views  # aligned, and FUSED
    parts: Parts
    fingerprint: str  # of the data
    texts: tuple[str, ...] = ()  # of the items, for search by words; none: titles alone
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # view -> encoder card
    metadata: tuple[ItemMetadata, ...] = ()  # (n,) or empty
    user_labels: tuple[Any, ...] = ()  # (u,) JSON, or empty
    # with content, of the run that made the bundle; only saved where that was in memory
    catalog: Catalog | None = field(default=None, compare=False, repr=False)

    @cached_property
    def id_map(self) -> IdMap:
        """Return users and items by id."""
        return IdMap(self.users, self.ids, self.titles, self.events)

    @property
    def rows(self) -> Mapping[str, int]:
        """Return item id -> row."""
        return self.id_map.item_rows

    @cached_property
    def events(self) -> Interactions:
        """Return all interactions: train, valid and test."""
        return Interactions.concatenate([self.behaviour[name] for name in _SPLITS])

    @cached_property
    def content(self) -> ContentIndex:
        """Return the index over the views."""
        return ContentIndex(self.views, self.parts)

    def recommend(
        self,
        users: Sequence[str] | None = None,
        *,
        histories: Sequence[Sequence[str]] | None = None,
        k: int = 10,
        hide_seen: bool = True,
    ) -> ItemLists:
        """Return the k best items for known users, or for unknown ones by histories of item ids.

        The history of a known user is all of train, valid and test. An unusable history
        gets popular items. An unknown user or item raises `DataError`. A list is shorter than k
        where fewer items are left.
        """
        query = self.id_map.query(users, histories=histories)
        recommender = self.parts.recommender
        ranking = recommender.recommend(query, k, hide_seen=hide_seen)
        sources = ["history" if usable else "popular" for usable in recommender.usable(query)]
        return self.id_map.name(ranking, sources, users=users, origin=self)

    def query(
        self,
        users: Sequence[str] | None = None,
        *,
        histories: Sequence[Sequence[str]] | None = None,
    ) -> Query:
        """Return the query for known users, or for histories of item ids."""
        return self.id_map.query(users, histories=histories)

    def row(self, item: str) -> int:
        """Return the row of an item; an unknown id raises `DataError` with the nearest one."""
        return self.id_map.item_row(item)

    def similar(self, item: str, *, view: str = FUSED, k: int = 10) -> ItemLists:
        """Return the k items whose content is nearest to an item's, by cosine in one view."""
        rows = self.content.view(view)
        row = self.row(item)
        if not rows.present[row]:
            remedy = "choose another view or item"
            raise DataError(f"this item has no {view} content", received=item, remedy=remedy)
        scores = self.content.score(view, rows.vectors[row : row + 1])
        scores[row] = -np.inf
        return self._best(scores, k, view)

    @cached_property
    def words(self) -> WordIndex:
        """Return the index of the items' titles and texts."""
        return WordIndex.of(self.titles, self.texts)

    def search(
        self, query: str | SearchQuery, *, user: str | None = None, k: int = 10
    ) -> ItemLists:
        """Return the k items that suit a query best, by words and by content.

        With a user, the recommender takes part in the order. The query's items are not listed.
        """
        query = SearchQuery(query) if isinstance(query, str) else query
        return self._best(search_scores(self, query, user=user, count=k), k, "search")

    def similar_to(
        self, view: str, content: Raw, *, by: str | None = None, k: int = 10
    ) -> ItemLists:
        """Return the k items nearest in one view to new content: a text, a file, a feature row.

        The content is encoded by the view's own encoder, or by that of another view (`by`) in the
        same space: then a text finds images. In the fused view (with `by`) it is fused like an item
        with no other content.
        """
        name = by or view
        encoder = self.parts.encoders.get(name)
        if encoder is None:
            remedy = nearest(name, self.parts.encoders)
            raise DataError("the bundle has no such encoder", received=name, remedy=remedy)
        encoded = encoder.encode([content])
        if not encoded.present[0]:
            reason = str(encoded.problems.get(0, "no content"))
            remedy = "search by other content"
            raise DataError("the content can't be encoded", received=reason, remedy=remedy)
        vectors = self.content.embed(view, {name: encoded})
        return self._best(self.content.score(view, vectors), k, view)

    def history(self, user: str) -> list[str]:
        """Return the item ids of a user's history, oldest first."""
        return [self.ids[item] for item in self.query([user]).items]

    def most_active(self, *, rank: int = 0) -> str:
        """Return the user with most events, or the next at `rank` 1, 2, ..."""
        order = np.argsort(
            -np.bincount(self.events.users, minlength=len(self.users)), kind="stable"
        )
        return str(self.users[order[min(rank, len(order) - 1)]])

    def content_name(self, view: str) -> str:
        """Return the name of the content that a view's encoder reads."""
        part = self.config.encode.get(view)
        return (part.content if part else None) or view

    def view_of(self, kind: str, *, prefer: str | None = None) -> str:
        """Return the view whose encoder takes "text", "image", "audio" or "video".

        Of several, the one named `prefer`, else the first that shares its space.
        """
        encoders = self.parts.encoders
        names = [name for name, encoder in encoders.items() if encoder.modality == kind]
        if not names:
            known = ", ".join(sorted(e.modality for e in encoders.values())) or "none"
            what = "the bundle has no encoder for this content"
            raise DataError(what, received=kind, remedy=f"known: {known}")
        space = self.views[prefer].space if prefer and prefer in self.views else ""
        near = [name for name in names if space and self.views[name].space == space]
        return prefer if prefer and prefer in names else (near or names)[0]

    def title(self, item: str) -> str:
        """Return the title of an item."""
        return self.titles[self.row(item)]

    def save(self, folder: Path) -> Path:
        """Write the bundle into a folder; another bundle there is replaced, other files are kept.

        It is written beside the folder and renamed, so that a partial bundle is never loaded.
        """
        check_output_folder(folder)
        partial = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write(self, partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Return the bundle in a folder, every file checked against its sha256."""
        files = ChecksummedFolder.open(Path(folder), expected_format=FORMAT)
        try:
            return _read(files)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            remedy = "make it again with polyrec run"
            raise BundleError(
                "the bundle is incomplete", received=str(error), remedy=remedy
            ) from error

    def __repr__(self) -> str:
        model = type(self.parts.recommender).__name__
        return f"Bundle({model}, {describe_counts(self.ids, self.users, self.behaviour)})"

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:bundle_html")(self))

    def _best(self, scores: Floats, k: int, source: str) -> ItemLists:
        rows, values = top_of_row(scores, k)
        return self.id_map.name(Ranking(rows[None], values[None]), [source], origin=self)


def read_users(folder: Path) -> list[str]:
    """Return the users of a saved bundle; its files are not checked."""
    names = ChecksummedFolder(folder, read_manifest(folder)).json("names.json")
    return list(map(str, names["users"]))


def read_fingerprint(folder: Path) -> str:
    """Return the fingerprint of a bundle's data; the rest of the bundle is not read."""
    return str(read_manifest(folder).get("data", ""))


def check_output_folder(folder: Path) -> None:
    """Raise `BundleError` if anything but a bundle would be replaced."""
    remedy = "choose another out="
    if folder.exists() and not folder.is_dir():
        raise BundleError("the output folder is a file", received=str(folder), remedy=remedy)
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise BundleError(
            "the output folder holds other files", received=str(folder), remedy=remedy
        )


def _write(bundle: Bundle, folder: Path) -> None:
    writer = ChecksummedWriter(folder)
    writer.json("names.json", {key: getattr(bundle, key) for key in _NAMES})
    if bundle.metadata:
        writer.json(_METADATA_FILE, [asdict(row) for row in bundle.metadata])
    if bundle.user_labels:
        writer.json(_USERS_FILE, bundle.user_labels)
    if bundle.catalog is not None and bundle.config.data.use == IN_MEMORY:
        contents = dump_contents(bundle.catalog)
        if contents:
            writer.json(_CONTENTS_FILE, contents)
    writer.json("texts.json", bundle.texts)
    columns = itertools.product(_SPLITS, _COLUMNS)
    behaviour = bundle.behaviour
    writer.arrays("events.npz", {f"{s}.{c}": getattr(behaviour[s], c) for s, c in columns})
    views: dict[str, Any] = {f"{n}.vectors": view.vectors for n, view in bundle.views.items()}
    views |= {f"{name}.present": view.present for name, view in bundle.views.items()}
    spaces = {name: view.space for name, view in bundle.views.items()}
    writer.json("cards.json", {"cards": bundle.cards, "spaces": spaces})
    writer.arrays("views.npz", views)
    parts = {
        room: _write_part(writer, room, getattr(bundle.parts, field)) for room, field in _ROOMS
    }
    if bundle.parts.imputer is not None:
        parts["impute"] = _write_part(writer, "align", bundle.parts.imputer, name="impute")
    encoders = bundle.parts.encoders.items()
    parts["encode"] = {
        name: _write_part(writer, "encode", encoder, name=f"encode.{name}")
        for name, encoder in encoders
    }
    config = bundle.config.model_dump(mode="json")
    manifest = {"format": FORMAT, "polyrec": __version__, "config": config, "parts": parts}
    writer.write_manifest({**manifest, "data": bundle.fingerprint})


def _write_part(
    writer: ChecksummedWriter, room: str, part: object, *, name: str = ""
) -> dict[str, Any]:
    learned, arrays = part_state.dump_learned(part)
    file = name or room
    writer.arrays(f"{file}.npz", arrays)
    writer.json(f"{file}.json", learned)
    return {"use": short_name(room, part), "settings": part_state.part_settings(part), "file": file}


def _read(files: ChecksummedFolder) -> Bundle:
    names = {key: tuple(value) for key, value in files.json("names.json").items()}
    shape = (len(names["users"]), len(names["ids"]))
    events = files.arrays("events.npz")
    behaviour = {
        split: Interactions(**{c: events[f"{split}.{c}"] for c in _COLUMNS}, shape=shape)
        for split in _SPLITS
    }
    arrays = files.arrays("views.npz")
    cards = files.json("cards.json")
    views = {
        name: Embeddings(arrays[f"{name}.vectors"], arrays[key], space=cards["spaces"][name])
        for key in arrays
        if (name := key.removesuffix(".present")) != key
    }
    manifest = files.manifest
    entries = manifest["parts"]
    parts = Parts(
        encoders={n: _read_part(files, "encode", e) for n, e in entries["encode"].items()},
        **{field: _read_part(files, room, entries[room]) for room, field in _ROOMS},
        imputer=_read_part(files, "align", entries["impute"]) if "impute" in entries else None,
    )
    config = parse_config(manifest["config"], folder=files.folder)
    # bundles of before search by words have no texts
    texts = files.json("texts.json") if "texts.json" in manifest["files"] else ()
    names["texts"] = tuple(texts)
    values = {"config": config, "fingerprint": manifest["data"], "cards": cards["cards"], **names}
    metadata = _read_metadata(files)
    labels = tuple(files.json(_USERS_FILE)) if _USERS_FILE in files.manifest["files"] else ()
    return Bundle(
        **values, behaviour=behaviour, views=views, parts=parts, metadata=metadata,
        user_labels=labels, catalog=_read_catalog(files, names, metadata),
    )  # fmt: skip


def _read_catalog(
    files: ChecksummedFolder,
    names: Mapping[str, tuple[str, ...]],
    metadata: tuple[ItemMetadata, ...],
) -> Catalog | None:
    """Return the catalogue of a bundle that was made from frames."""
    if _CONTENTS_FILE not in files.manifest["files"]:
        return None
    contents = load_contents(files.json(_CONTENTS_FILE))
    return Catalog(names["ids"], names["titles"], contents, metadata)


def _read_metadata(files: ChecksummedFolder) -> tuple[ItemMetadata, ...]:
    if _METADATA_FILE not in files.manifest["files"]:
        return ()
    rows = files.json(_METADATA_FILE)
    return tuple(ItemMetadata(**{**row, "categories": tuple(row["categories"])}) for row in rows)


def _read_part(files: ChecksummedFolder, room: str, entry: Mapping[str, Any]) -> Any:
    name = entry["file"]
    part: Any = make_part(find_class(room, entry["use"]), entry["settings"], where=name)
    part_state.load_learned(part, files.json(f"{name}.json"), files.arrays(f"{name}.npz"))
    return part
