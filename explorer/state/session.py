"""What one person has set and picked, for as long as the browser tab is open.

`view` (a url_state.View) is the single source of every setting. Widgets come and go with their
pages, so each is filled from the view and writes back to it.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.services import model_registry, renderer, stranger_text
from explorer.state import tray, url_parts, url_state
from explorer.state.tray import Item, Tray
from explorer.state.url_state import View
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

START = "start"  # the page without a path, whose address carries nothing
NUMBERED = re.compile(r"(component|factor) \d+")  # directions that each model has of its own


def begin(page: str) -> None:
    """At the start of a run: read the link unless the app wrote it itself.

    A step back in the browser's history changes only the settings that the page's link carries.
    """
    state = st.session_state
    state.arrived = state.get("page") != page
    params = st.query_params.to_dict()
    first = "view" not in state
    if first:
        state.view, state.tray, state.notes = url_state.View(), tray.Tray(), []
        state.pop("touched", None)
    else:
        touched = state.pop("touched", False)
        if not params or params == state.get("link"):
            return
        # Another address: a step in the browser's history, or a link to another page. Otherwise the
        # browser sent the address that it had before it received the one written last.
        if not (went_back() or (state.arrived and not touched)):
            return
    page = "browse" if page == START else page  # any settings are those of Browse
    linked, unread = url_state.read(params, page)
    if page == "arithmetic":  # the link says both the model and its exemplars
        state.pop("baskets_of", None)
    state.link = params  # read once, also when this run ends early
    state.opening, state.free = None, url_state.left_open(params, page)  # see state.openings
    if first:
        state.view = linked
    else:
        settings = ("model", "weights", *url_state.names(linked, page))
        state.free &= set(settings)
        if linked.model != state.view.model:
            leave_coordinates()
        state.view = replace(state.view, **{name: getattr(linked, name) for name in settings})
    if first and "tray" in params:
        unread += read_tray(params["tray"])
        state.linked_tray = params["tray"]
    if unread:
        # Keyframes that could be read are used; the others are named.
        readable, lost = url_parts.sift(params.get("keys", ""))
        if "keys" in unread and len(readable) >= url_parts.MIN_KEYS:
            unread[unread.index("keys")] = f"keys ({', '.join(lost)})"
        whole = sum("(" not in name for name in unread)
        usual = f" {'It has its' if whole == 1 else 'They have their'} default value."
        warn(
            "Part of the link could not be read and was ignored:"
            f" {', '.join(unread)[:200]}.{usual if whole else ''}"
        )


def went_back() -> bool:
    """Whether the browser's Back or Forward led to this run."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation


def leave_coordinates() -> None:
    """Forget what belongs to the latents of one model: moved coordinates, and the weights of its
    components and factors, whose sliders stay. Another model can have the same attributes.
    """
    along = view().along
    if along not in ("", url_parts.NOTHING):
        steps = url_parts.read_along(along).items()
        along = url_parts.write_along({n: 0.0 if NUMBERED.fullmatch(n) else w for n, w in steps})
    st.session_state.view = replace(view(), coords="", frozen="", along=along)


def end(page: str) -> None:
    """At the end of a run: write what is shown into the address bar."""
    st.session_state.page, st.session_state.arrived = page, False
    write_link()
    # The link now contains what the page itself has set.
    st.session_state.pop("touched", None)


def follow() -> None:
    """At the end of a panel that ran on its own: the same. (There is no page before `end`.)"""
    if "page" in st.session_state and st.session_state.pop("touched", False):
        write_link()


def write_link() -> None:
    if st.session_state.page == START:
        return
    link = url_state.write(st.session_state.view, st.session_state.page, picked().items)
    st.session_state.link = link
    if st.query_params.to_dict() != link:
        st.query_params.from_dict(link)


def view() -> View:
    return st.session_state.view


def set_view(**settings: Any) -> None:
    """Change settings; for callbacks."""
    store(replace(view(), **settings))


def store(new: View) -> None:
    """Replace the view; for callbacks, as the last thing they do."""
    st.session_state.touched = True
    st.session_state.view = new


def widget(
    name: str,
    choices: Collection | None = None,
    on_change: Callable[[str], object] | None = None,
    closed: bool = False,
    limits: Hashable = None,
) -> dict[str, Any]:
    """Arguments that tie a Streamlit widget to a setting: st.slider(…, **widget("psi")).

    on_change(name): puts the widget's value into the view; default `take`. closed: the widget is in
    a popover. limits: what it may be set to, if that varies; by default the choices. See `fill`.
    """
    value = getattr(view(), name)
    if choices is not None and value not in choices:
        value = next(iter(choices), None)
        changes: dict[str, Any] = {name: value}
        st.session_state.view = replace(view(), **changes)
    limits = tuple(choices) if limits is None and choices is not None else limits
    return fill(f"set-{name}", value, on_change or take, name, closed=closed, limits=limits)


