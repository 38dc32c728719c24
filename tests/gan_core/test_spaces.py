"""A model in the latent space w: the same pictures, truncation to the mean, files of its own."""

import json

import numpy as np
import pytest
import torch

import gan_core
from gan_core import checkpoint, export_onnx, latent, spaces
from gan_core.__main__ import main
from gan_core.latent_space import directions, discover_directions, encoder, inversion
from gan_core.metrics import path_length, store
from gan_core.util.errors import InputError
from support import save_checkpoint


def make(tmp_path, name):
    sizes = {"name": name, "size": 28, "channels": 1, "ngf": 2, "ndf": 2}
    return save_checkpoint(tmp_path / name, nz=6, architecture=sizes)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    """The mean of w is taken over few samples, since each has a random stream of its own."""
    monkeypatch.setattr(spaces, "SAMPLES", 512)


@pytest.fixture
def path(tmp_path):
    return make(tmp_path, "style")


@pytest.fixture
def in_z(path):
    return gan_core.load(path)


@pytest.fixture
def in_w(path):
    return gan_core.load(path, space="w")


@torch.inference_mode()
def mapped(model, z):
    """What the mapping network makes of latents in z, as it is in the generator."""
    return model.generator.mapping(torch.from_numpy(z)).numpy()


@torch.inference_mode()
def drawn(model, w):
    """Pictures of intermediate latents, uint8 (N, H, W, C)."""
    images = model.generator.synthesis(torch.from_numpy(w)).permute(0, 2, 3, 1)
    return checkpoint.to_uint8(images.numpy())


def test_a_seed_is_the_same_picture_in_both_spaces(in_z, in_w):
    a = in_z.generate(in_z.prior.sample(70, seed=3)).astype(int)
    b = in_w.generate(in_w.prior.sample(70, seed=3))
    assert np.abs(a - b).max() <= 1
    assert a.std() > 1
    same = in_w.prior.of(in_z.prior.sample(70, seed=3))
    assert np.array_equal(same, in_w.prior.sample(70, seed=3))
    assert in_z.has_w
    assert in_w.has_w


@pytest.mark.slow
def test_a_sample_does_not_depend_on_those_beside_it(in_w):
    assert np.array_equal(in_w.prior.sample(1, seed=5)[0], in_w.prior.sample(70)[5])


@pytest.mark.slow
def test_latents_are_centred_and_scaled(in_z, in_w):
    u = in_w.prior.sample(spaces.SAMPLES, spaces.FIRST_SEED)
    assert u.dtype == np.float32
    assert np.abs(u.mean(0)).max() < 1e-5
    assert np.sqrt(np.square(u).mean()) == pytest.approx(1, abs=1e-5)
    w = mapped(in_z, in_z.prior.sample(4))
    assert np.allclose(
        in_w.prior.of(in_z.prior.sample(4)) * in_w.prior.scale + in_w.prior.mean, w, atol=1e-5
    )


@pytest.mark.slow
def test_truncation_is_that_of_w(in_z, in_w):
    w = mapped(in_z, in_z.prior.sample(5))
    mean = mapped(in_z, in_z.prior.sample(spaces.SAMPLES, spaces.FIRST_SEED)).mean(0)
    expected = drawn(in_z, ((w + mean) / 2).astype(np.float32)).astype(int)
    half = in_w.generate(latent.truncate(in_w.prior.sample(5), 0.5))
    assert np.abs(expected - half).max() <= 1
    whole = in_w.generate(in_w.prior.sample(5))
    assert np.abs(whole.astype(int) - half).max() > 1
    assert latent.least_psi(in_w.prior) == 0
    assert latent.natural_mode(in_w.prior) == "lerp"
    assert latent.natural_mode(in_z.prior) == "slerp"


def test_truncating_z_changes_nothing(in_z):
    """Why w is truncated."""
    z = in_z.prior.sample(3)
    half = in_z.generate(latent.truncate(z, 0.5))
    assert np.abs(half.astype(int) - in_z.generate(z)).max() <= 1


@pytest.mark.slow
def test_the_two_spaces_have_different_hashes(in_z, in_w):
    assert in_z.hash == in_z.weights == in_w.weights
    assert in_w.hash != in_z.hash
    assert in_w.hash == gan_core.load(in_w.directory, space="w").hash
    assert len(in_w.digest) == 64


def test_a_model_without_a_mapping_network_and_an_unknown_space_are_refused(tmp_path, path):
    dcgan = make(tmp_path, "dcgan")
    assert not gan_core.load(dcgan).has_w
    with pytest.raises(InputError, match="dcgan has no mapping network"):
        gan_core.load(dcgan, space="w")
    with pytest.raises(InputError, match="'s'; it must be z or w"):
        gan_core.load(path, space="s")


def test_a_card_cannot_choose_the_space(path, in_z):
    file = path / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"space": "w"}))
    assert gan_core.load(path).hash == in_z.hash
    assert "space" not in gan_core.load(path).card


@pytest.mark.slow
def test_measurements_in_w_are_kept_beside_those_in_z(path, in_z, in_w):
    def measured(model, value):
        return {"model": model.weights, "value": value} | store.in_space(model)

    store.save_metrics(path, {"paths": measured(in_z, 1)})
    store.save_metrics(path, {"paths": measured(in_w, 2)})
    card, in_w = checkpoint.read_card(path), gan_core.load(path, space="w").card
    assert store.load_metrics(card, "paths")["value"] == 1
    assert store.load_metrics(in_w, "paths")["value"] == 2
    assert store.load_metrics(card, "paths in w") is None


