"""The page Train: runs as they stand on the disk, and real ones, started, stopped and resumed."""

import dataclasses
import datetime
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import zipfile

import pytest
import streamlit as st
from filelock import FileLock
from PIL import Image

from explorer import config
from explorer.services import (
    model_registry,
    run_launcher,
    run_list,
    run_processes,
    run_speed,
    training_data,
    trust,
    uploads,
)
from explorer.widgets import run_facts
from fields import field
from gan_core.training import from_folder, run_lock
from gan_core.util.errors import InputError
from support import ROOT, pictures, png, zipped

TINY = ["--ngf", "4", "--ndf", "4", "--nz", "6", "--batch", "20", "--precision", "fp32"]
TINY += ["--layout", "channels_last", "--convolution", "direct", "--measure-kimg", "0"]
PATIENCE = 900  # seconds; only ends a test that would wait for ever


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folders of runs, models and data that the app works in; returns their parent."""
    for name in ("runs", "models", "data"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path / "models"))
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv(trust.TRAINING, "1")
    yield tmp_path
    for run in (tmp_path / "runs").glob("[!.]*"):  # of a test that failed
        if run_lock.held(run):
            os.kill(run_lock.read(run)["pid"], signal.SIGKILL)


@pytest.fixture
def packed(place, make_set):
    return make_set("data/noise", n=40, held_out=4)


def make_run(place, name, lines=(), **about):
    """A run as gan_core leaves it behind."""
    run = place / "runs" / name
    run.mkdir()
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    if about:
        record = {"pid": 1, "began": 1.0, "processes": 1, **about}
        (run / run_lock.RECORD).write_text(json.dumps(record), "utf-8")
    return run


def line(kimg, **more):
    values = {"d_loss": 1.2, "g_loss": 0.8, "d_real": 0.6, "d_fake": 0.4, "hours": 0.1}
    return {"kimg": kimg, **values, "images_per_second": 50.0, **more}


def wait(name, condition):
    """The Run of a name, once a condition holds for it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        run = run_list.look(run_list.folder() / name)
        if condition(run):
            return run
        time.sleep(0.2)
    raise AssertionError((run.state, run.doing, run.reason, run_list.output_lines(run.directory)))


def start(name, data, *more):
    run_launcher.start(name, [*run_launcher.arguments(name, data=data), *TINY, *map(str, more)])


def texts(app):
    assert not app.exception
    kinds = [*app.error, *app.warning, *app.info, *app.caption, *app.markdown]
    return "\n".join(str(element.value) for element in kinds)


# --- What stands on the disk. ---


def test_without_runs_the_form_is_there(place, open_app):
    app = open_app("train")
    assert texts(app).count("The run continues when this page is closed") == 1
    assert app.text_input(key="new-name").value == ""
    assert [button.disabled for button in app.button if button.label == "Start"] == [True]


def test_a_form_that_is_half_filled_in_is_there_after_another_page(place, open_app):
    app = open_app("train")
    app.text_input(key="new-name").set_value("mine")
    app.number_input(key="new-minutes").set_value(20.0)
    app = app.segmented_control(key="new-size").set_value(128).run()
    here, app._page_hash = app._page_hash, open_app("about")._page_hash
    app.run()
    app._page_hash = here
    app = app.run()
    assert app.text_input(key="new-name").value == "mine"
    assert app.number_input(key="new-minutes").value == 20.0
    assert app.segmented_control(key="new-size").value == 128


def test_runs_are_listed_with_their_states(place, open_app):
    make_run(place, "done", [line(9.5)], ended="finished", kimg=10.0)
    make_run(place, "halted", [line(4.0)], ended="stopped", kimg=10.0)
    make_run(place, "broken", [line(2.0)], ended="failed", reason="The disk is full.", kimg=10.0)
    make_run(place, "killed", [line(3.0)], doing="training", kimg=10.0)
    (place / "runs" / "no run").mkdir()
    listed = run_list.entries()
    states = {name: run.state for name, run in listed.items()}
    expected = {"done": "finished", "halted": "stopped", "broken": "failed", "killed": "failed"}
    assert states == expected
    assert listed["broken"].reason == "The disk is full."
    assert "without a message" in listed["killed"].reason
    app = open_app("train", run="broken")
    assert [error.value for error in app.error] == ["The disk is full."]
    buttons = {button.label for button in app.button}
    assert set(expected) <= buttons
    assert "2 of 10 kimg" in texts(app)
    # One that is not there any more is said, and another one is shown.
    assert "There is no run called gone" in texts(open_app("train", run="gone"))


