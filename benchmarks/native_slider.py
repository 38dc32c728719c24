"""The app with Streamlit's own slider and picture in place of the live canvas, to measure against.

streamlit run benchmarks/native_slider.py
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from explorer.components import canvas  # noqa: E402
from explorer.services import renderer  # noqa: E402


def native(key, model, motions, axes, values, on_release, *, label, smooth=False, **_):
    """A replacement for `canvas.canvas` made of Streamlit's own widgets."""
    (axis,), (value,) = axes, values
    st.session_state.setdefault(key, value)
    st.slider(
        axis["label"],
        axis["min"],
        axis["max"],
        step=axis["step"],
        key=key,
        on_change=lambda: on_release([st.session_state[key]], []),
    )
    z = np.concatenate([motion.latents(np.array([values])) for motion in motions])
    images = renderer.pictures(model, z)
    st.container(width=512).image(renderer.large(images[0], smooth), width="stretch")
    return z, images


canvas.canvas = native  # before the pages, which import it by name, are imported
runpy.run_path(str(ROOT / "explorer" / "app.py"), run_name="__main__")
