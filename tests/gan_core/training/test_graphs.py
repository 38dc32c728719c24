"""Rounds replayed from CUDA graphs are the same rounds; what decides whether they are used."""

import json

import pytest
import torch

from gan_core.training import graphs, loop, players, step
from gan_core.training import snapshot as states
from gan_core.training.config import OPTIONS, TrainingConfig
from gan_core.training.distributed import Team
from gan_core.util.errors import InputError

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

STYLE = {"architecture": "style", "norm": "none", "r1": 0.01, "penalty_every": 4}
KINDS = {
    "dcgan": {},
    "two steps of D": {"k": 2},
    "lazy penalty": {"norm": "none", "r1": 0.1, "penalty_every": 3, "penalty_final": 0.1},
    "wgan-gp": {"objective": "wgan-gp", "norm": "none"},
    "wgan": {"objective": "wgan"},
    "spectral": {"norm": "spectral", "objective": "hinge"},
    "relativistic": {"objective": "relativistic", "norm": "none", "r1": 0.1, "r2": 0.1},
    "style": STYLE | {"augment": "mirror,translation,scale,rotation,mild_colour"},
    "adapted": STYLE | {"augment": "translation,cutout,colour", "augment_target": 0.6},
    "scheduled": {"augment_p": 0.5, "augment_initial": 0.0, "lr_final": 0.1, "cooldown": 0.5},
}


def config(**options):
    base = {"ngf": 4, "ndf": 4, "nz": 8, "batch": 8, "kimg": 0.16, "ema_kimg": 0.1}
    base |= {"precision": "fp32", "layout": "channels_last", "device": "cuda"}
    record = {"log_kimg": 0.008, "grid_kimg": 1e3, "snapshot_kimg": 1e3, "measure_kimg": 0.0}
    return TrainingConfig(**base | record | options)


def losses(run):
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return torch.tensor([[row["d_loss"], row["g_loss"]] for row in rows if "d_loss" in row])


def same_rounds(first, second):
    """Whether both runs drew the same random numbers, and had the same losses but for rounding."""
    random = [states.read(run / "state.safetensors")[0]["rng"] for run in (first, second)]
    assert torch.equal(*random)
    torch.testing.assert_close(losses(first), losses(second), rtol=0.02, atol=0.02)


@pytest.fixture
def replays(monkeypatch):
    """How many rounds are replayed, as a list that grows."""
    seen, replay = [], torch.cuda.CUDAGraph.replay

    def noted(graph):
        seen.append(1)
        return replay(graph)

    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", noted)
    return seen


@on_cuda
@pytest.mark.parametrize("kind", KINDS)
def test_a_replayed_run_is_the_run_without_graphs(make_set, tmp_path, replays, kind):
    data = make_set()
    loop.train(data, tmp_path / "eager", config(graphs="off", **KINDS[kind]))
    assert not replays
    loop.train(data, tmp_path / "graphs", config(**KINDS[kind]))
    assert len(replays) >= 4
    same_rounds(tmp_path / "eager", tmp_path / "graphs")


@on_cuda
def test_bf16_is_replayed(make_set, tmp_path, replays):
    loop.train(make_set(), tmp_path / "run", config(precision="bf16", **KINDS["style"]))
    assert len(replays) >= 4
    assert losses(tmp_path / "run").isfinite().all()


@on_cuda
def test_a_resumed_run_records_anew(make_set, tmp_path, replays):
    data = make_set()
    loop.train(data, tmp_path / "whole", config(**STYLE))
    loop.train(data, tmp_path / "parts", config(kimg=0.08, **STYLE))
    before = len(replays)
    loop.train(data, tmp_path / "parts", config(**STYLE))
    assert len(replays) > before
    same_rounds(tmp_path / "whole", tmp_path / "parts")


@on_cuda
def test_after_rolling_back_the_new_moments_are_trained(make_set, tmp_path, monkeypatch):
    data, spoilt = make_set(), []
    real_round = step.play_round

    def play_round(game, batches):
        statistics, judged = real_round(game, batches)
        if batches.position == 120 and not spoilt:
            spoilt.append(1)
            game.players.generator.parameters().__next__().data.fill_(float("nan"))
        return statistics, judged

    monkeypatch.setattr(loop, "play_round", play_round)
    loop.train(data, tmp_path / "run", config(snapshot_kimg=0.04))
    assert spoilt
    tensors, notes = states.read(tmp_path / "run" / "state.safetensors")
    assert notes["record"]["rollbacks"] == 1
    # Adam's count includes the rounds after rolling back only if the right tensors were trained.
    assert tensors["generator_adam/0.step"].item() == 160 / 8
    assert all(value.isfinite().all() for value in tensors.values())


@on_cuda
def test_what_cannot_be_recorded_is_run_as_usual():
    rng = torch.Generator("cuda").manual_seed(0)

    def function(inputs, kind):
        waits = inputs[0].sum().item()  # which a graph cannot do
        return inputs[0] + waits + torch.rand(2, generator=rng, device="cuda")

    replayed, given = graphs.Replayed(function, rng), [torch.ones(2, device="cuda")]
    for _ in range(graphs.WARM):
        replayed(given, "")
    with pytest.warns(UserWarning, match="not replayed as CUDA graphs"):
        once = replayed(given, "")
    again = replayed(given, "")
    assert not torch.equal(once, again)
    assert (once >= 3).all()
    assert torch.rand(2, device="cuda").isfinite().all()  # the device's own generator works too


@on_cuda
def test_tuning_times_recorded_steps(make_set, tmp_path, replays):
    options = {"precision": "auto", "layout": "auto", "kimg": 0.008}
    loop.train(make_set(), tmp_path / "run", config(**options))
    assert len(replays) >= 4  # of the candidates; the run itself is too short


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"graphs": "off"}, False),
        ({"device": "cpu"}, False),
        ({"beta2_initial": 0.9}, False),
        ({"codes_from": "somewhere"}, False),
        ({"compile": True, "norm": "none"}, False),
    ],
)
def test_what_is_replayed(options, expected):
    team = Team("cpu")
    team.device = torch.device(options.get("device", "cuda"))
    assert graphs.usable(config(**options), team) is expected


def test_several_processes_are_not_replayed():
    team = Team("cpu")
    team.device, team.size = torch.device("cuda"), 2
    assert not graphs.usable(config(), team)


def test_learning_rates_that_a_graph_reads_are_filled_in_place():
    weight = torch.nn.Linear(1, 1)
    both = [torch.optim.Adam(weight.parameters(), torch.tensor(0.1)) for _ in range(2)]
    rates = [adam.param_groups[0]["lr"] for adam in both]
    playing = players.Players(weight, weight, weight, *both)
    playing.set_step_sizes(0.5, 0.25)
    assert [rate.item() for rate in rates] == [0.5, 0.25]


def test_what_the_schedule_sets_is_filled_in_place_where_a_graph_reads_it():
    place = torch.ones(())
    assert step.refill(place, 0.25) is place
    assert place == 0.25
    assert step.refill(1.0, 0.25) == 0.25


def test_an_unknown_choice_is_refused():
    with pytest.raises(InputError, match="no graphs 'sometimes'"):
        OPTIONS["graphs"].check("sometimes")
