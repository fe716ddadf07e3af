"""What each kind of part must do, and what it may be able to do beyond that.

A part is a dataclass (`@part`). Its fields are its settings, with working defaults; what `fit`
learns are attributes that end in `_`, declared with `learned()`. A bundle keeps both without pickle
(`artifact.part_state`). Parts are found by their short names (`registry`).

| kind | must |
|---|---|
| `Encoder` | turn raw content into one row of features per item |
| `Aligner` | bring views into one space or form |
| `Fuser` | join the views of an item into one vector |
| `Recommender` | learn from behaviour and content; score and rank items |
| `Reader` | turn files into tables of events and items |

An optional ability is a protocol of its own. Whoever needs it asks `isinstance(part, Ability)`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    Self,
    TypeVar,
    dataclass_transform,
    runtime_checkable,
)

from polyrec.errors import ConfigError, nearest
from polyrec.source_tables import SourceTables
from polyrec.types import Bools, Embeddings, Floats, Interactions, Query, Ranking, Raw, Views

P = TypeVar("P")


def learned(*, init: Literal[False] = False) -> Any:
    """Return the field of an attribute that `fit` learns: no setting, not shown, not compared."""
    return dataclasses.field(init=init, repr=False, compare=False)


def cached(*, init: Literal[False] = False) -> Any:
    """Return the field of what a part can make again from what it learned; None until it has."""
    return dataclasses.field(init=init, repr=False, compare=False, default=None)


@dataclass_transform(field_specifiers=(dataclasses.field, learned, cached))
def part(cls: type[P]) -> type[P]:
    """Make a class a dataclass whose constructor takes its settings alone, for type checkers too.

    >>> @part
    ... class Scale:
    ...     factor: float = 2.0
    ...     mean_: float = learned()
    >>> Scale(factor=3.0)
    Scale(factor=3.0)
    """
    return dataclasses.dataclass(cls)


def learned_attributes(part: object) -> dict[str, Any]:
    """Return name -> value of all that a part has learned."""
    return {
        name: value
        for name, value in vars(part).items()
        if name.endswith("_") and not name.startswith("_")
    }


def copy_learned(part: P) -> P:
    """Return a part with the same settings that has learned the same, its caches empty.

    The learned values themselves are shared: replace them, don't change them.
    """
    fresh = copy.copy(part)
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        if not field.init and field.name.startswith("_"):
            setattr(fresh, field.name, field.default)
    return fresh


class BasePart:
    """What every part has: its settings by name, and what the contract tests need to know of it."""

    small: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Settings with which it fits a dozen items in a moment."""

    is_random: ClassVar[bool] = False
    """Whether renumbered items or another order of views may come out otherwise: it draws."""

    fills_absent: ClassVar[bool] = False
    """Whether an aligner marks rows as present that were absent."""

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - settings are values
        """Return the settings by name, as scikit-learn's `clone` and searches read them."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {f.name: getattr(self, f.name) for f in fields if f.init}

    def set_params(self, **params: Any) -> Self:
        """Change settings, checked as in the constructor; what was learned stays until `fit`."""
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ConfigError("unknown setting", received=name, remedy=nearest(name, known))
        type(self)(**{**known, **params})
        for name, value in params.items():
            setattr(self, name, value)
        return self


# kinds


@runtime_checkable
class Encoder(Protocol):
    """Turns raw content into rows. Fitted before it encodes where it is a `FitsContents`.

    `encode` treats every content by itself: a row depends on no other content in the call, beyond
    the rounding of a batch. What is None or can't be read is absent; nothing is ever made up.
    """

    modality: str
    """What it reads: "text", "image", "audio", "video" or "any"."""

    search_weight: ClassVar[float]
    """What the similarity of a text's rows counts in a search beside BM25, which counts 1."""

    @property
    def width(self) -> int:
        """Return d, the numbers in a row."""

    @property
    def space(self) -> str:
        """Return the name of the space that rows lie in; "" is a space of its own.

        Rows of encoders that name the same space may be compared: a text then finds pictures.
        """

    def card(self) -> Mapping[str, Any]:
        """Return where the encoder comes from and on what terms: name, licence, trained."""

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content."""


@runtime_checkable
class Aligner(Protocol):
    """Brings views into one space or form.

    Absent rows are never read and stay absent (one that fills them in says so by marking them
    present); items may be given in any order.
    """

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn from the catalogue; forget the past."""

    def align(self, views: Views) -> Views:
        """Return the same items, aligned, in new arrays."""


@runtime_checkable
class Fuser(Protocol):
    """Joins the views of an item into one vector.

    Absent rows are never read; items may be given in any order.
    """

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn from the catalogue; forget the past."""

    def fuse(self, views: Views) -> Embeddings:
        """Return one row per item, present where any view is."""


@runtime_checkable
class Recommender(Protocol):
    """Scores and ranks items for whoever asks with a history.

    The history is the question's, not the one in train: a click of the last second counts for a
    known user as for a stranger. `recommend.base.BaseRecommender` has what all share.
    """

    def fit(
        self,
        train: Interactions,
        items: Views | None = None,
        *,
        valid: Interactions | None = None,
    ) -> Self:
        """Learn from behaviour and content; forget the past.

        `valid` may decide when to stop and how much to trust what; no event of it is learned.
        """

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores, higher is better, comparable within a row.

        The array is fresh: the caller may overwrite it.
        """

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""

    def usable(self, query: Query) -> Bools:
        """Return (b,) whether the model can tell anything from each history.

        Rows that are not usable (no history, dislikes alone, weights of 0, unknown items) have the
        scores of an empty history: what is popular.
        """


