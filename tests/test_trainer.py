"""The trainer: the lecture's algorithm, and runs that survive being killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gan_core import averaging, card, checkpoint, networks, trainer, training_set
from gan_core.errors import InputError
from support import ROOT

TINY = {"ngf": 4, "ndf": 4, "nz": 6, "batch": 8, "kimg": 0.064, "ema_kimg": 0.1}
QUIET = {"log_kimg": 1000.0, "grid_kimg": 1000.0, "snapshot_kimg": 1000.0}
PARTS = ("generator", "discriminator", "average", "generator_adam", "discriminator_adam")


def train(data, run, **options):
    return trainer.train(data, run, **TINY | QUIET | options)


def state(run):
    return trainer.read_state(run / "state.safetensors")


def same(first, second):
    assert first.keys() == second.keys()
    return [key for key in first if not torch.equal(first[key], second[key])] == []


def lines(run):
    return [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]


@pytest.fixture(autouse=True)
def whole_fit(monkeypatch):
    """Grids need few batches here; yields the real function for where its result matters."""
    real = trainer.fit_average
    monkeypatch.setattr(trainer, "fit_average", lambda *about: real(*about, batches=2))
    return real


@pytest.fixture
def data(make_set):
    return make_set()


@pytest.fixture
def steps(monkeypatch):
    """Records which player each optimiser step moves, with both players before and after it."""
    taken = []
    built = []
    real_build, real_step = networks.build, torch.optim.Adam.step

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

    monkeypatch.setattr(networks, "build", build)
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    return taken


# --- A run. ---


def test_a_run_leaves_its_state_log_and_grids(data, tmp_path):
    run = tmp_path / "run"
    shown = train(data, run, log_kimg=0.016, grid_kimg=0.032)
    assert shown == 64
    assert [line["kimg"] for line in lines(run)] == [0.016, 0.032, 0.048, 0.064]
    for line in lines(run):
        assert {"d_loss", "g_loss", "d_real", "d_fake", "images_per_second", "hours"} <= set(line)
        assert 0 < line["d_real"] < 1
        assert 0 < line["d_fake"] < 1
        assert line["d_loss"] > 0
    grids = sorted((run / "samples").iterdir())
    assert grids
    with Image.open(grids[-1]) as grid:
        assert grid.size == (8 * 32, 8 * 32)
    tensors, notes = state(run)
    assert notes["position"] == 64
    assert {key.split("/")[0] for key in tensors} == {"rng", *PARTS}


@pytest.mark.parametrize("player", ["generator", "discriminator", "average"])
def test_training_moves_every_weight(data, tmp_path, player):
    train(data, tmp_path / "short", kimg=0.008)
    train(data, tmp_path / "long")
    short, long = state(tmp_path / "short")[0], state(tmp_path / "long")[0]
    of_player = [key for key in short if key.startswith(f"{player}/") and "running" not in key]
    moving = [key for key in of_player if "num_batches" not in key]
    assert moving
    assert [key for key in moving if torch.equal(short[key], long[key])] == []


@pytest.mark.parametrize("k", [1, 2, 3])
def test_k_steps_of_d_then_one_of_g(data, tmp_path, steps, k):
    shown = train(data, tmp_path / "run", k=k, kimg=0.024 * k)
    assert shown == 24 * k
    assert [player for player, _ in steps] == (["D"] * k + ["G"]) * 3


def test_each_step_moves_its_own_player_alone(data, tmp_path, steps):
    train(data, tmp_path / "run", k=2)
    assert {player: moved for player, moved in steps} == {"G": [True, False], "D": [False, True]}
    assert all(moved == [player == "G", player == "D"] for player, moved in steps)


def test_noise_is_fresh_in_every_step(data, tmp_path, monkeypatch):
    seen = []
    forward = nn.ConvTranspose2d.forward

    def spy(self, x, *arguments):
        if x.shape[1] == TINY["nz"] and x.shape[0] == TINY["batch"]:
            seen.append(x.detach().flatten(1).clone())
        return forward(self, x, *arguments)

    monkeypatch.setattr(nn.ConvTranspose2d, "forward", spy)
    train(data, tmp_path / "run", k=2, kimg=0.032)
    assert len(seen) == 6  # two rounds of two steps of D and one of G
    rows = torch.cat(seen)
    assert len(rows.unique(dim=0)) == len(rows)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "minimax"},
        {"prior": "uniform"},
        {"augment": ""},
        {"augment": "mirror,translation,cutout,colour"},
        {"ema_kimg": 0.0},
    ],
    ids=str,
)
def test_other_recipes_run_and_differ(data, tmp_path, options):
    train(data, tmp_path / "usual")
    train(data, tmp_path / "other", **options)
    usual, other = state(tmp_path / "usual")[0], state(tmp_path / "other")[0]
    assert all(torch.isfinite(tensor).all() for tensor in other.values())
    assert not same(usual, other)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(data, tmp_path / name, seed=seed)
    first, again, other = (state(tmp_path / name)[0] for name in "abc")
    assert same(first, again)
    assert not same(first, other)


def test_the_smallest_size_in_grey(make_set, tmp_path):
    data = make_set(size=28, channels=1)
    train(data, tmp_path / "run")
    with Image.open(tmp_path / "run" / "samples" / "000000.png") as grid:
        assert grid.size == (8 * 28, 8 * 28)
        assert grid.mode == "L"


# --- Stopping and going on. ---


@pytest.mark.parametrize("k", [1, 2])
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(data, tmp_path, k):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(data, whole, k=k, kimg=0.16, log_kimg=0.032)
    for kimg in (0.048, 0.112, 0.16):  # the epoch ends at 0.064 and 0.128
        train(data, parts, k=k, kimg=kimg, log_kimg=0.032)
    first, second = state(whole), state(parts)
    assert first[1]["position"] == second[1]["position"] == 160
    assert same(first[0], second[0])
    grids = [sorted((run / "samples").iterdir())[-1].read_bytes() for run in (whole, parts)]
    assert grids[0] == grids[1]


def test_a_finished_run_is_left_as_it_is(data, tmp_path):
    train(data, tmp_path / "run")
    before = state(tmp_path / "run")[0]
    assert train(data, tmp_path / "run") == 64
    assert same(before, state(tmp_path / "run")[0])


def test_the_log_forgets_what_came_after_the_snapshot(data, tmp_path):
    run = tmp_path / "run"
    train(data, run, log_kimg=0.016)
    with open(run / "log.jsonl", "a") as file:
        file.write(json.dumps({"kimg": 0.08}) + "\n" + '{"kimg": 0.0')
    train(data, run, kimg=0.096, log_kimg=0.016)
    assert [line["kimg"] for line in lines(run)] == [0.016, 0.032, 0.048, 0.064, 0.08, 0.096]
    assert "d_loss" in lines(run)[4]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 3),
        ("lr_g", 1e-3),
        ("beta1", 0.9),
        ("k", 2),
        ("batch", 16),
        ("objective", "minimax"),
        ("augment", ""),
        ("prior", "uniform"),
        ("nz", 7),
        ("ngf", 8),
        ("ndf", 8),
        ("ema_kimg", 5.0),
    ],
)
def test_changed_settings_are_refused_by_name(data, tmp_path, key, value):
    run = tmp_path / "run"
    train(data, run, kimg=0.008)
    before = (run / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match=rf"{key} .*not {value}") as caught:
        train(data, run, **{key: value})
    assert "\n" not in str(caught.value)
    assert (run / "state.safetensors").read_bytes() == before


def test_other_images_are_refused(data, make_set, tmp_path):
    train(data, tmp_path / "run", kimg=0.008)
    with pytest.raises(InputError, match="fingerprint"):
        train(make_set("other", seed=5), tmp_path / "run")


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: b"x" * 100])
def test_a_damaged_state_is_refused_by_name(data, tmp_path, damage):
    run = tmp_path / "run"
    train(data, run, kimg=0.008)
    path = run / "state.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"state\.safetensors .*damaged"):
        train(data, run)


SCRIPT = (
    "import sys; sys.path.insert(0, {tests!r})\n"
    "from test_trainer import train, TINY\n"
    "options = dict(kimg=float(sys.argv[3]), snapshot_kimg=0.008, log_kimg=0.008)\n"
    "print('done', train(sys.argv[1], sys.argv[2], **options))\n"
)


def start(data, run, kimg):
    code = SCRIPT.format(tests=str(ROOT / "tests"))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(data), str(run), str(kimg)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def wait_for_lines(process, run, count):
    """Until the log has `count` lines more than nothing; fails when the process ends before."""
    log = run / "log.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)


def test_a_killed_run_goes_on_from_a_snapshot_that_is_whole(data, tmp_path):
    run = tmp_path / "run"
    random = np.random.RandomState(os.getpid())
    reached = 0
    for _ in range(3):
        process = start(data, run, 10_000)
        wait_for_lines(process, run, reached // 8 + 3)
        time.sleep(random.uniform(0, 0.05))  # anywhere between two snapshots, or inside one
        process.send_signal(signal.SIGKILL)
        process.communicate()
        tensors, notes = state(run)
        assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
        logged = lines(run)[-1]["kimg"] * 1000 if lines(run) else 0
        # A step logs, then saves: at most the step whose snapshot was under way is lost.
        assert notes["position"] >= logged - 8
        assert notes["position"] > reached
        reached = notes["position"]
    # Going on gives what a run that nobody killed gives.
    kimg = (reached + 16) / 1000
    train(data, run, kimg=kimg)
    train(data, tmp_path / "whole", kimg=kimg)
    assert same(state(run)[0], state(tmp_path / "whole")[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_polite_stop_saves_and_goes_on_bit_for_bit(data, tmp_path, monkeypatch, number):
    update, calls = averaging.update_ema, []

    def stop_at_third(*arguments):
        calls.append(None)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
        update(*arguments)

    run = tmp_path / "run"
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(averaging, "update_ema", stop_at_third)
        assert train(data, run) == 24
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert state(run)[1]["position"] == 24
    train(data, run)
    train(data, tmp_path / "whole")
    assert same(state(run)[0], state(tmp_path / "whole")[0])


def spoil_loss(monkeypatch, after):
    """From G's step number `after` on, the loss of G is not a number."""
    usual = trainer.OBJECTIVES["non-saturating"]
    calls = []

    def spoilt(fake):
        calls.append(None)
        return usual.generator(fake) * (float("nan") if len(calls) >= after else 1.0)

    monkeypatch.setitem(trainer.OBJECTIVES, "non-saturating", usual._replace(generator=spoilt))


