"""Long commands in code blocks."""

import shlex

import pytest

from explorer.services import command_lines, stranger_text

LONG = (
    "python -m gan_core train data/avatars --name avatars --licence 'free, for the use of --all"
    " who draw' --kimg 1482 --batch 64 --augment translation --architecture resize"
)


def test_a_long_command_is_broken_before_options_and_means_the_same():
    lines = command_lines.wrapped(LONG)
    assert len(lines) > 2
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert all(line.startswith("    --") for line in lines[1:])
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(LONG)
    assert "'free, for the use of --all who draw'" in "\n".join(lines)


@pytest.mark.parametrize(
    "line", ["python -m gan_core train data", "x" * 200, LONG + " \\", "# " + LONG, ""]
)
def test_other_lines_stay(line):
    assert command_lines.wrapped(line) == [line]


def test_a_card_shows_long_commands_on_several_lines():
    card = stranger_text.card(f"Trained with\n\n```\n{LONG}\n```\n\n{LONG}")
    assert card.count(" \\\n    --") >= 2
    assert card.splitlines()[-1].startswith("python -m gan")  # text stays text
