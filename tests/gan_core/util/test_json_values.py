"""What a JSON file from a stranger may hold."""

import json

import pytest

from gan_core.util import atomic_files, json_values
from gan_core.util.errors import InputError
from gan_core.util.json_values import ANY, COUNT, FLAG, NUMBER, TEXT, VALUE, misfit

UNUSABLE = ["1" + "0" * 400, "9" * 5000, "-" + "9" * 30, "NaN", "-Infinity", "1e999", '"\\ud800"']
UNUSABLE += ["[" * 40 + "]" * 40, '{"\\udfff": 1}', str(2**63)]


@pytest.mark.parametrize("text", UNUSABLE)
@pytest.mark.parametrize("around", ['{{"a": {}}}', '{{"a": [{{"b": {}}}]}}'])
def test_what_no_reader_can_bear_is_refused_in_a_sentence(tmp_path, text, around):
    path = tmp_path / "x.json"
    path.write_text(around.format(text), "utf-8")
    with pytest.raises(InputError, match=r"^.*x\.json is damaged: it does not hold JSON.*\.$"):
        atomic_files.read_json(path, "a checkpoint")


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "x.json"
    data = {"a": [1, -2, 0.5, 1e308, 2**63 - 1, None, True, "ψ\n", {"": []}]}
    atomic_files.write_json(path, data)
    assert atomic_files.read_json(path, "a checkpoint") == data


@pytest.mark.parametrize(
    ("value", "shape", "wrong"),
    [
        (1, NUMBER, ""),
        (True, NUMBER, "it"),
        (True, COUNT, "it"),
        (-1, COUNT, "it"),
        (1.0, COUNT, "it"),
        (float("nan"), NUMBER, "it"),
        (10**400, NUMBER, "it"),
        (10**400, COUNT, "it"),
        ("", TEXT, ""),
        (None, TEXT, "it"),
        (1, FLAG, "it"),
        (None, VALUE, ""),
        ([1, "a"], [NUMBER], "1"),
        ([1], [NUMBER] * 2, "it"),
        ({}, [NUMBER], "it"),
        ({"a": 1}, {"a": NUMBER, "b?": TEXT}, ""),
        ({"a": 1, "b": None}, {"a": NUMBER, "b?": TEXT}, ""),
        ({"a": 1, "b": 2}, {"a": NUMBER, "b?": TEXT}, "b"),
        ({}, {"a": NUMBER}, "a"),
        ([], {"a": NUMBER}, "it"),
        ({"x": {"y": [{"z": None}]}}, {ANY: {"y": [{"z": NUMBER}]}}, "x.y.0.z"),
    ],
)
def test_the_first_field_that_does_not_fit_is_named(value, shape, wrong):
    assert misfit(value, shape) == wrong


def test_numbers_of_every_kind_are_read_as_before():
    text = "[0, -7, 3.5, -1e-3, 1E5, 123456789012345678]"
    assert json.loads(text, **json_values.STRICTLY) == json.loads(text)
