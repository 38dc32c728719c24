"""The class of each corner of the pad on Latents, for a conditional model."""

import numpy as np

from explorer.state import session, url_parts
from explorer.widgets import class_fields
from gan_core.checkpoint import Model

NAMES = ("Upper left", "Upper right", "Lower left", "Lower right")


def choose(model: Model, corners: np.ndarray) -> np.ndarray:
    """A menu for each corner, float32 (4, nz); returns the latents with the classes set.

    Nothing is drawn for a model without classes.
    """
    return class_fields.of_each(model, corners, chosen(), NAMES, "corner-class", take)


def take(i: int, group: str, option: str | None) -> None:
    """Set the class of a group of corner i, None for its own; for callbacks."""
    wanted = chosen()
    wanted[i] = url_parts.with_class(wanted[i], group, option)
    session.set_view(corner_classes=url_parts.write_class_list(wanted))


def chosen() -> list[dict[str, str]]:
    """The classes that are set in the corners, in reading order; {} for none."""
    linked = url_parts.read_class_list(session.view().corner_classes)
    return [*linked, *({} for _ in NAMES)][: len(NAMES)]
