"""The title of a page, as high on pages without a model as on those that choose one beside it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def title(words: str) -> DeltaGenerator:
    """Draw the title; returns its row, for widgets beside it."""
    row = st.container(key="page-title", horizontal=True, vertical_alignment="center")
    row.header(words, anchor=False, width="content")
    return row


def links() -> DeltaGenerator:
    """Where the links beside a title are drawn, which stay on one line where they fit on one."""
    return st.container(
        key="page-links",
        horizontal=True,
        vertical_alignment="center",
        width="content",
    )
