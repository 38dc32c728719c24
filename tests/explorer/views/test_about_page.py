"""The page About: licences, versions, and the cache with its button."""

import pytest

import gan_core
from explorer.services import server, trust
from explorer.state import url_state
from explorer.views import about
from gan_core.data import avatar_renderer
from gan_core.util import cache_contents, cache_dir


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption])


@pytest.fixture
def full_cache():
    """A cache that holds 2,000 bytes."""
    folder = cache_dir.cache_directory() / "features"
    folder.mkdir(parents=True)
    (folder / "some.npz").write_bytes(bytes(2000))
    return folder / "some.npz"


def opened(open_app):
    app = open_app("about")
    assert not app.exception
    assert not app.error
    return app


def test_it_shows_versions_and_licences(two_models, open_app):
    app = opened(open_app)
    assert f"Latent explorer {gan_core.__version__}" in texts(app)
    assert about.LEAVES in texts(app)
    bundled = " ".join(app.table[0].value.iloc[:, 0])
    assert f"{server.RUNTIME} · MIT" in bundled
    assert "Apache-2.0" in bundled
    assert avatar_renderer.LICENCE in bundled
    assert list(app.table[1].value.index) == ["alpha", "beta"]
    packages = app.dataframe[0].value
    assert {"torch", "streamlit", "onnxruntime"} <= set(packages["Package"])
    assert "not installed" not in set(packages[packages["Package"] == "torch"]["Version"])


def test_every_package_has_a_licence():
    rows = about.packages()
    assert len(rows) > 10
    assert [row for row in rows if row["Licence"] in ("", "UNKNOWN", "see the package")] == []


def test_shipped_models_show_their_licences(monkeypatch):
    monkeypatch.delenv("LATENT_EXPLORER_CHECKPOINTS", raising=False)
    rows = about.models()
    assert "Weights: Apache-2.0" in rows["avatars"]
    assert "Pablo Stanley" in rows["avatars"]
    assert "Weights: non-commercial research only" in rows["faces"]
    assert "Training images: CelebA" in rows["faces"]


def test_a_damaged_model_is_listed_and_breaks_nothing(two_models, open_app):
    (two_models / "alpha" / "model.json").write_text("{")
    models = opened(open_app).table[1].value
    assert about.NOT_NAMED in models.loc["alpha"].iloc[0]


def test_only_so_many_models_are_listed(two_models, open_app, monkeypatch):
    monkeypatch.setattr(about, "MOST_MODELS", 1)
    app = opened(open_app)
    assert list(app.table[1].value.index) == ["alpha"]
    assert "And 1 more" in texts(app)


def test_the_button_empties_the_cache(two_models, full_cache, open_app):
    app = opened(open_app)
    assert str(cache_dir.cache_directory()) in texts(app)
    assert "2 kB" in texts(app)
    app = app.button(key="empty-cache").click().run()
    assert not full_cache.exists()
    assert "2 kB removed from the cache." in [toast.value for toast in app.toast]
    assert app.button(key="empty-cache").disabled


def test_strangers_may_not_empty_it_and_see_no_path(two_models, full_cache, open_app, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "0")
    app = opened(open_app)
    assert str(cache_dir.cache_directory()) not in texts(app)
    assert app.button(key="empty-cache").disabled
    assert trust.reason() in texts(app)


def test_a_forged_click_of_a_stranger_does_nothing(two_models, full_cache, open_app, monkeypatch):
    app = opened(open_app)
    monkeypatch.setenv(trust.VARIABLE, "0")
    app.button(key="empty-cache").click().run()
    assert full_cache.exists()


def test_it_is_in_the_links():
    assert "about" in url_state.PAGES


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (2000, "2 kB"), (71_234_567, "71.2 MB"), (3e9, "3 GB")],
)
def test_sizes_in_words(count, words):
    assert about.size(count) == words


def test_every_kind_is_named(two_models, open_app):
    root = cache_dir.cache_directory()
    for (pattern, *_), size in zip(cache_contents.KINDS.values(), range(1, 99), strict=False):
        path = root / pattern.replace("[0-9a-f]", "a").replace("*", "one")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    table = opened(open_app).table[2].value
    assert len(table) == len(cache_contents.KINDS)
