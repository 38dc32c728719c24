"""Pictures as files decode back to what went in."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gan_core.data import media
from support import pictures


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def smooth(n, height=32, width=48, channels=3):
    """n frames of soft gradients that move, uint8 (n, height, width, channels)."""
    y, x = np.mgrid[:height, :width]
    frames = [
        np.stack([128 + 100 * np.sin((x + y * c) / 20 + k / 2) for c in range(channels)], -1)
        for k in range(n)
    ]
    return np.rint(frames).astype(np.uint8)


def test_a_sheet_is_filled_row_by_row():
    images = pictures(5, 4)
    sheet = media.sheet(images, columns=3)
    assert sheet.shape == (8, 12, 3)
    for i, image in enumerate(images):
        top, left = 4 * (i // 3), 4 * (i % 3)
        assert np.array_equal(sheet[top : top + 4, left : left + 4], image)
    assert (sheet[4:, 8:] == 255).all()


@pytest.mark.parametrize(
    ("n", "shape"), [(1, (4, 4)), (2, (4, 8)), (64, (32, 32)), (10, (12, 16)), (7, (12, 12))]
)
def test_a_sheet_is_about_square(n, shape):
    assert media.sheet(pictures(n, 4, 1)).shape == (*shape, 1)


def test_a_strip_is_one_row():
    images = pictures(5, 4)
    assert np.array_equal(media.strip(images), np.concatenate(list(images), axis=1))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_lossless(channels):
    image = pictures(1, 9, channels)[0]
    assert np.array_equal(decoded(media.encode(image)).reshape(image.shape), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_enlarged_crisply_each_pixel_becomes_a_square(channels):
    image = pictures(1, 5, channels)[0]
    large = media.enlarge(image, 3)
    assert np.array_equal(large, image.repeat(3, 0).repeat(3, 1))
    assert media.enlarge(image, 3, smooth=True).shape == large.shape
    assert not np.array_equal(media.enlarge(image, 3, smooth=True), large)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_shows_every_frame(channels):
    frames = smooth(6, channels=channels)
    film = Image.open(io.BytesIO(media.gif(frames, fps=10)))
    shown = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(film)]
    assert len(shown) == 6
    for frame, picture in zip(frames.astype(int), shown, strict=True):
        assert np.abs(picture - frame).mean() < 6  # 256 colours a frame
    assert film.info["duration"] == 100
    assert film.info["loop"] == 0


def test_a_gif_may_play_once_and_no_faster_than_browsers_do():
    film = Image.open(io.BytesIO(media.gif(smooth(3), fps=1000, loop=False)))
    assert "loop" not in film.info
    assert film.info["duration"] == 20


@pytest.mark.parametrize("shape", [(32, 48, 3), (28, 28, 1), (33, 47, 3)])
def test_a_film_shows_every_frame_in_a_form_that_browsers_play(shape):
    av = pytest.importorskip("av", reason="reading films needs av")
    height, width, channels = shape
    frames = smooth(9, height, width, channels)
    with av.open(io.BytesIO(media.mp4(frames, fps=24))) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 24
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(stream)]
    assert len(shown) == 9
    for frame, picture in zip(frames.astype(int), shown, strict=True):
        assert picture.shape == (height + height % 2, width + width % 2, 3)
        assert np.abs(picture[:height, :width] - frame).mean() < 8


def test_the_same_frames_make_the_same_bytes():
    pytest.importorskip("av", reason="films need av")
    frames = smooth(4)
    for make in (media.gif, media.mp4):
        assert make(frames) == make(frames)


def test_saving_makes_the_folder_and_replaces_the_file(tmp_path):
    path = tmp_path / "deep" / "er" / "a.bin"
    for data in (b"one", b"two"):
        media.save(path, data)
        assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]
