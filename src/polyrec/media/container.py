"""Open sound and video files with FFmpeg, without access to any other file or host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import av
from av.container import InputContainer

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.source import open_content
from polyrec.media.truncation_check import check_not_truncated
from polyrec.types import Raw

MIN_SHARE = 0.8  # of the declared length that is decoded from a complete file

# without playlists, image sequences and devices: they name other files
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,ass,au,avi,caf,dsf,dts,eac3,flac,flv,gif,h264,hevc,ivf,m4v,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,nut,ogg,opus,rm,srt,"
    "tta,voc,w64,wav,webvtt,wv,xwma"
)
_SIGNATURES = (b"RIFF", b"OggS", b"\x1a\x45\xdf\xa3", b"ID3", b"\xff\xfb", b"fLaC", b"FLV", b"FORM")
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}


@contextmanager
def open_container(raw: Raw, limits: Limits) -> Iterator[InputContainer]:
    """Open a media container; whatever FFmpeg fails on raises `MediaError`."""
    with open_content(raw, limits) as file:
        check_not_truncated(file)
        try:
            with _open(file) as container:
                seconds = (container.duration or 0) / av.time_base
                if seconds > limits.max_seconds:
                    remedy = f"media.max_seconds allows {limits.max_seconds:g}"
                    received = f"{seconds:.0f} s"
                    raise MediaError(
                        "too long", received=received, remedy=remedy, status="too large"
                    )
                yield container
        except MemoryError as error:
            raise MediaError("decoding takes too much memory", status="too large") from error
        except (av.FFmpegError, ValueError, OSError, EOFError, IndexError) as error:
            raise MediaError("the sound or video is damaged", received=_reason(error)) from error


def _open(file: BinaryIO) -> InputContainer:
    try:
        return av.open(file, mode="r", options=_OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        file.seek(0)
        head = file.read(8)
        if head.startswith(_SIGNATURES) or head[4:] == b"ftyp":
            raise
        received = _reason(error)
        raise MediaError("not a sound or video", received=received, status="wrong type") from error


def stream_start(container: InputContainer) -> float:
    """Return the time (s) at which the first stream starts; clocks need not start at 0."""
    return (container.start_time or 0) / av.time_base


def check_length(decoded: float, declared: float, limit: float) -> None:
    """Raise `MediaError` where far less was decoded than the file declares (all in s)."""
    expected = min(declared, limit)
    if decoded < MIN_SHARE * expected - 0.25:
        remedy = f"the file declares {declared:.1f} s: get a complete copy"
        raise MediaError(
            "truncated", received=f"{decoded:.1f} s", remedy=remedy, status="truncated"
        )


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error))[:120]
