import io
import wave
from pathlib import Path

import numpy as np
import pytest

from polyrec.errors import MediaError
from polyrec.media import audio, video
from polyrec.media.probe import THUMBNAILS, probe


def tone(seconds: float, rate: int = 8000, channels: int = 2) -> bytes:
    buffer = io.BytesIO()
    time = np.arange(int(seconds * rate)) / rate
    samples = (20_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2")
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels).tobytes())
    return buffer.getvalue()


def test_sound_becomes_mono_at_the_rate_asked() -> None:
    samples = audio.load_audio(tone(1.0), rate=16_000, seconds=30)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 16_000) < 200
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(spectrum.argmax() * 16_000 / len(samples) - 440) < 3
    assert 0.5 < np.abs(samples).max() < 0.9


def test_only_the_first_seconds_are_heard() -> None:
    assert len(audio.load_audio(tone(3.0), rate=8000, seconds=1.5)) == 12_000


def test_a_path_and_its_bytes_sound_the_same(tmp_path: Path, mp3: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(mp3)
    from_path = audio.load_audio(tmp_path / "a.txt", rate=22_050, seconds=9)
    assert np.array_equal(from_path, audio.load_audio(mp3, rate=22_050, seconds=9))


@pytest.mark.parametrize("raw", [b"", b"no sound at all" * 30, tone(0.0)])
def test_what_is_no_sound_is_said(raw: bytes) -> None:
    with pytest.raises(MediaError):
        audio.load_audio(raw, rate=8000, seconds=5)


def test_less_than_declared_is_truncated() -> None:
    audio.check_length(9.0, declared=10.0, limit=60)
    audio.check_length(5.0, declared=100.0, limit=5)
    with pytest.raises(MediaError, match=r"truncated: received '4.0 s'; the file declares 10.0 s"):
        audio.check_length(4.0, declared=10.0, limit=60)


def test_frames_come_at_even_times(silent_mp4: bytes) -> None:
    clip = video.load_video(silent_mp4, rate=5, size=16, seconds=30)
    assert clip.frames.shape == (10, 16, 16, 3)
    assert np.allclose(np.diff(clip.times), 0.2, atol=0.11)
    dark = clip.frames.mean(axis=(1, 2, 3)) < 60
    assert dark.tolist() == [True] * 5 + [False] * 5


def test_a_silent_video_has_no_sound_and_a_sound_no_pictures(silent_mp4: bytes, mp3: bytes) -> None:
    with pytest.raises(MediaError, match="no sound track"):
        audio.load_audio(silent_mp4, rate=8000, seconds=5)
    with pytest.raises(MediaError, match="no video stream"):
        video.load_video(mp3, rate=5, size=16, seconds=5)


def test_a_cut_video_is_damaged(silent_mp4: bytes) -> None:
    for share in (0.2, 0.6, 0.9):
        with pytest.raises(MediaError):
            video.load_video(silent_mp4[: int(share * len(silent_mp4))], rate=5, size=16, seconds=5)


def test_pictures_are_made_of_images_and_videos(jpeg: bytes, silent_mp4: bytes) -> None:
    for kind, raw in (("image", jpeg), ("video", silent_mp4)):
        assert THUMBNAILS[kind](raw, size=32).startswith(b"\xff\xd8")


def test_probing_passes_whole_files_and_stops_broken_ones(
    jpeg: bytes, mp3: bytes, silent_mp4: bytes
) -> None:
    for kind, raw in (("image", jpeg), ("audio", mp3), ("video", silent_mp4), ("text", b"words")):
        probe(kind, raw)
        with pytest.raises(MediaError):
            probe(kind, b"\x00" * 50 if kind != "text" else b" ")


def test_loudness_follows_the_standard() -> None:
    rate = 48_000
    time = np.arange(4 * rate) / rate
    # BS.1770: a 997 Hz sine at full scale on one channel is at -3.01 LUFS
    full = np.sin(2 * np.pi * 997 * time).astype(np.float32)
    assert audio.loudness(full, rate) == pytest.approx(-3.01, abs=0.05)
    assert audio.loudness(full / 10, rate) == pytest.approx(-23.01, abs=0.05)
    # silence between does not count
    gaps = np.concatenate([full / 10, np.zeros(8 * rate, np.float32)])
    assert audio.loudness(gaps, rate) == pytest.approx(-23.0, abs=0.3)
    assert audio.loudness(np.zeros(rate, np.float32), rate) == float("-inf")


def test_levelled_sounds_are_equally_loud_and_never_clip() -> None:
    samples = audio.load_audio(tone(3.0), rate=16_000, seconds=3)
    for quiet in (1.0, 0.01):
        levelled = audio.level(samples * np.float32(quiet), 16_000, lufs=-23)
        assert audio.loudness(levelled, 16_000) == pytest.approx(-23, abs=0.1)
    assert np.abs(audio.level(samples, 16_000, lufs=20)).max() <= 1.0
    silence = np.zeros(16_000, np.float32)
    assert np.array_equal(audio.level(silence, 16_000, lufs=-20), silence)


def test_windows_cover_a_sound_from_end_to_end() -> None:
    samples = np.arange(100, dtype=np.float32)
    cut = audio.windows(samples, length=30, most=3)
    assert cut.shape == (3, 30)
    assert cut[0, 0] == 0
    assert cut[-1, -1] == 99
    assert audio.windows(samples[:10], length=30, most=3).shape == (1, 30)


def scenes(lengths: list[int]) -> video.Video:
    colours = [10, 200, 100, 160]
    frames = [
        np.full((32, 32, 3), colours[i], np.uint8) for i, n in enumerate(lengths) for _ in range(n)
    ]
    return video.Video(np.stack(frames), np.arange(len(frames)) / 5)


def test_shots_begin_where_the_picture_changes() -> None:
    clip = scenes([6, 9, 5])
    assert video.shot_starts(clip.frames).tolist() == [0, 6, 15]
    assert video.shot_starts(clip.frames[:1]).tolist() == [0]


def test_one_frame_of_each_shot_comes_first() -> None:
    clip = scenes([20, 2, 18])
    by_shot = video.pick_frames(clip, 3, by_shot=True)
    assert len(np.unique(by_shot.frames[:, 0, 0, 0])) == 3
    assert (np.diff(by_shot.times) > 0).all()
    assert video.pick_frames(clip, 8, by_shot=True).frames.shape == (8, 32, 32, 3)
    assert len(video.pick_frames(scenes([2]), 5).times) == 5


SRT = b"""1
00:00:01,000 --> 00:00:02,500
Hello <i>sea</i>

2
00:00:03,000 --> 00:00:04,000
second line
"""


def test_subtitles_are_timed_text(silent_mp4: bytes) -> None:
    cues = video.load_subtitles(SRT)
    assert [(cue.start, cue.end) for cue in cues] == [(1.0, 2.5), (3.0, 4.0)]
    assert "Hello" in cues[0].text
    assert "sea" in cues[0].text
    assert "second line" in cues[1].text
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\nwords\n"
    assert video.load_subtitles(vtt)[0].start == 1.0
    with pytest.raises(MediaError, match="no subtitles"):
        video.load_subtitles(silent_mp4)


def test_an_open_file_is_read_like_its_bytes(mp3: bytes) -> None:
    opened = audio.load_audio(io.BytesIO(mp3), rate=8000, seconds=3)
    assert np.array_equal(opened, audio.load_audio(mp3, rate=8000, seconds=3))
