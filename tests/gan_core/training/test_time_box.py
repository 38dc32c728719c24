"""Runs with a time box, on a clock that moves only when the tests say so."""

import itertools
import json
import os
import signal

import pytest

from gan_core import __main__ as cli
from gan_core import checkpoint, latent
from gan_core.data import training_set
from gan_core.training import (
    config_checks,
    ema,
    loop,
    publish,
    run_lock,
    schedule,
    snapshot,
    time_box,
    validation,
)
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

TINY = {"ngf": 2, "ndf": 2, "nz": 6, "batch": 8, "ema_kimg": 0.1, "minutes": 1.0}
TINY |= {"precision": "fp32", "layout": "channels_last", "convolution": "direct"}
TINY |= {"log_kimg": 0.08, "measure_kimg": 0.0}
ROUND, SAVE, GRID, PUBLISH = 1.0, 2.0, 0.125, 3.0  # seconds that each takes on this clock


class Time:
    """The clock, and what passes on it."""

    def __init__(self):
        self.seconds = 1000.0
        self.round = ROUND
        self.rounds = []  # (seconds, learning rate of G) at the beginning of each round

    def taking(self, seconds, function):
        """The function, which takes so many seconds on this clock."""

        def slow(*about, **more):
            self.seconds += seconds
            return function(*about, **more)

        return slow

    def publish(self, run, out):
        self.seconds += PUBLISH
        self.published = snapshot.read(run / "state.safetensors")[1]["position"]


@pytest.fixture
def time(monkeypatch):
    time = Time()
    real_round, real_fit = loop.play_round, ema.fit_average

    def play_round(game, batches):
        time.rounds.append((time.seconds, game.players.generator_adam.param_groups[0]["lr"]))
        time.seconds += time.round
        return real_round(game, batches)

    monkeypatch.setattr(schedule, "now", lambda: time.seconds)
    monkeypatch.setattr(loop, "play_round", play_round)
    monkeypatch.setattr(snapshot, "save", time.taking(SAVE, snapshot.save))
    monkeypatch.setattr(validation.Grid, "draw", time.taking(GRID, validation.Grid.draw))
    monkeypatch.setattr(ema, "fit_average", lambda *a, **_: real_fit(*a, batches=1, batch=4))
    return time


@pytest.fixture
def data(make_set):
    return make_set()


def train(data, run, time, **options):
    """Train and publish; returns (images shown, seconds since the start, the Stop)."""
    began, stop = time.seconds, schedule.Stop()
    config = TrainingConfig(**TINY | options)
    shown = loop.train(data, run, config, stop=stop, publish=time.publish)
    if not stop.interrupted:
        time.publish(run, run / "model")
    return shown, time.seconds - began, stop


def lines(run, key):
    log = [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in log if key in line]


def record(run):
    return snapshot.read(run / "state.safetensors")[1]["record"]


# --- The clock. ---


def test_a_clock_counts_images_where_there_is_no_time_box(time):
    clock = schedule.Clock(kimg=0.1)
    time.seconds += 1e6
    assert clock.progress(25) == (25, 100)
    assert [clock.over(position) for position in (99, 100, 101)] == [False, True, True]


def test_a_clock_with_a_time_box_counts_seconds_of_all_stretches(time):
    clock = schedule.Clock(kimg=0.1, minutes=2)
    clock.before, clock.reserve = 10.0, 20.0
    time.seconds += 40
    assert clock.progress(10**9) == (50, 100)
    assert (clock.seconds, clock.left, clock.over(10**9)) == (50, 50, False)
    time.seconds += 60
    assert (clock.progress(0), clock.left, clock.over(0)) == ((100, 100), 0, True)


def test_what_a_run_will_reach_follows_from_its_average_speed(time):
    clock = schedule.Clock(kimg=1, minutes=1)
    time.seconds += 10
    assert clock.expected(100, rate=20.0) == pytest.approx(0.1 + 20 * 50 / 1000)
    time.seconds += 30  # 300 images in 30 seconds, whatever the rate of the last line is
    assert clock.expected(400, rate=99.0) == pytest.approx(0.4 + 10 * 20 / 1000)
    time.seconds += 5
    assert clock.expected(100, rate=8.0) == pytest.approx(0.1 + 8 * 15 / 1000)  # after a rollback


# --- A run. ---


