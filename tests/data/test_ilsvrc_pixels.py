import contextlib
import gzip
import io
import os

import numpy as np
import pytest
from ilsvrc_samples import encoded, picture
from PIL import Image

from reproduce.data.ilsvrc.pixels import CorruptImageError, decode, resize_weights, to_square

PHOTO = picture(1, np.random.default_rng(3), 300, 401)


def test_shrinking_three_pixels_to_two_averages_the_area_covered():
    # an output covers 1.5 pixels: a whole one and half of the middle one
    np.testing.assert_allclose(resize_weights(3, 2).toarray(), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], rtol=1e-7)


def test_enlarging_two_pixels_to_four_is_cubic_with_repeated_edges():
    # outputs lie at -0.25, 0.25, 0.75, 1.25; the kernel (a = -0.75) at 0.25, 0.75, 1.25 and 1.75 is
    # 1.25/64 - 2.25/16 + 1 = 0.87890625, 0.26171875, -0.10546875, -0.03515625
    inner = [0.87890625 - 0.10546875, 0.26171875 - 0.03515625]
    weights = resize_weights(2, 4).toarray()
    np.testing.assert_allclose(weights[1:3], [inner, inner[::-1]], rtol=1e-6)
    np.testing.assert_allclose(weights[0], [0.87890625 + 0.26171875 - 0.03515625, -0.10546875], rtol=1e-6)


@pytest.mark.parametrize(
    ("length", "target"), [(375, 256), (500, 341), (257, 256), (2000, 256), (100, 256), (256, 256)]
)
def test_weights_of_each_output_sum_to_one_and_mirror(length, target):
    weights = resize_weights(length, target).toarray()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-6)


def test_square_keeps_the_center_of_the_longer_side():
    wide = np.zeros((4, 11, 3), dtype=np.uint8)
    wide[:] = np.arange(11)[:, None]
    assert to_square(wide, side=4)[0, :, 0].tolist() == [3, 4, 5, 6]
    assert to_square(wide.transpose(1, 0, 2), side=4)[:, 0, 0].tolist() == [3, 4, 5, 6]


def test_shrinking_by_whole_factors_is_the_mean_of_blocks():
    image = np.random.default_rng(0).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    expected = image.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3))[:, 1:5]
    np.testing.assert_allclose(to_square(image, side=4), expected, atol=0.5 + 1e-3)


def test_an_image_of_256_by_256_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_square(image), image)


def test_longer_side_is_rounded_not_cut():
    # 300 x 401 becomes 256 x 342 (342.19): columns 43 to 298 of them
    expected = resize_weights(401, 342).toarray()[43:299]
    columns = np.arange(401, dtype=np.uint8)  # wraps at 256: a saw tooth
    image = np.broadcast_to(columns[None, :, None], (300, 401, 3))
    np.testing.assert_allclose(to_square(image)[0, :, 0], expected @ columns, atol=0.51)


@pytest.mark.parametrize(
    ("kind", "gray", "cmyk", "name"),
    [
        ("jpeg", False, False, "JPEG"),
        ("gray", True, False, "JPEG"),
        ("cmyk", False, True, "JPEG"),
        ("png", False, False, "PNG"),
    ],
)
def test_every_kind_of_file_gives_the_same_picture_in_three_colors(kind, gray, cmyk, name):
    decoded = decode(encoded(PHOTO, kind))
    assert (decoded.gray, decoded.cmyk, decoded.format) == (gray, cmyk, name)
    assert decoded.pixels.shape == (256, 256, 3) and decoded.pixels.dtype == np.uint8
    truth = to_square(PHOTO).astype(int)
    if gray:
        truth = np.repeat(np.rint(truth @ [0.299, 0.587, 0.114])[..., None], 3, axis=2)
    assert np.abs(decoded.pixels - truth).mean() < (0.001 if kind == "png" else 8)
    assert decoded.is_jpeg == (kind != "png")


def test_a_png_with_transparency_or_a_palette_is_read_as_colors():
    for mode in ("RGBA", "P"):
        stream = io.BytesIO()
        Image.fromarray(PHOTO).convert(mode).save(stream, "PNG")
        assert decode(stream.getvalue()).pixels.shape == (256, 256, 3)


@pytest.mark.parametrize("dtype", [">u2", "<u2", "<i4"])
def test_gray_of_16_bits_keeps_its_upper_eight(dtype):
    """Pillow's own conversion to colors turns everything above 255 white."""
    deep = np.linspace(0, 65535, 256 * 256).reshape(256, 256).astype(dtype)
    stream = io.BytesIO()
    Image.fromarray(deep).save(stream, "PNG" if dtype == "<u2" else "TIFF")
    decoded = decode(stream.getvalue())
    assert decoded.gray
    np.testing.assert_array_equal(decoded.pixels, np.repeat((deep // 256).astype(np.uint8)[..., None], 3, axis=2))


@pytest.mark.parametrize("value", [70_000, -1])
def test_gray_of_more_than_16_bits_is_refused(value):
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, dtype=np.int32)).save(stream, "TIFF")
    with pytest.raises(CorruptImageError, match="^gray of more than 16 bits$"):
        decode(stream.getvalue())


def test_an_image_packed_by_gzip_is_unpacked_to_a_bounded_size(monkeypatch):
    np.testing.assert_array_equal(decode(gzip.compress(encoded(PHOTO))).pixels, decode(encoded(PHOTO)).pixels)
    monkeypatch.setattr("reproduce.data.ilsvrc.pixels._MOST_BYTES", 1000)
    with pytest.raises(CorruptImageError, match="^unpacks to more than 1,000 bytes$"):
        decode(gzip.compress(bytes(1 << 20)))


@pytest.mark.parametrize("content", [encoded(PHOTO, "corrupt"), b"", b"<html>not found</html>", encoded(PHOTO)[:100]])
def test_a_broken_file_is_corrupt_and_the_reason_is_one_stable_line(content):
    reasons = set()
    for _ in range(2):
        with pytest.raises(CorruptImageError) as caught:
            decode(content)
        reasons.add(str(caught.value))
    assert len(reasons) == 1 and "\n" not in reasons.pop()


def test_postscript_in_an_image_s_place_is_never_run(tmp_path, monkeypatch):
    """Pillow by itself runs Ghostscript on such a file."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # looked for anew
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n"
    with contextlib.suppress(OSError), Image.open(io.BytesIO(content)) as image:
        image.load()
    assert (tmp_path / "ran").exists()  # Pillow alone does
    (tmp_path / "ran").unlink()
    with pytest.raises(CorruptImageError, match="^not an image$"):
        decode(content)
    assert not (tmp_path / "ran").exists()
