"""Links: what a page shows, written into query parameters and read back."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from explorer.state import tray, url_parts, url_state
from explorer.state.url_state import View
from support import ROOT

IN_NO_LINK = {"undo", "redo"}
CHANGED = View(
    model="avatars",
    weights="0a1b2c",
    seed=72,
    psi=0.7,
    n=64,
    size="large",
    sort="fake",
    by="long_hair",
    having="beard,hat",
    lacking="glasses",
    classes="digit:3,hair%3A colour:red%2C dark",
    rank=72,
    latent="w",
    smooth=True,
    beside="faces",
    browser=True,
    source="tray",
    keys="3, 14, 15@0.7",
    key_classes="digit:3;;glasses:no%3B",
    picks="2,1",
    mode="both",
    closed=True,
    step=16,
    at=1.25,
    way="pad",
    start=7,
    coords="3:1.25,17:-0.8",
    frozen="3,17",
    along="glasses (normal):2.5,factor 1:-1",
    locked="beard,hat",
    level=True,
    look="factors",
    corners="3, 14, 15@0.7, 92",
    corner_classes="digit:3;;;digit:8",
    x=0.25,
    y=0.0,
    a="3, 14@0.7",
    b="15",
    c="9, 2, 6",
    d="4, ~0123456789ab",
    e="1",
    basket_classes="digit:3;;glasses:no;;digit:8",
    sum="1,-1,0.5,-2,0",
    wishes="+Smiling,-Male;;+hair_colour: red",
    strength=0.75,
    apart=True,
    ask="training",
    of=9,
    image=12,
    space="discriminator",
    picture="3@0.7",
    same_class=True,
    k=16,
    run="photos",
    preset="k",
    compare=False,
    first="data:points,k:3",
    second="objective:hinge,lr_d:0.0005",
    points="AAAABBBB",
    optimal=True,
    game_seed=4,
    lesson="tour",
    lesson_step=3,
    large=True,
    seconds=6.5,
    pingpong=True,
    side=512,
)


def item(seed, psi=1.0, model="avatars"):
    return tray.Item("a", model, "0123", seed, psi, np.zeros(2, np.float32))


@pytest.mark.parametrize("page", url_state.PAGES)
@pytest.mark.parametrize("view", [View(model="avatars"), CHANGED], ids=["default", "changed"])
def test_what_a_page_writes_it_reads_back(page, view):
    params = url_state.write(view, page)
    assert all(isinstance(value, str) for value in params.values())
    back, unread = url_state.read(params)
    assert unread == []
    carried = {name: getattr(view, name) for name in url_state.PAGES[page]}
    assert {"model", "weights"} <= set(carried)
    assert back == replace(View(), **carried)


def test_every_changed_setting_is_in_some_link():
    written = {name for page in url_state.PAGES for name in url_state.write(CHANGED, page)}
    assert written == set(vars(CHANGED)) - IN_NO_LINK


def test_a_first_visits_link_is_short():
    assert url_state.write(View(model="avatars"), "browse") == {"model": "avatars", "seed": "0"}


@pytest.mark.parametrize("typed", ["3 14 15", "3;14;15", "3, 14, 15", "3  14,15", "3,14,15,"])
def test_keys_survive_the_link_however_they_were_typed(typed):
    params = url_state.write(View(keys=typed), "interpolate")
    back, unread = url_state.read(params)
    assert unread == []
    assert url_parts.read_keys(back.keys) == [(3, None), (14, None), (15, None)]


@pytest.mark.parametrize("typed", ["", "abc", "1", "1,2,3,4,5,6,7,8,9", "1,,,", "-1,2"])
def test_keys_that_cannot_be_read_do_not_stop_a_link_from_being_written(typed):
    url_state.write(View(keys=typed), "interpolate")


def test_no_parameters_are_the_defaults():
    assert url_state.read({}) == (View(), [])


def test_unknown_parameters_are_left_alone():
    assert url_state.read({"utm_source": "x", "embed": "true"}) == (View(), [])


OPEN = set(url_state.FOLLOWING)


@pytest.mark.parametrize(
    ("params", "page", "left"),
    [
        ({}, "browse", OPEN),
        ({"model": "avatars", "n": "16"}, "browse", OPEN),
        ({"weights": "0a1b2c"}, "browse", OPEN - {"by", "sort", "smooth", "latent"}),
        (
            {"weights": "0a1b2c"},
            "latents",
            OPEN - {"start", "corners", "smooth", "latent", "mode"},
        ),
        ({"seed": "5"}, "browse", OPEN - {"by", "sort"}),
        ({"seed": "5"}, "latents", OPEN - {"by", "sort", "start"}),
        ({"sort": "real"}, "browse", OPEN - {"by", "sort"}),
        ({"having": "hat"}, "browse", OPEN),
        ({"coords": "1:2"}, "latents", OPEN - {"start"}),
        ({"keys": "1,2", "smooth": "0"}, "interpolate", OPEN - {"keys", "smooth"}),
    ],
)
def test_a_link_leaves_open_what_it_does_not_say(params, page, left):
    assert url_state.left_open(params, page) == left


MALFORMED = {
    "beside": ["", "m" * 201, "a\nb"],
    "having": ["a\nb", ",".join("abcdefghijklmnopqrstuvwxyz")],
    "lacking": ["m" * 201],
    "key_classes": ["x", ";:1", "digit:;", ";" * 8],
    "corner_classes": ["x", ";:1", "digit:;", ";" * 4],
    "basket_classes": ["x", ";:1", "digit:;", ";" * 5],
    "same_class": ["", "true", "2"],
    "classes": ["x", ":1", "digit:", "a\nb:1", ",".join(["a:1"] * 25)],
    "rank": ["", "x", "-1", "65537", "1.5"],
    "model": ["", "m" * 201, "a\nb", "\x00"],
    "weights": ["", "0" * 65, "../x", "a b"],
    "seed": ["", "x", "-1", "4294967296", "1_000", " 7", "1.5", "٣", "9" * 5000, "nan"],
    "psi": ["", "x", "nan", "inf", "-0.1", "1.6", "1e9"],
    "n": ["", "x", "0", "17", "36.0", "1000000", "9" * 5000],
    "size": ["", "huge", "MEDIUM"],
    "sort": ["", "finest"],
    "by": ["", "m" * 201, "a\nb"],
    "latent": ["", "u", "W"],
    "smooth": ["", "true", "2"],
    "browser": ["", "true", "2"],
    "source": ["", "other"],
    "keys": [
        "",
        "1",
        "a,b",
        "1,-2",
        "1,2@9",
        "1,2@",
        "1,2@nan",
        "1,4294967296",
    ],
    "picks": ["", "0", "65", "1,x", "1,,2", "1,2,3,4,5,6,7,8,9"],
    "mode": ["", "cubic"],
    "closed": ["", "yes"],
    "step": ["", "x", "5", "0"],
    "at": ["", "x", "nan", "-1", "9"],
    "way": ["", "dance"],
    "start": ["", "x", "-1", "4294967296", "1.5"],
    "coords": [
        *("x", "3", "3:", "3:x", "-1:2", "3:nan", "3:1001", "1:1,", "65536:1"),
        ",".join(f"{i}:1" for i in range(1025)),
    ],
    "frozen": ["", "x", "-1", "1,,2", "65536", ",".join(["1"] * 1025)],
    "along": ["", "x", "x:", "x:y", "x:nan", "x:20.1", ":1", ",".join(["x:1"] * 25)],
    "locked": ["a\nb", "m" * 201, ",".join(["x"] * 25)],
    "level": ["", "yes"],
    "apart": ["", "yes"],
    "look": ["", "else"],
    "run": ["", "m" * 201, "a\nb"],
    "corners": ["", "1", "1,2,3", "1,2,3,4,5", "1,2,3,x"],
    "x": ["", "x", "-0.1", "1.1", "nan"],
    "y": ["", "x", "-0.1", "1.1", "nan"],
    **{
        key: ["x", "-1", "1,1", "1,2@9", "~12", ",".join(map(str, range(17)))]
        for key in url_parts.BASKETS
    },
    "sum": ["", "1,1", "1,1,1,1,1,1", "1,x,1", "1,,1", "1,nan,1", "1,1e9,1", "-3.1,1,1"],
    "wishes": ["Smiling", "+", "+a;-b;;;;+c", "+%FF", ",".join(f"+{i}" for i in range(13))],
    "strength": ["", "x", "-0.1", "1.6", "nan"],
    "ask": ["", "else"],
    "image": ["", "x", "-1", "4294967296"],
    "of": ["", "x", "-1", "4294967296"],
    "picture": ["", "x", "-1", "1,2", "1@9", "~12"],
    "k": ["", "x", "0", "5", "8.0"],
    "space": ["", "time"],
    "preset": ["", "x", "First"],
    "compare": ["", "yes"],
    "first": ["k", "k:0", "k:x", "speed:3", "objective:best", "lr_d:nan", "k:3;r1:1"],
    "second": ["k", "k:99", "batch:17", "lr_g:-1"],
    "points": ["A", "AAA!", "AAAA" * 401, "ÄAAA"],
    "optimal": ["", "yes"],
    "game_seed": ["", "x", "-1", "4294967296"],
    "lesson": ["nothing", "z.", "z.AAAA", "../tour"],
    "lesson_step": ["-1", "40", "x"],
    "large": ["yes", "2"],
    "seconds": ["2", "13", "nan"],
    "pingpong": ["yes", "2"],
    "side": ["64", "1024", "x"],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, vs in MALFORMED.items() for v in vs])
def test_a_malformed_value_is_named_and_keeps_its_default(name, value):
    params = {"model": "avatars", "seed": "5", "mode": "lerp", name: value}
    view, unread = url_state.read(params)
    assert unread == [name]
    good = {"model": "avatars", "seed": 5, "mode": "lerp"}
    good.pop(name, None)
    assert view == replace(View(), **good)


def test_every_setting_has_malformed_values_above():
    assert set(MALFORMED) == set(vars(View())) - IN_NO_LINK


def test_the_page_of_the_docs_is_written_from_the_table():
    spec = importlib.util.spec_from_file_location("links", ROOT / "docs" / "links.py")
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)
    assert (ROOT / "docs" / "links.md").read_text("utf-8") == links.page()
    assert all(f"| `{name}` |" in links.page() for name in set(vars(View())) - IN_NO_LINK)


def test_several_malformed_values_are_all_named():
    _, unread = url_state.read({"seed": "x", "psi": "x", "n": "x", "mode": "both"})
    assert unread == ["seed", "psi", "n"]


@pytest.mark.parametrize(
    ("text", "seed", "psi"),
    [("0", 0, None), ("4294967295", 4294967295, None), ("7@0", 7, 0.0), ("7@1.5", 7, 1.5)],
)
def test_read_seed(text, seed, psi):
    assert url_parts.read_seed(text) == (seed, psi)


@pytest.mark.parametrize(
    ("text", "keys", "lost"),
    [
        ("3,foo,14", "3, 14", "foo"),
        ("3,-1,<script>alert(1),15@0.7", "3, 15@0.7", "-1, <script>aler"),
        ("1,2,3,4,5,6,7,8,9,10", "1, 2, 3, 4, 5, 6, 7, 8", "9, 10"),
    ],
)
def test_keyframes_that_can_be_read_are_used_and_the_others_named(text, keys, lost):
    view, unread = url_state.read({"keys": text})
    assert view.keys == keys
    assert unread == ["keys"]
    assert ", ".join(url_parts.sift(text)[1]) == lost


def test_keyframes_that_cannot_be_read_stand_in_no_link():
    assert url_state.write(View(keys="3, foo, 14"), "interpolate")["keys"] == "3,14"
    assert "keys" not in url_state.write(View(keys="<b>"), "interpolate")


@pytest.mark.parametrize("page", ["latents", "directions"])
def test_a_seed_is_where_a_picture_starts(page):
    assert url_state.read({"seed": "12"}, page)[0].start == 12
    assert url_state.read({"seed": "12", "start": "7"}, page)[0].start == 7
    assert url_state.read({"seed": "x"}, page)[1] == ["seed"]


def test_keys_write_and_read():
    keys = [(3, None), (14, 0.7), (15, 1.0)]
    assert url_parts.write_keys(keys) == "3, 14@0.7, 15@1"
    assert url_parts.read_keys(url_parts.write_keys(keys)) == keys


def test_the_tray_in_a_link():
    in_w = replace(item(41, 0.7), space="w")
    items = [item(12), item(40, 0.7), item(None), item(3, 0.0, "ganz, anders: ü@1"), in_w]
    text = url_state.write(View(model="avatars"), "browse", items)["tray"]
    assert text.startswith("avatars:12,avatars:40@0.7,")
    entries, unread = url_parts.read_tray(text)
    assert entries == [
        ("avatars", 12, 1.0, "z"),
        ("avatars", 40, 0.7, "z"),
        ("ganz, anders: ü@1", 3, 0.0, "z"),
        ("avatars", 41, 0.7, "w"),
    ]
    assert unread == 0


def test_a_tray_of_nothing_from_seeds_is_not_in_the_link():
    assert "tray" not in url_state.write(View(), "browse", [item(None)])


@pytest.mark.parametrize(
    "part", ["avatars", ":3", "avatars:", "avatars:x", "a:1@9", "a:-1", "a:1@", "a:1w", "a:1@w"]
)
def test_malformed_parts_of_the_tray_are_counted_and_the_rest_is_read(part):
    assert url_parts.read_tray(f"avatars:1,{part},avatars:2") == (
        [("avatars", 1, 1.0, "z"), ("avatars", 2, 1.0, "z")],
        1,
    )


def test_an_empty_tray_is_nothing():
    assert url_parts.read_tray("") == ([], 0)
    assert url_parts.read_tray(",,") == ([], 0)


def test_a_tray_that_is_too_long_is_cut_and_counted():
    text = ",".join(f"avatars:{i}" for i in range(url_parts.MAX_TRAY + 5))
    entries, unread = url_parts.read_tray(text)
    assert [seed for _, seed, _, _ in entries] == list(range(url_parts.MAX_TRAY))
    assert unread == 5


def test_the_link_holds_as_many_pictures_as_the_tray():
    assert url_parts.MAX_TRAY == tray.MAX_ITEMS


@pytest.mark.parametrize("value", [1.25, -0.8, 0.1, 1e-7, 2.9999999, -999.5])
def test_a_coordinate_reads_back_as_the_same_float32(value):
    value = float(np.float32(value))
    (back,) = url_parts.read_coordinates(url_parts.write_coordinates({3: value})).values()
    assert np.float32(back) == np.float32(value)


def test_coordinates_stand_in_their_order():
    assert url_parts.write_coordinates({17: -0.8, 3: 1.25}) == "3:1.25,17:-0.8"
    assert url_parts.write_coordinates({}) == ""
    assert url_parts.read_coordinates("") == {}


@pytest.mark.parametrize("text", ["3,3@1", "3@1.0,3", "3@0.7,3@0.70", "3@0.70000001,3@0.7"])
def test_an_exemplar_counts_once_however_it_is_written(text):
    with pytest.raises(ValueError, match="2 exemplars"):
        url_parts.read_exemplars(text)
    assert url_parts.read_exemplars("3@1, 4@1.5") == [(3, None), (4, 1.5)]
