"""The trainer: the lecture's algorithm, runs that go on where they stopped, and when they end."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from gan_core import checkpoint
from gan_core.networks import registry
from gan_core.training import ema, loop, publish, schedule, step, validation
from gan_core.training import snapshot as states
from gan_core.training.batches import Order
from gan_core.training.config import TrainingConfig
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError
from support import first_quick, save_set

TINY = {"ngf": 2, "ndf": 2, "nz": 6, "batch": 8, "kimg": 0.064, "ema_kimg": 0.1}
# What "auto" finds is not always the same.
TINY |= {"precision": "fp32", "layout": "channels_last", "convolution": "direct"}
QUIET = {"log_kimg": 1000.0, "grid_kimg": 1000.0, "snapshot_kimg": 1000.0, "measure_kimg": 0.0}
PARTS = ("generator", "discriminator", "average", "generator_adam", "discriminator_adam")
LOSSES = ("d_loss", "g_loss", "d_real", "d_fake", "wins")


def train(data, run, **options):
    return loop.train(data, run, TrainingConfig(**TINY | QUIET | options))


def state(run):
    return states.read(run / "state.safetensors")


def same(first, second):
    assert first.keys() == second.keys()
    return [key for key in first if not torch.equal(first[key], second[key])] == []


def lines(run):
    return [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]


def losses(run):
    return [[line[key] for key in ("kimg", *LOSSES)] for line in lines(run) if "d_loss" in line]


@pytest.fixture
def data(make_set):
    return make_set()


@pytest.fixture
def steps(monkeypatch):
    """Records which player each optimiser step moves, with both players before and after it."""
    taken = []
    built = []
    real_build, real_step = registry.build, torch.optim.Adam.step

    def build(description):
        built[:] = real_build(description)
        return tuple(built)

    def weights():
        return [[p.detach().clone() for p in player.parameters()] for player in built]

    def step(self, *arguments):
        before = weights()
        result = real_step(self, *arguments)
        after = weights()
        moved = [
            any(not torch.equal(a, b) for a, b in zip(old, new, strict=True))
            for old, new in zip(before, after, strict=True)
        ]
        owner = self.param_groups[0]["params"][0]
        player = "G" if owner is next(built[0].parameters()) else "D"
        taken.append((player, moved))
        return result

    monkeypatch.setattr(registry, "build", build)
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    return taken


# --- A run. ---


def test_a_run_leaves_its_state_log_and_grids(data, tmp_path):
    run = tmp_path / "run"
    shown = train(data, run, log_kimg=0.016, grid_kimg=0.040)
    assert shown == 64
    logged = [line for line in lines(run) if "d_loss" in line]
    assert [line["kimg"] for line in logged] == [0.016, 0.032, 0.048, 0.064]
    for line in logged:
        assert set(line) == {"kimg", *LOSSES, "images_per_second", "hours"}
        for key in ("d_real", "d_fake", "wins"):
            assert 0 <= line[key] <= 1
        assert line["d_loss"] > 0
    grids = [line for line in lines(run) if "diversity" in line]
    assert [line["kimg"] for line in grids] == [0.04, 0.064]
    assert all(line["diversity"] > 0 for line in grids)
    with Image.open(run / "samples" / "000000.png") as grid:
        assert grid.size == (8 * 32, 8 * 32)
    tensors, notes = state(run)
    assert notes["position"] == 64
    assert {key.split("/")[0] for key in tensors} == {"rng", *PARTS}
    assert not (run / "best.safetensors").exists()  # nothing was measured


def test_training_moves_every_weight(data, tmp_path):
    train(data, tmp_path / "short", kimg=0.008)
    train(data, tmp_path / "long", kimg=0.024)
    short, long = state(tmp_path / "short")[0], state(tmp_path / "long")[0]
    moving = [key for key in short if key.split("/")[0] in PARTS[:3] and "running" not in key]
    moving = [key for key in moving if "num_batches" not in key]
    assert {key.split("/")[0] for key in moving} == set(PARTS[:3])
    assert [key for key in moving if torch.equal(short[key], long[key])] == []


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3])
def test_k_steps_of_d_then_one_of_g(data, tmp_path, steps, k):
    shown = train(data, tmp_path / "run", k=k, kimg=0.024 * k)
    assert shown == 24 * k
    assert [player for player, _ in steps] == (["D"] * k + ["G"]) * 3


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["non-saturating", "relativistic"])
def test_each_step_moves_its_own_player_alone(data, tmp_path, steps, objective):
    train(data, tmp_path / "run", k=2, objective=objective)
    assert {player: moved for player, moved in steps} == {"G": [True, False], "D": [False, True]}
    assert all(moved == [player == "G", player == "D"] for player, moved in steps)


def test_noise_is_fresh_in_every_step_of_d_and_g_learns_on_the_last_of_it(
    data, tmp_path, monkeypatch
):
    drawn, learned_on = [], []
    forward = nn.ConvTranspose2d.forward

    def spy(self, x, *arguments):
        if x.shape[1] == TINY["nz"] and x.shape[0] == TINY["batch"]:
            drawn.append(x.detach().flatten(1).clone())
            learned_on.append(torch.is_grad_enabled())
        return forward(self, x, *arguments)

    monkeypatch.setattr(nn.ConvTranspose2d, "forward", spy)
    train(data, tmp_path / "run", k=2, kimg=0.032)
    assert learned_on == [False, True, False, True]  # two rounds of two steps of D; none for G
    rows = torch.cat(drawn)
    assert len(rows.unique(dim=0)) == len(rows)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The tensors of a run of three steps with the usual recipe."""
    place = tmp_path_factory.mktemp("usual")
    train(save_set(place / "set"), place / "run", kimg=0.024)
    return state(place / "run")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"objective": "minimax"},
        {"objective": "lsgan"},
        {"objective": "hinge", "norm": "none"},
        {"smoothing": 0.1},
        {"cooldown": 1.0},
        {"lr_d": 1e-4},
        {"prior": "uniform"},
        {"augment": ""},
        {"augment": "mirror,translation,cutout,colour"},
        {"augment": "mirror,scale,rotation,mild_colour", "augment_p": 0.5},
        {"augment_initial": 0.0},
        {"augment_target": 0.6},
        {"lr_final": 0.5},
        {"ema_kimg": 0.0},
        {"beta2_initial": 0.9},
    ],
    ids=str,
)
def test_other_options_run_and_differ(usual, data, tmp_path, options):
    train(data, tmp_path / "other", kimg=0.024, **options)
    other = state(tmp_path / "other")[0]
    assert all(torch.isfinite(tensor).all() for tensor in other.values())
    assert any(not torch.equal(usual[key], other[key]) for key in usual.keys() & other.keys())


