"""The sheet of a sum: one picture with the baskets, the results, the controls and the table."""

from collections.abc import Sequence

import numpy as np

from explorer.services import renderer
from explorer.state import baskets, url_parts
from explorer.state.url_state import View
from explorer.widgets import arithmetic_formula, basket_classes
from explorer.widgets.arithmetic_controls import Controls
from explorer.widgets.arithmetic_formula import Term
from gan_core.checkpoint import Model
from gan_core.data import media
from gan_core.latent_space import arithmetic, arithmetic_slide


def draw(
    name: str,
    model: Model,
    terms: Sequence[Term],
    view: View,
    z: np.ndarray,
    images: np.ndarray,
    near: np.ndarray,
    controls: Controls,
    seen: list[list[str]],
    locked: Sequence[str],
) -> bytes:
    """A slide with everything on it, as the bytes of a PNG."""
    drawn, shell = [], arithmetic.shell(model.prior)
    # The sheet is drawn when it is downloaded, without a session.
    letters = url_parts.BASKETS.upper()
    wishes = dict(zip(letters, url_parts.read_wishes(view.wishes), strict=False))
    of_class = dict(zip(letters, url_parts.read_class_list(view.basket_classes), strict=False))
    for i, (letter, weight, latents) in enumerate(terms):
        mean = arithmetic.calculate([arithmetic.concept(latents)], [1], shell)
        mean = renderer.pictures(model, mean[None])[0]
        whole = weight if i == baskets.START else weight * view.strength
        pictures = renderer.pictures(model, latents)
        title = basket_classes.title(model, wishes.get(letter, {}), of_class.get(letter, {}))
        drawn.append(arithmetic_slide.Basket(letter, whole, mean, pictures, title))
    lengths = [renderer.length(model.space, row) for row in z]
    figure = arithmetic_slide.Figure(
        title=arithmetic_formula.formula(
            [(letter, weight) for letter, weight, _ in terms], view.strength, locked
        ),
        subtitle=f"{name}, weights {model.hash}",
        baskets=drawn,
        results=[
            (f"As summed\n{lengths[0]}", images[0]),
            (f"On the prior’s shell\n{lengths[1]}", images[1]),
        ],
        near=near,
        controls=controls,
        seen=seen,
        notes=[
            "Each letter is the mean latent of its exemplars (Radford et al. 2016), drawn on the"
            " shell. Neighbourhood: the result on the shell, with uniform noise of ±0.25.",
            (
                "Controls, on the shell: C alone; C moved equally far in random directions; the "
                "first exemplars instead of the means. Classifier: averaged over exemplars and "
                "controls."
            ),
        ],
        crisp=not view.smooth,
    )
    return media.encode(np.asarray(arithmetic_slide.draw(figure)), "PNG")
