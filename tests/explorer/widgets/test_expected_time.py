"""What the page Train says about the time that a run will take."""

import pytest

from explorer.services import run_speed
from explorer.services.run_speed import Speed
from explorer.widgets import expected_time
from gan_core.util.errors import InputError


@pytest.fixture
def said(monkeypatch):
    captions = []
    monkeypatch.setattr(expected_time.st, "caption", captions.append)
    return captions


def test_the_time_is_that_of_the_length_at_the_measured_speed(said, monkeypatch):
    monkeypatch.setattr(run_speed, "earlier", lambda *plan: None)
    monkeypatch.setattr(run_speed, "measure", lambda *plan: Speed(50.0, steps=5))
    expected_time.show(500, "", "", 64, 120.0, None)
    assert said == [
        "**Expected time: about 40 minutes**, an estimate, measured over 5 steps on this computer. "
        + expected_time.BESIDES
    ]
    expected_time.show(500, "", "", 64, None, None)  # the preset's 500 kimg
    assert said[1].startswith("**Expected time: about 2.8 hours**")


def test_an_earlier_run_is_named_and_nothing_is_measured(said, monkeypatch):
    monkeypatch.setattr(run_speed, "earlier", lambda *plan: Speed(50.0, run="a*b"))
    monkeypatch.setattr(run_speed, "measure", lambda *plan: pytest.fail("it was measured"))
    expected_time.show(500, "", "", 64, 120.0, None)
    assert r"at the speed of a\*b" in said[0]


def test_nothing_is_said_where_it_cannot_be_known(said, monkeypatch):
    monkeypatch.setattr(run_speed, "earlier", lambda *plan: None)
    monkeypatch.setattr(run_speed, "measure", lambda *plan: None)
    expected_time.show(500, "", "", 64, None, None)
    expected_time.show(0, "", "", 64, None, None)  # no pictures yet

    def refuse(*plan):
        raise InputError("This network cannot draw pictures of that size.")

    monkeypatch.setattr(run_speed, "earlier", refuse)
    expected_time.show(500, "", "", 64, None, None)
    assert not said


def test_a_time_box_is_its_own_expected_time(said):
    expected_time.show(0, "", "", 64, None, 9.0)
    assert said[0].startswith("**Expected time: 9 minutes**, as chosen.")


def test_held_out_pictures_do_not_count_for_the_preset():
    widths = [expected_time.planned(n, "", "", 64, None)[0].ndf for n in (3_000, 3_400)]
    assert widths == [32, 48]  # 2,700 and 3,060 pictures are trained on
