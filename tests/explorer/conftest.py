"""What the tests of the app share."""

import json
import os

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import explorer.live.canvas
import explorer.live.tiles
from explorer import models

APP = models.ROOT / "explorer" / "app.py"


@pytest.fixture
def two_models(make_checkpoint, tmp_path, monkeypatch):
    """Two untrained models of different latent sizes, the only ones the app sees."""
    make_checkpoint("alpha", nz=8, seed=1)
    make_checkpoint("beta", nz=5, seed=2)
    monkeypatch.setenv(models.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def open_app(monkeypatch):
    """Open a page of the app, as a link would; returns the AppTest after its first run."""

    monkeypatch.setattr(explorer.live.tiles, "_component", buttons)
    monkeypatch.setattr(explorer.live.canvas, "_component", fields)
    monkeypatch.setattr(models, "settle", lambda model: None)

    def open_page(page="browse", **params):
        app = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        # How Streamlit names a page: the digest of its path. The first page's is empty.
        app._page_hash = "" if page == "browse" else calc_hash(page)
        return app.run()

    return open_page


def buttons(key, data, on_pick_change):
    """Stands for the tile grid, which AppTest does not know: a button a tile, `key-id`.

    What the grid was given stands in the session state as `key-data`.
    """
    st.session_state[f"{key}-data"] = data

    def click(tile_id):
        st.session_state[key] = {"pick": {"id": tile_id, "count": 1}}
        on_pick_change()

    for tile in data["tiles"]:
        name = f"{key}-{tile['id']}"
        st.button(tile["label"], key=name, on_click=click, args=(tile["id"],))


def fields(key, data, on_values_change, on_want_change):
    """Stands for the live canvas: two text fields, `key-values` and `key-want`, take as JSON what the
    browser would send. What the canvas was given stands in the session state as `key-data`.
    """
    st.session_state[f"{key}-data"] = data

    def send(name, callback):
        content = json.loads(st.session_state[f"{key}-{name}"])
        before = st.session_state.get(key, {})
        st.session_state[key] = {**before, "want": None, name: content}
        callback()

    for name, callback in {"values": on_values_change, "want": on_want_change}.items():
        st.text_input(name, key=f"{key}-{name}", on_change=send, args=(name, callback))


@pytest.fixture
def folders(monkeypatch):
    """Say where the app looks for checkpoints."""

    def look_in(*paths):
        monkeypatch.setenv(models.VARIABLE, os.pathsep.join(map(str, paths)))

    return look_in