def test_times_are_in_words_on_any_system():
    long_ago = datetime.datetime(2024, 3, 7, 9, 5)
    assert run_facts.ago(long_ago.timestamp()) == "7 March, 09:05"
    now = datetime.datetime.now()
    assert run_facts.ago(now.timestamp()) == f"today, {now:%H:%M}"


def test_speed_time_left_and_curves_come_from_the_log(place, open_app):
    lines = [line(k, **({"FD-EffNetLite0": 90.0 - k} if k % 2 == 0 else {})) for k in range(1, 9)]
    make_run(place, "x", lines, ended="stopped", kimg=20.0)
    run = run_list.look(place / "runs" / "x")
    assert run.rate == pytest.approx(50)
    assert run.left == pytest.approx(12_000 / 50)
    app = open_app("train", run="x")
    assert "50 images/s" in texts(app)
    assert "best FD-EffNetLite0 82.0, at 8 kimg" in texts(app)
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    names = [[trace["name"] for trace in figure["data"]] for figure in figures]
    assert names[:2] == [["discriminator", "generator"], ["training images", "samples"]]
    assert len(figures) == 3
    assert figures[0]["data"][0]["x"] == list(range(1, 9))


def test_a_run_with_a_time_box_says_what_it_will_reach(place, open_app, monkeypatch):
    lines = [line(2.0, expected_kimg=14.0), line(4.0, expected_kimg=12.0)]
    make_run(place, "going", lines, doing="training", minutes=9.0)
    make_run(place, "done", lines, ended="finished", minutes=9.0)
    make_run(place, "new", doing="training", minutes=9.0)
    make_run(place, "odd", [line(4.0, expected_kimg=-3.0)], ended="stopped", minutes=9.0)
    monkeypatch.setattr(run_lock, "held", lambda run: run.name in ("going", "new"))
    runs = run_list.entries()
    going = runs["going"]
    assert (going.shown, going.total, going.minutes, going.state) == (4.0, 12.0, 9.0, "running")
    assert going.left == pytest.approx(8_000 / 50)
    assert (runs["done"].shown, runs["done"].total) == (4.0, 4.0)
    assert [(runs[name].total, runs[name].left) for name in ("new", "odd")] == [(None, None)] * 2
    app = open_app("train", run="going")
    assert "4 of about 12 kimg · 3 minutes left" in texts(app)
    assert "4 kimg in 9 minutes" in texts(app)
    assert app.get("progress")[0].proto.value == 33


def test_the_length_of_a_run_is_the_last_one_requested(place):
    run = make_run(place, "x", [line(4.0, expected_kimg=12.0)], ended="stopped", kimg=100.0)
    assert (run_list.look(run).total, run_list.look(run).minutes) == (100.0, None)
    about = {"arguments": ["train", "--minutes", "9"], "pid": 1, "at": 2.0, "before": [1, 1.0]}
    (run / run_list.STARTED).write_text(json.dumps(about))
    assert (run_list.look(run).total, run_list.look(run).minutes) == (12.0, 9.0)
    about["arguments"] = ["train", "--kimg", "50"]
    (run / run_list.STARTED).write_text(json.dumps(about))
    assert (run_list.look(run).total, run_list.look(run).minutes) == (50.0, None)


def test_another_length_takes_the_place_of_the_one_before():
    words = ["train", "--kimg", "5", "--name", "x"]
    longer = run_launcher.with_length(words, "--minutes", 9)
    assert longer == ["train", "--minutes", "9", "--name", "x"]
    assert run_launcher.with_length(longer, "--kimg", 7.5)[1:3] == ["--kimg", "7.5"]
    assert run_launcher.with_length(["train"], "--minutes", 1) == ["train", "--minutes", "1"]