@pytest.mark.slow
def test_wgan_keeps_every_weight_of_d_within_the_bound(data, tmp_path):
    train(data, tmp_path / "run", objective="wgan", norm="none", clip=0.02)
    tensors, _ = state(tmp_path / "run")
    weights = [value for key, value in tensors.items() if key.startswith("discriminator/")]
    assert max(float(weight.abs().max()) for weight in weights) == pytest.approx(0.02)


@pytest.mark.slow
def test_a_penalty_counts_as_much_when_it_is_rarer(data, tmp_path, monkeypatch):
    penalties = []

    def penalty(discriminator, *about):
        penalties.append(None)
        return 0.0 * next(discriminator.parameters()).sum()

    monkeypatch.setattr(step, "penalty", penalty)
    for every in (1, 3):
        train(data, tmp_path / str(every), norm="none", r1=1.0, penalty_every=every)
    assert len(penalties) == 8 + 2  # of eight steps of D: all, and the third and the sixth
    assert same(state(tmp_path / "1")[0], state(tmp_path / "3")[0])


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(data, tmp_path / name, seed=seed)
    first, again, other = (state(tmp_path / name)[0] for name in "abc")
    assert same(first, again)
    assert not same(first, other)


def test_the_smallest_size_in_grey(make_set, tmp_path):
    data = make_set(size=28, channels=1)
    train(data, tmp_path / "run", kimg=0.016)
    with Image.open(tmp_path / "run" / "samples" / "000000.png") as grid:
        assert grid.size == (8 * 28, 8 * 28)
        assert grid.mode == "L"


