"""The app's logic, page by page, without a browser. The tile grid is a row of plain buttons."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import gan_core
from explorer.services import model_registry, renderer
from explorer.state import tray, url_parts, url_state
from fields import field, state
from gan_core import latent
from gan_core.util.errors import InputError
from support import first_quick


def fine(app):
    """The app ran, and had nothing to complain about."""
    assert sentences(app) == []
    return app


def sentences(app):
    """Everything the app complains about; never a traceback."""
    assert not app.exception
    return [element.value for element in [*app.error, *app.warning]]


def one_sentence(app, *words):
    """The app ran and complains in one sentence that holds these words."""
    (sentence,) = sentences(app)
    assert all(word in sentence for word in words), sentence
    return sentence


def shown(app, key="browse-tiles"):
    """The tiles of a grid."""
    return state(app, f"{key}-data")["tiles"]


def seeds(app):
    return [int(tile["id"]) for tile in shown(app)]


def painted(app, key="browse-tiles"):
    """The pictures that the browser is sent for a grid, uint8 (N, side, side, 3)."""
    data = state(app, f"{key}-data")
    sheet, n = data["sheet"], len(data["tiles"])
    encoded = base64.b64decode(sheet["src"].partition(",")[2])
    whole = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    side, columns = sheet["side"], sheet["columns"]
    places = [(i // columns * side, i % columns * side) for i in range(n)]
    return np.stack([whole[y : y + side, x : x + side] for y, x in places])


def alike(a, b):
    """Whether two pictures are the same but for JPEG. Noise differs far more."""
    return np.abs(np.asarray(a, float) - np.asarray(b, float)).mean() < 12


def drawn(folder, seeds, psi=1.0):
    """What gan_core draws for these seeds."""
    model = gan_core.load(folder)
    z = np.concatenate([model.prior.sample(1, seed=seed) for seed in seeds])
    return model.generate(latent.truncate(z, psi))


def items(app):
    return state(app, "tray").items


def link(app):
    return {name: "".join(value) for name, value in app.query_params.items()}


def click(app, key):
    return app.button(key=key).click().run()


# Every page opens. Train and Import are about models that are not there yet, About is about all,
# and The game needs none.

OF_NO_MODEL = ("game", "lessons", "train", "import", "about")
PAGES = [page for page in url_state.PAGES if page not in OF_NO_MODEL]


@pytest.mark.slow
@pytest.mark.parametrize("model", first_quick(["alpha", "beta"]))
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens(two_models, open_app, page, model):
    app = fine(open_app(page, model=model))
    assert field(app, "set-model").value == model
    assert link(app)["model"] == model


@pytest.mark.slow
@pytest.mark.parametrize("page", OF_NO_MODEL)
def test_a_page_without_a_model_opens(tmp_path, folders, open_app, page):
    folders(tmp_path)
    fine(open_app(page))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_no_checkpoint_at_all(tmp_path, folders, open_app, page):
    folders(tmp_path)
    one_sentence(open_app(page), "no model yet", "--checkpoints")


@pytest.mark.parametrize("file", ["model.json", "generator.safetensors"])
def test_a_damaged_checkpoint(two_models, open_app, file):
    """Of the pages one stands for all, which read their model in the same way."""
    shutil.rmtree(two_models / "beta")
    (two_models / "alpha" / file).write_bytes(b"\x00damaged")
    with pytest.raises(InputError, match=file):
        model_registry.load(model_registry.entries()["alpha"])
    one_sentence(open_app("latents"), file)


def test_a_checkpoint_without_its_weights(two_models, open_app):
    (two_models / "beta" / "generator.safetensors").unlink()
    one_sentence(open_app(model="beta"), "generator.safetensors", "missing")


def test_the_first_visit_shows_a_model_that_works(two_models, open_app):
    (two_models / "alpha" / "model.json").write_text("{}")
    app = fine(open_app())
    assert field(app, "set-model").value == "beta"


@pytest.mark.slow
def test_a_fact_in_the_card_is_not_repeated(two_models, open_app):
    before = list(fine(open_app("card", model="beta")).table[0].value.index)
    assert {"Architecture", "Prior", "Weights"} <= set(before)
    text = "# beta\n\n| | |\n|---|---|\n| Architecture | DCGAN |\n| Prior | N(0, I) |\n"
    (two_models / "beta" / "README.md").write_text(text)
    after = list(fine(open_app("card", model="beta")).table[0].value.index)
    assert after == [label for label in before if label not in ("Architecture", "Prior")]
    text = "# beta\n\n| | |\n|---|---|\n" + "".join(f"| {label} | x |\n" for label in before)
    (two_models / "beta" / "README.md").write_text(text)
    assert not fine(open_app("card", model="beta")).table


def test_a_missing_discriminator_is_said_in_the_same_words(make_checkpoint, two_models, open_app):
    make_checkpoint("alone", discriminator=False)
    words = "ships without its discriminator"
    facts = fine(open_app("card", model="alone")).table[0].value
    assert facts.loc["D(x)"].iloc[0] == f"none: the model {words}"
    captions = [one.value for one in fine(open_app("browse", model="alone")).main.caption]
    assert any(f"alone {words}" in one for one in captions)


def test_keyframes_of_a_link_that_cannot_be_read_are_named_and_left_out(two_models, open_app):
    app = open_app("interpolate", model="alpha", keys="3,<b>x,14")
    one_sentence(app, "keys (\\<b\\>x)")
    assert field(app, "set-keys").value == "3, 14"
    assert link(app)["keys"] == "3,14"


@pytest.mark.slow
def test_a_model_without_a_card_text_says_so(two_models, open_app):
    assert "alpha has no README.md" in open_app("card", model="alpha").info[0].value


@pytest.mark.slow
def test_a_card_is_shown_without_its_images(two_models, open_app):
    text = "---\nx: 1\n---\n# About\n![alt](a.png)<img src=x onerror=alert(1)>The words."
    (two_models / "alpha" / "README.md").write_text(text)
    app = fine(open_app("card", model="alpha"))
    assert "# About\nThe words." in [element.value for element in app.markdown]


def test_the_card_names_latents_and_weights(two_models, open_app):
    app = fine(open_app("card", model="beta"))
    table = app.table[0].value.to_string()
    assert "normal, 5 numbers" in table
    assert gan_core.load(two_models / "beta").hash in table


# Browse.


def test_the_grid_shows_what_gan_core_draws(two_models, open_app):
    app = fine(open_app(model="alpha", seed="7", n="16", psi="0.7"))
    assert seeds(app) == list(range(7, 23))
    expected = drawn(two_models / "alpha", range(7, 23), 0.7)
    for picture, wanted in zip(painted(app), expected, strict=True):
        assert alike(picture, wanted)
    assert not alike(painted(app)[0], expected[1])


def test_seed_psi_and_number_are_set_by_their_widgets(two_models, open_app):
    app = open_app(model="alpha")
    field(app, "set-seed").set_value(90).run()
    field(app, "set-psi").set_value(0.5).run()
    app = fine(field(app, "set-n").set_value(16).run())
    assert seeds(app) == list(range(90, 106))
    assert alike(painted(app)[0], drawn(two_models / "alpha", [90], 0.5)[0])
    assert {"seed": "90", "psi": "0.5", "n": "16"}.items() <= link(app).items()


def test_next_and_previous_turn_by_a_page(two_models, open_app):
    app = open_app(model="alpha", n="16", seed="20")
    app = app.button[[b.label for b in app.button].index("Next")].click().run()
    assert seeds(app)[0] == 36
    for first in (20, 4, 0):
        app = app.button[[b.label for b in app.button].index("Previous")].click().run()
        assert seeds(app)[0] == first
    assert app.button[[b.label for b in app.button].index("Previous")].disabled


def test_the_last_seeds_are_fewer(two_models, open_app):
    app = fine(open_app(model="alpha", seed=str(latent.MAX_SEED - 2)))
    assert seeds(app) == [latent.MAX_SEED - 2, latent.MAX_SEED - 1, latent.MAX_SEED]


@pytest.mark.slow
@pytest.mark.parametrize(("sort", "sign"), [("real", -1), ("fake", 1)])
def test_the_discriminators_score_sorts(two_models, open_app, sort, sign):
    app = fine(open_app(model="alpha", sort=sort, n="16"))
    model = gan_core.load(two_models / "alpha")
    scores = model.realness(model.generate(model.prior.sample(16)))
    assert seeds(app) == list(np.argsort(sign * scores, kind="stable"))
    assert alike(painted(app)[0], drawn(two_models / "alpha", seeds(app)[:1])[0])
    assert shown(app)[0]["caption"].endswith(f"{scores[seeds(app)[0]]:.2f}")


@pytest.mark.slow
@pytest.mark.parametrize(("sort", "sign"), [("real", -1), ("fake", 1)])
def test_an_attribute_labels_and_sorts(two_models, open_app, with_classifier, sort, sign):
    app = fine(open_app(model="alpha", sort=sort, by="Wavy_Hair", n="36"))
    model = gan_core.load(two_models / "alpha")
    labels = with_classifier.predict(model.generate(model.prior.sample(36)))
    hair = labels[:, with_classifier.column("Wavy_Hair")]
    assert hair.max() - hair.min() > 0.5
    assert seeds(app) == list(np.argsort(sign * hair, kind="stable"))
    for tile in shown(app):
        assert tile["caption"] == f"{tile['id']} · {hair[int(tile['id'])]:.2f}"
        assert f"Wavy Hair {hair[int(tile['id'])]:.2f}" in tile["label"]
    (note,) = [c.value for c in app.caption if "Under each picture" in c.value]
    assert "“Wavy Hair”" in note
    assert "0.900" in note
    assert field(app, "set-sort").options[1:3] == ["Most", "Least"]
    app = fine(field(app, "set-by").set_value("").run())
    scores = model.realness(model.generate(model.prior.sample(36)))
    assert seeds(app) == list(np.argsort(sign * scores, kind="stable"))
    # The orders are called otherwise now, so a browser needs to be sent which of them it is.
    assert field(app, "set-sort").options[1:3] == ["Most real", "Least real"]
    assert field(app, "set-sort").proto.set_value


@pytest.mark.slow
@pytest.mark.parametrize("by", ["Eyeglasses", "nothing of it", "<b>"])
def test_an_attribute_that_is_not_recognised_is_not_sorted_by(open_app, with_classifier, by):
    app = fine(open_app(model="alpha", by=by, n="16"))
    assert field(app, "set-by").value == ""
    assert seeds(app) == list(range(16))
    app = fine(open_app(model="beta", by=by, n="16"))  # which has no classifier
    assert "set-by" not in [control.key for control in app.selectbox]
    assert any("D(x)" in c.value for c in app.caption)


@pytest.mark.slow
def test_a_classifier_alone_sorts_too(two_models, open_app, with_classifier, make_checkpoint):
    make_checkpoint("alpha", nz=8, seed=1, discriminator=False)
    app = fine(open_app(model="alpha", sort="real", n="16"))
    assert field(app, "set-by").options == ["Male", "Smiling", "Wavy Hair"]
    model = gan_core.load(two_models / "alpha")
    male = with_classifier.predict(model.generate(model.prior.sample(16)))[:, 0]
    assert seeds(app) == list(np.argsort(-male, kind="stable"))


@pytest.mark.slow
def test_an_enlarged_picture_says_what_it_shows(two_models, open_app, with_classifier):
    app = open_app(model="alpha", n="16")
    app = fine(click(click(app, "browse-tiles-3"), "browse-tiles-3"))
    model = gan_core.load(two_models / "alpha")
    seen = with_classifier.predict(model.generate(model.prior.sample(1, seed=3)))[0]
    (line,) = [c.value for c in app.caption if "classifier sees" in c.value]
    assert "Eyeglasses" not in line  # not recognised well enough
    for name, p in zip(with_classifier.recognised, seen, strict=False):
        assert (f"{name.replace('_', ' ')} {p:.2f}" in line) == (p >= 0.5)


@pytest.mark.slow
def test_a_model_without_a_discriminator(make_checkpoint, folders, open_app):
    folders(make_checkpoint("alone", discriminator=False))
    app = fine(open_app(sort="real", n="16"))
    assert seeds(app) == list(range(16))
    assert shown(app)[0]["label"] == "Sample of seed 0"
    assert "set-sort" not in [control.key for control in app.segmented_control]
    app = fine(click(click(app, "browse-tiles-3"), "browse-tiles-3"))
    assert [m.value for m in app.metric if m.label == "D(x)"] == []
    fine(open_app("interpolate"))
    fine(open_app("card"))


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_models(make_checkpoint, folders, open_app, channels):
    folders(make_checkpoint("any", channels=channels))
    app = fine(open_app(tray="any:3"))
    assert len(painted(app)) == 36
    fine(open_app("interpolate"))
    fine(open_app("card"))


def test_another_model_keeps_the_settings(two_models, open_app):
    app = open_app(model="alpha", seed="40", n="16")
    app = fine(field(app, "set-model").set_value("beta").run())
    assert seeds(app) == list(range(40, 56))
    assert alike(painted(app)[0], drawn(two_models / "beta", [40])[0])


# Links.


def test_values_that_cannot_be_read_are_one_warning(two_models, open_app):
    app = open_app(model="alpha", seed="x", psi="nan", n="17", tray="alpha:1,nowhere:2")
    one_sentence(app, "seed", "psi", "n", "tray (1 of its pictures)")
    assert seeds(app) == list(range(36))
    assert [i.name for i in items(app)] == ["Seed 1"]
    fine(app.run())  # said once


@pytest.mark.slow
def test_a_model_that_is_not_here_is_one_warning(two_models, open_app):
    app = open_app(model="nowhere")
    one_sentence(app, "nowhere", "Another one is shown", "folder of checkpoints, and open the link")
    assert link(app)["model"] == "alpha"


@pytest.mark.slow
def test_a_model_of_a_newer_format_is_one_sentence_beside_the_picker(two_models, open_app):
    path = two_models / "beta" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"format": 2}), "utf-8")
    app = open_app(model="beta")
    one_sentence(
        app, "format 2, which a newer version of this project wrote", "update this project"
    )
    fine(field(app, "set-model").set_value("alpha").run())  # the way on


def test_a_link_of_other_weights_is_one_warning(two_models, open_app):
    one_sentence(open_app(model="alpha", weights="123abc"), "123abc", "different weights")
    weights = gan_core.load(two_models / "alpha").hash[:6]
    fine(open_app(model="alpha", weights=weights))


def test_a_model_that_is_trained_again_meanwhile_says_so_once(
    two_models, open_app, make_checkpoint
):
    app = open_app(model="alpha", n="16")
    make_checkpoint("alpha", nz=8, seed=9)
    one_sentence(app.run(), "alpha has new weights", link(app)["weights"])
    fine(app.run())


def test_hostile_values_do_no_harm(two_models, open_app):
    hostile = "<script>alert(1)</script>" * 50
    app = open_app(**{name: hostile for name in vars(url_state.View())}, tray=hostile)
    assert not app.exception
    assert not app.error
    assert seeds(app) == list(range(36))


# The tray.


@pytest.mark.slow
def test_a_click_puts_a_picture_on_the_tray_and_the_next_enlarges_it(two_models, open_app):
    app = open_app(model="alpha", psi="0.7")
    app = fine(click(app, "browse-tiles-5"))
    (item,) = items(app)
    assert (item.model, item.seed, item.psi) == ("alpha", 5, 0.7)
    model = gan_core.load(two_models / "alpha")
    assert np.array_equal(item.z, latent.truncate(model.prior.sample(1, seed=5)[0], 0.7))
    assert link(app)["tray"] == "alpha:5@0.7"
    assert [tile["id"] for tile in shown(app) if tile["marked"]] == ["5"]
    assert not app.metric

    app = fine(click(app, "browse-tiles-5"))
    assert len(items(app)) == 1
    score = model.realness(model.generate(item.z[None]))[0]
    assert {m.label: m.value for m in app.metric} == {
        "Seed": "5",
        "ψ": "0.7",
        "D(x)": f"{score:.3f}",
        "|z|": f"{np.linalg.norm(item.z):.2f}",
    }


@pytest.mark.slow
def test_the_tray_of_a_link(two_models, open_app):
    app = fine(open_app(model="alpha", tray="alpha:3,beta:4@0.5"))
    assert [(i.model, i.seed, i.psi) for i in items(app)] == [("alpha", 3, 1.0), ("beta", 4, 0.5)]
    thumbnails = painted(app, "tray-tiles")
    assert len(thumbnails) == 2
    assert [tile["dim"] for tile in shown(app, "tray-tiles")] == [False, True]


@pytest.mark.slow
def test_a_long_name_is_shortened_and_used(two_models, open_app):
    app = open_app(model="alpha", tray="alpha:1")
    (item,) = items(app)
    app = click(app, f"tray-tiles-{item.id}")
    app = field(app, f"name-{item.id}").set_value("x" * 90).run()
    assert items(app)[0].name == "x" * tray.MAX_NAME


@pytest.mark.slow
def test_rename_move_remove_undo_and_empty(two_models, open_app):
    app = open_app(model="alpha", tray="alpha:1,alpha:2,alpha:3")
    first = items(app)[0].id
    app = click(app, f"tray-tiles-{first}")
    app = field(app, f"name-{first}").set_value("Ann").run()
    assert [i.name for i in items(app)] == ["Ann", "Seed 2", "Seed 3"]
    app = click(app, "tray-Later")
    assert [i.name for i in items(app)] == ["Seed 2", "Ann", "Seed 3"]
    app = click(app, "tray-Remove")
    assert [i.name for i in items(app)] == ["Seed 2", "Seed 3"]
    app = click(click(app, "tray-Undo"), "tray-Undo")
    assert [i.name for i in items(app)] == ["Ann", "Seed 2", "Seed 3"]
    app = click(app, "tray-Redo")
    app = fine(click(app, "tray-Empty"))
    assert items(app) == ()
    assert "tray" not in link(app)
    app = fine(click(app, "tray-Undo"))
    assert len(items(app)) == 3


@pytest.mark.slow
def test_the_tray_stays_through_pages_and_models(two_models, open_app):
    app = click(open_app(model="alpha"), "browse-tiles-5").run()  # the click ran its panel alone
    app = field(app, "set-model").set_value("beta").run()
    assert [i.seed for i in items(app)] == [5]
    app._page_hash = open_app("card")._page_hash
    app = fine(app.run())
    assert not app.number_input  # the card has none
    assert [i.seed for i in items(app)] == [5]
    assert link(app)["tray"] == "alpha:5"


def test_a_full_tray_says_so(two_models, open_app):
    full = ",".join(f"alpha:{i}" for i in range(100, 100 + tray.MAX_ITEMS))
    app = fine(open_app(model="alpha", tray=full))
    one_sentence(click(app, "browse-tiles-5"), str(tray.MAX_ITEMS))


def upload(app, content):
    return app.file_uploader(key="tray-upload").upload("tray.json", content).run()


def test_a_saved_tray_is_loaded_again(two_models, open_app):
    app = fine(open_app(model="alpha", tray="alpha:3,beta:4@0.5"))
    saved = items(app)
    app = fine(upload(app, tray.to_json(saved).encode()))
    labels = [b.label for b in app.button]
    added = fine(app.button[labels.index("Add")].click().run())
    assert [i.seed for i in items(added)] == [3, 4, 3, 4]
    assert len({i.id for i in items(added)}) == 4
    labels = [b.label for b in added.button]
    replaced = fine(added.button[labels.index("Replace")].click().run())
    assert [i.z.tobytes() for i in items(replaced)] == [i.z.tobytes() for i in saved]


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"\x00", b"[]", b"[" * 100_000])
def test_a_file_that_is_no_tray(two_models, open_app, content):
    one_sentence(upload(open_app(model="alpha"), content), "not a tray")


@pytest.mark.slow
def test_a_tray_of_latents_of_the_wrong_length(two_models, open_app):
    wrong = tray.Item("Wrong", "alpha", "0", None, 1.0, np.zeros(9, np.float32))
    app = upload(open_app(model="alpha"), tray.to_json([wrong]).encode())
    one_sentence(app, "Wrong", "9", "8")
    assert "Add" not in [b.label for b in app.button]


def test_a_tray_of_a_model_that_is_not_here(two_models, open_app):
    strange = tray.Item("Strange", "nowhere", "0", 3, 1.0, np.zeros(9, np.float32))
    app = open_app(model="alpha")
    app.session_state["tray"] = tray.add(tray.Tray(), strange)
    app = fine(app.run())
    assert (painted(app, "tray-tiles") == 128).all()
    app = click(click(app, f"tray-tiles-{strange.id}"), "tray-Enlarge")
    one_sentence(app, "nowhere", "missing")


# Interpolate.


def path(folder, keys, frames, mode, closed=False):
    """What gan_core draws along a path through seeds."""
    model = gan_core.load(folder)
    z = np.concatenate([model.prior.sample(1, seed=seed) for seed in keys])
    return model.generate(latent.path(z, frames, mode, closed))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["slerp", "lerp"])
@pytest.mark.parametrize(("closed", "frames"), [("0", 9), ("1", 12)])
def test_the_filmstrip_is_the_path(two_models, open_app, mode, closed, frames):
    app = fine(
        open_app("interpolate", model="beta", keys="3,9,4", step="4", mode=mode, closed=closed)
    )
    expected = path(two_models / "beta", [3, 9, 4], frames, mode, closed == "1")
    film = painted(app, f"film-{mode}")
    assert len(film) == frames
    for picture, wanted in zip(film, expected, strict=True):
        assert alike(picture, wanted)
    keys = [i for i, tile in enumerate(shown(app, f"film-{mode}")) if tile["key"]]
    assert keys == [0, 4, 8]


def test_both_shows_slerp_and_lerp(two_models, open_app):
    app = open_app("interpolate", model="alpha")
    app = fine(field(app, "set-mode").set_value("both").run())
    assert len(painted(app, "film-slerp")) == len(painted(app, "film-lerp")) == 17
    assert {"add-slerp", "add-lerp"} <= {b.key for b in app.button}
    assert link(app)["mode"] == "both"


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "abc", "3", "1,2,3,4,5,6,7,8,9", "1, -2", "1, 2@9"])
def test_bad_seeds_are_one_warning(two_models, open_app, typed):
    app = open_app("interpolate", model="alpha")
    app = field(app, "set-keys").set_value(typed).run()
    one_sentence(app, "two to eight seeds")
    app = fine(field(app, "set-keys").set_value("5 6").run())
    assert link(app)["keys"] == "5,6"


def test_seeds_with_a_truncation_of_their_own(two_models, open_app):
    app = fine(open_app("interpolate", model="alpha", keys="3@0.5,4", psi="0.8"))
    film = painted(app, "film-slerp")
    assert alike(film[0], drawn(two_models / "alpha", [3], 0.5)[0])
    assert alike(film[-1], drawn(two_models / "alpha", [4], 0.8)[0])


def test_a_click_on_a_frame_goes_there(two_models, open_app):
    app = open_app("interpolate", model="alpha", step="4")
    app = fine(click(app, "film-slerp-1.2500"))
    assert state(app, "path-canvas-data")["values"] == [1.25]
    assert [t["id"] for t in shown(app, "film-slerp") if t["current"]] == ["1.2500"]
    assert link(app)["at"] == "1.25"


def test_a_position_beyond_a_shorter_path_is_its_end(two_models, open_app):
    app = fine(open_app("interpolate", model="alpha", keys="1,2,3,4", at="3"))
    app = fine(field(app, "set-keys").set_value("1, 2").run())
    assert state(app, "path-canvas-data")["values"] == [1.0]
    assert link(app)["at"] == "1"
    fine(open_app("interpolate", model="alpha", keys="1,2", at="7.5"))


def test_a_picture_of_the_path_goes_to_the_tray(two_models, open_app):
    app = open_app("interpolate", model="alpha", keys="1,2", at="0.5", mode="lerp")
    app = fine(click(app, "add-lerp"))
    (item,) = items(app)
    a, b = gan_core.load(two_models / "alpha").prior.sample(2, seed=1)
    assert (item.seed, item.name) == (None, "Lerp 0.50")
    assert np.allclose(item.z, (a + b) / 2, atol=1e-6)
    assert "tray" not in link(app)


def test_keyframes_from_the_tray(two_models, open_app):
    app = open_app(
        "interpolate", model="alpha", source="tray", tray="alpha:3,beta:1,alpha:9", step="4"
    )
    fine(app)
    mine = [i.id for i in items(app) if i.model == "alpha"]
    assert field(app, "choose-keyframes").value == mine
    film = painted(app, "film-slerp")
    assert alike(film[0], drawn(two_models / "alpha", [3])[0])
    assert alike(film[-1], drawn(two_models / "alpha", [9])[0])
    app = fine(field(app, "choose-keyframes").set_value(mine[::-1]).run())
    assert alike(painted(app, "film-slerp")[0], drawn(two_models / "alpha", [9])[0])
    one_sentence(field(app, "choose-keyframes").set_value(mine[:1]).run(), "at least two")


@pytest.mark.slow
def test_chosen_keyframes_stay_through_pages_and_links(two_models, open_app):
    app = open_app("interpolate", model="alpha", source="tray", tray="alpha:3,beta:1,alpha:9")
    mine = [i.id for i in items(app) if i.model == "alpha"]
    app = fine(field(app, "choose-keyframes").set_value(mine[::-1]).run())
    assert link(app)["picks"] == "3,1"
    here, app._page_hash = app._page_hash, open_app("card")._page_hash
    app.run()
    app._page_hash = here
    app = fine(app.run())
    assert field(app, "choose-keyframes").value == mine[::-1]

    again = fine(open_app("interpolate", **link(app)))
    assert alike(painted(again, "film-slerp")[0], drawn(two_models / "alpha", [9])[0])
    assert link(again) == link(app)


def test_a_picture_that_comes_onto_the_tray_becomes_a_keyframe(two_models, open_app):
    app = open_app("interpolate", model="alpha", source="tray", tray="alpha:3,alpha:9")
    app = fine(app.button(key="add-slerp").click().run())
    assert field(app, "choose-keyframes").value == [i.id for i in items(app)]
    assert len(items(app)) == 3


def test_keyframes_of_one_name_are_different_pictures(two_models, open_app):
    app = open_app("interpolate", model="alpha", source="tray", tray="alpha:3,alpha:3@0.5,alpha:9")
    app = fine(app.run())
    assert field(app, "choose-keyframes").value == [i.id for i in items(app)]
    assert field(app, "choose-keyframes").options == ["Seed 3", "Seed 3 (2)", "Seed 9"]
    assert "picks" not in link(app)


def test_a_keyframe_follows_the_new_name_of_its_picture(two_models, open_app):
    app = open_app("interpolate", model="alpha", source="tray", tray="alpha:3,alpha:9")
    app.session_state["tray"] = tray.rename(app.session_state.tray, items(app)[0].id, "First")
    app = fine(app.run())
    # A browser holds names: without the new ones, its next change would be of unknown ones.
    assert field(app, "choose-keyframes").proto.set_value
    assert list(field(app, "choose-keyframes").proto.raw_values) == ["First", "Seed 9"]


def test_too_few_pictures_on_the_tray(two_models, open_app):
    app = fine(open_app("interpolate", model="beta", source="tray", tray="alpha:3,alpha:9"))
    assert "at least two pictures of beta" in app.info[0].value


@pytest.mark.parametrize("source", url_state.SOURCES)
def test_a_wider_tray_than_a_path_takes(two_models, open_app, source):
    many = ",".join(f"alpha:{i}" for i in range(12))
    app = fine(open_app("interpolate", model="alpha", source=source, tray=many))
    if source == "tray":
        assert len(field(app, "choose-keyframes").value) == url_parts.MAX_KEYS


# Parts of the app that need no page.


def test_two_checkpoints_of_one_name(make_checkpoint, folders):
    folders(make_checkpoint("one/same"), make_checkpoint("two/same"))
    assert list(model_registry.entries()) == ["same", "same (2)"]


def test_a_folder_that_is_gone(tmp_path, folders):
    folders(tmp_path / "nowhere")
    assert model_registry.entries() == {}


def test_a_picture_drawn_before_is_not_drawn_again(make_checkpoint, monkeypatch):
    model = gan_core.load(make_checkpoint(seed=77))
    z = model.prior.sample(6)
    first = renderer.pictures(model, z[:4])
    calls = []
    real = model.generate
    monkeypatch.setattr(model, "generate", lambda rows: calls.append(len(rows)) or real(rows))
    again = renderer.pictures(model, z[[5, 0, 1, 0, 4]])
    assert calls == [2]
    assert np.array_equal(again[1], first[0])
    assert np.array_equal(again[[0, 4]], real(z[[5, 4]]))


def test_the_cache_of_pictures_is_bounded(make_checkpoint, monkeypatch):
    model = gan_core.load(make_checkpoint(seed=78))
    monkeypatch.setattr(renderer, "CACHE_BYTES", 5 * 32 * 32 * 3)
    images = renderer.pictures(model, model.prior.sample(9))
    assert len(images) == 9
    assert sum(row.nbytes for row in renderer._cache.values()) <= renderer.CACHE_BYTES


def test_latent_json_is_exact(make_checkpoint):
    model = gan_core.load(make_checkpoint())
    z = model.prior.sample(1, seed=4)[0]
    record = json.loads(renderer.latent_json(model, z, 4, 1.0))
    assert (record["seed"], record["psi"], record["model_hash"]) == (4, 1.0, model.hash)
    assert np.array_equal(np.float32(record["z"]), z)


@pytest.mark.parametrize(
    ("page", "key"),
    [("browse", "browse-tiles"), ("latents", "latents-canvas"), ("interpolate", "path-canvas")],
)
def test_the_components_themselves_load(two_models, monkeypatch, page, key):
    """Everywhere else something simpler stands for them."""
    monkeypatch.setattr(model_registry, "settle", lambda model: None)
    app = AppTest.from_file(str(model_registry.ROOT / "explorer" / "app.py"), default_timeout=60)
    app._page_hash = calc_hash(page)
    fine(app.run())
    assert f"key='{key}'" in str(app.main)


def test_cards_are_read_again_only_when_they_have_changed(two_models, make_checkpoint, monkeypatch):
    model_registry.entries()
    read = []
    whole = model_registry.checkpoint.read_card
    monkeypatch.setattr(
        model_registry.checkpoint, "read_card", lambda d: read.append(d.name) or whole(d)
    )
    assert list(model_registry.entries()) == ["alpha", "beta"]
    assert read == []
    (two_models / "beta" / "model.json").write_text("{")
    assert "beta" in model_registry.entries()["beta"].problem
    assert read == ["beta"]
    make_checkpoint("gamma", nz=4, seed=3)
    assert list(model_registry.entries()) == ["alpha", "beta", "gamma"]
    assert read == ["beta", "gamma"]


def test_a_first_visit_shows_the_default_model_where_it_is(two_models, open_app, monkeypatch):
    assert open_app().session_state["view"].model == "alpha"
    monkeypatch.setattr(model_registry, "DEFAULT", "beta")
    assert open_app().session_state["view"].model == "beta"
    assert open_app(model="alpha").session_state["view"].model == "alpha"


def test_models_are_listed_whatever_their_capitals(two_models, make_checkpoint):
    make_checkpoint("Amber", nz=4)
    assert list(model_registry.entries()) == ["alpha", "Amber", "beta"]


def test_a_folder_of_runs_is_made_and_one_that_cannot_be_is_a_sentence(tmp_path, capsys):
    from explorer import __main__ as start

    start.make_folder(tmp_path / "runs")
    start.make_folder(tmp_path / "runs")
    assert (tmp_path / "runs").is_dir()
    for wrong in (tmp_path / "no" / "runs", tmp_path / "file"):
        (tmp_path / "file").touch()
        with pytest.raises(SystemExit):
            start.make_folder(wrong)
        assert "cannot be created" in capsys.readouterr().err
