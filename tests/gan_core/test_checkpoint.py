"""Checkpoints: what is saved comes back, and nothing damaged gets through."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_core import checkpoint
from gan_core.data import training_set
from gan_core.networks import registry
from gan_core.util.errors import InputError
from support import ROOT, pictures


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_what_is_saved_is_loaded(make_checkpoint, channels, prior):
    directory = make_checkpoint(size=28, channels=channels, prior=prior)
    model = checkpoint.load(directory)
    for file in ("generator", "discriminator"):
        saved = load_file(directory / f"{file}.safetensors")
        loaded = getattr(model, file).state_dict()
        assert saved.keys() == loaded.keys()
        assert all(torch.equal(saved[key], loaded[key]) for key in saved)
        assert not getattr(model, file).training
    assert (model.name, model.size) == ("model", 28)
    assert (model.prior.kind, model.prior.size) == (prior, 8)
    assert model.hash == sha256(directory / "generator.safetensors")[:12]
    images = model.generate(model.prior.sample(3))
    assert images.shape == (3, 28, 28, channels)
    assert images.dtype == np.uint8


def test_loading_twice_draws_the_same_pictures(make_checkpoint):
    directory = make_checkpoint()
    first, second = checkpoint.load(directory), checkpoint.load(directory)
    z = first.prior.sample(5)
    assert np.array_equal(first.synthesize(z), second.synthesize(z))


def test_a_latent_means_the_same_picture_alone_and_in_a_batch(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    z = model.prior.sample(70)  # more than one batch
    together = model.synthesize(z)
    assert together.std() > 0.01
    for i in (0, 1, 33, 63, 64, 69):
        assert np.abs(model.synthesize(z[i : i + 1]) - together[i]).max() < 1e-4
    assert np.abs(model.synthesize(z[::-1].copy())[::-1] - together).max() < 1e-4


@pytest.mark.parametrize("name", ["avatars", "faces"])
def test_the_models_that_travel_draw_the_same_alone_and_in_a_batch(name):
    directory = ROOT / "checkpoints" / name
    if not (directory / "model.json").exists():
        pytest.skip(f"needs checkpoints/{name}")
    model = checkpoint.load(directory)
    z = model.prior.sample(64)
    together = model.synthesize(z)
    for i in (0, 17, 63):
        assert np.abs(model.synthesize(z[i : i + 1]) - together[i]).max() < 1e-4


def test_realness_is_the_discriminators_probability(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    images = pictures(66)
    realness = model.realness(images)
    assert realness.shape == (66,)
    assert realness.dtype == np.float32
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = torch.sigmoid(model.discriminator(x)).numpy()
    assert np.allclose(realness, expected, atol=1e-5)


def test_without_a_discriminator(make_checkpoint):
    make_checkpoint()
    directory = make_checkpoint(discriminator=False)  # over one that had it
    assert not (directory / "discriminator.safetensors").exists()
    model = checkpoint.load(directory)
    assert model.discriminator is None
    assert model.generate(model.prior.sample(1)).shape == (1, 32, 32, 3)
    with pytest.raises(InputError, match="ships without its discriminator"):
        model.realness(pictures(1))


def test_no_latents_make_no_pictures(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    assert len(model.generate(np.zeros((0, 8), np.float32))) == 0


@pytest.mark.parametrize(
    ("z", "part"),
    [
        (np.zeros((2, 7)), "8 numbers each"),
        (np.zeros(8), "8 numbers each"),
        (np.zeros((1, 8, 1)), "8 numbers each"),
        (np.full((1, 8), np.nan), "not finite"),
        (np.array([[0, 0, 0, np.inf, 0, 0, 0, 0]]), "not finite"),
        (np.full((1, 8), 1e300), "not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_latents_that_do_not_fit_are_refused(make_checkpoint, z, part):
    model = checkpoint.load(make_checkpoint())
    with pytest.raises(InputError, match=part):
        model.generate(z)


def test_the_256_levels_survive_the_way_to_the_network_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    floats = checkpoint.to_float(torch.from_numpy(levels))
    assert floats.shape == (1, 1, 16, 16)
    assert floats.min() == -1
    assert floats.max() == 1
    assert np.array_equal(checkpoint.to_uint8(floats.permute(0, 2, 3, 1).numpy()), levels)
    assert checkpoint.to_uint8(np.array([-1.5, 1.5])).tolist() == [0, 255]
    assert checkpoint.to_uint8(np.array([0.49, 0.51]) / 127.5).tolist() == [128, 128]


def test_images_keep_their_channels_apart():
    images = torch.from_numpy(pictures(2, 8))
    floats = checkpoint.to_float(images)
    assert torch.allclose(floats[1, 2, 3, 4], images[1, 3, 4, 2] / 127.5 - 1)


def test_weights_hold_no_pickle(make_checkpoint):
    directory = make_checkpoint()
    files = {path.suffix for path in directory.iterdir()}
    assert files == {".json", ".safetensors"}
    for path in directory.glob("*.safetensors"):
        with safe_open(path, "np") as tensors:
            assert list(tensors.keys())
        head = int.from_bytes(path.read_bytes()[:8], "little")
        assert isinstance(json.loads(path.read_bytes()[8 : 8 + head]), dict)


def test_saving_leaves_no_temporary_files_and_keeps_others(make_checkpoint, tmp_path):
    directory = make_checkpoint()
    (directory / "README.md").write_text("mine")
    make_checkpoint(seed=1)
    assert (directory / "README.md").read_text() == "mine"
    names = {path.name for path in directory.iterdir()}
    expected = {"README.md", "model.json", "generator.safetensors", "discriminator.safetensors"}
    assert names == expected
    checkpoint.load(directory)


# --- Damage. ---


def edit(name, change):
    def damage(directory):
        path = directory / name
        path.write_bytes(change(path.read_bytes()))

    return name, damage


def card(change):
    """Damage to model.json: `change` edits the parsed card in place."""

    def damage(data):
        content = json.loads(data)
        change(content)
        return json.dumps(content).encode()

    return edit("model.json", damage)


def architecture(**sizes):
    def change(content):
        content["architecture"] |= sizes
        if "nz" in sizes:
            content["prior"]["size"] = sizes["nz"]

    return card(change)


def flip_bit(data):
    middle = len(data) * 3 // 4
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def rehashed(name, change):
    """Damage to weights that the hash in model.json has been made to fit."""

    def damage(directory):
        path = directory / name
        change(path)
        content = json.loads((directory / "model.json").read_text())
        content["files"][name] = sha256(path)
        (directory / "model.json").write_text(json.dumps(content))

    return name, damage


def of_another_architecture(path):
    sizes = {"size": 64, "channels": 3, "nz": 8, "ngf": 4, "ndf": 4}
    save_file(registry.build({"name": "dcgan", **sizes})[0].state_dict(), path)


def one_tensor_less(path):
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path)


G, D = "generator.safetensors", "discriminator.safetensors"

DAMAGE = {
    "no model.json": ("model.json", lambda d: (d / "model.json").unlink()),
    "not JSON": edit("model.json", lambda data: data[:-10]),
    "not text": edit("model.json", lambda data: b"\xff\x00" + data),
    "empty": edit("model.json", lambda data: b""),
    "a list": edit("model.json", lambda data: b"[1]"),
    "too deep": edit("model.json", lambda data: b'{"a":' * 100_000),
    "other format": card(lambda c: c.update(format=99)),
    "no format": card(lambda c: c.pop("format")),
    "no name": card(lambda c: c.pop("name")),
    "no architecture": card(lambda c: c.pop("architecture")),
    "no prior": card(lambda c: c.pop("prior")),
    "no training": card(lambda c: c.pop("training")),
    "no training set": card(lambda c: c.pop("training_set")),
    "no files": card(lambda c: c.pop("files")),
    "name a number": card(lambda c: c.update(name=3)),
    "no generator named": card(lambda c: c["files"].pop(G)),
    "prior without kind": card(lambda c: c["prior"].pop("kind")),
    "prior of another size": card(lambda c: c["prior"].update(size=9)),
    "prior of a fraction": card(lambda c: c["prior"].update(size=8.0)),
    "unknown prior": card(lambda c: c["prior"].update(kind="cauchy")),
    "unknown architecture": architecture(name="stylegan"),
    "architecture a list": architecture(name=["dcgan"]),
    "negative width": architecture(ngf=-4),
    "width of words": architecture(ndf="4"),
    "huge width": architecture(ngf=10**15),
    "too many parameters": architecture(ngf=65536, ndf=65536),
    "huge nz": architecture(nz=10**12),
    "other size": architecture(size=50),
    "two channels": architecture(channels=2),
    "one size more": architecture(depth=3),
    "no ndf": card(lambda c: c["architecture"].pop("ndf")),
    "generator gone": (G, lambda d: (d / G).unlink()),
    "discriminator gone": (D, lambda d: (d / D).unlink()),
    "generator cut": edit(G, lambda data: data[:-1]),
    "generator empty": edit(G, lambda data: b""),
    "generator a bit flipped": edit(G, flip_bit),
    "discriminator a bit flipped": edit(D, flip_bit),
    "cut and rehashed": rehashed(G, lambda p: p.write_bytes(p.read_bytes()[:-1])),
    "pickle and rehashed": rehashed(G, lambda p: torch.save({"a": torch.ones(1)}, p)),
    "other architecture": rehashed(G, of_another_architecture),
    "tensor missing": rehashed(D, one_tensor_less),
    "weights of another width": (G, architecture(ngf=8)[1]),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_one_sentence_that_names_the_file(make_checkpoint, name, damage):
    directory = make_checkpoint()
    damage(directory)
    with pytest.raises(InputError) as caught:
        checkpoint.load(directory)
    message = str(caught.value)
    assert str(directory / name) in message
    assert message.endswith(".")
    assert "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message)  # one sentence
    assert len(message) < len(str(directory)) * 2 + 300


@pytest.mark.parametrize(("change", "newer"), [(1, True), (-1, False)])
def test_a_newer_format_says_so_and_what_to_do(make_checkpoint, make_set, change, newer):
    directory, packed = make_checkpoint(), make_set()
    for path, read in (
        (directory / "model.json", checkpoint.load),
        (packed / "set.json", training_set.load),
    ):
        card = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps(card | {"format": card["format"] + change}), "utf-8")
        with pytest.raises(InputError, match="this version reads format 1") as caught:
            read(path.parent)
        said = "is of format 2, which a newer version of this project wrote" in str(caught.value)
        assert said == newer == ("update this project" in str(caught.value))


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"model\.json is missing"):
        checkpoint.load(tmp_path / "nowhere")


# --- The training set that travels with it. ---


def give_set(directory, packed, fingerprint):
    """Put an embedded training set into a checkpoint and name it in the card."""
    training_set.embed(packed, directory / "training_set")
    content = json.loads((directory / "model.json").read_text())
    content["training_set"] = {"fingerprint": fingerprint}
    (directory / "model.json").write_text(json.dumps(content))


def test_the_training_set_travels(make_checkpoint, make_set):
    packed = make_set(n=5, size=8)
    directory = make_checkpoint()
    images = training_set.load(packed)
    give_set(directory, packed, images.fingerprint)
    result = checkpoint.load(directory).training_set()
    assert np.array_equal(result.images, images.images)


def test_another_training_set_is_noticed(make_checkpoint, make_set):
    directory = make_checkpoint()
    give_set(directory, make_set(n=5, size=8), "0" * 64)
    with pytest.raises(InputError, match="does not hold the images"):
        checkpoint.load(directory).training_set()


def test_a_training_set_that_does_not_travel(make_checkpoint):
    directory = make_checkpoint()
    with pytest.raises(InputError, match="do not come with it"):
        checkpoint.load(directory).training_set()
    content = json.loads((directory / "model.json").read_text())
    content["training_set"] = {"how": "Ask the archive."}
    (directory / "model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"Ask the archive\."):
        checkpoint.load(directory).training_set()
