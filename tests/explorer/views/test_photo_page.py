"""The page Your photo: framing, inversion, the tray; without a browser, then in one."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1.element_tree import FileUploader

import explorer.components.photo_framer
import gan_core
from browsing import on_tray, until
from explorer.widgets import photo_frame, photo_search
from fields import field, sentences
from gan_core.data import photo_alignment
from gan_core.latent_space import inversion
from gan_core.networks import onnx_generator
from gan_core.util.errors import InputError

SMALL = {"steps": 12, "starts": 3}


def encoded(seed=0, size=(120, 160)):
    stream = np.random.RandomState(seed)
    coarse = Image.fromarray(stream.randint(0, 256, (6, 5, 3)).astype(np.uint8))
    out = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def button(app, label):
    (one,) = (b for b in app.button if b.label == label)
    return one


def eye(app, which):
    """The field of an eye's place, such as "left-across"."""
    side, axis = which.split("-")
    return named(app.number_input, f"Eye on the {side}, {axis}, %")


def named(fields, label):
    (one,) = (field for field in fields if field.label == label)
    return one


@pytest.fixture
def open_photo(two_models, open_app, monkeypatch):
    """Open the page with a photo in it; the framer is a field that takes what a hand would do."""

    def field(key, data, on_frame_change):
        st.session_state[f"{key}-data"] = data

        def send():
            st.session_state[key] = {"frame": json.loads(st.session_state[f"{key}-field"])}
            on_frame_change()

        st.text_input("frame", key=f"{key}-field", on_change=send)

    monkeypatch.setattr(explorer.components.photo_framer, "_component", field)
    monkeypatch.setattr(photo_alignment, "can_find_eyes", lambda: False)
    monkeypatch.setattr(inversion, "POOL", 64)
    search = inversion.invert
    monkeypatch.setattr(inversion, "invert", lambda *a, **k: search(*a, **(k | SMALL)))
    return lambda content: give(open_app("photo", model="alpha"), content)


def give(app, content):
    (uploader,) = (u for u in app.get("file_uploader") if "photo" in u.label)
    assert isinstance(uploader, FileUploader)
    return uploader.set_value(("me.jpg", content, "image/jpeg")).run()


def until_done(app):
    app = button(app, "Start").click().run()
    for _ in range(50):
        if not app.session_state.search.running:
            return app.run()
        app = app.run()
    raise AssertionError("the search does not end")


def test_a_first_visit_says_where_the_photo_stays(two_models, open_app):
    app = open_app("photo", model="alpha")
    assert sentences(app) == []
    assert any("never saved or put in a link" in caption.value for caption in app.caption)


@pytest.mark.slow
def test_a_photo_is_inverted_and_its_latent_goes_to_the_tray(open_photo, two_models):
    app = until_done(open_photo(encoded()))
    assert sentences(app) == []
    now = app.session_state.search.now
    assert now.step == SMALL["steps"]
    assert any(f"**{now.error:.0f} levels**" in text.value for text in app.markdown)
    app = button(app, "Add to tray").click().run()
    (item,) = app.session_state.tray.items
    assert (item.name, item.model, item.seed) == ("From a photo", "alpha", None)
    assert item.from_photo
    model = gan_core.load(two_models / "alpha")
    drawn = model.generate(item.z[None])[0].astype(int)
    assert np.abs(drawn - now.image).max() <= 1


def test_stop_keeps_the_best_so_far(open_photo, monkeypatch):
    monkeypatch.setattr(photo_search, "CHUNK", 0)
    app = open_photo(encoded())
    app = button(app, "Start").click().run()
    assert app.session_state.search.running
    step = app.session_state.search.now.step
    app = button(app, "Stop").click().run()
    assert not app.session_state.search.running
    assert step <= app.session_state.search.now.step < SMALL["steps"]
    app = button(app, "Add to tray").click().run()
    assert len(app.session_state.tray.items) == 1
    assert sentences(app) == []