@pytest.mark.parametrize(
    "periods",
    [
        {"log_kimg": 0.016, "snapshot_kimg": 0.016},
        {"log_kimg": 0.032, "snapshot_kimg": 0.008},
        {"log_kimg": 1000.0, "snapshot_kimg": 0.016},
        {"log_kimg": 1000.0, "snapshot_kimg": 0.040},  # the end comes before the next period
    ],
    ids=str,
)
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_snapshot(
    data, tmp_path, monkeypatch, periods
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        spoil_loss(patch, after=6)
        with pytest.raises(InputError, match=r"no longer a number") as caught:
            train(data, run, **periods)
    assert "\n" not in str(caught.value)
    tensors, notes = state(run)
    assert notes["position"] in (32, 40)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert train(data, run, **periods) == 64


# --- Settings that cannot work. ---


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"objective": "hinge-ish"}, "'hinge-ish'"),
        ({"augment": "blur"}, "'blur'"),
        ({"prior": "cauchy"}, "'cauchy'"),
        ({"architecture": "vit"}, "'vit'"),
        ({"k": 0}, "k is 0"),
        ({"batch": 1}, "batch is 1"),
        ({"batch": -8}, "batch is -8"),
        ({"kimg": 0}, "kimg is 0"),
        ({"lr_g": 0.0}, "lr_g is 0"),
        ({"lr_d": float("nan")}, "lr_d is nan"),
        ({"nz": 0}, "0"),
        ({"ngf": 10**9}, "ngf"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**40}, "seed"),
        ({"beta1": 1.0}, "beta1"),
        ({"beta2": -0.1}, "beta2"),
        ({"ema_kimg": -1.0}, "ema_kimg"),
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
def test_a_run_on_cuda_resumes(data, tmp_path):
    train(data, tmp_path / "run", device="cuda", kimg=0.032)
    assert train(data, tmp_path / "run", device="cuda") == 64


