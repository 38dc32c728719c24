"""The page Directions: sliders, locks, what is saved, and links, without and with a browser."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from PIL import Image

import gan_core
from browsing import address_has, apart, canvas_pixels, exact, no_trouble, on_tray, query, running
from explorer.components import browser_rendering
from explorer.services import attribute_labels, background, direction_store, model_registry
from explorer.state import url_parts
from fields import field, sentences, state
from gan_core.attributes import classifier
from gan_core.latent_space import directions, discover_directions
from gan_core.latent_space.directions import Direction
from gan_core.util import atomic_files
from support import AVATARS, first_quick
from toys import Reader

BRIGHT = "bright (normal)"


class Centred(Reader):
    """A Reader for whom half of a model's samples have each attribute."""

    def __init__(self, names, model):
        super().__init__(names)
        means = model.generate(model.prior.sample(64)).mean((1, 2))
        object.__setattr__(self, "centre", means.mean(0))
        object.__setattr__(self, "spread", means.std(0))

    def predict(self, images):
        means = images.astype(np.float64).mean((1, 2))
        return classifier.sigmoid(((means - self.centre) / self.spread)[:, : len(self.names)])


# Without a browser.


@pytest.fixture
def quick(monkeypatch):
    """Directions found from few samples, and none left over from another test."""
    monkeypatch.setattr(discover_directions, "QUICK", {"n": 512, "measured": 4})
    monkeypatch.setattr(direction_store, "MEASURED", 4)
    monkeypatch.setattr(direction_store, "_discovered", {})
    monkeypatch.setattr(direction_store, "_measured", {})
    monkeypatch.setattr(background, "_jobs", {})


@pytest.fixture
def opened(quick, two_models, open_app, monkeypatch):
    """Open the page on alpha, with two attributes of a toy classifier and all directions there."""
    model = gan_core.load(two_models / "alpha")
    reader = Centred(["bright", "warm"], model)
    monkeypatch.setattr(attribute_labels, "classifier_of", lambda model: reader)
    directions.save(model, discover_directions.discover(model, reader, n=512, measured=4, k=3))

    def open_page(**params):
        return open_app("directions", **{"model": "alpha", **params})

    open_page.model, open_page.reader = model, reader
    open_page.vectors = {d.name: d.vector for d in directions.load(model)}
    return open_page


def captions(app):
    """All that stands in small print, without the marks that keep Markdown from reading it."""
    return " ".join(element.value for element in app.caption).replace("\\", "")


def settled(app):
    """The app once its directions are computed; until then the page redraws itself."""
    while "computed once" in captions(app):
        app.run()
    return app


def data_of(app):
    return state(app, "directions-canvas-data")


def sliders(app):
    """{label: value} as the canvas was given them."""
    data = data_of(app)
    return dict(zip((a["label"] for a in data["axes"]), data["values"], strict=True))


def shown(app):
    src = data_of(app)["exact"]["src"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(src.split(",")[1]))).convert("RGB"))


def is_picture_of(app, model, z):
    """Whether the canvas shows the picture of a latent; one level of rounding is allowed."""
    drawn = model.generate(np.float32(z)[None])[0].astype(int)
    return np.abs(shown(app) - drawn).max() <= 1


def drag(app, **values):
    """What the browser reports after a drag of the sliders with these labels."""
    data = data_of(app)
    wanted = [
        values.get(a["label"].replace(" ", "_"), v)
        for a, v in zip(data["axes"], data["values"], strict=True)
    ]
    report = {"count": 1, "context": data["context"], "values": wanted, "frozen": []}
    return app.text_input(key="directions-canvas-values").set_value(json.dumps(report)).run().run()


def click(app, key):
    return app.button(key=key).click().run().run()


def named(app, name):
    """Type a name under which to save, and let the page take it."""
    return app.text_input(key="save-name").set_value(name).run().run()


@pytest.mark.slow
def test_the_first_visit_shows_each_attribute_and_a_chart(opened):
    app = opened()
    assert sentences(app) == []
    assert sliders(app) == {"bright": 0.0, "warm": 0.0}
    assert is_picture_of(app, opened.model, opened.model.prior.sample(1)[0])
    assert {a["group"] for a in data_of(app)["axes"]} == {"Attributes, by a classifier’s normal"}
    assert "leaks most into" in " ".join(m.value for m in app.markdown)
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    effects = {d.name: d.about["effects"] for d in directions.load(opened.model)}
    attribute = app.selectbox(key="look-attribute").value
    for bar, kind in zip(figure["data"], ("normal", "difference"), strict=True):
        drawn_effects = dict(zip(bar["y"], np.array(to_list(bar["x"])) / 100, strict=True))
        assert drawn_effects == pytest.approx(effects[f"{attribute} ({kind})"])
        assert bar["y"][0] == attribute


