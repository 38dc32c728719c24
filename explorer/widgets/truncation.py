"""The slider of the truncation ψ, with what it does to the model at hand."""

import streamlit as st

from explorer.state import session, url_parts
from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic


def on_the_page(model: Model) -> bool:
    """Whether ψ is a usual control of a model: one whose truncation it was made for."""
    return model.space == "w"


def slider(model: Model, closed: bool = True) -> None:
    """ψ, with an explanation where shorter latents were never trained.

    closed: the slider lies in a popover, as for `session.widget`.
    """
    whole = on_the_page(model)
    least = 0.0 if whole else latent.least_psi(model.prior)
    start = min(least, session.view().psi)  # a link may say less, and then the slider begins there
    st.slider(
        "Truncation ψ",
        start,
        url_parts.MAX_PSI,
        step=0.05,
        help="Below 1, pictures are more typical and less varied; above 1, more extreme.",
        **session.widget("psi", closed=closed, limits=start),
    )
    if not whole:
        st.caption(explanation(model, least))


def explanation(model: Model, least: float) -> str:
    """Why ψ has the limits that it has."""
    if model.has_w:
        return (
            "The mapping network scales z to one length, so ψ hardly changes a picture here. Choose"
            " the latent space w, where ψ leads to the mean picture."
        )
    length = arithmetic.shell(model.prior)
    words = (
        f"ψ scales z. This model was trained almost only on latents of length about {length:.0f}, "
        "and it has no mapping network that could make shorter ones typical: their pictures are "
        "not better but darker and hollow, because the model never learned to draw them."
    )
    return words + (f" So the slider starts at {least:g}." if least else "")
