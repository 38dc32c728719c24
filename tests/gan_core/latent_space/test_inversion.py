"""Inversion: the latent of a picture, the encoder that gives a start, and photos in a frame."""

import io
import itertools
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import gan_core
from gan_core import __main__ as command_line
from gan_core import checkpoint, latent
from gan_core.data import photo_alignment, training_set
from gan_core.latent_space import encoder, inversion
from gan_core.util.errors import InputError
from support import save_checkpoint


class Turned(nn.Module):
    """A linear generator: latents (N, nz) -> images (N, 3, 4, 4), so that z can be recovered."""

    def __init__(self, nz):
        super().__init__()
        basis = np.linalg.qr(np.random.RandomState(0).standard_normal((48, nz)))[0]
        self.basis = nn.Parameter(torch.from_numpy(basis).float(), requires_grad=False)

    def forward(self, z):
        return (z @ self.basis.T).view(-1, 3, 4, 4) / 3


def linear(nz=6, prior="normal"):
    card = {"name": "linear", "architecture": {"size": 4, "channels": 3, "nz": nz}}
    card["files"] = {"generator.safetensors": f"linear {nz} {prior}"}
    return checkpoint.Model(Turned(nz).eval(), None, latent.Prior(prior, nz), card, Path("none"))


def tiny(make_checkpoint, **options):
    return gan_core.load(make_checkpoint(**options))


def usual(model, start=0):
    """A seed whose latent is of a usual length, so that the shell holds it."""
    shortest, longest = inversion.shell_bounds(model.prior)
    for seed in itertools.count(start):
        if shortest < np.linalg.norm(model.prior.sample(1, seed)) < longest:
            return seed
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_the_latent_of_a_linear_generators_sample_is_recovered(prior):
    model = linear(prior=prior)
    z = model.prior.sample(1, usual(model) if prior == "normal" else 3)
    *_, now = inversion.invert(model, model.generate(z)[0], steps=200)
    assert np.abs(now.z - z[0]).max() < 0.05  # the picture has 256 levels
    assert now.error < 1
    assert (now.step, now.steps) == (200, 200)


