"""A variational autoencoder of histories: a user is a distribution of codes, not one code."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.recommend.autoencoder.base import Autoencoder, HistoryBatch, init_table
from polyrec.types import Interactions, Views


@part
class MultiVAE(Autoencoder):
    """logits = z D' + b, z ~ N(mu, sigma^2) of tanh(r E) (Mult-VAE, Liang et al., WWW 2018).

    The loss is the multinomial one of `MultiDAE` and `beta` times the divergence of z from N(0, 1),
    which is phased in over the first `anneal` epochs. Scoring uses z = mu. As in RecVAE (Shenbin et
    al., WSDM 2020) the decoder is one table.

    >>> MultiVAE().beta
    0.2
    """

    weight_decay: float = 1.0  # the divergence regularises the codes as well
    beta: float = 0.2
    anneal: int = 20  # epochs until the divergence counts in full

    def build(self, train: Interactions, items: Views) -> Any:  # noqa: ARG002 - content is not read
        """Return the untrained network."""
        users = len({*train.users.tolist()})
        steps = self.anneal * max(1, -(-users // self.batch))
        return Variational(self, train.shape[1], steps)


class Variational(nn.Module):
    """The tables of a `MultiVAE`, and the step of its annealing."""

    def __init__(self, model: MultiVAE, items: int, steps: int) -> None:
        super().__init__()
        self.dropout, self.beta, self.steps = model.dropout, model.beta, max(1, steps)
        self.encoder = init_table(items, model.dim)
        self.decoder = init_table(items, model.dim)
        self.bias = nn.Parameter(torch.zeros(items))
        self.mean = nn.Linear(model.dim, model.dim)
        self.log_variance = nn.Linear(model.dim, model.dim)
        self.register_buffer("step", torch.zeros(()))  # kept: a resumed training goes on from it

    def loss(self, rows: HistoryBatch, generator: Any) -> Any:
        """Return the loss of a batch of histories, each masked in part."""
        hidden = rows.codes(self.encoder, self.dropout, generator)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        noise = torch.randn(mean.shape, generator=generator).to(mean)
        codes = mean + noise * (log_variance / 2).exp()
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        self.step += 1
        share = self.beta * (self.step / self.steps).clamp(max=1)
        return rows.loss(codes, self.decoder, self.bias) + share * divergence

    def tables(self) -> dict[str, Any]:
        """Return what scoring needs: (h M' + m) D' + b = h (D M)' + (D m + b)."""
        return {
            "encoder": self.encoder,
            "decoder": self.decoder @ self.mean.weight,
            "bias": self.decoder @ self.mean.bias + self.bias,
        }