def to_list(values):
    """Plotly writes numbers as a list or packed."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return values


@pytest.mark.slow
def test_the_picture_is_the_start_and_the_weighted_directions(opened):
    app = opened(start="5", along=f"{BRIGHT}:1.5,factor 2:-2")
    assert sentences(app) == []
    z = opened.model.prior.sample(1, seed=5)[0]
    moved = z + 1.5 * opened.vectors[BRIGHT] - 2 * opened.vectors["factor 2"]
    assert is_picture_of(app, opened.model, moved)
    assert not is_picture_of(app, opened.model, z)
    app = opened(start="5", along=f"{BRIGHT}:1.5,factor 2:-2", level="1")
    moved *= np.linalg.norm(z) / np.linalg.norm(moved)
    assert is_picture_of(app, opened.model, moved)


@pytest.mark.slow
def test_a_drag_is_in_the_view_and_in_the_link(opened):
    app = drag(opened(), warm=2.5)
    assert sliders(app) == {"bright": 0.0, "warm": 2.5}
    assert url_parts.read_along(state(app, "link")["along"]) == {
        BRIGHT: 0.0,
        "warm (normal)": 2.5,
    }
    z = opened.model.prior.sample(1)[0] + 2.5 * opened.vectors["warm (normal)"]
    assert is_picture_of(app, opened.model, z)
    again = opened(along=state(app, "link")["along"])
    np.testing.assert_array_equal(shown(again), shown(app))
    app = next(b for b in app.button if b.label == "Reset").click().run()
    assert set(sliders(app).values()) == {0.0}


@pytest.mark.slow
def test_what_is_locked_is_left_alone_but_for_its_own_slider(opened):
    warm = opened.vectors["warm (normal)"]
    along = f"{BRIGHT}:2,warm (normal):1"
    app = opened(along=along)
    before = shown(app)
    app = field(app, "set-locked").set_value(["warm"]).run()
    held = directions.conditional(opened.vectors[BRIGHT], [warm])
    assert abs(held @ warm) < 1e-5
    assert abs(opened.vectors[BRIGHT] @ warm) > 1e-3
    z = opened.model.prior.sample(1)[0] + 2 * held + warm
    assert is_picture_of(app, opened.model, z)
    assert (shown(app) != before).any()
    assert state(app, "link")["locked"] == "warm"
    assert "Locked: warm" in captions(app)
    assert "warm locked" in " ".join(m.value for m in app.markdown)  # measured again
    np.testing.assert_array_equal(shown(opened(along=along, locked="warm")), shown(app))


@pytest.mark.slow
def test_a_locked_direction_is_measured_on_the_samples_of_the_others(opened, monkeypatch):
    described, describe = [], directions.describe
    monkeypatch.setattr(
        directions, "describe", lambda *given: described.append(given[3]) or describe(*given)
    )
    direction_store._measured.clear()
    opened(along=f"{BRIGHT}:2", locked="warm")
    own = {d.about["n"] for d in directions.load(opened.model) if d.kind == "normal"}
    assert own == set(described)


@pytest.mark.slow
def test_a_lock_that_leaves_nothing_is_reported(opened):
    model = opened.model
    twin = Direction("twin", opened.vectors["warm (normal)"], "own")
    directions.save(model, [*directions.load(model), twin])
    app = opened(along="twin:1", locked="warm")
    assert sentences(app) == []
    assert sliders(app) == {}
    assert "leave nothing of twin" in captions(app)


@pytest.mark.slow
def test_directions_are_chosen_and_put_away(opened):
    app = opened()
    app = field(app, "along-2").set_value(["component 2"]).run()
    assert list(sliders(app)) == ["bright", "warm", "component 2"]
    app = field(app, "along-0").set_value([]).run()
    assert list(sliders(app)) == ["component 2"]
    app = field(app, "along-2").set_value([]).run()
    assert sliders(app) == {}
    assert state(app, "link")["along"] == url_parts.NOTHING
    assert is_picture_of(app, opened.model, opened.model.prior.sample(1)[0])


@pytest.mark.slow
def test_unnamed_directions_say_what_they_change_and_get_a_slider(opened):
    app = opened(look="factors")
    text = " ".join(m.value for m in app.markdown)
    about = {d.name: d.about for d in directions.load(opened.model)}
    for i in (1, 2, 3):
        assert f"**Factor {i}** · {about[f'factor {i}']['moves']} " in text
    assert len(app.get("image")) == 3
    app = click(app, "slider-factor 3")
    assert "factor 3" in sliders(app)
    assert "factor 3" not in sliders(click(app, "slider-factor 3"))


@pytest.mark.slow
def test_a_saved_direction_is_there_after_a_reload_and_can_be_renamed_and_removed(opened):
    along = f"{BRIGHT}:1.5,factor 2:-2"
    app = click(named(opened(along=along, locked="warm"), "mine, 100%"), "save-direction")
    assert sentences(app) == []
    (saved,) = [d for d in directions.load(opened.model) if d.kind == "conditional"]
    held = [
        directions.conditional(opened.vectors[name], [opened.vectors["warm (normal)"]])
        for name in (BRIGHT, "factor 2")
    ]
    np.testing.assert_allclose(
        saved.vector, directions.unit(1.5 * held[0] - 2 * held[1]), atol=1e-6
    )
    assert saved.name == "mine, 100%"
    assert saved.about["made_of"] == {BRIGHT: 1.5, "factor 2": -2.0}
    assert set(saved.about["effects"]) == {"bright", "warm"}
    app = click(opened(look="saved"), "slider-mine, 100%")
    assert sentences(app) == []
    assert sliders(app)["mine, 100%"] == 0.0
    reopened = opened(along=state(app, "link")["along"])
    assert "mine, 100%" in sliders(reopened)
    app = app.text_input(key="rename-mine, 100%").set_value("ours").run().run()
    assert "ours" in sliders(app)
    assert [d.name for d in directions.load(opened.model)][-1] == "ours"
    app = click(app, "remove-ours")
    assert [
        d.kind for d in directions.load(opened.model) if d.kind not in directions.DISCOVERED
    ] == []
    assert "ours" not in sliders(app)
    assert len(directions.load(opened.model)) == len(
        opened.vectors
    )  # all discovered ones are there
    app = app.run()
    (back,) = [button for button in app.button if button.label == "Put back"]
    app = back.click().run()
    assert sentences(app) == []
    (again,) = [d for d in directions.load(opened.model) if d.kind == "conditional"]
    assert (again.name, again.about["made_of"]) == ("ours", saved.about["made_of"])
    assert again.about["effects"] == saved.about["effects"]
    np.testing.assert_allclose(again.vector, saved.vector, atol=1e-6)
    assert direction_store.thrown_away(opened.model) == []


@pytest.mark.slow
def test_a_name_that_is_refused_or_emptied_gives_way_to_the_old_one(opened):
    made = {"made": "arithmetic, A − B"}
    mine = Direction("mine", opened.vectors[BRIGHT], "own", made)
    direction_store.add(opened.model, mine)
    app = opened(look="saved")
    assert "Arithmetic, A − B" in captions(app)
    for name, said in (("factor 2", 1), (" ", 0)):
        app = app.text_input(key="rename-mine").set_value(name).run()
        assert len(sentences(app)) == said
        assert app.text_input(key="rename-mine").value == "mine"
    assert [d.name for d in directions.load(opened.model)][-1] == "mine"


@pytest.mark.slow
def test_the_length_0_is_not_preserved(opened):
    app = opened(along=f"{BRIGHT}:2", psi="0", level="1")
    assert is_picture_of(app, opened.model, 2 * opened.vectors[BRIGHT])
    assert "length 0" in captions(app)
    assert "length 0" not in captions(opened(along=f"{BRIGHT}:2", level="1"))


@pytest.mark.slow
def test_one_moved_coordinate_is_called_one(opened):
    assert "has 1 coordinate changed" in captions(opened(coords="3:1.25"))


@pytest.mark.slow
def test_one_slider_alone_can_be_saved(opened):
    app = opened(along=f"{BRIGHT}:0,factor 2:3")
    app = app.selectbox(key="save-what").set_value(BRIGHT).run().run()
    click(named(app, "bright again"), "save-direction")
    saved = directions.load(opened.model)[-1]
    assert (saved.name, saved.kind) == ("bright again", "own")
    np.testing.assert_allclose(saved.vector, opened.vectors[BRIGHT], atol=1e-6)


@pytest.mark.slow
def test_sliders_at_rest_cannot_be_saved(opened):
    app = opened()
    assert "move one first" in captions(app)
    assert not [b for b in app.button if b.key == "save-direction"]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_one_sentence(opened, monkeypatch):
    path = opened.model.directory / directions.FILE
    before = path.read_bytes()

    def refuse(path):
        raise OSError(30, "Read-only file system")

    app = named(opened(along=f"{BRIGHT}:1"), "mine")
    with monkeypatch.context() as patch:
        patch.setattr(atomic_files, "replacing", refuse)
        app = app.button(key="save-direction").click().run()
    (sentence,) = sentences(app)
    assert "cannot be written" in sentence
    assert "file instead" in sentence
    assert path.read_bytes() == before


@pytest.mark.slow
def test_two_of_one_name_are_refused(opened):
    app = named(opened(along=f"{BRIGHT}:1"), "factor 2")
    app = app.button(key="save-direction").click().run()
    (sentence,) = sentences(app)
    assert "already a direction called factor 2" in sentence
    assert "as a file" not in sentence  # which would not be taken back
    assert len(directions.load(opened.model)) == len(opened.vectors)


@pytest.mark.slow
def test_a_file_holds_what_the_checkpoint_would(opened):
    known = direction_store.of(opened.model, opened.reader)
    mine = Direction("mine", opened.vectors[BRIGHT], "own")
    path = opened.model.directory / directions.FILE
    path.write_bytes(direction_store.file(opened.model, [*known.discovered, mine]))
    assert [d.name for d in directions.load(opened.model)] == [*opened.vectors, "mine"]


def loaded(app, content):
    """Give a file to the field for directions."""
    (field,) = (f for f in app.get("file_uploader") if "directions" in f.label)
    return field.set_value((directions.FILE, content, "application/octet-stream")).run()


@pytest.mark.slow
def test_a_file_of_directions_is_taken_back(opened):
    about = {"made_of": {BRIGHT: 2.0}, "locked": ["warm"], "moves": 7, "effects": "all"}
    mine = Direction("mine", opened.vectors[BRIGHT], "conditional", about)
    known = direction_store.of(opened.model, opened.reader)
    content = direction_store.file(opened.model, [*known.discovered, mine])
    app = click(loaded(opened(), content), "take-directions")
    assert sentences(app) == []
    saved = directions.load(opened.model)
    assert [d.name for d in saved] == [*opened.vectors, "mine"]
    np.testing.assert_array_equal(saved[-1].vector, mine.vector)
    assert saved[-1].about["made_of"] == {BRIGHT: 2.0}
    assert set(saved[-1].about["effects"]) == {"bright", "warm"}  # measured here, not believed
    assert "already" in captions(loaded(opened(), content))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"junk", b"\x08\0\0\0\0\0\0\0{}      ", None])
def test_a_file_that_does_not_fit_is_one_sentence(opened, two_models, content):
    if content is None:  # of another model
        beta = gan_core.load(two_models / "beta")
        vector = directions.unit(np.ones(beta.prior.size))
        content = direction_store.file(beta, [Direction("mine", vector)])
    (sentence,) = sentences(loaded(opened(), content))
    assert sentence.startswith("This file cannot be used as directions of alpha")
    assert len(directions.load(opened.model)) == len(opened.vectors)


ADD = """
import sys, numpy as np, gan_core
from explorer.services import direction_store
from gan_core.latent_space import directions
model, first = gan_core.load(sys.argv[1]), int(sys.argv[2])
for i in range(first, first + 20):
    vector = directions.unit(np.arange(model.prior.size) + i + 1)
    direction_store.change(model, lambda saved: [*saved, directions.Direction(str(i), vector)])
