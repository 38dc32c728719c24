"""Arithmetic files: everything that is needed to draw a page Arithmetic again, as JSON.

    {"format": "gan-arithmetic", "version": 1, "model": "avatars", "model_hash": …,
     "baskets": [{"name": "A", "weight": 1, "exemplars": [{"seed": 3, "psi": 0.7}, …]}, …],
     "strength": 1, "apart": false, "result": {"as_summed": [z …], "on_the_shell": [z …]}}

An exemplar without a seed is {"title": …, "z": [numbers]}. A basket of a conditional model may have
"classes", {group: option}, that its exemplars are given; the latents here are those without it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from explorer.state import exemplars, latent_spaces, saved_file, url_parts, url_state
from explorer.state.tray import MAX_LATENT, MAX_NAME, clean, is_finite
from explorer.state.url_parts import Exemplar
from gan_core.checkpoint import Model
from gan_core.latent_space import classes
from gan_core.util.errors import InputError

FORMAT = "gan-arithmetic"
VERSION = 1
MAX_BYTES = 4_000_000


def write(
    name: str,
    model: Model,
    view: url_state.View,
    weights: Sequence[float],
    results: Iterable[np.ndarray] = (),
) -> str:
    """The text of an arithmetic file. results: the two sums, float32 (2, nz)."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "model": name,
        "model_hash": model.hash,
        **({} if model.space == "z" else {"space": model.space}),
        "baskets": [
            {
                "name": basket.upper(),
                "weight": weight,
                "exemplars": [write_one(*one) for one in url_parts.read_exemplars(text)],
                **({"classes": of_class} if of_class else {}),
            }
            for basket, weight, text, of_class in zip(
                url_parts.BASKETS[: len(weights)],
                weights,
                texts(view, weights),
                class_rows(view, len(weights)),
                strict=True,
            )
        ],
        "strength": view.strength,
        "apart": view.apart,
        "result": dict(zip(("as_summed", "on_the_shell"), map(numbers, results), strict=False)),
    }
    return json.dumps(record, ensure_ascii=False)


def texts(view: url_state.View, weights: Sequence[float]) -> list[str]:
    return [getattr(view, basket) for basket in url_parts.BASKETS[: len(weights)]]


def class_rows(view: url_state.View, count: int) -> list[dict[str, str]]:
    """The classes of the first `count` baskets, {} for none."""
    given = url_parts.read_class_list(view.basket_classes)
    return [*given, *({} for _ in range(count))][:count]


def write_one(seed: int | str, psi: float | None) -> dict[str, Any]:
    if exemplars.is_name(seed):
        one = exemplars.find(seed)
        if one is None:
            raise InputError("An exemplar without a seed is unknown here; remove it first.")
        return {"title": one.title, "z": numbers(one.z)}
    return {"seed": seed, "psi": exemplars.whole(psi)}


def numbers(z: np.ndarray) -> list[float]:
    """The shortest decimals that read back as the same float32."""
    return [float(str(value)) for value in np.asarray(z, np.float32)]


def read(content: str | bytes, name: str, model: Model) -> dict[str, Any]:
    """An arithmetic file as settings of the view: a to e, sum, strength and apart, and the
    baskets' classes if the file has any.

    Raises InputError with one sentence when the file is not as `write` writes it, or belongs to
    another model or other weights.
    """
    record = saved_file.read(content, "an arithmetic file", FORMAT, VERSION, MAX_BYTES)
    check_model(record, name, model)
    baskets, most = record.get("baskets"), len(url_parts.BASKETS)
    if not isinstance(baskets, list) or not url_parts.MIN_BASKETS <= len(baskets) <= most:
        raise InputError(f"An arithmetic file must have {url_parts.MIN_BASKETS} to {most} baskets.")
    read_baskets = [
        read_basket(letter.upper(), basket, name, model)
        for letter, basket in zip(url_parts.BASKETS, baskets, strict=False)
    ]
    strength = record.get("strength")
    if not is_finite(strength) or not 0 <= strength <= url_state.MAX_STRENGTH:
        raise InputError(f"The file’s strength must be from 0 to {url_state.MAX_STRENGTH}.")
    apart = record.get("apart", False)  # missing in older files
    if not isinstance(apart, bool):
        raise InputError("The file’s setting “apart” must be true or false.")
    held = dict.fromkeys(url_parts.BASKETS, "")
    held |= {b: text for b, (_, text) in zip(url_parts.BASKETS, read_baskets, strict=False)}
    weights = url_parts.write_sum([weight for weight, _ in read_baskets])
    rest = {"sum": weights, "strength": round(float(strength), 2), "apart": apart}
    of_class = url_parts.write_class_list(
        read_of_class(letter.upper(), basket, model)
        for letter, basket in zip(url_parts.BASKETS, baskets, strict=False)
    )
    return held | rest | ({"basket_classes": of_class} if of_class else {})


