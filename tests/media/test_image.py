import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polyrec.errors import MediaError
from polyrec.media import image


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def test_a_path_and_its_bytes_give_the_same_pixels(tmp_path: Path, jpeg: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg)
    pixels = image.load_image(jpeg, size=32)
    assert pixels.shape == (32, 32, 3)
    assert np.array_equal(image.load_image(tmp_path / "a.jpg", size=32), pixels)
    assert pixels[16, 4, 0] > 200 > 50 > pixels[16, 28, 0]


def test_a_wrong_ending_does_not_matter(tmp_path: Path, jpeg: bytes) -> None:
    (tmp_path / "a.png").write_bytes(jpeg)
    assert image.load_image(tmp_path / "a.png", size=8).shape == (8, 8, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((20, 20), 32_896, np.uint16))
    else:
        picture = Image.new("RGB", (20, 20), (128, 128, 128)).convert(mode)
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    pixels = image.load_image(saved(picture, form), size=8)
    if mode != "1":
        assert np.abs(pixels.astype(int) - 128).max() < 6


def test_what_is_transparent_is_white() -> None:
    clear = saved(Image.new("RGBA", (10, 10), (255, 0, 0, 0)), "PNG")
    assert (image.load_image(clear, size=4) == 255).all()


def test_the_camera_held_sideways_is_turned(jpeg: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(Image.open(io.BytesIO(jpeg)), "JPEG", exif=exif)
    pixels = image.load_image(turned, size=32)
    assert pixels[4, 16, 0] > 200 > 50 > pixels[28, 16, 0]


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert image.load_image(moving, size=4)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("cut", [0, 10, 200, 600])
def test_a_cut_file_is_damaged(jpeg: bytes, cut: int) -> None:
    assert cut < len(jpeg)
    with pytest.raises(MediaError):
        image.load_image(jpeg[:cut], size=16)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", "damaged"),
        (b"hello", "wrong type"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "wrong type"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff" + bytes(500), "damaged"),
    ],
)
def test_what_is_no_image_is_said(raw: bytes, status: str) -> None:
    with pytest.raises(MediaError) as caught:
        image.load_image(raw, size=16)
    assert caught.value.status == status


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    huge = saved(Image.new("1", (9000, 9000)), "PNG")
    assert len(huge) < 50_000
    with pytest.raises(MediaError, match="the image is too large: received '9000 x 9000'"):
        image.load_image(huge, size=16)


def test_a_thumbnail_keeps_the_aspect(jpeg: bytes) -> None:
    with Image.open(io.BytesIO(image.image_thumbnail(jpeg, size=32))) as small:
        assert small.size == (32, 24)
        assert small.format == "JPEG"
