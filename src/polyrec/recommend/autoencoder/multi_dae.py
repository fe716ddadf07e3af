"""A denoising autoencoder of histories: a part is hidden, and the whole is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.recommend.autoencoder.base import Autoencoder, Rows, table
from polyrec.types import Interactions, Views


@dataclass
class MultiDAE(Autoencoder):
    """logits = tanh(r E) D' + b, r the history at length 1 (Liang et al., WWW 2018).

    While it learns, each event of r is hidden with probability `dropout`; the loss asks for all of
    them (multinomial). One hidden layer; AdamW with a decay far larger than is usual does what
    other regularisers would. Content is not read. New events and unknown people need no fit.

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
        self.encoder = table(items, dim)
        self.decoder = table(items, dim)
        self.bias = nn.Parameter(torch.zeros(items))

    def loss(self, rows: Rows, generator: Any) -> Any:
        """Return the loss of a batch whose histories are told in part."""
        codes = rows.codes(self.encoder, self.dropout, generator)
        return rows.loss(codes, self.decoder, self.bias)

    def tables(self) -> dict[str, Any]:
        """Return what scoring needs."""
        return {"encoder": self.encoder, "decoder": self.decoder, "bias": self.bias}
