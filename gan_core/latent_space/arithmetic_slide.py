"""Arithmetic as one picture for a slide: A − B + C, its result and its controls.

    draw(figure)    a Figure as a Pillow image of 1920 × 1080

Pictures are uint8 (H, W, C). Pillow's built-in font is used, so nothing has to be installed.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_core.data import media
from gan_core.latent_space import arithmetic

WIDTH, HEIGHT, MARGIN = 1920, 1080, 64
BREAK = 652  # where the lower half begins
PAPER, INK, QUIET, LINE = "#ffffff", "#1b1f24", "#5b636d", "#d6dade"
COLUMNS = 4  # of exemplars below a mean
# Characters that Pillow's font lacks.
SPELLED = str.maketrans({"−": "-", "–": "-", "×": "x", "ψ": "psi", "“": '"', "”": '"', "_": " "})


@dataclass(frozen=True)
class Basket:
    """One term: its name and weight, its mean's picture, and its exemplars' (m, H, W, C).

    title: what its exemplars show, such as "smiling woman"; "" for nothing in particular.
    """

    name: str
    weight: float
    mean: np.ndarray
    exemplars: np.ndarray
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """title, subtitle, notes: lines of text. baskets: 1 to 5 of Basket, in order.

    results, controls: (caption, picture) each. near: uint8 (9, H, W, C), Radford's sheet. seen: a
    classifier's probabilities as a table of text, the first row being the header. crisp: enlarge
    pictures without interpolation.
    """

    title: str
    subtitle: str
    baskets: list[Basket]
    results: list[tuple[str, np.ndarray]]
    near: np.ndarray
    controls: list[tuple[str, np.ndarray]]
    seen: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    crisp: bool = True


def draw(figure: Figure) -> Image.Image:
    """A Figure as an RGB Pillow image, 1920 × 1080."""
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(page)
    write(pen, (MARGIN, 40), figure.title, 44)
    write(pen, (MARGIN, 98), figure.subtitle, 22, QUIET)
    equation(page, pen, figure)
    pen.line((MARGIN, BREAK, WIDTH - MARGIN, BREAK), LINE, 2)
    evidence(page, pen, figure)
    for i, note in enumerate(figure.notes):
        write(pen, (MARGIN, HEIGHT - 46 - 24 * (len(figure.notes) - 1 - i)), note, 18, QUIET)
    return page


def equation(page: Image.Image, pen: ImageDraw.ImageDraw, figure: Figure) -> None:
    """Draw the upper half: baskets with their signs, and the result."""
    count, top = len(figure.baskets), 150
    large = 330 if count < 5 else 300
    gap = 76 if count < 5 else 56  # room for a sign
    width = WIDTH - 2 * MARGIN - len(figure.results) * large - 24 * (len(figure.results) - 1)
    minus = [arithmetic.is_subtracted(basket.weight) for basket in figure.baskets]
    first = gap if minus[0] else 0
    side = min(250, (width - first - gap * count) // count)
    # The remaining width goes to the signs, so that the last picture ends at the margin.
    gap += (width - first - count * (side + gap)) // count
    x: float = MARGIN + first
    for i, basket in enumerate(figure.baskets):
        if i or minus[i]:
            sign(pen, "-" if minus[i] else "+", x - (gap if i else first) // 2, top + 125)
        paste(page, basket.mean, x, top, side, figure.crisp)
        write(pen, (x, top - 28), fitting(pen, basket.title, 20, side), 20, QUIET)
        many = len(basket.exemplars)
        what = "one exemplar" if many == 1 else f"mean of {many}"
        write(pen, (x, top + side + 8), basket.name, 26)
        after = x + pen.textlength(spell(basket.name), font(26)) + 10
        words = f"{what}, weight {abs(basket.weight):.2f}".rstrip("0").rstrip(".")
        write(pen, (after, top + side + 13), words, min(19, side // 11), QUIET)
        rows = -(-many // COLUMNS)
        small = min((side + 6) // COLUMNS, (BREAK - 10 - (top + side + 46)) // rows) - 6
        for j, picture in enumerate(basket.exemplars):
            row, column = divmod(j, COLUMNS)
            across, down = x + column * (small + 6), top + side + 46 + row * (small + 6)
            paste(page, picture, across, down, small, figure.crisp)
        x += side + gap
    sign(pen, "=", x - gap // 2, top + 125)
    for caption, picture in figure.results:
        paste(page, picture, x, top, large, figure.crisp)
        for i, line in enumerate(caption.split("\n")):
            size, ink = (19, QUIET) if i else (24, INK)
            write(pen, (x, top + large + 8 + 30 * i), line, size, ink)
        x += large + 24


def evidence(page: Image.Image, pen: ImageDraw.ImageDraw, figure: Figure) -> None:
    """Draw the lower half: Radford's sheet, the controls, and the classifier's table."""
    head, top = BREAK + 14, BREAK + 54
    write(pen, (MARGIN, head), "Its neighbourhood", 24)
    part = 96
    for i, picture in enumerate(figure.near):
        row, column = divmod(i, 3)
        paste(page, picture, MARGIN + column * part, top + row * part, part, figure.crisp)
    x = MARGIN + 3 * part + 56
    write(pen, (x, head), "Controls", 24)
    side = 128
    for caption, picture in figure.controls:
        paste(page, picture, x, top, side, figure.crisp)
        write(pen, (x, top + side + 8), caption, 19, QUIET)
        x += side + 12
    if figure.seen:
        table(pen, figure.seen, x + 44, head)


def table(pen: ImageDraw.ImageDraw, rows: list[list[str]], x: float, y: float) -> None:
    """Draw rows of text, the header first; the first column is as wide as its content."""
    wide = max(pen.textlength(spell(row[0]), font(19)) for row in rows[1:]) + 18
    wide = max(wide, 60)
    step = (WIDTH - MARGIN - x - wide) / max(len(rows[0]) - 1, 1)
    write(pen, (x, y), "What the classifier sees", 24)
    for i, row in enumerate(rows):
        down = y + 40 + i * 32
        for j, cell in enumerate(row):
            ink = QUIET if i == 0 or j == 0 else INK
            if j == 0:
                write(pen, (x, down), cell, 19, ink)
            else:
                right = x + wide + j * step
                pen.text((right, down), spell(cell), ink, font(19 if i else 17), anchor="ra")


def sign(pen: ImageDraw.ImageDraw, which: str, x: float, y: float, arm: int = 17) -> None:
    """Draw a plus, minus or equals sign around a point; those of the font are too small."""
    heights = (-8, 8) if which == "=" else (0,)
    for height in heights:
        pen.line((x - arm, y + height, x + arm, y + height), INK, 5)
    if which == "+":
        pen.line((x, y - arm, x, y + arm), INK, 5)


def paste(
    page: Image.Image, picture: np.ndarray, x: float, y: float, side: float, crisp: bool
) -> None:
    """Paste a picture resized to side × side, its upper left corner at (x, y)."""
    image = media.picture(picture).convert("RGB")
    shrinks = side < image.width
    how = Image.Resampling.NEAREST if crisp and not shrinks else Image.Resampling.BICUBIC
    page.paste(image.resize((int(side), int(side)), how), (int(x), int(y)))


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: float,
    ink: str = INK,
) -> None:
    """Write text, its upper left corner at a place."""
    pen.text(place, spell(text), ink, font(size))


def fitting(pen: ImageDraw.ImageDraw, text: str, size: float, width: float) -> str:
    """Text cut to a width in pixels."""
    short = text
    while short and pen.textlength(spell(short), font(size)) > width:
        short = short[:-1]
    return text if short == text else short[:-2].rstrip() + "..."


def spell(text: str) -> str:
    """Text with only the characters that the font has."""
    return text.translate(SPELLED)


@functools.cache
def font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's built-in font at a size in pixels."""
    return ImageFont.load_default(size)
