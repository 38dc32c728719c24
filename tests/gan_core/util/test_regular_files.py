"""Pipes, devices, links and huge files in place of any file of a checkpoint, a set or a run."""

import os
import shutil
from pathlib import Path

import pytest

from explorer.services import model_registry, run_list, stranger_text
from explorer.views import model_card
from gan_core import checkpoint
from gan_core.attributes import classifier
from gan_core.data import training_set
from gan_core.latent_space import directions, encoder
from gan_core.metrics import memorisation_file, realism, seed_table
from gan_core.training import run_lock, run_log, snapshot
from gan_core.util import regular_files
from gan_core.util.errors import InputError
from support import pictures, save_checkpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")


class Waited(BaseException):
    """No reader takes this for a damaged file."""


@pytest.fixture(autouse=True)
def no_waiting():
    """A reader that waits for a pipe fails its test in place of hanging."""
    import signal

    def late(*_):
        raise Waited

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def replace(path, how):
    """Put something hostile in the place of a file."""
    path.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "device":
        path.symlink_to("/dev/zero")
    elif how == "link":
        path.symlink_to("/etc/passwd")
    elif how == "circle":
        path.symlink_to(path.name)
    elif how == "folder":
        path.mkdir()
    elif how == "huge":
        with open(path, "wb") as file:
            file.truncate(9 * 2**30)  # sparse: it takes no space


HOW = ("pipe", "device", "link", "circle", "folder", "huge")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A checkpoint with a training set and a card, made once."""
    folder = tmp_path_factory.mktemp("original")
    with training_set.writing(folder / "set", 32, 3, {"name": "set"}) as writer:
        for number, image in enumerate(pictures(22)):
            writer.add(image, f"{number}.png", held_out=number >= 20)
    fingerprint = training_set.read_card(folder / "set")["fingerprint"]
    save_checkpoint(folder / "model", training_set={"fingerprint": fingerprint})
    training_set.embed(folder / "set", folder / "model" / "training_set")
    (folder / "model" / "README.md").write_text("# A card")
    return folder / "model"


@pytest.fixture
def full(original, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(original, tmp_path / "model"))


READERS = {
    "model.json": lambda d: checkpoint.load(d),
    "generator.safetensors": lambda d: checkpoint.load(d),
    "generator.safetensors.next": lambda d: checkpoint.load(d),
    "discriminator.safetensors": lambda d: checkpoint.load(d),
    "attributes.safetensors": lambda d: classifier.load(d),
    "attributes_second.safetensors": lambda d: classifier.load(d, "second"),
    "encoder.safetensors": lambda d: encoder.load(checkpoint.load(d)),
    "directions.safetensors": lambda d: directions.load(checkpoint.load(d)),
    "realism.safetensors": lambda d: realism.load(d),
    "seeds.safetensors": lambda d: seed_table.load(checkpoint.load(d)),
    "memorisation.json": lambda d: memorisation_file.load_report(checkpoint.load(d)),
    "memorisation-held-out.json": lambda d: memorisation_file.load_report(
        checkpoint.load(d), "held-out"
    ),
    "training_set/set.json": lambda d: training_set.load(d / "training_set"),
    "training_set/index.csv": lambda d: training_set.load(d / "training_set"),
    "training_set/images.zip": lambda d: training_set.load(d / "training_set"),
    "training_set/held_out.zip": lambda d: training_set.load(d / "training_set"),
    "training_set/images.npy": lambda d: training_set.load(d / "training_set"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", READERS)
def test_every_file_of_a_checkpoint_is_refused_in_a_sentence(full, name, how):
    replace(full / name, how)
    # A circle leads nowhere, as if there were no such file, which not every reader needs.
    optional = (
        *("generator.safetensors.next", "encoder.safetensors", "directions.safetensors"),
        *("memorisation.json", "memorisation-held-out.json", "training_set/images.npy"),
    )
    if how == "circle" and name in optional:
        READERS[name](full)
        return
    with pytest.raises(InputError) as caught:
        READERS[name](full)
    assert "root:" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["images.npy", "held_out.npy"])
def test_every_array_of_a_packed_set_is_refused_in_a_sentence(original, tmp_path, name, how):
    packed = Path(shutil.copytree(original.parent / "set", tmp_path / "set"))
    replace(packed / name, how)
    with pytest.raises(InputError):
        training_set.load(packed)


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_the_card_shows_no_other_file(full, how):
    replace(full / "README.md", how)
    text = model_card.read(full / "README.md")
    assert "root:" not in text
    assert len(text) <= 4 * stranger_text.MOST_OF_CARD


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "name",
    [
        *("process.json", "started.json", "log.jsonl", "state.safetensors", "output.log"),
        *("samples/00000001.png", "process.lock"),
    ],
)
def test_every_file_of_a_run_counts_as_missing(tmp_path, name, how):
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    (run / "log.jsonl").write_text('{"kimg": 1}\n')
    replace(run / name, how)
    entry = run_list.look(run)
    assert not entry.running
    assert run_list.grids(entry) == []
    assert not any("root:" in line for line in run_list.output_lines(run))
    run_lock.read(run)


@pytest.mark.parametrize("how", ["pipe", "device", "link", "huge"])
def test_a_run_s_own_readers_refuse(tmp_path, how):
    replace(tmp_path / "log.jsonl", how)
    with pytest.raises(InputError):
        run_log.read_log(tmp_path / "log.jsonl")
    if how != "huge":  # a state may be large
        replace(tmp_path / "state.safetensors", how)
    with pytest.raises(InputError):
        snapshot.read(tmp_path / "state.safetensors")


def test_a_link_within_the_folder_is_read(full):
    (full / "generator.safetensors").rename(full / "weights")
    (full / "generator.safetensors").symlink_to("weights")
    assert checkpoint.load(full).name == "model"


def test_a_folder_that_is_a_link_is_read(full, tmp_path):
    (tmp_path / "other").symlink_to(full)
    assert checkpoint.load(tmp_path / "other").training_set().images.shape[0] == 20


def test_a_listing_survives_every_kind_of_model_json(original, tmp_path, monkeypatch):
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    shutil.copytree(original, tmp_path / "good")
    for how in HOW:
        (tmp_path / how).mkdir()
        replace(tmp_path / how / "model.json", how)
    listed = model_registry.entries()
    assert not listed["good"].problem
    assert all(entry.problem for name, entry in listed.items() if name != "good")


def test_reading_is_bounded_although_the_file_has_no_size():
    path = "/proc/self/maps"
    if not os.path.exists(path):
        pytest.skip("this system has no /proc")
    assert os.stat(path).st_size == 0
    with pytest.raises(InputError, match="at most"):
        regular_files.read_bytes(path, 10)


def test_a_gigabyte_of_json_costs_no_memory(tmp_path):
    path = tmp_path / "model.json"
    with open(path, "wb") as file:
        file.truncate(2**30)
    with pytest.raises(InputError, match=r"1,024\.0 MiB; at most 8 MiB"):
        checkpoint.read_card(tmp_path)
