"""Makes untrusted text safe to show: text from files, links, names and widget values.

Streamlit renders Markdown with extensions: pictures, links and bare addresses, formulas, icons and
emoji by name, colours. In untrusted text any of these could make the visitor's browser contact
another computer, or could imitate a part of the app. So every such text goes through one of these
functions, depending on where it is shown:

    plain       a name or a value within Markdown: shown literally
    sentence    a message that may quote such text: as `plain`, but commands in backticks stay code
    card        a README: only headings, tables, lists, bold and code remain
    chart       within a Plotly figure, which interprets some HTML
    clean       where no markup is interpreted: menu options, JSON for a component, file names
"""

import html
import re
from collections.abc import Callable, Sequence

from explorer.services import command_lines, shown_paths

MOST = 200  # characters of a name or a value
MOST_OF_SENTENCE = 2000
MOST_OF_CARD = 200_000

# A backslash removes the special meaning of each of these.
MARKUP = re.compile(r"[\\`*_\[\]<>$|~#&]")
# Directives such as :red[...]; a colon before a space or at the end is harmless.
COLON = re.compile(r":(?=[\w:])")
# Icons and emoji are inserted after backslashes are removed: an invisible joiner breaks the name.
SHORTCODE = re.compile(r":(?=[\w+/-]+:)")
JOINT = "\u2060"  # word joiner
# Bare addresses become links even after backslashes are removed, but not in code.
ADDRESS = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s`()\[\]<>\"]*[^\s`()\[\]<>\".,;:!?']"
    r"|[\w.+-]+@[\w.-]*\.[\w-]*[a-z]",
    re.IGNORECASE,
)
COMMAND = re.compile(r"(?<![`\\])`(?! )[\w ./=,:'-]+(?<! )`(?!`)")  # no markup can hide in it
# Starts of lines that begin a list, a rule or a heading.
BLOCK = re.compile(r"^(?=[-+](?:\s|$)|-{3}|=+$|\d+[.)](?:\s|$))")

PICTURE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\)|\[[^\[\]]*\])|<img\b[^<>]*>", re.IGNORECASE)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
LINE = re.compile(r"^(\s*(?:#{1,6} |[-*+] |\d{1,9}[.)] )?)(.*)$")
RULE = re.compile(r"^[\s|:-]*-[\s|:-]*$")  # below a table's heading, or across the page
CODE = re.compile(r"(?<![`\\])`[^`]+`(?!`)")
BOLD = re.compile(r"\*\*")
ENTITY = re.compile(r"&#(\d{2,3});")
LINK = re.compile(r"\[([^\[\]]*)\]\(\s*<?([^\s()<>]+)>?[^()]*\)")


def clean(value: object, most: int = MOST) -> str:
    """The text on one line: at most `most` characters, all of them printable.

    White space of any kind becomes a space. Lone surrogates, which no message can carry, and
    characters that change the direction of writing become "�".
    """
    text = " ".join(str(value)[: 4 * most].split())[:most]
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def plain(value: object, most: int = MOST) -> str:
    """Markdown that shows the text literally."""
    return BLOCK.sub(JOINT, literal(clean(value, most)))


def sentence(value: object, most: int = MOST_OF_SENTENCE) -> str:
    """Markdown of a message that may quote a stranger's text; commands in it stay code.

    Visitors from other computers see names in place of paths.
    """
    text = clean(shown_paths.shown(value), most)
    return BLOCK.sub(JOINT, in_parts(text, COMMAND, str, literal))


def card(text: str) -> str:
    """Markdown of a README without pictures, HTML and front matter; links become addresses.

    What is not a heading, a list, a table, bold or code is shown literally.
    """
    text = FRONT_MATTER.sub("", str(text)[:MOST_OF_CARD])
    before = None
    while before != text:  # removing one picture may make another of the text around it
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
                code += command_lines.wrapped(printable(line))
        elif mark:
            fence = mark[1]
        else:
            lines.append(row(printable(line)))
    return "\n".join(lines + (fenced(code) if fence else [])).strip()


def chart(value: object, most: int = MOST) -> str:
    """The text for a Plotly figure."""
    return html.escape(clean(value, most)).replace("$", "&#36;")


def fenced(lines: Sequence[str]) -> list[str]:
    """A code block that no line in it can end."""
    runs = [len(run) for run in re.findall("`+", "\n".join(lines))]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return [fence, *lines, fence]


def printable(line: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


def row(line: str) -> str:
    """A line of a card outside a code block."""
    if RULE.match(line):
        return line
    parts = LINE.match(line)
    begin, rest = parts.groups() if parts else ("", line)  # every line matches
    if not rest.lstrip().startswith("|"):
        return begin + inline(rest)
    # The separators of a table's cells stay.
    return begin + "|".join(map(inline, re.split(r"(?<!\\)\|", rest)))


def inline(text: str) -> str:
    """Part of a line of a card: code and bold stay."""
    text = LINK.sub(lambda m: f"{m[1]} ({m[2]})", text)
    return in_parts(
        text, CODE, str, lambda part: in_parts(part, BOLD, str, lambda p: literal(characters(p)))
    )


def characters(text: str) -> str:
    """The text with the numbers of ASCII characters (&#95;) replaced by the characters (_)."""
    return ENTITY.sub(lambda m: chr(int(m[1])) if 32 < int(m[1]) < 127 else m[0], text)


def literal(text: str) -> str:
    """The text shown literally, with addresses as code, so that they are not links."""
    return in_parts(text, ADDRESS, lambda part: f"`{part}`", escape)


def escape(text: str) -> str:
    text = SHORTCODE.sub(":" + JOINT, MARKUP.sub(r"\\\g<0>", text))
    return COLON.sub(r"\\:", text)


def in_parts(
    text: str, pattern: re.Pattern[str], inside: Callable[[str], str], outside: Callable[[str], str]
) -> str:
    """The text with one function applied to what a pattern matches and another to the rest."""
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [outside(text[end : match.start()]), inside(match[0])]
        end = match.end()
    whole = ""
    for part in filter(None, [*parts, outside(text[end:])]):
        # Two adjacent backticks would begin another kind of code.
        whole += JOINT + part if whole.endswith("`") and part.startswith("`") else part
    return whole
