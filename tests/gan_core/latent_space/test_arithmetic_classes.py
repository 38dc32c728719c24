"""Arithmetic on a conditional model, beside setting the class directly, which it must beat."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

from gan_core import latent
from gan_core.latent_space import arithmetic_report, classes
from gan_core.networks import conditional
from support import ROOT

NAMES = ["glasses", "hair: red", "hair: black"]
NZ = 8
WANTED = [
    {"glasses": True, "warm": False},
    {"glasses": False, "warm": False},
    {"glasses": False, "warm": True},
]


def drawn(z):
    """Latents (n, nz) -> pictures uint8 (n, 1, nz, 1) that show every coordinate."""
    return np.clip(np.rint(128 + 24 * np.asarray(z)), 0, 255).astype(np.uint8)[:, None, :, None]


def read(images):
    """Probabilities of glasses, the first coordinate, and of warm, the last one."""
    values = images[:, 0, :, 0].astype(np.float32) - 128
    return 1 / (1 + np.exp(-values[:, [0, -1]] / 4))


@pytest.fixture
def model():
    """A conditional model in all but its pictures, which are its latents."""
    generator = conditional.Generator(32, 1, NZ, 4, (1, 2)).eval()
    card = {"training": {"tied": NAMES, "conditional": "glasses,hair"}}
    return SimpleNamespace(
        generator=generator,
        prior=latent.Prior("normal", NZ),
        space="z",
        card=card,
        generate=drawn,
    )


def measured(model, names=("glasses", "warm")):
    names = list(names)
    scorer = SimpleNamespace(names=names, predict=read)
    probabilities = read(drawn(model.prior.sample(600, 0)))
    choices = [
        np.flatnonzero(((probabilities[:, 0] > 0.5) == a) & ((probabilities[:, 1] > 0.5) == b))
        for a, b in ((True, False), (False, False), (False, True))
    ]
    triple = {"name": "toy", "target": names[0], "wanted": WANTED}
    return arithmetic_report.measure(
        *(model, scorer, None, probabilities, choices, triple, names, {}, 20, 0, False)
    )


@pytest.mark.slow
def test_the_class_is_set_once_as_summed_and_once_on_the_shell(model):
    rows = [row for row in measured(model) if row["pick"] == arithmetic_report.CLASS]
    assert [(r["exemplars"], r["shell"], r["control"]) for r in rows] == [
        (10, False, False),
        (10, True, False),
    ]
    for row in rows:
        assert row["c_target"] == 0
        assert row["target"][0] == row["kept"][0] == 1


@pytest.mark.slow
def test_a_target_that_is_no_class_has_no_such_rows(model):
    model.card["training"]["tied"] = ["beard", *NAMES[1:]]
    rows = measured(model)
    assert len(rows) == 52
    assert arithmetic_report.CLASS not in {row["pick"] for row in rows}


@pytest.mark.slow
def test_the_class_that_has_an_attribute_is_set_and_all_else_stays(model):
    z = model.prior.sample(5, 1)
    z[0, :3] = -1, 1, -1  # no glasses, red
    black = classes.with_attribute(model, z, "hair: black")
    assert (classes.chosen(model, black)[:, 1] == 1).all()
    assert np.array_equal(black[:, [0, *range(3, NZ)]], z[:, [0, *range(3, NZ)]])
    glasses = classes.with_attribute(model, z, "glasses")
    assert (classes.chosen(model, glasses)[:, 0] == 1).all()
    assert np.array_equal(glasses[:, 1:], z[:, 1:])
    assert classes.with_attribute(model, z, "warm") is None


def card_of(rows):
    triple = {"name": "toy", "choices": [1, 2, 3], "conditions": rows}
    result = {"triples": [triple], "model": "0123456789ab", "draws": 20, "left_out": {}}
    files = {"generator.safetensors": "0123456789abcdef"}
    return {"name": "toy", "files": files, "metrics": {"arithmetic": result}}


@pytest.mark.slow
def test_the_card_has_a_row_for_it_and_the_best_sum_is_never_that(model):
    card = card_of(measured(model))
    section = arithmetic_report.card_section(card)
    assert "which is what arithmetic must beat" in section
    assert section.count("| none: the class of C set directly | 1 | as summed | 100.0%") == 1
    assert "100% have the target attribute, and 100% of C's" in arithmetic_report.must_beat(
        card, "toy"
    )
    assert arithmetic_report.must_beat(card, "other") == ""
    rows = card["metrics"]["arithmetic"]["triples"][0]["conditions"]
    for row in rows:
        if row["pick"] != arithmetic_report.CLASS:
            row["target"], row["kept"] = [0.3, 0, 1], [0.4, 0, 1]
    best = arithmetic_report.best(card, "toy")
    assert (best["target"], best["kept"]) == (0.3, 0.4)
    # Without the rows nothing is said of classes.
    rows[:] = [row for row in rows if row["pick"] != arithmetic_report.CLASS]
    assert "must beat" not in arithmetic_report.card_section(card)
    assert arithmetic_report.must_beat(card, "toy") == ""


@pytest.mark.slow
def test_the_table_of_the_documentation_has_a_column_for_it(model):
    path = ROOT / "docs" / "arithmetic_table.py"
    spec = importlib.util.spec_from_file_location("arithmetic_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = [row for row in measured(model) if not row["shell"]]
    headings = [cell.strip() for cell in module.HEADING.splitlines()[0].split("|")[2:-1]]
    cells = dict(zip(headings, module.cells(rows), strict=True))
    assert cells["class set directly"] == "100.0 / 100.0"
    rows = [row for row in rows if row["pick"] != arithmetic_report.CLASS]
    assert dict(zip(headings, module.cells(rows), strict=True))["class set directly"] == "–"
