"""The directions with a slider and their weights, as the page Directions and its link hold them."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from explorer.services.direction_store import Known
from explorer.state import session, url_parts
from gan_core.attributes.classifier import readable_name
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from gan_core.util.errors import InputError

GROUPS = {
    "normal": "Attributes, by a classifier’s normal",
    "difference": "Attributes, by difference of means",
    "component": "Principal components",
    "factor": "Factors of the first layer",
    "conditional": "Saved",
    "own": "Saved",
}
FIRST = 6  # sliders of a first visit

Row = tuple[Direction, np.ndarray, float]  # a direction, its vector and its weight


def weights(known: Known) -> dict[str, float]:
    """{name: weight} of the known directions with a slider; by default the strongest few."""
    text = session.view().along
    there = url_parts.read_along(text or url_parts.NOTHING)
    there = {name: weight for name, weight in there.items() if name in known.by_name}
    if there or text == url_parts.NOTHING:
        return there
    names = [known.normals[a].name for a in known.attributes[:FIRST]]
    names = names or [d.name for d in known.discovered[:FIRST]]
    return dict.fromkeys(names, 0.0)


def set_weights(new: Mapping[str, float]) -> None:
    """Put directions and weights into the view, at most as many as fit a link. For callbacks."""
    if len(new) > url_parts.MAX_ALONG:
        session.warn(
            f"At most {url_parts.MAX_ALONG} directions can have a slider; remove one first."
        )
        new = dict(list(new.items())[: url_parts.MAX_ALONG])
    session.set_view(along=url_parts.write_along(new))


def take(names: Collection[str], on: Collection[str], known: Known) -> None:
    """Show a slider for those of `names` that are in `on` and none for the rest. For callbacks."""
    before = weights(known)
    others = {n: w for n, w in before.items() if n not in names or n in on}
    set_weights(others | {n: before.get(n, 0.0) for n in on})


def switch(name: str, known: Known) -> None:
    take([name], [] if name in weights(known) else [name], known)


def reset(known: Known) -> None:
    set_weights(dict.fromkeys(weights(known), 0.0))


def rename(old: str, new: str | None) -> None:
    """Follow a direction's new name, or its removal if that is None. For callbacks."""
    view = session.view()
    if view.along:
        pairs = url_parts.read_along(view.along).items()
        named = {new if name == old else name: weight for name, weight in pairs}
        session.set_view(along=url_parts.write_along({n: w for n, w in named.items() if n}))


def locked(known: Known) -> list[str]:
    """The attributes that every slider leaves alone."""
    return [name for name in url_parts.read_names(session.view().locked) if name in known.normals]


def take_locked() -> None:
    session.set_view(locked=url_parts.write_names(session.value_of("set-locked")))


def half_locked(known: Known) -> dict[str, list[str]]:
    """The groups of which some attributes are locked and others are not: {group: attributes}.

    A group is what stands before the colon: "skin" of "skin: tan".
    """
    groups: dict[str, list[str]] = {}
    for name in known.normals:
        group, colon, _ = readable_name(name).partition(": ")
        if colon:
            groups.setdefault(group, []).append(name)
    on = set(locked(known))
    return {group: all_ for group, all_ in groups.items() if on & set(all_) and set(all_) - on}


def lock(names: Collection[str], known: Known) -> None:
    """Lock these attributes too. For callbacks."""
    on = locked(known)
    more = [name for name in names if name not in on]
    session.set_view(locked=url_parts.write_names([*on, *more]))


def unknown(known: Known) -> list[str]:
    """The directions and attributes in the view that the model does not have."""
    view = session.view()
    names = [
        n for n in url_parts.read_along(view.along or url_parts.NOTHING) if n not in known.by_name
    ]
    return names + [n for n in url_parts.read_names(view.locked) if n not in known.normals]


def held(direction: Direction, known: Known) -> np.ndarray:
    """A direction's vector, orthogonal to all locked attributes except its own; float32 (nz,).

    Raises InputError when nothing of it is left.
    """
    own = direction.about.get("attribute")
    others = [known.normals[name].vector for name in locked(known) if name != own]
    return directions.conditional(direction.vector, others) if others else direction.vector


def chosen(known: Known) -> tuple[list[Row], list[Direction]]:
    """[(Direction, its vector, weight)] ordered by group, and directions that a lock cancels."""
    rows: list[Row] = []
    cancelled = []
    for name, weight in weights(known).items():
        direction = known.by_name[name]
        try:
            rows.append((direction, held(direction, known), weight))
        except InputError:
            cancelled.append(direction)
    order = list(GROUPS)
    return sorted(rows, key=lambda row: order.index(row[0].kind)), cancelled


def step(rows: Sequence[Row]) -> np.ndarray:
    """The weighted sum of the directions, float64 (nz,); rows as from `chosen`."""
    parts = (weight * np.asarray(vector, np.float64) for _, vector, weight in rows)
    return sum(parts, np.zeros((), np.float64))


# Labels.


def label(direction: Direction) -> str:
    """The label of a direction's slider."""
    if direction.kind == "normal":
        return readable_name(str(direction.about["attribute"]))
    if direction.kind == "difference":
        return f"{readable_name(str(direction.about['attribute']))}, means"
    return direction.name


def short(direction: Direction) -> str:
    """The same, shorter, for beside the name of its group."""
    if direction.kind in ("normal", "difference"):
        return readable_name(str(direction.about["attribute"]))
    return (
        direction.name.split()[-1]
        if direction.kind in ("component", "factor")
        else (direction.name)
    )
