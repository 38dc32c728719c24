"""Whether two sets hold the same pictures, though no byte of them is the same."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

import gan_core
import gan_core.checkpoint
import gan_core.util.atomic_files
from gan_core import checkpoint
from gan_core.data import decoding, perceptual_hash, training_set
from gan_core.util.errors import InputError
from support import ROOT, pictures


def coarse(n, seed=0):
    """n pictures 32 × 32 with something to see at every scale."""
    small = pictures(n, 6, 3, seed)
    large = [Image.fromarray(p).resize((32, 32), Image.Resampling.BICUBIC) for p in small]
    return np.stack([np.asarray(image) for image in large])


def through(images, change):
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def enlarged(image, times=2, quality=75):
    """Enlarged and compressed as JPEG."""
    buffer = io.BytesIO()
    size = image.width * times, image.height * times
    image.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def again(image):
    """Enlarged, compressed, and brought back to its size."""
    return enlarged(image).resize(image.size, Image.Resampling.BICUBIC)


CHANGES = {
    "other pictures": lambda images: coarse(len(images), seed=1),
    "in another order": lambda images: np.roll(images, 1, axis=0),
    "moved by a pixel": lambda images: np.roll(images, 1, axis=2),
    "mirrored": lambda images: images[:, :, ::-1],
    "one of them another": lambda images: np.concatenate([images[:-1], coarse(1, seed=2)]),
    "fewer": lambda images: images[:100],
}


def test_scaled_and_compressed_pictures_are_alike():
    images = coarse(300)
    other = through(images, again)
    assert (other != images).mean() > 0.5
    assert perceptual_hash.alike(perceptual_hash.likeness(images), other)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_the_same_set_is_not_alike(change):
    images = coarse(300)
    assert not perceptual_hash.alike(perceptual_hash.likeness(images), change(images))


def test_a_likeness_is_short_and_the_same_anywhere():
    assert perceptual_hash.likeness(coarse(3)) == perceptual_hash.likeness(coarse(3).copy())
    assert len(perceptual_hash.likeness(coarse(3))) == 3 * perceptual_hash.LENGTH
    assert (
        len(perceptual_hash.likeness(coarse(1000)))
        == perceptual_hash.COUNT * perceptual_hash.LENGTH
    )
    ramp = np.arange(64, dtype=np.uint8)[None, None, :, None].repeat(64, 1)
    assert perceptual_hash.likeness(ramp) == "f" * perceptual_hash.LENGTH
    assert perceptual_hash.likeness(ramp[:, :, ::-1]) == "0" * perceptual_hash.LENGTH


@pytest.fixture
def model(make_checkpoint, tmp_path):
    """A model trained on 300 pictures, and a function that packs others."""

    def pack(name, images):
        with training_set.writing(tmp_path / name, 32, 3, {"name": name}) as writer:
            for number, image in enumerate(images):
                writer.add(image, f"{number}.png")
        return tmp_path / name

    directory = make_checkpoint()
    about = training_set.read_card(pack("own", coarse(300)))
    card = gan_core.util.atomic_files.read_json(directory / "model.json", "a model")
    gan_core.util.atomic_files.write_json(directory / "model.json", card | {"training_set": about})
    return gan_core.load(directory), pack


def test_a_set_knows_its_model(model, tmp_path):
    model, pack = model
    about = model.card["training_set"]
    assert training_set.load(tmp_path / "own").is_of(about) == "exactly"
    scaled = training_set.load(pack("scaled", through(coarse(300), again)))
    assert scaled.fingerprint != about["fingerprint"]
    assert scaled.is_of(about) == "alike"
    assert training_set.load(pack("fewer", coarse(300)[:299])).is_of(about) == ""
    del about["likeness"]
    assert scaled.is_of(about) == ""


def test_evaluate_takes_what_looks_alike_and_nothing_else(model, tmp_path):
    model, pack = model
    result = checkpoint.find_images(model, pack("scaled", through(coarse(300), again)))
    assert result.card["name"] == "scaled"
    with pytest.raises(InputError, match="does not hold the images"):
        checkpoint.find_images(model, pack("mirrored", coarse(300)[:, :, ::-1]))


@pytest.mark.parametrize("wrong", [["00"], "xyz", "0" * 15, "0" * 16 * 257, "A" * 16, 5])
def test_a_likeness_that_is_none_is_refused(make_set, wrong):
    directory = make_set()
    card = training_set.read_card(directory)
    assert len(card["likeness"]) == 64 * perceptual_hash.LENGTH
    gan_core.util.atomic_files.write_json(directory / "set.json", card | {"likeness": wrong})
    with pytest.raises(InputError, match=r"set\.json is damaged: the likeness"):
        training_set.read_card(directory)


@pytest.mark.slow
def test_faces_of_another_size_are_those_that_faces_was_trained_on(shared):
    """CelebA as one downloads it is twice as large as what the shipped faces were packed from."""
    about = gan_core.checkpoint.read_card(ROOT / "checkpoints" / "faces")["training_set"]
    crop = about["framing"]["crop"]
    rows = np.unique(np.linspace(0, 9499, perceptual_hash.COUNT).astype(int))
    with zipfile.ZipFile(shared / "celeba10k_89x109.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))

        def packed(change, crop=crop, offset=0):
            result = [Image.open(archive.open(names[row + offset])) for row in rows]
            return np.stack([decoding.square(change(image), 64, crop, 3) for image in result])

        def apart(images):
            ours, theirs = map(bytes.fromhex, (perceptual_hash.likeness(images), about["likeness"]))
            bits = np.frombuffer(ours, np.uint8) ^ np.frombuffer(theirs, np.uint8)
            return round(100 * np.unpackbits(bits).mean(), 1)

        def moved(image):
            return image.transform(image.size, Image.Transform.AFFINE, (1, 0, 1, 0, 1, 0))

        large, same = packed(enlarged), packed(lambda image: image)
        narrow, aside = packed(lambda image: image, crop=0.75), packed(moved)
        next_ones = packed(lambda image: image, offset=1)
    assert perceptual_hash.alike(about["likeness"], large)
    assert [apart(images) for images in (same, large)] == [0, 0.5]
    for others, share in ((narrow, 7), (aside, 6), (next_ones, 42)):
        assert not perceptual_hash.alike(about["likeness"], others)
        assert round(apart(others)) == share
