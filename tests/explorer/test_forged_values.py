"""Values of widgets and components that no browser sends: the page stays, and no message appears.

The app itself runs, and is spoken to in its own protocol, see tests/explorer/wire.py.
"""

import contextlib
import json

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import unpack_widget_state_value

import everything
import wire
from explorer.components import game
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
    "game": "",
    "game?two": "preset=k&first=k:4&points=AAAA",
    "lessons": "",
    "lessons?bar": "lesson=tour&lesson_step=2",
    "browse?large": "lesson=invented&large=1",
    "train": "",
    "card": "",
    "import": "",
}

pytestmark = needs_avatars


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app with a checkpoint that has everything."""
    with wire.serving(everything.make_place(tmp_path_factory.mktemp("forged"))) as running:
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


GAME = "preset=collapse&first=k:4&second=objective:wgan&game_seed=7"
FIELDS = ("selectbox", "button_group", "number_input", "checkbox", "bidi_component")


def settings_of(elements):
    """Everything that the page tells the game in the browser, less how often it was heard."""
    assert not wire.failures(elements)
    sent = [e.bidi_component for e in elements if e.WhichOneof("type") == "bidi_component"]
    every = [json.loads(json.loads(one.json)["json"]) for one in sent]
    (data,) = (one for one in every if isinstance(one, dict) and "boards" in one)
    del data["heard"]
    return data


def forged(widget, kind):
    """All states of a field of the game that its browser cannot have sent."""

    def genuine(state):
        value = state.WhichOneof("value")
        if kind == "checkbox":
            return value == "bool_value"
        if kind == "number_input":
            return value == "double_value" and state.double_value == 3e9  # a seed
        if kind == "bidi_component" and value == "json_value":
            with contextlib.suppress(ValueError, RecursionError, TypeError, KeyError):
                points = json.loads(state.json_value)["drawn"]["points"]
                return isinstance(points, str) and game.readable(points)
        return False

    def meant(state):
        """Whether it is for this kind of field: not JSON for a menu, no other component's."""
        text = state.json_value[:20]
        return text[:2] != '{"' or (kind == "bidi_component" and "drawn" in text)

    every = [state for _, state in wire.states(widget)]
    return [state for state in every if meant(state) and not genuine(state)]


@pytest.mark.slow
def test_no_forged_value_changes_a_setting_of_the_game(app):
    """Values of every kind for each field, one of each field in a message."""
    with watched(app) as tab:
        page = tab.open("game", GAME)
        before = settings_of(page)
        assert before["seed"] == 7
        assert before["boards"][0]["settings"]["k"] == 4
        known = {w: kind for w, kind in wire.widgets(page).items() if kind in FIELDS}
        assert set(known.values()) == set(FIELDS)
        every = [forged(widget, kind) for widget, kind in known.items()]
        most = max(map(len, every))
        every = [[states[i % len(states)] for i in range(most)] for states in every]
        for values in zip(*every, strict=True):
            assert settings_of(tab.send(*values)) == before, values
    for values in zip(*(states[::10] for states in every), strict=True):
        with watched(app) as tab:  # values that come before their fields
            tab.page, tab.query = "game", GAME
            assert settings_of(tab.send(*values)) == before, values


@pytest.mark.slow
def test_a_genuine_value_changes_a_setting_of_the_game(app):
    with watched(app) as tab:
        page = tab.open("game", GAME)
        k = next(one for one in wire.widgets(page) if one.endswith("-game-k-0"))
        changed = settings_of(tab.send(WidgetState(id=k, string_value="5")))
        assert changed["boards"][0]["settings"]["k"] == 5


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
