"""The tray and the lesson being made outlive a reload and the tab, in the visitor's browser.

A tab that opens a link with another tray than the stored one shows the link's, stores its own
changes for itself alone, and offers the stored one, so that a link overwrites nobody's tray.
"""

import secrets
from typing import Any

import streamlit as st

from explorer.components.local_storage import local_storage
from explorer.state import fragments, session, stored_tray, tray, url_parts
from explorer.state.tray import Item, Tray
from explorer.widgets import picture_dialog
from gan_core.util.errors import InputError

OFF = "off"
# Of the storage. One server may show several apps, each below a path of its own.
NAME = "latent-explorer.v1/"
PROBLEMS = {
    "refused": "This browser does not let the app store anything: save the tray to a file.",
    "full": "The storage of this browser is full: save the tray to a file.",
}
TOO_LARGE = {
    "tray": "This tray is too large for the storage of a browser: save it to a file.",
    "lesson": "Your lesson is too large for the storage of a browser: save it to a file.",
}


def memory() -> dict[str, Any]:
    """The state of this session: what was requested, and what a person decided.

    offered: stored items that are not on the tray; apart: whether this tab stores for itself alone;
    photos: whether latents from photos are stored; text, of: what is stored, and of which items.
    """
    usual = {
        "session": secrets.token_hex(8),
        "ask": "own",
        "asked": 0,
        "keep": "on",
        "photos": False,
        "apart": False,
        "offered": (),
        "problem": "",
        "of": None,
        "text": "",
        "too_large": (),
    }
    return st.session_state.setdefault("browser_memory", usual)


def change(**settings: Any) -> None:
    """Change the state; for callbacks."""
    st.session_state.browser_memory = {**memory(), **settings}
    st.session_state.touched = True


def follow() -> None:
    """Let the browser store the present tray and lesson, or ask what it has."""
    now, items, draft = memory(), session.picked().items, st.session_state.get("draft")
    now["asked"] += 1 if now["ask"] else 0
    of = (items, draft, now["photos"])
    if now["of"] is None or any(a is not b for a, b in zip(now["of"], of, strict=True)):
        text, too_large = stored_tray.write(*of)
        now.update(of=of, text=text, too_large=too_large)
    local_storage(
        {
            "name": NAME + st.get_option("server.baseUrlPath").strip("/"),
            "text": now["text"],
            "changed": bool(session.picked().before) or "draft_before" in st.session_state,
            **{name: now[name] for name in ("session", "ask", "asked", "keep", "apart")},
        },
        arrived,
        failed,
    )


def arrived(text: str, own: bool, apart: bool) -> None:
    """Take what the browser had stored. It is read as an uploaded file is; for callbacks."""
    now = memory()
    if not now["ask"]:
        return
    if text == OFF:
        change(ask="", keep=OFF)
        fragments.redraw()
    stored = stored_tray.read(text)
    items, problems = stored.items, list(stored.problems)
    try:
        picture_dialog.check_sizes(items)
    except InputError as error:
        items, problems = (), [*problems, str(error)]
    if stored.lesson is not None and not st.session_state.get("draft"):
        st.session_state.draft = stored.lesson
    first = now["ask"] == "own"
    decided = place(items, first) if items else {}
    # The tab of a link stores for itself; what the others have is offered again after a reload.
    if first and own and apart:
        decided |= {"ask": "shared", "apart": True}
    for problem in problems:
        session.warn(f"Part of what this browser had stored was ignored. {problem}")
    # Last, so that the browser sends the same again if reading it fails.
    change(**{"ask": "", **decided})
    fragments.redraw()


def place(items: tuple[Item, ...], first: bool) -> dict[str, Any]:
    """Put stored items on the tray, if it holds nothing but what a link has of them.

    Returns what that decides, as `change` takes it.
    """
    shown, state = session.picked(), st.session_state
    linked = state.get("linked_tray", "")
    decided: dict[str, Any] = {}
    if any(item.from_photo for item in items):
        decided["photos"] = True
    if first and not shown.before and linked in ("", url_parts.write_tray(items)):
        state.tray = Tray(items)
    elif [i.z.tobytes() for i in items] == [i.z.tobytes() for i in shown.items]:
        decided["apart"] = False
    else:
        decided |= {"offered": items, "apart": True}
    return decided


def failed(what: str) -> None:
    """The browser could not store; for callbacks."""
    if what == OFF:
        change(keep=OFF)
    else:
        change(problem=PROBLEMS[what])
    fragments.redraw()


def offer() -> None:
    """The stored tray, where a link brought another one."""
    items = memory()["offered"]
    if not items:
        return
    many = "1 picture" if len(items) == 1 else f"{len(items)} pictures"
    with st.container(key="stored-tray", gap="small"):
        st.caption(f"This tray came with the link. Yours, with {many}, is stored in this browser.")
        with st.container(horizontal=True, gap="small"):
            for label, act in (("Show mine", replace), ("Add mine", add), ("Forget mine", drop)):
                st.button(label, key=f"stored-{label}", on_click=act)


def replace() -> None:
    """Show the stored tray; "Undo" brings the link's back."""
    items = memory()["offered"]
    if session.change_tray(tray.change, [tray.copy(item) for item in items]):
        drop()
    fragments.redraw()


def add() -> None:
    """Add the stored tray to the link's."""
    if session.change_tray(tray.add, *map(tray.copy, memory()["offered"])):
        drop()
    fragments.redraw()


def drop() -> None:
    """From now on this tab's tray is the one that is stored."""
    change(offered=(), apart=False, keep="again")
    fragments.redraw()


def controls() -> None:
    """What is stored in the browser, and the way to forget it."""
    now = memory()
    if now["keep"] == OFF:
        st.caption("Nothing is stored in this browser: the tray is gone when its tab is closed.")
        st.button("Store it in this browser", key="memory-on", on_click=keep, args=("again",))
        return
    if now["problem"]:
        st.caption(now["problem"])
        return
    st.caption(
        "The tray and the lesson you make are stored in this browser, for your next visit, and"
        " nowhere else."
    )
    for part in now["too_large"]:
        st.caption(TOO_LARGE[part])
    if any(item.from_photo for item in session.picked().items):
        st.toggle(
            "Store latents from a photo, too",
            **session.fill("memory-photos", now["photos"], take_photos, closed=True),
            help="A latent from a photo draws a picture that may resemble the person on it.",
        )
    st.button(
        "Forget",
        key="memory-off",
        icon=":material/delete_forever:",
        on_click=keep,
        args=(OFF,),
        help="Removes the stored tray and lesson from this browser and stops storing them. The "
        "tray stays in this tab.",
    )


def of_lesson() -> str:
    """How long the lesson lasts that is being made, one sentence."""
    now = memory()
    if now["keep"] == OFF or now["problem"] or "lesson" in now["too_large"]:
        return "A lesson lasts as long as this browser tab: save it to keep it."
    return "This lesson is stored in this browser: save it to use it elsewhere, too."


def take_photos() -> None:
    change(photos=bool(session.value_of("memory-photos")))


def keep(how: str) -> None:
    """Store in the browser from now on, or forget; for callbacks."""
    change(keep=how, offered=(), apart=False, ask="")
    fragments.redraw()
