"""What encoders share that are trained here, on the catalogue's own content and behaviour.

Two ways to learn from behaviour. *contrast*: two items that one user took are brought together,
others of the batch pushed apart (symmetric InfoNCE, van den Oord et al., 2018). *regress*: an
item's content is brought to its own vector in a factorisation of the behaviour (PureSVD, Cremonesi
et al., RecSys 2010; DropoutNet's idea, Volkovs et al., NIPS 2017), among those of the batch. A
tenth of the items is held out, and training stops when these get no better.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.encode.per_item import PerItem, prepare_here
from polyrec.engine.device import pick_device
from polyrec.engine.train import Schedule, train
from polyrec.errors import FitError
from polyrec.types import Floats, Interactions, Ints, Raw

_HELD_OUT = 10  # every tenth item tells when to stop
_FEWEST = 8  # items to learn from
_TEMPERATURE = 0.1


@dataclass
class Trained(PerItem):
    """A network of its own kind, trained on behaviour; each kind has its own file."""

    dim: int = 64  # numbers per item
    objective: Literal["regress", "contrast"] = "regress"
    epochs: int = 40
    pretrain_epochs: int = 0  # before that, of telling an item's own altered views from others'
    rate: float = 2e-3
    batch: int = 64
    device: str = "auto"
    seed: int = 7

    fingerprint_: str = field(init=False, repr=False, compare=False)  # sha256 of the weights
    weights_: dict[str, np.ndarray] = field(init=False, repr=False, compare=False)
    losses_: list[float] = field(init=False, repr=False, compare=False)  # on the held out items
    _network: Any = field(init=False, repr=False, compare=False, default=None)

    elsewhere: ClassVar[tuple[str, ...]] = ("device",)

    def build(self) -> Any:
        """Return the untrained network: inputs -> (b, dim)."""
        raise NotImplementedError

    def tensors(self, prepared: Sequence[Any]) -> Any:
        """Return what the network takes of prepared contents."""
        return torch.from_numpy(np.stack(prepared))

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the same contents, seen or heard a little differently."""
        raise NotImplementedError

    def ready(self, prepared: Sequence[Any]) -> None:
        """Learn what has to be known before training, a vocabulary say."""

    @property
    def width(self) -> int:
        """Return d."""
        return self.dim

    @property
    def identity(self) -> str:
        """Return the name, the settings and the sha256 of the weights."""
        return f"{super().identity} {self.fingerprint_}"

    def card(self) -> Mapping[str, Any]:
        """Return that it was trained here, and how it went."""
        told = {"trained": True, "objective": self.objective, "weights_sha256": self.fingerprint_}
        return {**super().card(), **told, "held_out_loss": min(self.losses_, default=None)}

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:
        """Decode the contents in this process and learn from them."""
        prepared: list[Any] = [None] * len(contents)
        for row, made in prepare_here(self, contents)[0]:
            prepared[row] = made
        return self.learn(prepared, train)

    def learn(
        self,
        prepared: Sequence[Any],
        train_events: Interactions | None,
        *,
        progress: Callable[..., None] = lambda *_: None,
    ) -> Self:
        """Learn from decoded contents, None where there is none; forget the past."""
        rows = np.array([i for i, one in enumerate(prepared) if one is not None], np.int64)
        if len(rows) < _FEWEST:
            remedy = f"at least {_FEWEST} are needed; use an encoder that is not trained"
            raise FitError("too few contents to learn from", received=len(rows), remedy=remedy)
        self.ready([prepared[i] for i in rows])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.build().to(pick_device(self.device))
            lessons = _Lessons(self, network, prepared, progress)
            self.losses_ = lessons.teach(rows, train_events)
        self.weights_ = {k: v.cpu().numpy() for k, v in network.state_dict().items()}
        digest = hashlib.sha256()
        for name in sorted(self.weights_):
            digest.update(name.encode() + np.ascontiguousarray(self.weights_[name]).tobytes())
        self.fingerprint_ = digest.hexdigest()
        self._network = None
        return self

    def embed(self, prepared: Sequence[Any]) -> Floats:
        """Return (b, dim) rows of length 1."""
        network = self._loaded()
        device = next(network.parameters()).device
        with torch.inference_mode():
            rows = F.normalize(network(self.tensors(prepared).to(device)), dim=1)
        made: Floats = rows.cpu().numpy()
        return made

    def _loaded(self) -> Any:
        if self._network is None:
            if not hasattr(self, "weights_"):
                raise FitError("this encoder has learned nothing yet", remedy="fit it first")
            network = self.build()
            tensors = {k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()}
            network.load_state_dict(tensors)
            self._network = network.to(pick_device(self.device)).eval()
        return self._network


class _Targets(NamedTuple):
    rows: Ints  # (m,) items with content and behaviour
    vectors: Floats  # (n, f) of the factorisation
    near: sparse.csr_array  # (n, n) how often two items were taken by one user, weighed


