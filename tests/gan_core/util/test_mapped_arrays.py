"""Maps on a full disk, and maps of files that become shorter: a sentence, never SIGBUS."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from gan_core.data import training_set
from gan_core.search import index_cache
from gan_core.util import map_guard, mapped_arrays
from gan_core.util.errors import InputError
from support import ROOT

guarded = pytest.mark.skipif(
    not map_guard.AVAILABLE, reason="maps are guarded on Linux only, on x86-64 and ARM"
)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True)
    except OSError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder])


def run(code, *arguments):
    """Run Python code in a process of its own, which a SIGBUS may end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_what_is_created_is_zeros_that_can_be_written(tmp_path):
    array = mapped_arrays.create(tmp_path / "a.npy", (3, 1000), np.float16)
    assert (array == 0).all()
    array[1] = 5
    array.flush()
    assert np.load(tmp_path / "a.npy")[:, 0].tolist() == [0, 5, 0]


@pytest.mark.parametrize("known", [True, False], ids=["fallocate", "zeros"])
def test_space_is_really_taken(tmp_path, monkeypatch, known):
    if not known:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    mapped_arrays.create(tmp_path / "a.npy", (3_000_000,), np.uint8)
    status = (tmp_path / "a.npy").stat()
    assert status.st_size == 3_000_128
    assert status.st_blocks * 512 >= 3_000_000


@pytest.mark.parametrize("known", [True, False], ids=["fallocate", "zeros"])
def test_a_full_disk_is_an_error(small_disk, monkeypatch, known):
    if not known:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with pytest.raises(OSError, match="space") as caught:
        mapped_arrays.create(small_disk / "a.npy", (3_000_000,), np.uint8)
    assert caught.value.errno == errno.ENOSPC


INDEX = """
import sys
from gan_core.data import training_set
from gan_core.search import index_cache
from gan_core.util.errors import InputError
try:
    index_cache.open_index(training_set.load(sys.argv[1]), folder=sys.argv[2])
except InputError as error:
    print(error)
"""


@pytest.mark.slow
def test_an_index_on_a_full_disk_is_a_sentence(small_disk, make_set):
    """Before, `open_memmap(…, "w+")` made a file with a hole, and to fill it was SIGBUS."""
    data = make_set("set", n=2000, size=16)  # whose index takes more than 1 MB
    done = run(INDEX, data, small_disk / "neighbours")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "No space left on device" in done.stdout
    assert list((small_disk / "neighbours").iterdir()) == []


def test_a_file_shorter_than_its_header_says_is_refused(make_set):
    data = make_set("set", n=8)
    os.truncate(data / "images.npy", 1000)
    with pytest.raises(InputError, match="damaged"):
        training_set.load(data)


SHORTER = """
import os, sys
from gan_core.data import training_set
from gan_core.search import index_cache
from gan_core.util import map_guard, atomic_files
from gan_core.util.errors import InputError

map_guard.enable(map_guard.ZEROS)
data = training_set.load(sys.argv[1])
index = index_cache.open_index(data, folder=sys.argv[2])
query = data.images[:2].copy()
index.query(query, 2)
os.truncate(sys.argv[1] + "/images.npy", 200)

def sentence(work):
    try:
        with map_guard.watching():
            work()
    except InputError as error:
        print(error)

def save():
    total = data.images.sum()
    atomic_files.write_json(sys.argv[2] + "/total.json", {"total": int(total)})

sentence(lambda: index.query(query, 2))
sentence(save)
print(map_guard.spoiled(data.images), os.path.exists(sys.argv[2] + "/total.json"))
with map_guard.watching():  # nothing new happened
    print(int(data.held_out.max()) > 0)
"""


@guarded
@pytest.mark.slow
def test_a_file_that_becomes_shorter_while_it_is_read_is_a_sentence(make_set, tmp_path):
    data = make_set("set", n=600, held_out=4)
    done = run(SHORTER, data, tmp_path / "neighbours")
    assert done.returncode == 0, done.stderr
    first, second, *rest = done.stdout.splitlines()
    assert "changed since" in first
    assert second == map_guard.SENTENCE
    assert rest == ["True False", "True"]


DURING = """
import os, sys
import numpy as np
from gan_core.data import training_set
from gan_core.search import index_cache
from gan_core.util import map_guard
from gan_core.util.errors import InputError

map_guard.enable(map_guard.ZEROS)
data = training_set.load(sys.argv[1])
index = index_cache.open_index(data, folder=sys.argv[2])
query = np.random.RandomState(9).randint(0, 256, (1, *data.images.shape[1:])).astype(np.uint8)
search = index._search_some

def slowly(*arguments):
    os.truncate(sys.argv[1] + "/images.npy", 200)  # after the first look at the file
    return search(*arguments)

index._search_some = slowly
try:
    index.query(query, 2)
except InputError as error:
    print(error)
"""


@guarded
@pytest.mark.slow
def test_a_search_during_which_the_file_becomes_shorter_is_a_sentence(make_set, tmp_path):
    done = run(DURING, make_set("set", n=600), tmp_path / "neighbours")
    assert done.returncode == 0, done.stderr
    assert "changed since" in done.stdout


STRANGER = """
import os, sys
import numpy as np
from gan_core.util import map_guard
map_guard.enable(map_guard.ZEROS)
np.save(sys.argv[1], np.ones(100_000, np.uint8))
map_guard.protect(np.lib.format.open_memmap(sys.argv[1], "r"))
np.save(sys.argv[2], np.ones(100_000, np.uint8))
other = np.lib.format.open_memmap(sys.argv[2], "r")
os.truncate(sys.argv[2], 0)
print(other.sum())
"""


@pytest.mark.slow
@guarded
def test_a_map_of_somebody_else_s_is_left_alone(tmp_path):
    """The guard hides no fault but in the maps that were given to it."""
    done = run(STRANGER, tmp_path / "a.npy", tmp_path / "b.npy")
    assert done.returncode == -7
    assert done.stdout == ""


COMMAND = """
import os, sys
from gan_core.data import training_set
from gan_core.metrics import memorisation_report
from gan_core.__main__ import main

def truncate(model, reference, **options):
    os.truncate(sys.argv[2] + "/images.npy", 200)
    return reference.images.max()

memorisation_report.report = truncate
sys.exit(main(["memorisation", sys.argv[1], "--data", sys.argv[2]]))
"""


@guarded
@pytest.mark.slow
def test_a_command_ends_with_a_sentence(make_set, make_checkpoint):
    import json

    data, model = make_set("set", n=600, held_out=4), make_checkpoint()
    card = json.loads((model / "model.json").read_text())
    card["training_set"] = {"fingerprint": training_set.read_card(data)["fingerprint"]}
    (model / "model.json").write_text(json.dumps(card))
    done = run(COMMAND, model, data)
    assert done.returncode == 2
    assert done.stderr == f"gan_core: {map_guard.SENTENCE}\n"


def test_an_index_can_be_made_and_read_again(make_set, tmp_path):
    data = training_set.load(make_set("set", n=40))
    index = index_cache.open_index(data, folder=tmp_path / "neighbours")
    again = index_cache.open_index(data, folder=tmp_path / "neighbours")
    query = np.asarray(data.images[:3])
    for one, two in zip(index.query(query, 4), again.query(query, 4), strict=True):
        assert np.array_equal(one, two)
