"""Files beside a model's weights that appear or vanish while a page is open, as by a command."""

import pytest

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


@pytest.mark.parametrize("page", PAGES)
def test_a_page_follows_its_files(whole_place, open_app, page, monkeypatch, tmp_path):
    place = whole_place / "models" / "alpha"
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
