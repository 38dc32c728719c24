"""The page on security names tests that exist, and the command that runs them runs them all."""

import re

from support import HOSTILE, ROOT

TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`([\w/]*test_\w+\.py)(?:::(\w+))?`", TEXT)


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 20
    for file, name in NAMED:
        content = (ROOT / "tests" / file).read_text("utf-8")
        assert not name or f"def {name}(" in content, (file, name)


def test_every_row_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
    rows = [row for row in rows if not row.startswith("| **")]
    assert len(rows) > 10
    for row in rows:
        assert re.search(r"`[\w/]+\.py", row.split(" | ")[-1]), row


def test_the_command_runs_all_of_them():
    assert {file.split("/")[-1] for file, _ in NAMED} <= HOSTILE
    result = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert result >= HOSTILE