@pytest.mark.slow
def test_directions_of_each_space_have_a_file_of_their_own(path, in_z, in_w):
    for model in (in_z, in_w):
        directions.save(model, discover_directions.discover(model, k=2))
    assert [d.kind for d in directions.load(in_w)] == ["component"] * 2 + ["factor"] * 2
    assert not np.allclose(directions.load(in_z)[0].vector, directions.load(in_w)[0].vector)
    with pytest.raises(InputError, match="directions of the latent space w; use style in w"):
        directions.load(in_z, path / directions.FILE_IN_W)
    with pytest.raises(InputError, match="directions of the latent space z"):
        directions.load(in_w, path / directions.FILE)
    assert "## Directions in w" in discover_directions.card_section(path)


@pytest.mark.slow
def test_the_components_in_w_are_those_of_w(in_w):
    u = in_w.prior.sample(1024)
    first = directions.principal_components(in_w, k=1)[0]
    variances = np.linalg.eigvalsh(np.cov(u.T))
    assert np.var(u @ first) == pytest.approx(variances[-1], rel=0.05)


@pytest.mark.slow
def test_a_search_in_w_stays_among_the_samples(in_w):
    far = inversion.project_to_prior(torch.full((1, 6), 1000.0), in_w.prior)
    assert float(far.norm()) < 50
    near = torch.from_numpy(0.3 * in_w.prior.sample(3))
    assert torch.equal(inversion.project_to_prior(near, in_w.prior), near)
    target = in_w.generate(in_w.prior.sample(1, seed=9))[0]
    first, *_, last = inversion.invert(in_w, target, steps=30, starts=4)
    assert last.loss <= first.loss
    assert last.error < 40


@pytest.mark.slow
def test_an_encoder_of_z_serves_w(path, in_z, in_w):
    encoder.save(path, encoder.train(in_z, steps=2))
    images = in_z.generate(in_z.prior.sample(3))
    in_both = [encoder.load(model).encode(images) for model in (in_z, in_w)]
    assert np.array_equal(in_w.prior.of(in_both[0]), in_both[1])


@pytest.mark.slow
def test_an_encoder_of_w_serves_w_alone(path, in_z, in_w):
    saved = encoder.save(path, encoder.train(in_w, steps=2))
    images = in_w.generate(in_w.prior.sample(3))
    assert np.array_equal(encoder.load(in_w).encode(images), saved.encode(images))
    assert encoder.load(in_z) is None
    assert saved.about["space"] == "w"


@pytest.mark.slow
def test_a_model_with_a_mapping_network_gets_its_encoder_in_w(path, monkeypatch, capsys):
    monkeypatch.setattr(inversion, "POOL", 64)
    encoder.train_and_measure(path, steps=60, n=1)
    words = capsys.readouterr().out
    assert "R² of w is" in words
    about = encoder.load(checkpoint.load(path, "w")).about
    assert about["space"] == "w"
    assert about["measured"]["r2"] > 0
    assert "In w:" in words


@pytest.mark.slow
def test_an_onnx_file_takes_latents_of_w(tmp_path, in_z, in_w):
    pytest.importorskip("onnxscript")
    assert export_onnx.write(in_w, tmp_path / "w.onnx")["difference"] < 1e-3
    z = in_w.prior.sample(2)
    drawn = export_onnx.run(tmp_path / "w.onnx", z)
    assert np.allclose(drawn.transpose(0, 2, 3, 1), in_w.synthesize(z), atol=1e-3)
    assert export_onnx.place(in_w.digest) != export_onnx.place(in_z.digest)
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        export_onnx.write(in_w, tmp_path / "w.pt")


@pytest.mark.slow
def test_the_command_line_works_in_w(tmp_path, path, capsys):
    one, two = tmp_path / "z.png", tmp_path / "w.png"
    common = ["sample", str(path), "--count", "4", "--psi", "0.3"]
    assert main([*common[:2], str(one), *common[2:]]) == 0
    assert main([*common[:2], str(two), *common[2:], "--space", "w"]) == 0
    assert one.read_bytes() != two.read_bytes()
    walk = ["walk", str(path), str(tmp_path / "walk.png"), "--frames", "4", "--space", "w"]
    assert main(walk) == 0
    assert "by lerp" in capsys.readouterr().out
    assert main([*walk[:-1], "y"]) == 2
    assert "must be z or w" in capsys.readouterr().err


def test_the_card_has_a_section_for_each_space(path, in_w):
    result = {
        "measure": "PPL-x",
        "n": 1,
        "seed": 0,
        "modes": {
            mode: {"full": 1.0, "ends": 2.0, "realness": None, "full_error": None}
            for mode in latent.MODES
        },
        "model": in_w.weights,
    }
    store.save_metrics(path, {"paths": result | {"space": "w"}})
    card = checkpoint.read_card(path)
    assert path_length.card_section(card) == ""
    assert "path (in w)" in path_length.card_section(card | {"space": "w"})
    assert "--paths --space w" in path_length.card_section(card | {"space": "w"})
