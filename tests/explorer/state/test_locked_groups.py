"""The attributes of one group are locked together."""

from types import SimpleNamespace

from explorer.state import direction_state, session


def test_a_group_that_is_locked_in_part_is_offered_whole(monkeypatch):
    view = SimpleNamespace(locked="skin: tan")
    known = SimpleNamespace(
        normals=dict.fromkeys(["skin: tan", "skin: dark", "hair_colour: red", "glasses"])
    )
    monkeypatch.setattr(session, "view", lambda: view)
    monkeypatch.setattr(session, "set_view", lambda **settings: vars(view).update(settings))
    assert direction_state.half_locked(known) == {"skin": ["skin: tan", "skin: dark"]}
    direction_state.lock(["skin: tan", "skin: dark"], known)
    assert direction_state.locked(known) == ["skin: tan", "skin: dark"]
    assert direction_state.half_locked(known) == {}
