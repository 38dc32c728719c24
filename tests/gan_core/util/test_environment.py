"""Environment variables and the folder for caches."""

import warnings
from pathlib import Path

import platformdirs
import pytest

from gan_core.util import cache_dir, environment


def test_a_variable_is_read_without_a_warning(monkeypatch):
    monkeypatch.setenv("LATENT_EXPLORER_DATA", "new")
    monkeypatch.setenv("GAN_EXPLORER_DATA", "old")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert environment.get("LATENT_EXPLORER_DATA") == "new"


def test_the_former_name_is_read_with_a_warning(monkeypatch):
    monkeypatch.delenv("LATENT_EXPLORER_DATA", raising=False)
    monkeypatch.setenv("GAN_EXPLORER_DATA", "old")
    with pytest.warns(FutureWarning, match="is now called LATENT_EXPLORER_DATA"):
        assert environment.get("LATENT_EXPLORER_DATA") == "old"


def test_an_unset_variable_and_an_empty_one_differ(monkeypatch):
    for name in ("LATENT_EXPLORER_DATA", "GAN_EXPLORER_DATA"):
        monkeypatch.delenv(name, raising=False)
    assert environment.get("LATENT_EXPLORER_DATA") is None
    monkeypatch.setenv("LATENT_EXPLORER_DATA", "")
    monkeypatch.setenv("GAN_EXPLORER_DATA", "old")
    assert environment.get("LATENT_EXPLORER_DATA") == ""


def test_the_cache_is_where_the_variable_says_else_the_user_s(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path))
    assert cache_dir.cache_directory() == tmp_path
    monkeypatch.delenv("LATENT_EXPLORER_CACHE")
    usual = platformdirs.user_cache_dir("latent-explorer", appauthor=False)
    assert cache_dir.cache_directory() == Path(usual)