@pytest.mark.slow
def test_the_checkpoint_is_published_before_the_time_is_out(data, tmp_path, time):
    shown, seconds, stop = train(data, tmp_path / "run", time, kimg=1e-6)
    assert shown == 8 * len(time.rounds)
    assert not stop.interrupted
    # Nothing else takes time on this clock, so what is left is less than a round and the margin.
    ending = SAVE + PUBLISH + GRID
    margin = (time_box.MARGIN - 1) * ending + time_box.SPARE
    assert 60 - margin - ROUND <= seconds <= 60
    assert time.published == shown
    assert record(tmp_path / "run")["finished_minutes"] == 1.0
    assert not list((tmp_path / "run").glob(f"{time_box.PREFIX}*"))


@pytest.mark.slow
def test_schedules_follow_the_share_of_the_time(data, tmp_path, time):
    began = time.seconds
    train(data, tmp_path / "run", time, lr_g=1e-3, cooldown=0.5)
    total = 60 - (time_box.MARGIN * (SAVE + PUBLISH + GRID) + time_box.SPARE)
    for seconds, size in time.rounds:
        left = 1 - (seconds - began) / total
        assert size == pytest.approx(1e-3 * min(1, max(0, left) / 0.5), abs=1e-9)
    assert time.rounds[-1][1] < 1e-3 * ROUND / (0.5 * total)


@pytest.mark.slow
def test_grids_come_at_equal_times(data, tmp_path, time, monkeypatch):
    time.round = 8.0
    seen, real = [], loop.save_grid

    def save_grid(*about):
        seen.append(time.seconds)
        real(*about)

    monkeypatch.setattr(loop, "save_grid", save_grid)
    train(data, tmp_path / "run", time, minutes=20, grid_kimg=1000.0)
    assert len(seen) == time_box.FRAMES
    between = [late - early for early, late in itertools.pairwise(seen)]
    assert max(between) - min(between) <= 2 * (time.round + SAVE + GRID)


@pytest.mark.slow
def test_grids_that_take_long_are_fewer(data, tmp_path, time, monkeypatch):
    time.round = 8.0
    slow = time.taking(10.0, validation.Grid.draw)
    monkeypatch.setattr(validation.Grid, "draw", slow)
    train(data, tmp_path / "run", time, minutes=20)
    assert 10 <= len(lines(tmp_path / "run", "diversity")) <= 12  # a tenth of 20 minutes


@pytest.mark.slow
def test_snapshots_come_every_minute_whatever_the_speed(data, tmp_path, time, monkeypatch):
    time.round = 4.0
    saved, real = [], snapshot.State.save

    def save(state, position):
        if time_box.PREFIX not in str(state.path):
            saved.append(time.seconds)
        real(state, position)

    monkeypatch.setattr(snapshot.State, "save", save)
    train(data, tmp_path / "run", time, minutes=5, snapshot_kimg=0.008)
    assert len(saved) == 5


@pytest.mark.slow
def test_the_log_says_what_the_run_will_reach(data, tmp_path, time, capsys):
    shown, *_ = train(data, tmp_path / "run", time)
    expected = [line["expected_kimg"] for line in lines(tmp_path / "run", "d_loss")]
    assert len(expected) >= 4
    assert expected == pytest.approx([shown / 1000] * len(expected), rel=0.15)
    output = capsys.readouterr()
    (sentence,) = [text for text in (output.out + output.err).splitlines() if "will reach" in text]
    assert sentence.strip().startswith(
        "Training runs at 7 images per second and will reach about 0.3"
    )
    assert "7 seconds of which are reserved for the last snapshot" in sentence


def test_a_run_by_kimg_rehearses_nothing(data, tmp_path, time):
    config = TrainingConfig(**TINY | {"minutes": 0.0, "kimg": 0.064})
    assert loop.train(data, tmp_path / "run", config, publish=None) == 64
    assert len(time.rounds) == 8
    assert time.rounds[0][0] == 1000.0
    assert lines(tmp_path / "run", "expected_kimg") == []


# --- Stretches. ---


def stop_after(monkeypatch, time, rounds):
    """SIGTERM in so many rounds from now."""
    real, end = loop.play_round, len(time.rounds) + rounds

    def play_round(game, batches):
        if len(time.rounds) == end - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(game, batches)

    monkeypatch.setattr(loop, "play_round", play_round)


