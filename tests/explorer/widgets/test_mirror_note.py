"""What pages say of a conditional model that was trained on mirrored images, too."""

from types import SimpleNamespace

import pytest

from explorer.widgets import class_picker


@pytest.mark.parametrize(
    ("augment", "classes", "said"),
    [
        ("mirror,translation", True, True),
        ("translation", True, False),
        ("mirror,translation", False, False),
        (None, True, False),
    ],
)
def test_pictures_the_wrong_way_round_are_explained_where_there_are_classes(
    monkeypatch, augment, classes, said
):
    monkeypatch.setattr(class_picker.classes, "groups_of", lambda model: [object()] * classes)
    model = SimpleNamespace(card={"training": {"augment": augment} if augment else {}})
    assert ("wrong way round" in class_picker.mirror_note(model)) == said
