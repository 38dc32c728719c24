"""The sum A − B + C of the page Arithmetic: its terms, its start and step, and its formula."""

from collections.abc import Sequence

import numpy as np

from explorer.state import baskets
from gan_core.latent_space import arithmetic

Term = tuple[str, float, np.ndarray]  # letter, weight and exemplars, float32 (m, nz)
Letters = Sequence[tuple[str, float]]  # letter and weight of each basket


def parts(weighted: Sequence[tuple[float, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """[(weight, vector)] -> (start of the sum, what the strength scales), float32 (nz,) each."""
    others = [one for i, one in enumerate(weighted) if i != baskets.START]
    start, way = (
        arithmetic.calculate([vector for _, vector in part], [weight for weight, _ in part])
        for part in ([weighted[baskets.START]], others)
    )
    return start, way


def formula(letters: Letters, strength: float, locked: Sequence[str] = ()) -> str:
    """The sum in words, such as "C + 1.00 · (A − B)"; locked as for `difference`."""
    start = added([letters[baskets.START]])
    return f"{start} + {strength:.2f} · ({difference(letters, locked)})"


def difference(letters: Letters, locked: Sequence[str] = ()) -> str:
    """What is added to C, in words: "A − B", and whether other attributes are left alone."""
    others = [one for i, one in enumerate(letters) if i != baskets.START]
    return added(others) + (", the rest left alone" if locked else "")


def added(letters: Letters) -> str:
    words = " ".join(
        f"{'−' if arithmetic.is_subtracted(weight) else '+'} {amount(weight)}{letter}"
        for letter, weight in letters
    )
    return words.removeprefix("+ ").replace("− ", "−", 1 if words.startswith("−") else 0)


def amount(weight: float) -> str:
    """A weight in front of a letter; nothing for 1."""
    return "" if abs(weight) == 1 else f"{abs(weight):g} "
