"""Files beside a model's weights that appear or vanish while a page is open, as by a command."""

import shutil

import pytest

import everything
from explorer.services import model_registry, run_list
from fields import sentences
from gan_core import feature_extractors
from support import needs_avatars
from toys import quick_features

PAGES = {
    "browse": {"by": "glasses", "sort": "best", "having": "smiling", "rank": "16", "n": "16"},
    "latents": {"coords": "1:0.5"},
    "interpolate": {"mode": "both"},
    "directions": {"along": "glasses (normal):1,component 1:1,older:1", "locked": "smiling"},
    "arithmetic": {"a": "1", "b": "2", "c": "3", "apart": "1", "wishes": "smiling"},
    "neighbours": {"space": "discriminator"},
    "memorisation": {},
    "photo": {},
    "card": {},
}
FILES = (
    *("attributes.safetensors", "seeds.safetensors", "realism.safetensors"),
    *("directions.safetensors", "discriminator.safetensors", "training_set"),
    *("memorisation.json", "memorisation-held-out.json", "README.md"),
)

pytestmark = [needs_avatars, pytest.mark.slow]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return everything.make_place(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def place(whole, tmp_path, monkeypatch):
    shutil.copytree(whole, tmp_path / "whole")
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "whole" / "cache"))
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path / "whole" / "models"))
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path / "whole" / "runs"))
    return tmp_path / "whole" / "models" / "alpha"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_follows_its_files(place, open_app, page, monkeypatch, tmp_path):
    monkeypatch.setattr(feature_extractors, "effnet", quick_features)
    app = open_app(page, model="alpha", **PAGES[page]).run()
    said = sentences(app)
    start = app.session_state.view.start
    for file in FILES:
        (place / file).rename(tmp_path / "away")
        app = app.run()
        assert [s for s in sentences(app) if "could not be drawn" in s] == [], file
        (tmp_path / "away").rename(place / file)
        app = app.run()
        assert sentences(app) == said, file
    if "coords" in PAGES[page]:  # which belong to this seed
        assert app.session_state.view.start == start
