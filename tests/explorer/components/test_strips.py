"""The live canvas behind the browser: motions, strips, reports, and the route that sends strips."""

import asyncio
import base64
import io
import itertools
import json
import logging
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

import gan_core
from explorer.components import canvas, strips
from explorer.components.motions import Coordinates, Pad, Path, Sum
from explorer.services import model_registry, renderer, server
from explorer.state import fragments
from gan_core import latent
from gan_core.latent import Prior
from gan_core.util import cache_dir
from support import needs_avatars

SIDE = 16
NZ = 3
JPEG = 3  # levels that a flat picture may be apart from what was drawn
TIMES = np.linspace(0, 1, 7)
NAN, INFINITE = float("nan"), float("inf")


# Motions.


def keyframes(n, size=NZ):
    return Prior("normal", size).sample(n, seed=5)


@pytest.mark.parametrize("mode", latent.MODES)
@pytest.mark.parametrize(("closed", "end"), [(False, 3), (True, 4)])
def test_a_path_is_that_of_latent(mode, closed, end):
    times = np.linspace(0, end, 17)
    z = Path(keyframes(4), mode, closed).latents(times[:, None])
    assert z.dtype == np.float32
    assert np.array_equal(z, latent.at(keyframes(4), times, mode, closed))


@pytest.mark.parametrize("mode", latent.MODES)
def test_a_pad_is_that_of_latent(mode):
    places = np.random.RandomState(1).rand(9, 2)
    z = Pad(keyframes(4), mode).latents(places)
    assert z.dtype == np.float32
    assert np.array_equal(z, latent.plane(keyframes(4), places, mode))


@pytest.mark.parametrize("norm", [None, 2.5])
def test_a_sum_is_that_of_latent(norm):
    origin, *vectors = keyframes(5)
    weights = np.random.RandomState(1).standard_normal((6, 4))
    z = Sum(origin, np.stack(vectors), norm).latents(weights)
    assert z.dtype == np.float32
    assert np.array_equal(z, latent.combine(vectors, weights, origin, norm))
    assert not np.allclose(z, latent.combine(vectors, weights, 0.0, norm))


def test_coordinates_are_the_latent():
    z = Coordinates().latents([[0.1, 2.0], [-3.0, 4.0]])
    assert z.dtype == np.float32
    assert np.array_equal(z, np.float32([[0.1, 2.0], [-3.0, 4.0]]))


def sent(motion):
    """What the browser gets of a motion."""
    return json.loads(json.dumps(motion.spec(), allow_nan=False))


@pytest.mark.parametrize("mode", latent.MODES)
@pytest.mark.parametrize("closed", [False, True])
def test_the_browser_gets_every_path_as_an_open_one(mode, closed):
    motion = Path(keyframes(3), mode, closed)
    spec = sent(motion)
    assert (spec["kind"], spec["mode"]) == ("path", mode)
    assert set(spec) == {"kind", "mode", "keyframes"}
    times = np.linspace(0, len(spec["keyframes"]) - 1, 13)
    rebuilt = latent.at(np.float32(spec["keyframes"]), times, spec["mode"])
    assert np.array_equal(rebuilt, motion.latents(times[:, None]))
    assert times[-1] == (3 if closed else 2)


@pytest.mark.parametrize("mode", latent.MODES)
def test_the_browser_gets_all_of_a_pad(mode):
    motion = Pad(keyframes(4), mode)
    spec = sent(motion)
    assert spec.pop("kind") == "pad"
    places = np.random.RandomState(1).rand(9, 2)
    rebuilt = Pad(np.float32(spec.pop("corners")), spec.pop("mode"))
    assert np.array_equal(rebuilt.latents(places), motion.latents(places))
    assert not spec


@pytest.mark.parametrize("norm", [None, 2.5])
def test_the_browser_gets_all_of_a_sum(norm):
    origin, *vectors = keyframes(3)
    motion = Sum(origin, np.stack(vectors), norm)
    spec = sent(motion)
    assert spec.pop("kind") == "sum"
    rebuilt = Sum(*(np.float32(spec.pop(name)) for name in ("origin", "vectors")), spec.pop("norm"))
    weights = np.random.RandomState(1).standard_normal((6, 2))
    assert np.array_equal(rebuilt.latents(weights), motion.latents(weights))
    assert not spec


