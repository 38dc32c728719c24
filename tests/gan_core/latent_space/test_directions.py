"""Directions: recovered where they are known, orthogonal on request, and safely stored."""

import dataclasses
import os

import numpy as np
import pytest
import torch

from gan_core import checkpoint
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from gan_core.util.errors import InputError
from toys import Linear, Reader

SCALES = [9, 6, 4, 2.5, 1.5, 1]


def labelled(n=4000, nz=12, seed=0, noise=0.5):
    """Latents, labels that a known direction tells up to noise, and that direction."""
    stream = np.random.RandomState(seed)
    z = stream.standard_normal((n, nz))
    truth = directions.unit(stream.standard_normal(nz))
    return z, z @ truth + noise * stream.standard_normal(n) > 0.3, truth


@pytest.mark.parametrize("make", [directions.difference_of_means, directions.normal])
def test_an_attribute_s_direction_is_recovered(make):
    z, labels, truth = labelled()
    result = make(z, labels)
    assert np.linalg.norm(result) == pytest.approx(1, abs=1e-6)
    assert result @ truth > 0.99
    np.testing.assert_allclose(make(z, ~labels), -result, atol=1e-5)
    order = np.random.RandomState(1).permutation(len(z))
    np.testing.assert_allclose(make(z[order], labels[order]), result, atol=1e-5)


def test_the_normal_sees_through_latents_that_vary_together():
    z, _, truth = labelled()
    stretched = z + 2 * z[:, :1] * np.roll(truth, 1)  # so that a mean drags others along
    labels = stretched @ truth > 0
    assert directions.normal(stretched, labels, penalty=1e-4) @ truth > 0.99
    assert directions.difference_of_means(stretched, labels) @ truth < 0.97