# --- Stopping and going on. ---

VARIANTS = {
    "non-saturating": {"k": 2, "augment": "mirror,translation,cutout,colour"},
    "wgan-gp": {"objective": "wgan-gp", "norm": "none", "k": 2},
    "relativistic": {
        "objective": "relativistic",
        "architecture": "residual",
        "r1": 1.0,
        "r2": 1.0,
        "penalty_every": 3,
    },
    "hinge": {"objective": "hinge", "norm": "spectral"},
    "wgan": {"objective": "wgan", "norm": "none"},
    "cooldown": {"cooldown": 0.5, "prior": "uniform", "smoothing": 0.1},
    "mlp": {"architecture": "mlp", "augment": "none"},
    "bf16": {"precision": "bf16", "layout": "contiguous"},
    "style": {
        "architecture": "style",
        "r1": 0.1,
        "penalty_every": 2,
        "penalty_final": 0.1,
        "lr_final": 0.25,
        "beta2_initial": 0.9,
        "ema_initial": 0.0,
        "augment": "mirror,translation,scale,rotation,mild_colour",
        "augment_target": 0.6,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", first_quick(VARIANTS, 2))
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(data, tmp_path, monkeypatch, variant):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = VARIANTS[variant] | {"log_kimg": 0.016, "kimg": 0.096}  # the epoch ends at 0.064
    train(data, whole, **options)
    update, calls = ema.update_ema, []

    def stop_now_and_then(*arguments):
        calls.append(None)
        if len(calls) in (2, 4):
            os.kill(os.getpid(), signal.SIGTERM)
        update(*arguments)

    monkeypatch.setattr(ema, "update_ema", stop_now_and_then)
    each = TINY["batch"] * options.get("k", 1)
    assert train(data, parts, **options) == 2 * each
    assert state(parts)[1]["position"] == 2 * each
    assert train(data, parts, **options) == 4 * each
    assert train(data, parts, **options) == 96
    first, second = state(whole), state(parts)
    assert first[1]["position"] == second[1]["position"] == 96
    assert same(first[0], second[0])
    assert losses(whole) == losses(parts)
    grids = [(run / "samples" / "000000.png").read_bytes() for run in (whole, parts)]
    assert grids[0] == grids[1]


def test_a_finished_run_is_left_as_it_is(data, tmp_path):
    train(data, tmp_path / "run", log_kimg=0.032)
    before, logged = state(tmp_path / "run")[0], lines(tmp_path / "run")
    assert train(data, tmp_path / "run", log_kimg=0.032) == 64
    assert same(before, state(tmp_path / "run")[0])
    assert lines(tmp_path / "run") == logged


@pytest.mark.slow
def test_a_run_that_starts_again_forgets_an_earlier_log(data, tmp_path):
    run = tmp_path / "run"
    train(data, run, log_kimg=0.016)
    (run / "state.safetensors").unlink()
    train(data, run, kimg=0.032, log_kimg=0.016)
    assert [line["kimg"] for line in lines(run) if "d_loss" in line] == [0.016, 0.032]


def test_leftovers_of_a_killed_run_are_cleared_away(data, tmp_path):
    run = tmp_path / "run"
    train(data, run, kimg=0.008)
    for name in ("state.safetensors.partial-1-2", "log.jsonl.partial-1-2"):
        (run / name).write_bytes(b"half")
    train(data, run, kimg=0.016)
    assert [file.name for file in run.iterdir() if "partial" in file.name] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 3),
        ("lr_g", 1e-3),
        ("beta1", 0.9),
        ("k", 2),
        ("batch", 16),
        ("objective", "minimax"),
        ("smoothing", 0.1),
        ("norm", "none"),
        ("augment", ""),
        ("prior", "uniform"),
        ("nz", 7),
        ("ndf", 8),
        ("ema_kimg", 5.0),
        ("precision", "bf16"),
    ],
)
def test_changed_settings_are_refused_by_name(data, begun, key, value):
    before = (begun / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match=rf"{key} .*not {value}") as caught:
        train(data, begun, **{key: value})
    assert "\n" not in str(caught.value)
    assert (begun / "state.safetensors").read_bytes() == before


