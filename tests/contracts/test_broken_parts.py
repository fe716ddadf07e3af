"""The contracts catch what is broken: each part here breaks one promise, and one test sees it.

Every broken part is a sound one with one fault, so that the sound one must pass the same test.
"""

import copy
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from contracts import test_encoders, test_readers, test_recommenders
from polyrec.contracts import learned, part
from polyrec.data.readers.folder import FolderReader
from polyrec.encode.base import BaseEncoder
from polyrec.errors import PolyrecError
from polyrec.recommend.base import BaseRecommender
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.source_tables import SourceTables
from polyrec.types import Embeddings, Floats, Interactions, Problem, Query, Ranking, Raw, Views


@part
class TiesGoToTheHigherItem(EASE):
    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        ranking = super().recommend(query, k, hide_seen=hide_seen)
        items = ranking.items.copy()
        for row, scores in enumerate(ranking.scores):
            order = sorted(range(k), key=lambda i: (-scores[i], -items[row, i]))
            items[row] = items[row, order]
        return Ranking(items, ranking.scores)


@part
class KnowsOnlyTheHistoryInTrain(EASE):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        super()._fit(train, items, valid)
        self.histories_ = train.matrix().toarray()

    def _score(self, query: Query) -> Floats:
        scores = super()._score(query)
        known = query.users >= 0
        scores[known] = self.histories_[query.users[known]] @ self.weights_
        return scores


@part
class LearnsFromValid(EASE):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        events = [train] if valid is None else [train, valid]
        joined = Interactions.of(
            np.concatenate([e.users for e in events]),
            np.concatenate([e.items for e in events]),
            shape=train.shape,
        )
        super()._fit(joined, items, None)


@part
class NewItemsChangeTheOldModel(MultimodalLinear):
    def add_items(self, views: Views) -> "NewItemsChangeTheOldModel":
        grown = super().add_items(views)
        self.weights_ *= 0.9
        return grown


@part
class NewItemsDependOnEachOther(MultimodalLinear):
    def add_items(self, views: Views) -> "NewItemsDependOnEachOther":
        mean = {n: v.vectors.mean(axis=0) for n, v in views.items()}
        moved = {n: Embeddings(v.vectors - mean[n], v.present) for n, v in views.items()}
        return super().add_items(moved)


@part
class ClaimsToBeExact(EASE):
    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:
        return {"behaviour": super().weight_contributions(item, train)["behaviour"] * 0.9}


@part
class OverwritesTrain(EASE):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        train.weights[:] = np.clip(train.weights, 0, 0.5)
        super()._fit(train, items, valid)


@part
class OverwritesTheQuestion(EASE):
    def _score(self, query: Query) -> Floats:
        query.weights[:] /= max(1e-9, float(np.abs(query.weights).max(initial=0)))
        query.weights[:] *= 0.5
        return super()._score(query)


@part
class KeepsStateThatABundleLoses(EASE):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        super()._fit(train, items, valid)
        self.factor = 2.0  # no trailing underscore: not learned, as far as a bundle can see

    def _score(self, query: Query) -> Floats:
        return super()._score(query) * np.float32(getattr(self, "factor", 1.0))


@part
class DrawsWithoutASeed(EASE):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        super()._fit(train, items, valid)
        noise = np.random.default_rng().standard_normal(self.weights_.shape)
        self.weights_ += 1e-3 * noise.astype(np.float32)


@part
class ShowsSeenItems(EASE):
    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        return super().recommend(query, k, hide_seen=False)


@part
class ReadsAbsentRows(MultimodalLinear):
    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        everywhere = {n: Embeddings(v.vectors, np.ones(len(v), bool)) for n, v in items.items()}
        super()._fit(train, everywhere, valid)


@part
class GivesItsOwnArrayAway(EASE):
    def score(self, query: Query) -> Floats:
        if not hasattr(self, "_kept"):
            self._kept: dict[bytes, Floats] = {}
        key = query.items.tobytes() + query.starts.tobytes()
        if key not in self._kept:
            self._kept[key] = super().score(query)
        return self._kept[key]


@part
class RemembersThePast(BaseRecommender):
    seen_: Floats = learned()

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        self.seen_ = getattr(self, "seen_", 0) + train.matrix().sum(axis=0)

    def _score(self, query: Query) -> Floats:
        return np.tile(np.asarray(self.seen_, np.float32), (len(query), 1))


@part
class ScoresDependOnTheBatch(EASE):
    def _score(self, query: Query) -> Floats:
        scores = super()._score(query)
        return np.asarray(scores - scores.mean(axis=0), np.float32)


