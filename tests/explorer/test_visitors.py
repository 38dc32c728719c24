"""What visitors see and can do who are not trusted: the controls, and messages that press them."""

import io
import zipfile

import pytest
import torch
from PIL import Image

import gan_core
from explorer import config
from explorer.components import browser_rendering
from explorer.services import (
    attribute_labels,
    background,
    direction_store,
    run_launcher,
    run_list,
    trust,
    uploads,
)
from explorer.services import training_data as td
from explorer.widgets import photo_choice, photo_search
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from test_importers import Tutorial, trained

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def stranger(monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "0")
    monkeypatch.setenv(trust.TRAINING, "0")
    monkeypatch.setattr(background, "_jobs", {})
    yield
    trust.set_password(None)


@pytest.fixture
def alpha(two_models):
    """A model with one direction that somebody has saved."""
    model = gan_core.load(two_models / "alpha")
    vector = directions.unit(model.prior.sample(1)[0])
    result = [Direction(kind, vector, kind, {"attribute": "x"}) for kind in ("component",)]
    directions.save(model, [*result, Direction("mine", vector, "own", {})])
    return model


@pytest.fixture
def weights(tmp_path):
    torch.save(trained(Tutorial()).state_dict(), tmp_path / "netG.pth")
    return (tmp_path / "netG.pth").read_bytes()


def small_print(app):
    assert not app.exception
    assert not app.error
    return " ".join(e.value for e in [*app.caption, *app.info, *app.warning]).replace("\\", "")


def button(app, label):
    return next(b for b in app.button if b.label == label)


def forge(widget):
    """A widget that sends, although the page shows it as not available."""
    assert widget.proto.disabled
    widget.proto.disabled = False
    return widget


def names(model):
    return [d.name for d in directions.load(model)]


def test_nothing_is_imported(two_models, open_app, weights):
    before = sorted(two_models.rglob("*"))
    app = open_app("import")
    assert "--trust-visitors" in small_print(app)
    fields = app.main.get("file_uploader")
    assert [field.proto.disabled for field in fields] == [True, True]
    forge(fields[0]).set_value(("netG.pth", weights, "application/octet-stream"))
    app.run()
    assert not [b for b in app.main.button if b.label == "Import"]
    assert sorted(two_models.rglob("*")) == before


