"""Links: what a page shows, written into and read out of the address bar. Pure functions.

    /?model=avatars&seed=72&psi=0.7&n=36&sort=real&tray=avatars:12,avatars:40@0.7
    /interpolate?model=avatars&keys=3,14,15@0.8&mode=both&closed=1&at=1.25
    /latents?model=avatars&start=7&coords=3:1.25,17:-0.8&frozen=17
    /directions?model=avatars&start=7&along=glasses (normal):2.5,factor 1:-1&locked=beard

A value that cannot be read keeps its default and is named, so that a link with a slip in it
still opens.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from explorer.state.tray import Item
from gan_core.latent import MAX_SEED

NUMBERS = (16, 36, 64, 100)
SIZES = ("small", "medium", "large")
SORTS = ("seed", "real", "fake")
MODES = ("slerp", "lerp", "both")
WAYS = ("sliders", "pad")
SPACES = ("pixels", "discriminator", "effnet")
STEPS = (4, 8, 16, 30)
SOURCES = ("seeds", "tray")
LOOKS = ("attributes", "components", "factors", "saved")
ASKED = ("sample", "path", "training", "upload")
NEIGHBOURS = (4, 8, 16)
MAX_PSI = 1.5
MIN_KEYS, MAX_KEYS = 2, 8
MAX_EXEMPLARS = 16
MAX_STRENGTH = 1.5
MAX_WEIGHT = 3.0  # of a basket
BASKETS = "abcde"
MIN_BASKETS = 3
# Of seeds; a page shows them with blanks between.
LISTS = ("keys", "corners", *BASKETS)
MAX_TRAY = 64
MAX_COORDINATES = 1024  # that a link can tell
MAX_ALONG = 24  # directions with a slider, or locked attributes
FARTHEST = 20.0  # that a slider goes along a direction
NOTHING = "-"  # no direction at all, where an empty text means the usual ones
KEPT = re.compile("~[0-9a-f]{12}")

T = TypeVar("T")
Keyframe = tuple[int, float | None]  # seed and ψ; None where the page's ψ applies
# The same, or the name of a latent in exemplars.py and None.
Exemplar = tuple[int | str, float | None]


@dataclass(frozen=True)
class View:
    """Everything a person has set. The defaults are what a first visit shows.

    keys: the keyframes typed as seeds. picks: the tray's, as places in the link's tray from 1 on;
    empty for the first ones. start, coords, frozen: the latent under the sliders, which is that of
    the seed `start` with some coordinates moved. corners, x, y: the pad, and where its handle is.
    along, locked, level, look: the directions added to that latent with their weights, the
    attributes they leave alone, whether its length is kept, and which ones are looked at.
    a to e: the exemplars of the baskets A to E; sum: the weight of each; strength: how much of
    the sum is added to C; apart: whether the attributes that should stay are taken out of it.
    ask: whose neighbours are shown; of, image: the seed, or the number of the training image;
    by: the attribute that Browse tells and sorts by; empty for the discriminator's score.
    picture: in place of that seed "12@0.7", or the name of a latent in exemplars.py; space: what
    is compared; k: how many neighbours.
    browser: whether the visitor's browser draws the live picture.
    undo, redo: what the arithmetic's settings were before, as explorer.state.baskets keeps them.
    No link
    carries them; they stand here so that a change and the way back from it are stored as one.
    """

    model: str | None = None
    weights: str = ""
    seed: int = 0
    psi: float = 1.0
    n: int = 36
    size: str = "medium"
    sort: str = "seed"
    by: str = ""
    smooth: bool = False
    source: str = "seeds"
    keys: str = "0, 1, 2"
    picks: str = ""
    mode: str = "slerp"
    closed: bool = False
    step: int = 8
    at: float = 0.0
    way: str = "sliders"
    start: int = 0
    coords: str = ""
    frozen: str = ""
    corners: str = "0, 1, 2, 3"
    x: float = 0.5
    y: float = 0.5
    along: str = ""
    locked: str = ""
    level: bool = False
    look: str = "attributes"
    a: str = ""
    b: str = ""
    c: str = ""
    d: str = ""
    e: str = ""
    sum: str = "1,-1,1"
    strength: float = 1.0
    apart: bool = False
    ask: str = "sample"
    of: int = 0
    picture: str = ""
    image: int = 0
    space: str = "pixels"
    k: int = 8
    run: str = ""
    browser: bool = False
    undo: tuple = ()
    redo: tuple = ()


# Which settings each page's link carries, besides model and tray.
PAGES = {
    "browse": ("seed", "psi", "n", "size", "sort", "by", "smooth"),
    "interpolate": (
        *("psi", "source", "keys", "picks", "mode", "closed", "step"),
        *("at", "smooth", "browser"),
    ),
    "latents": (
        *("psi", "way", "start", "coords", "frozen"),
        *("corners", "x", "y", "mode", "smooth", "browser"),
    ),
    "directions": (
        *("psi", "start", "coords", "along", "locked", "level"),
        *("look", "smooth", "browser"),
    ),
    "arithmetic": (*BASKETS, "sum", "strength", "apart", "smooth", "browser"),
    "neighbours": ("ask", "of", "picture", "image", "space", "k", "smooth"),
    "memorisation": ("space", "smooth"),
    "photo": ("smooth",),
    "train": ("run",),
    "card": (),
    "import": (),
    "about": (),
}


def names(view: View, page: str) -> tuple[str, ...]:
    """The settings that a page's link carries."""
    if page == "neighbours" and view.ask == "path":
        return tuple(dict.fromkeys((*PAGES[page], *PAGES["interpolate"])))
    return PAGES[page]