# --- The pieces. ---


def test_each_epoch_is_a_permutation():
    order = trainer.Order(10, seed=3)
    epochs = [order.take(10).tolist() for _ in range(4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert trainer.Order(10, seed=4).take(10).tolist() != epochs[0]


def test_batches_run_on_across_the_end_of_an_epoch():
    whole = trainer.Order(10, seed=3).take(35)
    order = trainer.Order(10, seed=3)
    parts = [order.take(count) for count in (3, 4, 9, 1, 18)]
    assert torch.equal(torch.cat(parts), whole)
    assert order.position == 35
    assert torch.equal(trainer.Order(10, 3, position=17).take(18), whole[17:])


def test_periods_fall_due_once_each():
    due = trainer.Due(0, log=0.016, grid=0.05)
    fired = [(position, due(position)) for position in range(8, 121, 8)]
    assert [position for position, now in fired if "log" in now] == [16, 32, 48, 64, 80, 96, 112]
    assert [position for position, now in fired if "grid" in now] == [56, 104]


def test_periods_go_on_where_a_run_resumes():
    due = trainer.Due(60, log=0.05)
    assert [due(position) for position in (68, 98, 106, 120)] == [[], [], ["log"], []]


def test_a_period_shorter_than_a_step_falls_due_at_every_step():
    due = trainer.Due(0, log=0.0001)
    assert all(due(position) == ["log"] for position in range(64, 400, 64))


# --- Publishing. ---


@pytest.fixture
def published(data, tmp_path, monkeypatch, whole_fit):
    monkeypatch.setattr(trainer, "fit_average", whole_fit)
    train(data, tmp_path / "run", kimg=0.064)
    about = {"licence": "CC0", "use": "Tests.", "command": "python -m gan_core train"}
    trainer.publish(tmp_path / "run", tmp_path / "model", name="tiny", data=data, **about)
    return tmp_path / "model"


def test_a_published_run_loads_and_draws(published, data):
    model = checkpoint.load(published)
    assert model.name == "tiny"
    assert model.generate(model.prior.sample(3)).shape == (3, 32, 32, 3)
    assert model.realness(training_set.load(data).images[:3]).shape == (3,)
    assert model.card["training"]["kimg"] == 0.064
    assert model.card["training"]["batch"] == 8
    assert model.card["objective"] == "non-saturating"
    assert model.card["licence"] == "CC0"
    fingerprint = training_set.load(data).fingerprint
    assert model.card["training_set"]["fingerprint"] == fingerprint


def test_what_is_published_is_the_average_with_statistics_that_fit(published, tmp_path):
    model = checkpoint.load(published)
    tensors, _ = state(tmp_path / "run")
    for name, parameter in model.generator.named_parameters():
        assert torch.equal(parameter, tensors[f"average/{name}"]), name
    sent = []
    norms = [m for m in model.generator.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.register_forward_hook(lambda m, x, y: sent.append((m, x[0])))
    model.synthesize(model.prior.sample(64, seed=5))
    assert len(sent) == len(norms)
    for norm, x in sent:
        assert (x.mean((0, 2, 3)) - norm.running_mean).abs().max() < 0.35 * x.std()
        ratio = x.var((0, 2, 3)) / norm.running_var
        assert ratio.min() > 0.6
        assert ratio.max() < 1.6


def test_the_card_tells_the_recipe(published):
    text = card.write(published).read_text("utf-8")
    for told in (
        "tiny",
        "non-saturating",
        "CC0",
        "python -m gan_core train",
        "DCGAN",
        "samples.png",
    ):
        assert told in text
    with Image.open(published / "samples.png") as samples:
        assert samples.size == (8 * 32, 8 * 32)
