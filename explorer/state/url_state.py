"""Links: what a page shows, written into the address bar and read from it. Pure functions.

    /?model=avatars&seed=72&psi=0.7&n=36&sort=real&tray=avatars:12,avatars:40@0.7
    /interpolate?model=avatars&keys=3,14,15@0.8&mode=both&closed=1&at=1.25
    /latents?model=avatars&start=7&coords=3:1.25,17:-0.8&frozen=17
    /directions?model=avatars&start=7&along=glasses (normal):2.5,factor 1:-1&locked=beard
    /game?preset=k&first=lr_d:0.002&second=k:3&game_seed=4
    /latents?model=avatars&lesson=tour&lesson_step=1

The class View is the table of all settings; links are written, read and documented from it. A value
that cannot be read keeps its default and is named in a warning, so that a link with a typo opens.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from explorer.state import lesson as lessons
from explorer.state.tray import Item
from explorer.state.url_parts import (
    BASKETS,
    CORNERS,
    MAX_KEYS,
    MAX_PSI,
    T,
    read_along,
    read_bool,
    read_choice,
    read_class_list,
    read_classes,
    read_coordinates,
    read_corners,
    read_exemplars,
    read_float,
    read_frozen,
    read_game,
    read_int,
    read_keys,
    read_label,
    read_names,
    read_picks,
    read_picture,
    read_sum,
    read_weights,
    read_wishes,
    sift,
    write_along,
    write_class_list,
    write_classes,
    write_coordinates,
    write_keys,
    write_names,
    write_readable,
    write_seeds,
    write_sum,
    write_tray,
    write_value,
    write_wishes,
)
from gan_core.game import points, presets
from gan_core.latent import MAX_SEED

NUMBERS = (16, 36, 64, 100)
SIZES = ("small", "medium", "large")
# Of the samples on a page: by seed, the most and the least real first. "best" and "worst" are the
# same of all seeds in the table that a model has; "varied" begins with good ones that differ, and
# "sure" with those that most certainly have what is searched for.
SORTS = ("seed", "real", "fake", "varied", "best", "worst", "sure")
REALISM = "realism"  # as a score to sort by, in place of an attribute
MOST_RANKED = 65536  # seeds in a table
# Settings that follow the model where neither a link nor a person has given them, see
# explorer.state.openings.
FOLLOWING = ("by", "sort", "start", "keys", "corners", "of", "smooth", "latent", "mode")
MODES = ("slerp", "lerp", "both")
WAYS = ("sliders", "pad")
LATENT_SPACES = ("z", "w")
SPACES = ("pixels", "discriminator", "effnet")
STEPS = (4, 8, 16, 30)
FILM_SECONDS = (3.0, 12.0)
FILM_SIDES = (128, 256, 512)  # pixels
SOURCES = ("seeds", "tray")
LOOKS = ("attributes", "components", "factors", "saved")
QUERIES = ("sample", "path", "training", "upload")
NEIGHBOURS = (4, 8, 16)
MAX_STRENGTH = 1.5


# How a setting is read: text -> value, or ValueError.


def integer(low: int, high: int) -> Callable[[str], int]:
    return lambda text: read_int(text, low, high)


def number(low: float, high: float) -> Callable[[str], float]:
    return lambda text: read_float(text, low, high)


def choice(choices: Collection[Any]) -> Callable[[str], Any]:
    kind = type(next(iter(choices)))
    return lambda text: read_choice(kind(text), choices)


def normal(read: Callable[[str], T], write: Callable[[T], str]) -> Callable[[str], str]:
    """For a setting that is a text: checked, and in its usual form."""
    return lambda text: write(read(text))


def class_list(most: int) -> Callable[[str], str]:
    """For the classes of several latents, see read_class_list."""
    return normal(lambda text: read_class_list(text, most), write_class_list)


def setting(
    default: Any,
    read: Callable[[str], Any],
    pages: str,
    about: str,
    write: Callable[[Any], str] = write_value,
    always: bool = False,
) -> Any:
    """A row of the table: how a link says the setting, and the pages whose links do.

    pages: names separated by spaces. always: whether links say it at its default, too.
    """
    row = {"read": read, "write": write, "pages": tuple(pages.split()), "always": always}
    return field(default=default, metadata={**row, "about": about})


LIVE = "interpolate latents directions arithmetic"
MODEL = f"browse {LIVE} neighbours memorisation photo"
ALL = f"{MODEL} game lessons train card import about"
ANY_SEED = integer(0, MAX_SEED)
READABLE = normal(lambda text: read_keys(",".join(sift(text)[0])), write_keys)
EXEMPLARS = normal(read_exemplars, write_keys)
NAMES = normal(read_names, write_names)
UNIT = number(0, 1)


@dataclass(frozen=True)
class View:
    """Everything a person has set, one row a setting. The defaults are what a first visit shows."""

    model: str | None = setting(None, read_label, ALL, "the model")
    weights: str = setting("", read_weights, ALL, "the first digits of the hash of its weights")
    seed: int = setting(0, ANY_SEED, "browse", "the first seed", always=True)
    psi: float = setting(
        1.0, number(0, MAX_PSI), "browse interpolate latents directions", "truncation ψ"
    )
    latent: str = setting(
        "z", choice(LATENT_SPACES), f"browse {LIVE} neighbours photo", "the latent space"
    )
    n: int = setting(36, choice(NUMBERS), "browse", "the number of samples")
    size: str = setting("medium", choice(SIZES), "browse", "the size of the pictures")
    sort: str = setting(
        *("seed", choice(SORTS), "browse"),
        "the order of the samples: real, fake within a page; varied, best, worst of the table; "
        "sure: the most certain results of a search first",
    )
    by: str = setting(
        *("", read_label, "browse"), "the attribute to sort by, or realism, instead of D(x)"
    )
    having: str = setting("", NAMES, "browse", "attributes that the samples have")
    lacking: str = setting("", NAMES, "browse", "attributes that the samples lack")
    classes: str = setting(
        *("", normal(read_classes, write_classes), "browse"),
        "the class set in every latent of a conditional model: GROUP:OPTION",
    )
    rank: int = setting(
        *(0, integer(0, MOST_RANKED), "browse"), "samples of the ranking before the first one shown"
    )
    beside: str = setting(
        *("", read_label, "browse interpolate latents"),
        "a model that draws the same latents, or an earlier state of this one: NAME@KIMG",
    )
    smooth: bool = setting(False, read_bool, MODEL, "smooth scaling of pictures")
    source: str = setting("seeds", choice(SOURCES), "interpolate", "where the keyframes come from")
    keys: str = setting("0, 1, 2", READABLE, "interpolate", "keyframes", write_readable, True)
    key_classes: str = setting(
        *("", class_list(MAX_KEYS), "interpolate"),
        "the classes set in the keyframes of a conditional model",
    )
    picks: str = setting("", read_picks, "interpolate", "keyframes: places on the link's tray")
    mode: str = setting("slerp", choice(MODES), "interpolate latents", "the interpolation")
    closed: bool = setting(False, read_bool, "interpolate", "whether the path is a loop")
    step: int = setting(8, choice(STEPS), "interpolate", "frames per segment")
    at: float = setting(0.0, number(0, MAX_KEYS), "interpolate", "the position on the path")
    seconds: float = setting(
        4.0, number(*FILM_SECONDS), "interpolate", "the duration of the film, in seconds"
    )
    pingpong: bool = setting(
        False, read_bool, "interpolate", "whether the film runs back and forth"
    )
    side: int = setting(
        256, choice(FILM_SIDES), "interpolate", "the height of the film's file, in pixels"
    )
    way: str = setting("sliders", choice(WAYS), "latents", "sliders or the pad")
    start: int = setting(0, ANY_SEED, "latents directions", "the seed of the latent that is moved")
    coords: str = setting(
        *("", normal(read_coordinates, write_coordinates), "latents directions"),
        "coordinates of that latent that were changed",
    )
    frozen: str = setting("", read_frozen, "latents", "coordinates that resampling leaves alone")
    corners: str = setting(
        "0, 1, 2, 3", normal(read_corners, write_keys), "latents", "the pad's corners", write_seeds
    )
    corner_classes: str = setting(
        *("", class_list(CORNERS), "latents"),
        "the classes set in the pad's corners, for a conditional model",
    )
    x: float = setting(0.5, UNIT, "latents", "where the pad's handle is, from the left")
    y: float = setting(0.5, UNIT, "latents", "where the pad's handle is, from the top")
    along: str = setting(
        "", normal(read_along, write_along), "directions", "the directions with their weights"
    )
    locked: str = setting(
        "",
        normal(read_names, write_names),
        "directions",
        "attributes that the directions leave alone",
    )
    level: bool = setting(False, read_bool, "directions", "whether the latent keeps its length")
    look: str = setting("attributes", choice(LOOKS), "directions", "which directions are listed")
    a: str = setting("", EXEMPLARS, "arithmetic", "the exemplars of basket A", write_seeds)
    b: str = setting("", EXEMPLARS, "arithmetic", "the exemplars of basket B", write_seeds)
    c: str = setting("", EXEMPLARS, "arithmetic", "the exemplars of basket C", write_seeds)
    d: str = setting("", EXEMPLARS, "arithmetic", "the exemplars of basket D", write_seeds)
    e: str = setting("", EXEMPLARS, "arithmetic", "the exemplars of basket E", write_seeds)
    basket_classes: str = setting(
        *("", class_list(len(BASKETS)), "arithmetic"),
        "the classes that all exemplars of each basket have, for a conditional model",
    )
    sum: str = setting("1,-1,1", normal(read_sum, write_sum), "arithmetic", "the baskets' weights")
    wishes: str = setting(
        "", normal(read_wishes, write_wishes), "arithmetic", "what each basket should show"
    )
    strength: float = setting(
        1.0, number(0, MAX_STRENGTH), "arithmetic", "how much of the sum is added to C"
    )
    apart: bool = setting(False, read_bool, "arithmetic", "whether other attributes are left alone")
    ask: str = setting("sample", choice(QUERIES), "neighbours", "whose neighbours are shown")
    of: int = setting(0, ANY_SEED, "neighbours", "the seed of the sample")
    picture: str = setting("", read_picture, "neighbours", "a sample with its ψ, or without a seed")
    image: int = setting(0, ANY_SEED, "neighbours", "the number of the training image")
    space: str = setting(
        "pixels", choice(SPACES), "neighbours memorisation", "what distances compare"
    )
    k: int = setting(8, choice(NEIGHBOURS), "neighbours", "the number of neighbours")
    same_class: bool = setting(
        False, read_bool, "neighbours", "whether only images of the sample’s class are searched"
    )
    run: str = setting("", read_label, "train", "the run that is shown")
    browser: bool = setting(False, read_bool, LIVE, "whether the browser draws the live picture")
    preset: str = setting("first", choice(tuple(presets.PRESETS)), "game", "the preset")
    compare: bool = setting(True, read_bool, "game", "whether both boards of a preset are shown")
    first: str = setting(
        "", read_game, "game", "settings of the first board that differ from the preset's"
    )
    second: str = setting(
        "", read_game, "game", "settings of the second board that differ from the preset's"
    )
    points: str = setting(
        "", normal(points.read, points.write), "game", "your own points, four letters each"
    )
    optimal: bool = setting(False, read_bool, "game", "whether the optimal D is drawn")
    game_seed: int = setting(0, ANY_SEED, "game", "the seed of the players and of the data")
    lesson: str = setting(
        "",
        lessons.read_name,
        ALL,
        "the lesson above the page: its name, or the whole lesson, compressed",
    )
    lesson_step: int = setting(
        0, integer(0, lessons.MAX_STEPS - 1), ALL, "the step of the lesson, from 0"
    )
    large: bool = setting(False, read_bool, ALL, "whether the lesson is shown for a projector")
    # Earlier and later settings of Arithmetic (see explorer.state.baskets), in no link. They are
    # here so that a change and what undoes it are stored in one step.
    undo: tuple = ()
    redo: tuple = ()


SETTINGS = {row.name: row for row in fields(View) if row.metadata}
PAGES = {
    page: tuple(name for name, row in SETTINGS.items() if page in row.metadata["pages"])
    for page in ALL.split()
}


def names(view: View, page: str) -> tuple[str, ...]:
    """The settings that a page's link carries."""
    path = page == "neighbours" and view.ask == "path"
    return tuple(dict.fromkeys((*PAGES[page], *(PAGES["interpolate"] if path else ()))))


