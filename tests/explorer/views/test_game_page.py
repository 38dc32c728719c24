"""The page The game: presets, settings of one board and of two, own points, and the link."""

import json

import pytest

from explorer.components import game as component
from explorer.state import url_state
from fields import field
from gan_core.game import points, presets, settings
from gan_core.game.settings import Settings

OWN = points.write([(0.5, 0.25), (-1.0, 0.75)])


@pytest.fixture
def opened(tmp_path, folders, open_app):
    """Open the page with a link, where there is no model at all."""
    folders(tmp_path)

    def open_page(**params):
        app = open_app("game", **params)
        fine(app)
        return app

    return open_page


def fine(app):
    assert not app.exception
    assert [one.value for one in [*app.error, *app.warning]] == []
    return app


def data(app):
    return app.session_state["game-data"]


def boards(app):
    return [Settings(**one["settings"]) for one in data(app)["boards"]]


def link(app):
    return {name: "".join(value) for name, value in app.query_params.items()}


def choose(app, name, value):
    return fine(field(app, name).set_value(value).run())


def draw(app, sent):
    return fine(field(app, "game-drawn").set_value(json.dumps(sent)).run())


def test_a_first_visit_shows_the_first_preset(opened):
    app = opened()
    assert data(app)["scene"] == "first"
    assert boards(app) == [presets.get("first").boards[0][1]]
    assert data(app)["sentences"] == presets.get("first").sentences
    assert data(app)["paper"] == presets.get("first").paper
    assert data(app)["boards"][0]["modes"] == 8
    assert link(app) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_opens_by_link(opened, name):
    app = opened(preset=name)
    preset = presets.get(name)
    assert boards(app) == [one for _, one in preset.boards]
    titles = [title for title, _ in preset.boards] if len(preset.boards) > 1 else [""]
    assert [one["title"] for one in data(app)["boards"]] == titles
    assert {one["best"] for one in data(app)["boards"]} == {preset.best}


def test_a_preset_brings_its_own_settings(opened):
    app = opened(preset="first", first="k:4", game_seed="9", optimal="1")
    choose(app, "game-preset", "collapse")
    assert boards(app) == [one for _, one in presets.get("collapse").boards]
    assert link(app) == {"preset": "collapse", "game_seed": "9"}


def test_a_setting_stands_in_the_link_and_goes_with_its_default(opened):
    app = opened()
    choose(app, "game-k-0", 3)
    assert boards(app)[0].k == 3
    assert link(app) == {"first": "k:3"}
    choose(app, "game-objective-0", "wgan-gp")
    assert link(app) == {"first": "objective:wgan-gp,k:3"}
    assert data(app)["boards"][0]["wasserstein"]
    choose(app, "game-gp-0", 0.3)
    assert boards(app)[0].gp == 0.3
    choose(app, "game-objective-0", "non-saturating")
    choose(app, "game-k-0", 1)
    assert link(app) == {"first": "gp:0.3"}


def test_each_board_has_settings_of_its_own(opened):
    app = opened(preset="k")
    choose(app, "game-lr_g-1", 0.01)
    first, second = boards(app)
    assert (first.lr_g, second.lr_g) == (0.004, 0.01)
    assert link(app) == {"preset": "k", "second": "lr_g:0.01"}


def test_what_both_boards_share_changes_on_both(opened):
    app = opened(preset="k")
    choose(app, "game-data-0", "moons")
    choose(app, "game-width-0", 16)
    assert {(one.data, one.width) for one in boards(app)} == {("moons", 16)}
    assert link(app)["first"] == link(app)["second"] == "data:moons,width:16"


def test_two_boards_can_become_one(opened):
    app = opened(preset="k")
    choose(app, "set-compare", False)
    assert len(boards(app)) == 1
    assert data(app)["boards"][0]["title"] == ""
    assert link(app) == {"preset": "k", "compare": "0"}


def test_drawn_points_are_the_data_and_stand_in_the_link(opened):
    app = opened(preset="k")
    draw(app, {"count": 1, "points": OWN})
    assert {one.data for one in boards(app)} == {"points"}
    assert data(app)["points"] == OWN
    assert data(app)["heard"] == 1
    assert link(app)["points"] == OWN
    draw(app, {"count": 2, "points": ""})
    assert {one.data for one in boards(app)} == {"8 gaussians"}
    assert link(app) == {"preset": "k"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent", [{"points": "!"}, {"points": "AAAA" * 500}, {"points": 5}, [], {"points": OWN[:3]}]
)
def test_a_forged_message_changes_nothing(opened, sent):
    app = opened()
    draw(app, sent)
    assert link(app) == {}


def test_own_points_without_any_are_the_preset_s_data(opened):
    app = opened(first="data:points")
    assert boards(app)[0].data == "8 gaussians"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [("preset", "x"), ("first", "k:99"), ("second", "speed:1"), ("points", "A"), ("optimal", "2")],
)
def test_what_a_link_says_wrongly_is_named(tmp_path, folders, open_app, name, value):
    folders(tmp_path)
    app = open_app("game", **{name: value})
    assert not app.exception
    (warning,) = [one.value for one in app.warning]
    assert f"could not be read and was ignored: {name}" in warning
    assert boards(app) == [presets.get("first").boards[0][1]]


def test_a_linked_value_between_the_steps_of_a_field_stays(opened):
    app = opened(first="lr_d:0.0037")
    assert boards(app)[0].lr_d == 0.0037
    assert field(app, "game-lr_d-0").value == 0.0037


def test_links_and_settings_agree():
    changed = Settings(data="points", k=5, objective="hinge", r1=0.3, lr_g=0.25)
    view = url_state.View(first=settings.write(changed, Settings()), points=OWN, preset="k")
    again, unread = url_state.read(url_state.write(view, "game"), "game")
    assert unread == []
    assert again == view
    assert settings.read(again.first, Settings()) == changed


def test_only_a_d_with_probabilities_is_compared_with_the_optimal_one():
    assert component.board("", Settings(), True)["best"]
    assert not component.board("", Settings(objective="hinge"), True)["best"]
