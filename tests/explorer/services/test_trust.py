"""Who may do what writes files or keeps the computer busy for long."""

import pytest

from explorer.services import trust
from gan_core.util.errors import InputError


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), (None, False)],
)
def test_without_an_option_only_a_loopback_address_allows_it(address, allowed, monkeypatch):
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    monkeypatch.delenv(trust.TRAINING, raising=False)
    monkeypatch.setattr(trust.st, "get_option", {"server.address": address}.get)
    for training in (False, True):
        assert trust.allowed(training) == allowed
        assert bool(trust.reason(training)) != allowed


def test_training_opens_training_and_nothing_else(monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "0")
    monkeypatch.setenv(trust.TRAINING, "1")
    trust.check(training=True)
    with pytest.raises(InputError, match="--trust-visitors"):
        trust.check()