def fill(
    name: str,
    value: Any,
    act: Callable[..., object],
    *args: Any,
    closed: bool = False,
    limits: Hashable = None,
) -> dict[str, Any]:
    """Fill a widget from the session; returns its arguments {"key", "on_change", "args"}.

    name: the widget's name, unique in the app; `value_of(name)` reads its value. act(*args) is
    called when a person changes the value. closed: the widget is in a popover. Its widgets come
    into being when it is first opened, with the value that the latest run sent; a value that only
    an earlier run sent is lost. limits: what the widget may be set to, if that varies. With other
    limits Streamlit makes a new widget, which shows its first value unless it is sent another. The
    words for the choices count, too: a browser holds a choice by its words.

    A browser sends the values of all widgets with every click, and a click may come before the
    browser has received a value that was just filled in. So that the old value is not mistaken for
    a person's choice, a value that the program fills in belongs to a widget of a new generation,
    with its own key, and what the browser still sends for the old one is ignored. A person's own
    change keeps the generation, even if it is reformatted ("3 1" becomes "3, 1"), so that the
    widget keeps the focus.

    Streamlit's `persist_state="session"` and `on_change` of popovers were tried instead, see
    docs/architecture.md: the first takes such an old value for a choice, the second opens slowly.
    """
    state, key = st.session_state, key_of(name)
    if key in state and state[key] != value and not of_person(name):
        generations = state.setdefault("generations", {})
        generations[name] = generations.get(name, 0) + 1
        key = key_of(name)
    # Written only when it differs, so that a late run does not push a slider back. But after a
    # change of page the widget is new, although its key still has a value.
    known = state.setdefault("limits", {})
    new = known.get(name, limits) != limits
    known[name] = limits
    if closed or new or state.get("arrived") or key not in state or state[key] != value:
        state[key] = value
    return {"key": key, "on_change": changed, "args": (name, key, act, *args)}


def key_of(name: str) -> str:
    """The key of a widget's current generation."""
    generation = st.session_state.get("generations", {}).get(name, 0)
    return f"{name}~{generation}" if generation else name


def value_of(name: str) -> Any:
    """The value of a widget that `fill` fills; for callbacks."""
    return st.session_state[key_of(name)]


def changed(name: str, key: str, act: Callable[..., object], *args: Any) -> None:
    """Act on a person's change of a widget, and remember the result; for callbacks.

    A change of an old generation is ignored: it is what the browser knew before.
    """
    if key != key_of(name):
        return
    act(*args)
    state = st.session_state
    state.setdefault("changes", {})[name] = (state.view, state.tray)


def of_person(name: str) -> bool:
    """Whether the settings and the tray are still as a person's change of this widget left them."""
    changes, state = st.session_state.get("changes", {}), st.session_state
    if name in changes and changes[name][0] == state.view and changes[name][1] is state.tray:
        return True
    changes.pop(name, None)
    return False


def take(name: str) -> None:
    """Put a widget's new value into the view, unless a segmented control was emptied."""
    value = value_of(f"set-{name}")
    if value is not None:
        set_view(**{name: value})


def picked() -> Tray:
    """The tray."""
    return st.session_state.tray


def change_tray(verb: Callable[..., Tray], *args: Any) -> bool:
    """Change the tray, as in `change_tray(tray.remove, id)`; an InputError becomes a warning."""
    st.session_state.touched = True
    try:
        st.session_state.tray = verb(st.session_state.tray, *args)
    except InputError as error:
        warn(str(error))
        return False
    return True


def picks() -> list[str]:
    """The ids of the tray items that the setting `picks` names by their places, in that order."""
    places = [int(place) for place in view().picks.split(",") if place]
    items = [item for item in picked().items if item.seed is not None]
    return [items[place - 1].id for place in places if place <= len(items)]


def note_picks(ids: Iterable[str]) -> None:
    """Set `picks` to the places of these items among the tray items that a link can hold."""
    items = [item.id for item in picked().items if item.seed is not None]
    places = [str(items.index(i) + 1) for i in ids if i in items]
    st.session_state.view = replace(view(), picks=",".join(places))


def read_tray(text: str) -> list[str]:
    """Fill the tray from a link. Returns what could not be read, for the warning."""
    seeds, unread = url_parts.read_tray(text)
    entries = model_registry.entries()
    items = []
    for name, seed, psi, space in seeds:
        try:
            model = model_registry.in_space(model_registry.load(entries[name]), space)
        except (KeyError, InputError):
            unread += 1
            continue
        items.append(item(name, model, seed, psi))
    st.session_state.tray = tray.Tray(tuple(items))
    return [f"tray ({unread} of its pictures)"] if unread else []


def item(name: str, model: Model, seed: int, psi: float) -> Item:
    """The tray item of a seed."""
    z = renderer.latents(model, [seed], psi)[0]
    return tray.Item(f"Seed {seed}", name, model.hash, seed, float(psi), z, space=model.space)


def say(text: str) -> None:
    """Show a short message in the next run, because a callback cannot show anything."""
    st.session_state.setdefault("messages", []).append(text)


def show_messages() -> None:
    for text in st.session_state.pop("messages", []):
        st.toast(stranger_text.sentence(text))


def warn(text: str) -> None:
    """Show a sentence as a warning on the next page."""
    st.session_state.notes.append(text)


def notes() -> list[str]:
    """The warnings that have not been shown yet, each once."""
    waiting, st.session_state.notes = st.session_state.notes, []
    return list(dict.fromkeys(waiting))
