"""Lets every callback run to its end, and in the order of the clicks.

Streamlit looks for the next click whenever a script touches the session state, and gives up what
it is doing if there is one. In the script that is what people want: nobody waits for a view that
is out of date. In a callback it loses a click, or half of what the click does: an edit without its
step in the history, a typed value that never arrives.

Streamlit has no setting for this, so two of its methods are wrapped: the one that applies a
browser's message and calls the callbacks, and the one that looks for the next message. The next
message is not lost: Streamlit looks again as soon as the callbacks are done.

The order of the clicks needs the setting `runner.fastReruns = false`, too. With it, one thread per
session answers one message after the other, and still gives up a script that is out of date. By
default Streamlit starts a second thread, and what the first one had not yet applied is lost.
"""

import functools
import threading
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.state.safe_session_state import SafeSessionState

_thread = threading.local()


def install() -> None:
    """Protect all callbacks from now on, in every session. Calling it again changes nothing."""
    if getattr(ScriptRunner, "runs_whole_callbacks", False):
        return
    apply = SafeSessionState.on_script_will_rerun
    look = ScriptRunner._maybe_handle_execution_control_request

    @functools.wraps(apply)
    def on_script_will_rerun(self: Any, *args: Any, **kwargs: Any) -> None:
        _thread.in_callbacks = True
        try:
            apply(self, *args, **kwargs)
        finally:
            _thread.in_callbacks = False

    @functools.wraps(look)
    def maybe_handle_execution_control_request(self: Any) -> None:
        if not getattr(_thread, "in_callbacks", False):
            look(self)

    for owner, name, value in (
        (SafeSessionState, "on_script_will_rerun", on_script_will_rerun),
        (
            ScriptRunner,
            "_maybe_handle_execution_control_request",
            maybe_handle_execution_control_request,
        ),
        (ScriptRunner, "runs_whole_callbacks", True),
    ):
        setattr(owner, name, value)