def test_a_run_with_a_time_box_is_given_more_minutes(place, open_app, monkeypatch):
    resumed = []
    monkeypatch.setattr(run_launcher, "resume", lambda run, *lengths: resumed.append(lengths))
    command = "python -m gan_core train --images x --name x --minutes 9"
    about = {"command": command, "cwd": str(place), "ended": "finished", "minutes": 9.0}
    make_run(place, "x", [line(4.0, expected_kimg=4.0)], **about)
    app = open_app("train", run="x")
    assert app.number_input(key="longer-x").label == "Length in minutes"
    app = app.number_input(key="longer-x").set_value(20.0).run()
    app.button(key="longer").click().run()
    assert resumed == [(None, 20.0)]


def test_the_form_takes_minutes_in_place_of_kimg(place, packed, open_app, monkeypatch):
    monkeypatch.setattr(run_speed, "measure", lambda *plan: run_speed.Speed(50_000 / 600, steps=5))
    app = open_app("train")
    app = app.segmented_control(key="new-way").set_value("packed").run()
    app = app.number_input(key="new-kimg").set_value(50.0).run()
    assert "--kimg 50" in app.code[0].value
    assert "**Expected time: about 10 minutes**" in texts(app)
    app = app.number_input(key="new-minutes").set_value(9.0).run()
    assert app.number_input(key="new-kimg").disabled
    assert app.code[0].value.endswith("--minutes 9") or "--minutes 9 " in app.code[0].value
    assert "--kimg" not in app.code[0].value
    assert "**Expected time: 9 minutes**" in texts(app)
    app = app.number_input(key="new-minutes").set_value(None).run()
    assert not app.number_input(key="new-kimg").disabled
    assert "--kimg 50" in app.code[0].value


DAMAGED = {
    "binary": os.urandom(3000),
    "words": b'{"kimg": "many", "d_loss": 1}\nno json\n[1, 2]\n{"kimg": 2.0, "d_loss": "x"}\n',
    "not finite": b'{"kimg": Infinity, "d_loss": NaN}\n{"kimg": 3.0, "d_loss": -Infinity}\n',
    "cut": json.dumps(line(2.0)).encode() + b'\n{"kimg": 4.0, "d_l',
    "deep": b"[" * 5000,
}


@pytest.mark.slow
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_as_good_as_missing(place, open_app, content):
    run = make_run(place, "x", [line(1.0)], ended="stopped", kimg=10.0)
    for name in (
        "log.jsonl",
        run_lock.RECORD,
        run_list.STARTED,
        run_list.OUTPUT,
        "state.safetensors",
    ):
        (run / name).write_bytes(content)
    (run / "samples").mkdir()
    (run / "samples" / "000001.png").write_bytes(content)
    entry = run_list.entries()["x"]
    assert entry.state in ("stopped", "failed")
    assert not entry.running
    assert all(value == value for each in entry.lines for value in each.values())
    assert texts(open_app("train", run="x"))


def test_sample_grids_are_a_film_in_their_order(place, monkeypatch, open_app):
    run = make_run(place, "x", [line(1.0)], ended="stopped", kimg=10.0)
    (run / "samples").mkdir()
    for kimg in (25, 100, 50):
        image = Image.new("RGB", (64, 64), (kimg, 0, 0))
        image.save(run / "samples" / f"{kimg:06d}.png")
    (run / "samples" / "notes.png").write_text("nothing")
    shown = {}
    monkeypatch.setattr(
        "explorer.widgets.run_curves.film",
        lambda key, frames, **more: shown.update(frames=frames, **more),
    )
    open_app("train", run="x")
    assert [frame["words"] for frame in shown["frames"]] == ["25 kimg", "50 kimg", "100 kimg"]
    assert all(frame["src"].startswith("data:image/jpeg") for frame in shown["frames"])
    assert shown["name"] == "x"


