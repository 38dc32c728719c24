"""Callbacks run to their end although the next click waits, and old addresses change nothing."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner import RerunException
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequest
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType as Kind
from streamlit.runtime.state import session_state
from streamlit.runtime.state.safe_session_state import SafeSessionState

from explorer.services import whole_callbacks, widget_states
from explorer.state import fragments, session
from support import needs_avatars


@pytest.fixture
def busy():
    """A script thread for which the next click waits, and the session state that it serves."""
    whole_callbacks.install()
    request = ScriptRequest(Kind.RERUN, RerunData())
    runner = SimpleNamespace(
        _is_in_script_thread=lambda: True,
        _execing=True,
        _requests=SimpleNamespace(on_scriptrunner_yield=lambda: request),
    )

    def look():
        ScriptRunner._maybe_handle_execution_control_request(runner)

    return look, SafeSessionState(session_state.SessionState(), look)


def test_a_waiting_click_does_not_cut_a_callback_short(busy, monkeypatch):
    look, state = busy
    done = []

    def callbacks(self, *args, **kwargs):
        done.append("first half")
        look()  # what every access to the session state does
        done.append("second half")

    monkeypatch.setattr(session_state.SessionState, "on_script_will_rerun", callbacks)
    state.on_script_will_rerun(None)
    assert done == ["first half", "second half"]
    with pytest.raises(RerunException):  # it is only put off
        look()


def test_a_callback_that_fails_leaves_no_protection_behind(busy, monkeypatch):
    look, state = busy

    def callbacks(self, *args, **kwargs):
        raise ValueError("broken")

    monkeypatch.setattr(session_state.SessionState, "on_script_will_rerun", callbacks)
    with pytest.raises(ValueError, match="broken"):
        state.on_script_will_rerun(None)
    with pytest.raises(RerunException):
        look()


def test_a_number_typed_into_an_empty_field_is_taken_when_a_run_ended_early():
    widget_states.install()
    state = session_state.SessionState()
    metadata = session_state.WidgetMetadata(
        "field", deserializer=lambda value: value, serializer=lambda v: v, value_type="int_value"
    )
    state._new_widget_state.set_widget_metadata(metadata)
    for value in (WidgetState(id="field"), WidgetState(id="field", int_value=500)):
        state.set_widgets_from_proto(WidgetStates(widgets=[value]))
        read = state._new_widget_state["field"]  # and no run registers it again
    assert read == 500


def rerun_of(run, *keys, monkeypatch):
    """What `redraw` asks for in the callback of a run."""
    asked = []
    monkeypatch.setattr(fragments, "get_script_run_ctx", lambda: run)
    monkeypatch.setattr(st, "rerun", asked.append)
    fragments.redraw(*keys)
    return asked


@pytest.mark.parametrize(
    ("asked", "redrawn"),
    [
        (["one"], [["canvas"]]),
        (["one", "two"], ["app"]),  # changes of two panels arrived together
        (None, ["app"]),  # and one of the whole page
    ],
)
def test_panels_are_redrawn_alone_only_when_nothing_else_was_asked_for(asked, redrawn, monkeypatch):
    run = SimpleNamespace(fragment_ids_this_run=asked)
    assert rerun_of(run, "canvas", monkeypatch=monkeypatch) == redrawn


@pytest.mark.slow
@needs_avatars
def test_an_address_that_is_out_of_date_is_no_step_back(open_app, monkeypatch):
    app = open_app("browse", model="avatars", n="16", seed="40")
    app.session_state.view = session.replace(app.session_state.view, seed=7)
    app.query_params["seed"] = "3"  # the browser has not received the address with seed 7
    app.run()
    assert app.session_state.view.seed == 7
    assert "".join(app.query_params["seed"]) == "7"
    app.query_params["seed"] = "3"
    monkeypatch.setattr(session, "went_back", lambda: True)
    app.run()
    assert app.session_state.view.seed == 3
