"""The trash: what is deleted is there for a while, comes back as it was, and then is gone."""

import os
import time

import numpy as np
import pytest

import gan_core
from explorer.services import direction_store, trash
from gan_core.latent_space.directions import Direction
from gan_core.util.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """A folder with one thing in it."""
    place = tmp_path / "place"
    (place / "mine").mkdir(parents=True)
    (place / "mine" / "file").write_text("contents", "utf-8")
    return place


def test_what_is_deleted_comes_back_as_it_was(folder):
    trash.put(folder / "mine", "model")
    assert not (folder / "mine").exists()
    (one,) = trash.listed(folder, "model")
    assert (one.name, one.kind, one.home) == ("mine", "model", folder)
    assert abs(one.at - time.time()) < 3600
    assert trash.listed(folder, "run") == []
    trash.put_back(one)
    assert (folder / "mine" / "file").read_text("utf-8") == "contents"
    assert trash.listed(folder, "model") == []


def test_two_of_one_name_are_both_there_and_the_latest_is_first(folder):
    trash.put(folder / "mine", "model")
    (folder / "mine").mkdir()
    trash.put(folder / "mine", "model")
    latest, first = trash.listed(folder, "model")
    assert latest.at >= first.at
    trash.put_back(first)
    with pytest.raises(InputError, match="There is a new model called mine"):
        trash.put_back(latest)
    assert latest.place.exists()


def test_after_a_week_it_is_gone(folder):
    one = trash.put(folder / "mine", "model")
    trash.clean(folder)
    assert one.place.exists()
    old = int((time.time() - (trash.DAYS + 1) * 24 * 3600) * 1000)
    one.place.parent.rename(folder / trash.FOLDER / f"{old}-model")
    trash.clean(folder)
    assert list((folder / trash.FOLDER).iterdir()) == []


def test_links_are_removed_and_not_what_they_lead_to(folder, tmp_path):
    valuable = tmp_path / "valuable"
    valuable.mkdir()
    (valuable / "file").write_text("x", "utf-8")
    (folder / "link").symlink_to(valuable)
    trash.remove(trash.put(folder / "link", "model"))
    assert (valuable / "file").exists()


def test_other_things_in_the_trash_are_left_alone(folder):
    inside = folder / trash.FOLDER
    for name in ("notes", "1-model", "99999999999999999999-model", "1732696000123-other"):
        (inside / name / "x").mkdir(parents=True)
    (inside / "1732696000123-model").write_text("a file", "utf-8")
    trash.clean(folder, days=0)
    assert trash.listed(folder, "model") == []
    assert len(list(inside.iterdir())) == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(folder):
    folder.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written to"):
        trash.put(folder / "mine", "model")
    folder.chmod(0o700)
    assert (folder / "mine" / "file").exists()


@pytest.fixture
def alpha(two_models):
    """A model with one direction of its own, "mine"."""
    model = gan_core.load(two_models / "alpha")
    direction_store.add(model, Direction("mine", np.eye(8, dtype=np.float32)[0], "own", {}))
    return model


def test_a_direction_that_cannot_be_removed_is_not_in_the_trash(alpha, monkeypatch):
    def refused(model, verb):
        raise InputError("Another program is changing the directions.")

    monkeypatch.setattr(direction_store, "change", refused)
    with pytest.raises(InputError, match="Another program"):
        direction_store.throw_away(alpha, "mine")
    assert direction_store.thrown_away(alpha) == []


def test_a_second_click_removes_a_direction_only_once(alpha):
    direction_store.throw_away(alpha, "mine")
    direction_store.throw_away(alpha, "mine")
    (one,) = direction_store.thrown_away(alpha)
    assert [d.name for d in direction_store.in_trash(alpha, one)] == ["mine"]
