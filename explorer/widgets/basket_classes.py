"""The class of all exemplars of a basket of Arithmetic, for a conditional model.

Every other coordinate of an exemplar's latent stays as it is, so the same faces can be in one
basket with glasses and in another one without.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from explorer.services import stranger_text
from explorer.state import baskets, exemplars, url_parts
from explorer.widgets import basket_names, class_fields
from explorer.widgets.class_picker import capital, in_words
from gan_core.attributes.classifier import readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space import classes


def of(basket: str) -> dict[str, str]:
    """{group: option} of a basket's class, of whatever model."""
    return baskets.classes()[url_parts.BASKETS.index(basket)]


def menu(model: Model, basket: str) -> None:
    """The menu with the class of a basket; nothing for a model without classes."""
    groups = classes.groups_of(model)
    if not groups:
        return
    label = capital(words(model, of(basket))) or invitation(groups)
    class_fields.menu(
        stranger_text.plain(label),
        model,
        f"basket-class-{basket}",
        of(basket),
        partial(baskets.set_class, basket),
    )


def invitation(groups: Sequence[classes.Group]) -> str:
    """The label of the menu where nothing is set yet: "Set digit", or "Set class" for several."""
    return f"Set {'class' if len(groups) > 1 else groups[0].name}"


def latents(model: Model, basket: str) -> np.ndarray:
    """The latents of a basket's exemplars with its class set, float32 (m, nz).

    Raises InputError as `exemplars.latents` does.
    """
    z = exemplars.latents(basket.upper(), model, baskets.text(basket))
    return classes.with_classes(model, z, of(basket))


def words(model: Model, wanted: Mapping[str, str]) -> str:
    """A class in words: "digit 3", "glasses: yes, hat: no"; "" for none."""
    groups = classes.groups_of(model)
    return ", ".join(in_words(g, wanted[g.name]) for g in groups if wanted.get(g.name) in g.options)


def title(model: Model, wish: basket_names.Wish, of_class: Mapping[str, str]) -> str:
    """The name of a basket: what its exemplars should show, and the class that is set in them.

    What the class decides is not said twice, and not said as it was before.
    """
    decided = class_fields.usable(model, of_class)
    rest = {a: has for a, has in wish.items() if group_of(a) not in decided}
    return ", ".join(filter(None, (basket_names.of(rest), words(model, decided))))


def group_of(attribute: str) -> str:
    """The group that decides an attribute: "hair colour" for "hair_colour: red"."""
    return readable_name(attribute).partition(": ")[0]
