"""Drawings and photographs are distinguished."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_core.data import picture_kind, training_set
from support import ROOT, pictures


def test_flat_areas_make_a_drawing():
    flat = np.zeros((4, 32, 32, 3), np.uint8)
    flat[:, 8:20, 8:20] = 200
    assert picture_kind.kind_of(flat) == "drawing"
    assert picture_kind.kind_of(pictures(4)) == "photograph"


def test_a_pixel_must_be_equal_in_every_channel():
    stripes = np.zeros((1, 4, 8, 3), np.uint8)
    stripes[..., 2] = np.arange(8)  # blue alone changes
    assert picture_kind.flatness(stripes) == 0
    assert picture_kind.flatness(stripes[:, :, :, :2]) == 1


def test_no_pictures_are_no_drawing():
    assert picture_kind.kind_of(np.empty((0, 8, 8, 3), np.uint8)) == "photograph"


@pytest.mark.slow
def test_the_avatars_are_drawings():
    images = training_set.load(ROOT / "checkpoints" / "avatars" / "training_set").images
    assert picture_kind.kind_of(images) == "drawing"


def test_faces_are_photographs(shared):
    with zipfile.ZipFile(shared / "celeba10k_89x109.zip") as archive:
        files = [name for name in archive.namelist() if name.endswith(".jpg")][:8]
        faces = [Image.open(io.BytesIO(archive.read(file))) for file in files]
    images = np.stack([np.asarray(face.convert("RGB").resize((64, 64))) for face in faces])
    assert len(images) == 8
    assert picture_kind.kind_of(images) == "photograph"
