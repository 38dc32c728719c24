"""The baskets of A − B + C: their contents and weights, and changes to them, with undo.

Everything is in the view, and so in the link; undoing goes back to an older view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from explorer.state import exemplars, session, url_parts
from explorer.state.url_state import View
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

START = 2  # C, to which the sum of the others is added
MAX_STEPS = 100  # of undo
FIELDS = (*url_parts.BASKETS, "sum", "wishes", "basket_classes", "strength", "apart")


def weights() -> list[float]:
    """The weight of each basket, three to five floats."""
    given = url_parts.read_sum(session.view().sum)
    # A link may fill basket D without giving its weight.
    filled = [i for i, basket in enumerate(url_parts.BASKETS, 1) if getattr(session.view(), basket)]
    return given + [1.0] * (max(filled, default=0) - len(given))


def names() -> str:
    """The baskets in use: "abc", "abcd" or "abcde"."""
    return url_parts.BASKETS[: len(weights())]


def text(basket: str) -> str:
    """The exemplars of a basket, as links write them."""
    return getattr(session.view(), basket)


def wishes() -> list[dict[str, bool]]:
    """What each basket of BASKETS should show, {attribute: whether it should}; {} for no wish."""
    given = url_parts.read_wishes(session.view().wishes)
    return given + [{} for _ in url_parts.BASKETS[len(given) :]]


def wish_for(basket: str, wish: Mapping[str, bool]) -> str:
    """The setting `wishes` after one basket got another wish."""
    after: list[Mapping[str, bool]] = [*wishes()]
    after[url_parts.BASKETS.index(basket)] = wish
    return url_parts.write_wishes(after)


def classes() -> list[dict[str, str]]:
    """The classes set in each basket of BASKETS, {group: option}, of whatever model."""
    given = url_parts.read_class_list(session.view().basket_classes)
    return given + [{} for _ in url_parts.BASKETS[len(given) :]]


def classes_for(basket: str, of_class: Mapping[str, str]) -> str:
    """The setting `basket_classes` after one basket got another class."""
    after: list[Mapping[str, str]] = [*classes()]
    after[url_parts.BASKETS.index(basket)] = of_class
    return url_parts.write_class_list(after)


def held(basket: str) -> list[str]:
    """The same as a list of single exemplars: ["3", "14@0.7"]."""
    return [url_parts.write_keys([exemplar]) for exemplar in url_parts.read_exemplars(text(basket))]


def contents() -> dict[str, Any]:
    """The present values of FIELDS, by name."""
    return as_fields(content(session.view()))


def content(view: View) -> tuple:
    return tuple(getattr(view, name) for name in FIELDS)


def history() -> tuple[tuple, tuple]:
    """The steps that can be undone and those that can be redone, each a tuple from `content`."""
    view = session.view()
    return view.undo, view.redo


# Pure functions: the new view and its history are computed first and then stored in one step.


def changed(view: View, **new: Any) -> View:
    """A View with other values of FIELDS, one step later in its history."""
    after = replace(view, **new)
    if content(after) == content(view):
        return view
    return replace(after, undo=(*view.undo, content(view))[-MAX_STEPS:], redo=())


def stepped(view: View, way: int) -> View:
    """A View after undoing (−1) or redoing (1) one step, if there is one."""
    undo, redo, now = view.undo, view.redo, content(view)
    if way < 0 and undo:
        return replace(view, **as_fields(undo[-1]), undo=undo[:-1], redo=(*redo, now))
    if way > 0 and redo:
        return replace(view, **as_fields(redo[-1]), undo=(*undo, now), redo=redo[:-1])
    return view


def as_fields(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(FIELDS, values, strict=True))


# For callbacks.


def change(**new: Any) -> None:
    """Change FIELDS, as one step that can be undone."""
    session.store(changed(session.view(), **new))


def step(way: int) -> None:
    """Undo (−1) or redo (1)."""
    session.store(stepped(session.view(), way))


def add() -> None:
    """Add an empty basket with weight 1."""
    now = weights()
    if len(now) < len(url_parts.BASKETS):
        change(sum=url_parts.write_sum([*now, 1.0]))


def remove(basket: str) -> None:
    """Remove a basket; later ones move up."""
    place = url_parts.BASKETS.index(basket)
    left = [text(other) for other in url_parts.BASKETS if other != basket]
    now, wanted, of_class = weights(), wishes(), classes()
    del wanted[place], of_class[place]
    change(
        **dict(zip(url_parts.BASKETS, [*left, ""], strict=True)),
        sum=without(now, place),
        wishes=url_parts.write_wishes(wanted),
        basket_classes=url_parts.write_class_list(of_class),
    )


def without(now: Sequence[float], place: int) -> str:
    return url_parts.write_sum([weight for i, weight in enumerate(now) if i != place])


def weigh(basket: str, weight: float) -> None:
    """Set the weight of a basket."""
    now = weights()
    now[url_parts.BASKETS.index(basket)] = round(float(weight), 2)
    change(sum=url_parts.write_sum(now))


def turn(basket: str) -> None:
    """Change the sign of a basket."""
    weigh(basket, -weights()[url_parts.BASKETS.index(basket)])


def swap() -> None:
    """Exchange the contents of A and B."""
    view = session.view()
    first, second, *rest = wishes()
    wanted = url_parts.write_wishes([second, first, *rest])
    one, other, *others = classes()
    of_class = url_parts.write_class_list([other, one, *others])
    session.store(changed(view, a=view.b, b=view.a, wishes=wanted, basket_classes=of_class))


def set_class(basket: str, group: str, option: str | None) -> None:
    """Set the class of all exemplars of a basket in one group; None: each keeps its own."""
    now = classes()[url_parts.BASKETS.index(basket)]
    change(basket_classes=classes_for(basket, url_parts.with_class(now, group, option)))


def put(basket: str, exemplar: str, wish: Mapping[str, bool] | None = None) -> None:
    """Put an exemplar into a basket, unless it is already there.

    wish: what was searched for; the first exemplar of a basket names the basket after it.
    """
    now = held(basket)
    if exemplar in now:
        return
    if len(now) >= url_parts.MAX_EXEMPLARS:
        session.warn(f"A basket holds {url_parts.MAX_EXEMPLARS} exemplars; remove one first.")
        return
    named = {} if now else {"wishes": wish_for(basket, wish or {})}
    change(**{basket: ", ".join([*now, exemplar])}, **named)


def take_out(basket: str, exemplar: str) -> None:
    """Take an exemplar out of a basket; anything else, such as the mean, is ignored."""
    rest = [one for one in held(basket) if one != exemplar]
    change(**{basket: ", ".join(rest)}, **({} if rest else {"wishes": wish_for(basket, {})}))


def toggle(basket: str, exemplar: str, wish: Mapping[str, bool] | None = None) -> None:
    """Put an exemplar into a basket, or take it out if it is there. wish: as for `put`."""
    if exemplar in held(basket):
        take_out(basket, exemplar)
    else:
        put(basket, exemplar, wish)


def drop(basket: str, name: str, model: Model, what: str) -> None:
    """Handle a drop: `what` is an exemplar of this page, or the id of a picture on the tray."""
    item = session.picked().find(what)
    try:
        exemplar = exemplars.of_item(item, name, model) if item else what
        if len(url_parts.read_exemplars(exemplar)) == 1:
            put(basket, exemplar)
    except InputError as error:
        session.warn(str(error))
    except ValueError:
        session.warn("Only pictures of this page or of the tray can be dropped into a basket.")
