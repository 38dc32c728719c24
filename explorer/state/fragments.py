"""Panels: parts of a page that run again by themselves, and never show a traceback."""

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import streamlit as st

from explorer.services import stranger_text, trust
from explorer.state import session
from gan_core.checkpoint import Model
from gan_core.util import map_guard
from gan_core.util.errors import NO_MEMORY, InputError, from_os_error, is_out_of_memory


def guarded(draw: Callable[[], object]) -> None:
    """Draw a part of the page; whatever goes wrong is a sentence, never a traceback."""
    try:
        with map_guard.watching():
            draw()
    except trust.Refused as error:
        st.info(str(error))
    except InputError as error:
        st.error(stranger_text.sentence(error))
    except OSError as error:  # a full disk, say
        logging.getLogger("explorer").warning("a file failed: %s", error)
        st.error(stranger_text.sentence(from_os_error(error)))
    except Exception as error:
        if is_out_of_memory(error):
            st.error(NO_MEMORY)
            return
        logging.getLogger("explorer").exception("a part of the page failed")
        st.error("This part of the page could not be drawn; the log says why.")


def panel(key: str) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Make a function a panel: what happens inside draws it anew and leaves the page alone.

    The address bar follows what a panel changes, as it does after a run of the whole page. The
    key is what `redraw` calls the panel by.
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
    """Whether a panel was made with (name, Model, …) of another model than is chosen by now.

    A choice made while a slider is held can reach the server as a run of the slider's panel alone.
    """
    named = len(args) > 1 and isinstance(args[1], Model)
    return named and args[0] != session.view().model


def redraw(*keys: str) -> NoReturn:
    """Draw these panels anew, or the whole page when none is named; the last line of a callback."""
    # The address may be a moment old by now: it is no step back in the browser's history.
    st.session_state.touched = True
    st.rerun(list(keys) if keys else "app")
