"""Weights and encoders stored as float16: smaller files, nearly the same pictures, a record."""

import importlib.util

import numpy as np
import pytest

from gan_core import checkpoint
from gan_core.latent_space import encoder
from support import ROOT, save_checkpoint


@pytest.fixture
def program(monkeypatch):
    path = ROOT / "scripts" / "half_precision.py"
    spec = importlib.util.spec_from_file_location("half_precision", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # An untrained network has no run that a card could describe.
    monkeypatch.setattr(module.model_card, "write", lambda folder: None)
    return module


def size(path):
    return path.stat().st_size


def test_weights_are_rounded_once_and_the_change_is_recorded(program, tmp_path, capsys):
    folder = save_checkpoint(tmp_path / "model", statistics=True)
    z = checkpoint.load(folder).prior.sample(20, seed=0)
    images, before = checkpoint.load(folder).generate(z), size(folder / "generator.safetensors")
    assert program.main([str(folder), "--samples", "20"]) == 0
    assert size(folder / "generator.safetensors") < 0.7 * before
    model = checkpoint.load(folder)
    difference = np.abs(model.generate(z).astype(int) - images)
    assert model.card["training"]["rounded"]["largest"] == difference.max()
    assert program.main([str(folder)]) == 1
    assert "float16 already" in capsys.readouterr().err


@pytest.mark.slow
def test_an_encoder_is_rounded_once_and_measured_again(program, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoder, "TEST_SAMPLES", 32)
    folder = save_checkpoint(tmp_path / "model", statistics=True)
    assert program.main([str(folder), "--encoder"]) == 1
    assert "no encoder" in capsys.readouterr().err
    model = checkpoint.load(folder)
    encoder.save(folder, encoder.train(model, steps=1))
    before, path = encoder.load(model), folder / encoder.FILE
    full, codes = size(path), before.encode(model.generate(model.prior.sample(4, seed=0)))
    assert program.main([str(folder), "--encoder"]) == 0
    assert size(path) < 0.6 * full
    after = encoder.load(checkpoint.load(folder))
    pictures = model.generate(model.prior.sample(4, seed=0))
    assert np.allclose(after.encode(pictures), codes, atol=0.01)
    measured = encoder.measure(model, after)
    recorded = after.about["measured"]
    assert recorded["error"] == pytest.approx(measured["error"])
    assert recorded["before_rounding"] == before.about["measured"]
    assert program.main([str(folder), "--encoder"]) == 1
    assert "already" in capsys.readouterr().err


@pytest.mark.slow
def test_an_encoder_of_w_is_rounded_too(program, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoder, "TEST_SAMPLES", 32)
    folder = save_checkpoint(
        tmp_path / "model",
        architecture={"name": "style", "size": 28, "channels": 1, "ngf": 2, "ndf": 2},
    )
    model = checkpoint.load(folder, "w")
    saved = encoder.save(folder, encoder.train(model, steps=1))
    assert program.main([str(folder), "--encoder"]) == 0
    after = encoder.load(model)
    assert after.about["space"] == "w"
    assert after.hash != saved.hash
