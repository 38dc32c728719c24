"""A model with a mapping network in z and in w, on every page that takes latents."""

import base64
import json
import shutil

import numpy as np
import pytest

import gan_core
from browsing import decode
from explorer.services import model_registry
from explorer.state import latent_spaces, tray
from fields import field, sentences, state
from gan_core import latent, spaces
from gan_core.latent_space import directions, discover_directions
from support import save_checkpoint
from test_app import fine, items, link, painted, seeds

PAGES = ("browse", "latents", "interpolate", "directions", "arithmetic")


@pytest.fixture(scope="module", autouse=True)
def few_samples():
    """The mean of w is taken over few samples, since each has a random stream of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "SAMPLES", 512)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model with a mapping network and one without, made once."""
    tmp_path = tmp_path_factory.mktemp("models")
    save_checkpoint(tmp_path / "alpha", architecture={"name": "style", "ngf": 2, "ndf": 2}, seed=1)
    save_checkpoint(tmp_path / "plain", statistics=True, seed=2)
    for name, space in (("alpha", "z"), ("alpha", "w"), ("plain", "z")):
        model = gan_core.load(tmp_path / name, space=space)
        directions.save(model, discover_directions.discover(model, k=2))
    return tmp_path


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    """A copy of them that the app offers."""
    folder = shutil.copytree(models, tmp_path / "models")
    monkeypatch.setenv(model_registry.VARIABLE, str(folder))
    return folder


def in_space(folder, space):
    return gan_core.load(folder / "alpha", space=space)


def expected(folder, seeds, psi, space):
    model = in_space(folder, space)
    z = np.concatenate([model.prior.sample(1, seed) for seed in seeds])
    return model.generate(latent.truncate(z, psi)).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_choice_is_in_the_link_and_only_where_there_is_one(folder, open_app, page):
    app = fine(open_app(page, model="alpha", latent="z"))
    assert "latent" not in link(app)
    app = fine(field(app, "set-latent").set_value("w").run())
    assert link(app)["latent"] == "w"
    app = fine(open_app(page, model="plain", latent="w"))
    assert "latent" not in link(app)
    with pytest.raises(AssertionError, match="no field"):
        field(app, "set-latent")


@pytest.mark.slow
@pytest.mark.parametrize("space", ["z", "w"])
def test_browse_truncates_in_the_space(folder, open_app, space):
    app = fine(open_app(model="alpha", latent=space, psi="0.2", n="16"))
    drawn = expected(folder, seeds(app), 0.2, space)
    other = expected(folder, seeds(app), 0.2, "w" if space == "z" else "z")
    assert np.abs(painted(app).astype(int) - drawn).mean() < 6  # the sheet is compressed
    assert np.abs(drawn - other).mean() > 1


@pytest.mark.slow
def test_a_model_opens_in_its_usual_space_and_a_link_says_it(folder, open_app):
    app = fine(open_app(model="alpha"))
    space = latent_spaces.usual(in_space(folder, "z"))
    assert state(app, "view").latent == space
    again = fine(open_app(**link(app)))
    assert state(again, "view").latent == space
    assert not again.warning
    # Back and forth between models the choice follows the model.
    app = fine(field(app, "set-model").set_value("plain").run())
    assert state(app, "view").latent == "z"
    app = fine(field(app, "set-model").set_value("alpha").run())
    assert state(app, "view").latent == space


@pytest.mark.slow
def test_the_path_in_w_is_straight_unless_a_link_says_otherwise(folder, open_app):
    app = fine(open_app("interpolate", model="alpha", latent="w"))
    assert state(app, "view").mode == "lerp"
    app = fine(open_app("interpolate", model="alpha", latent="w", mode="slerp"))
    assert state(app, "view").mode == "slerp"
    app = fine(field(app, "set-latent").set_value("z").run())
    assert state(app, "view").mode == "slerp"


def test_switching_forgets_coordinates_of_the_other_space(folder, open_app):
    app = fine(open_app("latents", model="alpha", latent="z", coords="0:2"))
    assert link(app)["coords"]
    app = fine(field(app, "set-latent").set_value("w").run())
    assert "coords" not in link(app)


@pytest.mark.slow
def test_tray_items_say_their_space_and_are_used_in_w(folder, open_app):
    for space in ("z", "w"):
        app = fine(open_app(model="alpha", latent=space, psi="0.5"))
        app = fine(app.button(key=f"browse-tiles-{seeds(app)[0]}").click().run())
        (item,) = items(app)
        assert item.space == space
        assert item.model_hash == in_space(folder, space).hash
        (again,) = tray.from_json(tray.to_json([item]))
        assert (again.space, again.model_hash) == (item.space, item.model_hash)
        assert np.array_equal(again.z, item.z)
        # The link carries it too.
        opened = fine(open_app(**link(app)))
        assert (items(opened)[0].space, items(opened)[0].psi) == (space, 0.5)
        assert np.array_equal(items(opened)[0].z, item.z)


