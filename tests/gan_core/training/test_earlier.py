"""Earlier states of a run: which are kept, that they are bounded, and what a model has of them."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gan_core import checkpoint
from gan_core.training import earlier, publish
from gan_core.util.errors import InputError
from support import save_set
from test_loop import train
from test_publish import ABOUT


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of 80 images with grids every 16, and the model published from it."""
    place = tmp_path_factory.mktemp("earlier")
    data = save_set(place / "set")
    train(data, place / "run", kimg=0.08, grid_kimg=0.016)
    publish.publish(place / "run", place / "model", name="tiny", data=data, **ABOUT)
    earlier.publish(place / "run", place / "model")
    return place


@pytest.mark.slow
def test_a_run_keeps_its_generator_at_every_grid(place):
    assert list(earlier.positions(place / "run")) == [16, 32, 48, 64, 80]


@pytest.mark.slow
def test_a_model_has_the_states_before_its_own(place):
    assert list(earlier.positions(place / "model")) == [16, 32, 48, 64]


def test_an_earlier_state_draws_what_the_run_drew_then(place, tmp_path):
    data = place / "set"
    train(data, tmp_path / "run", kimg=0.032)  # the same run, ended there
    publish.publish(tmp_path / "run", tmp_path / "model", name="tiny", data=data, **ABOUT)
    then, now = checkpoint.load(tmp_path / "model"), checkpoint.load(place / "model")
    state = earlier.load(place / "model", 32)
    ours, wanted, later = (
        torch.cat([weight.flatten() for weight in model.generator.parameters()]).half()
        for model in (state, then, now)
    )
    assert torch.equal(ours, wanted)
    assert not torch.equal(ours, later)
    assert state.generate(state.prior.sample(3)).shape == (3, 32, 32, 3)
    assert state.discriminator is None
    assert state.card["training"]["kimg"] == 0.032
    assert state.hash != now.hash


def test_files_are_few_and_evenly_spread(place):
    generator = checkpoint.load(place / "model").generator
    run = place / "many"
    for position in range(0, 4000, 100):
        earlier.keep(run, generator, position)
    kept = list(earlier.positions(run))
    assert len(kept) == earlier.MOST
    assert (kept[0], kept[-1]) == (0, 3900)
    gaps = np.diff(kept)
    assert gaps.max() <= 4 * gaps.min()
    for file in earlier.positions(run).values():  # the tensors follow a header
        weights = load_file(file)
        for name, _ in generator.named_parameters():
            assert weights[name].dtype == torch.float16


@pytest.mark.slow
def test_a_new_run_and_a_rollback_forget_what_came_later(place, tmp_path):
    data, run = place / "set", tmp_path / "run"
    train(data, run, kimg=0.048, grid_kimg=0.016)
    (run / "state.safetensors").unlink()  # the next call starts over
    train(data, run, kimg=0.016, grid_kimg=0.016)
    assert list(earlier.positions(run)) == [16]
    earlier.keep(run, checkpoint.load(place / "model").generator, 40)
    train(data, run, kimg=0.032, grid_kimg=0.016)  # resumes at 16
    assert list(earlier.positions(run)) == [16, 32]


def test_what_is_missing_or_damaged_is_said_in_a_sentence(place, tmp_path):
    with pytest.raises(InputError, match=r"no state of model at 0\.017 kimg"):
        earlier.load(place / "model", 17)
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.json").write_bytes((place / "model" / "model.json").read_bytes())
    earlier.keep(model, torch.nn.Linear(3, 3), 5)
    (file,) = earlier.positions(model).values()
    for content in (file.read_bytes(), b"nothing", b""):
        file.write_bytes(content)
        with pytest.raises(InputError, match="damaged or of another network"):
            earlier.load(model, 5)


@pytest.mark.slow
def test_a_damaged_state_of_a_run_is_left_out_of_the_model(place, tmp_path):
    generator = checkpoint.load(place / "model").generator
    for position in (8, 16):
        earlier.keep(tmp_path, generator, position)
    earlier.positions(tmp_path)[8].write_bytes(b"damaged")
    earlier.publish(tmp_path, place / "model")
    try:
        assert list(earlier.positions(place / "model")) == [16]
    finally:
        earlier.publish(place / "run", place / "model")
