"""A denoising autoencoder of histories: part of a history is hidden, all of it predicted."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.recommend.autoencoder.base import Autoencoder, HistoryBatch, init_table
from polyrec.types import Interactions, Views


@part
class MultiDAE(Autoencoder):
    """logits = tanh(r E) D' + b, r the history at length 1 (Liang et al., WWW 2018).

    While it learns, each event of r is hidden with probability `dropout`; the loss is over all
    of them (multinomial). One hidden layer; a weight decay far larger than usual replaces other
    regularisers. Content is not read. New events and unknown users need no fit.

    >>> MultiDAE(epochs=20).dim
    200
    """

    def build(self, train: Interactions, items: Views) -> Any:  # noqa: ARG002 - content is not read
        """Return the untrained network."""
        return Denoiser(train.shape[1], self.dim, self.dropout)


class Denoiser(nn.Module):
    """The two tables and the bias of a `MultiDAE`."""

    def __init__(self, items: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.encoder = init_table(items, dim)
        self.decoder = init_table(items, dim)
        self.bias = nn.Parameter(torch.zeros(items))

    def loss(self, rows: HistoryBatch, generator: Any) -> Any:
        """Return the loss of a batch of histories, each masked in part."""
        codes = rows.codes(self.encoder, self.dropout, generator)
        return rows.loss(codes, self.decoder, self.bias)

    def tables(self) -> dict[str, Any]:
        """Return what scoring needs."""
        return {"encoder": self.encoder, "decoder": self.decoder, "bias": self.bias}
