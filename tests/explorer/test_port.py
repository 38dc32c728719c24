"""The port that the app takes, to which the storage of a browser belongs."""

import socket

import pytest

import explorer.__main__ as main


@pytest.fixture
def busy():
    """A socket that listens on a port of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_the_first_port_is_taken_wherever_it_is_free(busy, monkeypatch, capsys):
    port = busy.getsockname()[1]
    monkeypatch.setattr(main, "FIRST_PORT", port)
    busy.close()
    assert [main.choose_port("127.0.0.1", None) for _ in range(2)] == [port, port]
    assert capsys.readouterr().err == ""


def test_another_port_is_named_with_what_it_means(busy, monkeypatch, capsys):
    port = busy.getsockname()[1]
    monkeypatch.setattr(main, "FIRST_PORT", port)
    other = main.choose_port("127.0.0.1", None)
    assert port < other < port + 100
    message = capsys.readouterr().err
    assert all(word in message for word in (str(port), str(other), "--port"))
    assert main.choose_port("127.0.0.1", other) == other
    assert capsys.readouterr().err == ""
