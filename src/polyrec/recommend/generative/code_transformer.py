"""A transformer that reads items as sums of their codes' tokens and writes codes token by token."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.recommend.sequence.transformer import SequenceTransformer, TransformerBlock
from polyrec.types import Floats, Ints

MISSED = 1e3  # what each level costs that a beam has not reached


class CodeTransformer(nn.Module):
    """A reader of histories, and a decoder that continues its last state by a code's tokens.

    `sizes` are the numbers of values per level. An item's vector is the sum of its tokens' vectors.
    """

    def __init__(
        self, sizes: tuple[int, ...], dim: int, *, layers: int, heads: int, longest: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sizes = sizes
        scale = 1 / math.sqrt(dim)
        self.tokens = nn.ParameterList(scale * torch.randn(size, dim) for size in sizes)
        self.reader = SequenceTransformer(
            (0, 0), dim, layers=layers, heads=heads, longest=longest, dropout=dropout
        )
        self.levels = nn.Parameter(0.1 * torch.randn(len(sizes), dim))
        self.decoder = TransformerBlock(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim)

    def items(self, codes: Any) -> Any:
        """Return (n, dim) vectors of items with codes (n, levels)."""
        return sum(tokens[codes[:, level]] for level, tokens in enumerate(self.tokens))

    def read(self, codes: Any, rows: Any) -> Any:
        """Return (b, l + 1, dim) states: state i has read the first i items of `rows` (b, l)."""
        return self.reader(self.items(codes), rows)

    def token_scores(self, states: Any, prefixes: Any) -> list[Any]:
        """Return (b, size) log-probabilities of each level's token, given the levels before it.

        `states` (b, dim) are of the reader; `prefixes` (b, p) are the first p tokens, and the
        result has p + 1 levels, or as many as there are.
        """
        scale = math.sqrt(states.shape[1])
        inputs = [states]
        inputs += [scale * self.tokens[i][prefixes[:, i]] for i in range(prefixes.shape[1])]
        inputs = inputs[: len(self.sizes)]
        outputs = self.norm(self.decoder(torch.stack(inputs, dim=1) + self.levels[: len(inputs)]))
        return [
            F.log_softmax(outputs[:, level] @ self.tokens[level].T, dim=1)
            for level in range(len(inputs))
        ]


def next_code_loss(network: CodeTransformer, codes: Any, rows: tuple[Ints, Ints]) -> Any:
    """Return the mean over events of -log p(code | the events before it), summed over its levels.

    `rows` as from `latest_items`; `codes` (n, levels).
    """
    items, lengths = (torch.from_numpy(part).to(codes.device) for part in rows)
    states = network.read(codes, items[:, :-1])  # the last item is only a target
    inside = torch.arange(items.shape[1], device=items.device) < lengths[:, None]
    targets = codes[items[inside]]
    scores = network.token_scores(states[inside], targets)
    return sum(F.nll_loss(level, targets[:, i]) for i, level in enumerate(scores))


class CodeTrie(NamedTuple):
    """The valid codes as a tree: the nodes of a level are the different prefixes of that length."""

    prefixes: list[Ints]  # of level i: (nodes, i + 1) tokens, in lexicographic order
    parents: list[Ints]  # of level i: (nodes,) the node of the prefix that is one shorter
    leaves: list[Ints]  # of level i: (n,) the node of each item

    @classmethod
    def of(cls, codes: Ints) -> CodeTrie:
        """Return the tree of codes (n, levels)."""
        prefixes: list[Ints] = []
        parents: list[Ints] = []
        leaves: list[Ints] = []
        for level in range(codes.shape[1]):
            nodes, owners = np.unique(codes[:, : level + 1], axis=0, return_inverse=True)
            owners = owners.reshape(-1).astype(np.int64)
            parent = np.zeros(len(nodes), np.int64)
            parent[owners] = leaves[-1] if leaves else 0
            prefixes.append(nodes)
            parents.append(parent)
            leaves.append(owners)
        return cls(prefixes, parents, leaves)


def beam_scores(network: CodeTransformer, states: Any, trie: CodeTrie, beam: int) -> Floats:
    """Return (b, n) log-probabilities of the items' codes, by beam search over the valid ones.

    At each level the `beam` most probable prefixes of a row go on. An item beyond them has the
    log-probability of its longest prefix that was reached, less `MISSED` per level that was not.
    """
    device, count = states.device, len(states)
    reached = torch.zeros((count, 1), device=device)  # of the nodes of the level before
    kept = torch.ones((count, 1), dtype=torch.bool, device=device)
    for level, prefixes in enumerate(trie.prefixes):
        tokens = torch.from_numpy(prefixes).to(device)
        parents = torch.from_numpy(trie.parents[level]).to(device)
        rows, nodes = kept.nonzero(as_tuple=True)
        shorter = trie.prefixes[level - 1] if level else np.zeros((1, 0), np.int64)
        earlier = torch.from_numpy(shorter).to(device)[nodes]
        steps = network.token_scores(states[rows], earlier)[level]
        position = torch.full(kept.shape, -1, device=device)
        position[rows, nodes] = torch.arange(len(rows), device=device)
        position = position[:, parents]  # (b, nodes of this level): the row of `steps`
        alive = position >= 0
        added = steps[position.clamp(min=0), tokens[:, -1].expand(count, -1)]
        reached = reached[:, parents] + torch.where(alive, added, -MISSED)
        kept = alive
        if beam < reached.shape[1]:
            best = reached.topk(beam, dim=1).indices
            kept = alive & torch.zeros_like(alive).scatter_(1, best, value=True)
    scores: Floats = reached[:, torch.from_numpy(trie.leaves[-1]).to(device)].cpu().numpy()
    return scores
