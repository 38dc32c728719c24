"""The page Lessons, the bar of a lesson and the button that adds a view, without a browser."""

import pytest
from streamlit.util import calc_hash

from explorer.state import lesson
from explorer.state.lesson import Lesson, Step
from fields import field, sentences, state

MADE = Lesson(
    "Mine <b>",
    (
        Step("browse?model=beta&n=16", "First", "See ![x](https://evil.example/a.png) **this**"),
        Step("nowhere?model=beta", "Second", "Broken"),
        Step("latents?model=alpha&start=5", "Third", ""),
    ),
)


def words(app):
    return " ".join(e.value for e in [*app.main.markdown, *app.main.caption])


def press(app, key):
    return app.button(key=key).click().run()


def test_a_lesson_is_followed_over_a_broken_step(two_models, open_app):
    packed = lesson.pack(MADE)
    app = open_app("browse", model="beta", n="16", lesson=packed)
    assert sentences(app) == []
    assert "· 1 of 3" in words(app)
    assert "evil.example/a.png" not in words(app)
    assert "**this**" in words(app)
    assert "<b>" not in words(app).replace("\\<b\\>", "")
    app = press(app, "lesson-next")
    assert state(app, "page") == "lessons"
    assert ["does not lead to a page" in one for one in sentences(app)] == [True]
    app = press(app, "lesson-next")
    assert (state(app, "page"), state(app, "view").model, state(app, "view").start) == (
        *("latents", "alpha"),
        5,
    )
    assert sentences(app) == []
    app = press(app, "lesson-back")
    app = press(app, "lesson-back")
    assert (state(app, "page"), state(app, "view").n) == ("browse", 16)
    assert app.query_params["lesson"] in (packed, [packed])


@pytest.mark.slow
def test_a_lesson_is_left_resumed_and_finished(two_models, open_app):
    app = open_app("start")
    app = press(app, "tour")
    assert (state(app, "page"), state(app, "view").lesson) == ("browse", "tour")
    app = press(app, "lesson-next")
    assert (state(app, "page"), state(app, "view").lesson_step) == ("latents", 1)
    app = press(app, "lesson-leave")
    assert state(app, "page") == "latents"
    assert "lesson" not in dict(app.query_params)
    assert not any(button.key == "lesson-next" for button in app.button)
    app._page_hash = calc_hash("lessons")
    app.query_params.clear()  # as the browser does
    app = app.run()
    assert app.button(key="begin-tour").label == "Resume at step 2"
    app = press(app, "begin-tour")
    assert (state(app, "page"), state(app, "view").lesson_step) == ("latents", 1)


@pytest.mark.slow
def test_views_are_added_edited_ordered_and_removed(two_models, open_app):
    app = open_app("browse", model="alpha", n="16")
    app = press(app, "add-to-lesson")
    field(app, "set-n").set_value(36).run()
    app = press(app, "add-to-lesson")
    first, second = state(app, "draft").steps
    assert lesson.target(first)[1]["n"] == "16"
    assert "n" not in lesson.target(second)[1]
    app._page_hash = calc_hash("lessons")
    app.query_params.clear()
    app = app.run()
    assert sentences(app) == []
    field(app, "lesson-title").set_value("Week 3").run()
    field(app, "lesson-title-1").set_value("Many").run()
    field(app, "lesson-notes-1").set_value("Look at *all*").run()
    app = press(app, "lesson-Earlier-1")
    made = state(app, "draft")
    assert (made.title, [s.title for s in made.steps]) == ("Week 3", ["Many", "Browse"])
    assert made.steps[0].notes == "Look at *all*"
    assert field(app, "lesson-title-0").value == "Many"
    app = press(app, "lesson-remove-0")
    assert [s.title for s in state(app, "draft").steps] == ["Browse"]
    app = press(app, "lesson-undo")
    assert [s.title for s in state(app, "draft").steps] == ["Many", "Browse"]
    link = next(code.value for code in app.code if "lesson=z." in code.value)
    assert "/browse?" in link
    app = press(app, "begin-own")
    assert (state(app, "page"), lesson.find(state(app, "view").lesson).title) == (
        *("browse",),
        "Week 3",
    )


@pytest.mark.parametrize(
    ("content", "complaints"),
    [
        (lesson.to_json(MADE).encode(), []),
        (b"{}", ["This file is not a lesson saved by this app."]),
    ],
)
def test_a_file_is_opened_or_refused(two_models, open_app, content, complaints):
    app = open_app("lessons")
    app.file_uploader(key="lesson-upload").upload("a.json", content, "application/json").run()
    assert sentences(app) == complaints
    if not complaints:
        key = next(b.key for b in app.button if b.key.startswith("open-lesson-"))
        app = press(app, key)
        assert state(app, "draft") == MADE


def test_a_forged_step_beyond_the_end_is_the_last(two_models, open_app):
    app = open_app("browse", model="alpha", lesson="tour", lesson_step="39")
    assert sentences(app) == []
    assert "· 5 of 5" in words(app)
    app = open_app("browse", model="alpha", lesson="z.forged", large="1")
    assert len(sentences(app)) == 1
    assert not any(button.key == "lesson-next" for button in app.button)