@part
class OffersAnythingWithoutHistory(EASE):
    def score(self, query: Query) -> Floats:
        return self._score(query)


@part
class TrustsAnyHistory(EASE):
    def usable(self, query: Query) -> np.ndarray:
        return np.diff(query.starts) > 0


@part
class TriesForeignSettings(EASE):
    def search_space(self, items: Views) -> list[dict[str, Any]]:
        return [{"l3": (1.0, 2.0)}]


@part
class ScoresAreNotFinite(EASE):
    def _score(self, query: Query) -> Floats:
        scores = super()._score(query)
        scores[:, 3] = np.nan
        return scores


@part
class PrefersLowItemNumbers(EASE):
    def _score(self, query: Query) -> Floats:
        scores = super()._score(query)
        return np.asarray(scores - 0.01 * np.arange(scores.shape[1]), np.float32)


@part
class ShortensLists(EASE):
    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        return super().recommend(query, min(k, 5), hide_seen=hide_seen)


@part
class AsksForTheSameList(EASE):
    is_personal = True

    def _score(self, query: Query) -> Floats:
        return np.tile(self.popularity_, (len(query), 1))


RECOMMENDERS = [
    (TiesGoToTheHigherItem, "test_equal_scores_go_to_the_lower_item"),
    (KnowsOnlyTheHistoryInTrain, "test_the_history_of_the_question_counts_for_a_known_user"),
    (LearnsFromValid, "test_events_of_valid_are_not_learned"),
    (NewItemsChangeTheOldModel, "test_added_items_leave_the_model_as_it_was"),
    (NewItemsDependOnEachOther, "test_items_added_at_once_are_items_added_one_by_one"),
    (ClaimsToBeExact, "test_exact_parts_add_up_to_the_score"),
    (OverwritesTrain, "test_inputs_stay_as_they_were"),
    (OverwritesTheQuestion, "test_inputs_stay_as_they_were"),
    (KeepsStateThatABundleLoses, "test_learned_state_comes_back_from_a_bundle"),
    (DrawsWithoutASeed, "test_the_same_seed_gives_the_same_bits"),
    (ShowsSeenItems, "test_seen_items_stay_hidden_unless_asked_for"),
    (ReadsAbsentRows, "test_what_an_absent_modality_holds_changes_nothing"),
    (GivesItsOwnArrayAway, "test_scores_may_be_overwritten_by_the_caller"),
    (RemembersThePast, "test_fitting_twice_is_fitting_once"),
    (ScoresDependOnTheBatch, "test_scores_are_finite_float32_and_a_batch_equals_its_members"),
    (ScoresAreNotFinite, "test_scores_are_finite_float32_and_a_batch_equals_its_members"),
    (OffersAnythingWithoutHistory, "test_no_history_is_answered_with_what_is_popular"),
    (TrustsAnyHistory, "test_an_unusable_history_is_answered_as_an_empty_one"),
    (TriesForeignSettings, "test_its_search_space_holds_settings_of_its_own"),
    (PrefersLowItemNumbers, "test_renumbered_items_permute_scores"),
    (ShortensLists, "test_a_list_longer_than_the_catalogue_is_padded"),
    (AsksForTheSameList, "test_personal_models_find_the_missing_square"),
]


CATCHES = (AssertionError, PolyrecError, pytest.fail.Exception)


def name_of(entry: object) -> str | None:
    return getattr(entry, "__name__", None)


def call(test: Callable, values: dict[str, Any]) -> None:
    """Call a contract's test with what it takes of the values."""
    test(**{name: values[name] for name in inspect.signature(test).parameters})


@pytest.mark.parametrize(("broken", "promise"), RECOMMENDERS, ids=name_of)
def test_a_broken_recommender_is_caught(
    broken: type, promise: str, checkerboard: Interactions, parity_views: dict
) -> None:
    test = getattr(test_recommenders, promise)
    sound = broken.__mro__[1]
    run_recommender(test, EASE if sound is BaseRecommender else sound, checkerboard, parity_views)
    with pytest.raises(CATCHES):
        run_recommender(test, broken, checkerboard, parity_views)


def run_recommender(test: Callable, kind: type, train: Interactions, views: dict) -> None:
    values = {"checkerboard": copy.deepcopy(train), "parity_views": views, "fresh": kind()}
    values["model"] = kind().fit(copy.deepcopy(train), views)
    call(test, values)