def test_the_frame_follows_the_hand_and_the_numbers(open_photo):
    app = open_photo(encoded())
    moved = {"x": 0.4, "y": 0.6, "side": 0.5, "turn": 10, "count": 1}
    app = app.text_input(key="photo-framer-field").set_value(json.dumps(moved)).run()
    assert app.session_state.photo.frame == photo_alignment.Frame(0.4, 0.6, 0.5, 10.0)
    app = app.slider(key="photo-turn").set_value(-5.0).run()
    assert app.session_state.photo.frame.turn == -5.0
    eyes = {"left-across": 35, "left-down": 45, "right-across": 65, "right-down": 45}
    for key, value in eyes.items():
        eye(app, key).set_value(float(value))
    app = button(app, "Place the eyes").click().run()
    placed = photo_alignment.eyes_of_frame((120, 160), app.session_state.photo.frame)
    assert np.allclose(placed, [(0.35, 0.45), (0.65, 0.45)], atol=2e-3)
    nowhere = {"x": 9, "y": -9, "side": 1e9, "turn": 10, "count": 2}
    app = app.text_input(key="photo-framer-field").set_value(json.dumps(nowhere)).run()
    frame = app.session_state.photo.frame
    assert (frame.x, frame.y, frame.side) == (1, 0, photo_alignment.MOST)
    assert sentences(app) == []


def test_eyes_stay_where_they_were_put_when_the_model_changes(open_photo, monkeypatch):
    elsewhere = ((0.3, 0.4), (0.7, 0.42))
    usual = photo_frame.eyes_of

    def eyes_of(model):
        return elsewhere if model.name == "beta" else usual(model)

    monkeypatch.setattr(photo_frame, "eyes_of", eyes_of)
    app = open_photo(encoded())
    moved = {"x": 0.45, "y": 0.55, "side": 0.5, "turn": 10, "count": 1}
    app = app.text_input(key="photo-framer-field").set_value(json.dumps(moved)).run().run()
    before = app.session_state.photo

    def places(eyes):
        now = app.session_state.photo
        return photo_alignment.eyes_of_frame(now.image.size, now.frame, eyes)

    put = places(photo_alignment.EYES)
    app = field(app, "set-model").set_value("beta").run()
    assert app.session_state.photo.frame != before.frame
    assert np.allclose(places(elsewhere), put, atol=1e-9)
    app = field(app, "set-model").set_value("alpha").run()
    assert np.allclose(places(photo_alignment.EYES), put, atol=1e-9)
    assert sentences(app) == []


def test_a_model_of_digits_asks_for_no_eyes(open_photo, two_models, monkeypatch):
    monkeypatch.setattr(photo_alignment, "can_find_eyes", lambda: True)
    path = two_models / "alpha" / "model.json"
    card = json.loads(path.read_text("utf-8"))
    card["training_set"]["source"] = "mnist"
    path.write_text(json.dumps(card), "utf-8")
    app = open_photo(encoded())
    assert sentences(app) == []
    assert app.session_state["photo-framer-data"]["handles"] == ["Left ring", "Right ring"]
    assert any("two rings to turn" in caption.value for caption in app.caption)
    words = [button.label for button in app.button] + [field.label for field in app.number_input]
    assert not [word for word in words if "eye" in word.lower()]
    app = app.slider(key="photo-turn").set_value(-5.0).run()
    assert app.session_state.photo.frame.turn == -5.0


@pytest.mark.slow
def test_another_frame_ends_the_search_and_keeps_its_result(open_photo):
    app = until_done(open_photo(encoded()))
    z = app.session_state.search.now.z
    app = app.slider(key="photo-side").set_value(60.0).run()
    assert np.array_equal(app.session_state.search.now.z, z)
    assert any("has changed since" in caption.value for caption in app.caption)


def test_what_is_no_photo_is_one_sentence_and_loses_nothing(open_photo):
    app = open_photo(encoded())
    before = app.session_state.photo
    app = give(app, b"no picture at all")
    assert sentences(app) == [
        "This file is not a picture that can be read; choose a PNG, JPEG or WebP file."
    ]
    assert app.session_state.photo is before