@pytest.mark.slow
def test_a_latent_of_z_has_one_in_w_but_not_the_other_way_round(folder):
    in_z, in_w = in_space(folder, "z"), in_space(folder, "w")
    z = np.float32(0.7) * in_z.prior.sample(1, seed=4)[0]
    made = tray.Item("made", "alpha", in_z.hash, None, 1.0, z)
    there = latent_spaces.item_in(made, in_w)
    assert (there.space, there.model_hash, there.id) == ("w", in_w.hash, made.id)
    same = in_w.generate(there.z[None]).astype(int) - in_z.generate(z[None])
    assert np.abs(same).max() <= 1
    assert latent_spaces.item_in(there, in_z) is None
    sample = tray.Item("sample", "alpha", in_w.hash, 4, 1.0, in_w.prior.sample(1, 4)[0], space="w")
    back = latent_spaces.item_in(sample, in_z)
    assert np.array_equal(back.z, in_z.prior.sample(1, seed=4)[0])
    foreign = tray.Item("old", "alpha", "0" * 12, None, 1.0, z)
    assert latent_spaces.item_in(foreign, in_w) is foreign


@pytest.mark.slow
def test_a_tray_of_w_cannot_be_keyframes_in_z_and_says_why(folder, open_app):
    app = fine(open_app(model="alpha", latent="w", psi="0.5"))
    for seed in seeds(app)[:2]:
        app = fine(app.button(key=f"browse-tiles-{seed}").click().run())
    given = link(app) | {"source": "tray"}
    good = fine(open_app("interpolate", **given))
    assert not sentences(good)
    given["latent"] = "z"
    bad = fine(open_app("interpolate", **given))
    assert any("at least two pictures" in sentence for sentence in sentences(bad))


@pytest.mark.slow
def test_an_arithmetic_file_of_the_other_space_is_one_sentence(folder):
    from explorer.state import arithmetic_file

    record = json.dumps(
        {
            "format": "gan-arithmetic",
            "version": 1,
            "model": "alpha",
            "model_hash": in_space(folder, "w").hash,
            "space": "w",
            "baskets": [{"name": n, "weight": 1, "exemplars": []} for n in "ABC"],
            "strength": 1,
        }
    )
    assert arithmetic_file.read(record, "alpha", in_space(folder, "w"))
    with pytest.raises(gan_core.InputError, match="made in the latent space w of alpha"):
        arithmetic_file.read(record, "alpha", in_space(folder, "z"))


def test_comparing_says_that_it_needs_z(folder, open_app):
    app = fine(open_app(model="alpha", latent="w", beside="plain"))
    assert any("Choose the latent space z" in sentence for sentence in sentences(app))


@pytest.mark.slow
@pytest.mark.parametrize(("space", "words"), [("z", "rescaled"), ("w", "as summed")])
def test_the_result_in_w_is_as_summed(folder, open_app, space, words):
    app = fine(open_app("arithmetic", model="alpha", latent=space, a="1,2", b="3,4", c="5,6"))
    line = next(html.body for html in app.get("html") if "The result" in html.body)
    assert f"Result <i>{words}</i>" in line
    model = in_space(folder, space)
    a, b, c = (model.prior.sample(2, seed).mean(0) for seed in (1, 3, 5))
    z = (a - b + c)[None]
    if space == "z":
        z *= np.sqrt(model.prior.size) / np.linalg.norm(z)
    source = line.split('alt="The result"')[1].split("base64,")[1].split('"')[0]
    painted = decode(base64.b64decode(source)).astype(int)
    assert np.abs(painted - model.generate(z)[0]).mean() < 6  # the sheet is compressed


@pytest.mark.slow
def test_psi_is_not_carried_to_where_it_is_hidden(folder, open_app):
    app = open_app(model="alpha", n="16", psi="0.4", latent="w")
    assert field(app, "set-psi").value == 0.4
    app = field(app, "set-model").set_value("plain").run()
    assert field(app, "set-psi").value == 1
    assert "psi" not in link(app)
    # A link means what it says, and in w a smaller ψ has its slider on the page.
    assert link(open_app(model="plain", n="16", psi="0.4"))["psi"] == "0.4"
    app = open_app(model="alpha", n="16", psi="0.4", latent="w")
    app = field(app, "set-latent").set_value("z").run()
    assert "psi" not in link(app)


def test_a_copy_of_a_checkpoint_has_its_own_files_in_w(folder):
    shutil.copytree(folder / "alpha", folder / "copy")
    card = json.loads((folder / "copy" / "model.json").read_text())
    card["pictures"] = "photograph"
    (folder / "copy" / "model.json").write_text(json.dumps(card))
    entries = model_registry.entries()
    for name in ("alpha", "copy"):
        view = model_registry.in_space(model_registry.load(entries[name]), "w")
        assert (view.space, view.directory) == ("w", folder / name)
        assert view.card.get("pictures") == {"copy": "photograph"}.get(name)
