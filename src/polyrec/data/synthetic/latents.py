"""What items are and what users like: the latent factors that all else is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyrec.data.synthetic.settings import MODALITIES, PRIVATE, THEMES, StudioSettings
from polyrec.types import Bools

Reals = npt.NDArray[np.float64]

DAYS = 90.0
START = 1_767_225_600  # 2026-01-01, s


@dataclass(frozen=True)
class Latents:
    """Axes: n items, u users, m modalities (text, image, audio, video)."""

    shared: Reals  # (n, THEMES) >= 0, length 1: shows in every modality
    private: Reals  # (n, m, PRIVATE) standard normal: shows in one modality
    taste: Reals  # (u, THEMES) >= 0, length 1
    private_taste: Reals  # (u, m, PRIVATE)
    attention: Reals  # (u, m) adds up to 1: how much each modality moves the user
    appeal: Reals  # (n,) log popularity
    release: Reals  # (n,) days from the start
    present: Bools  # (n, m)
    chinese: Bools  # (n,)


def draw_latents(settings: StudioSettings) -> Latents:
    """Return the latent factors."""
    generator = np.random.default_rng([settings.seed, 1])
    items, users, kinds = settings.items, settings.users, len(MODALITIES)
    fresh = generator.permutation(items) < round(settings.new_items * items)
    late = generator.uniform(0.9, 0.97, items)
    present = generator.random((items, kinds)) >= settings.missing
    present[~present.any(axis=1), 0] = True  # every item has some content
    return Latents(
        shared=_themes(generator, items, focus=0.12),
        private=generator.standard_normal((items, kinds, PRIVATE)),
        taste=_themes(generator, users, focus=0.2),
        private_taste=generator.standard_normal((users, kinds, PRIVATE)),
        attention=generator.dirichlet(np.full(kinds, 0.7), users),
        appeal=0.9 * generator.standard_normal(items),
        release=np.where(fresh, DAYS * late, 0.0),
        present=present,
        chinese=generator.random(items) < settings.chinese,
    )


def _themes(generator: np.random.Generator, count: int, *, focus: float) -> Reals:
    mixtures = generator.dirichlet(np.full(THEMES, focus), count) + 0.01
    return np.asarray(mixtures / np.linalg.norm(mixtures, axis=1, keepdims=True))
