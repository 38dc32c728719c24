"""What one person has set and picked, kept for as long as the browser tab is open.

`view` (a links.View) is the one truth about every setting. Widgets come and go with their pages,
so each is filled from the view and writes back into it.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import streamlit as st

from explorer.services import model_registry, renderer, stranger_text
from explorer.state import tray, url_state
from explorer.state.tray import Item, Tray
from explorer.state.url_state import View
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError


def begin(page: str) -> None:
    """At the start of a run: read the link when there is one that the app did not write.

    A step back in the browser's history changes what that page's link tells, and nothing else.
    """
    state = st.session_state
    state.arrived = state.get("page") != page
    params = st.query_params.to_dict()
    first = "view" not in state
    if first:
        state.view, state.tray, state.notes = url_state.View(), tray.Tray(), []
    # A run without a touched widget whose address is not the one last written is a step back in
    # the browser's history. (A touched widget may send an address that is a moment old.)
    elif state.pop("touched", False) or not params or params == state.get("link"):
        return
    linked, unread = url_state.read(params, page)
    if first:
        state.view = linked
    else:
        settings = ("model", "weights", *url_state.names(linked, page))
        if linked.model != state.view.model:
            leave_coordinates()
        state.view = replace(state.view, **{name: getattr(linked, name) for name in settings})
    if first and "tray" in params:
        unread += read_tray(params["tray"])
    if unread:
        # Keyframes that could be read are kept; the others are named.
        readable, lost = url_state.sift(params.get("keys", ""))
        if "keys" in unread and len(readable) >= url_state.MIN_KEYS:
            unread[unread.index("keys")] = f"keys ({', '.join(lost)})"
        whole = sum("(" not in name for name in unread)
        usual = f" {'It has its' if whole == 1 else 'They have their'} default value."
        warn(
            "Part of the link could not be read and was ignored:"
            f" {', '.join(unread)[:200]}.{usual if whole else ''}"
        )


def leave_coordinates() -> None:
    """Forget what was moved: it belongs to the latents of one model. For another model."""
    st.session_state.view = replace(view(), coords="", frozen="")


def end(page: str) -> None:
    """At the end of a run: put what is shown into the address bar."""
    st.session_state.page, st.session_state.arrived = page, False
    write_link()
    # What the page itself has set stands in the link now.
    st.session_state.pop("touched", None)


def follow() -> None:
    """At the end of a panel: the same, when it ran by itself. (Before the first end, no page.)"""
    if "page" in st.session_state and st.session_state.pop("touched", False):
        write_link()


def write_link() -> None:
    link = url_state.write(st.session_state.view, st.session_state.page, picked().items)
    st.session_state.link = link
    if st.query_params.to_dict() != link:
        st.query_params.from_dict(link)


def view() -> View:
    return st.session_state.view


def set_view(**settings: Any) -> None:
    """Change settings; for callbacks."""
    keep(replace(view(), **settings))


def keep(new: View) -> None:
    """Make a View the one that counts; for callbacks, as the last thing they do."""
    # A click that comes during a callback ends it at any use of the session state. So this is
    # stored in one step, after which nothing is left to do.
    st.session_state.touched = True
    st.session_state.view = new


def widget(
    name: str,
    choices: Collection | None = None,
    on_change: Callable[[str], object] | None = None,
    closed: bool = False,
) -> dict[str, Any]:
    """Arguments that tie a Streamlit widget to a setting: st.slider(…, **widget("psi")).

    on_change(name) takes the widget's value into the view, where `take` would not do. closed: the
    widget lies in a popover, see `fill`.
    """
    value = getattr(view(), name)
    if choices is not None and value not in choices:
        value = next(iter(choices), None)
        changes: dict[str, Any] = {name: value}
        st.session_state.view = replace(view(), **changes)
    return fill(f"set-{name}", value, on_change or take, name, closed=closed)


def fill(
    name: str, value: Any, act: Callable[..., object], *args: Any, closed: bool = False
) -> dict[str, Any]:
    """Fill a widget from the session; returns its arguments {"key", "on_change", "args"}.

    name: the widget's name, unique in the app; `value_of(name)` reads its value. act(*args) is
    called when a person changes the value. closed: the widget lies in a popover, whose widgets
    begin to exist when it is first opened, with the value that the run before it sent; one that was
    sent by an earlier run only is lost.

    A browser sends the values of all widgets with every click, and a click may come before the
    browser has heard of a value that was just filled in. So that the old value is not taken for a
    person's choice, a value that the program fills in belongs to a widget of a new generation,
    with a key of its own, and what the browser still says of the old one is ignored. A person's own
    change keeps the generation, also where it is brought into form ("3 1" becomes "3, 1"), so that
    the widget keeps the focus.
    """
    state, key = st.session_state, key_of(name)
    if key in state and state[key] != value and not of_person(name):
        generations = state.setdefault("generations", {})
        generations[name] = generations.get(name, 0) + 1
        key = key_of(name)
    # Written only when it differs, so that a run that comes late does not push back a slider. But
    # on another page than before the widget is a new one, though the key has its value still.
    if closed or state.get("arrived") or key not in state or state[key] != value:
        state[key] = value
    return {"key": key, "on_change": changed, "args": (name, key, act, *args)}


def key_of(name: str) -> str:
    """The key of a widget's present generation."""
    generation = st.session_state.get("generations", {}).get(name, 0)
    return f"{name}~{generation}" if generation else name


