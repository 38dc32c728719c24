"""What strangers can send: links, trays, arithmetic files, pictures, strip requests, paths.

See tests/hostile.py for how a reader is held to what it may do.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)]  # when this file is run as a script
import hostile  # noqa: E402
from explorer.components import strips  # noqa: E402
from explorer.services import (  # noqa: E402
    run_launcher,
    run_list,
    run_processes,
    training_data,
    trust,
    uploads,
)
from explorer.state import arithmetic_file, tray, url_parts, url_state  # noqa: E402
from explorer.views import import_weights  # noqa: E402
from explorer.widgets import train_form  # noqa: E402
from gan_core import importers, latent  # noqa: E402
from gan_core.util.errors import InputError  # noqa: E402

KINDS = ("tray", "arithmetic", "link", "strip", "upload")
ITEM = {"name": "a", "model": "avatars", "model_hash": "0123456789ab", "seed": 3, "psi": 0.7}
TRAY = {"format": "gan-tray", "version": 1, "items": [{**ITEM, "z": [0.5, -1.0, 2.0, 0.0]}]}
BASKETS = [
    {
        "name": "A",
        "weight": 1,
        "exemplars": [{"seed": 3, "psi": 0.7}, {"title": "t", "z": [0.5] * 4}],
    },
    {"name": "B", "weight": -1, "exemplars": [{"seed": 4, "psi": 1}]},
    {"name": "C", "weight": 1, "exemplars": []},
]
ARITHMETIC = {"format": "gan-arithmetic", "version": 1, "model": "m", "model_hash": "0123456789ab"}
ARITHMETIC |= {"baskets": BASKETS, "strength": 1}


class Toy:
    """What reading an arithmetic file and an upload needs of a Model."""

    name, hash, size, generator = "m", "0123456789ab", 16, None
    prior = latent.Prior("normal", 4)
    card = {"architecture": {"channels": 3}}  # noqa: RUF012


def read_link(data, folder):
    params = dict(
        pair.split("=", 1) for pair in data.decode("utf-8", "replace").split("&") if "=" in pair
    )
    view, unread = url_state.read(params)
    assert {name.split(" (")[0] for name in unread} <= set(params)
    url_parts.read_tray(params.get("tray", ""))
    for page in url_state.PAGES:
        written = url_state.write(view, page)
        assert url_state.read(written)[1] == []
    if unread:  # a link is never refused as a whole: a sentence says what was dropped
        raise InputError(f"Part of the link could not be read: {', '.join(unread)}.")


def read_strip(data, folder):
    try:
        question = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("The question is no JSON.") from None
    if strips.answer(question) is None:
        raise InputError("There is no such strip.")


def readers(folder):
    """{kind: (strategy, read)}; see hostile.main."""
    import io

    from hypothesis import strategies as some
    from PIL import Image

    def text(record):
        return some.one_of(hostile.bent([record]), hostile.damaged([json.dumps(record).encode()]))

    shown = [
        b"model=avatars&seed=72&psi=0.7&n=36&sort=real&tray=avatars:12,avatars:40@0.7",
        b"keys=3,14,15@0.8&mode=both&closed=1&at=1.25&picks=1,2&weights=abc&step=8&source=tray",
        b"start=7&coords=3:1.25,17:-0.8&frozen=17&corners=0,1,2,3&x=0.5&y=0.25&way=pad",
        b"along=glasses (normal):2.5,factor 1:-1&locked=beard&level=1&a=3,4@0.5&sum=1,-1,1",
        b"ask=training&of=4&image=7&space=effnet&run=faces&strength=1.25&smooth=1&size=large",
        b"preset=k&first=k:3,data:points&second=lr_d:0.01&points=AAAABBBB&game_seed=4&compare=1",
    ]
    pictures = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(np.arange(30 * 20 * 3, dtype=np.uint8).reshape(20, 30, 3)).save(
            buffer, kind
        )
        pictures.append(buffer.getvalue())
    data = type("Set", (), {"card": {}})
    question = {"id": "1", "context": "c", "axis": 0, "n": 9, "values": [0.5]}
    return {
        "tray": (text(TRAY), lambda data, folder: tray.from_json(data)),
        "arithmetic": (text(ARITHMETIC), lambda data, folder: arithmetic_file.read(data, "m", Toy)),
        "link": (hostile.damaged(shown), read_link),
        "strip": (text(question), read_strip),
        "upload": (
            hostile.damaged(pictures),
            lambda content, folder: training_data.read_picture(content, Toy, data),
        ),
    }


@pytest.fixture(scope="module")
def fuzzed(python):
    return hostile.results(python(__file__, timeout=300))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_texts_are_read_or_refused(fuzzed, kind):
    hostile.check(fuzzed[kind])


WORST = {
    "nested 100,000 deep": b"[" * 100_000,
    "objects nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of 10,000 digits": json.dumps(TRAY).replace("3,", "9" * 10_000 + ",", 1).encode(),
    "a number of 4,000 digits": json.dumps(TRAY).replace("3,", "9" * 4_000 + ",", 1).encode(),
    "not a number": json.dumps(TRAY).replace("0.5", "NaN").encode(),
    "infinity": json.dumps(TRAY).replace("0.5", "-Infinity").encode(),
    "beyond a float": json.dumps(TRAY).replace("0.5", "1e999").encode(),
    "a million items": json.dumps({**TRAY, "items": [0] * 1_000_000}).encode(),
    "half a million items": json.dumps({**TRAY, "items": [0] * 500_000}).encode(),
    "a lone surrogate": json.dumps(
        {**TRAY, "items": [{**TRAY["items"][0], "model": "\ud800"}]}
    ).encode(),
    "a NUL": json.dumps({**TRAY, "items": [{**TRAY["items"][0], "model": "\0"}]}).encode(),
    "UTF-16 without an end": b"\xff\xfe{",
    "bytes": b"\xed\xa0\x80",
}


@pytest.mark.parametrize("content", WORST.values(), ids=WORST)
def test_the_worst_trays_and_arithmetic_files_are_refused_in_a_sentence(tmp_path, content):
    assert hostile.outcome(lambda data, _: tray.from_json(data), content, tmp_path) == "refused"
    arithmetic = content.replace(b"gan-tray", b"gan-arithmetic")
    assert (
        hostile.outcome(lambda data, _: arithmetic_file.read(data, "m", Toy), arithmetic, tmp_path)
        == "refused"
    )


@pytest.mark.parametrize(
    "value",
    ["9" * 10_000, "1e999", "nan", "\0", "\ud800", "(" * 100_000, "," * 1_000_000, "٣", "1_0"],
)
def test_no_value_of_a_link_is_more_than_unread(value):
    params = dict.fromkeys([*url_state.View.__dataclass_fields__, "tray"], value)
    view, unread = url_state.read(params)
    assert "seed" in unread
    assert view.seed == 0
    url_parts.read_tray(value)
    url_state.write(view, "browse")


# Paths. Nothing but a name is typed into the app: of a run, of a model, of a direction.

OUTSIDE = [
    *("..", "../elsewhere", "/etc", "~", "~root", "a/b", "a\\b", "C:\\x", "C:x", "\\\\host\\share"),
    *(
        "//host/share",
        "a\0b",
        ".hidden",
        "-flag",
        "",
        " ",
        "a\n",
        "a" * 5000,
        "ä",
        "CON:",
        "%2e%2e",
    ),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folders as they are given at the start, with pictures inside and outside of them."""
    for name in ("runs", "checkpoints", "data/mine", "outside"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv("LATENT_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv(trust.TRAINING, "1")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "circle").symlink_to(tmp_path / "data" / "circle")
    return tmp_path


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_typed_name_is_never_a_path(place, name, monkeypatch):
    before = sorted(place.rglob("*"))
    with pytest.raises(InputError):
        run_launcher.check_name(name)
    with pytest.raises(InputError):
        importers.save(None, place / "checkpoints" / "x", name)
    assert not set("/\\\0\n:") & set(import_weights.safe(name))
    assert import_weights.safe(name) not in ("", ".", "..")
    warned = []
    monkeypatch.setattr(train_form.session, "warn", warned.append)
    monkeypatch.setattr(
        run_launcher.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started")
    )
    train_form.begin(name, place / "data" / "mine", None, {"data": ""})
    assert len(warned) == 1
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "path",
    [
        *(
            "{0}/outside",
            "{0}/data/../outside",
            "{0}/data/link",
            "{0}/data/link/../../outside",
            "/",
        ),
        *(
            "{0}/database",
            "{0}/data/circle",
            "~",
            "data\0",
            "C:\\data",
            "\\\\host\\share",
            "x" * 5000,
        ),
    ],
)
@pytest.mark.parametrize("what", ["images", "data"])
def test_pictures_outside_of_the_folders_given_start_nothing(place, path, what, monkeypatch):
    path, warned = path.format(place), []
    monkeypatch.setattr(train_form.session, "warn", warned.append)
    monkeypatch.setattr(
        run_launcher.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started")
    )
    given = {"data": path if what == "data" else ""}
    train_form.begin("mine", path if what == "images" else "", None, given)
    assert warned == ["These pictures are not in a folder that the app was started with."]
    assert not list((place / "runs").iterdir())
    assert uploads.confined(place / "data" / "mine")


@pytest.mark.slow
def test_a_run_from_elsewhere_brings_no_code(place, monkeypatch):
    """Its folder may tell that its process ran in a place where a package lies called gan_core."""
    elsewhere = place / "outside"
    (elsewhere / "gan_core").mkdir()
    (elsewhere / "gan_core" / "__init__.py").touch()
    (elsewhere / "gan_core" / "__main__.py").write_text(f"open({str(place / 'ran')!r}, 'w')")
    run_launcher.start("mine", ["train", "--help"], cwd=elsewhere)
    *_, child = run_processes.children.values()  # another test may have left one
    child.wait(120)
    run_processes.reap()
    assert "usage" in (place / "runs" / "mine" / run_list.OUTPUT).read_text().lower()
    assert not os.path.exists(place / "ran")


if __name__ == "__main__":
    hostile.main(readers)
