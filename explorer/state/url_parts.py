"""The parts of a link: each value written as a short text, and read from one within its limits.

A reader raises ValueError for text that is not of its form.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote, unquote

from explorer.state.tray import Item
from gan_core.game import settings
from gan_core.latent import MAX_SEED
from gan_core.util.errors import InputError

MAX_PSI = 1.5
MIN_KEYS, MAX_KEYS = 2, 8
CORNERS = 4  # of the pad
MAX_EXEMPLARS = 16
MAX_WEIGHT = 3.0  # of a basket
BASKETS = "abcde"
MIN_BASKETS = 3
MAX_TRAY = 64
MAX_COORDINATES = 1024  # in a link
MAX_ALONG = 24  # directions with a slider, or locked attributes
FARTHEST = 20.0  # weight of a direction, either way
NOTHING = "-"  # no direction at all; an empty text means the default ones
EXEMPLAR_NAME = re.compile("~[0-9a-f]{12}")
T = TypeVar("T")
Keyframe = tuple[int, float | None]  # seed and ψ; None where the page's ψ applies
# The same, or the name of a latent in exemplars.py and None.
Exemplar = tuple[int | str, float | None]
MAX_WISH = 12  # attributes


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
    """The parts of a list of keyframes that can be read, and the others, shortened."""
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
    if len(corners) != CORNERS:
        raise ValueError(f"{len(corners)} corners")
    return corners


def read_exemplars(text: str) -> list[Exemplar]:
    """ "3, 14@0.7" -> [(3, None), (14, 0.7)], at most 16, none twice; else ValueError.

    A picture without a seed appears by its name in exemplars.py: "~0123456789ab", None.
    """
    parts = split_keys(text)
    exemplars: list[Exemplar] = [
        (part, None) if EXEMPLAR_NAME.fullmatch(part) else read_exemplar(part) for part in parts
    ]
    if len(exemplars) > MAX_EXEMPLARS or len(set(exemplars)) < len(exemplars):
        raise ValueError(f"{len(exemplars)} exemplars")
    return exemplars


def read_picture(text: str) -> str:
    """ "3@0.7" -> "3@0.7", one exemplar; else ValueError."""
    (one,) = read_exemplars(text)
    return write_keys([one])


def read_exemplar(text: str) -> Keyframe:
    """A seed and its ψ in the form in which they are written: "3@1" is "3"."""
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


def read_wishes(text: str) -> list[dict[str, bool]]:
    """ "+Smiling,-Male;;+Smiling" -> [{"Smiling": True, "Male": False}, {}, {"Smiling": True}].

    What the exemplars of each basket should show; names are escaped as in a link. Raises ValueError
    when it is anything else.
    """
    wishes = []
    for part in text.split(";") if text else []:
        wish: dict[str, bool] = {}
        for one in part.split(",") if part else []:
            if one[:1] not in ("+", "-"):
                raise ValueError(one)
            wish[read_label(unquote(one[1:], errors="strict"))] = one[0] == "+"
        if len(wish) > MAX_WISH:
            raise ValueError(f"{len(wish)} attributes")
        wishes.append(wish)
    if len(wishes) > len(BASKETS):
        raise ValueError(f"{len(wishes)} wishes")
    return wishes


def write_wishes(wishes: Iterable[Mapping[str, bool]]) -> str:
    """The same, backwards; empty ones at the end are left out."""
    parts = [
        ",".join(f"{'+' if has else '-'}{quote(name, safe=' :')}" for name, has in wish.items())
        for wish in wishes
    ]
    return ";".join(parts).rstrip(";")


def write_coordinates(moved: Mapping[int, float]) -> str:
    """{3: 1.25, 17: -0.8} -> "3:1.25,17:-0.8"; nine digits identify a float32."""
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
    return {
        read_label(unquote(n)): read_float(weight, -FARTHEST, FARTHEST) for n, _, weight in pairs
    }


def write_names(names: Iterable[str]) -> str:
    """["beard", "hat"] -> "beard,hat"."""
    return ",".join(map(escape, names))


def read_names(text: str) -> list[str]:
    """ "beard,hat" -> ["beard", "hat"]; ValueError for too many or an impossible name."""
    names = [read_label(unquote(part)) for part in text.split(",") if part]
    if len(names) > MAX_ALONG:
        raise ValueError(text[:20])
    return names


def escape(name: str) -> str:
    """A name without commas, which separate names."""
    return name.replace("%", "%25").replace(",", "%2C")


def write_classes(wanted: Mapping[str, str]) -> str:
    """{"digit": "3", "glasses": "no"} -> "digit:3,glasses:no"."""
    return ",".join(
        f"{escape(group).replace(':', '%3A')}:{escape(option)}" for group, option in wanted.items()
    )


def read_classes(text: str) -> dict[str, str]:
    """ "digit:3,glasses:no" -> {"digit": "3", "glasses": "no"}; ValueError for anything else."""
    pairs = [part.partition(":") for part in text.split(",") if part]
    if len(pairs) > MAX_ALONG or not all(colon for _, colon, _ in pairs):
        raise ValueError(text[:20])
    return {read_label(unquote(group)): read_label(unquote(option)) for group, _, option in pairs}


def write_class_list(wanted: Iterable[Mapping[str, str]]) -> str:
    """[{"digit": "3"}, {}, {"digit": "8"}, {}] -> "digit:3;;digit:8"."""
    parts = [write_classes(one).replace(";", "%3B") for one in wanted]
    return ";".join(parts).rstrip(";")


def read_class_list(text: str, most: int = MAX_KEYS) -> list[dict[str, str]]:
    """The same, backwards: the classes of at most so many latents; ValueError otherwise."""
    parts = text.split(";") if text else []
    if len(parts) > most:
        raise ValueError(f"{len(parts)} classes")
    return [read_classes(part) for part in parts]


def with_class(wanted: Mapping[str, str], group: str, option: str | None) -> dict[str, str]:
    """{group: option} after a choice in one group; None for none."""
    rest = {other: one for other, one in wanted.items() if other != group}
    return rest if option is None else rest | {group: option}


def split_keys(text: str) -> list[str]:
    """The parts between commas, semicolons or spaces."""
    return text.replace(";", ",").replace(",", " ").split()


def write_seeds(text: str) -> str:
    """A list of seeds as a person typed it, without spaces."""
    return ",".join(split_keys(text))


def write_readable(text: str) -> str:
    """The same, without the parts that are not keyframes."""
    return ",".join(sift(text)[0])


def read_seed(text: str) -> Keyframe:
    """ "15@0.7" -> (15, 0.7), "15" -> (15, None)."""
    seed, at, psi = text.partition("@")
    return read_int(seed, 0, MAX_SEED), read_float(psi, 0.0, MAX_PSI) if at else None


def write_tray(items: Iterable[Item]) -> str:
    """The items that came from seeds: "avatars:12,avatars:40@0.7", or "40@0.7w" for ψ in w."""
    return ",".join(
        f"{quote(item.model, safe='')}:{item.seed}"
        + ("" if item.psi == 1.0 else f"@{write_value(item.psi)}" + item.space.strip("z"))
        for item in items
        if item.seed is not None
    )


def read_tray(text: str) -> tuple[list[tuple[str, int, float, str]], int]:
    """ "avatars:12,avatars:40@0.7" -> ([(model, seed, ψ, space)], number of unreadable parts)."""
    items, unread = [], 0
    parts = [part for part in text.split(",") if part]
    for part in parts[:MAX_TRAY]:
        model, _, rest = part.rpartition(":")
        try:
            space = "w" if "@" in rest and rest.endswith("w") else "z"
            seed, psi = read_seed(rest.removesuffix("w") if space == "w" else rest)
            items.append((read_label(unquote(model)), seed, 1.0 if psi is None else psi, space))
        except ValueError:
            unread += 1
    return items, unread + len(parts[MAX_TRAY:])


def write_value(value: str | float) -> str:
    """A setting as a link writes it."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_picks(text: str) -> str:
    """ "3,1" -> "3,1", places on the tray."""
    places = text.split(",")
    if len(places) > MAX_KEYS:
        raise ValueError(text)
    return ",".join(str(read_int(place, 1, MAX_TRAY)) for place in places)


def read_label(text: str) -> str:
    """The name of a model, a run, an attribute or a direction."""
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError(text)
    return text


def read_weights(text: str) -> str:
    if not 0 < len(text) <= 64 or not text.isalnum():
        raise ValueError(text)
    return text


def read_game(text: str) -> str:
    """ "k:5,objective:hinge" -> the same, settings of a game; else ValueError."""
    try:
        settings.read(text, settings.Settings())
    except InputError as error:
        raise ValueError(text[:20]) from error
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
