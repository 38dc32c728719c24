"""The classes of a conditional model: which one a latent stands for, and latents of a given one.

The first coordinates of such a model's latents are the class, see `gan_core.networks.conditional`.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gan_core.attributes import coordinate_names
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.networks import conditional

YES, NO = "yes", "no"
LEAST = 1e-6  # of the level of a code, from which the generator tells nothing smaller apart
SURE = 2.0  # standard deviations between a code that is set and the border to the next class


@dataclass(frozen=True)
class Group:
    """One thing that is chosen: a digit, or whether there are glasses.

    name: what it is. options: the possible choices; "no" and "yes" for a group of one attribute.
    places: the coordinates of z that hold it.
    """

    name: str
    options: tuple[str, ...]
    places: tuple[int, ...]


def groups_of(model: Model) -> list[Group]:
    """The Groups of a conditional model, in the order of their coordinates; [] for any other."""
    generator = model.generator
    if not isinstance(generator, conditional.Generator):
        return []
    count = sum(generator.classes)
    names = coordinate_names.names_of(model)
    if len(names) != count:  # a card from elsewhere
        names = [f"class {i}" for i in range(count)]
    groups, place = [], 0
    for size in generator.classes:
        of_group = names[place : place + size]
        places = tuple(range(place, place + size))
        place += size
        if size == 1:
            groups.append(Group(of_group[0], (NO, YES), places))
        else:
            title = of_group[0].partition(": ")[0] if ": " in of_group[0] else "class"
            options = tuple(name.partition(": ")[2] or name for name in of_group)
            groups.append(Group(title, options, places))
    return groups


def chosen(model: Model, z: np.ndarray) -> np.ndarray:
    """The option that latents stand for in each group: float32 (N, nz) -> int64 (N, groups)."""
    generator = model.generator
    assert isinstance(generator, conditional.Generator)
    labels = generator.labels(torch.from_numpy(np.asarray(z, np.float32))).numpy()
    columns = [
        labels[:, g.places[0]] > 0.5 if len(g.places) == 1 else labels[:, g.places].argmax(1)
        for g in groups_of(model)
    ]
    return np.stack(columns, 1).astype(np.int64)


def with_attribute(model: Model, z: np.ndarray, attribute: str) -> np.ndarray | None:
    """Latents of the class that has an attribute, all else as it was: float32 (N, nz), a copy.

    attribute: as the training set calls it: "glasses", "digit: 3". None where no class of the model
    is about it.
    """
    names = (model.card.get("training") or {}).get("tied")
    for group in groups_of(model):
        for option, place in zip(group.options[-len(group.places) :], group.places, strict=True):
            if isinstance(names, list) and place < len(names) and names[place] == attribute:
                return with_class(model, z, group, option)
    return None


def images_of_class(model: Model, data: TrainingSet, z: np.ndarray) -> np.ndarray | None:
    """The training images of the class of a latent (nz,): their indices, int64 (m,), ascending.

    They have every option that the latent stands for. None where the model has no classes, or the
    set lacks a column.
    """
    groups = groups_of(model)
    names = (model.card.get("training") or {}).get("tied")
    if not groups or not isinstance(names, list) or len(names) < sum(len(g.places) for g in groups):
        return None
    same = np.ones(len(data.images), bool)
    for group, option in zip(groups, chosen(model, z[None])[0], strict=True):
        several = len(group.places) > 1
        name, _, value = str(names[group.places[option if several else 0]]).partition(": ")
        if name not in data.attributes:
            return None
        same &= data.attributes[name].astype(str) == (value if several else str(option))
    return np.flatnonzero(same)


def passed(ends: np.ndarray, path: np.ndarray, steps: int) -> list[tuple[int, int]]:
    """The classes that a path passes through between two keyframes that are not of that class.

    ends: int (m, groups), the options of the keyframes. path: int (p, groups), those of its points,
    `steps` of them from each keyframe to the next. Returns sorted (group, option), each once.
    """
    others = {
        (g, int(option))
        for i, options in enumerate(path)
        for g, option in enumerate(options)
        if option not in (ends[i // steps % len(ends), g], ends[(i // steps + 1) % len(ends), g])
    }
    return sorted(others)


def codes(model: Model, group: Group, option: str) -> dict[int, float]:
    """The coordinates of z, and their values, that make a latent one of an option of a group.

    Raises ValueError for an option that the group does not have.
    """
    generator = model.generator
    assert isinstance(generator, conditional.Generator)
    index = group.options.index(option)
    if len(group.places) == 1:
        share = float(generator.shares[group.places[0]].clamp(1e-3, 1 - 1e-3))
        border = -float(torch.special.ndtri(torch.tensor(share, dtype=torch.float64)))
        return {group.places[0]: round(border + (SURE if index else -SURE), 3)}
    shares = generator.shares[list(group.places)]
    sure = [SURE if i == index else -SURE for i in range(len(shares))]
    return dict(zip(group.places, even_codes(np.array(sure), shares.numpy()), strict=True))


def even_codes(sure: np.ndarray, shares: np.ndarray) -> list[float]:
    """The codes of a group of several, for which a rare class is as near as a frequent one.

    sure: float (n,), the codes where all n classes are as frequent. shares: float (n,), how
    frequent they are. The generator draws the class with the largest log share + Gumbel noise of
    its code, so a path between two rare classes could otherwise pass through a frequent third one.
    """
    normal = statistics.NormalDist()
    codes = []
    for code, share in zip(sure, shares, strict=True):
        gumbel = -math.log(-math.log(normal.cdf(code)))
        gumbel -= math.log(len(shares) * min(max(float(share), 1e-3), 1))
        level = math.exp(-math.exp(-gumbel))
        codes.append(round(normal.inv_cdf(min(max(level, LEAST), 1 - LEAST)), 3))
    return codes


def with_class(model: Model, z: np.ndarray, group: Group, option: str) -> np.ndarray:
    """Latents with an option of a group set and all else as it was: float32 (N, nz), a copy."""
    z = np.array(z, np.float32)
    for place, value in codes(model, group, option).items():
        z[:, place] = value
    return z


def with_classes(model: Model, z: np.ndarray, wanted: Mapping[str, str]) -> np.ndarray:
    """Latents with the options of several groups set: float32 (N, nz), a copy.

    wanted: {name of a group: option}. Groups and options that the model lacks are ignored.
    """
    z = np.array(z, np.float32)
    for group in groups_of(model):
        if wanted.get(group.name) in group.options:
            z = with_class(model, z, group, wanted[group.name])
    return z


def every_option(model: Model, z: np.ndarray, group: Group) -> np.ndarray:
    """ "Same z, every class": one latent with each option of a group, everything else unchanged.

    z: float32 (nz,). Returns float32 (M, nz), in the order of the options. Several groups have too
    many combinations to be looked at (five yes-or-no attributes and a colour already have 128).
    """
    return np.concatenate([with_class(model, z[None], group, option) for option in group.options])
