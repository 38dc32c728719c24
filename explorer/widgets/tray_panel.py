"""The tray beside every page."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.state import fragments, session, tray
from explorer.state.tray import Item
from explorer.widgets import browser_memory, picture_dialog, tray_files

SIDE = 64  # pixels per side of a thumbnail
MANY = 15  # more pictures than this scroll, so that the buttons stay visible
TALL = 400  # height of the scrolling area, in pixels


@fragments.panel("tray")
def tray_panel() -> None:
    """Draw the whole panel."""
    items = session.picked().items
    # What follows keeps its place in the panel, however much stands here, and so stays open.
    with st.container():
        st.subheader(f"Tray ({len(items)})" if items else "Tray", anchor=False)
        if items:
            with st.container(height=TALL if len(items) > MANY else "content", border=False):
                grid(items)
            selected(items)
        else:
            st.caption("Click a picture to put it here. Click it again to see it large.")
        history()
        browser_memory.offer()
    tray_files.files(items)
    browser_memory.follow()


def grid(items: Sequence[Item]) -> None:
    """The thumbnails. A click selects one."""
    current = st.session_state.get("tray_selected")
    shown = session.view().model
    tiles(
        "tray-tiles",
        renderer.sheet(thumbnails(items)),
        [
            {
                "id": item.id,
                "drag": item.id,
                "label": f"On the tray: {item.name} ({picture_dialog.origin(item)})",
                "caption": caption(item.name, item.model if item.model != shown else ""),
                "current": item.id == current,
                "dim": item.model != shown,
            }
            for item in items
        ],
        select,
        label="Pictures on the tray",
        width=62,
        smooth=session.view().smooth,
    )
    if any(item.model != shown for item in items):
        st.caption("Dimmed pictures belong to another model and cannot be keyframes of this one.")


def caption(name: str, other: str) -> str:
    """The words under a thumbnail, which is narrow: a seed without the word.

    other: the picture's model where another one is shown.
    """
    short = name.removeprefix("Seed ")
    return f"{short} · {other}" if other else short


def thumbnails(items: Sequence[Item]) -> np.ndarray:
    """uint8 (N, SIDE, SIDE, 3); grey if the model is missing."""
    sheet = np.full((len(items), SIDE, SIDE, 3), 128, np.uint8)
    for key in dict.fromkeys((item.model, item.space) for item in items):
        rows = [i for i, item in enumerate(items) if (item.model, item.space) == key]
        model = picture_dialog.find_model(items[rows[0]])
        if model is None:
            continue
        rows = [i for i in rows if len(items[i].z) == model.prior.size]
        if rows:
            images = renderer.pictures(model, np.stack([items[i].z for i in rows]))
            sheet[rows] = renderer.alike(images, SIDE)
    return sheet


def select(item_id: str) -> None:
    """Select a picture, or deselect it if it is selected."""
    again = st.session_state.get("tray_selected") == item_id
    st.session_state.tray_selected = None if again else item_id
    st.session_state.touched = True


def selected(items: Sequence[Item]) -> None:
    """The controls for the selected picture."""
    item = session.picked().find(st.session_state.get("tray_selected"))
    if item is None:
        st.caption("Select a picture to enlarge, rename, move or remove it.")
        return
    # No max_chars, with which the field would reject a longer name; `rename` shortens it.
    st.text_input("Name", **session.fill(f"name-{item.id}", item.name, rename, item.id))
    place = [i.id for i in items].index(item.id)
    change = session.change_tray
    with st.container(horizontal=True, gap="small"):
        button("Earlier", "arrow_back", change, tray.move, item.id, -1, disabled=place == 0)
        last = place == len(items) - 1
        button("Later", "arrow_forward", change, tray.move, item.id, 1, disabled=last)
        button("Enlarge", "zoom_in", picture_dialog.open_later, item.id)
        button("Remove", "close", change, tray.remove, item.id)


def button(
    label: str, icon: str, act: Callable[..., object], *args: Any, disabled: bool = False
) -> None:
    """A button of the panel. It redraws the whole page, which may show its effect anywhere."""

    def clicked() -> None:
        act(*args)
        fragments.redraw()

    st.button(
        label,
        key=f"tray-{label}",
        icon=f":material/{icon}:",
        on_click=clicked,
        disabled=disabled,
    )


def rename(item_id: str) -> None:
    """Take the name from its field."""
    session.change_tray(tray.rename, item_id, session.value_of(f"name-{item_id}"))
    fragments.redraw()


def history() -> None:
    """Undo, redo and empty; nothing on a first visit."""
    now = session.picked()
    if not (now.items or now.before or now.after):
        return
    change = session.change_tray
    with st.container(horizontal=True, gap="small"):
        button("Undo", "undo", change, tray.undo, disabled=not now.before)
        button("Redo", "redo", change, tray.redo, disabled=not now.after)
        button("Empty", "delete_sweep", change, tray.empty, disabled=not now.items)
