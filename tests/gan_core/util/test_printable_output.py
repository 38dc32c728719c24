"""What is printed while it is enforced holds nothing that a terminal obeys."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tqdm import tqdm

from gan_core.util import printable_output

OBEYED = {*map(chr, range(32)), *map(chr, range(127, 160)), "\u202e", "\u2066", "\ud800"}


@given(some.text(some.characters() | some.sampled_from(sorted(OBEYED)), max_size=50))
def test_no_text_holds_what_a_terminal_obeys(text):
    shown = printable_output.printable(f"evil {text}")
    assert not set(shown) & (OBEYED - {"\n", "\t"})
    assert len(shown) == len(text) + 5
    assert not set(printable_output.one_line(text)) & OBEYED


@pytest.mark.parametrize("text", ["ψ 0.7, 64 × 64\n", "naïve “x” \U0001f600", "a\tb\n", "\r 50%|█"])
def test_other_text_stays_as_it_is(text):
    assert printable_output.printable(text) == text


def test_it_is_enforced_on_both_streams_and_ends(monkeypatch):
    out, errors = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", errors)
    with printable_output.enforced():
        print("a\x1b[2Jb")
        print("c\x9b1mdraw\rover", file=sys.stderr)
    print("\x1b[0m")
    assert out.getvalue() == "a\ufffd[2Jb\n\x1b[0m\n"
    assert errors.getvalue() == "c\ufffd1mdraw\ufffdover\n"


def test_without_streams_nothing_is_printed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with printable_output.enforced():
        print("nothing")


def test_what_an_encoding_lacks_becomes_a_question_mark(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with printable_output.enforced():
        print("ψ = 1\udc80")
        sys.stdout.flush()
    assert raw.getvalue() == b"? = 1?\n"


def test_progress_bars_stay_on_their_lines(monkeypatch):
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    with printable_output.enforced():
        for _ in tqdm(range(2), "outer", mininterval=0):
            for _ in tqdm(range(2), "inner\x1b[31m", mininterval=0, leave=False):
                pass
    shown = errors.getvalue()
    assert "\ufffd" not in shown.replace("inner\ufffd[31m", "")
    assert "\x1b[31m" not in shown
    assert "\n\r" in shown  # the second bar is below the first
    assert "\x1b[A" in shown
