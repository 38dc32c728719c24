"""Checks the widget values that a browser sends before Streamlit reads them.

A browser reports every widget's value in a message that anybody can forge: of the wrong type, too
long, not JSON. Streamlit's deserializers raise on these, which replaces the page by an error and
writes a traceback to the log. Here such a value is dropped instead, and the widget keeps its
previous value.

Streamlit has no hook for this, so two methods of its SessionState are wrapped: the one that
receives a message, and the one that registers a widget, for values that arrive before their widget.
"""

import functools
import json
import logging
from typing import Any

from streamlit.runtime.state import session_state
from streamlit.runtime.state.common import unpack_widget_state_value
from streamlit.runtime.uploaded_file_manager import DeletedFile

MOST = 1_000_000  # characters of a value
DEEPEST = 16  # levels of nested objects and lists
# Streamlit calls whole numbers "double" when it declares a widget.
ALIKE = {"int_value": "double_value"}
JSON = ("json_value", "json_trigger_value")


def install() -> None:
    """Check all values from now on, in every session. Calling it again changes nothing."""
    state = session_state.SessionState
    if getattr(state, "checks_values", False):
        return
    take_in, register = state.set_widgets_from_proto, state.register_widget

    @functools.wraps(take_in)
    def set_widgets_from_proto(self: Any, widget_states: Any) -> None:
        take_in(self, widget_states)
        known = self._new_widget_state.widget_metadata
        for widget in widget_states.widgets:
            if widget.id in known:
                drop_unless_good(self._new_widget_state, known[widget.id])

    @functools.wraps(register)
    def register_widget(self: Any, metadata: Any, user_key: str | None) -> Any:
        drop_unless_good(self._new_widget_state, metadata)
        return register(self, metadata, user_key)

    for name, value in (
        ("set_widgets_from_proto", set_widgets_from_proto),
        ("register_widget", register_widget),
        ("checks_values", True),
    ):
        setattr(state, name, value)
    logging.getLogger("streamlit.web.server.starlette.starlette_websocket").addFilter(quietly)


def drop_unless_good(values: Any, metadata: Any) -> None:
    """Drop a widget's value if its deserializer could not read it."""
    value = values.states.get(metadata.id)
    if isinstance(value, session_state.Serialized) and not good(value.value, metadata):
        del values.states[metadata.id]


def good(proto: Any, metadata: Any) -> bool:
    """Whether a protobuf WidgetState is a value that its widget can have sent."""
    kind = proto.WhichOneof("value")
    if kind is None:  # a field that was emptied
        return True
    if ALIKE.get(kind, kind) != ALIKE.get(metadata.value_type, metadata.value_type):
        return False
    if proto.ByteSize() > MOST:
        return False
    try:
        if kind in JSON and not shallow(json.loads(getattr(proto, kind))):
            return False
        value = metadata.deserializer(unpack_widget_state_value(proto))
    except Exception:  # each kind of widget raises its own
        return False
    files = value if isinstance(value, list) else [value]
    return not any(isinstance(file, DeletedFile) for file in files)  # one that never arrived


def shallow(value: Any) -> bool:
    """Whether a JSON value is nested at most DEEPEST levels deep."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inside
            for one in level
            if isinstance(one, dict | list)
            for inside in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def quietly(record: logging.LogRecord) -> bool:
    """Log a malformed message, which closes its connection, in one line without a traceback."""
    record.exc_info = None
    return True
