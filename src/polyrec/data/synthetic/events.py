"""Who does what, when, and which modality drove it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyrec.data.synthetic.latents import DAYS, START, Latents, Reals
from polyrec.data.synthetic.settings import StudioSettings

VIEW, LIKE, PURCHASE, DISLIKE = range(4)
KINDS = ("view", "like", "purchase", "dislike")
BY_CHANCE = -1  # the driver of a view that taste did not drive
_SHARPNESS = 7.0  # weight of taste against chance in a choice
_PRIVATE_WEIGHT = 0.12  # of a modality's private factors, against 1 for the shared ones


@dataclass(frozen=True)
class Events:
    """Events in time order, with what drove each."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]  # s since 1970
    kinds: npt.NDArray[np.int8]
    drivers: npt.NDArray[np.int8]  # index of the modality, BY_CHANCE for noise


def draw_events(settings: StudioSettings, latents: Latents) -> Events:
    """Return what all users do in 90 days.

    Events come in sessions. Each view picks among the released items that the user has not seen.
    The score of an item sums, over its modalities, the user's attention to the modality times the
    fit of the item's shared and private factors there; popularity and Gumbel noise are added. A
    viewed item is then liked, bought or disliked, depending on its fit.
    """
    generator = np.random.default_rng([settings.seed, 2])
    rows: list[tuple[int, int, int, int, int]] = []
    for user in range(settings.users):
        appeals = _appeals(latents, user)  # (n, m)
        rows += _user_events(settings, latents, user, appeals, generator)
    rows.sort(key=lambda row: (row[2], row[0], row[3]))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    users, items, times, kinds, drivers = columns
    return Events(users, items, times, kinds.astype(np.int8), drivers.astype(np.int8))


def _appeals(latents: Latents, user: int) -> Reals:
    """Return (n, m) the appeal of each modality of each item to a user."""
    fit = latents.shared @ latents.taste[user]
    private = np.einsum("nmp,mp->nm", latents.private, latents.private_taste[user])
    attention = latents.present * latents.attention[user]
    # attention to absent modalities goes to the present ones
    attention = attention / np.maximum(attention.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(attention * (fit[:, None] + _PRIVATE_WEIGHT * private))


def _user_events(
    settings: StudioSettings,
    latents: Latents,
    user: int,
    appeals: Reals,
    generator: np.random.Generator,
) -> list[tuple[int, int, int, int, int]]:
    count = min(
        settings.items - 1, 3 + generator.poisson(generator.gamma(2, (settings.events - 3) / 2))
    )
    fit = appeals.sum(axis=1)
    scores = _SHARPNESS * fit + latents.appeal + generator.gumbel(size=settings.items)
    unseen = np.ones(settings.items, bool)
    high, low = np.quantile(fit, [0.9, 0.3])
    rows = []
    for time in _session_times(count, generator):
        candidates = np.flatnonzero(unseen & (latents.release <= time))
        if not len(candidates):
            break
        by_chance = generator.random() < settings.noise
        item = int(
            generator.choice(candidates) if by_chance else candidates[np.argmax(scores[candidates])]
        )
        unseen[item] = False
        driver = BY_CHANCE if by_chance else int(np.argmax(appeals[item]))
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
    session = generator.integers(0, sessions, count)
    steps = generator.uniform(0.002, 0.09, count)
    return np.sort(starts[session] + steps)
