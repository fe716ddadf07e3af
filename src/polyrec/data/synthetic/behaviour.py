"""Who does what, when, and which modality drove it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyrec.data.synthetic.latents import DAYS, START, Latents, Reals
from polyrec.data.synthetic.settings import Studio

VIEW, LIKE, PURCHASE, DISLIKE = range(4)
KINDS = ("view", "like", "purchase", "dislike")
BY_CHANCE = -1  # the driver of a view that taste had no part in
_SHARPNESS = 7.0  # how much taste outweighs chance in a choice
_OWN = 0.12  # how much a modality's private factors move a choice, beside the shared ones


@dataclass(frozen=True)
class Events:
    """Events in time order, with what drove each."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]  # s since 1970
    kinds: npt.NDArray[np.int8]
    drivers: npt.NDArray[np.int8]  # index of the modality, BY_CHANCE for noise


def draw_events(studio: Studio, latents: Latents) -> Events:
    """Return what all users do in 90 days.

    A user comes in sessions. In each, the items that are out and not yet seen compete: a modality
    that the item has counts by the user's attention to it, with what the item shows there (shared
    and private factors); popularity and chance join in. What is viewed may then be liked, bought or
    disliked, by how well it fits.
    """
    generator = np.random.default_rng([studio.seed, 2])
    rows: list[tuple[int, int, int, int, int]] = []
    for user in range(studio.users):
        moving = _moving(latents, user)  # (n, m)
        rows += _one_user(studio, latents, user, moving, generator)
    rows.sort(key=lambda row: (row[2], row[0], row[3]))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    users, items, times, kinds, drivers = columns
    return Events(users, items, times, kinds.astype(np.int8), drivers.astype(np.int8))


def _moving(latents: Latents, user: int) -> Reals:
    """Return (n, m) how much each modality of each item moves a user."""
    fit = latents.shared @ latents.taste[user]
    own = np.einsum("nmp,mp->nm", latents.private, latents.private_taste[user])
    shown = latents.present * latents.attention[user]
    # the modalities that are there share the attention of those that are not
    shown = shown / np.maximum(shown.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(shown * (fit[:, None] + _OWN * own))


def _one_user(
    studio: Studio, latents: Latents, user: int, moving: Reals, generator: np.random.Generator
) -> list[tuple[int, int, int, int, int]]:
    count = min(
        studio.items - 1, 3 + generator.poisson(generator.gamma(2, (studio.events - 3) / 2))
    )
    fit = moving.sum(axis=1)
    scores = _SHARPNESS * fit + latents.appeal + generator.gumbel(size=studio.items)
    unseen = np.ones(studio.items, bool)
    high, low = np.quantile(fit, [0.9, 0.3])
    rows = []
    for time in _session_times(count, generator):
        out = np.flatnonzero(unseen & (latents.release <= time))
        if not len(out):
            break
        by_chance = generator.random() < studio.noise
        item = int(generator.choice(out) if by_chance else out[np.argmax(scores[out])])
        unseen[item] = False
        driver = BY_CHANCE if by_chance else int(np.argmax(moving[item]))
        second = int(START + time * 86_400)
        rows.append((user, item, second, VIEW, driver))
        draw = generator.random(2)
        if fit[item] >= high and draw[0] < 0.45:
            rows.append((user, item, second + 40, LIKE, driver))
        if fit[item] >= high and draw[1] < 0.25:
            rows.append((user, item, second + 300, PURCHASE, driver))
        if fit[item] <= low and draw[0] < 0.3:
            rows.append((user, item, second + 20, DISLIKE, driver))
    return rows


def _session_times(count: int, generator: np.random.Generator) -> Reals:
    """Return count times in days, in order, a few minutes apart within sessions of about 4."""
    sessions = max(1, count // 4)
    starts = generator.uniform(0, DAYS - 0.1, sessions)
    of = generator.integers(0, sessions, count)
    steps = generator.uniform(0.002, 0.09, count)
    return np.sort(starts[of] + steps)
