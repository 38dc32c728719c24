"""How the tests with AppTest read a page, and find a field that the session fills."""

KINDS = (
    *("text_input", "text_area", "number_input", "slider", "selectbox", "multiselect"),
    *("segmented_control", "pills", "toggle", "checkbox", "radio"),
)


def field(app, name):
    """The widget of a name in its present generation, see `explorer.state.session.fill`."""
    state = app.session_state  # which has no method get
    generations = state["generations"] if "generations" in state else {}  # noqa: SIM401
    key = f"{name}~{generations[name]}" if name in generations else name
    fields = [e for kind in KINDS for e in getattr(app, kind)]
    assert key in [e.key for e in fields], f"no field {key}"
    return next(e for e in fields if e.key == key)


def state(app, name):
    return app.session_state[name]


def sentences(app):
    """All that the app complains or informs about; never a traceback."""
    assert not app.exception
    return [element.value for element in [*app.error, *app.warning, *app.info]]
