"""A person's own points: as text for a link, and from CSV."""

import pytest

from gan_core.game import points
from gan_core.util.errors import InputError


def test_points_come_back_as_they_were_to_a_thousandth():
    drawn = [(0.0, 0.0), (-2.0, 2.0), (1.2345, -0.777), (9.0, -9.0)]
    text = points.write(drawn)
    assert len(text) == 4 * len(drawn)
    read = points.read(text)
    assert read[:3] == [pytest.approx(point, abs=1e-3) for point in drawn[:3]]
    assert read[3] == (2.0, -2.0)  # of what lies outside, the nearest place
    assert points.write(read) == text


@pytest.mark.parametrize("text", ["A", "AAAA!AAA", "AAA ", "ÄAAA", "AAAA" * (points.MOST + 1)])
def test_other_text_holds_no_points(text):
    with pytest.raises(ValueError, match=r"."):
        points.read(text)


@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n0,0\n4,2\n",
        b"0;0\r\n4;2\r\n",
        b"\xef\xbb\xbfx\ty\n0\t0\n\n4\t2",
    ],
)
def test_a_csv_file_is_scaled_into_the_plane(content):
    assert points.read_csv(content) == [(-1.6, -0.8), (1.6, 0.8)]


def test_one_point_lies_in_the_middle_and_many_are_thinned_out():
    assert points.read_csv(b"3,4") == [(0.0, 0.0)]
    many = "\n".join(f"{i},0" for i in range(10 * points.MOST))
    read = points.read_csv(many.encode())
    assert len(read) == points.MOST
    assert read == sorted(read)


@pytest.mark.parametrize("huge", [b"1e308,0\n-1e308,0", b"1e-320,0\n0,0"])
def test_very_large_and_very_small_numbers_stay_in_the_plane(huge):
    assert all(abs(value) <= 1.6 for point in points.read_csv(huge) for value in point)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no points"),
        (b"x,y\n", "holds no points"),
        (b"\xff\xfe1,2", "not text"),
        (b"1,2\n1,two", "Line 2 holds 'two'"),
        (b"1,2\n1,nan", "Line 2 holds 'nan'"),
        (b"1,2\n3,inf", "Line 2 holds 'inf'"),
        (b"1,2,3", "Line 1 has 3 columns"),
        (b"1\n2\n", "Line 1 has 1 column;"),
        (b'"1,2', "holds no points"),
        (b"1,2\n" * (points.MOST_ROWS + 5), "at most 20,000 rows"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_one_sentence(content, words):
    with pytest.raises(InputError) as caught:
        points.read_csv(content)
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
