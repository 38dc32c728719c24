"""Two pictures and their difference, side by side."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer.services import renderer, stranger_text
from explorer.state.url_state import View

SIDE = 256  # width of each picture, in pixels
# On a narrow screen Streamlit would stack the columns.
IN_A_ROW = """<style>
[class*="st-key-beside"] .stHorizontalBlock { flex-wrap: nowrap; gap: 0.5rem; }
[class*="st-key-beside"] .stColumn { flex: 1 1 0; min-width: 0; }
</style>"""


def show(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    view: View,
    key: str = "beside",
    alts: Sequence[str] | None = None,
) -> None:
    """Show two pictures and their difference at the same size, in one row even on a phone.

    alts: what the two pictures show; by default their captions.
    """
    first, second = images
    difference = np.abs(first.astype(np.int16) - second).astype(np.uint8)
    shows = (*(alts or captions), f"Absolute difference of {captions[0]} and {captions[1]}")
    captions = (*map(stranger_text.plain, captions), "Absolute difference")
    st.html(IN_A_ROW)
    columns = st.container(key=key).columns(3, width=3 * SIDE + 64)
    for column, picture, caption, alt in zip(
        columns, (first, second, difference), captions, shows, strict=True
    ):
        column.image(
            renderer.large(picture, view.smooth),
            width="stretch",
            caption=caption,
            alt=stranger_text.clean(alt),
        )
