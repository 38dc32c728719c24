"""Training sets: whole or not at all, mapped, checked, and the same after travelling."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

from gan_core.data import training_set
from gan_core.util import cache_dir
from gan_core.util.errors import InputError
from support import ROOT, pictures

ATTRIBUTES = ("smiling", "hair", "odd")


def write(directory, images, held_out=0, channels=3):
    size = images.shape[1]
    with training_set.writing(directory, size, channels, {"name": "x"}, ATTRIBUTES) as writer:
        for i, image in enumerate(images):
            values = {"smiling": i % 2, "hair": "red" if i % 3 else "fair"}
            if i:
                values["odd"] = 1
            writer.add(image, f"{i}, é.png", values, held_out=i < held_out)
    return directory


@pytest.mark.parametrize("channels", [1, 3])
def test_what_goes_in_comes_out(tmp_path, channels):
    images = pictures(12, 16, channels)
    loaded = training_set.load(write(tmp_path / "set", images, 3, channels))
    assert np.array_equal(loaded.images, images[3:])
    assert np.array_equal(loaded.held_out, images[:3])
    assert isinstance(loaded.images, np.memmap)
    assert loaded.files == [f"{i}, é.png" for i in range(3, 12)]
    assert loaded.held_out_files == [f"{i}, é.png" for i in range(3)]
    assert loaded.card["shape"] == [9, 16, 16, channels]
    assert loaded.card["name"] == "x"


def test_attributes_are_numbers_where_they_are_0_and_1(tmp_path):
    loaded = training_set.load(write(tmp_path / "set", pictures(12, 8), 3))
    assert loaded.attributes["smiling"].dtype == np.uint8
    assert loaded.attributes["smiling"].tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert loaded.held_out_attributes["smiling"].tolist() == [0, 1, 0]
    assert loaded.held_out_attributes["hair"].tolist() == ["fair", "red", "red"]
    assert loaded.held_out_attributes["odd"].tolist() == ["", "1", "1"]  # one is unknown


def test_the_fingerprint_is_the_hash_of_the_training_images(tmp_path):
    images = pictures(7, 8)
    loaded = training_set.load(write(tmp_path / "set", images, 2))
    assert loaded.fingerprint == hashlib.sha256(images[2:].tobytes()).hexdigest()


@pytest.mark.parametrize(
    "image",
    [pictures(1, 9)[0], pictures(1, 8, 1)[0], pictures(1, 8)[0].astype(float), pictures(1, 8)],
    ids=["size", "channels", "type", "batch"],
)
def test_images_of_another_kind_are_not_added(tmp_path, image):
    with (
        pytest.raises(ValueError, match="expected uint8"),
        training_set.writing(tmp_path / "set", 8, 3, {}) as writer,
    ):
        writer.add(image, "a")
    assert not list(tmp_path.glob("set*"))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_the_middle_leaves_nothing(tmp_path, error):
    def stopped():
        with training_set.writing(tmp_path / "set", 8, 3, {}) as writer:
            writer.add(pictures(1, 8)[0], "a")
            raise error

    with pytest.raises(error):
        stopped()
    assert not list(tmp_path.glob("set*"))


def test_a_kill_in_the_middle_leaves_nothing_that_loads(tmp_path):
    code = (
        "import sys, numpy as np; from gan_core.data import training_set\n"
        "with training_set.writing(sys.argv[1], 8, 3, {}) as writer:\n"
        "    writer.add(np.zeros((8, 8, 3), np.uint8), 'a')\n"
        "    print('added', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "set")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "added\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "set").exists()
    for left in tmp_path.glob("set*"):
        with pytest.raises(InputError):
            training_set.load(left)
    write(tmp_path / "set", pictures(3, 8))  # and what is left is in nobody's way
    assert len(training_set.load(tmp_path / "set").images) == 3


def test_a_set_without_training_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="no usable training image"):
        write(tmp_path / "set", pictures(2, 8), held_out=2)
    assert not (tmp_path / "set").exists()


def test_what_exists_is_not_overwritten(tmp_path):
    first = pictures(3, 8)
    write(tmp_path / "set", first)
    with pytest.raises(InputError, match="already exists"):
        write(tmp_path / "set", pictures(5, 8))
    assert np.array_equal(training_set.load(tmp_path / "set").images, first)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        write(tmp_path / "file", first)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_may_become_the_set(tmp_path):
    (tmp_path / "set").mkdir()
    assert len(training_set.load(write(tmp_path / "set", pictures(3, 8))).images) == 3


def edit(name, change):
    """A kind of damage: rewrite one file of a set with `change` of its bytes."""

    def damage(directory):
        path = directory / name
        path.write_bytes(change(path.read_bytes()))

    return name, damage


def edit_card(**values):
    def change(data):
        card = json.loads(data)
        for key, value in values.items():
            card[key] = value
        return json.dumps({k: v for k, v in card.items() if v is not None}).encode()

    return edit("set.json", change)


def remove(name):
    return name, lambda directory: (directory / name).unlink()


PICKLE = np.lib.format.magic(1, 0)

DAMAGE = {
    "no card": remove("set.json"),
    "card not JSON": edit("set.json", lambda d: d[:-20]),
    "card not text": edit("set.json", lambda d: b"\xff\xfe\x00"),
    "card a list": edit("set.json", lambda d: b"[]"),
    "card too deep": edit("set.json", lambda d: b"[" * 100_000),
    "other format": edit_card(format=2),
    "no format": edit_card(format=None),
    "no shape": edit_card(shape=None),
    "short shape": edit_card(shape=[6, 8, 8]),
    "negative shape": edit_card(shape=[-6, 8, 8, 3]),
    "shape of words": edit_card(shape=["6", "8", "8", "3"]),
    "no held out": edit_card(held_out=None),
    "no fingerprint": edit_card(fingerprint=None),
    "a path for a fingerprint": edit_card(fingerprint="../../elsewhere"),
    "no held-out images": remove("held_out.npy"),
    "images cut": edit("images.npy", lambda d: d[:-1]),
    "images empty": edit("images.npy", lambda d: b""),
    "images without a header": edit("images.npy", lambda d: b"x" * len(d)),
    "images of another type": edit("images.npy", lambda d: d.replace(b"|u1", b"|i1")),
    "images pickled": edit("images.npy", lambda d: d.replace(b"|u1", b"|O8")),
    "held out cut": edit("held_out.npy", lambda d: d[:-1]),
    "no index": remove("index.csv"),
    "index empty": edit("index.csv", lambda d: b""),
    "index short": edit("index.csv", lambda d: d[: d.rindex(b"\r\n", 0, -2) + 2]),
    "index ragged": edit("index.csv", lambda d: d.replace(b"fair", b"fair,x")),
    "index not text": edit("index.csv", lambda d: b"\xff" + d),
    "index without header": edit("index.csv", lambda d: b"x" + d),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_one_sentence_that_names_the_file(tmp_path, name, damage):
    directory = write(tmp_path / "set", pictures(8, 8), 2)
    damage(directory)
    with pytest.raises(InputError) as caught:
        training_set.load(directory)
    assert str(directory / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_counts_wrong_is_noticed(tmp_path):
    for key, value in {"shape": [5, 8, 8, 3], "held_out": 3}.items():
        directory = write(tmp_path / key, pictures(8, 8), 2)
        edit_card(**{key: value})[1](directory)
        with pytest.raises(InputError, match=r"shape given in set\.json"):
            training_set.load(directory)


# --- The travelling form. ---


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("n", "held_out"), [(5, 0), (425, 20)])
def test_an_embedded_set_is_the_same_set(tmp_path, channels, n, held_out):
    packed = write(tmp_path / "set", pictures(n, 4, channels), held_out, channels)
    training_set.embed(packed, tmp_path / "embedded")
    before, after = training_set.load(packed), training_set.load(tmp_path / "embedded")
    assert np.array_equal(before.images, after.images)
    assert np.array_equal(before.held_out, after.held_out)
    assert before.files == after.files
    assert before.card == after.card
    for name, values in before.attributes.items():
        assert np.array_equal(values, after.attributes[name])
    assert isinstance(after.images, np.memmap)


@pytest.fixture(scope="module")
def both_forms(tmp_path_factory):
    """The same set packed and embedded, made once."""
    directory = tmp_path_factory.mktemp("forms")
    training_set.embed(write(directory / "set", pictures(450, 4), 30), directory / "embedded")
    return directory


@pytest.fixture
def embedded(tmp_path, both_forms):
    shutil.copytree(both_forms, tmp_path, dirs_exist_ok=True)
    return tmp_path / "embedded"


@pytest.mark.slow
def test_embedding_twice_makes_the_same_bytes(tmp_path, embedded):
    training_set.embed(tmp_path / "set", tmp_path / "again")
    for path in embedded.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_a_set_is_unpacked_once(embedded, monkeypatch):
    training_set.load(embedded)
    monkeypatch.setattr(training_set, "_decode", None)
    assert len(training_set.load(embedded).images) == 420


def test_the_cache_is_where_the_environment_says(tmp_path, embedded, monkeypatch):
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "here"))
    loaded = training_set.load(embedded)
    (folder,) = (tmp_path / "here").iterdir()
    assert folder.name.startswith(loaded.fingerprint[:24])
    assert (folder / "images.npy").exists()
    monkeypatch.delenv("LATENT_EXPLORER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir.cache_directory() == tmp_path / "xdg" / "latent-explorer"


@pytest.mark.slow
def test_other_held_out_images_are_unpacked_beside(tmp_path, make_set):
    """Two sets with the same training images have the same fingerprint."""
    first = make_set("first", n=8, held_out=4)
    for name, rows in (("first", 4), ("second", 3)):
        if name == "second":
            shutil.copytree(first, tmp_path / name)
            card = json.loads((first / "set.json").read_text())
            (tmp_path / name / "set.json").write_text(json.dumps(card | {"held_out": rows}))
            np.save(tmp_path / name / "held_out.npy", np.load(first / "held_out.npy")[:rows])
            lines = (first / "index.csv").read_text().splitlines()
            (tmp_path / name / "index.csv").write_text("\n".join(lines[: 1 + 8 + rows]))
        training_set.embed(tmp_path / name, tmp_path / f"{name}-embedded")
    assert len(training_set.load(tmp_path / "first-embedded").held_out) == 4
    assert len(training_set.load(tmp_path / "second-embedded").held_out) == 3


def rezip(path, change):
    """Write a zip again with every member passed through `change`, which may return None."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, data) in enumerate(members.items()):
            if (changed := change(number, data)) is not None:
                archive.writestr(name, changed)


