"""What the page Model card makes of numbers that stand for characters."""

import pytest

from explorer.services import stranger_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("| Shared files | attributes&#95;probe.safetensors |", r"attributes\_probe.safetensors"),
        ("a&#42;b&#42;", r"a\*b\*"),
        ("&#60;img src=x&#62;", r"\<img src=x\>"),
        ("&#91;evil&#93;(x)", r"\[evil\](x)"),
        ("| a&#124;b | c |", r"a\|b"),
        ("&#96;&#42;&#42;", r"\`\*\*"),
        ("&#10; &#999;", r"\&\#10; \&\#999;"),
        ("`&#95;`", "`&#95;`"),
    ],
)
def test_a_character_that_stands_as_a_number_is_shown_and_means_nothing(text, shown):
    assert shown in stranger_text.card(text)


def test_an_address_behind_a_number_is_no_link():
    assert "`www.evil.test`" in stranger_text.card("www&#46;evil.test")
