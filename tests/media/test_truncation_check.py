"""Truncated files are detected, wherever they are cut."""

import io
import wave

import av
import numpy as np
import pytest

from polyrec.errors import MediaError
from polyrec.media.truncation_check import check_not_truncated


def encoded(form: str, codec: str, *, video: bool = False) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        if video:
            stream = container.add_stream(codec, rate=10)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            frames = [av.VideoFrame.from_ndarray(np.full((64, 64, 3), i * 9, np.uint8), "rgb24")
                      for i in range(20)]  # fmt: skip
        else:
            stream = container.add_stream(codec, rate=48_000)
            time = np.arange(48_000) / 48_000
            tone = (9000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
            frames = []
            for start in range(0, len(tone), 960):
                frame = av.AudioFrame.from_ndarray(tone[None, start : start + 960], "s16", "mono")
                frame.sample_rate = 48_000
                frame.pts = start
                frames.append(frame)
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def tone_wav() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {
        "wav": tone_wav(),
        "ogg": encoded("ogg", "libopus"),
        "webm": encoded("webm", "libopus"),
        "mp4": encoded("mp4", "libx264", video=True),
        "mkv": encoded("matroska", "libx264", video=True),
    }


@pytest.mark.parametrize("form", ["wav", "ogg", "webm", "mp4", "mkv"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.97])
def test_a_cut_file_is_truncated_and_a_whole_one_is_not(
    files: dict, form: str, share: float
) -> None:
    content = files[form]
    file = io.BytesIO(content)
    check_not_truncated(file)
    assert file.tell() == 0
    with pytest.raises(MediaError) as caught:
        check_not_truncated(io.BytesIO(content[: int(share * len(content))]))
    assert caught.value.status == "truncated"


def test_streamed_files_declare_nothing_and_pass(files: dict) -> None:
    streamed = files["wav"][:4] + b"\xff" * 4 + files["wav"][8:]
    check_not_truncated(io.BytesIO(streamed))
    check_not_truncated(io.BytesIO(streamed[:500]))


@pytest.mark.parametrize(
    "head", [b"", b"\x1a\x45\xdf\xa3", b"RIFF", b"\x00\x00\x00\x08ftyp", b"abc"]
)
def test_what_is_no_container_is_left_to_the_decoder(head: bytes) -> None:
    check_not_truncated(io.BytesIO(head))
