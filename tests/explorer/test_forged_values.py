"""Values of widgets and components that no browser sends: the page stays, and no message appears.

The app itself runs, and is spoken to in its own protocol, see tests/explorer/wire.py.
"""

import contextlib

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import unpack_widget_state_value

import everything
import wire
from explorer.services import widget_states
from support import TRIALS, needs_avatars

PAGES = {
    "browse": "",
    "latents": "",
    "latents?": "way=pad",
    "interpolate": "keys=0,1,2",
    "directions": "",
    "arithmetic": "a=0,1&b=2&c=3&sum=1,-1,1,1",
    "neighbours": "",
    "neighbours?path": "ask=path",
    "neighbours?training": "ask=training",
    "neighbours?upload": "ask=upload",
    "photo": "",
    "memorisation": "",
    "train": "",
    "card": "",
    "import": "",
}

pytestmark = needs_avatars


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app with a checkpoint that has everything."""
    place = tmp_path_factory.mktemp("forged")
    (place / "models").mkdir()
    (place / "runs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        everything.make(place / "models" / "alpha")
        everything.make_run(place / "runs")
    with wire.serving(place) as running:
        yield running


@contextlib.contextmanager
def watched(app):
    """A Tab; in the end nothing may have been logged with a traceback."""
    before = len(app.log())
    try:
        with wire.tab(app.address) as tab:
            yield tab
    finally:
        said = app.log()[before:]
        assert "Traceback" not in said, said[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_forged_values_leave_every_page_as_it_is(app, page):
    """Some messages with an odd value for each of the page's widgets."""
    with watched(app) as tab:
        elements = tab.open(page.partition("?")[0], f"model=alpha&{PAGES[page]}")
        assert not wire.failures(elements)
        known = wire.widgets(elements)
        assert known
        every = [wire.some(widget, 4, seed=page) for widget in known]
        for values in zip(*every, strict=True):
            assert not wire.failures(tab.send(*values)), values


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_many_forged_values_leave_every_page_as_it_is(app, page):
    """One widget at a time, each with odd values of every kind."""
    with watched(app) as tab:
        known = wire.widgets(tab.open(page.partition("?")[0], f"model=alpha&{PAGES[page]}"))
        for widget, kind in known.items():
            for value in wire.some(
                widget, TRIALS if kind == "bidi_component" else TRIALS // 4, seed="long"
            ):
                assert not wire.failures(tab.send(value)), str(value)[:300]


@pytest.mark.slow
@pytest.mark.parametrize("fragment", ["nobody", "\0", "a" * 10_000])
def test_a_part_that_is_not_there_is_no_error(app, fragment):
    with watched(app) as tab:
        known = wire.widgets(tab.open("browse", "model=alpha"))
        tab.tell(fragment=fragment)
        assert wire.widgets(tab.send()).keys() == known.keys()


@pytest.mark.slow
def test_a_message_that_is_none_closes_the_tab_and_leaves_no_traceback(app):
    for content in (b"\xff" * 100, b"", b"\x00", bytes(range(256)) * 4):
        with watched(app) as tab:
            tab.socket.send(content)
    with watched(app) as tab:
        assert not wire.failures(tab.open("browse", "model=alpha"))


def test_without_the_check_a_forged_value_is_an_error():
    """The trial itself: Streamlit raises on what these tests send."""
    metadata = type("Metadata", (), {"value_type": "double_value", "deserializer": int})
    wrong = WidgetState(id="x", string_value="nobody")
    with pytest.raises(ValueError, match="invalid literal"):
        metadata.deserializer(unpack_widget_state_value(wrong))
    assert not widget_states.good(wrong, metadata)
    assert widget_states.good(WidgetState(id="x", int_value=3), metadata)
    assert widget_states.good(WidgetState(id="x"), metadata)
