"""Names for a menu, in which each must be different."""

from explorer.widgets.distinct_names import distinct


def test_a_repeated_name_has_a_number():
    names = {"a": "Seed 3", "b": "Seed 3", "c": "Seed 4", "d": "Seed 3"}
    assert list(distinct(names).values()) == ["Seed 3", "Seed 3 (2)", "Seed 4", "Seed 3 (3)"]


def test_a_number_that_is_in_use_is_left_out():
    names = {"a": "Seed 3 (2)", "b": "Seed 3", "c": "Seed 3"}
    assert list(distinct(names).values()) == ["Seed 3 (2)", "Seed 3", "Seed 3 (3)"]
