"""What a run tells: the log, and TensorBoard's files as TensorBoard itself reads them."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from gan_core.training import run_log
from gan_core.util.errors import InputError
from support import save_set
from test_loop import LOSSES, lines, train

# --- The log. ---


def test_a_line_says_where_and_what(tmp_path):
    log = run_log.Log(tmp_path / "log.jsonl", 0)
    log.write(1500, d_loss=1.23456789, images=3)
    log.write(3000, name="x")
    assert run_log.read_log(log.path) == [
        {"kimg": 1.5, "d_loss": 1.23457, "images": 3},
        {"kimg": 3.0, "name": "x"},
    ]


def test_lines_after_a_position_are_taken_back(tmp_path):
    log = run_log.Log(tmp_path / "log.jsonl", 0)
    for position in (1, 2, 3):
        log.write(position * 1000)
    log.drop_after(2999)
    log.write(4000)
    assert [line["kimg"] for line in run_log.read_log(log.path)] == [1, 2, 4]
    run_log.Log(log.path, 1000)
    assert [line["kimg"] for line in run_log.read_log(log.path)] == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_line_at_the_position_itself_stays_whatever_it_is(tmp_path):
    log = run_log.Log(tmp_path / "log.jsonl", 0)
    for position in range(2000, 2100):  # 2.007 · 1000 is a little more than 2007
        log.write(position)
        log.drop_after(position)
    assert [round(line["kimg"] * 1000) for line in run_log.read_log(log.path)] == [
        *range(2000, 2100)
    ]


@pytest.mark.parametrize("broken", ['{"kimg": 0.0', "", "5", '{"other": 1}', "\x00\x00"])
def test_a_line_that_a_kill_cut_in_half_is_left_out(tmp_path, broken):
    path = tmp_path / "log.jsonl"
    path.write_text('{"kimg": 1.0}\n' + broken + "\n" + '{"kimg": 2.0}\n' + broken)
    log = run_log.Log(path, 5000)
    log.write(3000)
    assert path.read_text() == '{"kimg": 1.0}\n{"kimg": 2.0}\n{"kimg": 3.0}\n'


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert run_log.read_log(tmp_path / "log.jsonl") == []


def test_a_resumed_run_logs_each_step_once(make_set, tmp_path):
    data, run = make_set(), tmp_path / "run"
    train(data, run, log_kimg=0.016)
    with open(run / "log.jsonl", "a") as file:
        file.write('{"kimg": 0.08}\n{"kimg": 0.0')
    train(data, run, kimg=0.096, log_kimg=0.016)
    logged = [line["kimg"] for line in lines(run) if "d_loss" in line]
    assert logged == [0.016, 0.032, 0.048, 0.064, 0.08, 0.096]


# --- TensorBoard. ---


def events(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = accumulator.EventAccumulator(str(folder), {"scalars": 0, "images": 0, "histograms": 0})
    return read.Reload()


@pytest.fixture(scope="module")
def board_run(tmp_path_factory):
    pytest.importorskip("tensorboard")
    place = tmp_path_factory.mktemp("board")
    data, run = save_set(place / "set"), place / "run"
    options = {"log_kimg": 0.016, "grid_kimg": 0.032, "tensorboard": True}
    train(data, run, kimg=0.032, **options)
    train(data, run, **options)
    return run


@pytest.mark.slow
def test_tensorboard_shows_the_scalars_of_the_log(board_run):
    read = events(board_run / "tensorboard")
    assert {*LOSSES, "images_per_second", "hours", "diversity"} <= set(read.Tags()["scalars"])
    for name in LOSSES:
        shown = {event.step: event.value for event in read.Scalars(name)}
        logged = {round(x["kimg"] * 1000): x[name] for x in lines(board_run) if name in x}
        assert shown == pytest.approx(logged, abs=1e-4)
        assert list(shown) == [16, 32, 48, 64]


@pytest.mark.slow
def test_tensorboard_shows_the_grid_of_fixed_noise(board_run):
    shown = events(board_run / "tensorboard").Images("samples")
    assert [event.step for event in shown] == [32, 64]
    grid = Image.open(io.BytesIO(shown[-1].encoded_image_string))
    with Image.open(board_run / "samples" / "000000.png") as sample:
        assert np.array_equal(np.asarray(grid), np.asarray(sample))


@pytest.mark.slow
def test_tensorboard_shows_how_d_judges_real_and_generated(board_run):
    read = events(board_run / "tensorboard")
    assert set(read.Tags()["histograms"]) == {"D/real", "D/generated"}
    for name in ("D/real", "D/generated"):
        shown = read.Histograms(name)
        assert [event.step for event in shown] == [16, 32, 48, 64]
        assert all(event.histogram_value.num == 8 for event in shown)  # a batch


def test_what_came_after_the_snapshot_is_hidden(tmp_path):
    pytest.importorskip("tensorboard")
    board = run_log.open_board(tmp_path, 0)
    for position in (10, 20, 30):
        board.scalars(position, {"x": 1.0})
    board.close()
    board = run_log.open_board(tmp_path, 20)
    board.scalars(30, {"x": 2.0})
    board.close()
    shown = [(event.step, event.value) for event in events(tmp_path).Scalars("x")]
    assert shown == [(10, 1.0), (20, 1.0), (30, 2.0)]


def test_without_tensorboard_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        run_log.open_board(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", [b"\xff\xfe\x00", b'{"kimg": "x"}', b"[1]", b'{"kimg": 1.0'])
def test_a_torn_line_is_left_out(tmp_path, torn):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"kimg": 1.0}\n' + torn + b"\n" + b'{"kimg": 2.0}\n')
    assert [line["kimg"] for line in run_log.read_log(path)] == [1.0, 2.0]
    run_log.Log(path, 1500)
    assert path.read_text("utf-8") == '{"kimg": 1.0}\n'
