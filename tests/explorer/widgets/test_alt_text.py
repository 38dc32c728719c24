"""What a picture shows, in words."""

from explorer.widgets import alt_text
from gan_core.attributes.classifier import UNSURE


def test_an_attribute_on_which_the_readers_disagree_is_not_stated():
    names = ["hat", "beard", "long_hair", "smiling"]
    assert alt_text.named(names, [UNSURE, 0.7, 0.9, 0.2]) == "long hair, beard"