def other_images(number, data):
    return training_set._encode(pictures(400 if number == 0 else 30, 4, seed=number + 5))


TAMPERING = {
    "other images": ("images.zip", lambda p: rezip(p, other_images)),
    "a sheet missing": ("images.zip", lambda p: rezip(p, lambda i, d: None if i else d)),
    "a sheet cut": ("images.zip", lambda p: rezip(p, lambda i, d: d[: len(d) // 2])),
    "a sheet empty": ("images.zip", lambda p: rezip(p, lambda i, d: b"")),
    "a sheet of text": ("held_out.zip", lambda p: rezip(p, lambda i, d: b"hello")),
    "too few images": (
        "held_out.zip",
        lambda p: rezip(p, lambda i, d: training_set._encode(pictures(20, 4))),
    ),
    "one bit": (
        "images.zip",
        lambda p: p.write_bytes(p.read_bytes()[:5000] + b"\x00\x00" + p.read_bytes()[5002:]),
    ),
    "cut": ("images.zip", lambda p: p.write_bytes(p.read_bytes()[:5000])),
    "gone": ("held_out.zip", lambda p: p.unlink()),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tamper"), TAMPERING.values(), ids=TAMPERING)
def test_a_tampered_embedded_set_is_refused_and_never_cached(tmp_path, embedded, name, tamper):
    good = tmp_path / "good"
    shutil.copytree(embedded, good)
    tamper(embedded / name)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            training_set.load(embedded)
        assert str(embedded / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(training_set.load(good).images) == 420


UNPACK = (
    "import sys; from gan_core.data import training_set\n"
    "print('ready', flush=True); sys.stdin.readline()\n"
    "print(int(training_set.load(sys.argv[1]).images.sum(dtype='int64')))\n"
)


@pytest.mark.slow
def test_two_processes_may_unpack_at_once(embedded, tmp_path):
    command = [sys.executable, "-c", UNPACK, str(embedded)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    sums = {int(process.communicate()[0]) for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    packed = training_set.load(tmp_path / "set").images
    assert sums == {int(packed.sum(dtype="int64"))}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_threads_may_unpack_at_once(embedded, tmp_path, monkeypatch):
    # All threads meet before the first image, so that each really unpacks.
    barrier, decode, met = threading.Barrier(4, timeout=30), training_set._decode, set()

    def slow(*arguments):
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            barrier.wait()
        return decode(*arguments)

    monkeypatch.setattr(training_set, "_decode", slow)
    results = []

    def load():
        results.append(np.array(training_set.load(embedded).images))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    packed = training_set.load(tmp_path / "set").images
    assert all(np.array_equal(packed, images) for images in results)
    assert len(list((tmp_path / "cache").iterdir())) == 1
