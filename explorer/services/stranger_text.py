"""Text of strangers, made safe to show: what stands in a file, a link, a name, a widget's value.

Streamlit renders Markdown with extensions: pictures, links and bare addresses, formulas, icons and
emoji by name, colours. In a stranger's text any of these could make the visitor's browser contact
another computer, or pass for a part of the app. So every such text goes through one of these
functions, depending on where it is shown:

    plain       a name or a value within Markdown: shown letter by letter
    sentence    a message that may repeat such text: as `plain`, but commands in backticks stay code
    card        a README: headings, tables, lists, bold and code stay, nothing else
    chart       within a Plotly figure, which knows some HTML
    clean       where no markup is known: options of a menu, JSON for a component, a file's name
"""

import html
import re
from collections.abc import Callable, Sequence

MOST = 200  # characters of a name or a value
MOST_OF_SENTENCE = 2000
MOST_OF_CARD = 200_000

# A backslash takes away the meaning of each of these.
MARKUP = re.compile(r"[\\`*_\[\]<>$|~#&]")
# Directives such as :red[...]; a colon before a blank or at the end is a colon.
COLON = re.compile(r":(?=[\w:])")
# Icons and emoji are put in after backslashes are gone: an invisible joint parts the name.
SHORTCODE = re.compile(r":(?=[\w+/-]+:)")
JOINT = "\u2060"  # word joiner
# Bare addresses become links also after backslashes are gone, but not in code.
ADDRESS = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s`()\[\]<>\"]*[^\s`()\[\]<>\".,;:!?']"
    r"|[\w.+-]+@[\w.-]*\.[\w-]*[a-z]",
    re.IGNORECASE,
)
COMMAND = re.compile(r"(?<![`\\])`(?! )[\w ./=,:'-]+(?<! )`(?!`)")  # in which nothing can hide
# What at the start of a line begins a list, a rule or a heading.
BLOCK = re.compile(r"^(?=[-+](?:\s|$)|-{3}|=+$|\d+[.)](?:\s|$))")

PICTURE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\)|\[[^\[\]]*\])|<img\b[^<>]*>", re.IGNORECASE)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
LINE = re.compile(r"^(\s*(?:#{1,6} |[-*+] |\d{1,9}[.)] |> )?)(.*)$")
RULE = re.compile(r"^[\s|:-]*-[\s|:-]*$")  # below a table's heading, or across the page
CODE = re.compile(r"(?<![`\\])`[^`]+`(?!`)")
BOLD = re.compile(r"\*\*")
LINK = re.compile(r"\[([^\[\]]*)\]\(\s*<?([^\s()<>]+)>?[^()]*\)")


def clean(value: object, most: int = MOST) -> str:
    """The text on one line: printable characters alone, at most so many of them.

    Blanks of all kinds become a space; half a surrogate pair, which no message can carry, and what
    turns the direction of writing become "�".
    """
    text = " ".join(str(value)[: 4 * most].split())[:most]
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def plain(value: object, most: int = MOST) -> str:
    """Markdown that shows the text letter by letter."""
    return BLOCK.sub(JOINT, literal(clean(value, most)))


def sentence(value: object, most: int = MOST_OF_SENTENCE) -> str:
    """Markdown of a message that may repeat what a stranger wrote; commands in it stay code."""
    text = clean(value, most)
    return BLOCK.sub(JOINT, in_parts(text, COMMAND, str, literal))


def card(text: str) -> str:
    """Markdown of a README, less its pictures, HTML and front matter; links become their address.

    What is not a heading, a list, a table, bold or code is shown letter by letter.
    """
    text = FRONT_MATTER.sub("", str(text)[:MOST_OF_CARD])
    before = None
    while before != text:  # what stood around a picture may be another one without it
        before, text = text, PICTURE.sub("", text)
    lines: list[str] = []
    fence = ""
    code: list[str] = []
    for line in text.expandtabs(4).splitlines():
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                lines += fenced(code)
                fence, code = "", []
            else:
                code.append(printable(line))
        elif mark:
            fence = mark[1]
        else:
            lines.append(row(printable(line)))
    return "\n".join(lines + (fenced(code) if fence else [])).strip()


def chart(value: object, most: int = MOST) -> str:
    """The text for a Plotly figure."""
    return html.escape(clean(value, most)).replace("$", "&#36;")


def fenced(lines: Sequence[str]) -> list[str]:
    """A block of code that nothing in the lines can end."""
    runs = [len(run) for run in re.findall("`+", "\n".join(lines))]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return [fence, *lines, fence]


def printable(line: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


def row(line: str) -> str:
    """A line of a card outside of code."""
    if RULE.match(line):
        return line
    parts = LINE.match(line)
    begin, rest = parts.groups() if parts else ("", line)  # every line matches
    if not rest.lstrip().startswith("|"):
        return begin + inline(rest)
    # Only what parts the cells of a table stays as it is.
    return begin + "|".join(map(inline, re.split(r"(?<!\\)\|", rest)))


def inline(text: str) -> str:
    """A piece of a line of a card: code and bold stay."""
    text = LINK.sub(lambda m: f"{m[1]} ({m[2]})", text)
    return in_parts(text, CODE, str, lambda part: in_parts(part, BOLD, str, literal))


def literal(text: str) -> str:
    """Letter by letter; addresses as code, so that they can be copied and lead nowhere."""
    return in_parts(text, ADDRESS, lambda part: f"`{part}`", escape)


def escape(text: str) -> str:
    text = SHORTCODE.sub(":" + JOINT, MARKUP.sub(r"\\\g<0>", text))
    return COLON.sub(r"\\:", text)


def in_parts(
    text: str, pattern: re.Pattern[str], inside: Callable[[str], str], outside: Callable[[str], str]
) -> str:
    """The text with one function over what a pattern matches, and another over the rest."""
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [outside(text[end : match.start()]), inside(match[0])]
        end = match.end()
    whole = ""
    for part in filter(None, [*parts, outside(text[end:])]):
        # Two backticks beside each other would begin code of another kind.
        whole += JOINT + part if whole.endswith("`") and part.startswith("`") else part
    return whole