@pytest.mark.slow
def test_the_error_stands_beside_those_of_other_pictures(open_photo, two_models):
    model = gan_core.load(two_models / "alpha")
    inversion.save_metrics(model.directory, inversion.measure(model, n=2, steps=3, starts=2))
    app = until_done(open_photo(encoded()))
    assert sentences(app) == []
    assert any("own samples" in caption.value for caption in app.caption)
    assert app.get("plotly_chart")


def other_than(page, before):
    """The address of the target for the generator, once it has changed."""
    image = page.get_by_alt_text("The target for the generator")
    image.wait_for()
    until(page, lambda: image.get_attribute("src") != before)
    return image.get_attribute("src")


def test_in_a_browser(visit, tmp_path):
    (tmp_path / "me.jpg").write_bytes(encoded(size=(300, 400)))
    page = visit("photo?model=other")
    page.locator("input[type=file]").first.wait_for(state="attached")
    page.locator("input[type=file]").last.set_input_files(tmp_path / "me.jpg")
    framer = page.locator(".framer")
    framer.locator(".photo img").wait_for()
    before = framer.get_attribute("data-frame")
    latest = other_than(page, None)
    eye = framer.get_by_role("button", name="Left eye")
    box = eye.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 20, y + 10, steps=4)
    page.mouse.up()
    after = framer.get_attribute("data-frame")
    assert after != before
    after = eye.bounding_box()
    assert after["x"] - box["x"] == pytest.approx(-20, abs=2)
    assert after["y"] - box["y"] == pytest.approx(10, abs=2)
    # A ring drawn past the other one takes its place, and the frame stays upright.
    other = framer.get_by_role("button", name="Right eye").bounding_box()
    x, y = (after[k] + after[s] / 2 for k, s in (("x", "width"), ("y", "height")))
    latest = other_than(page, latest)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(other["x"] + 100, y, steps=8)
    page.mouse.up()
    turn = float(framer.get_attribute("data-frame").split()[-1])
    assert abs(turn) < 45
    right = framer.get_by_role("button", name="Right eye").bounding_box()
    assert right["x"] + right["width"] / 2 == pytest.approx(other["x"] + 100, abs=3)
    other_than(page, latest)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile(r"Step \d+ of")).wait_for()
    # By now the search may be done, and the button with it: then this click does nothing.
    page.get_by_role("button", name="Stop").dispatch_event("click")
    page.get_by_text(re.compile("· (stopped|done)")).wait_for()
    page.get_by_role("button", name="Add to tray").click()
    on_tray(page, 1)
    assert "tray" not in page.url


def test_a_model_without_gradients_is_one_sentence(two_models, open_app, monkeypatch):
    model = gan_core.load(two_models / "alpha")
    assert inversion.has_gradients(model)
    graph = onnx_generator.Generator(size=16, channels=3, nz=8)
    assert not inversion.has_gradients(replace(model, generator=graph))
    monkeypatch.setattr(inversion, "has_gradients", lambda model: False)
    app = open_app("photo", model="alpha")
    (sentence,) = sentences(app)
    assert "alpha is an ONNX graph" in sentence
    assert not [u for u in app.get("file_uploader") if "photo" in u.label]


def test_a_search_that_cannot_go_on_says_why(open_photo, monkeypatch):
    def refuse(*args, **kwargs):
        raise InputError("No gradient can be taken.")
        yield

    app = open_photo(encoded())
    monkeypatch.setattr(inversion, "invert", refuse)
    assert [w.value for w in until_done(app).warning] == ["No gradient can be taken."]


@pytest.mark.slow
def test_what_comes_before_the_search_is_seen_and_can_be_stopped(open_photo, monkeypatch):
    monkeypatch.setattr(photo_search, "CHUNK", 0)
    monkeypatch.setattr(inversion, "POOL", 640)
    monkeypatch.setattr(inversion, "_pools", {})
    app = button(open_photo(encoded()), "Start").click().run()
    search = app.session_state.search
    assert (search.running, search.now) == (True, None)
    assert [bar.proto.text for bar in app.get("progress")] == ["Looking for starting points …"]
    first = app.get("progress")[0].proto.value
    assert app.run().get("progress")[0].proto.value > first
    app = button(app, "Stop").click().run()
    assert not app.session_state.search.running
    assert sentences(app) == []
    # An unfinished drawing starts over.
    monkeypatch.setattr(photo_search, "CHUNK", 600)
    app = button(app, "Start again").click().run()
    assert app.session_state.search.now.step == SMALL["steps"]


