"""What a picture shows, in words."""

import numpy as np

from explorer.widgets import alt_text
from gan_core.attributes.classifier import UNSURE


def test_an_attribute_on_which_the_readers_disagree_is_not_stated():
    names = ["hat", "beard", "long_hair", "smiling"]
    assert alt_text.named(names, [UNSURE, 0.7, 0.9, 0.2]) == "long hair, beard"


def test_a_canvas_says_what_its_picture_shows_and_nothing_without_a_classifier(monkeypatch):
    images = np.zeros((2, 4, 4, 3), np.uint8)
    seen = []
    say = lambda model, words, image: seen.append(image) or f"{words}: hat"  # noqa: E731
    monkeypatch.setattr(alt_text, "of_picture", say)
    assert alt_text.of_canvas(None, pane=1)(images) == "The picture shows: hat"
    assert np.shares_memory(seen[0], images[1])
    monkeypatch.setattr(alt_text, "of_picture", lambda model, words, image: words)
    assert alt_text.of_canvas(None)(images) == ""
