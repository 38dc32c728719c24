"""Reruns that a program requests, and when they wait."""

import pytest
from streamlit.testing.v1 import AppTest


def script():
    import streamlit as st

    from explorer.services import background

    st.session_state.count = st.session_state.get("count", 0) + 1
    job = background.Job("Counting", 0.5)
    if st.session_state.count == 1:
        job.ended.set()
    background.watch(job)


@pytest.mark.parametrize(("enlarged", "count"), [(None, 2), ("item1", 1)])
def test_a_page_is_redrawn_when_its_job_ends_but_not_under_a_dialog(enlarged, count):
    app = AppTest.from_function(script)
    app.session_state.enlarged = enlarged
    app = app.run()
    assert app.session_state.count == count
    assert len(app.get("progress")) == 1
