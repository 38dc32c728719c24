"""From a folder or a zip to a measured model in one command; zips of strangers; who holds a run."""

import functools
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest
from filelock import FileLock

from gan_core import __main__ as cli
from gan_core import checkpoint
from gan_core.data import image_sources, safe_zip, training_set
from gan_core.metrics import fidelity_report
from gan_core.training import ema, from_folder, run_lock
from gan_core.util.errors import InputError
from support import ROOT, pictures, png, zipped

TINY = ["--size", "32", "--ngf", "4", "--ndf", "4", "--nz", "6", "--batch", "20", "--kimg", "0.1"]
TINY += ["--precision", "fp32", "--layout", "channels_last"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(pictures(40, 36)):
        (folder / f"{i:02d}.png").write_bytes(png(image))
    return folder


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Run the command on pictures, under the name x."""
    # Its statistics are not what is tested here, and they take most of so short a run.
    fit = functools.partial(ema.fit_average, batches=1, batch=16)
    monkeypatch.setattr(ema, "fit_average", fit)

    def run(images, *more):
        folders = ["--runs", tmp_path / "runs", "--checkpoints", tmp_path / "models"]
        words = ["train", "--images", images, "--name", "x", *folders, *TINY, *more]
        return cli.main([str(word) for word in words])

    return run


@pytest.fixture
def no_features(monkeypatch):
    """As if the optional package were not there."""

    def missing(device="cpu"):
        raise InputError("The features need a package that is not here.")

    monkeypatch.setattr(fidelity_report.feature_extractors, "effnet", missing)


# --- One command. ---


@pytest.mark.slow
def test_from_a_folder_to_a_measured_model(folder, train, tmp_path, capsys):
    (folder / "notes.png").write_text("no picture")
    assert train(folder, "--measure-kimg", 0) == 0
    model = checkpoint.load(tmp_path / "models" / "x")
    data = model.training_set()
    assert (len(data.images), len(data.held_out)) == (36, 4)
    assert data.images.shape[1:] == (32, 32, 3)
    output = capsys.readouterr()
    assert "skipped notes.png" in output.err
    # Measured, described in the card, and trained with the preset for few pictures.
    numbers = fidelity_report.load_metrics(model.card)["metrics"]["EffNetLite0"]["numbers"]
    assert (numbers[0]["n_of"], numbers[0]["n_to"]) == (36, 36)
    assert "36 samples" in (tmp_path / "models" / "x" / "README.md").read_text("utf-8")
    assert "colour" in model.card["training"]["augment"]
    assert run_lock.read(tmp_path / "runs" / "x")["ended"] == "finished"
    # The same command is done at once, and measures nothing twice.
    before = (tmp_path / "models" / "x" / "generator.safetensors").read_bytes()
    assert train(folder, "--measure-kimg", 0) == 0
    assert (tmp_path / "models" / "x" / "generator.safetensors").read_bytes() == before
    assert "samples, seeds" not in capsys.readouterr().out
    assert fidelity_report.load_metrics(checkpoint.read_card(model.directory)) is not None


@pytest.mark.slow
def test_a_zip_does_as_well_and_nothing_else_is_needed(
    folder, train, tmp_path, no_features, capsys
):
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, path.name)
    assert train(archive) == 0
    output = capsys.readouterr().out
    assert "No distance was measured: The features need a package" in output
    assert checkpoint.load(tmp_path / "models" / "x").training_set().images.shape[0] == 36


@pytest.mark.slow
def test_the_same_command_goes_on_without_the_pictures(folder, train, tmp_path, no_features):
    run = tmp_path / "runs" / "x"
    assert train(folder) == 0
    for path in folder.iterdir():
        path.unlink()
    assert train(folder, "--kimg", 0.2) == 0
    assert checkpoint.read_card(tmp_path / "models" / "x")["training"]["kimg"] == 0.2
    assert (run / "training_set" / "set.json").exists()


def add(folder, n, name="new"):
    for i, image in enumerate(pictures(n, 16, seed=9)):
        (folder / f"{name}{i}.png").write_bytes(png(image))


@pytest.mark.slow
def test_pictures_added_after_a_run_began_are_counted_with_the_way_to_use_them(
    folder, train, tmp_path, no_features, capsys
):
    (folder / "text.png").write_text("no picture")
    assert train(folder) == 0
    assert train(folder, "--kimg", 0.2) == 0
    assert "not in this run" not in capsys.readouterr().out  # what was skipped is not new
    add(folder, 33)
    next(folder.glob("[!n]*.png")).unlink()
    assert train(folder, "--kimg", 0.3) == 0
    out = capsys.readouterr().out
    assert (
        "33 new pictures are not in this run, which continues with the pictures it started with."
        in out
    )
    assert f"python -m gan_core train --images {folder} --name x-2 --size 32" in out
    data = training_set.load(tmp_path / "runs" / "x" / "training_set")
    assert len(data.images) + len(data.held_out) == 40


def test_one_new_picture_is_one(folder, tmp_path):
    packed = tmp_path / "packed"
    image_sources.pack(folder, packed, size=32)
    assert from_folder.added(folder, packed) == 0
    add(folder, 1)
    assert from_folder.added(folder, packed) == 1
    assert from_folder.new_pictures(1) == "1 new picture is not in this run"
    # A set of a version that did not record what it skipped: nothing is claimed.
    card = json.loads((packed / "set.json").read_text("utf-8"))
    del card["skipped"]
    (packed / "set.json").write_text(json.dumps(card), "utf-8")
    assert from_folder.added(folder, packed) == 0


@pytest.fixture
def one_colour(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i:02d}.png").write_bytes(png(np.full((36, 36, 3), (200, 100, 50), np.uint8)))
    return folder


@pytest.mark.slow
def test_pictures_of_one_colour_are_a_sentence_and_no_number(one_colour, train, tmp_path, capsys):
    assert train(one_colour, "--measure-n", 64, "--measure-kimg", 0.1) == 0
    output = "".join(capsys.readouterr())
    assert "All pictures look the same, so a model can only repeat them" in output
    assert "there is no diversity to compare" in output
    log = (tmp_path / "runs" / "x" / "log.jsonl").read_text("utf-8")
    assert "kimg" in log
    assert not any(word in log for word in ("diversity", "NaN", "Infinity"))
    card = checkpoint.read_card(tmp_path / "models" / "x")
    numbers = fidelity_report.load_metrics(card)["metrics"]["EffNetLite0"]["numbers"]
    assert all(np.isfinite(line["value"]) for line in numbers)
    assert not any(line["measure"].startswith("diversity") for line in numbers)
    page = (tmp_path / "models" / "x" / "README.md").read_text("utf-8")
    assert not any(word in page.lower() for word in ("nan", "inf "))


def test_a_folder_of_nothing_but_links_says_so(folder, train, tmp_path, capsys):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "more").symlink_to(folder)
    assert train(tmp_path / "links") == 2
    assert "1 linked folder left out, because it leads outside links: more" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_other_pictures_or_another_size_need_another_name(
    folder, train, tmp_path, no_features, capsys
):
    assert train(folder) == 0
    other = folder.rename(tmp_path / "others")
    capsys.readouterr()
    assert train(other) == 2
    assert "packed from pictures at 32 pixels" in capsys.readouterr().err
    other.rename(folder)
    assert train(folder, "--size", 64) == 2
    assert "another --name" in capsys.readouterr().err


def test_bad_settings_are_refused_before_anything_is_packed(folder, train, tmp_path, capsys):
    for more in (["--objective", "hope"], ["--size", 48], ["--r1", 1], ["--preset", "none"]):
        assert train(folder, *more) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert train(tmp_path / "nowhere") == 2
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    assert train(tmp_path / "empty") == 2
    assert "no picture" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "models").exists()


def test_either_a_set_or_pictures(folder, make_set, capsys):
    assert cli.main(["train", "--name", "x"]) == 2
    assert cli.main(["train", str(make_set()), "--images", str(folder), "--name", "x"]) == 2
    assert capsys.readouterr().err.count("either a packed training set, or --images") == 2


@pytest.mark.slow
def test_a_dry_run_leaves_nothing(folder, train, tmp_path, capsys):
    assert train(folder, "--dry-run") == 0
    assert "36 training images" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_how_many_are_held_out(tmp_path):
    assert from_folder.share(19) == ""
    assert from_folder.share(5_000) == "10%"
    chosen = image_sources.read_held_out(from_folder.share(50_000), 50_000)
    places = [i for i in range(50_000) if chosen(i, "")]
    assert len(places) == 1000
    assert np.ptp(np.diff(places)) == 0  # spread evenly, not all at the end


def test_a_folder_that_cannot_be_written_is_reported_at_once(folder, train, tmp_path, capsys):
    (tmp_path / "runs").write_text("a file")
    assert train(folder) == 2
    assert "cannot be written" in capsys.readouterr().err


# --- Who holds a run. ---

HOLD = """
import sys, time
from gan_core.training import run_lock
with run_lock.holding(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the run `tmp_path`/runs/x."""
    run = tmp_path / "runs" / "x"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout.readline() == "held\n"
    yield run, child
    child.kill()
    child.communicate()


def test_two_processes_do_not_train_one_run(holder, folder, train, capsys):
    run, child = holder
    assert run_lock.held(run)
    assert train(folder) == 2
    assert f"is being trained by process {child.pid}" in capsys.readouterr().err
    assert run_lock.read(run)["pid"] == child.pid


def test_a_killed_process_holds_nothing(holder):
    run, child = holder
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not run_lock.held(run)
    assert "ended" not in run_lock.read(run)
    with run_lock.holding(run):
        assert run_lock.held(run)
    assert not run_lock.held(run)
    assert run_lock.read(run)["ended"] == "finished"


@pytest.mark.parametrize(
    ("error", "ended", "reason"),
    [
        (KeyboardInterrupt(), "stopped", None),
        (InputError("The disk is full."), "failed", "The disk is full."),
        (RuntimeError("oops"), "failed", "RuntimeError: oops"),
    ],
)
def test_how_a_run_ended_is_recorded(tmp_path, error, ended, reason):
    def work():
        with run_lock.holding(tmp_path) as tell:
            tell(doing="training")
            raise error

    with pytest.raises(type(error)):
        work()
    record = run_lock.read(tmp_path)
    assert (record["ended"], record.get("reason"), record["doing"]) == (ended, reason, "training")


def test_a_run_that_ends_while_one_looks_at_it_has_not_failed(tmp_path, monkeypatch):
    read, work = run_lock.read, run_lock.holding(tmp_path)
    work.__enter__()

    def ending(run):
        record = read(run)
        if "ended" not in record:
            work.__exit__(None, None, None)
        return record

    monkeypatch.setattr(run_lock, "read", ending)
    held, record = run_lock.state(tmp_path)
    assert (held, record["ended"]) == (False, "finished")


def test_a_look_at_a_run_does_not_keep_it_from_starting(tmp_path):
    look = FileLock(tmp_path / run_lock.LOCK, thread_local=False)
    look.acquire()
    threading.Timer(0.1, look.release).start()
    with run_lock.holding(tmp_path):
        assert run_lock.held(tmp_path)


# --- Zips of strangers. ---


def pack(tmp_path, source):
    """(names of the packed files, {file: reason}) of a source."""
    _, _, skipped = image_sources.pack(source, tmp_path / "out", size=8)
    return training_set.load(tmp_path / "out").files, dict(skipped)


@pytest.fixture
def good():
    return png(pictures(1, 16)[0])


def test_names_that_lead_elsewhere_are_only_names(tmp_path, good):
    names = ["../up.png", "/etc/root.png", "a/../../../b.png", "C:\\windows.png", "..\\up.png"]
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    packed, skipped = pack(inside, zipped(inside / "a.zip", dict.fromkeys(names, good)))
    assert (packed, skipped) == (["/etc/root.png", "C:\\windows.png"], {})  # .. counts as hidden
    everything = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    allowed = {
        f"a/b/out/{name}" for name in ("images.npy", "held_out.npy", "index.csv", "set.json")
    }
    assert everything == {"a", "a/b", "a/b/a.zip", "a/b/out"} | allowed


def test_links_and_other_files_in_a_zip_are_skipped(tmp_path, good):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", good)
        archive.writestr("program.png", b"\x7fELF" + bytes(100))
        archive.writestr("inner.zip", zipped(tmp_path / "b.zip", {"c.png": good}).read_bytes())
        archive.writestr("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    packed, skipped = pack(tmp_path, path)
    assert packed == ["good.png"]
    assert skipped["link.png"] == "a symlink, not a picture"
    assert set(skipped) == {"link.png", "program.png", "inner.zip", "drawing.eps"}


def test_a_member_that_unpacks_to_very_much_is_skipped(tmp_path, good):
    bomb = bytes(40 * 2**20)  # 40 kB in the zip
    noise = os.urandom(2**20)  # so that the whole is not refused
    members = {"good.png": good, "bomb.png": bomb, "noise.bin": noise}
    _, skipped = pack(tmp_path, zipped(tmp_path / "a.zip", members))
    assert skipped["bomb.png"] == "unpacks to more than 200 times its size"


def test_a_whole_that_unpacks_to_very_much_is_refused(tmp_path, good):
    members = {"good.png": good, **{f"{i}.png": bytes(4 * 2**20) for i in range(4)}}
    path = zipped(tmp_path / "a.zip", members)
    with pytest.raises(InputError, match="would unpack to"):
        pack(tmp_path, path)
    assert not (tmp_path / "out").exists()


def test_members_that_share_their_bytes_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.png": os.urandom(5000)}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start:-22], data[-22:]
    entries = b"".join(entry.replace(b"a.png", b"%c.png" % c) for c in range(97, 117))
    counts = struct.pack("<HHI", 20, 20, len(entries))
    path.write_bytes(data[:start] + entries + end[:8] + counts + end[16:])
    assert len(zipfile.ZipFile(path).namelist()) == 20
    with pytest.raises(InputError, match="overlapping files"):
        safe_zip.open_zip(path)


def test_a_directory_too_large_for_memory_is_refused_unread(tmp_path, good, monkeypatch):
    path = zipped(tmp_path / "a.zip", {f"{i:05d}.png": good for i in range(2000)})
    monkeypatch.setattr(safe_zip, "MAX_DIRECTORY", 2**16 + 2**10)
    with pytest.raises(InputError, match="lists more files than fit"):
        safe_zip.open_zip(path)
    monkeypatch.setattr(safe_zip, "MAX_DIRECTORY", 2**20)
    assert len(safe_zip.open_zip(path).namelist()) == 2000


@pytest.mark.slow
def test_a_member_larger_than_it_says_is_not_unpacked(tmp_path):
    """The directory says 100 bytes; the stream would give 300 MB."""
    path = zipped(tmp_path / "a.zip", {"a.png": bytes(300 * 2**20)})
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    data[22:26] = struct.pack("<I", 100)
    path.write_bytes(data)
    archive = safe_zip.open_zip(path)
    code = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from gan_core.data import safe_zip
archive = safe_zip.open_zip({str(path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    safe_zip.read(archive, archive.infolist()[0])
except Exception as error:
    print(type(error).__name__)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["BadZipFile", "True"], done.stderr
    archive.close()


def test_ways_of_packing_that_ask_for_memory_are_skipped(tmp_path, good):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("lzma.png", good)
        archive.writestr("good.png", good, zipfile.ZIP_BZIP2)
    packed, skipped = pack(tmp_path, path)
    assert (packed, skipped) == (["good.png"], {"lzma.png": "compressed by an unsupported method"})


def test_no_zip_however_damaged_ends_in_anything_but_a_sentence(tmp_path, good):
    whole = zipped(tmp_path / "a.zip", {f"{i}.png": good for i in range(3)}).read_bytes()
    draw = np.random.RandomState(0)
    began = time.monotonic()
    for _ in range(150):
        data = bytearray(whole)
        for place in draw.randint(0, len(data), draw.randint(1, 12)):
            data[place] = draw.randint(256)
        path = tmp_path / "b.zip"
        path.write_bytes(data[: draw.randint(len(data) // 2, len(data) + 1)])
        try:
            files, skipped = pack(tmp_path, path)
        except InputError:
            pass
        else:
            assert len(files) + len(skipped) <= 3
            for file in (tmp_path / "out").iterdir():
                file.unlink()
    assert time.monotonic() - began < 600  # only that it does not hang


def test_a_file_name_that_is_no_text_is_packed_all_the_same(tmp_path, good):
    folder = tmp_path / "pictures"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"\xff.png")).write_bytes(good)
    except OSError:
        pytest.skip("this disk does not take such names")
    packed, skipped = pack(tmp_path, folder)
    assert (packed, skipped) == (["?.png"], {})


def test_the_record_of_a_run_may_be_damaged(tmp_path):
    for text in ("", "[1]", "{", json.dumps({"pid": "x", "ended": 3})):
        (tmp_path / run_lock.RECORD).write_text(text)
        assert isinstance(run_lock.read(tmp_path), dict)
        assert not run_lock.held(tmp_path)
