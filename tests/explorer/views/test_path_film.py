"""The Film section on Interpolate draws its frames only on request, and only once."""

import pytest

from explorer.widgets import path_film
from test_app import click, fine

LINK = {"model": "alpha", "keys": "3,9", "step": "4", "seconds": "3"}


@pytest.fixture
def lengths(monkeypatch):
    """How many frames were drawn for each film."""
    made, frames = [], path_film.frames

    def count(*arguments):
        images = frames(*arguments)
        made.append(len(images))
        return images

    monkeypatch.setattr(path_film, "frames", count)
    return made


def test_no_frame_is_drawn_before_the_film_is_shown(two_models, open_app, monkeypatch):
    monkeypatch.setattr(path_film, "frames", None)  # a call would be an error
    fine(open_app("interpolate", **LINK))


def test_a_film_is_drawn_once_until_something_changes(two_models, open_app, lengths):
    app = fine(click(open_app("interpolate", **LINK), "show-film"))
    app = fine(app.run())
    assert lengths == [60]  # 3 s at 20 frames per second
    toggle = next(one for one in app.toggle if one.label == "Back and forth")
    fine(toggle.set_value(True).run())
    assert lengths == [60, 31]  # there; the way back shows the same frames


@pytest.mark.slow
def test_a_film_that_was_made_can_be_saved(two_models, open_app):
    app = fine(click(open_app("interpolate", **LINK), "make-film-gif"))
    assert [key for key in app.session_state["films"] if "gif" in key]
    assert not [button for button in app.button if button.key == "make-film-gif"]
