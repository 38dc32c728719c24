"""Text of strangers on a page: shown as it is, never as Markdown that a browser would follow."""

import pytest

from explorer.services import renderer
from explorer.views import model_card

PICTURES = ["![x](http://h/p.png)", "!![x](http://h/p.png)", "![a][r]\n\n[r]: http://h/p.png"]
PICTURES += ["![b\\]](http://h/p.png)", "![a]\n(http://h/p.png)"]


def test_only_plain_commands_stay_code():
    assert renderer.sentence("Use `python -m explorer --data FOLDER`.") == (
        "Use `python -m explorer --data FOLDER`."
    )
    assert renderer.sentence("a `[x](y)` b") == r"a \`\[x\](y)\` b"
    assert renderer.sentence("__main__.Tut") == r"\_\_main\_\_.Tut"


@pytest.mark.parametrize("text", PICTURES)
@pytest.mark.parametrize("around", ["{}", "`{}", "`` `{} `", "`a`{}`"])
def test_a_sentence_holds_no_picture(text, around):
    shown = renderer.sentence(around.format(text))
    assert "[" not in shown.replace(r"\[", "")
    assert "](" not in shown.replace(r"\](", "")


@pytest.mark.parametrize("text", PICTURES)
def test_a_card_holds_no_picture(text):
    assert "![" not in model_card.without_images(f"before {text} after")