def write(view: View, page: str, tray_items: Iterable[Item] = ()) -> dict[str, str]:
    """A View as query parameters, str -> str; settings at their default are left out.

    Model and seed always stand in the link, so that it says what it shows.
    """
    params = {"model": view.model or "", "weights": view.weights}
    for name in names(view, page):
        value = getattr(view, name)
        if name == "keys":
            params[name] = ",".join(sift(value)[0])
        elif name in LISTS and value != getattr(View, name):
            params[name] = ",".join(split_keys(value))
        elif name == "seed" or value != getattr(View, name):
            params[name] = write_value(value)
    params["tray"] = write_tray(tray_items)
    return {name: value for name, value in params.items() if value}


def read(params: Mapping[str, str], page: str = "browse") -> tuple[View, list[str]]:
    """Query parameters -> (View, [names of the parameters that could not be read]).

    `seed` is what a picture starts from on any page, where its own `start` does not say otherwise.
    """
    readers: dict[str, Callable[[str], Any]] = {
        "model": read_model,
        "weights": read_weights,
        "seed": lambda text: read_int(text, 0, MAX_SEED),
        "psi": lambda text: read_float(text, 0.0, MAX_PSI),
        "n": lambda text: read_choice(int(text), NUMBERS),
        "size": lambda text: read_choice(text, SIZES),
        "sort": lambda text: read_choice(text, SORTS),
        "by": read_model,
        "smooth": read_bool,
        "source": lambda text: read_choice(text, SOURCES),
        "keys": lambda text: write_keys(read_keys(",".join(sift(text)[0]))),
        "picks": read_picks,
        "mode": lambda text: read_choice(text, MODES),
        "closed": read_bool,
        "step": lambda text: read_choice(int(text), STEPS),
        "at": lambda text: read_float(text, 0.0, MAX_KEYS),
        "way": lambda text: read_choice(text, WAYS),
        "start": lambda text: read_int(text, 0, MAX_SEED),
        "coords": lambda text: write_coordinates(read_coordinates(text)),
        "frozen": read_frozen,
        "along": lambda text: write_along(read_along(text)),
        "locked": lambda text: write_names(read_names(text)),
        "level": read_bool,
        "apart": read_bool,
        "look": lambda text: read_choice(text, LOOKS),
        "corners": lambda text: write_keys(read_corners(text)),
        **dict.fromkeys(BASKETS, lambda text: write_keys(read_exemplars(text))),
        "sum": lambda text: write_sum(read_sum(text)),
        "strength": lambda text: read_float(text, 0.0, MAX_STRENGTH),
        "ask": lambda text: read_choice(text, ASKED),
        "image": lambda text: read_int(text, 0, MAX_SEED),
        "of": lambda text: read_int(text, 0, MAX_SEED),
        "picture": read_picture,
        "k": lambda text: read_choice(int(text), NEIGHBOURS),
        "space": lambda text: read_choice(text, SPACES),
        "run": read_model,
        "browser": read_bool,
        "x": lambda text: read_float(text, 0.0, 1.0),
        "y": lambda text: read_float(text, 0.0, 1.0),
    }
    values: dict[str, Any] = {}
    unread = []
    for name, reader in readers.items():
        if name not in params:
            continue
        try:
            values[name] = reader(params[name])
        except ValueError:
            unread.append(name)
    if "start" in PAGES[page] and "start" not in params and "seed" in values:
        values["start"] = values["seed"]
    if "keys" in values and sift(params["keys"])[1]:
        unread.append("keys")
    return replace(View(), **values), unread