@pytest.fixture(scope="module")
def first_step(tmp_path_factory):
    """A run of one step on the images of `data`."""
    place = tmp_path_factory.mktemp("first step")
    train(save_set(place / "set"), place / "run", kimg=0.008)
    return place / "run"


@pytest.fixture
def begun(first_step, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(first_step, tmp_path / "run"))


def test_other_images_are_refused(begun, make_set):
    with pytest.raises(InputError, match="fingerprint"):
        train(make_set("other", seed=5), begun)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: b"x" * 100])
def test_a_damaged_state_is_refused_by_name(data, begun, damage):
    path = begun / "state.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"state\.safetensors .*damaged"):
        train(data, begun)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_polite_stop_saves_and_leaves_the_handlers_as_they_were(
    data, tmp_path, monkeypatch, number
):
    update, calls = ema.update_ema, []

    def stop_at_third(*arguments):
        calls.append(None)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
        update(*arguments)

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ema, "update_ema", stop_at_third)
    assert train(data, tmp_path / "run") == 24
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert state(tmp_path / "run")[1]["position"] == 24


# --- A number that is none. ---


def spoil_loss(monkeypatch, spoilt_steps):
    """In these steps, counted from 1 over all runs, the loss of G is not a number."""
    usual = OBJECTIVES["non-saturating"]
    calls = []

    def spoilt(real, fake):
        calls.append(None)
        bad = len(calls) in spoilt_steps
        return usual.generator(real, fake) * (float("nan") if bad else 1.0)

    monkeypatch.setitem(OBJECTIVES, "non-saturating", usual._replace(generator=spoilt))


EVER = range(6, 10_000)
PERIODS = [
    {"log_kimg": 0.016, "snapshot_kimg": 0.016},
    {"log_kimg": 0.032, "snapshot_kimg": 0.008},
    {"log_kimg": 1000.0, "snapshot_kimg": 0.016},
    {"log_kimg": 1000.0, "snapshot_kimg": 0.040},  # the end comes before the next period
]