@pytest.mark.slow
def test_a_sample_of_a_dcgan_comes_nearer_and_stays_on_the_shell(make_checkpoint):
    model = tiny(make_checkpoint)
    before = {name: value.clone() for name, value in model.generator.state_dict().items()}
    image = model.generate(model.prior.sample(1, usual(model, 5)))[0]
    steps = list(inversion.invert(model, image, steps=60, starts=6))
    losses = [now.loss for now in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.3 * losses[0]
    shortest, longest = inversion.shell_bounds(model.prior)
    for now in steps:
        assert shortest - 1e-4 <= np.linalg.norm(now.z) <= longest + 1e-4
    last = steps[-1]
    np.testing.assert_allclose(last.image.astype(int), model.generate(last.z[None])[0], atol=1)
    rms = np.sqrt(np.square(last.image.astype(float) - image).mean())
    assert last.error == pytest.approx(rms, abs=0.5)
    after = model.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.slow
def test_latents_of_the_uniform_prior_stay_in_the_cube(make_checkpoint):
    model = tiny(make_checkpoint, prior="uniform", discriminator=False)
    white = np.full((32, 32, 3), 255, np.uint8)
    for now in inversion.invert(model, white, steps=30, starts=4):
        assert np.abs(now.z).max() <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_steps_and_stopping_keeps_the_best(make_checkpoint):
    model = tiny(make_checkpoint)
    image = model.generate(model.prior.sample(1, 9))[0]
    whole = list(inversion.invert(model, image, steps=20, starts=4, seed=3))
    search = inversion.invert(model, image, steps=20, starts=4, seed=3)
    some = [next(search) for _ in range(8)]
    search.close()
    assert [now.loss for now in some] == [now.loss for now in whole[:8]]
    assert np.array_equal(some[-1].z, whole[7].z)
    starts = [inversion.first_latents(model, image, None, 8, seed) for seed in (3, 4)]
    assert not np.array_equal(*starts)


def test_others_draw_between_two_steps(make_checkpoint):
    model = tiny(make_checkpoint)
    model.turn = threading.Semaphore(1)
    image = model.generate(model.prior.sample(1, 1))[0]
    for _ in inversion.invert(model, image, steps=3, starts=2):
        assert model.turn.acquire(blocking=False)
        model.turn.release()


@pytest.mark.slow
@pytest.mark.parametrize("nz", [2, 10, 100])
def test_the_usual_lengths_hold_99_percent_of_the_prior(nz):
    z = np.random.RandomState(0).standard_normal((100_000, nz))
    shortest, longest = inversion.shell_bounds(latent.Prior("normal", nz))
    norms = np.linalg.norm(z, axis=1)
    assert ((norms >= shortest) & (norms <= longest)).mean() == pytest.approx(0.99, abs=0.006)


def test_an_image_of_another_size_is_refused(make_checkpoint):
    model = tiny(make_checkpoint)
    for image in (np.zeros((16, 16, 3), np.uint8), np.zeros((32, 32, 3), np.float32)):
        with pytest.raises(InputError, match="32 × 32 × 3"):
            next(inversion.invert(model, image))


@pytest.mark.slow
def test_measured_errors_are_saved_and_read_again(make_checkpoint, make_set):
    model = tiny(make_checkpoint)
    data = training_set.load(make_set(n=5, held_out=4))
    result = inversion.measure(model, data, n=2, steps=10, starts=3)
    assert {kind: len(row) for kind, row in result["errors"].items()} == {
        "samples": 2,
        "training": 2,
        "held-out": 2,
    }
    # Noise is nothing that it can draw; its own samples are.
    assert max(result["errors"]["samples"]) < min(result["errors"]["held-out"])
    assert inversion.load_metrics(model) is None
    inversion.save_metrics(model.directory, result)
    again = gan_core.load(model.directory)
    assert inversion.load_metrics(again) == result
    assert "| held-out | 2 |" in inversion.table(result)
    for wrong in ({"model": "other"}, {"errors": {"x": [1]}}, {"errors": {"samples": 3}}):
        again.card["metrics"]["inversion"] = result | wrong
        assert inversion.load_metrics(again) is None


@pytest.mark.slow
def test_the_encoder_learns_latents_and_stays_with_its_generator(make_checkpoint):
    model = tiny(make_checkpoint)
    trained = encoder.train(model, steps=60, batch=32)
    assert trained.about["measured"]["r2"] > 0.5
    assert encoder.load(model) is None
    saved = encoder.save(model.directory, trained)
    loaded = encoder.load(model)
    images = model.generate(model.prior.sample(3, 0))
    np.testing.assert_array_equal(loaded.encode(images), trained.encode(images))
    assert loaded.hash == saved.hash
    *_, now = inversion.invert(model, images[0], encoder=loaded, steps=5, starts=4)
    assert now.error < 60
    model.card["files"]["generator.safetensors"] = "0" * 64
    with pytest.raises(InputError, match="another generator"):
        encoder.load(model)
    path = model.directory / encoder.FILE
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        encoder.load(model)


# Photos.


def photo(width=300, height=200, seed=0):
    stream = np.random.RandomState(seed)
    coarse = Image.fromarray(stream.randint(0, 256, (8, 12, 3)).astype(np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_a_photo_is_turned_as_its_exif_says_and_made_smaller():
    tags = Image.Exif()
    tags[0x0112] = 6  # a quarter turn
    image = photo_alignment.read_photo(encoded(photo(3000, 2000), "JPEG", exif=tags))
    assert image.mode == "RGB"
    assert image.height == 1024
    assert image.width == pytest.approx(683, abs=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a picture"),
        (b"GIF89a and nothing", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (encoded(photo())[:-500], "damaged"),
        (b"\0" * (photo_alignment.MAX_BYTES + 1), "10 MB"),
        (encoded(Image.new("1", (10_000, 5_001))), "25 million"),
        (encoded(Image.new("RGB", (7, 900))), "8 pixels"),
        (encoded(Image.new("RGB", (20, 6000))), "narrow strip"),
    ],
)
def test_what_is_no_photo_is_one_sentence(content, words):
    with pytest.raises(InputError, match=words) as caught:
        photo_alignment.read_photo(content)
    assert str(caught.value).count(". ") == 0


def test_a_plain_square_is_cut_as_training_images_are():
    from gan_core.data import decoding

    image = photo()
    ours = photo_alignment.cut(image, photo_alignment.Frame(side=0.8), 64)
    np.testing.assert_array_equal(ours, decoding.square(image, 64, 0.8, 3))
    assert photo_alignment.cut(image, photo_alignment.Frame(), 32, 1).shape == (32, 32, 1)


def test_a_turned_square_holds_what_the_photo_has_there():
    image = photo()
    turned = photo_alignment.cut(image, photo_alignment.Frame(turn=90, side=0.8), 64).astype(float)
    straight = photo_alignment.cut(image, photo_alignment.Frame(side=0.8), 64).astype(float)
    # What is right of the photo's centre is above the centre of a frame turned clockwise.
    assert np.abs(turned - np.rot90(straight)).mean() < 3
    beyond = photo_alignment.cut(image, photo_alignment.Frame(x=0, y=0, side=2), 16)
    corner = np.asarray(image)[0, 0].astype(int)
    assert np.abs(beyond[0, 0].astype(int) - corner).max() <= 1


def test_eyes_and_frame_determine_each_other():
    frame = photo_alignment.Frame(0.4, 0.55, 0.7, -25.0)
    eyes = photo_alignment.eyes_of_frame((300, 200), frame)
    again = photo_alignment.frame_of_eyes((300, 200), *eyes)
    assert np.allclose([again.x, again.y, again.side, again.turn], [0.4, 0.55, 0.7, -25.0])
    with pytest.raises(InputError, match="too close"):
        photo_alignment.frame_of_eyes((300, 200), (0.5, 0.5), (0.501, 0.5))


@pytest.mark.parametrize("text", ["", "1,2,3", "0.6,0.5,0.4,0.5", "a,b,c,d", "nan,0,1,0"])
def test_eyes_that_cannot_be(text):
    with pytest.raises(InputError, match="eyes"):
        photo_alignment.read_eyes(text)
    assert photo_alignment.read_eyes("0.3, 0.5,0.7,0.5") == ((0.3, 0.5), (0.7, 0.5))


def test_without_a_detector_no_eyes_are_detected(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    assert not photo_alignment.can_find_eyes()
    assert photo_alignment.find_eyes(photo()) is None


@pytest.mark.slow
def test_the_verbs_encoder_and_invert(make_checkpoint, tmp_path, capsys, monkeypatch):
    from gan_core import model_card

    monkeypatch.setattr(
        model_card, "write", lambda directory: None
    )  # of an untrained model: no record
    directory = make_checkpoint()
    (tmp_path / "me.png").write_bytes(encoded(photo()))
    verb = ["encoder", str(directory), "--steps", "3", "--n", "1", "--eyes", "0.3,0.4,0.7,0.4"]
    assert command_line.main([*verb, "--json"]) == 0
    message = json.loads(capsys.readouterr().out.splitlines()[-1])
    model = gan_core.load(directory)
    assert inversion.load_metrics(model) == message["inversion"]
    assert message["inversion"]["eyes"] == [[0.3, 0.4], [0.7, 0.4]]
    assert encoder.load(model).about == message["encoder"]
    out = tmp_path / "pair.png"
    verb = ["invert", str(directory), str(tmp_path / "me.png"), str(out), "--json"]
    assert command_line.main(verb) == 0
    matches = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert matches["model_hash"] == model.hash
    assert Image.open(out).height == 128
    assert command_line.main([*verb[:2], str(directory / "model.json"), str(out)]) == 2
    assert "not a picture" in capsys.readouterr().err


@pytest.mark.slow
def test_the_encoder_of_a_model_with_a_mapping_network_is_measured_in_both_spaces(
    tmp_path, capsys, monkeypatch
):
    from gan_core import model_card

    monkeypatch.setattr(model_card, "write", lambda directory: None)
    sizes = {"name": "style", "size": 28, "channels": 1, "ngf": 2, "ndf": 2}
    directory = save_checkpoint(tmp_path / "style", nz=6, architecture=sizes)
    verb = ["encoder", str(directory), "--n", "1", "--json"]
    assert command_line.main([*verb, "--steps", "0"]) == 0  # from random starts alone
    without = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert without["encoder"] is None
    assert without["inversion"]["encoder"] == without["inversion in w"]["encoder"] == ""
    assert command_line.main([*verb, "--steps", "2"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    measured = {space: inversion.load_metrics(checkpoint.load(directory, space)) for space in "zw"}
    assert measured == {"z": first["inversion"], "w": first["inversion in w"]}
    assert measured["w"]["errors"] != measured["z"]["errors"]
    seal = encoder.load(checkpoint.load(directory, "w")).hash
    assert (measured["z"]["encoder"], measured["w"]["encoder"]) == ("", seal)
    assert command_line.main([*verb, "--steps", "0"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again == first
    assert encoder.load(checkpoint.load(directory, "w")).hash == seal
