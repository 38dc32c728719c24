"""What the page Train says of pictures before a run starts."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from explorer.widgets import train_form, train_preview
from gan_core.data import image_sources


def a_zip(path, n, text=False):
    with zipfile.ZipFile(path, "w") as archive:
        if text:
            archive.writestr("a.png", "no picture")
        for i in range(n):
            buffer = io.BytesIO()
            Image.new("RGB", (40, 20), (20 * i, 100, 50)).save(buffer, "PNG")
            archive.writestr(f"{i}.png", buffer.getvalue())
    return path


def test_the_number_of_pictures_and_the_first_ones_are_known_before_a_run(tmp_path):
    preview = train_preview.look(a_zip(tmp_path / "x.zip", 12), "mine.zip")
    assert (preview.count, preview.problem) == (12, "")
    assert preview.images.shape == (train_preview.SHOWN, train_preview.SIDE, train_preview.SIDE, 3)
    assert np.array_equal(preview.images[1, 5, 5], [20, 100, 50])


def test_unreadable_files_are_left_out_of_the_first_ones(tmp_path):
    path = a_zip(tmp_path / "x.zip", 3, text=True)
    assert len(image_sources.first_pictures(path, 8, 16)) == 3
    assert len(image_sources.first_pictures(path, 2, 16)) == 2
    assert len(image_sources.first_pictures(path, 8, 16, tries=1)) in (0, 1)


@pytest.mark.parametrize(
    ("n", "text", "words"), [(0, False, "contains no pictures"), (0, True, "no usable picture")]
)
def test_a_zip_that_cannot_be_used_is_said_at_once(tmp_path, n, text, words):
    path = a_zip(tmp_path / "x.zip", n, text)
    preview = train_preview.look(path, "mine.zip")
    assert words in preview.problem
    assert "mine.zip" in preview.problem
    assert str(tmp_path) not in preview.problem
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"not a zip at all")
    problem = train_preview.look(broken, "mine.zip").problem
    assert problem.startswith("mine.zip")
    assert str(tmp_path) not in problem


def test_what_start_waits_for_is_said():
    missing = train_form.what_is_missing
    assert missing(True, "a name", False) == "**Start needs a zip of pictures and a name.**"
    assert missing(False, "another name", False) == "**Start needs another name.**"
    assert missing(False, "", True) == "**These pictures cannot be used; choose others.**"
    assert missing(False, "", False) == ""