def left_open(params: Mapping[str, str], page: str) -> set[str]:
    """The settings of FOLLOWING that a link says nothing about.

    A link that the app wrote names the weights and leaves out settings at their default: a setting
    that its page's links carry then has its default. A link typed by a person leaves it open.
    """
    written = PAGES[page] if "weights" in params else ()
    free = {name for name in FOLLOWING if name not in params and name not in written}
    if "seed" in params:  # these samples, in the order of their seeds
        free -= {"by", "sort"} | ({"start"} if "start" in PAGES[page] else set())
    if {"by", "sort"} & params.keys():
        free -= {"by", "sort"}
    return free - {"start"} if "coords" in params else free


def write(view: View, page: str, tray_items: Iterable[Item] = ()) -> dict[str, str]:
    """A View as query parameters, str -> str; most settings are left out at their default."""
    params = {}
    for name in names(view, page):
        row, value = SETTINGS[name], getattr(view, name)
        if row.metadata["always"] or value != row.default:
            params[name] = row.metadata["write"](value)
    params["tray"] = write_tray(tray_items)
    return {name: value for name, value in params.items() if value}


def read(params: Mapping[str, str], page: str = "browse") -> tuple[View, list[str]]:
    """Query parameters -> (View, [names of the parameters that could not be read]).

    `seed` also sets the `start` of a page whose link does not say a start.
    """
    values: dict[str, Any] = {}
    unread = []
    for name in [name for name in SETTINGS if name in params]:
        try:
            values[name] = SETTINGS[name].metadata["read"](params[name])
        except ValueError:
            unread.append(name)
    if "start" in PAGES[page] and "start" not in params and "seed" in values:
        values["start"] = values["seed"]
    if "keys" in values and sift(params["keys"])[1]:
        unread.append("keys")
    return View(**values), unread
