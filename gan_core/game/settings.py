"""The settings of a game: one table of names, defaults and ranges.

The names are those of `gan_core.training.config` where both have a setting, and a penalty belongs
to the same objectives as there: clip to wgan, gp to wgan-gp, r1 to the others.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan_core.game import distributions
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError

OPTIMISERS = ("sgd", "momentum", "adam")
ACTIVATIONS = ("leaky relu", "tanh")
SLOPE = 0.2  # of the leaky ReLU, for negative numbers
MOMENTUM = 0.9
BETAS = (0.5, 0.999)  # of Adam
LONGEST = 20  # characters of a number in a link


def field(default: Any, low: float = 0, high: float = 0, choices: tuple[Any, ...] = ()) -> Any:
    """A field of Settings with its range (from low to high), or with its choices."""
    return dataclasses.field(
        default=default, metadata={"low": low, "high": high, "choices": choices}
    )


@dataclass(frozen=True)
class Settings:
    """Everything that decides a game besides the seed and a person's own points."""

    data: str = field("8 gaussians", choices=distributions.DATA)
    prior: str = field("uniform", choices=distributions.PRIORS)
    objective: str = field("non-saturating", choices=tuple(OBJECTIVES))
    k: int = field(1, 1, 10)  # steps of D for each step of G
    batch: int = field(64, choices=(16, 32, 64, 128, 256))
    width: int = field(32, choices=(8, 16, 32, 64))  # units of both hidden layers of both players
    activation: str = field("leaky relu", choices=ACTIVATIONS)
    optimiser_d: str = field("adam", choices=OPTIMISERS)
    lr_d: float = field(0.002, 0, 2)  # learning rate
    optimiser_g: str = field("adam", choices=OPTIMISERS)
    lr_g: float = field(0.002, 0, 2)
    r1: float = field(0.0, 0, 100)  # γ of ½γ‖∇D‖² on real points
    gp: float = field(1.0, 0, 100)  # weight of (‖∇D‖ − 1)² between real and generated points
    clip: float = field(0.1, 0.001, 10)  # bound of D's weights

    @property
    def penalty(self) -> str:
        """The one of "clip", "gp" and "r1" that belongs to the objective."""
        return {"wgan": "clip", "wgan-gp": "gp"}.get(self.objective, "r1")


FIELDS = {one.name: one for one in dataclasses.fields(Settings)}


def check(settings: Settings) -> None:
    """Raise InputError in one sentence for a setting that is not allowed."""
    for name, about in FIELDS.items():
        value, kind = getattr(settings, name), type(about.default)
        choices, low, high = (about.metadata[key] for key in ("choices", "low", "high"))
        if choices:
            if value not in choices:
                words = ", ".join(map(str, choices))
                raise InputError(f"{name} is {value!r}; it must be one of {words}.")
        elif kind is int and type(value) is not int:
            raise InputError(f"{name} is {value!r}; it must be a whole number.")
        elif not math.isfinite(value) or not low <= value <= high:
            raise InputError(f"{name} is {value:g}; it must be from {low:g} to {high:g}.")


def write(settings: Settings, base: Settings) -> str:
    """What differs from the base, for a link: "k:5,objective:wgan"."""
    changed = [name for name in FIELDS if getattr(settings, name) != getattr(base, name)]
    return ",".join(f"{name}:{word(getattr(settings, name))}" for name in changed)


def word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def read(text: str, base: Settings) -> Settings:
    """The base with what `write` wrote. Raises InputError in one sentence for any other text."""
    changes: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition(":")
        if name not in FIELDS:
            raise InputError(f"There is no setting called {name[:20]!r}.")
        changes[name] = read_value(name, value)
    return replace(base, changes)


def read_value(name: str, text: str) -> Any:
    """A setting from its text. Raises InputError when it is not of the setting's kind."""
    kind: Any = type(FIELDS[name].default)
    try:
        if kind is not str and (len(text) > LONGEST or not text.isascii()):
            raise ValueError
        return kind(text)
    except ValueError:
        raise InputError(f"{name} is {text[:20]!r}; it must be a number.") from None


def replace(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """The base with some settings changed. Raises InputError for one that is not allowed."""
    changed = dataclasses.replace(base, **changes)
    check(changed)
    return changed
