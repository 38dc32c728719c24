"""The control for the space of distances; distances and percentages in words."""

import streamlit as st

from explorer.services import nearest
from explorer.state import session

SPACE_NAMES = {
    "pixels": "pixels",
    "discriminator": "D’s features",
    "effnet": "EfficientNet’s features",
}
UNITS = {"pixels": "levels of 256, root mean square"}


def control() -> None:
    """The control for the space."""
    st.segmented_control(
        "Compare in",
        nearest.SPACES,
        format_func=lambda space: nearest.SPACES[space],
        **session.widget("space", nearest.SPACES),
        help="Pixels find exact copies, including mirrored ones. Features find images that look"
        " alike; EfficientNet’s features take minutes to compute the first time.",
    )


def distance_text(distance: float, space: str) -> str:
    """A distance in words."""
    return f"{distance:.1f} levels" if space == "pixels" else f"{distance:.3f}"


def apart_text(distance: float, space: str) -> str:
    """A distance in a sentence of its own, with what it is measured in."""
    if space == "pixels":
        return f"{distance:.1f} of 256 levels apart, root mean square"
    return f"{distance:.3f} apart in features"


def percent_text(share: float) -> str:
    """A percentage in words; 0 and 100 mean exactly none and exactly all."""
    if 0 < share < 0.5:
        return "Less than 1 %"
    return "More than 99 %" if 99.5 <= share < 100 else f"{share:.0f} %"


def short_percent_text(share: float) -> str:
    """A percentage for a caption under a picture."""
    return percent_text(share).replace("Less than", "<").replace("More than", ">")