@pytest.mark.slow
@pytest.mark.parametrize("periods", PERIODS, ids=str)
def test_a_run_goes_back_from_a_loss_that_is_no_number_and_on_with_other_noise(
    data, tmp_path, monkeypatch, capsys, periods
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        spoil_loss(patch, {6})
        assert train(data, run, **periods) == 64
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("became NaN or infinite") == 1
    tensors, notes = state(run)
    assert notes["position"] == 64
    assert notes["record"]["rollbacks"] == 1
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    if periods["log_kimg"] < 1:
        every = [kimg for kimg, *_ in losses(run)]
        assert every == sorted(set(every))
        assert every[-1] == 0.064
    train(data, tmp_path / "usual", **periods)
    assert not torch.equal(tensors["rng"], state(tmp_path / "usual")[0]["rng"])


@pytest.mark.slow
@pytest.mark.parametrize("periods", PERIODS, ids=str)
def test_a_loss_that_stays_no_number_stops_the_run_and_keeps_the_last_good_snapshot(
    data, tmp_path, monkeypatch, periods
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        spoil_loss(patch, EVER)
        with pytest.raises(InputError, match=r"NaN or infinite .* 4th time") as caught:
            train(data, run, **periods)
    assert "\n" not in str(caught.value)
    tensors, notes = state(run)
    assert notes["position"] in (32, 40)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert train(data, run, **periods) == 64


def test_a_loss_that_is_no_number_before_the_first_snapshot_stops_the_run(
    data, tmp_path, monkeypatch
):
    spoil_loss(monkeypatch, {2})
    with pytest.raises(InputError, match="before the first snapshot"):
        train(data, tmp_path / "run", log_kimg=0.016)
    assert not (tmp_path / "run" / "state.safetensors").exists()


# --- The best is saved. ---


class FakeDistance:
    """Tells 5, 3, 4, … in turn."""

    name = "FD-EffNetLite0"

    def __init__(self, values):
        self.values = iter(values)

    def __call__(self, generator):
        assert not generator.training
        return float(next(self.values))


def measuring(monkeypatch, *values):
    distance = FakeDistance(values)
    monkeypatch.setattr(validation, "measure_if_possible", lambda *about: (distance, ""))
    return {"measure_kimg": 0.016, "snapshot_kimg": 0.016}


def test_the_snapshot_at_the_smallest_distance_is_published(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    train(data, run, kimg=0.048, **measuring(monkeypatch, 5, 3, 4))
    name = FakeDistance.name
    logged = [(line["kimg"], line[name]) for line in lines(run) if name in line]
    assert logged == [(0.016, 5), (0.032, 3), (0.048, 4)]
    tensors, notes = publish.read(run)
    assert notes["position"] == 32
    assert notes["record"]["best"]["distance"] == 3
    train(data, tmp_path / "short", kimg=0.032)
    short, _ = state(tmp_path / "short")
    assert same(tensors, {k: v for k, v in short.items() if k.split("/")[0] in PARTS[1:3]})


@pytest.mark.slow
def test_a_resumed_run_remembers_the_best_so_far(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    train(data, run, kimg=0.016, **measuring(monkeypatch, 3))
    train(data, run, kimg=0.048, **measuring(monkeypatch, 4, 2))
    assert publish.read(run)[1]["position"] == 48
    train(data, run, kimg=0.064, **measuring(monkeypatch, 2.5))
    assert publish.read(run)[1]["position"] == 48
    assert state(run)[1]["record"]["best"]["distance"] == 2


def test_a_new_run_in_the_same_folder_drops_the_old_best(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    train(data, run, kimg=0.032, **measuring(monkeypatch, 3, 4))
    (run / "state.safetensors").unlink()
    train(data, run, kimg=0.008)
    assert not (run / "best.safetensors").exists()
    assert publish.read(run)[1]["position"] == 8


# --- D has won. ---


def let_d_win(monkeypatch, *lost, objective="non-saturating"):
    """D's last layer tells real images, which are marked, from others; not in the steps `lost`.

    Steps are counted from 1 over all runs.
    """
    usual = OBJECTIVES[objective]
    calls = []

    def discriminator(real, fake, *targets):
        calls.append(None)
        with torch.no_grad():
            real.copy_(torch.zeros_like(real) if len(calls) in lost else torch.ones_like(real))
            fake.copy_(torch.zeros_like(fake))
        return 0.0 * (real.sum() + fake.sum())

    spoilt = usual._replace(discriminator=discriminator)
    monkeypatch.setitem(OBJECTIVES, objective, spoilt)
    return {"log_kimg": 0.008, "snapshot_kimg": 0.008, "objective": objective}


def test_a_run_that_d_has_won_for_long_stops(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with pytest.raises(InputError, match="D has distinguished every real image") as caught:
        train(data, run, patience_kimg=0.032, **let_d_win(monkeypatch))
    assert "\n" not in str(caught.value)
    assert [line["wins"] for line in lines(run) if "wins" in line] == [1.0] * 4
    assert state(run)[1]["position"] == 24  # the last snapshot before it


def test_without_patience_limits_a_run_goes_on(data, tmp_path, monkeypatch):
    assert train(data, tmp_path / "run", patience_kimg=0.0, **let_d_win(monkeypatch)) == 64


def test_a_critic_never_wins(data, tmp_path, monkeypatch):
    options = let_d_win(monkeypatch, objective="wgan") | {"norm": "none"}
    assert train(data, tmp_path / "run", patience_kimg=0.032, **options) == 64


def test_a_break_in_the_wins_restarts_the_count(data, tmp_path, monkeypatch):
    options = let_d_win(monkeypatch, 3)
    with pytest.raises(InputError, match="stops at"):
        train(data, tmp_path / "run", patience_kimg=0.032, **options)
    assert lines(tmp_path / "run")[-1]["kimg"] == 0.024 + 0.032


def test_the_count_of_wins_survives_a_resume(data, tmp_path, monkeypatch):
    run, options = tmp_path / "run", let_d_win(monkeypatch, 2)
    assert train(data, run, kimg=0.032, patience_kimg=0.032, **options) == 32
    with pytest.raises(InputError, match="stops at"):
        train(data, run, patience_kimg=0.032, **options)
    assert lines(run)[-1]["kimg"] == 0.016 + 0.032


# --- G has collapsed. ---


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "reported"), [(0.0, True), (20.0, False)])
def test_a_generator_is_reported_only_when_it_draws_the_same_picture(
    make_set, tmp_path, monkeypatch, capsys, gain, reported
):
    class Flat(nn.Module):
        """A linear map of z, in a generator's place; with weights of 0 it is always grey."""

        def __init__(self):
            super().__init__()
            self.enter = nn.Linear(TINY["nz"], 28 * 28, bias=False)
            nn.init.normal_(self.enter.weight, 0.0, gain)

        def forward(self, z):
            return self.enter(z).tanh().view(-1, 1, 28, 28)

    class Judge(nn.Linear):
        def forward(self, x):
            return super().forward(x.flatten(1)).flatten()

    monkeypatch.setattr(registry, "build", lambda description: (Flat(), Judge(28 * 28, 1)))
    data = make_set(size=28, channels=1)
    options = {"batch": 5250, "kimg": 21.0, "lr_g": 1e-12, "augment": ""}
    train(data, tmp_path / "run", **options)
    logged = capsys.readouterr()
    assert ("may have collapsed" in logged.out + logged.err) == reported
    (line,) = (line for line in lines(tmp_path / "run") if "diversity" in line)
    assert (line["diversity"] < validation.COLLAPSED) == reported


# --- Settings that cannot work. ---


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"objective": "hinge-ish"}, "'hinge-ish'"),
        ({"batch": 1}, "batch is 1"),
        ({"ngf": 10**9}, "ngf"),
        ({"r1": 1.0}, "--norm none"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(data, tmp_path, options, part):
    with pytest.raises(InputError, match=part) as caught:
        train(data, tmp_path / "run", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_set_of_a_size_that_cannot_be_drawn_is_refused(make_set, tmp_path):
    with pytest.raises(InputError, match="not 24"):
        train(make_set(size=24), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_where_there_is_none_is_refused(data, tmp_path):
    with pytest.raises(InputError, match="--device cpu"):
        train(data, tmp_path / "run", device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("before", ["cuda", "cpu"])
def test_a_run_goes_on_on_cuda(data, tmp_path, before):
    train(data, tmp_path / "run", device=before, kimg=0.032)
    assert train(data, tmp_path / "run", device="cuda") == 64


# --- The pieces. ---


def test_each_epoch_is_a_permutation():
    order = Order(10, seed=3)
    epochs = [order.take(10).tolist() for _ in range(4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert Order(10, seed=4).take(10).tolist() != epochs[0]


def test_batches_run_on_across_the_end_of_an_epoch():
    whole = Order(10, seed=3).take(35)
    order = Order(10, seed=3)
    parts = [order.take(count) for count in (3, 4, 9, 1, 18)]
    assert torch.equal(torch.cat(parts), whole)
    assert order.position == 35
    assert torch.equal(Order(10, 3, position=17).take(18), whole[17:])


def test_periods_fall_due_once_each():
    due = schedule.Due(0, log=0.016, grid=0.05)
    fired = [(position, due(position)) for position in range(8, 121, 8)]
    assert [position for position, now in fired if "log" in now] == [16, 32, 48, 64, 80, 96, 112]
    assert [position for position, now in fired if "grid" in now] == [56, 104]


def test_periods_go_on_where_a_run_resumes():
    due = schedule.Due(60, log=0.05)
    assert [due(position) for position in (68, 98, 106, 120)] == [[], [], ["log"], []]


def test_a_period_shorter_than_a_step_falls_due_at_every_step_and_one_of_0_never():
    due = schedule.Due(0, log=0.0001, measure=0.0)
    assert all(due(position) == ["log"] for position in range(64, 400, 64))


def test_step_sizes_fall_to_0_over_the_last_share():
    scales = [schedule.cool(position, 100, 0.5) for position in (0, 50, 75, 100)]
    assert scales == [1.0, 1.0, 0.5, 0.0]
    assert schedule.cool(99, 100, 0.0) == 1.0


def test_a_cosine_is_slow_at_both_ends_and_stays_there():
    values = [schedule.cosine(position, 100, 2.0, 1.0) for position in (0, 25, 50, 75, 100, 150)]
    assert values == pytest.approx([2.0, 1.5 + 8**-0.5, 1.5, 1.5 - 8**-0.5, 1.0, 1.0])
    assert [schedule.cosine(p, 10, 1.0, 1.0) for p in (0, 3, 10)] == [1.0, 1.0, 1.0]


def test_step_sizes_and_penalties_follow_the_cosine(data, tmp_path, monkeypatch):
    seen, real = [], loop.play_round

    def play_round(game, batches):
        sizes = [
            adam.param_groups[0]["lr"]
            for adam in (game.players.generator_adam, game.players.discriminator_adam)
        ]
        betas = game.players.generator_adam.param_groups[0]["betas"]
        assert game.players.discriminator_adam.param_groups[0]["betas"] == betas
        seen.append([*sizes, game.penalty_factor, game.strength, game.half_life, *betas])
        return real(game, batches)

    monkeypatch.setattr(loop, "play_round", play_round)
    half_lives, decay_for = [], ema.decay_for

    def spy(batch, half_life, position):
        half_lives.append(half_life)
        return decay_for(batch, half_life, position)

    monkeypatch.setattr(ema, "decay_for", spy)
    options = {"lr_g": 4e-4, "lr_d": 2e-4, "lr_final": 0.25, "norm": "none", "r1": 1.0}
    options |= {"penalty_final": 0.1, "augment_p": 0.5, "augment_initial": 0.2}
    options |= {"ema_kimg": 2.0, "ema_initial": 0.5, "beta1": 0.0, "beta2_initial": 0.9}
    train(data, tmp_path / "run", **options)
    assert seen[0] == pytest.approx([4e-4, 2e-4, 1.0, 0.1, 1.0, 0.0, 0.9])
    half_way = [4e-4 * 0.625, 2e-4 * 0.625, 0.55, 0.3, 1.5, 0.0, 0.9495]
    assert seen[4] == pytest.approx(half_way)
    assert half_lives == [values[4] for values in seen]
    assert len(seen) == 8


def test_a_factor_weakens_the_penalty(data, tmp_path):
    """With a factor of ½ from beginning to end, γ = 2 is γ = 1."""
    options = {"norm": "none", "penalty_every": 2}
    train(data, tmp_path / "half", r1=1.0, **options)
    real = step.Game.follow
    with pytest.MonkeyPatch.context() as patch:

        def follow(game, position, total):
            real(game, position, total)
            game.penalty_factor = 0.5

        patch.setattr(step.Game, "follow", follow)
        train(data, tmp_path / "whole", r1=2.0, **options)
    assert same(state(tmp_path / "half")[0], state(tmp_path / "whole")[0])


@pytest.mark.slow
def test_the_strength_of_augmentation_adapts_to_d_and_is_logged(data, tmp_path, monkeypatch):
    quick = step.augment_control.Controller
    monkeypatch.setattr(step.augment_control, "Controller", lambda target: quick(target, 0.064))
    options = {"augment": "translation", "augment_target": 0.6, "log_kimg": 0.008}
    train(data, tmp_path / "run", kimg=0.256, lr_d=0.01, **options)
    strengths = [line["augment_strength"] for line in lines(tmp_path / "run") if "d_loss" in line]
    assert strengths[0] == 0
    assert max(strengths) > 0
    assert float(state(tmp_path / "run")[0]["augment_control/strength"]) == pytest.approx(
        strengths[-1]
    )


def begun_from(make_checkpoint, make_set, tmp_path, **options):
    """A run of one step that begins from an untrained checkpoint; the two, loaded."""
    directory = make_checkpoint()
    data = make_set(n=16)
    sizes = {"ngf": 4, "ndf": 4, "nz": 8} | options
    run = tmp_path / "onwards"
    still = {"warmup_kimg": 1.0, "lr_g": 1e-12, "lr_d": 1e-12, "batch": 8, "kimg": 0.008}
    fixed = {"precision": "fp32", "layout": "contiguous", "begin_from": str(directory)}
    loop.train(data, run, TrainingConfig(**sizes, **still, **fixed))
    return checkpoint.load(directory), states.read(run / "state.safetensors")


def test_a_run_begins_with_the_networks_of_a_checkpoint(make_checkpoint, make_set, tmp_path):
    before, (tensors, notes) = begun_from(make_checkpoint, make_set, tmp_path)
    for name, network in {"generator": before.generator, "average": before.generator}.items():
        for key, weight in network.named_parameters():
            assert torch.allclose(tensors[f"{name}/{key}"], weight, atol=1e-6)
    for key, weight in before.discriminator.named_parameters():
        assert torch.allclose(tensors[f"discriminator/{key}"], weight, atol=1e-6)
    assert notes["record"]["begun_from"]["hash"] == before.hash


def test_beginning_from_other_sizes_is_refused(make_checkpoint, make_set, tmp_path):
    with pytest.raises(InputError, match="use the same ngf to start from it"):
        begun_from(make_checkpoint, make_set, tmp_path, ngf=8)


@pytest.mark.parametrize("options", [{"ndf": 8}, {"norm": "none"}])
def test_a_discriminator_of_other_sizes_starts_from_scratch(
    make_checkpoint, make_set, tmp_path, options
):
    before, (tensors, _) = begun_from(make_checkpoint, make_set, tmp_path, **options)
    for key, weight in before.generator.named_parameters():
        assert torch.allclose(tensors[f"generator/{key}"], weight, atol=1e-6)
    head = tensors["discriminator/head.weight"]
    old = before.discriminator.head.weight
    assert head.shape != old.shape or not torch.allclose(head, old, atol=1e-3)


def test_g_warms_up_from_standing_still():
    assert [schedule.warm(n, 10.0) for n in (0, 2500, 10_000, 50_000)] == [0, 0.25, 1, 1]
    assert schedule.warm(0, 0.0) == 1


def test_a_new_discriminator_asks_for_a_warm_up(make_checkpoint, make_set, tmp_path):
    options = {"ngf": 4, "ndf": 8, "nz": 8, "begin_from": str(make_checkpoint())}
    with pytest.raises(InputError, match="--warmup-kimg"):
        loop.train(make_set(n=16), tmp_path / "r", TrainingConfig(**options))
    assert not (tmp_path / "r").exists()


def test_beginning_from_another_prior_is_refused(make_checkpoint, make_set, tmp_path):
    with pytest.raises(InputError, match="--prior normal"):
        begun_from(make_checkpoint, make_set, tmp_path, prior="uniform")


def test_a_best_snapshot_put_in_the_states_place_is_one_sentence(data, tmp_path):
    run = tmp_path / "run"
    train(data, run)
    tensors, notes = states.read(run / "state.safetensors")
    averages = {name: value for name, value in tensors.items() if name.startswith("average/")}
    text = {"state": json.dumps(notes)}
    save_file(averages, run / "state.safetensors", text)
    with pytest.raises(InputError, match="not the complete state of a run") as caught:
        train(data, run)
    assert "\n" not in str(caught.value)


def test_the_end_is_measured_when_there_is_a_best_to_beat(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    values = iter([5.0, 3.0])

    class Falling:
        name = "FD-X"

        def __call__(self, generator):
            return next(values)

    monkeypatch.setattr(validation, "measure_if_possible", lambda *a: (Falling(), ""))
    train(data, run, kimg=0.04, measure_kimg=0.032)
    best = states.read(run / "best.safetensors")[1]
    assert best["record"]["best"]["distance"] == 3.0
    assert best["position"] == 40
