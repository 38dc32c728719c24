"""The shipped models take no more room than docs/evaluation.md allows each of them."""

import re

import pytest

from support import ROOT

LIMITS = dict(
    re.findall(r"^\| ([\w-]+) \| (\d+) \| ", (ROOT / "docs/evaluation.md").read_text("utf-8"), re.M)
)
TOTAL = 110  # MB


def megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def test_every_shipped_folder_has_a_limit():
    assert {path.name for path in (ROOT / "checkpoints").iterdir() if path.is_dir()} == {*LIMITS}


@pytest.mark.parametrize("name", LIMITS)
def test_a_folder_is_within_its_limit(name):
    assert 0 < megabytes(ROOT / "checkpoints" / name) <= int(LIMITS[name])


def test_the_limits_together_are_within_the_total():
    assert sum(map(int, LIMITS.values())) <= TOTAL