@pytest.mark.slow
def test_an_interrupted_run_has_the_rest_of_its_time(data, tmp_path, time, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, time, 12)
        shown, first, stop = train(data, run, time)
    assert (shown, stop.interrupted) == (96, True)
    assert "finished_minutes" not in record(run)
    time.seconds += 10_000  # nobody trains
    shown, second, stop = train(data, run, time)
    assert not stop.interrupted
    assert 50 <= first + second <= 60 + SAVE  # the snapshot of the interrupt is not in its record
    assert record(run)["hours"] * 3600 <= 60


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is_and_may_get_more_time(data, tmp_path, time):
    run = tmp_path / "run"
    shown, *_ = train(data, run, time)
    before, rounds = (run / "state.safetensors").read_bytes(), len(time.rounds)
    again, _, stop = train(data, run, time)
    assert (again, len(time.rounds), stop.interrupted) == (shown, rounds, False)
    assert (run / "state.safetensors").read_bytes() == before
    more, seconds, _ = train(data, run, time, minutes=2.0)
    assert more > shown
    assert 50 <= seconds <= 70
    longest, *_ = train(data, run, time, minutes=0.0, kimg=more / 1000 + 0.016)
    assert longest == more + 16


def test_a_box_that_is_too_short_is_one_sentence(data, tmp_path, time):
    with pytest.raises(
        InputError, match=r"0\.1 minutes leaves no time for training: .* 7\."
    ) as error:
        train(data, tmp_path / "run", time, minutes=0.1)
    assert "\n" not in str(error.value)
    assert time.rounds == []


def test_a_start_that_takes_the_whole_box_is_one_sentence(data, tmp_path, time, monkeypatch):
    choose = loop.autotune.choose
    monkeypatch.setattr(loop.autotune, "choose", time.taking(100.0, choose))
    with pytest.raises(InputError, match=r"the start took 10[0-9] seconds"):
        train(data, tmp_path / "run", time)
    assert time.rounds == []


def test_several_processes_have_no_time_box(data, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"A time box works with one process only; .* --kimg"):
        config_checks.check(data, TrainingConfig(**TINY))


# --- Measured distances. ---


class Distance:
    """A distance that takes time on the clock and falls."""

    name = "FD-X"

    def __init__(self, time, seconds, reference=0.0):
        self.time, self.seconds, self.reference = time, seconds, reference
        self.measured = []

    def rehearse(self, generator):
        return self.reference, self.seconds

    def __call__(self, generator):
        self.time.seconds += self.seconds + (0 if self.measured else self.reference)
        self.measured.append(self.time.seconds)
        return 100.0 - len(self.measured)


def train_measured(data, run, time, monkeypatch, distance, **options):
    monkeypatch.setattr(validation, "measure_if_possible", lambda *about: (distance, ""))
    return train(data, run, time, measure_kimg=0.04, **options)


@pytest.mark.slow
def test_measured_distances_take_a_tenth_of_the_time_and_the_end_is_measured(
    data, tmp_path, time, monkeypatch
):
    time.round = 2.0
    began, distance = time.seconds, Distance(time, 2.0, reference=1.0)
    shown, seconds, _ = train_measured(
        data, tmp_path / "run", time, monkeypatch, distance, minutes=5.0
    )
    assert 5 * 60 - 15 <= seconds <= 5 * 60
    measured = [moment - began for moment in distance.measured]
    assert 5 <= len(measured) <= 8
    each = 2.0 + SAVE  # the best networks are saved
    assert all(each * n <= 0.1 * moment + each for n, moment in enumerate(measured, 1))
    best = snapshot.read(tmp_path / "run" / "best.safetensors")[1]
    assert best["position"] == shown  # the last measurement, at the end


@pytest.mark.slow
def test_a_distance_that_does_not_fit_is_skipped(data, tmp_path, time, monkeypatch, capsys):
    distance = Distance(time, 30.0)
    _, seconds, _ = train_measured(data, tmp_path / "run", time, monkeypatch, distance)
    assert (distance.measured, seconds <= 60) == ([], True)
    assert not (tmp_path / "run" / "best.safetensors").exists()
    assert "No distance was measured: one takes about 30 seconds" in capsys.readouterr().out


