"""A popover to start the sliders of Latents and Directions from a picture of the tray."""

from explorer.state import session, url_state
from explorer.widgets.tray_popover import tray_popover
from gan_core.checkpoint import Model


def popover(name: str, model: Model) -> None:
    """A popover with a model's pictures on the tray, if there are any.

    name: the model's name in the menu.
    """
    tray_popover(name, model, "start-tiles", start_from, "Pictures on the tray to start from")


def start_from(item_id: str) -> None:
    """Move the sliders to a picture of the tray."""
    item = session.picked().find(item_id)
    if item is None:
        return
    if item.seed is not None:
        session.set_view(start=item.seed, psi=item.psi, coords="", frozen="")
    else:
        coords = url_state.write_coordinates(dict(enumerate(map(float, item.z))))
        session.set_view(coords=coords, frozen="")