def write_keys(keys: Iterable[Exemplar]) -> str:
    """Keyframes (seed, ψ or None) as a person types them: "3, 14, 15@0.7"."""
    return ", ".join(str(s) if psi is None else f"{s}@{write_value(psi)}" for s, psi in keys)


def read_keys(text: str) -> list[Keyframe]:
    """ "3, 14, 15@0.7" -> [(3, None), (14, None), (15, 0.7)], two to eight of them.

    Raises ValueError when it is anything else.
    """
    parts = split_keys(text)
    if not MIN_KEYS <= len(parts) <= MAX_KEYS:
        raise ValueError(f"{len(parts)} keyframes")
    return [read_seed(part) for part in parts]


def sift(text: str) -> tuple[list[str], list[str]]:
    """The parts of a list of keyframes that can be read, and the first letters of the others."""
    readable: list[str] = []
    lost: list[str] = []
    for part in split_keys(text):
        try:
            read_seed(part)
            (readable if len(readable) < MAX_KEYS else lost).append(part)
        except ValueError:
            lost.append(part[:12])
    return readable, lost


def read_corners(text: str) -> list[Keyframe]:
    """ "0, 1, 2, 3" -> four (seed, ψ or None), in reading order. Raises ValueError otherwise."""
    corners = read_keys(text)
    if len(corners) != 4:
        raise ValueError(f"{len(corners)} corners")
    return corners


def read_exemplars(text: str) -> list[Exemplar]:
    """ "3, 14@0.7" -> [(3, None), (14, 0.7)], at most 16, none twice; else ValueError.

    A picture without a seed stands by its name in exemplars.py: "~0123456789ab", None.
    """
    parts = split_keys(text)
    exemplars: list[Exemplar] = [
        (part, None) if KEPT.fullmatch(part) else read_exemplar(part) for part in parts
    ]
    if len(exemplars) > MAX_EXEMPLARS or len(set(exemplars)) < len(exemplars):
        raise ValueError(f"{len(exemplars)} exemplars")
    return exemplars


def read_picture(text: str) -> str:
    """ "3@0.7" -> "3@0.7", one exemplar; else ValueError."""
    (one,) = read_exemplars(text)
    return write_keys([one])


def read_exemplar(text: str) -> Keyframe:
    """A seed and its ψ as they are written again: "3@1" is "3"."""
    seed, psi = read_seed(text)
    psi = None if psi is None else float(write_value(psi))
    return seed, None if psi == 1 else psi


def write_sum(weights: Iterable[float]) -> str:
    """[1.0, -1.0, 0.5] -> "1,-1,0.5", the weights of the baskets."""
    return ",".join(f"{weight:g}" for weight in weights)


def read_sum(text: str) -> list[float]:
    """ "1,-1,0.5" -> [1.0, -1.0, 0.5], three to five of them; else ValueError."""
    parts = text.split(",")
    if not MIN_BASKETS <= len(parts) <= len(BASKETS):
        raise ValueError(f"{len(parts)} weights")
    return [round(read_float(part, -MAX_WEIGHT, MAX_WEIGHT), 2) for part in parts]


def write_coordinates(moved: Mapping[int, float]) -> str:
    """{3: 1.25, 17: -0.8} -> "3:1.25,17:-0.8"; nine digits tell a float32 from any other."""
    return ",".join(f"{i}:{value:.9g}" for i, value in sorted(moved.items()))


def read_coordinates(text: str) -> dict[int, float]:
    """ "3:1.25,17:-0.8" -> {3: 1.25, 17: -0.8}. Raises ValueError when it is anything else."""
    parts = text.split(",") if text else []
    pairs = [part.partition(":") for part in parts[: MAX_COORDINATES + 1]]
    if len(pairs) > MAX_COORDINATES or not all(colon for _, colon, _ in pairs):
        raise ValueError(text[:20])
    limit = 1000.0
    return {read_int(i, 0, 65535): read_float(value, -limit, limit) for i, _, value in pairs}


