"""The illustrated faces: labels that are true, even and independent, and bytes that repeat."""

import builtins
import csv
import itertools
import json
import re
from importlib import resources

import numpy as np
import pytest

from gan_core.data import avatar_renderer
from gan_core.util.errors import InputError

# Where one attribute may change a 64x64 picture: (top, bottom, left, right) in pixels.
REGIONS = {
    "smiling": (17, 47, 15, 49),  # brows, eyes and mouth
    "glasses": (19, 37, 10, 54),
    "long_hair": (0, 64, 0, 64),
    "beard": (23, 57, 12, 52),
    "hat": (0, 26, 6, 58),
}
# The least share of its own region's pixels that flipping the attribute must change.
LEAST_CHANGE = {"smiling": 0.04, "glasses": 0.15, "long_hair": 0.2, "beard": 0.2, "hat": 0.5}

PINNED = {"smiling": 1, "glasses": 0, "long_hair": 0, "beard": 0, "hat": 1, "skin": "tan"}
PINNED |= {"hair_colour": "red", "clothes_colour": "green", "mouth": 1, "eyes": 1, "brows": 0}
PINNED |= {"haircut": 0, "frame": 1}


@pytest.fixture(scope="module")
def drawn():
    return [avatar_renderer.draw(0, index) for index in range(2_000)]


@pytest.fixture
def rendering():
    for package in ("dicebear", "dicebear_styles", "resvg_py"):
        pytest.importorskip(package, reason=f"rendering avatars needs {package}")


def pixels(drawn, size=64):
    return np.asarray(avatar_renderer.picture(drawn, size)).astype(int)


def test_a_draw_depends_on_seed_and_index_alone():
    first = [avatar_renderer.draw(3, index) for index in range(50)]
    assert [avatar_renderer.draw(3, index) for index in reversed(range(50))] == first[::-1]
    assert [avatar_renderer.draw(4, index) for index in range(50)] != first
    # Pinned, so that another Python or another machine must draw the same people.
    assert avatar_renderer.draw(0, 0) == PINNED


def test_attributes_are_balanced(drawn):
    for name in avatar_renderer.ATTRIBUTES:
        share = np.mean([one[name] for one in drawn])
        wanted = avatar_renderer.HAT_SHARE if name == "hat" else 0.5
        assert abs(share - wanted) < 0.04, name  # 3.5 standard errors of a fair coin


def test_every_value_is_drawn_about_evenly(drawn):
    for name in set(drawn[0]) - set(avatar_renderer.ATTRIBUTES):
        counts = np.unique([str(one[name]) for one in drawn], return_counts=True)[1]
        assert len(counts) >= 2, name
        assert counts.max() / counts.min() < 1.4, name


def test_everything_drawn_is_independent_of_everything_else(drawn):
    columns = {
        name: np.unique([str(one[name]) for one in drawn], return_inverse=True)[1]
        for name in drawn[0]
    }
    for (a, left), (b, right) in itertools.combinations(columns.items(), 2):
        table = np.zeros((left.max() + 1, right.max() + 1))
        np.add.at(table, (left, right), 1)
        expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
        cramer = np.sqrt(((table - expected) ** 2 / expected).sum() / table.sum())
        assert cramer < 0.1, (a, b)


@pytest.mark.slow
def test_the_options_leave_nothing_to_the_style(rendering, drawn):
    from dicebear import Avatar

    for one in drawn[:40]:
        options = avatar_renderer.options(one)
        svgs = {
            Avatar(avatar_renderer._style(), {**options, "seed": seed}).to_string() for seed in "ab"
        }
        # Only the seed's hash, which names the parts, may differ.
        assert len({_without_ids(svg) for svg in svgs}) == 1


def _without_ids(svg):
    return re.sub(r"-[0-9a-f]{8}\b", "", svg)


@pytest.mark.parametrize("name", avatar_renderer.ATTRIBUTES)
@pytest.mark.slow
def test_flipping_one_attribute_changes_its_region_and_nothing_else(rendering, drawn, name):
    top, bottom, left, right = REGIONS[name]
    for one in drawn[:24]:
        one = {**one, "hat": 0}
        changed = np.abs(pixels(one) - pixels({**one, name: 1 - one[name]})).max(-1) > 40
        inside = changed[top:bottom, left:right]
        assert inside.mean() > LEAST_CHANGE[name]
        assert changed.sum() == inside.sum()


def test_colours_reach_the_picture(rendering):
    one = {**avatar_renderer.draw(0, 0), "glasses": 0, "long_hair": 0, "beard": 1, "hat": 0}
    places = {"skin": (22, 32), "hair_colour": (51, 32), "clothes_colour": (62, 18)}
    palettes = {
        "skin": avatar_renderer.SKIN,
        "hair_colour": avatar_renderer.HAIR,
        "clothes_colour": avatar_renderer.CLOTHES,
    }
    for name, palette in palettes.items():
        for word, colour in palette.items():
            wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            assert np.abs(pixels({**one, name: word})[places[name]] - wanted).max() <= 2, word


def test_the_background_is_plain_and_opaque(rendering, drawn):
    wanted = [int(avatar_renderer.BACKGROUND[at : at + 2], 16) for at in (1, 3, 5)]
    for one in drawn[:8]:
        image = avatar_renderer.picture(one, 32)
        assert image.mode == "RGB"
        assert image.size == (32, 32)
        assert np.asarray(image)[0, 0].tolist() == wanted


@pytest.mark.slow
def test_rendering_repeats_byte_for_byte_whatever_the_workers(rendering, tmp_path):
    for name, workers, count in (("one", 1, 70), ("two", 2, 70), ("few", 1, 5)):
        avatar_renderer.render(tmp_path / name, count=count, seed=5, size=16, workers=workers)
    files = [{f.name: f.read_bytes() for f in (tmp_path / n).iterdir()} for n in ("one", "two")]
    assert len(files[0]) == 71
    assert files[0] == files[1]
    for index in range(5):  # a picture does not depend on how many are drawn
        name = f"{index:06d}.png"
        assert (tmp_path / "few" / name).read_bytes() == files[0][name]


def test_the_csv_says_what_was_drawn(rendering, tmp_path):
    avatar_renderer.render(tmp_path, count=6, seed=9, size=16, workers=1)
    with open(tmp_path / "attributes.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == avatar_renderer.COLUMNS
    for index, row in enumerate(rows):
        one = avatar_renderer.draw(9, index)
        assert row.pop("file") == f"{index:06d}.png"
        assert row == {name: str(one[name]) for name in avatar_renderer.COLUMNS[1:]}


def test_what_cannot_be_used_is_said(rendering, tmp_path):
    for wrong in ({"count": 0}, {"size": 0}, {"workers": 0}):
        with pytest.raises(InputError, match="must be at least 1"):
            avatar_renderer.render(tmp_path / "new", **wrong)
    (tmp_path / "old.png").touch()
    with pytest.raises(InputError, match="not empty"):
        avatar_renderer.render(tmp_path, count=1, workers=1)


def test_missing_packages_are_named(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in ("dicebear", "dicebear_styles", "resvg_py"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install dicebear-core"):
        avatar_renderer.render(tmp_path / "out", count=1, workers=1)
    assert not (tmp_path / "out").exists()


def test_the_licence_is_the_one_the_style_carries(rendering):
    text = resources.files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")
    assert json.loads(text)["meta"]["license"]["text"] + "." == avatar_renderer.LICENCE
