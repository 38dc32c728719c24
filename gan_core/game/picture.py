"""A picture of a game as it stands: D's surface, the data, and G's samples."""

import numpy as np
from PIL import Image, ImageDraw

from gan_core.game import measures, random_numbers
from gan_core.game.distributions import HALF
from gan_core.game.step import Game

SIDE = 480  # pixels
SHOWN = 256  # points of the data, and samples
REAL, FAKE, PAPER = (168, 84, 0), (29, 95, 208), (255, 255, 255)
REAL_TINT, FAKE_TINT = np.array([243, 156, 61]), np.array([111, 163, 245])
TINT = 0.75  # how strong the surface is


def draw(game: Game) -> np.ndarray:
    """uint8 (SIDE, SIDE, 3): orange where D sees data, blue where D sees samples.

    Data are dots, samples are crosses. D is drawn from its lowest to its highest value where it
    gives no probability.
    """
    image = Image.fromarray(surface(game)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for x, y in pixels(game.real(random_numbers.POOL, 3, SHOWN).numpy()):
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), REAL)
    for x, y in pixels(measures.samples(game, SHOWN)):
        pen.line((x - 3, y - 3, x + 3, y + 3), FAKE, 2)
        pen.line((x - 3, y + 3, x + 3, y - 3), FAKE, 2)
    return np.asarray(image)


def surface(game: Game) -> np.ndarray:
    """A pixel for each cell of the grid, uint8 (CELLS, CELLS, 3), rows from above."""
    lean = 2 * measures.shades(game)[::-1] - 1
    tint = np.where(lean[..., None] < 0, FAKE_TINT, REAL_TINT)
    share = TINT * np.abs(lean)[..., None] ** 0.8
    return (share * tint + (1 - share) * np.array(PAPER)).round().astype(np.uint8)


def pixels(points: np.ndarray) -> np.ndarray:
    """Where points of the plane lie in the picture, float64 (n, 2)."""
    return (points * [1, -1] + HALF) / (2 * HALF) * SIDE
