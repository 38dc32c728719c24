"""The figure for a slide: everything that goes in is seen, and nothing leaves the page."""

import numpy as np
import pytest

from gan_core.latent_space import arithmetic_slide
from gan_core.latent_space.arithmetic_slide import Basket, Figure

COLOURS = np.random.RandomState(0).randint(40, 216, (120, 3)).astype(np.uint8)


def flat(i, channels=3):
    """A picture of one colour, the i-th."""
    return np.broadcast_to(COLOURS[i][:channels], (16, 16, channels)).copy()


def figure(k=3, m=4, weights=None, channels=3, seen=None):
    """Every picture of it has a colour of its own: (Figure, the colours that it must show)."""
    count = iter(range(len(COLOURS)))
    one = lambda: flat(next(count), channels)  # noqa: E731
    weights = weights or [1, -1, 1, 0.5, -2][:k]
    made = Figure(
        title="C + 1.00 · (A − B)",
        subtitle="a model",
        baskets=[
            Basket("ABCDE"[i], weights[i], one(), np.stack([one() for _ in range(m)]))
            for i in range(k)
        ],
        results=[("As summed\n|z| 3", one()), ("On the shell", one())],
        near=np.stack([one() for _ in range(9)]),
        controls=[("C alone", one()), ("random", one()), ("single", one())],
        seen=seen or [],
        notes=["A note.", "Another."],
    )
    return made, COLOURS[: next(count)]


def shares(page, colours):
    """How many pixels of the page each colour fills."""
    names, counts = np.unique(numbered(np.asarray(page)), return_counts=True)
    result = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return [result.get(int(name), 0) for name in numbered(np.asarray(colours))]


def numbered(colours):
    """uint8 (…, 3) -> one number for each colour."""
    return colours.astype(np.int64) @ [65536, 256, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("k", "m"), [(3, 1), (3, 8), (3, 16), (4, 16), (5, 16)])
def test_every_picture_is_seen_whole_and_none_covers_another(k, m):
    made, colours = figure(k, m)
    page = arithmetic_slide.draw(made)
    assert page.size == (1920, 1080)
    sizes = shares(page, colours)
    assert min(sizes) >= 24**2
    # Whole squares: where one covered another, or left the page, this would not be so.
    assert all(int(np.sqrt(size)) ** 2 == size for size in sizes)
    # The margins are free.
    edge = np.asarray(page)
    assert (edge[:, -60:] == 255).all()
    assert (edge[:, :60] == 255).all()


def test_the_results_are_the_largest():
    made, colours = figure(3, 8)
    sizes = shares(arithmetic_slide.draw(made), colours)
    results = slice(3 * 9, 3 * 9 + 2)
    assert min(sizes[results]) > max([*sizes[: 3 * 9], *sizes[3 * 9 + 2 :]])


def test_signs_and_words_are_drawn():
    plus, minus = (arithmetic_slide.draw(figure(3, 1, [1, w, 1])[0]) for w in (1, -1))
    assert (np.asarray(plus) != np.asarray(minus)).any()
    seen = [["", "A", "sum"], ["smiling", "0.98", "0.97"], ["a_long name", "0.10", "0.20"]]
    without, with_table = (arithmetic_slide.draw(figure(3, 1, seen=s)[0]) for s in ([], seen))
    changed = np.argwhere((np.asarray(without) != np.asarray(with_table)).any(2))
    assert changed[:, 0].min() > arithmetic_slide.BREAK
    assert changed[:, 1].max() < arithmetic_slide.WIDTH - 60


def test_a_first_term_that_is_taken_away_has_its_sign():
    dark = np.asarray(arithmetic_slide.draw(figure(3, 1, [-1, 1, 1])[0]))[260:290, 64:130]
    free = np.asarray(arithmetic_slide.draw(figure(3, 1, [1, 1, 1])[0]))[260:290, 64:130]
    assert (dark < 60).all(2).sum() > 100
    assert (free < 60).all(2).sum() == 0


def test_a_term_of_strength_nothing_keeps_its_sign():
    for weights, first in (([1, -1, 1], [1, -0.0, 1]), ([-1, 1, 1], [-0.0, 1, 1])):
        drawn = [np.asarray(arithmetic_slide.draw(figure(weights=w)[0])) for w in (weights, first)]
        signs = [picture[150 : 150 + 250] for picture in drawn]  # beside the means; no words
        assert (signs[0] == signs[1]).all()


def test_grey_pictures_are_drawn():
    made, colours = figure(3, 2, channels=1)
    grey = [np.repeat(colour[:1], 3) for colour in colours]
    assert min(shares(arithmetic_slide.draw(made), grey)) >= 24**2


def test_no_character_is_drawn_as_a_box():
    assert arithmetic_slide.spell("A − 0.5 × B, hair_colour ψ") == "A - 0.5 x B, hair colour psi"