class _Lessons:
    """One training of one network."""

    def __init__(
        self, encoder: Trained, network: Any, prepared: Sequence[Any], progress: Callable[..., None]
    ) -> None:
        self.encoder, self.network, self.prepared = encoder, network, prepared
        self.progress = progress
        self.device = next(network.parameters()).device
        self.torch_generator = torch.Generator().manual_seed(encoder.seed)

    def teach(self, rows: Ints, train_events: Interactions | None) -> list[float]:
        """Train and return the losses on the items held out."""
        encoder = self.encoder
        schedule = partial(Schedule, rate=encoder.rate, patience=8)
        told = partial(train, self.network, seed=encoder.seed, report=self.progress)
        if encoder.pretrain_epochs:
            told(
                partial(self._epoch, rows), self._own_views,
                valid=None, schedule=schedule(encoder.pretrain_epochs),
            )  # fmt: skip
        if train_events is None or not len(train_events):
            return []
        targets = _targets(train_events, rows, encoder.dim, seed=encoder.seed)
        if len(targets.rows) < _FEWEST:
            return []
        held = np.arange(len(targets.rows)) % _HELD_OUT == _HELD_OUT - 1
        kept, out = targets.rows[~held], targets.rows[held]
        lesson = self._regress if encoder.objective == "regress" else self._contrast
        return told(
            partial(self._epoch, kept),
            lambda batch: lesson(batch, targets, altered=True),
            valid=lambda: self._held_out(lesson, out, targets),
            schedule=schedule(encoder.epochs),
        )

    def _epoch(self, rows: Ints, generator: np.random.Generator) -> Iterator[Ints]:
        order = generator.permutation(rows)
        size = self.encoder.batch
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            if len(batch) > 1:
                yield batch

    def _seen(self, rows: Ints, *, altered: bool) -> Any:
        inputs = self.encoder.tensors([self.prepared[i] for i in rows])
        if altered:
            inputs = self.encoder.alter(inputs, self.torch_generator)
        return F.normalize(self.network(inputs.to(self.device)), dim=1)

    def _own_views(self, rows: Ints) -> Any:
        """SimCLR's loss (Chen et al., ICML 2020) of two altered views of each content."""
        one, two = (self._seen(rows, altered=True) for _ in range(2))
        return _info_nce(one, two, torch.eye(len(rows), dtype=torch.bool, device=self.device))

    def _regress(self, rows: Ints, targets: _Targets, *, altered: bool) -> Any:
        """Come near to an item's own factor, and as near to others of the batch as that is."""
        mine = self._seen(rows, altered=altered)
        factors = F.normalize(torch.from_numpy(targets.vectors[rows]).to(self.device), dim=1)
        alike = F.softmax(factors @ factors.T / _TEMPERATURE, dim=1)
        told = F.cross_entropy(mine @ factors.T / _TEMPERATURE, alike)
        return told + (1 - (mine * factors).sum(dim=1)).mean()

    def _contrast(self, rows: Ints, targets: _Targets, *, altered: bool) -> Any:
        """Bring items together with one that the same users took."""
        partners = _partners(targets.near, rows, self.torch_generator)
        mine = self._seen(rows, altered=altered)
        other = self._seen(partners, altered=altered)
        together = targets.near[rows][:, partners].toarray() > 0
        same = torch.eye(len(rows), dtype=torch.bool, device=self.device)
        # what was taken together with this one, too, is no counter-example
        return _info_nce(
            mine, other, same, ignore=torch.from_numpy(together).to(self.device) & ~same
        )

    def _held_out(self, lesson: Callable[..., Any], rows: Ints, targets: _Targets) -> float:
        state = self.torch_generator.get_state()
        self.torch_generator.manual_seed(0)  # the same partners each time
        size = self.encoder.batch
        pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
        losses = [(float(lesson(p, targets, altered=False)), len(p)) for p in pieces if len(p) > 1]
        self.torch_generator.set_state(state)
        return sum(v * n for v, n in losses) / max(1, sum(n for _, n in losses))


def _info_nce(one: Any, two: Any, same: Any, ignore: Any = None) -> Any:
    scores = one @ two.T / _TEMPERATURE  # (b, b)
    if ignore is not None:
        scores = scores.masked_fill(ignore, -1e4)
    right = same.float().argmax(dim=1)
    return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2


def _targets(events: Interactions, rows: Ints, dim: int, *, seed: int) -> _Targets:
    """Return what behaviour says of the items: their factors, and who was taken with whom."""
    matrix = events.positives()
    matrix.data[:] = 1
    touched = np.zeros(matrix.shape[1], bool)
    touched[matrix.indices] = True
    usable = rows[touched[rows]]
    # active users and popular items shall not outweigh the others
    users = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1))
    items = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1))
    scaled = sparse.csr_array(sparse.diags_array(users) @ matrix @ sparse.diags_array(items))
    # only what has content can be a partner
    here = np.zeros(matrix.shape[1], np.float32)
    here[usable] = 1
    near = sparse.csr_array(scaled.T @ scaled @ sparse.diags_array(here))
    near.setdiag(0)
    near.eliminate_zeros()
    rank = max(1, min(dim, *(extent - 1 for extent in matrix.shape)))
    _, strength, axes = randomized_svd(scaled, rank, n_iter=4, random_state=seed)
    vectors = np.zeros((matrix.shape[1], dim), np.float32)
    vectors[:, :rank] = unit_each((axes * strength[:, None]).T)
    # what all items share tells none from another
    vectors -= vectors[usable].mean(axis=0) if len(usable) else 0
    return _Targets(usable, vectors, near)


def unit_each(rows: Floats) -> Floats:
    """Return rows at length 1."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def _partners(near: sparse.csr_array, rows: Ints, generator: Any) -> Ints:
    """Return for each row an item taken with it, by weight; itself where there is none."""
    found = rows.copy()
    draws = torch.rand(len(rows), generator=generator).numpy()
    for place, row in enumerate(rows):
        start, stop = near.indptr[row], near.indptr[row + 1]
        if stop > start:
            total = np.cumsum(near.data[start:stop])
            found[place] = near.indices[start + np.searchsorted(total, draws[place] * total[-1])]
    return found