# --- Starting. ---


@pytest.mark.slow
def test_names_that_cannot_be_are_refused(place, make_checkpoint):
    for name in ("", "a/b", "../up", ".hidden", "-option", "ä", "a" * 65, "a b", "a\n"):
        with pytest.raises(InputError, match="a name consists of 1 to 64 letters"):
            run_launcher.check_name(name)
    for name in ("CON", "nul", "com1", "Aux.x"):
        with pytest.raises(InputError, match="reserved on Windows"):
            run_launcher.check_name(name)
    make_checkpoint("models/taken")
    for name in ("taken", "TAKEN"):  # the same folder on some systems
        with pytest.raises(InputError, match="a model called taken"):
            run_launcher.check_name(name)
    run = make_run(place, "begun", [line(1.0)])
    (run / "state.safetensors").write_bytes(b"")
    for name in ("begun", "Begun"):
        with pytest.raises(InputError, match="already a run called begun"):
            run_launcher.check_name(name)
    run_launcher.check_name("free")


@pytest.mark.slow
def test_the_form_refuses_a_name_before_start(place, packed, make_checkpoint, open_app):
    make_checkpoint("models/taken")
    app = open_app("train")
    app = app.segmented_control(key="new-way").set_value("packed").run()
    for name, words, needs in (
        ("", "", "Start needs a name."),
        ("a/b", "a name consists of 1 to 64 letters", "Start needs another name."),
        ("Taken", "There is already a model called taken", "Start needs another name."),
        ("free", "", ""),
    ):
        app = app.text_input(key="new-name").set_value(name).run()
        said = [one.value for one in app.caption if one.value.startswith(":red[:material/error:]")]
        assert len(said) == bool(words)
        assert all(words in one for one in said)
        assert app.text_input(key="new-name").value == name
        (start,) = [button for button in app.button if button.label == "Start"]
        assert start.disabled == bool(needs)
        assert ("Start needs" in texts(app), needs in texts(app)) == (bool(needs), True)


def test_runs_under_way_keep_their_places(place, monkeypatch):
    for began, name in enumerate("abc"):
        make_run(place, name, [line(2.0)], doing="training", kimg=10.0, began=float(began + 1))
    monkeypatch.setattr(run_lock, "held", lambda run: True)
    assert list(run_list.entries()) == ["c", "b", "a"]
    os.utime(place / "runs" / "a" / "log.jsonl")  # a line is written
    assert list(run_list.entries()) == ["c", "b", "a"]


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def test_what_never_began_is_tried_again_or_deleted(place, open_app):
    about = {"command": "python -m gan_core train --images x --name bad", "cwd": str(place)}
    about |= {"ended": "failed", "reason": "None of them can be used.", "kimg": 200.0}
    run = make_run(place, "bad", **about)
    make_run(place, "good", [line(4.0)], ended="stopped", kimg=200.0)
    app = open_app("train", run="good")
    assert "The run ended before its first samples at 5 kimg." in texts(app)
    app = open_app("train", run="bad")
    assert {"Try again", "Delete"} <= {button.label for button in app.button}
    app = press(app, "Delete")
    assert not app.exception
    assert not run.exists()
    assert any("bad was deleted" in toast.value for toast in app.toast)


def test_a_deleted_run_comes_back_as_it_was(place, open_app, monkeypatch):
    run = make_run(place, "good", [line(4.0)], ended="stopped", kimg=200.0)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    app = press(open_app("train", run="good"), "Delete")
    assert not run.exists()
    assert run_list.entries() == {}
    app = press(app.run(), "Put back")
    assert not app.exception
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    assert "good" in run_list.entries()
    assert run_launcher.removed() == []
    monkeypatch.setattr(run_lock, "held", lambda run: True)
    with pytest.raises(InputError, match="good is running"):
        run_launcher.remove(run_list.look(place / "runs" / "good"))
    assert run.exists()