def test_eyes_that_change_places_do_not_turn_the_face_upside_down(open_photo):
    app = open_photo(encoded())
    given = {"left-across": 65, "left-down": 45, "right-across": 35, "right-down": 40}
    for key, value in given.items():
        eye(app, key).set_value(float(value))
    app = button(app, "Place the eyes").click().run()
    frame = app.session_state.photo.frame
    placed = photo_alignment.eyes_of_frame((120, 160), frame)
    assert np.allclose(placed, [(0.35, 0.40), (0.65, 0.45)], atol=2e-3)
    assert abs(frame.turn) < 20


def test_eyes_that_make_no_frame_stay_in_the_fields_beside_the_reason(open_photo):
    app = open_photo(encoded())
    before = app.session_state.photo.frame
    for key in ("left-across", "right-across", "left-down", "right-down"):
        eye(app, key).set_value(50.0)
    app = button(app, "Place the eyes").click().run()
    assert app.session_state.photo.frame == before
    assert "too close together" in sentences(app)[0]
    assert eye(app, "left-down").value == 50.0
    eye(app, "left-across").set_value(30.0)
    app = button(app, "Place the eyes").click().run()
    assert sentences(app) == []
    placed = photo_alignment.eyes_of_frame((120, 160), app.session_state.photo.frame)
    assert np.allclose(placed, [(0.3, 0.5), (0.5, 0.5)], atol=2e-3)


def test_an_emptied_field_of_an_eye_stands_for_where_it_is(open_photo):
    app = open_photo(encoded())
    before = app.session_state.photo.frame
    shown = eye(app, "left-across").value
    eye(app, "left-across").set_value(None)
    app = button(app, "Place the eyes").click().run()
    after = app.session_state.photo.frame
    assert np.allclose([after.x, after.y, after.side], [before.x, before.y, before.side], atol=2e-3)
    assert eye(app, "left-across").value == shown


def test_what_was_typed_for_the_eyes_stays_until_the_frame_moves(open_photo):
    app = open_photo(encoded())
    first = eye(app, "left-down").proto
    app = app.run()  # as at the end of a search
    again = eye(app, "left-down").proto
    # A browser shows what was typed as long as nothing is sent to stand in its place.
    assert (again.id, again.set_value, again.default) == (first.id, False, first.default)
    app = app.slider(key="photo-turn").set_value(-5.0).run()
    assert eye(app, "left-down").proto.id != first.id
    placed = photo_alignment.eyes_of_frame((120, 160), app.session_state.photo.frame)
    values = [eye(app, f"left-{axis}").value for axis in ("across", "down")]
    assert values == [round(100 * value, 1) for value in placed[0]]


def test_the_fields_of_the_eyes_stay_the_same_when_their_values_are_taken(open_photo):
    app = open_photo(encoded())
    for key, value in {"left-across": 35, "left-down": 45, "right-across": 65}.items():
        eye(app, key).set_value(float(value))
    before = eye(app, "right-down").set_value(45.0).proto.id
    app = button(app, "Place the eyes").click().run()
    assert eye(app, "right-down").proto.id == before  # and so the focus stays in it
    assert eye(app, "right-down").value == 45.0


def test_the_command_names_the_place_of_the_checkpoint(open_photo, two_models):
    app = open_photo(encoded())
    words = [caption.value for caption in app.caption if "encoder" in caption.value]
    assert str(two_models / "alpha") in words[0]


def test_start_is_one_button_under_both_its_labels(open_photo):
    app = open_photo(encoded())
    before = app.button(key="photo-start")
    assert before.label == "Start"
    after = before.click().run().button(key="photo-start")
    assert (after.label, after.proto.id) == ("Start again", before.proto.id)