"""


@pytest.mark.slow
def test_two_processes_that_save_at_once_lose_nothing(opened):
    folder = str(opened.model.directory)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", ADD, folder, first],
            env=os.environ | {"PYTHONPATH": str(model_registry.ROOT)},
        )
        for first in ("0", "20")
    ]
    assert [process.wait() for process in both] == [0, 0]
    names = {d.name for d in directions.load(opened.model)}
    assert names == {*opened.vectors, *map(str, range(40))}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "part"),
    [
        *first_quick(
            [
                ({"along": "junk"}, "along"),
                ({"along": f"{BRIGHT}:1e9"}, "along"),
                ({"along": f"{BRIGHT}:nan"}, "along"),
                ({"along": ",".join(f"x{i}:1" for i in range(25))}, "along"),
            ]
        ),
        ({"locked": ",".join(map(str, range(99)))}, "locked"),
        ({"look": "everything"}, "look"),
        ({"level": "yes"}, "level"),
    ],
)
def test_a_slip_in_the_link_keeps_the_usual_value(opened, params, part):
    app = opened(**params)
    (sentence,) = sentences(app)
    assert f"was ignored: {part}." in sentence
    assert sliders(app) == {"bright": 0.0, "warm": 0.0}


@pytest.mark.slow
def test_names_that_the_model_has_not_are_left_out(opened):
    app = opened(along=f"{BRIGHT}:1,age:2", locked="hat")
    assert sentences(app) == []
    assert sliders(app) == {"bright": 1.0}
    assert "Unknown to alpha and ignored: age, hat." in captions(app)
    assert url_parts.read_along(state(app, "link")["along"]) == {BRIGHT: 1.0, "age": 2.0}
    assert sliders(opened(along="age:2")) == {"bright": 0.0, "warm": 0.0}


@pytest.mark.slow
def test_far_weights_stretch_the_slider(opened):
    app = opened(along=f"{BRIGHT}:19.5")
    (axis,) = data_of(app)["axes"]
    assert (axis["min"], axis["max"]) == (-4.0, 20.0)
    assert sliders(app) == {"bright": 19.5}


@pytest.mark.slow
def place_of(block, label, above=()):
    """Where a popover stands on the page; it stays open only while it stays there."""
    for place, child in block.children.items():
        here = (*above, place)
        if child.type == "popover" and child.proto.popover.label == label:
            return here
        inside = place_of(child, label, here) if hasattr(child, "children") else None
        if inside is not None:
            return inside
    return None


def test_the_form_for_a_name_stays_open_when_what_is_above_it_changes(opened, monkeypatch):
    app = opened(along="bright (normal):1")
    before = place_of(app.main, "Save as a direction")
    assert before
    monkeypatch.setattr(browser_rendering, "waiting", lambda: st.caption("Waiting"))
    app.session_state.view = replace(app.session_state.view, locked="warm")
    app = app.run()
    assert "Waiting" in captions(app)
    assert "Locked: warm" in captions(app)
    assert place_of(app.main, "Save as a direction") == before


def test_the_weights_of_numbered_directions_stay_with_their_model(opened):
    app = opened(along="factor 1:2,component 2:1,bright (normal):1.5")
    app = field(app, "set-model").set_value("beta").run()
    assert app.session_state.view.along == "factor 1:0,component 2:0,bright (normal):1.5"


def test_without_a_classifier_there_are_those_without_names(quick, two_models, open_app):
    app = settled(open_app("directions", model="alpha"))
    (sentence,) = sentences(app)
    assert "no attribute classifier" in sentence
    assert "python -m gan_core attributes" in sentence
    assert list(sliders(app)) == [f"component {i}" for i in range(1, 7)]
    assert not [p for p in app.pills if p.key == "set-locked"]
    app = click(app, "slider-component 7")
    app = field(app, "set-model").set_value("beta").run()  # of another length
    app = settled(app)
    assert len(sentences(app)) == 1
    assert list(sliders(app)) == [f"component {i}" for i in range(1, 6)]
    assert "ignored: component 6, component 7" in captions(app)
    app = field(app, "set-model").set_value("alpha").run()
    assert "component 7" in sliders(app)


@pytest.mark.slow
def test_a_damaged_file_is_one_sentence_and_directions_are_computed_again(opened):
    path = opened.model.directory / directions.FILE
    path.write_bytes(path.read_bytes()[:-8])
    app = settled(opened())
    (sentence,) = sentences(app)
    assert "damaged" in sentence
    assert sliders(app) == {"bright": 0.0, "warm": 0.0}
    app = drag(app, bright=1.0)
    app = named(app, "mine").button(key="save-direction").click().run()
    assert all("damaged" in s for s in sentences(app))  # and the file is left to its owner


@pytest.mark.slow
def test_the_result_goes_to_the_tray_and_the_tray_is_a_start(opened):
    app = click(opened(start="3", along=f"{BRIGHT}:2"), "add-along")
    (item,) = state(app, "tray").items
    z = opened.model.prior.sample(1, seed=3)[0] + 2 * opened.vectors[BRIGHT]
    assert item.seed is None
    assert item.name == "Seed 3, bright +2"
    np.testing.assert_allclose(item.z, z, atol=1e-6)
    app = next(b for b in app.button if b.label == "Reset").click().run()
    app = click(app, f"start-tiles-{item.id}")
    assert is_picture_of(app, opened.model, z)
    assert "coordinates changed" in captions(app)


@pytest.mark.slow
def test_a_start_at_rest_goes_to_the_tray_with_its_seed(opened):
    app = click(opened(start="3", psi="0.5"), "add-along")
    (item,) = state(app, "tray").items
    assert (item.seed, item.psi, item.name) == (3, 0.5, "Seed 3")


# With a browser, on avatars.


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A checkpoint of avatars with an attribute classifier, and directions from few samples."""
    wanted = ["model.json", "generator.safetensors", "discriminator.safetensors"]
    wanted.append(classifier.FILES["first"])
    if not all((AVATARS / name).exists() for name in wanted):
        pytest.skip("needs checkpoints/avatars with its attribute classifier")
    directory = tmp_path_factory.mktemp("copies") / "avatars"
    directory.mkdir()
    for name in wanted:
        shutil.copy(AVATARS / name, directory / name)
    model = gan_core.load(directory)
    few = {"n": 512, "measured": 4, "k": 2}
    directions.save(model, discover_directions.discover(model, classifier.load(directory), **few))
    return directory