def read_frozen(text: str) -> str:
    """ "3,17" -> "3,17", numbers of coordinates."""
    parts = text.split(",")
    if len(parts) > MAX_COORDINATES:
        raise ValueError(text[:20])
    return ",".join(str(read_int(part, 0, 65535)) for part in parts)


def write_along(weights: Mapping[str, float]) -> str:
    """{"glasses (normal)": 2.5} -> "glasses (normal):2.5"; none at all is "-"."""
    parts = (f"{escape(name)}:{weight:g}" for name, weight in weights.items())
    return ",".join(parts) or NOTHING


def read_along(text: str) -> dict[str, float]:
    """ "glasses (normal):2.5" -> {"glasses (normal)": 2.5}; ValueError for anything else."""
    parts = [] if text == NOTHING else text.split(",")
    pairs = [part.rpartition(":") for part in parts]
    if len(pairs) > MAX_ALONG or not all(colon for _, colon, _ in pairs):
        raise ValueError(text[:20])
    return {read_name(n): read_float(weight, -FARTHEST, FARTHEST) for n, _, weight in pairs}


def write_names(names: Iterable[str]) -> str:
    """["beard", "hat"] -> "beard,hat"."""
    return ",".join(map(escape, names))


def read_names(text: str) -> list[str]:
    """ "beard,hat" -> ["beard", "hat"]; ValueError for too many or what cannot be a name."""
    names = [read_name(part) for part in text.split(",") if part]
    if len(names) > MAX_ALONG:
        raise ValueError(text[:20])
    return names


def escape(name: str) -> str:
    """A name without the comma that parts it from the next."""
    return name.replace("%", "%25").replace(",", "%2C")


def read_name(text: str) -> str:
    return read_model(unquote(text))


def split_keys(text: str) -> list[str]:
    """What stands between commas, semicolons or spaces."""
    return text.replace(";", ",").replace(",", " ").split()


def read_seed(text: str) -> Keyframe:
    """ "15@0.7" -> (15, 0.7), "15" -> (15, None)."""
    seed, at, psi = text.partition("@")
    return read_int(seed, 0, MAX_SEED), read_float(psi, 0.0, MAX_PSI) if at else None


def write_tray(items: Iterable[Item]) -> str:
    """The items that came from seeds: "avatars:12,avatars:40@0.7"."""
    return ",".join(
        f"{quote(item.model, safe='')}:{item.seed}"
        + ("" if item.psi == 1.0 else f"@{write_value(item.psi)}")
        for item in items
        if item.seed is not None
    )


def read_tray(text: str) -> tuple[list[tuple[str, int, float]], int]:
    """ "avatars:12,avatars:40@0.7" -> ([(model, seed, ψ)], number of parts left out)."""
    items, unread = [], 0
    parts = [part for part in text.split(",") if part]
    for part in parts[:MAX_TRAY]:
        model, _, rest = part.rpartition(":")
        try:
            seed, psi = read_seed(rest)
            items.append((read_model(unquote(model)), seed, 1.0 if psi is None else psi))
        except ValueError:
            unread += 1
    return items, unread + len(parts[MAX_TRAY:])


def write_value(value: str | float) -> str:
    """A setting as it stands in a link."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_picks(text: str) -> str:
    """ "3,1" -> "3,1", places on the tray."""
    places = text.split(",")
    if len(places) > MAX_KEYS:
        raise ValueError(text)
    return ",".join(str(read_int(place, 1, MAX_TRAY)) for place in places)


def read_model(text: str) -> str:
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError(text)
    return text


def read_weights(text: str) -> str:
    if not 0 < len(text) <= 64 or not text.isalnum():
        raise ValueError(text)
    return text


def read_bool(text: str) -> bool:
    return read_choice(text, ("0", "1")) == "1"


def read_choice(value: T, choices: Collection[T]) -> T:
    if value not in choices:
        raise ValueError(value)
    return value


def read_int(text: str, low: int, high: int) -> int:
    # int() would also take "1_000", " 7" and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(text)
    return int(read_choice(int(text), range(low, high + 1)))


def read_float(text: str, low: float, high: float) -> float:
    value = float(text)
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(text)
    return value
