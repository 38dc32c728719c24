"""How much a visitor, and all visitors together, may have at the same time."""

import re
import threading
import time
from types import SimpleNamespace

import pytest

from explorer import config
from explorer.services import background, quotas, run_launcher, run_list, trust, upload_limits
from gan_core.data import photo_alignment
from support import ROOT


@pytest.fixture
def who(monkeypatch):
    """Says who the visitor is."""
    now = SimpleNamespace(name="anna")
    monkeypatch.setattr(trust, "visitor", lambda: now.name)
    monkeypatch.setenv(trust.VARIABLE, "1")
    return now


@pytest.fixture
def limit(monkeypatch):
    def set_limit(kind, visitor, total):
        old = config.LIMITS[kind]
        new = config.Limit(visitor, total, old.what, old.advice)
        monkeypatch.setitem(config.LIMITS, kind, new)

    return set_limit


@pytest.mark.parametrize("kind", config.LIMITS)
def test_every_limit_is_one_sentence_with_its_number(kind):
    limit = config.LIMITS[kind]
    assert 1 <= limit.visitor <= limit.total
    quotas.check(kind, limit.visitor - 1, limit.total - 1)
    for mine, total, number in ((limit.visitor, 0, limit.visitor), (0, limit.total, limit.total)):
        with pytest.raises(quotas.Full) as refusal:
            quotas.check(kind, mine, total)
        sentence = str(refusal.value)
        assert f"At most {number:,} " in sentence
        assert sentence.count(".") == 1
        assert sentence.endswith(".")


def test_places_are_counted_for_each_and_for_all_and_given_back(who, limit):
    limit("probes", 1, 2)
    anna = quotas.take("probes")
    with pytest.raises(quotas.Full, match="each visitor"):
        quotas.take("probes")
    who.name = "ben"
    ben = quotas.take("probes")
    who.name = "cleo"
    with pytest.raises(quotas.Full, match="all visitors"):
        quotas.take("probes")
    anna()
    anna()  # once is enough
    with quotas.holding("probes"), pytest.raises(quotas.Full):
        quotas.take("probes", "dora")
    ben()
    quotas.take("probes", "dora")()
    assert not quotas._held["probes"]


def test_a_place_is_given_back_when_the_work_fails(who):
    with pytest.raises(ValueError), quotas.holding("probes"):  # noqa: PT011
        raise ValueError
    assert not quotas._held["probes"]


def test_measurements_that_wait_are_limited(who, limit, monkeypatch):
    monkeypatch.setattr(background, "_jobs", {})
    limit("jobs", 2, 3)
    go_on = threading.Event()
    try:
        jobs = [background.start(("quota", i), lambda tell: go_on.wait(60)) for i in range(2)]
        with pytest.raises(quotas.Full, match="At most 2 running or waiting measurements"):
            background.start(("quota", 2), lambda tell: pytest.fail("it was done"))
        assert background.start(("quota", 0), None) is jobs[0]  # another look at one's own
        who.name = "ben"
        jobs.append(background.start(("quota", 3), lambda tell: None))
        with pytest.raises(quotas.Full, match="all visitors"):
            background.start(("quota", 4), lambda tell: None)
    finally:
        go_on.set()
    for job in jobs:
        assert job.ended.wait(60)
    jobs = [background.start(("quota", i), lambda tell: None) for i in (5, 6)]
    assert all(job.ended.wait(60) for job in jobs)


def test_trainings_are_limited(who, limit, monkeypatch, tmp_path):
    limit("trainings", 1, 2)
    monkeypatch.setenv(run_list.VARIABLE, str(tmp_path))
    monkeypatch.setattr(run_launcher, "_starters", {"one": "anna", "two": "ben"})
    started = []
    monkeypatch.setattr(
        run_launcher.subprocess, "Popen", lambda *_, **__: started.append(1) or 1 / 0
    )
    running = []
    monkeypatch.setattr(
        run_list,
        "entries",
        lambda: {name: SimpleNamespace(name=name, running=True) for name in running},
    )

    def start():
        with pytest.raises(ZeroDivisionError):
            run_launcher.start("three", ["train"])

    start()
    running.append("one")
    with pytest.raises(quotas.Full, match="At most 1 training runs in progress"):
        run_launcher.start("three", ["train"])
    who.name = "cleo"
    start()
    running.append("two")
    with pytest.raises(quotas.Full, match="all visitors"):
        run_launcher.start("three", ["train"])
    assert len(started) == 2