@part
class Letters(BaseEncoder):
    """A sound encoder: how often a text has each of a few letters, less their mean."""

    modality = "text"
    mean_: Floats = learned()

    @property
    def width(self) -> int:
        return 5

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> "Letters":
        rows = [_counts(content) for content in contents if _readable(content)]
        self.mean_ = np.mean(rows, axis=0, dtype=np.float32)
        return self

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        present = np.array([_readable(content) for content in contents], bool)
        rows = np.stack([_counts(content) - self.mean_ for content in contents])
        empty = Problem("damaged", "an empty text")
        problems = {
            row: empty
            for row, content in enumerate(contents)
            if content is not None and not present[row]
        }
        return Embeddings(np.where(present[:, None], rows, 0), present, problems, self.space)


def _readable(content: Raw | None) -> bool:
    return isinstance(content, str) and bool(content.strip())


def _counts(content: Raw | None) -> Floats:
    return np.array([str(content).count(letter) for letter in "aeo海s"], np.float32)


@part
class RowsDependOnNeighbours(Letters):
    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        view = super().encode(contents)
        rows = view.vectors - view.vectors.mean(axis=0)
        return dataclasses.replace(view, vectors=np.where(view.present[:, None], rows, 0))


@part
class MakesUpWhatIsMissing(Letters):
    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        view = super().encode(contents)
        return dataclasses.replace(view, present=np.ones(len(view), bool))


@part
class GivesNoReason(Letters):
    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        return dataclasses.replace(super().encode(contents), problems={})


@part
class EncoderLosesState(Letters):
    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> "EncoderLosesState":
        super().fit(contents, train)
        self.shift = np.float32(1.5)
        return self

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        view = super().encode(contents)
        rows = view.vectors + getattr(self, "shift", np.float32(0)) * view.present[:, None]
        return dataclasses.replace(view, vectors=np.asarray(rows, np.float32))


@part
class EncodingChangesIt(Letters):
    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        view = super().encode(contents)
        self.mean_ = self.mean_ * np.float32(0.5)
        return view


@part
class RemembersTheLastCatalogue(Letters):
    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> "Letters":
        before = getattr(self, "mean_", None)
        super().fit(contents, train)
        if before is not None:
            self.mean_ = (self.mean_ + before) / 2
        return self


ENCODERS = [
    (RowsDependOnNeighbours, "test_a_batch_equals_its_members"),
    (MakesUpWhatIsMissing, "test_rows_are_finite_float32_and_absent_ones_zero"),
    (GivesNoReason, "test_what_can_not_be_read_is_absent_with_a_reason"),
    (EncoderLosesState, "test_learned_state_comes_back_from_a_bundle"),
    (EncodingChangesIt, "test_encoding_leaves_contents_and_encoder_as_they_were"),
    (RemembersTheLastCatalogue, "test_the_same_seed_learns_the_same_and_fit_forgets_the_past"),
]


@pytest.mark.parametrize(("broken", "promise"), ENCODERS, ids=name_of)
def test_a_broken_encoder_is_caught(broken: type, promise: str) -> None:
    test, contents = getattr(test_encoders, promise), test_encoders.TEXTS
    call(test, {"encoder": test_encoders.fit(Letters(), contents), "contents": contents})
    with pytest.raises(CATCHES):
        call(test, {"encoder": test_encoders.fit(broken(), contents), "contents": contents})


@part
class MergesIds(FolderReader):
    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        tables = super().read(path, columns)
        lower = tables.events.with_columns(pl.col("user").str.to_lowercase())
        return dataclasses.replace(tables, events=lower)


@part
class LosesRows(FolderReader):
    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        tables = super().read(path, columns)
        return dataclasses.replace(tables, events=tables.events.head(2))


@part
class IgnoresTheMapping(FolderReader):
    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        return super().read(path, {})


@part
class WritesIntoTheFolder(FolderReader):
    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        tables = super().read(path, columns)
        (path / "read.tmp").write_text("once")
        return tables


READERS = [
    (MergesIds, "test_every_event_and_every_id_is_there"),
    (LosesRows, "test_every_event_and_every_id_is_there"),
    (IgnoresTheMapping, "test_a_column_that_is_not_there_is_refused"),
    (WritesIntoTheFolder, "test_files_are_only_read"),
]


@pytest.mark.parametrize(("broken", "promise"), READERS, ids=name_of)
def test_a_broken_reader_is_caught(broken: type, promise: str, tmp_path: Path) -> None:
    test = getattr(test_readers, promise)
    folder = test_readers.write_example(FolderReader.example, tmp_path / "example")
    call(test, {"reader": FolderReader(), "folder": folder})
    with pytest.raises(CATCHES):
        call(test, {"reader": broken(), "folder": folder})
