"""What the tests of training share."""

import functools

import pytest

from gan_core.training import ema


@pytest.fixture(autouse=True)
def short_fit(monkeypatch):
    """The statistics of averaged generators come from few latents, which takes most of the time.

    Fixtures of a wider scope than a test come before, and have the usual number.
    """
    monkeypatch.setattr(ema, "fit_average", functools.partial(ema.fit_average, batches=2))