def value_of(name: str) -> Any:
    """The value of a widget that `fill` fills; for callbacks."""
    return st.session_state[key_of(name)]


def changed(name: str, key: str, act: Callable[..., object], *args: Any) -> None:
    """Act on a person's change of a widget, and remember what came of it; for callbacks.

    A change of a generation that is gone is none: it is what a browser knew before.
    """
    if key != key_of(name):
        return
    act(*args)
    state = st.session_state
    state.setdefault("changes", {})[name] = (state.view, state.tray)


def of_person(name: str) -> bool:
    """Whether the settings and the tray are what a person's change of this widget made them."""
    changes, state = st.session_state.get("changes", {}), st.session_state
    if name in changes and changes[name][0] == state.view and changes[name][1] is state.tray:
        return True
    changes.pop(name, None)
    return False


def take(name: str) -> None:
    """A widget's new value into the view. A segmented control can be emptied: then nothing."""
    value = value_of(f"set-{name}")
    if value is not None:
        set_view(**{name: value})


def picked() -> Tray:
    """The tray."""
    return st.session_state.tray


def change_tray(verb: Callable[..., Tray], *args: Any) -> bool:
    """Do something to the tray, as `change_tray(tray.remove, id)`; a refusal becomes a note."""
    st.session_state.touched = True
    try:
        st.session_state.tray = verb(st.session_state.tray, *args)
    except InputError as error:
        warn(str(error))
        return False
    return True


def picks() -> list[str]:
    """The ids of the tray items that the link names by their places, in that order."""
    places = [int(place) for place in view().picks.split(",") if place]
    items = [item for item in picked().items if item.seed is not None]
    return [items[place - 1].id for place in places if place <= len(items)]


def note_picks(ids: Iterable[str]) -> None:
    """Let the link name these tray items by their places among those that it can hold."""
    items = [item.id for item in picked().items if item.seed is not None]
    places = [str(items.index(i) + 1) for i in ids if i in items]
    st.session_state.view = replace(view(), picks=",".join(places))


def read_tray(text: str) -> list[str]:
    """Fill the tray from a link. Returns what could not be read, for the warning."""
    seeds, unread = url_state.read_tray(text)
    entries = model_registry.entries()
    items = []
    for name, seed, psi in seeds:
        try:
            model = model_registry.load(entries[name])
        except (KeyError, InputError):
            unread += 1
            continue
        items.append(item(name, model, seed, psi))
    st.session_state.tray = tray.Tray(tuple(items))
    return [f"tray ({unread} of its pictures)"] if unread else []


def item(name: str, model: Model, seed: int, psi: float) -> Item:
    """The tray item of a seed."""
    z = renderer.latents(model, [seed], psi)[0]
    return tray.Item(f"Seed {seed}", name, model.hash, seed, float(psi), z)


def say(text: str) -> None:
    """A short message that the next run shows for a moment; a callback itself may show nothing."""
    st.session_state.setdefault("messages", []).append(text)


def show_messages() -> None:
    for text in st.session_state.pop("messages", []):
        st.toast(stranger_text.sentence(text))


def warn(text: str) -> None:
    """A sentence that the next page shows as a warning."""
    st.session_state.notes.append(text)


def notes() -> list[str]:
    """The sentences waiting to be shown, each once."""
    waiting, st.session_state.notes = st.session_state.notes, []
    return list(dict.fromkeys(waiting))
