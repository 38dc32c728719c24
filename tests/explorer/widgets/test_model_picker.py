"""The menu of models, which says of each what it is for."""

import json

import pytest

from explorer.services import model_registry
from explorer.widgets import model_picker
from fields import field, state


def give_purpose(directory, words):
    card = json.loads((directory / "model.json").read_text("utf-8"))
    (directory / "model.json").write_text(json.dumps({**card, "purpose": words}), "utf-8")


def test_the_menu_says_what_a_model_is_for(two_models, open_app):
    give_purpose(two_models / "beta", "drawings, for tests")
    app = open_app("card", model="alpha")
    assert field(app, "set-model").options == ["alpha", "beta – drawings, for tests"]


@pytest.mark.slow
def test_a_link_and_the_settings_say_the_name_alone(two_models, open_app):
    give_purpose(two_models / "beta", "drawings, for tests")
    app = field(open_app("card", model="alpha"), "set-model").set_value("beta").run()
    assert (state(app, "view").model, field(app, "set-model").value) == ("beta", "beta")
    assert app.query_params["model"] == "beta"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", "m"),
        ("drawings,\n for tests", "m – drawings, for tests"),
        ("\u202eback to front", "m – \ufffdback to front"),
        ("x" * 999, "m – " + "x" * model_registry.MOST_WORDS),
    ],
)
def test_the_words_of_a_card_are_one_short_line(make_checkpoint, words, shown):
    directory = make_checkpoint("m")
    give_purpose(directory, words)
    entry = model_registry.look(directory)
    assert model_picker.label(entry) == shown
