"""The app's navigation. Start it with `python -m explorer`."""

from functools import partial

import streamlit as st

from explorer.components import strips
from explorer.services import (
    content_policy,
    server,
    stranger_text,
    upload_limits,
    whole_callbacks,
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
from explorer.widgets import (
    lesson_bar,
    lesson_panel,
    page_style,
    password,
    picture_dialog,
    tray_panel,
)
from gan_core.util import map_guard


def main() -> None:
    """One run of the script."""
    widget_states.install()
    whole_callbacks.install()
    map_guard.enable()
    server.serve_strips(strips.answer)
    page_style.show()
    # The sidebar is there from the first paint and does not push the page aside later.
    st.sidebar.container(key="unseen-sidebar").html('<i id="sidebar-first"></i>')
    for place, script in enumerate(content_policy.PAGE_SCRIPTS):
        st.container(key=f"unseen-script-{place}").html(
            f'<i id="script-{place}"></i><script>{script}</script>', unsafe_allow_javascript=True
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
    guarded(partial(picture_dialog.show, page))
    for sentence in session.notes():
        warnings.warning(stranger_text.sentence(sentence))
    session.show_messages()
    session.end(page)
    upload_limits.end_of_run()


main()