@runtime_checkable
class Reader(Protocol):
    """Turns files of one format into tables of events and items.

    Ids stay what they are, byte for byte. The files are only read.
    """

    example: ClassVar[Mapping[str, Any]]
    """File name -> content of a smallest folder: text, or the rows of a .npy file.

    Three events: users u1, U1 and v took items i1, I1 and j (or 0, 1, 2 where ids are numbers).
    """

    def read(self, path: Path, columns: Mapping[str, str | Sequence[str]]) -> SourceTables:
        """Return the tables in `path`; `columns` maps our names to the source's, or to several."""


# abilities of encoders


@runtime_checkable
class FitsContents(Protocol):
    """An encoder that learns from the catalogue's raw contents, a vocabulary say.

    `encode.run.fit_encoder` calls it once, before the catalogue is encoded.
    """

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:
        """Learn from contents and behaviour; forget the past."""


@runtime_checkable
class LearnsFromDecoded(Protocol):
    """An encoder whose network is trained on the catalogue, on contents already decoded.

    `encode.run.fit_encoder` calls it; training end to end reads the same decoded contents.
    """

    def learn(
        self,
        prepared: Sequence[Any],
        train: Interactions | None,
        *,
        progress: Callable[..., None] = ...,
    ) -> Self:
        """Learn from decoded contents, None where there is none; forget the past."""


# abilities of recommenders


@runtime_checkable
class GrowsItems(Protocol):
    """A recommender that can take items which nobody has touched yet, by their content.

    The live service calls it for every new item. The old model stays as it was, known items keep
    their scores, and to add several at once is to add them one by one.
    """

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""


@runtime_checkable
class ReservesCapacity(Protocol):
    """A recommender whose first `add_items` does work that later ones need not do.

    The service calls it when it has loaded a bundle, so that the first new item waits for nothing.
    """

    def reserve_capacity(self) -> Self:
        """Return the same model with that work done."""


@runtime_checkable
class Tunable(Protocol):
    """A recommender that knows which of its settings are worth trying.

    `evaluate.grid_search` tries the candidates of `search_space` on valid, stage by stage, in every
    run; `polyrec tune` looks within `ranges`. Both name settings of the part, with values it takes.
    """

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return stages of setting -> candidates; empty where nothing is to be chosen."""

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return setting -> range or choices, in the form that `tune.ranges` has in a config."""


@runtime_checkable
class StopsOnValid(Protocol):
    """A recommender that stops learning where its ranking of valid is best.

    `polyrec tune` gives up on a trial whose curve lies low; reports draw it.
    """

    def learning_curve(self) -> Sequence[float]:
        """Return Recall@20 on valid, look by look, of the last fit; empty without valid."""


@runtime_checkable
class ChecksSize(Protocol):
    """A recommender whose memory grows faster than its data.

    A run calls it before anything is encoded.
    """

    def check_size(self, items: int) -> None:
        """Raise `FitError` where a fit of so many items exceeds the memory."""


@runtime_checkable
class LinearInHistory(Protocol):
    """A recommender whose score is a weighted sum over the history: score_i = sum_j r_j W_ji.

    `explain` calls it: its explanations are exact.
    """

    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:
        """Return what W_:item is the sum of: source -> (n,), from each item of a history.

        Sources are "behaviour" and the views that are read. `train` is what it was fitted on.
        """


@runtime_checkable
class TrainsEndToEnd(Protocol):
    """A recommender that can train the encoders and the fuser before it as one network.

    `pipeline` calls it after `fit` where `end_to_end` is set.
    """

    end_to_end: bool

    def fit_end_to_end(self, train: Interactions, items: Views, inputs: Any) -> None:
        """Learn anew, together with what makes the items (`EndToEndInputs`), which keep theirs."""

    def refresh_item_vectors(self, items: Views) -> Self:
        """Take what these views, made anew, are for the items of the catalogue."""


# abilities of parts between content and recommender


@runtime_checkable
class HasTorchModule(Protocol):
    """A fitted part that can be trained on as a torch module (end to end).

    An encoder's module maps its inputs to (b, d) rows. An aligner's maps view -> (b, d) rows and
    view -> (b,) presence to view -> rows; a fuser's maps the same to (b, d) rows. Both read no
    absent row and equal `align` and `fuse`, also where a call has only some of the views; an
    aligner's weights require no gradients until a trainer says so.
    """

    def torch_module(self) -> Any:
        """Return a module that computes what the part computes, with weights of its own."""

    def load_torch_module(self, module: Any) -> None:
        """Take the weights of such a module, trained further."""
