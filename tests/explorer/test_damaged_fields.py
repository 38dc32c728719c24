"""Any field of any file of a checkpoint or a run may hold anything: the page says one sentence.

Fields are found by walking the files, so that new ones are covered as soon as they are written.
"""

import pytest

from damage import mutations, read, replaced, write
from explorer.services import model_registry
from gan_core.latent_space import directions
from support import TRIALS, needs_avatars

PAGES = {
    "model.json": ("card", "photo", "memorisation", "arithmetic", "interpolate", "latents"),
    "memorisation.json": ("memorisation",),
    "memorisation-held-out.json": ("memorisation",),
    "directions.safetensors": ("directions",),
    "seeds.safetensors": ("browse", "arithmetic"),
    "realism.safetensors": ("browse",),
    "training_set/set.json": ("neighbours",),
    "process.json": ("train",),
    "started.json": ("train",),
    "log.jsonl": ("train",),
}

pytestmark = needs_avatars


@pytest.fixture
def place(whole_place):
    return whole_place


def file_of(place, name):
    run = name in ("process.json", "started.json", "log.jsonl")
    return place / ("runs/run" if run else "models/alpha") / name


def check(place, open_app, name, count):
    path = file_of(place, name)
    whole = read(path)
    for page in PAGES[name]:
        for field, odd in mutations(name + page, whole, count):
            # json.dumps writes what a stranger's file may hold: NaN, and halves of pairs too.
            try:
                write(path, replaced(whole, field, odd))
            except UnicodeEncodeError:  # safetensors itself refuses it
                continue
            app = open_app(page, model="alpha", run="run")
            assert not app.exception, (field, odd, app.exception)
            errors = [element.value for element in app.error]
            assert not [t for t in errors if "could not be drawn" in t], (
                page,
                field,
                str(odd)[:40],
            )
            for sentence in errors:
                assert "\n" not in sentence
                assert len(sentence) < 1000


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.slow
def test_any_damaged_field_is_one_sentence(place, open_app, name):
    check(place, open_app, name, 8 // len(PAGES[name]) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_damaged_field_is_one_sentence(place, open_app, name):
    check(place, open_app, name, TRIALS)


CASES = [
    ("model.json", ("training_set", "how"), None, "memorisation"),
    ("model.json", ("training", "kimg"), 10**400, "card"),
    ("directions.safetensors", ("directions", 1, "about", "n"), None, "directions"),
    ("memorisation.json", ("caveats",), {"a": 1}, "memorisation"),
    ("memorisation.json", ("spaces", "pixels", "suspicious", 0, "id"), 2**62, "memorisation"),
    ("process.json", ("cwd",), "a" * 5000, "train"),
    ("process.json", ("began",), 10**400, "train"),
    ("process.json", ("kimg",), -1, "train"),
    ("log.jsonl", (0, "kimg"), 10**400, "train"),
    ("started.json", ("at",), None, "train"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "field", "odd", "page"), CASES)
def test_what_once_ended_in_a_traceback(place, open_app, name, field, odd, page):
    path = file_of(place, name)
    write(path, replaced(read(path), field, odd))
    app = open_app(page, model="alpha", run="run")
    assert not app.exception
    assert not [e.value for e in app.error if "could not be drawn" in e.value]


@pytest.mark.slow
def test_a_direction_that_lacks_its_numbers_is_still_shown(place):
    path = file_of(place, directions.FILE)
    about = read(path)
    for entry in about["directions"]:
        entry["about"] = {k: v for k, v in entry["about"].items() if k == "attribute"}
    write(path, about)
    entries = model_registry.entries()
    assert len(directions.load(model_registry.load(entries["alpha"]))) == len(about["directions"])
