"""What single encoders guarantee beyond the contract."""

import numpy as np
import pytest

from polyrec.config import Limits
from polyrec.encode.audio.log_mel import RATE, log_mel
from polyrec.encode.audio.spectral import describe_samples
from polyrec.encode.features import Features
from polyrec.encode.image.descriptor import Descriptor, describe_pixels
from polyrec.encode.text.lsa import LSA
from polyrec.encode.video.motion import Motion
from polyrec.errors import FitError


def flat(*colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (96, 96, 3))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_similar_colours_are_closer_than_different_ones() -> None:
    red, dark_red, blue = (
        describe_pixels(flat(*c)) for c in ((220, 30, 30), (190, 40, 40), (30, 30, 220))
    )
    assert cosine(red, dark_red) > cosine(red, blue) + 0.05


def test_stripes_of_another_direction_are_farther_than_shifted_ones() -> None:
    stripes = np.tile(np.repeat([0, 255], 6), 8).astype(np.uint8)
    down = np.repeat(np.broadcast_to(stripes, (96, 96))[:, :, None], 3, axis=2)
    across = down.transpose(1, 0, 2)
    shifted = np.roll(down, 3, axis=1)
    assert cosine(describe_pixels(down), describe_pixels(shifted)) > cosine(
        describe_pixels(down), describe_pixels(across)
    )


def test_a_tone_has_its_energy_in_the_band_of_its_pitch() -> None:
    time = np.arange(RATE) / RATE
    low, high = (
        log_mel(np.sin(2 * np.pi * f * time).astype(np.float32)).mean(axis=0) for f in (200, 4000)
    )
    assert low.argmax() < 15
    assert 35 < high.argmax() < 55


def test_clicks_of_one_tempo_are_closer_than_of_two() -> None:
    def clicks(per_second: float) -> np.ndarray:
        samples = np.zeros(4 * RATE, np.float32)
        samples[:: int(RATE / per_second)] = 1
        return samples

    two, again, three = (describe_samples(clicks(b)) for b in (2.0, 2.01, 3.1))
    assert cosine(two, again) > cosine(two, three)


@pytest.mark.parametrize("samples", [np.zeros(10), np.zeros(RATE), np.ones(2000)])
def test_silence_and_very_short_sounds_have_finite_descriptions(samples: np.ndarray) -> None:
    assert np.isfinite(describe_samples(samples.astype(np.float32))).all()


def test_a_silent_video_has_zeros_for_its_sound_and_no_flag(silent_mp4: bytes) -> None:
    row = Motion().encode_one(silent_mp4, Limits())
    assert row[-1] == 0
    assert not row[-260:].any()


def test_texts_of_one_topic_are_close_in_any_language() -> None:
    sea, food = (
        ["boat on the blue sea", "waves of the sea and a boat"],
        ["bread and soup", "warm soup, bread"],
    )
    water, noodles = ["蓝色的海浪和小船", "海浪拍打小船"], ["香辣的面条和汤", "一碗面条汤"]
    encoder = LSA(components=6, min_items=1).fit(sea + food + water + noodles, None)
    rows = encoder.encode(sea + food + water + noodles).vectors
    close = rows @ rows.T
    assert close[0, 1] > close[0, 2:4].max()
    assert close[4, 5] > close[4, 6:8].max()


def test_a_text_of_unknown_terms_is_absent_with_the_reason() -> None:
    encoder = LSA(min_items=1).fit(["red shoe", "blue shoe", "green hat"], None)
    view = encoder.encode(["ξένος", "", None, "red hat"])
    assert view.present.tolist() == [False, False, False, True]
    assert {row: problem.reason for row, problem in view.problems.items()} == {
        0: "no term of the vocabulary",
        1: "empty text",
    }


@pytest.mark.parametrize(
    "contents", [[], [None], ["one"], ["a", "b"], ["same words", "same words"]]
)
def test_catalogues_too_small_for_a_component_are_no_error(contents: list) -> None:
    view = LSA().fit(contents, None).encode(["anything"])
    assert view.vectors.shape == (1, view.width)


def test_feature_rows_of_another_width_are_refused() -> None:
    encoder = Features().fit([None, np.ones(3)], None)
    with pytest.raises(FitError, match="a feature row of another width: received 2"):
        encoder.encode([np.ones(2)])
    with pytest.raises(FitError, match="not a feature row: received 'str'"):
        Features().fit(["words"], None)


def test_the_cache_key_depends_on_the_settings() -> None:
    assert Descriptor().identity != Descriptor(size=64).identity
