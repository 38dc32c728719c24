"""Who may do what writes files or keeps the computer busy for long."""

import time

import pytest

from explorer import __main__ as main
from explorer import config
from explorer.services import background, trust
from gan_core.util.errors import InputError

PASSWORD = "correct horse"


@pytest.fixture
def stranger(monkeypatch):
    """A visitor who is not trusted."""
    monkeypatch.setenv(trust.VARIABLE, "0")
    monkeypatch.setenv(trust.TRAINING, "0")


@pytest.fixture
def password(stranger):
    trust.set_password(PASSWORD)
    yield PASSWORD
    trust.set_password(None)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        *(("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.7", False), ("example.org", False)),
        *((None, False), ("", False)),
    ],
)
def test_without_an_option_only_a_loopback_address_allows_it(address, allowed, monkeypatch):
    for name in (trust.VARIABLE, trust.TRAINING, trust.PRIVATE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(trust.st, "get_option", {"server.address": address}.get)
    for training in (False, True):
        assert trust.allowed(training) == allowed
        assert bool(trust.reason(training)) != allowed


def test_training_opens_training_and_nothing_else(stranger, monkeypatch):
    monkeypatch.setenv(trust.TRAINING, "1")
    trust.check(training=True)
    with pytest.raises(trust.Refused, match="--trust-visitors"):
        trust.check()


# The command line.


@pytest.fixture
def started(monkeypatch):
    """Starts the app as far as serving; returns what it would allow, and the largest upload."""
    monkeypatch.setattr(main, "announce", lambda *_: None)
    for name in (trust.VARIABLE, trust.TRAINING, main.PASSWORD, "LATENT_EXPLORER_HOSTS"):
        monkeypatch.setenv(name, "")  # so that what `main` sets is undone
    monkeypatch.setattr(main, "choose_port", lambda address, wanted: 1)

    def start(*arguments):
        served = []
        monkeypatch.setattr(main, "serve", lambda address, port, path, most: served.append(most))
        main.main(arguments)
        return trust.allowed(), trust.allowed(training=True), *served

    yield start
    trust.set_password(None)


NETWORK = ("--address", "0.0.0.0")
PROXY = ("--allowed-host", "class.example.org")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (True, True, 480)),
        (NETWORK, (False, False, 5)),
        ((*NETWORK, "--trust-visitors"), (True, True, 480)),
        ((*NETWORK, "--training"), (False, True, 480)),
        (PROXY, (False, False, 5)),
        ((*PROXY, "--trust-visitors"), (True, True, 480)),
        (("--allowed-host", "localhost"), (True, True, 480)),
    ],
)
def test_options_decide_who_is_trusted(started, arguments, expected):
    assert started(*arguments) == expected


@pytest.mark.parametrize("more", [(), NETWORK, ("--training",)])
def test_with_a_password_nobody_is_trusted_before_it_is_entered(started, more, monkeypatch):
    monkeypatch.setenv(main.PASSWORD, PASSWORD)
    assert started("--password", *more) == (False, False, 480)
    assert main.PASSWORD not in main.os.environ  # child processes do not inherit it
    trust.unlock(PASSWORD)
    assert trust.allowed()


def test_a_password_comes_from_the_first_line_of_a_file(started, tmp_path):
    (tmp_path / "file").write_text(f"{PASSWORD}\nsomething else\n", encoding="utf-8")
    started("--password", str(tmp_path / "file"))
    trust.unlock(PASSWORD)
    assert trust.allowed()


@pytest.mark.parametrize("given", ["", "short"])
def test_no_password_or_a_short_one_ends_with_a_sentence(given, started, monkeypatch, capsys):
    monkeypatch.setenv(main.PASSWORD, given)
    monkeypatch.setattr(main.sys, "stdin", None)
    with pytest.raises(SystemExit):
        started("--password")
    (sentence,) = capsys.readouterr().err.splitlines()
    assert main.PASSWORD in sentence if not given else "too short" in sentence


def test_a_password_on_the_command_line_is_not_taken_nor_repeated(started, capsys):
    with pytest.raises(SystemExit):
        started("--password", "hunter2-hunter2")
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "command line" in sentence
    assert "hunter2" not in sentence


# The password.


def test_the_right_password_opens_this_session_only(password):
    with pytest.raises(trust.Refused, match="password in the sidebar"):
        trust.check()
    trust.unlock(password)
    trust.check()
    trust.check(training=True)
    assert not trust.allowed(session="another")
    trust.lock()
    assert not trust.allowed()


def test_wrong_passwords_are_refused_whatever_they_are(password):
    for wrong in ("", "Correct horse", password + "x", "x" * 100_000, "\ud800"):
        with pytest.raises(InputError, match="not the password"):
            trust.unlock(wrong)
    assert not trust.allowed()


def test_accents_may_be_composed_or_not(stranger):
    trust.set_password("caf\u00e9 cr\u00e8me")
    trust.unlock("cafe\u0301 cre\u0300me")
    assert trust.allowed()
    trust.set_password(None)


def test_too_many_wrong_passwords_close_the_door_for_a_while(password, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(trust.time, "monotonic", lambda: now)
    for i in range(config.PASSWORD_ATTEMPTS):
        monkeypatch.setattr(trust, "visitor", lambda i=i: f"session {i}")  # a new one each time
        with pytest.raises(InputError, match="not the password"):
            trust.unlock("a wrong one")
    with pytest.raises(InputError, match="try again in 5 minutes"):
        trust.unlock(password)  # the right one tells a guesser nothing either
    assert not trust.allowed()
    now += config.PASSWORD_SECONDS
    trust.unlock(password)
    assert trust.allowed()


def test_it_is_compared_in_constant_time(password, monkeypatch):
    compared = []
    monkeypatch.setattr(trust.hmac, "compare_digest", lambda a, b: compared.append((a, b)))
    for typed in ("x", password):
        with pytest.raises(InputError):
            trust.unlock(typed)
    assert {len(part) for pair in compared for part in pair} == {32}
    assert compared[1][0] == compared[1][1]


# Work in the background.


@pytest.fixture
def key():
    key = ("test", time.monotonic_ns())
    yield key
    background.forget(key)


def test_a_stranger_starts_no_work(stranger, key):
    with pytest.raises(trust.Refused):
        background.start(key, lambda tell: pytest.fail("it was done"))
    with pytest.raises(trust.Refused):
        background.start(key, lambda tell: pytest.fail("it was done"), long=True)
    assert not background.under_way(key)


def test_a_stranger_starts_what_is_brief(stranger, key):
    assert background.start(key, lambda tell: None, brief=True).ended.wait(60)


def test_a_stranger_gets_what_was_prepared_before(key, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert background.start(key, lambda tell: None).ended.wait(60)
    background.forget(key)  # as when the app is started again
    monkeypatch.setenv(trust.VARIABLE, "0")
    assert background.start(key, lambda tell: None).ended.wait(60)
    background.forget(key)
    with pytest.raises(trust.Refused):  # what may take minutes is never done twice for a stranger
        background.start(key, lambda tell: None, long=True)


def test_work_that_failed_has_prepared_nothing(key, monkeypatch):
    def fail(tell):
        raise InputError("No.")

    monkeypatch.setenv(trust.VARIABLE, "1")
    assert background.start(key, fail).ended.wait(60)
    background.forget(key)
    monkeypatch.setenv(trust.VARIABLE, "0")
    with pytest.raises(trust.Refused):
        background.start(key, lambda tell: None)
