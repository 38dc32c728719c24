"""The app's navigation. Start it with `python -m explorer`."""

from functools import partial

import streamlit as st

from explorer.components import strips
from explorer.services import (
    content_policy,
    server,
    stranger_text,
    upload_limits,
    widget_states,
)
from explorer.state import session
from explorer.state.fragments import guarded
from explorer.views import (
    about,
    arithmetic,
    browse,
    directions,
    import_weights,
    interpolate,
    latents,
    memorisation,
    model_card,
    neighbours,
    the_game,
    train,
    your_photo,
)
from explorer.widgets import password, picture_dialog, tray_panel
from gan_core.util import map_guard

# Less margin above the pictures than Streamlit's, and no picture wider than a phone's screen.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; }
.stMainBlockContainer :is(.stImage, .stImage img) { max-width: 100%; }
.stMarkdown table { display: block; max-width: 100%; overflow-x: auto; }
.stMarkdown thead:not(:has(th:not(:empty))) { display: none; }
.stTable code { white-space: normal; overflow-wrap: anywhere; }
.stElementContainer:has(#one-step) { display: none; }
/* As high as the fields and buttons beside them, so that labels line up. */
.stButtonGroup button[data-variant="segmented_control"] { min-height: 2.5rem; }
/* The answer at the top of a page is larger than the text around it. */
[class*="st-key-answer"] > .stElementContainer:first-child p {
  font-size: 1.15rem; line-height: 1.5;
}
[class*="st-key-answer"] details { border: 0; }
[class*="st-key-answer"] summary { padding: 0; }
</style>"""


def nothing() -> None:
    """The page without a path, which redirects to Browse."""


def main() -> None:
    """One run of the script."""
    widget_states.install()
    map_guard.enable()
    server.serve_strips(strips.answer)
    st.set_page_config("Latent explorer", layout="wide")
    st.html(STYLE)
    st.html(
        f'<i id="one-step"></i><script>{content_policy.HISTORY}</script>',
        unsafe_allow_javascript=True,
    )
    card_page = st.Page(model_card.page, title="Model card", url_path="card")
    browse_page = st.Page(partial(browse.page, card_page), title="Browse", url_path="browse")
    interpolate_page = st.Page(
        partial(interpolate.page, card_page), title="Interpolate", url_path="interpolate"
    )
    latents_page = st.Page(partial(latents.page, card_page), title="Latents", url_path="latents")
    directions_page = st.Page(
        partial(directions.page, card_page), title="Directions", url_path="directions"
    )
    arithmetic_page = st.Page(
        partial(arithmetic.page, card_page), title="Arithmetic", url_path="arithmetic"
    )
    neighbours_page = st.Page(
        lambda: neighbours.page(card_page, report_page), title="Neighbours", url_path="neighbours"
    )
    report_page = st.Page(
        lambda: memorisation.page(card_page, neighbours_page),
        title="Memorisation",
        url_path="memorisation",
    )
    import_page = st.Page(
        partial(import_weights.page, browse_page), title="Import", url_path="import"
    )
    train_page = st.Page(partial(train.page, browse_page), title="Train", url_path="train")
    game_page = st.Page(the_game.page, title="The game", url_path="game")
    photo_page = st.Page(partial(your_photo.page, card_page), title="Your photo", url_path="photo")
    about_page = st.Page(about.page, title="About", url_path="about")
    # Streamlit's first page has no path, but a link to Browse should have one.
    root = st.Page(nothing, title="Start", url_path="start", default=True, visibility="hidden")
    current = st.navigation(
        [
            root,
            browse_page,
            latents_page,
            interpolate_page,
            directions_page,
            arithmetic_page,
            neighbours_page,
            photo_page,
            report_page,
            game_page,
            train_page,
            card_page,
            import_page,
            about_page,
        ],
        position="top",
    )
    if current is root:
        st.switch_page(browse_page, query_params=st.query_params.to_dict())
    session.begin(current.url_path)
    if refused := upload_limits.refused():
        session.warn(refused)
    warnings = st.container()
    guarded(current.run)
    with st.sidebar:
        password.panel()
        tray_panel.tray_panel()
    guarded(picture_dialog.show)
    for sentence in session.notes():
        warnings.warning(stranger_text.sentence(sentence))
    session.show_messages()
    session.end(current.url_path)
    upload_limits.end_of_run()


main()
