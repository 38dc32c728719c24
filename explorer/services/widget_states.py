"""Checks the widget values that a browser sends before Streamlit reads them.

A browser reports every widget's value in a message that anybody can forge: of the wrong type, too
long, not JSON. Streamlit's deserializers raise on these, which replaces the page by an error and
writes a traceback to the log. Here such a value is dropped instead, and the widget keeps its
previous value.

Streamlit has no hook for this, so two methods of its SessionState are wrapped: the one that
receives a message, and the one that registers a widget, for values that arrive before their widget.
A third, which stores what a widget is, is wrapped so that an emptied field still has its kind.
"""

import dataclasses
import functools
import json
import logging
from collections.abc import Callable
from typing import Any

from streamlit.runtime.state import session_state
from streamlit.runtime.state.common import unpack_widget_state_value
from streamlit.runtime.uploaded_file_manager import DeletedFile

MOST = 1_000_000  # characters of a value
DEEPEST = 16  # levels of nested objects and lists
# Streamlit calls whole numbers "double" when it declares a widget.
ALIKE = {"int_value": "double_value"}
JSON = ("json_value", "json_trigger_value")
ARRAYS = ("double_array_value", "int_array_value", "string_array_value")

Check = Callable[[Any, Any], bool]  # of a protobuf WidgetState and Streamlit's WidgetMetadata


def install() -> None:
    """Check all values from now on, in every session. Calling it again changes nothing."""
    state = session_state.SessionState
    if getattr(state, "checks_values", False):
        return
    take_in, register = state.set_widgets_from_proto, state.register_widget
    describe = session_state.WStates.set_widget_metadata

    @functools.wraps(take_in)
    def set_widgets_from_proto(self: Any, widget_states: Any) -> None:
        take_in(self, widget_states)
        known = self._new_widget_state.widget_metadata
        for widget in widget_states.widgets:
            if widget.id in known:
                drop_unless_good(self._new_widget_state, known[widget.id], offered)

    @functools.wraps(register)
    def register_widget(self: Any, metadata: Any, user_key: str | None) -> Any:
        drop_unless_good(self._new_widget_state, metadata)
        return register(self, metadata, user_key)

    @functools.wraps(describe)
    def set_widget_metadata(self: Any, metadata: Any) -> None:
        # Streamlit replaces the kind of a widget's value by that of the value it reads, which is
        # None for an empty field. A run that ends early would leave it so.
        known = self.widget_metadata.get(metadata.id)
        if metadata.value_type is None and known is not None:
            metadata = dataclasses.replace(metadata, value_type=known.value_type)
        describe(self, metadata)

    for owner, name, value in (
        (session_state.WStates, "set_widget_metadata", set_widget_metadata),
        (state, "set_widgets_from_proto", set_widgets_from_proto),
        (state, "register_widget", register_widget),
        (state, "checks_values", True),
    ):
        setattr(owner, name, value)
    logging.getLogger("streamlit.web.server.starlette.starlette_websocket").addFilter(quietly)


def drop_unless_good(values: Any, metadata: Any, *further: Check) -> None:
    """Drop a widget's value if its deserializer could not read it, or a further check fails."""
    value = values.states.get(metadata.id)
    if isinstance(value, session_state.Serialized) and not all(
        check(value.value, metadata) for check in (good, *further)
    ):
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
        if kind in JSON:
            sent = json.loads(getattr(proto, kind))
            # Of a text, a component's deserializer logs that it is not JSON, with a traceback.
            if isinstance(sent, str) or not shallow(sent):
                return False
        value = metadata.deserializer(unpack_widget_state_value(proto))
    except Exception:  # each kind of widget raises its own
        return False
    files = value if isinstance(value, list) else [value]
    return not any(isinstance(file, DeletedFile) for file in files)  # one that never arrived


def offered(proto: Any, metadata: Any) -> bool:
    """Whether a good WidgetState is one of the options, or in the range, that its widget offers.

    Only for values of a widget that the visitor has before them. A value that comes before its
    widget calls no callback, and Streamlit itself compares it with the options.
    """
    serde = getattr(metadata.deserializer, "__self__", None)
    options = getattr(serde, "formatted_option_to_option_index", None)
    if metadata.value_type == "bool_value":  # a toggle, which is never empty
        return proto.WhichOneof("value") is not None
    if options is None and not hasattr(serde, "min_value"):  # neither a menu nor a number
        return True
    if proto.WhichOneof("value") is None:
        usual = getattr(serde, "default_option_index" if options is not None else "value", None)
        return usual is None  # others cannot be emptied
    values = values_of(proto)
    if options is not None and not all(value in options for value in values):
        return False
    # Streamlit replaces what is out of range, too many, or not whole.
    back = metadata.serializer(metadata.deserializer(unpack_widget_state_value(proto)))
    return (back if isinstance(back, list | tuple) else [back]) == values


def values_of(proto: Any) -> list[Any]:
    """The single values in a WidgetState; [] for an empty one."""
    kind = proto.WhichOneof("value")
    if kind is None:
        return []
    value = getattr(proto, kind)
    return list(value.data) if kind in ARRAYS else [value]


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