def check_model(record: dict[str, Any], name: str, model: Model) -> None:
    other, weights = record.get("model"), record.get("model_hash")
    if not isinstance(other, str) or not isinstance(weights, str) or not other.isprintable():
        raise InputError("This arithmetic file lacks its model or model_hash.")
    if weights == model.hash:
        return
    if weights in (latent_spaces.hash_in(model, "z"), latent_spaces.hash_in(model, "w")):
        other = "w" if model.space == "z" else "z"
        raise InputError(
            f"This arithmetic file was made in the latent space {other} of {name}; choose it in "
            "View, then load the file."
        )
    if other == name:
        raise InputError(
            f"This arithmetic file was made with different weights of {name} ({weights[:12]}; the "
            f"current ones are {model.hash}), so its latents mean something else."
        )
    raise InputError(
        f"This arithmetic file belongs to the model {clean(other)[:200]}; choose that model first, "
        "then load the file."
    )


def read_basket(letter: str, basket: Any, name: str, model: Model) -> tuple[float, str]:
    """(weight, exemplars as a link writes them) of one record."""
    if not isinstance(basket, dict):
        raise InputError(f"Basket {letter} of this file is not a record.")
    weight, held = basket.get("weight"), basket.get("exemplars")
    if not is_finite(weight) or abs(weight) > url_parts.MAX_WEIGHT:
        most = f"{url_parts.MAX_WEIGHT:g}"
        raise InputError(f"The weight of basket {letter} must be from −{most} to {most}.")
    if not isinstance(held, list) or len(held) > url_parts.MAX_EXEMPLARS:
        raise InputError(
            f"Basket {letter} of this file must be a list of at most {url_parts.MAX_EXEMPLARS} "
            "exemplars."
        )
    parsed = [read_one(f"{letter}{i}", one, name, model) for i, one in enumerate(held, 1)]
    return round(float(weight), 2), url_parts.write_keys(dict.fromkeys(parsed))


def read_of_class(letter: str, basket: dict[str, Any], model: Model) -> dict[str, str]:
    """The classes of one record, {group: option}, which are ones of the model; {} for none."""
    given = basket.get("classes", {})
    options = {group.name: group.options for group in classes.groups_of(model)}
    known = isinstance(given, dict) and all(
        option in options.get(group, ()) for group, option in given.items()
    )
    if not known:
        raise InputError(f"Basket {letter} of this file has a class that {model.name} lacks.")
    return given


def read_one(place: str, record: Any, name: str, model: Model) -> Exemplar:
    """An exemplar's record in the form of url_parts.read_exemplars."""
    record = record if isinstance(record, dict) else {}
    seed, psi = record.get("seed"), record.get("psi")
    if "z" in record:
        z, size = record["z"], model.prior.size
        if not isinstance(z, list) or len(z) > MAX_LATENT or not all(map(is_finite, z)):
            raise InputError(
                f"Exemplar {place} of this file has a latent with values that are not finite "
                "numbers."
            )
        if len(z) != size:
            raise InputError(
                f"Exemplar {place} of this file has {len(z)} numbers; {name} takes {size}."
            )
        title = record.get("title")
        title = clean(title)[:MAX_NAME] if isinstance(title, str) else ""
        return exemplars.store(title or f"Exemplar {place}", name, model.hash, z), None
    # JSON's true is Python's True, which is an int.
    if type(seed) is not int or not 0 <= seed <= url_state.MAX_SEED or not is_finite(psi):
        raise InputError(f"Exemplar {place} of this file has neither a seed and ψ nor a latent.")
    if not 0 <= psi <= url_parts.MAX_PSI:
        raise InputError(f"Exemplar {place} of this file has a ψ outside 0 to {url_parts.MAX_PSI}.")
    return seed, None if psi == 1 else float(f"{psi:g}")
