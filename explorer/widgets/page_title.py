"""The title of a page, as high on pages without a model as on those that choose one beside it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def title(words: str) -> DeltaGenerator:
    """Draw the title; returns its row, for widgets beside it."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.header(words, anchor=False, width="content")
    return row
