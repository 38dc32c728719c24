"""Text of strangers on a page: shown as it is, never as Markdown that a browser would follow."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from explorer.services import stranger_text

PICTURES = ["![x](http://h/p.png)", "!![x](http://h/p.png)", "![a][r]\n\n[r]: http://h/p.png"]
PICTURES += ["![b\\]](http://h/p.png)", "![a]\n(http://h/p.png)", "!<img>[a](http://h/p.png)"]
PICTURES += ["!![a](b)[a](http://h/p.png)", "![[](x)](http://h/p.png)", "<img src=http://h/p.png>"]
PICTURES += ["<<img>img src='http://h/p.png'>", "[a]: http://h/p.png\n\n[a]", "<http://h/p.png>"]
PICTURES += ["&#33;[a](http://h/p.png)", "&lt;img src=x&gt;", ":red[![a](http://h/p.png)]"]


FENCED = re.compile(r"^(`{3,})\n.*?^\1$", re.DOTALL | re.MULTILINE)


def outside_code(markdown):
    """(text, marks): what is not code, as it is shown, and with spaces for what was escaped."""
    text, marks, i = "", "", 0
    markdown = FENCED.sub("", markdown)
    while i < len(markdown):
        run = re.compile("`+").match(markdown, i)
        escaped = re.compile(r"\\([!-/:-@\[-`{-~])").match(markdown, i)
        code = run and re.compile(rf"(?<!`){run[0]}(?!`)").search(markdown, run.end())
        if escaped:
            text, marks, i = text + escaped[1], marks + " ", i + 2
        elif code:
            text, marks, i = text + " ", marks + " ", code.end()
        else:
            text, marks, i = text + markdown[i], marks + markdown[i], i + 1
    return text, marks


def holds_markup(markdown):
    """Whether something in the Markdown has a meaning beyond letters, bold and code."""
    text, marks = outside_code(markdown)
    return (
        re.search(r"[`_\[\]<>$~&]|:[\w:]", marks)
        or re.search(r":[\w+/-]+:", text)
        or re.search(r"(https?://|www\.)[\w.-]|[\w.+-]@[\w-]+\.[\w.-]*[a-z]", text, re.IGNORECASE)
    )


def test_only_plain_commands_stay_code():
    assert stranger_text.sentence("Use `python -m explorer --data FOLDER`.") == (
        "Use `python -m explorer --data FOLDER`."
    )
    assert stranger_text.sentence("a `[x](y)` b") == r"a \`\[x\](y)\` b"
    assert stranger_text.sentence("__main__.Tut") == r"\_\_main\_\_.Tut"


@pytest.mark.parametrize("text", PICTURES)
@pytest.mark.parametrize("around", ["{}", "`{}", "`` `{} `", "`a`{}`", "a ` {} ` b"])
@pytest.mark.parametrize("kind", ["plain", "sentence", "card"])
def test_no_text_holds_markup(text, around, kind):
    shown = getattr(stranger_text, kind)(around.format(text))
    assert not holds_markup(shown), shown


@pytest.mark.parametrize("kind", ["plain", "sentence", "card"])
@example("> ")
@given(some.text("`!*[]()<>:/\\&#$|~@.\n- wimghtps1{}", max_size=40))
def test_no_mixture_holds_markup(kind, text):
    shown = getattr(stranger_text, kind)(text)
    assert not holds_markup(shown), shown


@pytest.mark.slow
@given(some.text(max_size=300))
def test_clean_text_is_one_line_that_every_message_can_carry(text):
    shown = stranger_text.clean(text + "\ud800\u202e\0\n")
    assert "\n" not in shown
    assert len(shown) <= stranger_text.MOST
    shown.encode()
    assert not set(shown) & set("\0\u202e\r")


def test_a_card_keeps_headings_tables_lists_bold_and_code():
    card = "---\nlicense: x\n---\n# a_b\n\n![64](s.png)\n\n| `c` | **d** |\n|---|---|\n| 1 | 2 |\n"
    card += "\n- one\n2. two\n\n```\n$ run [x](y)\n```\nSee [there](http://h/x)."
    assert stranger_text.card(card) == (
        "# a\\_b\n\n\n\n| `c` | **d** |\n|---|---|\n| 1 | 2 |\n\n- one\n2. two\n\n"
        "```\n$ run [x](y)\n```\nSee there (`http://h/x`)."
    )


def test_code_in_a_card_ends_where_it_began():
    shown = stranger_text.card("````\n```\n![a](http://h/p.png)\n````\n![b](http://h/p.png)")
    assert shown == "`````\n```\n\n`````" or not holds_markup(shown)
    open_end = stranger_text.card("```\n[a](http://h)")
    assert open_end == "```\n[a](http://h)\n```"


def test_a_chart_knows_no_tag():
    assert stranger_text.chart("<a href='http://h'>$x$") == (
        "&lt;a href=&#x27;http://h&#x27;&gt;&#36;x&#36;"
    )
