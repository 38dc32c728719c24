"""Deleting models and hiding those that come with the app, on the page Model card."""

import os
import shutil
import subprocess

import pytest

from explorer.services import folders as where
from explorer.services import model_registry, model_removal, run_list, trust
from fields import field, state
from gan_core.util.errors import InputError
from support import AVATARS, ROOT


@pytest.fixture(autouse=True)
def runs(tmp_path_factory, monkeypatch):
    """No runs of the repository."""
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path_factory.mktemp("runs")))


def labels(app):
    return [button.label for button in app.button]


def press(app, label):
    (one,) = (button for button in app.button if button.label == label)
    return one.click().run()


def sentences(app):
    assert not app.exception
    return [element.value for element in [*app.error, *app.warning]]


def menu(app):
    return list(field(app, "set-model").options)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_model_is_deleted_and_comes_back(two_models, open_app):
    before = contents(two_models / "beta")
    app = press(open_app("card", model="beta"), "Delete beta")
    assert sentences(app) == []
    assert any("beta was deleted" in toast.value for toast in app.toast)
    assert menu(app) == ["alpha"]
    assert state(app, "view").model == "alpha"
    assert not (two_models / "beta").exists()
    app = press(app, "Put back")
    assert menu(app) == ["alpha", "beta"]
    assert contents(two_models / "beta") == before
    assert "Put back" not in labels(app)


def test_a_model_that_is_being_trained_stays(two_models, open_app, monkeypatch):
    class Run:
        running, checkpoint = True, str((two_models / "beta").resolve())

    monkeypatch.setattr(run_list, "entries", lambda: {"beta": Run()})
    app = open_app("card", model="beta")
    assert "Delete beta" not in labels(app)
    assert any("stop it first" in caption.value for caption in app.caption)
    with pytest.raises(InputError, match="stop it first"):
        model_removal.delete(model_registry.entries()["beta"])
    assert (two_models / "beta").exists()


def test_a_model_that_the_app_was_started_with_stays(two_models, folders):
    folders(two_models / "beta")
    with pytest.raises(InputError, match="started with beta itself"):
        model_removal.delete(model_registry.entries()["beta"])
    assert (two_models / "beta").exists()


@pytest.mark.slow
def test_only_trusted_visitors_delete_and_hide(two_models, open_app, monkeypatch):
    app = open_app("card", model="beta")
    monkeypatch.setattr(trust, "allowed", lambda *given, **more: False)
    app = press(app, "Delete beta")
    assert (two_models / "beta").exists()
    assert any(trust.reason() in sentence for sentence in sentences(app))
    for act in (model_removal.delete, model_removal.hide):
        with pytest.raises(InputError):
            act(model_registry.entries()["beta"])


@pytest.fixture
def shipped(two_models, monkeypatch):
    """Beta as a model that comes with the app."""
    monkeypatch.setattr(where, "SHIPPED", two_models / "beta")
    return two_models


@pytest.mark.slow
def test_a_shipped_model_is_hidden_and_shown_again_and_never_deleted(shipped, open_app):
    app = open_app("card", model="beta")
    assert "Delete beta" not in labels(app)
    with pytest.raises(InputError, match="comes with the app"):
        model_removal.delete(model_registry.entries()["beta"])
    app = press(app, "Hide from menus")
    assert sentences(app) == []
    assert menu(app) == ["alpha", "beta"]  # the one that is shown stays until another is chosen
    app = field(app, "set-model").set_value("alpha").run()
    assert menu(app) == ["alpha"]
    assert menu(open_app("browse")) == ["alpha"]
    linked = open_app("browse", model="beta")  # an old link
    assert sentences(linked) == []
    assert state(linked, "view").model == "beta"
    app = press(app, "Show beta")
    assert menu(app) == ["alpha", "beta"]
    assert (shipped / "beta" / "model.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["{", "[]", '{"names": 1}', '{"names": [1, ["a"]]}'])
def test_a_damaged_list_of_hidden_models_hides_nothing(two_models, open_app, damage):
    (two_models / model_removal.HIDDEN).write_text(damage, "utf-8")
    assert menu(open_app("browse")) == ["alpha", "beta"]


def test_with_all_hidden_the_menu_has_all(two_models, open_app):
    for name in ("alpha", "beta"):
        model_removal.hide(name)
    assert menu(open_app("browse")) == ["alpha", "beta"]


def test_every_model_in_the_repository_counts_as_shipped():
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs a checkout and git")
    listed = ["git", "ls-files", "checkpoints/*/model.json"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {path.split("/")[1] for path in done.stdout.split() if path.count("/") == 2}
    assert names == set(where.SHIPPED_MODELS)
    assert all(model_removal.is_shipped(ROOT / "checkpoints" / name) for name in names)
    assert not model_removal.is_shipped(ROOT / "checkpoints" / "mine")


def test_a_link_to_a_shipped_model_is_one(tmp_path):
    os.symlink(AVATARS, tmp_path / "avatars")
    assert model_removal.is_shipped(tmp_path / "avatars") == (
        AVATARS.parent == ROOT / "checkpoints"
    )
