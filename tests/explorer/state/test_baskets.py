"""The baskets' changes as plain functions: a click that is cut short leaves all as it was."""

import pytest
import streamlit as st

from explorer.state import baskets, url_state


class Cut(BaseException):
    """Stands for what Streamlit raises in a callback when the next click has come."""


class State(dict):
    """A session state that is cut short once it was used so many times; None: never."""

    def __init__(self, **values):
        super().__init__(values)
        self.cut_after(None)

    def cut_after(self, uses):
        self.__dict__["uses"] = uses

    def use(self):
        if self.__dict__["uses"] == 0:
            raise Cut
        if self.__dict__["uses"]:
            self.__dict__["uses"] -= 1

    def __getitem__(self, name):
        self.use()
        return super().__getitem__(name)

    def __setitem__(self, name, value):
        self.use()
        super().__setitem__(name, value)

    def setdefault(self, name, value):
        self.use()
        return super().setdefault(name, value)

    __getattr__, __setattr__ = __getitem__, __setitem__


@pytest.fixture
def state(monkeypatch):
    state = State(view=url_state.View(a="0", b="1", c="2"), notes=[])
    monkeypatch.setattr(st, "session_state", state)
    return state


def shown(state):
    """The settings, and what can be undone and done again."""
    state.cut_after(None)
    return baskets.contents(), [*map(list, baskets.history())]


CLICKS = {
    "swap": baskets.swap,
    "undo": lambda: baskets.step(-1),
    "redo": lambda: baskets.step(1),
    "turn": lambda: baskets.turn("b"),
    "add": baskets.add,
    "remove": lambda: baskets.remove("a"),
    "put": lambda: baskets.put("c", "9"),
    "take out": lambda: baskets.take_out("c", "2"),
    "class": lambda: baskets.set_class("b", "digit", "3"),
}


@pytest.mark.parametrize("click", CLICKS.values(), ids=CLICKS)
def test_a_click_that_is_cut_short_leaves_all_as_it_was(state, click):
    def begin():
        state.cut_after(None)
        state.clear()
        state.update(view=url_state.View(a="0", b="1", c="2"), notes=[])
        baskets.change(a="5")
        baskets.change(c="2, 3")
        baskets.step(-1)
        return shown(state)

    before = begin()
    click()
    after = shown(state)
    assert after != before
    uses = 0
    while True:
        assert begin() == before
        state.cut_after(uses)
        try:
            click()
        except Cut:
            assert shown(state) == before
            uses += 1
        else:
            break
    assert uses > 1  # it was cut short somewhere
    assert shown(state) == after


def test_as_many_steps_back_as_there_were_changes(state):
    for _ in range(3):
        baskets.swap()
    assert len(baskets.history()[0]) == 3
    baskets.change(a="1")  # what it holds already: no step
    for _ in range(5):
        baskets.step(-1)
    assert shown(state)[0] | {"a": "0", "b": "1"} == shown(state)[0]
    for _ in range(5):
        baskets.step(1)
    assert (baskets.text("a"), baskets.text("b")) == ("1", "0")
    for i in range(baskets.MAX_STEPS + 9):
        baskets.change(a=str(i))
    assert len(baskets.history()[0]) == baskets.MAX_STEPS