@pytest.fixture
def packed_run(place):
    """A run that began with the 30 pictures of data/photos."""
    source = place / "data" / "photos"
    source.mkdir()
    for i, image in enumerate(pictures(30, 32)):
        (source / f"{i}.png").write_bytes(png(image))
    words = ["train", "--images", str(source), "--name", "cats", "--size", "32"]
    command = "python -m gan_core " + shlex.join(words)
    run = make_run(
        place, "cats", [line(4.0)], ended="stopped", kimg=10.0, command=command, cwd=str(place)
    )
    from_folder.prepare(source, run, size=32)
    return source


@pytest.mark.slow
def test_pictures_added_after_a_run_began_are_said_and_can_be_used(packed_run, open_app):
    app = open_app("train", run="cats")
    assert "not in this run" not in texts(app)
    for i, image in enumerate(pictures(33, 32, seed=5)):
        (packed_run / f"new{i}.png").write_bytes(png(image))
    st.cache_data.clear()
    app = open_app("train", run="cats")
    assert (
        "33 new pictures are not in this run, which continues with the pictures it started with."
        in (texts(app))
    )
    app.button(key="use-new").click().run()
    assert not app.exception
    assert app.text_input(key="new-name").value == "cats-2"
    assert app.selectbox(key="new-folder").value == "data/photos"
    assert "train --images" in app.code[0].value
    assert "--name cats-2 --size 32" in app.code[0].value


def test_a_folder_that_the_app_was_not_started_with_is_not_looked_at(
    packed_run, open_app, monkeypatch, tmp_path
):
    (packed_run / "new.png").write_bytes(png(pictures(1, 32)[0]))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "elsewhere"))
    st.cache_data.clear()
    assert "not in this run" not in texts(open_app("train", run="cats"))


def test_what_was_done_to_the_pictures_is_said(packed_run, open_app, place):
    path = place / "runs" / "cats" / "training_set" / "set.json"
    card = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(card | {"notes": ["They were <b>scaled</b>."]}), "utf-8")
    assert "scaled" in texts(open_app("train", run="cats"))


def test_a_choice_of_the_form_cannot_be_switched_off(place, open_app):
    app = open_app("train")
    app.segmented_control(key="new-size").set_value(None).run()
    assert app.segmented_control(key="new-size").value == 64
    # A choice of one thing is none, so it is not asked for.
    assert "new-way" not in [each.key for each in app.segmented_control]


def test_elsewhere_than_on_this_computer_runs_are_only_watched(
    place, packed, open_app, monkeypatch
):
    command = "python -m gan_core train data --name x"
    make_run(place, "x", [line(1.0)], ended="stopped", kimg=10.0, command=command, cwd="/")
    monkeypatch.setenv(trust.TRAINING, "0")
    monkeypatch.setenv(trust.VARIABLE, "0")
    app = open_app("train", run="x")
    (sentence,) = [each.value for each in app.info]
    assert "--training" in sentence
    assert {button.label: button.disabled for button in app.button}["Resume"]
    assert {toggle.label: toggle.disabled for toggle in app.toggle}["New run"]
    for refused in (
        lambda: run_launcher.start("y", run_launcher.arguments("y", data=packed)),
        lambda: run_launcher.stop(run_list.look(place / "runs" / "x")),
    ):
        with pytest.raises(InputError, match="Not available to visitors"):
            refused()
    assert not (place / "runs" / "y").exists()


def test_only_pictures_in_the_folders_given_are_offered(place, tmp_path):
    outside = tmp_path / "outside"
    for folder in (outside, place / "data" / "mine", place / "data" / "empty"):
        folder.mkdir()
    for folder in (outside, place / "data" / "mine"):
        Image.new("RGB", (8, 8)).save(folder / "a.png")
    (place / "data" / "link").symlink_to(outside)
    with zipfile.ZipFile(place / "data" / "some.zip", "w") as archive:
        archive.write(outside / "a.png", "a.png")
    assert set(uploads.image_folders()) == {"data/mine", "data/some.zip"}
    assert not uploads.confined(place / "data" / ".." / "outside")
    assert uploads.confined(place / "data" / "mine")


