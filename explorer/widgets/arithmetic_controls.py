"""The controls of a sum: C alone, random steps of the same length, and no averaging."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.state import baskets, session
from explorer.widgets import arithmetic_formula
from explorer.widgets.arithmetic_formula import Term
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic

RANDOM = 3  # controls in random directions

Controls = list[tuple[str, np.ndarray]]  # caption and picture
Change = Callable[[np.ndarray], np.ndarray]  # of a step in the latent space


def make(
    model: Model,
    terms: Sequence[Term],
    start: np.ndarray,
    way: np.ndarray,
    shell: float,
    apart: Change | None = None,
) -> Controls:
    """[(caption, picture)]: random steps of the same length, and the sum without averaging."""
    strength = session.view().strength
    whole = start + strength * way
    random = [arithmetic.random_control(start, whole, seed) for seed in range(RANDOM)]
    first, single = arithmetic_formula.parts([(weight, z[0]) for _, weight, z in terms])
    single = apart(single) if apart else single
    rows = [start, *random, first + strength * single]
    z = np.stack([arithmetic.calculate([row], [1], shell) for row in rows])
    captions = [f"{terms[baskets.START][0]} alone", *["random"] * RANDOM, "single"]
    return list(zip(captions, renderer.pictures(model, z), strict=True))


def show(controls: Controls) -> None:
    captions = [caption for caption, _ in controls]
    tiles(
        "sum-controls",
        renderer.sheet(np.stack([picture for _, picture in controls])),
        [
            {"id": str(i), "label": f"Control: {caption}", "caption": caption}
            for i, caption in enumerate(captions)
        ],
        lambda _: None,
        label="Controls",
        width=56,
        smooth=session.view().smooth,
    )
    st.caption(
        "Controls, rescaled: C alone; an equally long step from C in three random "
        "directions; the first exemplar of each basket instead of the mean."
    )