def test_the_browser_needs_no_numbers_for_coordinates():
    assert sent(Coordinates()) == {"kind": "coordinates"}


# Strips.


def flat(name="flat"):
    """A model of one colour a picture: red, green and blue are the first three coordinates."""

    def generate(z):
        levels = np.clip(np.rint(128 + 40 * z[:, :3]), 0, 255).astype(np.uint8)
        return np.broadcast_to(levels[:, None, None], (len(z), SIDE, SIDE, 3)).copy()

    return SimpleNamespace(hash=name, generate=generate)


def colours(z):
    """What `flat` paints for latents, (N, 3)."""
    return flat().generate(np.float32(z))[:, 0, 0].astype(float)


def pictures(reply, panes=1):
    """The pictures of an answer in reading order, (n, side, panes · side, 3)."""
    head, _, encoded = reply["sheet"]["src"].partition(",")
    assert head == "data:image/jpeg;base64"
    whole = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
    columns, side = reply["sheet"]["columns"], reply["sheet"]["side"]
    assert whole.shape[1] == columns * panes * side
    rows = whole.reshape(-1, side, columns, panes * side, 3).swapaxes(1, 2)
    return rows.reshape(-1, side, panes * side, 3).astype(float)


def painted(reply):
    """The colour of each picture of an answer, which must be flat."""
    result = pictures(reply)
    assert result.shape[1:] == (SIDE, SIDE, 3)
    middle = result[:, SIDE // 2, SIDE // 2]
    assert np.abs(result - middle[:, None, None]).max() <= JPEG
    return middle


AXES = [canvas.axis("red", -3, 3), canvas.axis("green", -2, 2), canvas.axis("blue", -1, 3)]
PAD = [canvas.axis("Across", 0, 1), canvas.axis("Down", 0, 1)]
# Across is red, down is green.
CORNERS = np.float32([[-2, -2, 1], [2, -2, 1], [-2, 2, 1], [2, 2, 1]])
QUESTION = {"id": "a-1", "context": "sliders", "axis": 1, "n": 9, "values": [0.5, -1, 2]}
ON_PAD = {"id": "b-1", "context": "pad", "axis": "pad", "n": 5, "values": [0.25, 0.75]}


@pytest.fixture
def canvases(monkeypatch):
    """Two canvases that answer requests, and no others."""
    monkeypatch.setattr(strips, "_canvases", OrderedDict())
    monkeypatch.setattr(server, "answer_strip", strips.answer)
    strips.remember("sliders", flat(), [Coordinates()], AXES)
    strips.remember("pad", flat(), [Pad(CORNERS, "lerp")], PAD)


def test_a_finer_strip_draws_only_what_the_one_before_lacks():
    """The values that two strips share are equal bit by bit, so the renderer's cache has them."""
    for few, many in itertools.pairwise(n for n in strips.COUNTS if n >= 64):
        for low, high in ((0, 2), (-3.3, 3.3), (0, 7), (-0.1, 0.7)):
            fine = np.linspace(low, high, many)[::2]
            assert np.array_equal(np.linspace(low, high, few), fine)


@pytest.mark.parametrize("n", strips.COUNTS)
@pytest.mark.parametrize("which", range(NZ))
def test_a_strip_goes_along_one_slider_and_leaves_the_others(canvases, which, n):
    reply = strips.answer(QUESTION | {"axis": which, "n": n})
    low, high = AXES[which]["min"], AXES[which]["max"]
    along = np.tile(QUESTION["values"], (n, 1))
    along[:, which] = np.linspace(low, high, n)
    assert np.abs(painted(reply)[:n] - colours(along)).max() <= JPEG
    text = {"id": "a-1", "context": "sliders", "axis": which, "n": n, "range": [low, high]}
    assert {name: reply[name] for name in text} == text
    assert reply["values"] == QUESTION["values"]


@pytest.mark.parametrize("n", strips.COUNTS)
def test_a_strip_holds_what_the_model_draws(make_checkpoint, n, monkeypatch):
    monkeypatch.setattr(strips, "_canvases", OrderedDict())
    model = gan_core.load(make_checkpoint(nz=8))
    strips.remember("c", model, [Path(keyframes(3, 8))], [canvas.axis("Position", 0, 2)])
    reply = strips.answer({"context": "c", "axis": 0, "n": n, "values": [0.7]})
    expected = model.generate(latent.at(keyframes(3, 8), np.linspace(0, 2, n))).astype(float)
    result = pictures(reply)[:n]
    for i, picture in enumerate(result):
        apart = np.abs(picture - expected).mean(axis=(1, 2, 3))
        assert apart[i] < 6
        # Frames of a fine strip are much alike.
        assert abs(int(apart.argmin()) - i) <= n // 32 or 1


@pytest.mark.parametrize("side", strips.PAD_SIDES)
def test_a_grid_goes_over_the_pad_row_by_row(canvases, side):
    reply = strips.answer(ON_PAD | {"n": side})
    ticks = np.linspace(-2, 2, side)
    expected = colours([(x, y, 1) for y in ticks for x in ticks])
    assert np.abs(painted(reply) - expected).max() <= JPEG
    assert reply["sheet"]["columns"] == side
    assert (reply["axis"], reply["n"], reply["range"]) == ("pad", side, [0, 1])


def test_one_slider_of_a_pad_has_strips_too(canvases):
    reply = strips.answer(ON_PAD | {"axis": 1, "n": 9})
    expected = colours([(-1, y, 1) for y in np.linspace(-2, 2, 9)])
    assert np.abs(painted(reply) - expected).max() <= JPEG


def test_panes_stand_beside_one_another(canvases):
    ends = [np.float32([[0, 0, 0], end]) for end in ([2, 0, 0], [0, -2, 0])]
    both = [Path(end, "lerp") for end in ends]
    strips.remember("both", flat(), both, [canvas.axis("Position", 0, 1)])
    reply = strips.answer({"context": "both", "axis": 0, "n": 9, "values": [0.5]})
    result = pictures(reply, panes=2)
    for pane, end in enumerate(([2, 0, 0], [0, -2, 0])):
        middle = result[:, SIDE // 2, pane * SIDE + SIDE // 2]
        expected = colours(np.linspace(0, 1, 9)[:, None] * np.float32(end))
        assert np.abs(middle - expected).max() <= JPEG


def test_beside_keeps_the_order_of_panes():
    images = np.arange(2 * 3 * 1 * 2 * 1, dtype=np.uint8).reshape(2, 3, 1, 2, 1)
    assert strips.beside(images)[:, 0, :, 0].tolist() == [
        [0, 1, 6, 7],
        [2, 3, 8, 9],
        [4, 5, 10, 11],
    ]


def test_values_beyond_a_slider_are_its_end(canvases):
    reply = strips.answer(QUESTION | {"values": [99, 0, -1e300]})
    expected = colours([(3, y, -1) for y in np.linspace(-2, 2, 9)])
    assert np.abs(painted(reply) - expected).max() <= JPEG
    assert reply["values"] == [
        99,
        0,
        -1e300,
    ]  # as requested, so that the browser can match the answer


@pytest.mark.parametrize(
    ("name", "shown_id"),
    [("x" * 500, "x" * 40), (None, "None"), (7, "7"), ([1], "[1]"), ({}, "{}"), ("\ud800",) * 2],
)
def test_any_id_of_a_request_comes_back_short(canvases, name, shown_id):
    reply = json.loads(server.draw_strip(json.dumps(QUESTION | {"id": name})))
    assert reply["id"] == shown_id


def test_a_context_is_forgotten_once_many_came_after_it(canvases):
    strips.remember("old", flat(), [Coordinates()], AXES)
    strips.remember("older but seen again", flat(), [Coordinates()], AXES)
    strips.remember("old", flat(), [Coordinates()], AXES)
    for i in range(strips.MAX_CANVASES - 1):
        strips.remember(f"new {i}", flat(), [Coordinates()], AXES)
    assert strips.answer(QUESTION | {"context": "old"})
    assert strips.answer(QUESTION | {"context": "older but seen again"}) is None
    strips.remember("one more", flat(), [Coordinates()], AXES)
    assert strips.answer(QUESTION | {"context": "old"}) is None
    assert strips.answer(QUESTION | {"context": "new 0"})
    assert len(strips._canvases) == strips.MAX_CANVASES


def test_each_context_draws_with_its_own_model_and_motion(canvases):
    gray = flat("gray")
    gray.generate = lambda z: np.full((len(z), SIDE, SIDE, 3), 77, np.uint8)
    strips.remember("gray", gray, [Coordinates()], AXES)
    assert np.abs(painted(strips.answer(QUESTION | {"context": "gray"}))[:9] - 77).max() <= JPEG
    along = [(0.5, y, 2) for y in np.linspace(-2, 2, 9)]
    assert np.abs(painted(strips.answer(QUESTION)) - colours(along)).max() <= JPEG


# What is no question: the whole, or the changes that make QUESTION one.
NO_QUESTIONS = [None, [], {}, 3, 1.5, True, "pad", [QUESTION], NAN]
CHANGES = [
    *({"n": n} for n in (True, None, 9.0, "9", [9], {}, NAN, INFINITE, 0, 1, -9, 8, 10, 5, 16)),
    *({"n": n} for n in (10**9, 10**30)),
    *({"axis": axis} for axis in (-1, 3, 10**30, True, False, 0.0, "0", None, [0], {}, NAN)),
    *({"axis": axis} for axis in ("pad", "PAD", "")),
    {"axis": "pad", "n": 5},
    *({"values": values} for values in (None, 3, "123", {}, [], [0, 0], [0, 0, 0, 0], True)),
    *({"values": {"0": 1, "1": 1, "2": 1}}, {"values": {"length": 3}}),
    *(
        {"values": [0, strange, 0]}
        for strange in ("0", None, True, False, NAN, INFINITE, -INFINITE, [0], {})
    ),
    *({"context": context} for context in ("", "else", "pad", None, 0, True, [], {}, ["sliders"])),
]


@pytest.mark.parametrize("question", NO_QUESTIONS, ids=repr)
def test_what_is_no_question_has_no_answer(canvases, question):
    assert strips.answer(question) is None


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_hostile_question_has_no_answer(canvases, change, caplog):
    assert strips.answer(QUESTION | change) is None
    assert server.draw_strip(json.dumps(QUESTION | change).encode()) is None
    assert not [r for r in caplog.records if r.name == "explorer"]


@pytest.mark.parametrize("name", ["context", "axis", "n", "values"])
def test_a_question_that_lacks_something_has_no_answer(canvases, name):
    assert strips.answer({k: v for k, v in QUESTION.items() if k != name}) is None


@pytest.mark.parametrize("n", [0, 1, 4, 6, 9, 17, 64, -5, 5.0, True, "5", None, 10**9])
def test_a_pad_has_grids_of_two_sizes(canvases, n):
    assert strips.answer(ON_PAD | {"n": n}) is None


@pytest.mark.parametrize("values", [[], [0.5], [0.5] * 3, [0.5, NAN], ["0", "0"], None])
def test_a_grid_too_needs_the_values(canvases, values):
    assert strips.answer(ON_PAD | {"values": values}) is None


# The route.


JSON = {"content-type": "application/json"}


def request(*parts, method="POST", path="/live/strips", headers=JSON):
    """What the routes answer to a body that comes in parts: (status, headers, body)."""
    waiting = [
        {"type": "http.request", "body": part, "more_body": i < len(parts)}
        for i, part in enumerate(parts, 1)
    ]
    answer = []
    scope = {
        **{"type": "http", "http_version": "1.1", "scheme": "http", "server": ("test", 80)},
        **{"method": method, "path": path, "raw_path": path.encode(), "query_string": b""},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        answer.append(message)

    asyncio.run(Starlette(routes=server.ROUTES)(scope, receive, send))
    result = {name.decode(): value.decode() for name, value in answer[0]["headers"]}
    return answer[0]["status"], result, b"".join(part.get("body", b"") for part in answer[1:])


def ask(question=QUESTION, **options):
    return request(json.dumps(question).encode(), **options)


def is_missing(answer):
    """Refused with 404, which nobody may keep, and without a word of why."""
    status, headers, body = answer
    assert headers["cache-control"] == "no-store"
    assert body == b"There is no such file."
    return status == 404


@pytest.mark.parametrize("before", ["", "/some/base"])
@pytest.mark.parametrize("question", [QUESTION, ON_PAD])
def test_the_route_sends_the_strip(canvases, question, before):
    status, headers, body = ask(question, path=f"{before}/{server.STRIPS}")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == strips.answer(question)


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_other_sites_could_send_is_not_answered(canvases, kind):
    assert is_missing(ask(headers={} if kind is None else {"content-type": kind}))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_strip_cannot_be_fetched_by_its_address(canvases, method):
    assert ask(method=method)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(canvases, method):
    status, _, body = ask(method=method)
    assert status in (404, 405)
    assert b"sheet" not in body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xc3\x28",
        b"{",
        b"{'id': 1}",
        b"null",
        b"NaN",
        b"[" * 99_999,
        b'{"id":' * 16_000,
        b"[" * 40_000 + b"]" * 40_000,
        b"1" * 99_999,
        json.dumps(QUESTION).encode() + b"x",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_question_is_not_answered(canvases, body, caplog):
    assert is_missing(request(body))
    assert not [r for r in caplog.records if r.name == "explorer"]


@pytest.mark.parametrize("cut", [0, 60_000])
def test_a_question_that_is_too_long_is_not_answered(canvases, cut):
    def sized(size):
        whole = json.dumps(QUESTION).encode().ljust(size)
        return request(whole[:cut], whole[cut:])

    assert sized(server.MAX_QUESTION)[0] == 200
    assert is_missing(sized(server.MAX_QUESTION + 1))


def test_a_model_that_fails_is_logged_and_not_answered(canvases, caplog):
    def fail(z):
        raise MemoryError("none left")

    broken = flat("broken")
    broken.generate = fail
    strips.remember("broken", broken, [Coordinates()], AXES)
    with caplog.at_level(logging.ERROR, "explorer"):
        assert is_missing(ask(QUESTION | {"context": "broken"}))
    logged = [r.getMessage() for r in caplog.records if r.name == "explorer"]
    assert logged == ["a strip could not be drawn"]
    assert ask()[0] == 200  # and the next one is


# Reports.


REPORT = {"count": 3, "context": "now", "values": [1.5, -0.25, 0], "frozen": [2]}


@pytest.fixture
def session(monkeypatch):
    """A session in which a canvas `c` was drawn in the context `now`."""
    state = {"c-drawn": ("now", AXES)}
    monkeypatch.setattr(canvas.st, "session_state", state)
    return state


def heard(session, report):
    """What a report comes to."""
    session["c"] = {"values": report}
    return canvas.read_report("c")


def test_a_report_is_values_and_what_is_frozen(session):
    assert heard(session, REPORT) == ([1.5, -0.25, 0.0], [2])


def test_values_of_a_report_are_clipped_to_the_sliders(session):
    assert heard(session, REPORT | {"values": [-99, 1e300, 7]})[0] == [-3.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "change",
    [
        *({"context": context} for context in ("before", "", None, 0, [], {})),
        *({"values": values} for values in (None, [], [1, 2], [1, 2, 3, 4], "123", 3, {}, True)),
        *({"values": [0, odd, 0]} for odd in (NAN, INFINITE, -INFINITE, "1", None, True, [1])),
    ],
    ids=repr,
)
def test_a_report_that_does_not_fit_is_not_heard(session, change):
    assert heard(session, REPORT | change) is None


@pytest.mark.parametrize("report", [None, [], "x", 3, {}])
def test_what_is_no_report_is_not_heard(session, report):
    assert heard(session, report) is None
    session["c"] = None
    assert canvas.read_report("c") is None


def test_a_report_before_anything_was_drawn_is_not_heard(session):
    session.clear()
    assert heard(session, REPORT) is None


@pytest.mark.parametrize(
    ("frozen", "accepted"),
    [
        (None, []),
        ([], []),
        ([2, 0], [0, 2]),
        ([1, 1], [1]),
        ([-1, 3, 99, 10**400], []),
        (["1", None, [1], {}, NAN, "x"], []),
        ({"1": 2}, []),
    ],
)
def test_only_sliders_that_there_are_can_be_frozen(session, frozen, accepted):
    assert heard(session, REPORT | {"frozen": frozen}) == ([1.5, -0.25, 0.0], accepted)


@pytest.mark.parametrize(
    ("report", "count"),
    [(REPORT, 3), ({}, 0), (None, 0), ([], 0), *(({"count": c}, 0) for c in ("3", None, [], 1.5))],
)
def test_the_count_of_the_last_report_is_echoed(session, report, count):
    session["c"] = {"values": report}
    assert canvas.last_count("c") == count


def test_nothing_was_reported_at_first(session):
    assert canvas.last_count("c") == 0


def test_a_slider_is_sent_as_json():
    text = canvas.axis("z3", np.float32(-3), np.float64(4), ticks=[0, 1], effect=0.5)
    assert json.loads(json.dumps(text)) == {
        **{"label": "z3", "min": -3.0, "max": 4.0, "step": 0.01},
        **{"ticks": [0, 1], "effect": 0.5},
    }
    assert canvas.axis("x", 0, 1, 0.5)["step"] == 0.5


def test_a_context_names_model_and_motions():
    def pad(corners=CORNERS, mode="slerp", name="m"):
        return canvas.digest(flat(name), [Pad(corners, mode)])

    assert pad() == pad(CORNERS.copy())
    ends = keyframes(2)
    others = [
        pad(mode="lerp"),
        pad(name="other"),
        pad(np.nextafter(CORNERS, np.float32(9))),
        pad(CORNERS[[1, 0, 2, 3]]),
        canvas.digest(flat("m"), [Coordinates()]),
        canvas.digest(flat("m"), [Path(ends)]),
        canvas.digest(flat("m"), [Path(ends, "lerp")]),
        canvas.digest(flat("m"), [Path(ends, closed=True)]),
        canvas.digest(flat("m"), [Path(ends), Path(ends, "lerp")]),
        canvas.digest(flat("m"), [Path(ends, "lerp"), Path(ends)]),
        canvas.digest(flat("m"), [Sum(ends[0], ends)]),
        canvas.digest(flat("m"), [Sum(ends[0], ends, 2.0)]),
    ]
    assert len({pad(), *others}) == 1 + len(others)


# Panels.


def troubled(kind):
    import streamlit as st

    from explorer.state import fragments
    from gan_core.util.errors import InputError

    @fragments.panel("broken")
    def broken():
        st.write("before")
        raise {"input": InputError("It is so."), "other": KeyError("secret")}[kind]

    broken()
    st.write("after")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("input", "It is so."),
        ("other", "This part of the page could not be drawn; the log says why."),
    ],
)
def test_a_panel_that_fails_is_a_sentence_and_the_page_goes_on(kind, sentence, caplog):
    app = AppTest.from_function(troubled, kwargs={"kind": kind}, default_timeout=60).run()
    assert not app.exception
    assert [e.value for e in app.error] == [sentence]
    assert [m.value for m in app.markdown] == ["before", "after"]
    logged = [r for r in caplog.records if r.name == "explorer"]
    assert len(logged) == (kind == "other")


def counting():
    from collections import Counter

    import streamlit as st

    from explorer.state import fragments

    runs = st.session_state.setdefault("runs", Counter())
    runs["page"] += 1

    @fragments.panel("one")
    def one(by):
        """Words."""
        runs["one"] += by
        st.button("all", key="all", on_click=fragments.redraw)

    @fragments.panel("two")
    def two():
        runs["two"] += 1
        st.button("other", key="other", on_click=fragments.redraw, args=("one",))

    one(by=1)
    two()
    assert one.__doc__ == "Words."


def test_a_panel_of_another_model_than_the_chosen_one_is_outdated(two_models, monkeypatch):
    from explorer.state import fragments, url_state

    model = gan_core.load(two_models / "alpha")
    monkeypatch.setattr(fragments.session, "view", lambda: url_state.View(model="beta"))
    assert fragments.outdated(("alpha", model))
    assert not fragments.outdated(("beta", model))
    assert not fragments.outdated(("alpha", "no model"))
    assert not fragments.outdated(())


@pytest.mark.parametrize(
    ("button", "again"),
    [
        ("other", {"one"}),
        ("all", {"page", "one", "two"}),
    ],
)
def test_redraw_draws_the_panels_named_or_all(button, again, monkeypatch):
    # A click in AppTest asks for the whole page, one in a browser for the button's panel.
    one = SimpleNamespace(fragment_ids_this_run=["of the button"])
    monkeypatch.setattr(fragments, "get_script_run_ctx", lambda: one)
    app = AppTest.from_function(counting, default_timeout=60).run()
    before = dict(app.session_state["runs"])
    app = app.button(key=button).click().run()
    assert not app.exception
    after = app.session_state["runs"]
    assert {name for name in after if after[name] > before[name]} == again


# Strengths, and what a model settles to.


def test_strengths_are_measured_once_for_the_same_weights(make_checkpoint, monkeypatch):
    monkeypatch.setattr(renderer, "_effects", {})
    folder = make_checkpoint("one", nz=3)
    model = gan_core.load(folder)
    assert renderer.effects(model, wait=False) is None
    calls = []
    real = renderer.coordinate_effects.effects
    monkeypatch.setattr(
        renderer.coordinate_effects,
        "effects",
        lambda model: calls.append(model.hash) or real(model),
    )
    assert renderer.effects(model, wait=False) is None
    assert not calls
    result = renderer.effects(model)
    assert np.array_equal(result, real(model))
    again = gan_core.load(folder)
    assert np.array_equal(renderer.effects(again), result)
    assert np.array_equal(renderer.effects(again, wait=False), result)
    other = gan_core.load(make_checkpoint("other", nz=3, seed=1))
    assert renderer.effects(other, wait=False) is None
    assert not np.allclose(renderer.effects(other), result)
    assert calls == [model.hash, other.hash]
    renderer._effects.clear()  # as after a restart: the cache folder has them
    assert np.array_equal(renderer.effects(again, wait=False), result)
    renderer._effects.clear()
    for path in cache_dir.cache_directory().rglob("*.json"):
        path.write_text('{"effects": [1.0]}')  # of another size
    assert np.array_equal(renderer.effects(again), result)
    assert calls == [model.hash, other.hash, model.hash]


@pytest.mark.slow
@pytest.mark.parametrize("discriminator", [False, True])
def test_settling_runs_the_usual_batches(make_checkpoint, monkeypatch, discriminator):
    monkeypatch.setattr(model_registry.gc, "freeze", lambda: None)
    model = gan_core.load(make_checkpoint(discriminator=discriminator))
    drawn, judged = [], []
    generate, judge = model.generate, model.realness
    monkeypatch.setattr(model, "generate", lambda z: drawn.append(len(z)) or generate(z))
    monkeypatch.setattr(model, "realness", lambda x: judged.append(len(x)) or judge(x))
    model_registry.settle(model)
    assert drawn == [1, 9, 25, 64]
    assert judged == (drawn if discriminator else [])


@needs_avatars
@pytest.mark.slow
def test_once_settled_the_collector_has_almost_nothing_to_walk(python):
    code = (
        "import gc, explorer.services.server, streamlit, torch, gan_core; "
        "from explorer.services import model_registry; "
        "model = gan_core.load(model_registry.ROOT / 'checkpoints' / 'avatars'); "
        "before = len(gc.get_objects()); model_registry.settle(model); "
        "print(before, len(gc.get_objects()))"
    )
    before, after = map(int, python("-c", code, check=True).stdout.split())
    assert before > 100_000  # 240,734 when this was written, and none of them after it
    assert after < 1000
