"""What the tests of the app share."""

import json
import os
import shutil

import pytest
import streamlit as st
import torch
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.util import calc_hash

import everything
import explorer.components.canvas
import explorer.components.game
import explorer.components.tiles
import gan_core
from browsing import ARGUMENTS, CHROMIUM, PATIENCE, running
from explorer.services import model_registry, renderer, run_list, run_speed
from gan_core import feature_extractors
from gan_core.attributes import classifier
from gan_core.metrics import realism, seed_table
from support import AVATARS, save_checkpoint
from toys import quick_features, thumbnails

APP = model_registry.ROOT / "explorer" / "app.py"


@pytest.fixture(scope="session", autouse=True)
def compiled_once():
    """AppTest compiles the script of the app for every run, although it is always the same."""
    cache = ScriptCache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "ScriptCache", lambda: cache)
        yield


@pytest.fixture(autouse=True)
def no_timing(monkeypatch):
    """A form on Train with pictures would time some steps of training in a process of its own."""
    monkeypatch.setattr(run_speed, "time_steps", lambda question, tell: None)


@pytest.fixture
def two_models(make_checkpoint, tmp_path, monkeypatch):
    """Two untrained models of different latent sizes, the only ones the app sees."""
    make_checkpoint("alpha", nz=8, seed=1)
    make_checkpoint("beta", nz=5, seed=2)
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def with_classifier(two_models):
    """An untrained classifier beside alpha, spread so that about half the samples show each."""
    model = gan_core.load(two_models / "alpha")
    names = ["Male", "Smiling", "Wavy_Hair", "Eyeglasses"]
    torch.manual_seed(0)
    everything.save_classifier(
        model, [{"name": name, "recognised": name != "Eyeglasses"} for name in names]
    )
    return classifier.load(two_models / "alpha")


@pytest.fixture
def with_table(two_models, with_classifier, monkeypatch):
    """A realism reference and a table of the first 200 seeds beside alpha; returns the table."""
    monkeypatch.setattr(feature_extractors, "effnet", quick_features)
    renderer._network.clear()
    model = gan_core.load(two_models / "alpha")
    others = model.generate(model.prior.sample(64, seed=5000))
    about = {"training_set": None, "features": "EffNetLite0", "version": "quick"}
    realism.save(two_models / "alpha", realism.make(thumbnails(others), dimensions=6, about=about))
    reference = realism.load(two_models / "alpha")
    table = seed_table.make(model, reference, quick_features(), [with_classifier], n=200)
    seed_table.save(model, table)
    yield table
    renderer._network.clear()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a checkpoint and a run that have every file."""
    return everything.make_place(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def whole_place(whole, tmp_path, monkeypatch):
    """A copy of it, which is all that the app sees."""
    shutil.copytree(whole, tmp_path / "whole")
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "whole" / "cache"))
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path / "whole" / "models"))
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "whole" / "runs"))
    return tmp_path / "whole"


@pytest.fixture
def open_app(monkeypatch):
    """Open a page of the app, as a link would; returns the AppTest after its first run."""

    monkeypatch.setattr(explorer.components.tiles, "_component", buttons)
    monkeypatch.setattr(explorer.components.canvas, "_component", fields)
    monkeypatch.setattr(explorer.components.game, "_component", boards)
    monkeypatch.setattr(model_registry, "settle", lambda model: None)

    def open_page(page="browse", **params):
        app = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        # How Streamlit names a page: the digest of its path. The first page's is empty.
        app._page_hash = "" if page == "start" else calc_hash(page)
        return app.run()

    return open_page


def buttons(key, data, on_pick_change, on_drop_change=None):
    """Stands for the tile grid, which AppTest does not know: a button a tile, `key-id`.

    What the grid was given stands in the session state as `key-data`. Where things can be dropped
    there is a text field, `key-drop`, for what is.
    """
    st.session_state[f"{key}-data"] = data

    def click(tile_id):
        st.session_state[key] = {"pick": {"id": tile_id, "count": 1}}
        on_pick_change()

    for tile in data["tiles"]:
        name = f"{key}-{tile['id']}"
        st.button(tile["label"], key=name, on_click=click, args=(tile["id"],))

    def drop():
        st.session_state[key] = {"drop": {"what": st.session_state[f"{key}-drop"], "count": 1}}
        on_drop_change()

    if on_drop_change:
        st.text_input("drop", key=f"{key}-drop", on_change=drop)


def fields(key, data, on_values_change, on_want_change):
    """Stands for the live canvas: two text fields, `key-values` and `key-want`.

    They take as JSON what the browser would send. What the canvas was given stands in the session
    state as `key-data`.
    """
    st.session_state[f"{key}-data"] = data

    def send(name, callback):
        content = json.loads(st.session_state[f"{key}-{name}"])
        before = st.session_state.get(key, {})
        st.session_state[key] = {**before, "want": None, name: content}
        callback()

    for name, callback in {"values": on_values_change, "want": on_want_change}.items():
        st.text_input(name, key=f"{key}-{name}", on_change=send, args=(name, callback))


def boards(key, data, on_drawn_change):
    """Stands for the game: a text field, `key-drawn`, that takes as JSON what a browser sends.

    What the game was given stands in the session state as `key-data`.
    """
    st.session_state[f"{key}-data"] = data

    def send():
        st.session_state[key] = {"drawn": json.loads(st.session_state[f"{key}-drawn"])}
        on_drawn_change()

    st.text_input("drawn", key=f"{key}-drawn", on_change=send)


@pytest.fixture
def folders(monkeypatch):
    """Say where the app looks for checkpoints."""

    def look_in(*paths):
        monkeypatch.setenv(model_registry.VARIABLE, os.pathsep.join(map(str, paths)))

    return look_in


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A second model, untrained, of another size and another length of latents."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "other", nz=5)


@pytest.fixture(scope="module")
def address(other, tmp_path_factory):
    """The address of a running app, started from a folder that has nothing to do with it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with running(elsewhere, "--checkpoints", AVATARS, other) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM:
        pytest.skip("needs Chromium")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open a link in a fresh browser context; fails if the page logged an error of its own."""
    contexts = []

    def open_link(path, viewport=None, **options):
        viewport = viewport or {"width": 1280, "height": 900}
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(f"{address}/{path}")
        return page

    yield open_link
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def avatars():
    return gan_core.load(AVATARS)
