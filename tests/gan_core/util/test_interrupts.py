import signal

import pytest

from gan_core.training.schedule import Stop
from gan_core.util import interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_was_swallowed_before_the_loop_still_stops_it(number):
    interrupts.install()
    with Stop() as stop:
        assert not stop.requested
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    with Stop() as stop:
        assert stop.requested
    interrupts.install()
    assert not interrupts.noted()
