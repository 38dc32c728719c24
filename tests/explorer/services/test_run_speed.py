"""The speed of a run before it starts: of an earlier run, or measured in a process of its own."""

import dataclasses
import json
import sys
import time

import pytest

from explorer.services import background, run_list, run_speed
from gan_core.training import loop, speed
from gan_core.training.config import TrainingConfig
from gan_core.util import hardware
from gan_core.util.errors import InputError

TIME_STEPS = run_speed.time_steps  # before conftest replaces it
CONFIG = TrainingConfig(ngf=4, ndf=4, nz=6, batch=4)
PLAN = (CONFIG, 32, 3)


@pytest.fixture
def earlier(tmp_path, monkeypatch):
    """Pretend that there is one run, of CONFIG on this machine; returns what may be changed."""
    known = {"settings": speed.settings_of(*PLAN), "hardware": hardware.describe("cpu")}
    lines = [{"kimg": float(k), "hours": k / 36, "images_per_second": 50.0} for k in range(1, 7)]
    lines.append({"kimg": 6.0, "diversity": 0.1})  # as a grid adds it
    known["run"] = dataclasses.replace(run_list.look(tmp_path / "before"), lines=tuple(lines))
    monkeypatch.setattr(run_list, "entries", lambda: {"before": known["run"]})
    parts = ("settings", "hardware")
    monkeypatch.setattr(run_list, "saved", lambda at: (6.0, *(known[part] for part in parts)))
    return known


def test_an_earlier_run_says_how_fast_it_was_with_its_grids_and_distances(earlier):
    # 6,000 images in 600 seconds, although its steps alone were faster.
    assert run_speed.earlier(*PLAN) == run_speed.Speed(pytest.approx(10), run="before")


@pytest.mark.parametrize("change", ["hardware", "batch", "short"])
def test_a_run_that_says_nothing_about_this_one_is_not_used(earlier, change):
    if change == "hardware":
        earlier["hardware"] = "Another CPU, 2 thread(s)"
    if change == "batch":
        earlier["settings"] = earlier["settings"] | {"batch": 8}
    if change == "short":
        earlier["run"] = dataclasses.replace(earlier["run"], lines=earlier["run"].lines[:2])
    assert run_speed.earlier(*PLAN) is None


def test_a_damaged_or_missing_snapshot_says_nothing(tmp_path):
    assert run_list.saved(tmp_path) == (0.0, {}, "")


def fake(monkeypatch, script):
    """Let a script answer in place of gan_core.training.speed."""
    begin = run_speed.subprocess.Popen
    words = [sys.executable, "-c", script]
    monkeypatch.setattr(run_speed.subprocess, "Popen", lambda _, **more: begin(words, **more))


def test_a_measurement_says_how_far_it_is(monkeypatch):
    lines = [{"done": 1, "of": 5}, {"images_per_second": 20.5, "of": 5}]
    fake(
        monkeypatch,
        f"import sys; sys.stdin.read()\nfor x in {list(map(json.dumps, lines))}: print(x)",
    )
    monkeypatch.setattr(run_speed, "busy", lambda: False)
    said = []
    speed_here = TIME_STEPS({}, lambda words, share: said.append(words))
    assert speed_here == run_speed.Speed(20.5, steps=5)
    assert said[-1] == "Timing 5 steps of training"


def test_a_measurement_ends_when_a_run_starts_or_when_it_takes_too_long(monkeypatch):
    fake(monkeypatch, "import time; time.sleep(3600)")
    monkeypatch.setattr(run_speed, "busy", lambda: True)
    with pytest.raises(InputError, match="stopped"):
        TIME_STEPS({}, lambda words, share: None)
    monkeypatch.setattr(run_speed, "busy", lambda: False)
    monkeypatch.setattr(run_speed, "MOST", 0)
    began = time.monotonic()
    assert TIME_STEPS({}, lambda words, share: None) is None
    assert time.monotonic() > began  # it came back, and the process has ended


def test_nothing_is_measured_while_a_run_is_in_progress(monkeypatch):
    monkeypatch.setattr(run_speed, "busy", lambda: True)
    monkeypatch.setattr(background, "done", lambda *a, **k: pytest.fail("it was measured"))
    monkeypatch.setattr(run_speed, "_measured", {})
    assert run_speed.measure(*PLAN) is None


@pytest.mark.slow
def test_real_steps_are_timed_in_a_process_of_their_own(monkeypatch):
    monkeypatch.setattr(run_speed, "busy", lambda: False)
    question = {"options": dataclasses.asdict(CONFIG), "size": 32, "channels": 3}
    speed_here = TIME_STEPS(question, lambda words, share: None)
    assert speed_here.images_per_second > 0
    assert speed_here.steps == 5


@pytest.mark.slow
def test_a_real_run_says_how_fast_the_next_one_will_be(make_set, tmp_path, monkeypatch):
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "runs"))
    config = dataclasses.replace(CONFIG, kimg=0.04, log_kimg=0.004, measure_kimg=0)
    loop.train(make_set(n=8), tmp_path / "runs" / "before", config)
    speed_here = run_speed.earlier(*PLAN)
    assert speed_here is not None
    assert speed_here.run == "before"
    assert speed_here.images_per_second > 0
    assert run_speed.earlier(dataclasses.replace(CONFIG, batch=8), 32, 3) is None
