"""Paths are whole for the owner of the computer, and names for everybody else."""

import pytest

from explorer.services import run_list, shown_paths, stranger_text, trust

TEXTS = {
    "/data/mine/x.zip is damaged.": "x.zip is damaged.",
    "train --images /data/mine/x.zip --size 64": "train --images x.zip --size 64",
    "--runs=/srv/runs": "--runs=runs",
    "(/etc/passwd)": "(passwd)",
    'File "/usr/lib/python3/x.py", line 3': 'File "x.py", line 3',
    "C:\\Users\\me\\x.png cannot be read": "x.png cannot be read",
    "~/pictures/x.png": "x.png",
    "/srv/class of 26/runs/a/upload.zip": "runs/a/upload.zip",
}
NO_PATHS = ("1/2 and/or ½ of 3/4", "http://example.org/a/b", "/", "a / b", "checkpoints/avatars")


@pytest.fixture(autouse=True)
def runs(monkeypatch):
    monkeypatch.setenv(run_list.VARIABLE, "/srv/class of 26/runs")


@pytest.mark.parametrize("text", TEXTS)
def test_a_visitor_from_elsewhere_sees_names_even_when_trusted(text, monkeypatch):
    monkeypatch.setenv(trust.PRIVATE, "0")
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert shown_paths.shown(text) == TEXTS[text]
    assert "srv" not in stranger_text.sentence(text)


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_is_no_path_stays(text, monkeypatch):
    monkeypatch.setenv(trust.PRIVATE, "0")
    assert shown_paths.shown(text) == text


@pytest.mark.parametrize("text", TEXTS)
def test_the_owner_sees_paths(text, monkeypatch):
    monkeypatch.setenv(trust.PRIVATE, "1")
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert shown_paths.shown(text) == text


def test_a_visitor_who_has_not_entered_the_password_sees_names(monkeypatch):
    monkeypatch.setenv(trust.PRIVATE, "1")
    monkeypatch.setenv(trust.VARIABLE, "0")
    assert shown_paths.shown("/data/mine/x.zip") == "x.zip"