@pytest.fixture(scope="module")
def address(copy, tmp_path_factory):
    """The address of an app that shows the copy alone."""
    with running(tmp_path_factory.mktemp("elsewhere"), "--checkpoints", copy) as address:
        yield address


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_drag_changes_the_picture_the_link_and_what_the_tray_gets(visit, copy, width):
    page = visit("directions?along=glasses (normal):0", {"width": width, "height": 900})
    before = exact(page)
    slider(page, "glasses").press("End")
    address_has(page, "along=glasses+(normal):4")
    after = exact(page)
    assert apart(before, after) > 1
    model = gan_core.load(copy)
    vector = next(d.vector for d in directions.load(model) if d.name == "glasses (normal)")
    drawn = model.generate((model.prior.sample(1)[0] + 4 * vector)[None])[0]
    assert apart(after, drawn) < 1
    page.get_by_role("button", name="Add to tray").click()
    on_tray(page, 1)
    no_trouble(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    page.reload()
    assert apart(exact(page), drawn) < 1
    assert query(page)["along"] == "glasses (normal):4"


def test_while_it_is_dragged_the_picture_comes_from_a_strip(visit):
    page = visit("directions?along=glasses (normal):0")
    before = exact(page)
    box = slider(page, "glasses").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.locator('.live canvas:not([data-shown="exact"])').wait_for()
    assert apart(before, canvas_pixels(page)) > 1
    assert "glasses (normal):0" in query(page)["along"]  # nothing is reported yet
    page.mouse.up()
    address_has(page, "glasses+(normal):2")


def test_a_direction_is_locked_named_saved_and_there_after_a_reload(visit, copy):
    page = visit("directions?along=skin: dark (normal):3")
    before = exact(page)
    page.get_by_role("button", name="Lock").click()
    pills = page.get_by_role("toolbar", name="Attributes to leave alone")
    pills.get_by_role("button", name="skin: light", exact=True).click()
    address_has(page, "locked=skin:+light")
    page.get_by_role("button", name="Lock (1)").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Locked: skin: light").wait_for()
    assert apart(before, exact(page)) > 0.5
    page.get_by_role("button", name="Save as a direction").click()
    page.get_by_role("dialog", name="Save as a direction").get_by_label("Name").fill("darker alone")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Into the checkpoint").click()
    page.get_by_text("Darker alone", exact=False).first.wait_for()
    address_has(page, "look=saved")
    no_trouble(page)
    page.reload()
    page.get_by_text("Made of skin: dark (normal) × 3; locked: skin: light.").wait_for()
    saved = directions.load(gan_core.load(copy))[-1]
    assert (saved.name, saved.kind) == ("darker alone", "conditional")
