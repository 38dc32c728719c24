"""The page Start, and what all pages say about themselves, without a browser."""

import pytest

from explorer.state import url_state
from explorer.views import start
from explorer.widgets import page_intro
from fields import sentences, state


def words(app):
    return " ".join(element.value for element in app.main.markdown)


@pytest.mark.slow
def test_it_says_what_this_is_and_where_to_go(two_models, open_app):
    app = open_app("start")
    assert sentences(app) == []
    for term in ("GAN", "latent", "generator", "Realism"):
        assert f"**{term}**" in words(app)
    labels = [link.proto.label for link in app.get("page_link")]
    assert labels == [f"**{title}**" for title, *_ in start.CARDS.values()]
    assert len(labels) == 6
    assert state(app, "page") == "start"
    assert dict(app.query_params) == {}


def test_pictures_of_the_places_are_those_of_the_model(two_models, open_app):
    pictures = [each.proto.body for each in open_app("start").main.get("html")]
    filled = [body for body in pictures if 'class="place-picture' in body]
    assert len(filled) == 6
    assert sum("data:image/jpeg" in body for body in filled) == 5
    assert sum('class="samples"' in body for body in filled) == 1


def test_an_old_link_without_a_path_opens_browse(two_models, open_app):
    app = open_app("start", model="beta", seed="40", n="16")
    assert (state(app, "page"), state(app, "view").model) == ("browse", "beta")
    assert state(app, "view").seed == 40


def test_without_a_model_it_says_so(open_app, tmp_path, folders):
    folders(tmp_path)
    assert "There is no model yet" in sentences(open_app("start"))[0]


@pytest.mark.slow
@pytest.mark.parametrize("page", url_state.PAGES)
def test_every_page_says_what_it_is_for_and_explains_its_terms(two_models, open_app, page):
    sentence, names = page_intro.PAGES[page]
    app = open_app(page, model="alpha")
    assert sentence in [element.value for element in app.main.markdown]
    for name in names:
        term = page_intro.TERMS[name]
        assert f"**{term.name}.** {term.words}" in [one.value for one in app.main.markdown]
        if term.formula:
            assert any(term.formula in one.value for one in app.main.get("latex"))


def test_w_is_explained_where_it_can_be_chosen():
    explained = {page for page, (_, names) in page_intro.PAGES.items() if "w" in names}
    # The page Neighbours takes the space of the page before it.
    chosen = {page for page, names in url_state.PAGES.items() if "latent" in names} - {"neighbours"}
    assert explained == chosen


def test_no_term_is_left_over():
    used = {name for _, names in page_intro.PAGES.values() for name in names}
    assert used == set(page_intro.TERMS)
    assert set(page_intro.PAGES) == set(url_state.PAGES)