def zip_of(n):
    """A file object with a zip of n pictures."""
    members = {f"{i}.png": png(image) for i, image in enumerate(pictures(n, 32))}
    buffer = zipped(io.BytesIO(), members)
    buffer.seek(0)
    return buffer


def text_as_picture():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b.png", "no picture")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zip", "This file is neither"),
        (zip_of(0).getvalue(), "zip contains no pictures"),
        (text_as_picture(), "This file holds no usable picture; the first, b.png"),
    ],
)
def test_an_upload_that_cannot_be_used_leaves_nothing(place, content, words):
    with pytest.raises(InputError, match=words):
        uploads.save_upload("x", io.BytesIO(content))
    assert list((place / "runs").iterdir()) == []


@pytest.mark.slow
def test_an_upload_leaves_nothing_where_no_run_may_start(place, open_app, monkeypatch):
    limit = dataclasses.replace(config.LIMITS["trainings"], visitor=0)
    monkeypatch.setitem(config.LIMITS, "trainings", limit)
    app = open_app("train")
    upload = ("a.zip", zip_of(2).getvalue(), "application/zip")
    app.main.get("file_uploader")[0].set_value(upload).run()
    app.text_input(key="new-name").set_value("mine").run()
    next(button for button in app.button if button.label == "Start").click().run()
    assert [warning.value.split(" are ")[0] for warning in app.warning] == [
        f"At most 0 {limit.what}"
    ]
    assert list((place / "runs").iterdir()) == []


def test_the_name_of_a_run_that_is_starting_is_taken(place, monkeypatch):
    """Otherwise the zip that it has not opened yet would be replaced by another visitor's."""
    uploads.save_upload("mine", zip_of(2))
    run_launcher.check_name("mine")
    child = type("Child", (), {"poll": lambda self: None})()
    monkeypatch.setitem(run_processes.children, 999_999_999, child)
    started = {"arguments": ["train"], "pid": 999_999_999, "at": time.time(), "before": []}
    (place / "runs" / "mine" / run_list.STARTED).write_text(json.dumps(started))
    with pytest.raises(InputError, match="already a run called mine"):
        run_launcher.check_name("mine")


