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
    lessons,
    memorisation,
    model_card,
    neighbours,
    start,
    the_game,
    train,
    your_photo,
)
from explorer.widgets import lesson_bar, lesson_panel, password, picture_dialog, tray_panel
from gan_core.util import map_guard

# Less margin above the pictures than Streamlit's, and no picture wider than a phone's screen.
STYLE = """<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; }
.stMainBlockContainer :is(.stImage, .stImage img) { max-width: 100%; }
.stMarkdown table { display: block; max-width: 100%; overflow-x: auto; }
.stMarkdown thead:not(:has(th:not(:empty))) { display: none; }
.stTable code { white-space: normal; overflow-wrap: anywhere; }
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-unseen"]) { display: none; }
/* As high as the fields and buttons beside them, so that labels line up. */
.stButtonGroup button[data-variant="segmented_control"] { min-height: 2.5rem; }
/* The answer at the top of a page is larger than the text around it. */
[class*="st-key-answer"] > .stElementContainer:first-child p {
  font-size: 1.15rem; line-height: 1.5;
}
/* The bar of a lesson: quiet, and apart from the page below it. */
.st-key-lesson-bar, .st-key-lesson-large {
  border-left: 3px solid var(--st-primary-color); border-radius: 0 8px 8px 0;
  background: rgb(128 128 128 / 0.08); padding: 0.75rem 1rem 0.5rem; margin-bottom: 0.5rem;
}
.st-key-lesson-bar .stMarkdown { max-width: 52rem; }
.st-key-lesson-large { padding: 1.25rem 1.5rem 1rem; }
.st-key-lesson-large .stMarkdown { max-width: 60rem; }
.st-key-lesson-large .stMarkdown :is(p, li) { font-size: 1.6rem; line-height: 1.45; }
.st-key-lesson-large .stMarkdown strong { font-size: 2rem; }
.st-key-lesson-keys { display: none; }
.st-key-page-sentence { margin-top: -0.75rem; }
.st-key-start-words { max-width: 46rem; font-size: 1.05rem; }
/* Six places to go: the whole card is the link. */
[class*="st-key-place-"] { position: relative; }
[class*="st-key-place-"] * { position: static; }
[class*="st-key-place-"] a { padding-left: 0; }
[class*="st-key-place-"] a::after { content: ""; position: absolute; inset: 0; border-radius: 8px; }
[class*="st-key-place-"]:hover { border-color: var(--st-primary-color); }
.loop-place { aspect-ratio: 8; border-radius: 8px; background: rgb(128 128 128 / 0.08); }
@media (max-width: 640px) { .loop-place { aspect-ratio: 4; } }
.st-key-places { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1rem; }
@media (max-width: 640px) {
  .st-key-places { grid-template-columns: repeat(2, 1fr); gap: 0.5rem; }
}
.st-key-places [class*="st-key-place-"] { height: 100%; }
.place-picture {
  aspect-ratio: 2; overflow: hidden; border-radius: 6px; position: relative !important;
  display: flex;
  align-items: center; justify-content: center; gap: 2%; background: rgb(128 128 128 / 0.08);
}
.place-picture img { width: 100%; display: block; image-rendering: pixelated; }
.place-picture.smooth img { image-rendering: auto; }
.place-picture.row { padding: 0 2%; }
.place-picture.row img { flex: 1; min-width: 0; border-radius: 4px; }
.place-picture.row b { font-size: 1.1rem; font-weight: 400; opacity: 0.75; }
.place-picture.dots i {
  position: absolute !important; width: 6px; height: 6px; border-radius: 50%; margin: -3px;
  opacity: 0.8;
}
.place-picture.dots .data { background: #2e9e8f; }
.place-picture.dots .samples { background: #d8575f; }
[class*="st-key-answer"] details { border: 0; }
[class*="st-key-answer"] summary { padding: 0; }
</style>"""


def main() -> None:
    """One run of the script."""
    widget_states.install()
    map_guard.enable()
    server.serve_strips(strips.answer)
    st.html(STYLE)
    # The sidebar is there from the first paint and does not push the page aside later.
    st.sidebar.container(key="unseen-sidebar").html('<i id="sidebar-first"></i>')
    st.container(key="unseen-history").html(
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
    lessons_page = st.Page(lambda: lessons.page(by_path), title="Lessons", url_path="lessons")
    # Streamlit's first page has no path.
    root = st.Page(lambda: start.page(by_path), title="Start", url_path="start", default=True)
    groups = {
        "": [root],
        "Explore": [
            browse_page,
            latents_page,
            interpolate_page,
            directions_page,
            arithmetic_page,
            photo_page,
        ],
        "Evidence": [neighbours_page, report_page],
        "Learn": [lessons_page, game_page],
        "Make": [train_page, import_page, card_page],
        "More": [about_page],
    }
    by_path = {
        page.url_path: page for pages in groups.values() for page in pages if page is not root
    }
    current = st.navigation(
        groups,
        position="top",
        expanded=True,  # on a phone, where the pages are listed in the drawer
    )
    # Older links have no path: those that carry settings are of Browse.
    if current is root and st.query_params.to_dict():
        st.switch_page(browse_page, query_params=st.query_params.to_dict())
    page = session.START if current is root else current.url_path
    st.set_page_config(f"{current.title} · Latent explorer", layout="wide")
    session.begin(page)
    if refused := upload_limits.refused():
        session.warn(refused)
    if page != session.START:
        guarded(partial(lesson_bar.show, by_path))
    warnings = st.container()
    guarded(current.run)
    with st.sidebar:
        password.panel()
        tray_panel.tray_panel()
        if page not in (session.START, "lessons"):
            lesson_panel.panel(current.title)
    guarded(picture_dialog.show)
    for sentence in session.notes():
        warnings.warning(stranger_text.sentence(sentence))
    session.show_messages()
    session.end(page)
    upload_limits.end_of_run()


main()