@pytest.mark.slow
def test_a_distance_that_takes_longer_than_before_delays_nothing(data, tmp_path, time, monkeypatch):
    """The end is measured only if it still fits after what the last measurement took."""
    distance = Distance(time, 2.0)
    real = Distance.__call__

    def slower(self, generator):
        if len(self.measured) == 1:
            self.seconds = 20.0
        return real(self, generator)

    monkeypatch.setattr(Distance, "__call__", slower)
    _, seconds, _ = train_measured(data, tmp_path / "run", time, monkeypatch, distance, minutes=2.0)
    assert len(distance.measured) == 2
    assert seconds <= 120


def test_the_rehearsal_of_a_distance_is_its_cost(time, data, monkeypatch):
    """One second for every 64 images or samples, and half a second for the distance itself."""
    images = training_set.load(data).images
    features = type("Features", (), {"size": 4})()
    features.extract = time.taking(1.0, lambda images: images.reshape(len(images), -1)[:, :4])
    monkeypatch.setattr(validation.feature_extractors, "effnet", lambda device: features)
    monkeypatch.setattr(validation.fidelity, "frechet", time.taking(0.5, lambda a, b: 1.0))
    blank = images[:64].astype("float32")
    monkeypatch.setattr(validation, "draw", time.taking(1.0, lambda generator, z: blank[: len(z)]))
    prior = latent.Prior("normal", 6)
    distance = validation.Distance(images, 640, prior, "cpu")
    reference, seconds = distance.rehearse(None)
    assert (reference, seconds) == (len(images) / 64, 10 * (1 + 1) + 0.5)
    distance(None)
    assert distance.rehearse(None)[0] == 0


# --- On the command line. ---


def command(data, folder, *more):
    words = ["train", data, "--name", "m", "--runs", folder / "runs"]
    words += ["--checkpoints", folder / "models", "--ngf", 4, "--ndf", 4, "--nz", 8, "--batch", 8]
    words += ["--precision", "fp32", "--layout", "contiguous", "--measure-kimg", 0, *more]
    return cli.main([str(word) for word in words])


@pytest.mark.slow
def test_a_command_with_minutes_publishes_when_the_time_is_over(data, tmp_path, time, capsys):
    assert command(data, tmp_path, "--minutes", 1) == 0
    model = checkpoint.load(tmp_path / "models" / "m")
    assert model.card["training"]["kimg"] == 8 * len(time.rounds) / 1000
    assert model.card["training"]["minutes"] == 1
    about = run_lock.read(tmp_path / "runs" / "m")
    assert (about["ended"], about["minutes"], "kimg" in about) == ("finished", 1, False)
    assert "Stopped at" not in capsys.readouterr().out
    assert command(data, tmp_path, "--minutes", 1) == 0  # and again: nothing to do
    assert checkpoint.load(tmp_path / "models" / "m").hash == model.hash


@pytest.mark.slow
def test_a_command_with_minutes_that_is_interrupted_publishes_nothing(
    data, tmp_path, time, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        stop_after(patch, time, 5)
        assert command(data, tmp_path, "--minutes", 1) == 130
    assert "the same command resumes" in capsys.readouterr().out
    assert not (tmp_path / "models" / "m").exists()
    assert run_lock.read(tmp_path / "runs" / "m")["ended"] == "stopped"
    assert command(data, tmp_path, "--minutes", 1) == 0
    assert (tmp_path / "models" / "m" / "model.json").exists()


def test_a_length_is_given_in_one_way(data, tmp_path, capsys):
    assert command(data, tmp_path, "--minutes", 1, "--kimg", 1) == 2
    assert "either --kimg or --minutes" in capsys.readouterr().err


@pytest.mark.slow
def test_the_rehearsed_checkpoint_is_what_is_published(data, tmp_path, time, monkeypatch):
    """The rehearsal publishes into the folder that is removed, and never where the model goes."""
    places, real = [], publish.publish

    def publish_to(run, out, **about):
        places.append(str(out))
        time.seconds += PUBLISH
        return real(run, out, **about)

    monkeypatch.setattr(publish, "publish", publish_to)
    began = time.seconds
    assert command(data, tmp_path, "--minutes", 1) == 0
    assert len(places) == 2
    assert time_box.PREFIX in places[0]
    assert places[1] == str(tmp_path / "models" / "m")
    assert time.seconds - began <= 60