@pytest.mark.slow
def test_a_page_that_was_open_before_imports_nothing(two_models, open_app, weights, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    app = open_app("import")
    app.main.get("file_uploader")[0].set_value(("netG.pth", weights, "application/octet-stream"))
    app.run()
    before = sorted(two_models.iterdir())
    monkeypatch.setenv(trust.VARIABLE, "0")
    button(app, "Import").click().run()
    assert sorted(two_models.iterdir()) == before


def test_no_direction_is_saved_renamed_or_removed(alpha, open_app):
    before = names(alpha)
    app = open_app("directions", model="alpha", look="saved", along="mine:1")
    assert small_print(app).count("--trust-visitors") >= 2
    app.text_input(key="save-name").set_value("new").run()
    for key in ("save-direction", "remove-mine"):
        forge(app.button(key=key)).click().run()
        assert "--trust-visitors" in small_print(app)
        assert names(alpha) == before
    forge(app.text_input(key="rename-mine")).set_value("yours").run()
    assert names(alpha) == before
    with pytest.raises(trust.Refused):
        direction_store.change(alpha, lambda saved: [])
    assert names(alpha) == before


def test_arithmetic_saves_no_direction(two_models, open_app):
    app = open_app("arithmetic", model="alpha", a="0", b="1", c="2")
    app.text_input(key="direction-name").set_value("smile").run()
    forge(app.button(key="direction-save")).click().run()
    assert "--trust-visitors" in small_print(app)
    assert not (two_models / "alpha" / directions.FILE).exists()


@pytest.mark.slow
def test_no_samples_are_labelled_by_the_thousand(with_classifier, open_app, monkeypatch):
    def refuse(*_):
        pytest.fail("samples were labelled")

    monkeypatch.setattr(attribute_labels.label_cache, "block", refuse)
    app = open_app("arithmetic", model="alpha")
    presets = [b for b in app.button if b.key and b.key.startswith("preset-page")]
    assert all(b.disabled for b in presets)
    app.multiselect(key="fill-with").set_value(["Smiling"]).run()
    assert "--trust-visitors" in small_print(app)


@pytest.mark.slow
def test_labels_that_are_there_are_for_everyone(with_classifier, open_app, two_models, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    app = open_app("arithmetic", model="alpha")
    app.multiselect(key="fill-with").set_value(["Smiling"]).run()
    monkeypatch.setenv(trust.VARIABLE, "0")
    app = open_app("arithmetic", model="alpha")
    app.multiselect(key="fill-with").set_value(["Smiling"]).run()
    assert "--trust-visitors" not in small_print(app)


def test_directions_are_not_discovered(with_classifier, open_app):
    app = open_app("directions", model="alpha")
    assert "--trust-visitors" in small_print(app)
    assert background._jobs == {}


@pytest.fixture
def known(two_models, make_checkpoint, make_set, tmp_path, monkeypatch):
    """alpha with its training images at hand."""
    card = {"fingerprint": td.training_set.read_card(make_set("sets/one", n=60))["fingerprint"]}
    monkeypatch.setenv(td.VARIABLE, str(tmp_path / "sets"))
    data = td.training_set.load(tmp_path / "sets" / "one")
    monkeypatch.setattr(td, "training_images", lambda model: data)
    return card


def test_nothing_is_measured(known, open_app, monkeypatch):
    app = open_app("memorisation", model="alpha")
    assert "--trust-visitors" in small_print(app)
    buttons = [b for b in app.button if b.key and b.key.startswith("measure-")]
    assert buttons
    for each in buttons:
        forge(app.button(key=each.key)).click().run()
        assert "--trust-visitors" in small_print(app)
    assert background._jobs == {}


@pytest.mark.slow
def test_neighbours_are_searched_in_pixels_only(known, open_app, monkeypatch):
    monkeypatch.setattr(background, "PATIENCE", 60)
    app = open_app("neighbours", model="alpha", space="effnet")
    message = small_print(app)
    assert message.count("--trust-visitors") >= 2
    assert [key[:2] for key in background._jobs] == [("space", "pixels")]
    app = open_app("neighbours", model="alpha", ask="training")  # 10,000 samples
    assert "--trust-visitors" in small_print(app)
    assert [key[0] for key in background._jobs] == ["space"]


@pytest.mark.slow
def test_no_model_is_prepared_for_a_browser(two_models, open_app, monkeypatch):
    monkeypatch.setattr(browser_rendering.server, "available", lambda: True)
    monkeypatch.setattr(browser_rendering, "prepare", lambda model: pytest.fail("it was prepared"))
    app = open_app("latents", model="alpha", browser="1")
    assert "--trust-visitors" in small_print(app)
    for wanted in (False, True):
        toggle = next(t for t in app.toggle if t.label == "Run this model in my browser")
        forge(toggle).set_value(wanted).run()
    assert background._jobs == {}


def test_no_photo_is_searched_for(two_models, open_app, monkeypatch):
    app = open_app("photo", model="alpha")
    assert "--trust-visitors" in small_print(app)
    assert app.main.get("file_uploader")[0].proto.disabled
    encoded = io.BytesIO()
    Image.new("RGB", (80, 80), "red").save(encoded, "PNG")
    app.session_state["photo"] = photo_choice.read(
        encoded.getvalue(), gan_core.load(two_models / "alpha")
    )
    monkeypatch.setattr(photo_search.inversion, "invert", lambda *_, **__: pytest.fail("searched"))
    app.run()
    forge(app.button(key="photo-start")).click().run()
    assert "--trust-visitors" in small_print(app)


@pytest.fixture
def runs(tmp_path, monkeypatch, two_models):
    (tmp_path / "runs").mkdir()
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setattr(
        run_launcher.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started")
    )
    return tmp_path / "runs"


def test_no_training_is_started(runs, open_app, tmp_path):
    app = open_app("train")
    assert "`--trust-visitors` and `--training`" in small_print(app)
    forge(app.text_input(key="new-name")).set_value("mine").run()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "x")
    forge(app.main.get("file_uploader")[0]).set_value(
        ("x.zip", archive.getvalue(), "application/zip")
    )
    forge(button(app, "Start")).click().run()
    assert "`--trust-visitors` and `--training`" in small_print(app)
    with pytest.raises(trust.Refused):
        uploads.save_upload("mine", archive)
    assert list(runs.iterdir()) == []


# The password.


def test_the_sidebar_asks_for_a_password_and_opens_the_page(two_models, open_app):
    trust.set_password(PASSWORD)
    app = open_app("import")
    assert "password in the sidebar" in small_print(app)
    app.sidebar.text_input(key="visitor-password").set_value("wrong")
    button(app, "Unlock").click().run()
    assert [e.value for e in app.sidebar.error] == ["This is not the password."]
    assert app.main.get("file_uploader")[0].proto.disabled
    app.sidebar.text_input(key="visitor-password").set_value(PASSWORD)
    button(app, "Unlock").click().run()
    assert not app.sidebar.error
    assert not app.main.get("file_uploader")[0].proto.disabled
    button(app, "Lock").click().run()
    assert app.main.get("file_uploader")[0].proto.disabled


def test_without_a_password_the_sidebar_asks_for_none(two_models, open_app):
    app = open_app("import")
    assert not [b for b in app.button if b.label in ("Unlock", "Lock")]


@pytest.mark.slow
def test_too_many_wrong_passwords_are_reported(two_models, open_app):
    trust.set_password(PASSWORD)
    app = open_app("browse", model="alpha")
    for _ in range(config.PASSWORD_ATTEMPTS + 1):
        app.sidebar.text_input(key="visitor-password").set_value("wrong")
        button(app, "Unlock").click().run()
    (sentence,) = [e.value for e in app.sidebar.error]
    assert "try again in 5 minutes" in sentence
