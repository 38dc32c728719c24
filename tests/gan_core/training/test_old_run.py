"""A run that an earlier version began is resumed as that version would have resumed it.

old_run/NAME holds the state and log of a run at 32 images and, as finished.safetensors, the state
that the earlier version itself reached at 64. They were written before `TrainingConfig` existed,
from 64 grey images of noise at 28 × 28.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch

from gan_core.training import loop, snapshot
from gan_core.training.config import DEFAULTS, TrainingConfig

OLD = Path(__file__).resolve().parent / "old_run"
OPTIONS = {"ngf": 2, "ndf": 2, "nz": 6, "batch": 8, "ema_kimg": 0.1, "log_kimg": 0.016}
OPTIONS |= {"precision": "fp32", "layout": "channels_last", "convolution": "direct"}
OPTIONS |= {"grid_kimg": 1000.0, "snapshot_kimg": 1000.0, "measure_kimg": 0.0, "kimg": 0.064}
GAMES = {
    "dcgan": {},
    "residual": {
        "architecture": "residual",
        "objective": "relativistic",
        "prior": "uniform",
        "r1": 1.0,
        "penalty_every": 3,
        "warmup_kimg": 0.02,
    },
}


@pytest.mark.parametrize("name", GAMES)
def test_a_run_of_an_earlier_version_is_resumed(make_set, tmp_path, name):
    data, run = make_set(size=28, channels=1), tmp_path / "run"
    run.mkdir()
    for file in ("state.safetensors", "log.jsonl"):
        shutil.copy(OLD / name / file, run / file)
    assert loop.train(data, run, TrainingConfig(**OPTIONS | GAMES[name])) == 64
    tensors, notes = snapshot.read(run / "state.safetensors")
    expected, before = snapshot.read(OLD / name / "finished.safetensors")
    assert notes["position"] == before["position"] == 64
    known = before["settings"]
    assert {key: notes["settings"][key] for key in known} == known
    new = notes["settings"].keys() - known.keys()
    assert {key: notes["settings"][key] for key in new} == {key: DEFAULTS[key] for key in new}
    assert tensors.keys() == expected.keys()
    assert torch.equal(tensors["rng"], expected["rng"])
    for key, value in expected.items():  # another machine may round otherwise
        torch.testing.assert_close(tensors[key], value, rtol=1e-3, atol=1e-4, msg=key)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in lines if "d_loss" in line] == [0.016, 0.032, 0.048, 0.064]