def test_a_folder_that_cannot_be_written_is_one_sentence(place, packed, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv(run_list.VARIABLE, str(place / "file"))
    assert run_list.entries() == {}
    with pytest.raises(InputError, match="cannot be written"):
        uploads.save_upload("x", zip_of(2))
    with pytest.raises(InputError, match="cannot be written"):
        run_launcher.start("x", run_launcher.arguments("x", data=packed))


# --- Real runs. ---


@pytest.mark.slow
def test_from_the_form_to_a_model_in_the_menu(place, packed, open_app, monkeypatch):
    """Start, see it in the list, and find its model, in one session of the app."""
    usual = run_launcher.arguments
    monkeypatch.setattr(run_launcher, "arguments", lambda *a, **k: [*usual(*a, **k), *TINY])
    app = open_app("train")
    app = app.segmented_control(key="new-way").set_value("packed").run()
    app.text_input(key="new-name").set_value("mine")
    app = app.number_input(key="new-kimg").set_value(0.1).run()
    (shown,) = [code.value for code in app.code]
    assert shown.startswith("python -m gan_core train ")
    assert "--name mine --preset folder --kimg 0.1" in shown
    (button,) = [button for button in app.button if button.label == "Start"]
    app = button.click().run()
    assert not [*app.error, *app.warning]
    assert "mine" in {button.label for button in app.button}
    assert run_list.entries()["mine"].running
    done = wait("mine", lambda run: not run.running)
    assert (done.state, done.reason) == ("finished", "")
    assert (done.shown, done.total) == (0.1, 0.1)
    app = app.run()
    assert "finished" in texts(app)
    assert run_list.model_of(done) == "mine"
    menu = field(open_app("browse", model="mine"), "set-model")
    assert (menu.options, menu.value) == (["mine"], "mine")


@pytest.mark.slow
def test_stopped_killed_and_resumed(place, packed):
    start("x", packed, "--kimg", 400, "--snapshot-kimg", 0.1, "--log-kimg", 0.1)
    run = wait("x", lambda run: run.shown >= 0.2)
    assert (run.state, run.doing, run.total) == ("running", "training", 400)
    with pytest.raises(InputError, match="is already running"):
        start("x", packed)
    run_launcher.stop(run)
    stopped = wait("x", lambda run: not run.running)
    assert (stopped.state, stopped.shown >= run.shown) == ("stopped", True)
    with pytest.raises(InputError, match="no longer running"):
        run_launcher.stop(stopped)
    # It resumes from its snapshot, and a kill without notice is reported.
    run_launcher.resume(stopped)
    run = wait("x", lambda run: run.doing == "training" and run.shown > stopped.shown)
    os.kill(run_lock.read(run.directory)["pid"], signal.SIGKILL)
    killed = wait("x", lambda run: not run.running)
    assert killed.state == "failed"
    assert "without a message" in killed.reason
    assert killed.arguments == run.arguments
    # To another length, which it reaches.
    run_launcher.resume(killed, kimg=killed.shown + 0.1)
    assert wait("x", lambda run: not run.running).state == "finished"


@pytest.mark.slow
def test_a_run_outlives_the_program_that_started_it(place, packed):
    code = f"""
from explorer.services import run_launcher
words = run_launcher.arguments("x", data={str(packed)!r})
run_launcher.start("x", [*words, *{TINY!r}, "--kimg", "4000"])
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=PATIENCE)
    run = wait("x", lambda run: run.running and run.doing == "training")
    assert os.getsid(run_lock.read(run.directory)["pid"]) != os.getsid(0)
    run_launcher.stop(run)
    assert wait("x", lambda run: not run.running).state == "stopped"


@pytest.mark.slow
def test_a_run_that_cannot_begin_says_why(place, packed):
    start("x", packed, "--kimg", 0.001)
    failed = wait("x", lambda run: not run.running)
    assert failed.state == "failed"
    assert failed.reason.startswith("kimg is 0.001")


@pytest.mark.slow
def test_an_uploaded_zip_becomes_a_run(place):
    path = uploads.save_upload("mine", zip_of(30))
    assert path == place / "runs" / "mine" / uploads.UPLOAD
    run_launcher.check_name("mine")
    words = [*run_launcher.arguments("mine", path, size=32, kimg=400.0), *TINY]
    run_launcher.start("mine", words)
    run = wait("mine", lambda run: run.doing == "training")
    uploads.tidy(run)
    assert not path.exists()  # its pictures are packed
    run_launcher.stop(run)
    run = wait("mine", lambda run: not run.running)
    run_launcher.resume(run)
    run = wait("mine", lambda run: run.doing == "training")
    run_launcher.stop(run)
    assert wait("mine", lambda run: not run.running).state == "stopped"


def test_a_stop_reaches_a_process_that_has_not_written_its_record_yet(place, monkeypatch):
    """It holds the run already, and the record is still that of the process before it."""
    run = make_run(place, "x", [line(1.0)], pid=4_000_001, doing="training", kimg=10.0)
    before = run_list.holder(run_lock.read(run))
    started = {"arguments": ["train"], "pid": 4_000_002, "at": time.time(), "before": before}
    (run / run_list.STARTED).write_text(json.dumps(started))
    signals = []
    monkeypatch.setattr(os, "kill", lambda *given: signals.append(given))
    with FileLock(run / run_lock.LOCK):
        assert run_list.look(run).doing == "starting"
        run_launcher.stop(run_list.look(run))
    assert signals == [(4_000_002, signal.SIGTERM)]
    assert json.loads((run / run_list.STARTED).read_text())["to_stop"]


def test_a_process_that_is_no_run_is_not_taken_for_one(place):
    """A number in the files that belongs to this very process by now."""
    run = make_run(place, "x", [line(1.0)], pid=os.getpid(), doing="training", kimg=10.0)
    assert run_list.look(run).state == "failed"
    with pytest.raises(InputError, match="no longer running"):
        run_launcher.stop(run_list.look(run))
    started = {
        "arguments": ["train"],
        "pid": os.getpid(),
        "at": time.time() - 10 * run_processes.STARTING,
    }
    (run / run_list.STARTED).write_text(json.dumps(started))
    assert run_list.look(run).state == "failed"


@pytest.mark.parametrize("moved", [-7200, 0, 7200])
def test_a_clock_that_was_set_back_or_forward_fails_no_run(place, monkeypatch, moved):
    """The order of a run's entries, not their times, tells its start from its process."""
    now = time.time()
    run = make_run(place, "x", [line(1.0)], ended="stopped", kimg=10.0, began=now - 60)
    # Started from here, and not yet holding the run: the clock may be set before it does.
    before = run_list.holder(json.loads((run / "process.json").read_text()))
    started = {"arguments": ["train"], "pid": 999_999_999, "at": now, "before": before}
    (run / run_list.STARTED).write_text(json.dumps(started))
    assert run_list.look(run).state == "failed"
    # Its process has held the run and finished, by a clock of its own.
    about = json.loads((run / "process.json").read_text())
    about |= {"pid": 999_999_999, "began": now + moved, "ended": "finished"}
    (run / "process.json").write_text(json.dumps(about))
    (run / run_list.OUTPUT).write_text("$ python -m gan_core train\nall is well\n")
    entry = run_list.look(run)
    assert (entry.state, entry.reason) == ("finished", "")


def test_a_process_that_starts_is_alive_whatever_the_clock_says(place, monkeypatch):
    child = type("Child", (), {"poll": lambda self: None})()
    monkeypatch.setitem(run_processes.children, 999_999_999, child)
    for at in (time.time() - 10**6, time.time() + 10**6, None):
        assert run_processes.alive(999_999_999, at)
    assert not run_processes.alive(os.getpid(), None)


@pytest.mark.slow
def test_a_run_stopped_before_it_began_is_stopped_and_not_failed(place, packed):
    """The words of the stretch before are not taken for its own."""
    run = make_run(place, "x", [line(1.0)], ended="finished", kimg=10.0)
    (run / run_list.OUTPUT).write_text("$ python -m gan_core train\nA distance is this or that.\n")
    start("x", packed, "--kimg", 400)
    starting = run_list.look(run)
    assert (starting.doing, starting.total) == ("starting", 400)
    run_launcher.stop(starting)
    stopped = wait("x", lambda run: not run.running)
    assert (stopped.state, stopped.reason) == ("stopped", "")
    # Killed by something else it has failed, and what it did not say stands nowhere.
    start("x", packed, "--kimg", 400)
    os.kill(json.loads((run / run_list.STARTED).read_text())["pid"], signal.SIGKILL)
    killed = wait("x", lambda run: not run.running)
    assert (killed.state, killed.reason) == ("failed", run_list.KILLED)


@pytest.mark.slow
def test_a_resumed_run_can_be_stopped_again(place, open_app, monkeypatch):
    run = make_run(place, "x", [line(1.0)], ended="stopped", kimg=10.0)
    monkeypatch.setattr(run_processes, "alive", lambda pid, at: True)
    monkeypatch.setattr(run_launcher.os, "kill", lambda pid, sign: None)

    def begin(at):
        about = {"arguments": ["train", "--kimg", "90"], "pid": 12345, "at": at}
        (run / run_list.STARTED).write_text(json.dumps(about))

    def stop_button():
        return next(button for button in app.button if button.label.startswith("Stop"))

    begin(time.time())
    app = open_app("train", run="x")
    assert "1 of 90 kimg · Starting" in texts(app)
    stop_button().click().run()
    app.run()
    assert stop_button().label == "Stopping …"
    begin(time.time() + 1)
    app.run()
    assert (stop_button().label, stop_button().disabled) == ("Stop", False)


def test_a_run_that_drew_nothing_promises_nothing(place, open_app):
    make_run(place, "x", ended="failed", reason="There is no usable training image.")
    words = texts(open_app("train", run="x"))
    assert "There is no usable training image." in words
    assert "comes later" not in words
    assert "The curves start" not in words
