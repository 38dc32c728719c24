"""A − B + C = result in one line: a picture for each letter, its name, and the result."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.services import renderer
from gan_core.latent_space import arithmetic

CRISP = 72  # pixels of a picture's side that are shown twice as wide at most
STYLE = """<style>
.equation { display: flex; gap: 1.5%; max-width: 46rem; }
.equation figure { flex: 1 1 0; min-width: 0; max-width: 9rem; margin: 0; }
.equation .face {
  aspect-ratio: 1; border-radius: 6px; overflow: hidden; background: rgb(128 128 128 / 0.12);
}
.equation img { width: 100%; display: block; image-rendering: pixelated; }
.equation.smooth img { image-rendering: auto; }
.equation .result .face { outline: 2px solid var(--st-primary-color, #1c5bd1); }
.equation figcaption {
  font-size: 0.8rem; line-height: 1.2rem; height: 2.4rem; margin-top: 0.3rem; overflow: hidden;
}
.equation figcaption i { font-style: normal; opacity: 0.7; }
/* A sign stands at the middle of the pictures, which have 2.7rem of text below them. */
.equation b {
  flex: none; width: 1.1em; display: flex; align-items: center; justify-content: center;
  padding-bottom: 2.7rem; font-size: 1.3rem; font-weight: 400;
}
/* As high with presets as with the strength, so that nothing below moves. */
.st-key-equation-side { min-height: 12rem; justify-content: center; }
@media (max-width: 640px) {
  .equation b { width: 0.7em; font-size: 1rem; }
  .st-key-equation-side { min-height: 0; }
}
</style>"""


@dataclass(frozen=True)
class Part:
    """A letter of the sum: its weight, its name, and its picture, uint8 (H, W, C) or None."""

    letter: str
    weight: float
    name: str
    image: np.ndarray | None


def show(
    parts: Sequence[Part], result: np.ndarray | None, smooth: bool, words: str = "rescaled"
) -> None:
    """Show the sum in one line at any width.

    result: its picture, uint8 (H, W, C), or None. words: which of the results it is.
    """
    inside = ""
    for i, part in enumerate(parts):
        minus = arithmetic.is_subtracted(part.weight)
        if i or minus:
            inside += f"<b>{'−' if minus else '+'}</b>"
        amount = "" if abs(part.weight) == 1 else f"{abs(part.weight):g} "
        caption = f"{amount}{part.letter} <i>{html.escape(part.name)}</i>"
        inside += figure(part.image, caption, f"The mean of {part.letter}")
    inside += "<b>=</b>" + figure(result, f"Result <i>{words}</i>", "The result", "result")
    images = [image for image in (result, *(part.image for part in parts)) if image is not None]
    smooth = smooth or any(len(image) > CRISP for image in images)
    st.html(f'{STYLE}<div class="equation{" smooth" * smooth}">{inside}</div>')


def figure(image: np.ndarray | None, caption: str, words: str, kind: str = "") -> str:
    """One picture with its caption, both as HTML."""
    face = ""
    if image is not None:
        face = f'<img alt="{html.escape(words)}" src="{renderer.sheet(image[None])["src"]}">'
    return (
        f'<figure class="{kind}"><div class="face">{face}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