def test_the_photos_limit_is_the_one_that_reading_it_has():
    assert config.UPLOAD_MB["photo"] * 2**20 == photo_alignment.MAX_BYTES
    assert set(config.OPEN_UPLOADS) <= set(config.UPLOAD_MB)


def test_a_photo_never_becomes_a_file(who):
    from starlette.formparsers import MultiPartParser

    assert MultiPartParser.spool_max_size > photo_alignment.MAX_BYTES


# Visitors who have left.


class Server:
    """What `sweep` asks of Streamlit's runtime."""

    def __init__(self):
        self.connected, self.closed = {"anna"}, []
        files = {
            "anna": {"1": SimpleNamespace(data=b"12")},
            "ben": {"2": SimpleNamespace(data=b"")},
        }
        self.uploaded_file_mgr = SimpleNamespace(
            file_storage=files, remove_session_files=lambda session: files.pop(session, None)
        )

    def is_active_session(self, session):
        return session in self.connected

    def close_session(self, session):
        self.closed.append(session)


def test_uploads_go_a_while_after_their_visitor(who, monkeypatch):
    server, now = Server(), time.monotonic()
    monkeypatch.setattr(upload_limits.runtime, "get_instance", lambda: server)
    monkeypatch.setattr(upload_limits, "_left", {})
    monkeypatch.setattr(trust, "_unlocked", {"ben", "cleo"})
    assert upload_limits.stored() == {"anna": [2], "ben": [0]}
    upload_limits.sweep(now)
    assert server.closed == []  # ben may have lost the connection for a moment
    server.connected.add("cleo")
    upload_limits.sweep(now + config.UPLOADS_KEPT)
    assert server.closed == ["ben"]
    assert list(server.uploaded_file_mgr.file_storage) == ["anna"]
    assert trust._unlocked == {"cleo"}
    server.connected.clear()
    upload_limits.sweep(now + config.UPLOADS_KEPT)
    server.connected.add("anna")  # back again
    upload_limits.sweep(now + 2 * config.UPLOADS_KEPT - 1)
    server.connected.clear()
    upload_limits.sweep(now + 2 * config.UPLOADS_KEPT)
    assert list(server.uploaded_file_mgr.file_storage) == ["anna"]


# What else is said of the limits.


def test_the_documentation_has_the_same_limits():
    text = (ROOT / "docs" / "privacy-and-hosting.md").read_text(encoding="utf-8")
    for limit in config.LIMITS.values():
        assert f"| {limit.what} | {limit.visitor:,} | {limit.total:,} |" in text
    for kind, most in config.UPLOAD_MB.items():
        may = "yes" if kind in config.OPEN_UPLOADS else "no"
        assert re.search(rf"^\| {kind}: [^|]+ \| {most} \| {may} \|$", text, re.MULTILINE)
    text = " ".join(text.split())
    assert f"and {config.UPLOADS_KEPT} seconds after the visitor has left" in text
    minutes = config.PASSWORD_SECONDS // 60
    assert f"After {config.PASSWORD_ATTEMPTS} wrong passwords within {minutes} minutes" in text
    assert f"at least {config.PASSWORD_LENGTH} characters" in text


def test_a_file_goes_with_the_field_that_held_it(monkeypatch):
    state, removed = SessionState(), []
    context = SimpleNamespace(
        session_id="anna",
        uploaded_file_mgr=SimpleNamespace(remove_file=lambda *which: removed.append(which)),
    )
    monkeypatch.setattr(upload_limits.st, "session_state", state)
    monkeypatch.setattr(upload_limits, "get_script_run_ctx", lambda: context)
    one, other = (SimpleNamespace(file_id=file_id) for file_id in ("1", "2"))
    for shown in ([one], [one, None], [other, one]):
        for upload in shown:
            upload_limits.shown(upload)
        upload_limits.end_of_run()
        assert removed == []
    upload_limits.shown(one)
    upload_limits.end_of_run()
    assert removed == [("anna", "2")]
    upload_limits.end_of_run()
    assert removed == [("anna", "2"), ("anna", "1")]


class SessionState(dict):
    """As much of Streamlit's as is needed."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__
