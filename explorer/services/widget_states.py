"""Values of widgets as a browser sends them, checked before Streamlit reads them.

A browser reports every widget's value in a message that anybody can forge: of the wrong kind, too
long, not JSON. Streamlit's readers raise on these, which replaces the page by an error and writes a
traceback into the log. Here such a value is dropped instead, and the widget keeps the one before.

Streamlit has no place for this, so two methods of its SessionState are wrapped: the one that takes
a message in, and the one that registers a widget, for a value that came before its widget.
"""

import functools
import json
import logging
from typing import Any

from streamlit.runtime.state import session_state
from streamlit.runtime.state.common import unpack_widget_state_value
from streamlit.runtime.uploaded_file_manager import DeletedFile

MOST = 1_000_000  # characters of a value
DEEPEST = 16  # objects and lists within one another
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
    """Forget the value of a widget that its own reader could not read."""
    value = values.states.get(metadata.id)
    if isinstance(value, session_state.Serialized) and not good(value.value, metadata):
        del values.states[metadata.id]


def good(proto: Any, metadata: Any) -> bool:
    """Whether a widget's value, a protobuf WidgetState, is one that its widget can have sent."""
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
    except Exception:  # of as many kinds as there are widgets
        return False
    files = value if isinstance(value, list) else [value]
    return not any(isinstance(file, DeletedFile) for file in files)  # one that never came


def shallow(value: Any) -> bool:
    """Whether nothing in a JSON value lies deeper than DEEPEST."""
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
    """A message that is no message closes its connection; the log needs one line, no traceback."""
    record.exc_info = None
    return True
