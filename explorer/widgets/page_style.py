"""The look of every page, beyond Streamlit's theme."""

from pathlib import Path

import streamlit as st

STYLE = f"<style>{Path(__file__).with_suffix('.css').read_text(encoding='utf-8')}</style>"


def show() -> None:
    """Put the style into the page."""
    st.html(STYLE)
