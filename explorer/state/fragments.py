"""Panels: parts of a page that rerun on their own and never show a traceback."""

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.services import stranger_text, trust
from explorer.state import session
from gan_core.checkpoint import Model
from gan_core.util import map_guard
from gan_core.util.errors import NO_MEMORY, InputError, from_os_error, is_out_of_memory


def guarded(draw: Callable[[], object]) -> None:
    """Draw a part of the page; an error becomes a sentence, never a traceback."""
    try:
        with map_guard.watching():
            draw()
    except trust.Refused as error:
        st.info(str(error))
    except InputError as error:
        st.error(stranger_text.sentence(error))
    except OSError as error:  # a full disk, for example
        logging.getLogger("explorer").warning("a file failed: %s", error)
        st.error(stranger_text.sentence(from_os_error(error)))
    except Exception as error:
        if is_out_of_memory(error):
            st.error(NO_MEMORY)
            return
        logging.getLogger("explorer").exception("a part of the page failed")
        st.error("This part of the page could not be drawn; the log says why.")


def panel(key: str) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Make a function a panel: a change inside redraws only the panel, not the page.

    The address bar follows changes in a panel as it does after a run of the whole page. `redraw`
    takes the key.
    """

    def decorate(draw: Callable[..., object]) -> Callable[..., None]:
        @functools.wraps(draw)
        def draw_safely(*args: Any, **kwargs: Any) -> None:
            if outdated(args):
                redraw()
            guarded(functools.partial(draw, *args, **kwargs))
            session.follow()
            session.show_messages()

        return st.fragment(draw_safely, key=key)

    return decorate


def outdated(args: Sequence[Any]) -> bool:
    """Whether a panel's arguments, (name, Model, …), are of a model that is no longer chosen.

    A choice made while a slider is held can reach the server as a run of the slider's panel only.
    """
    named = len(args) > 1 and isinstance(args[1], Model)
    return named and args[0] != session.view().model


def redraw(*keys: str) -> NoReturn:
    """Redraw these panels, or the whole page if none is named; the last call of a callback.

    The whole page is redrawn, too, if the browser requested more than one panel: several quick
    changes can arrive together, and one of them may belong to another part of the page.
    """
    # The browser's address may be slightly out of date, which is not a step back in its history.
    st.session_state.touched = True
    run = get_script_run_ctx()
    alone = run is not None and len(run.fragment_ids_this_run or ()) == 1
    st.rerun(list(keys) if keys and alone else "app")