@pytest.mark.parametrize("make", [directions.difference_of_means, directions.normal])
def test_labels_without_information_are_refused(make):
    z = np.random.RandomState(0).standard_normal((8, 3))
    for labels in (np.ones(8, bool), np.zeros(8, bool)):
        with pytest.raises(InputError, match="same label for this attribute"):
            make(z, labels)
    with pytest.raises(InputError, match="as many labels"):
        make(z, np.ones(7, bool))
    z[3, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        make(z, np.arange(8) < 4)


def test_a_conditional_direction_is_at_right_angles_to_every_locked_one():
    stream = np.random.RandomState(0)
    direction, locked = stream.standard_normal(8), stream.standard_normal((3, 8))
    locked = np.concatenate([locked, 2 * locked[:1]])  # one of them twice
    result = directions.conditional(direction, locked)
    np.testing.assert_allclose(locked @ result, 0, atol=1e-5)
    assert result @ direction > 0
    np.testing.assert_allclose(
        directions.conditional(direction, []), directions.unit(direction), atol=1e-6
    )


def test_a_direction_that_is_locked_itself_is_refused():
    locked = np.random.RandomState(0).standard_normal((2, 8))
    with pytest.raises(InputError, match="leave nothing"):
        directions.conditional(locked[0] - 3 * locked[1], locked)
    with pytest.raises(InputError, match="length above 0"):
        directions.conditional(np.zeros(8), locked)


@pytest.mark.slow
@pytest.mark.parametrize("make", [directions.factors, directions.principal_components])
def test_known_factors_are_recovered_in_their_order(make):
    model = Linear(nz=6, seed=2, scales=SCALES)
    options = {} if make is directions.factors else {"n": 4000}
    result = make(model, 3, **options)
    assert result.shape == (3, 6)
    assert result.dtype == np.float32
    alike = np.abs(result @ model.axes.T)
    np.testing.assert_allclose(np.diag(alike[:, :3]), 1, atol=0.02)
    for vector in result:  # the sign is not left to chance
        assert vector[np.abs(vector).argmax()] > 0


@pytest.mark.slow
@pytest.mark.parametrize("make", [directions.factors, directions.principal_components])
def test_a_number_of_directions_that_cannot_be_is_refused(make):
    for k in (0, 7):
        with pytest.raises(InputError, match="from 1 to 6 directions"):
            make(Linear(nz=6), k)


def test_the_first_layer_is_that_of_the_pictures(make_checkpoint):
    """With its batch norm folded in: outputs before the ReLU are these weights times z."""
    model = checkpoint.load(make_checkpoint())
    weights = directions.first_layer(model.generator)
    z = torch.from_numpy(model.prior.sample(2)).double()
    with torch.inference_mode():
        before = model.generator.layers[:2].double()(z[:, :, None, None])
    model.generator.float()
    change = (before[1] - before[0]).flatten().numpy()
    np.testing.assert_allclose(weights @ (z[1] - z[0]).numpy(), change, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("make", [directions.factors, directions.principal_components])
def test_directions_of_a_dcgan(make_checkpoint, make):
    model = checkpoint.load(make_checkpoint())
    result = make(model, 4)
    assert result.shape == (4, 8)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(result, make(model, 4))


def test_activations_are_those_after_the_first_relu_and_nothing_after_it_runs(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    z = model.prior.sample(70)  # more than one part
    with torch.inference_mode():
        expected = model.generator.layers[:3](torch.from_numpy(z)[:, :, None, None])
    ran = []
    model.generator.layers[3].register_forward_hook(lambda *_: ran.append(1))
    result = directions.activations(model.generator, z)
    np.testing.assert_allclose(result, expected.flatten(1).double().numpy(), atol=1e-6)
    assert not ran
    model.generate(z[:1])  # nothing of it is left in the way
    assert ran


def test_effects_of_more_than_a_batch_are_those_of_its_parts():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    whole = directions.effects(model, reader, model.axes[:1], n=128)
    parts = [directions.effects(model, reader, model.axes[:1], n=64, seed=s) for s in (0, 64)]
    np.testing.assert_allclose(whole, np.mean(parts, 0), atol=1e-9)


def test_effects_are_the_change_of_probability_and_turn_with_the_sign():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    vector = model.axes[0]
    up, down = directions.effects(model, reader, [vector, -vector], n=64)
    np.testing.assert_allclose(up, -down, atol=1e-9)
    z = model.prior.sample(64)
    change = [reader.predict(model.generate(z + s * vector)).mean(0) for s in (1, -1)]
    np.testing.assert_allclose(up, (change[0] - change[1]) / 2, atol=1e-6)
    assert directions.effects(model, reader, np.empty((0, 6))).shape == (0, 2)


def test_directions_of_attributes_move_them_and_say_what_else_they_move():
    model, reader = Linear(nz=6), Reader(["bright", "warm", "dim"], unsure=["dim"])
    result = directions.of_attributes(model, reader, n=1000, measured=64)
    assert {d.about["attribute"] for d in result} == {"bright", "warm"}
    assert {d.kind for d in result} == {"difference", "normal"}
    for direction in result:
        message, name = direction.about["effects"], direction.about["attribute"]
        assert set(message) == {"bright", "warm"}
        assert message[name] == max(message.values(), key=abs) > 0
        assert direction.about["moves"] == name
        other = abs(message["warm" if name == "bright" else "bright"])
        assert direction.about["leakage"] == pytest.approx(other / message[name])


@pytest.mark.slow
def test_locking_a_direction_stops_its_leakage():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    by_name = {
        d.about["attribute"]: d.vector
        for d in directions.of_attributes(model, reader, n=4000, measured=64)
        if d.kind == "normal"
    }
    # A direction that moves both, then only the part that the other does not see.
    both = directions.unit(by_name["bright"] + by_name["warm"])
    locked = directions.conditional(both, [by_name["warm"]])
    before, after = directions.effects(model, reader, [both, locked], n=256)
    assert abs(after[1]) < 0.2 * abs(before[1])
    assert after[0] > 0


@pytest.mark.slow
def test_unnamed_directions_say_what_they_change():
    model = Linear(nz=6, scales=SCALES)
    result = directions.unnamed(model, Reader(["bright", "warm"]), k=2, measured=32)
    assert [d.name for d in result] == ["component 1", "component 2", "factor 1", "factor 2"]
    assert {d.about["moves"] for d in result} <= {"bright", "warm"}


def test_unnamed_directions_need_no_classifier():
    result = directions.unnamed(Linear(nz=6, scales=SCALES), k=2)
    assert [d.about for d in result] == [{}] * 4


def own(nz=8, **changes):
    vector = directions.unit(np.random.RandomState(0).standard_normal(nz))
    return dataclasses.replace(Direction("smile", vector, "own", {"note": "ψ"}), **changes)


def test_what_was_saved_is_loaded(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    assert directions.load(model) == []
    directions.save(model, [own(), own(name="frown", kind="factor")])
    first, second = directions.load(model)
    assert (first.name, first.kind, first.about) == ("smile", "own", {"note": "ψ"})
    assert (second.name, second.kind) == ("frown", "factor")
    np.testing.assert_array_equal(first.vector, own().vector)
    directions.save(model, [])
    assert directions.load(model) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([own(), own()], "Two directions are called 'smile'"),
        ([own(nz=7)], "not 8 finite numbers"),
        ([own(vector=np.full(8, np.nan))], "not 8 finite numbers"),
        ([own(kind="guess")], "'guess' is not a kind"),
    ],
)
def test_directions_that_do_not_fit_are_not_saved(make_checkpoint, bad, words):
    model = checkpoint.load(make_checkpoint())
    with pytest.raises(InputError, match=words):
        directions.save(model, bad)
    assert directions.load(model) == []


@pytest.mark.skipif(os.name != "posix", reason="needs a umask")
def test_what_was_saved_can_be_read_by_those_who_can_read_other_files(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    before = os.umask(0o027)
    try:
        directions.save(model, [own()])
    finally:
        os.umask(before)
    assert (model.directory / directions.FILE).stat().st_mode & 0o777 == 0o640
    assert not list(model.directory.glob("*.partial-*"))


def test_directions_of_other_weights_are_refused(make_checkpoint):
    model = checkpoint.load(make_checkpoint())
    directions.save(model, [own()])
    other = checkpoint.load(make_checkpoint(seed=1))  # in the same directory
    with pytest.raises(InputError, match="made for other weights"):
        directions.load(other)


@pytest.mark.parametrize("place", ["header", "middle", "end", "cut"])
def test_a_damaged_file_is_refused(make_checkpoint, place):
    model = checkpoint.load(make_checkpoint())
    directions.save(model, [own()])
    path = model.directory / directions.FILE
    data = bytearray(path.read_bytes())
    if place == "cut":
        data = data[:-4]
    else:
        at = {"header": data.index(b"smile"), "middle": len(data) // 2, "end": len(data) - 1}[place]
        data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        directions.load(model)
