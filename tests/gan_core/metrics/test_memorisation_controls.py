"""The control that ships: the report on a generator that repeats its images against real images."""

import importlib.util

import numpy as np
import pytest

import gan_core
from explorer.widgets import memorisation_controls
from gan_core import checkpoint
from gan_core.metrics import memorisation_file, memorisation_measures, memorisation_report
from support import ROOT

CONTROL = ROOT / "checkpoints" / "controls" / "overfitted-200"


@pytest.fixture(scope="module")
def control():
    return checkpoint.load(CONTROL)


@pytest.mark.slow
def test_the_report_distinguishes_the_two_controls(control):
    data = control.training_set()
    options = {"n": 300, "k": 3, "spaces": "pixels"}
    guilty = memorisation_report.report(control, data, **options)["spaces"]["pixels"]
    options["control"] = "held-out"
    innocent = memorisation_report.report(control, data, **options)["spaces"]["pixels"]
    # Each statistic by its interval, and the whole distributions.
    assert guilty["auth_pct"]["samples"][2] < 10
    assert innocent["auth_pct"]["samples"][1] > 30
    assert guilty["intervals"]["c_t"][1] < -5
    assert innocent["intervals"]["c_t"][0] < 0 < innocent["intervals"]["c_t"][1]
    assert guilty["farther"] < 0.1
    assert 0.4 < innocent["farther"] < 0.6
    assert guilty["distances"]["samples"]["50%"] < guilty["distances"]["held-out"]["5%"]


def test_the_shipped_reports_distinguish_the_controls_or_the_page_says_otherwise(control):
    guilty = memorisation_file.load_report(control)
    innocent = memorisation_file.load_report(control, "held-out")
    spaces = set(guilty["spaces"]) & set(innocent["spaces"])
    assert "pixels" in spaces
    for space in spaces:
        result, clean = guilty["spaces"][space], innocent["spaces"][space]
        cases = [
            memorisation_controls.Case("Guilty: overfitted", "", guilty, None, None),
            memorisation_controls.Case("Innocent: real images", "", innocent, None, None),
        ]
        message = memorisation_controls.inconclusive_text(cases, space)
        if memorisation_measures.separates(result, clean):
            assert message == ""
            assert result["auth_pct"]["samples"][2] < clean["auth_pct"]["samples"][1]
            assert result["intervals"]["farther"][1] < 0.3 < clean["intervals"]["farther"][0]
            assert result["intervals"]["c_t"][1] < -5
        else:
            assert space != "pixels"
            assert "does not distinguish the guilty control from the innocent one" in message


def test_a_discriminator_is_lent_to_the_control_as_it_is(make_checkpoint):
    path = ROOT / "benchmarks" / "overfit_control.py"
    specification = importlib.util.spec_from_file_location("overfit_control", path)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    directory = make_checkpoint()
    judge, sizes = script.borrow(directory, 32)
    own = checkpoint.load(directory).discriminator
    assert sizes == {"ndf": 4}
    for name, tensor in own.state_dict().items():
        assert (judge.state_dict()[name] == tensor).all()
    assert script.borrow("", 32) == (None, {})
    with pytest.raises(SystemExit, match="no discriminator for images of 64 pixels"):
        script.borrow(directory, 64)


@pytest.mark.slow
def test_the_control_is_no_collapsed_generator(control):
    data = control.training_set()
    samples = control.generate(control.prior.sample(400, seed=5))
    _, nearest, *_ = gan_core.PixelIndex(np.asarray(data.images)).query(samples, 1)
    assert len(data.images) == 200
    assert len(np.unique(nearest)) > 100


def test_no_image_of_the_control_is_held_out_too(control):
    data = control.training_set()
    training = {image.tobytes() for image in data.images}
    assert len(data.held_out) > 900
    assert sum(image.tobytes() in training for image in data.held_out) == 0
