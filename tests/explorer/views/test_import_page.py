"""The page Import: what it shows of a file, what it refuses, and the model it makes."""

import pytest
import torch
from streamlit.runtime.scriptrunner import RerunData, RerunException

from explorer.services import model_registry
from gan_core import checkpoint, importers
from gan_core.networks import registry
from layouts import LAYOUTS, Layout, dcgan, prepared
from test_importers import HALF, ONE, UNIT, Linear, Tutorial, TutorialD, graph_of, trained


@pytest.fixture
def file_of(tmp_path):
    """The bytes of a network's state dict as torch.save writes it."""

    def content(network):
        path = tmp_path / "written.pth"
        torch.save(network.state_dict(), path)
        data = path.read_bytes()
        path.unlink()
        return data

    return content


def give(app, name, data, place=0):
    app.main.get("file_uploader")[place].set_value((name, data, "application/octet-stream"))
    return app.run()


def facts_of(app):
    return {row: cells.iloc[0] for row, cells in app.main.table[0].value.iterrows()}


def press(app):
    next(b for b in app.main.button if b.label == "Import").click()
    return app.run()


def healthy(app):
    assert not app.exception
    assert not app.error


@pytest.mark.slow
def test_weights_become_a_model_in_the_menu(two_models, open_app, file_of):
    network = trained(Tutorial())
    app = open_app("import")
    healthy(app)
    assert not [b for b in app.main.button if b.label == "Import"]
    give(app, "my netG (3).pth", file_of(network))
    healthy(app)
    facts = facts_of(app)
    assert facts["Images"] == "64 × 64 × 3"
    assert facts["Recognised as"].startswith("DCGAN as in PyTorch")
    assert facts["Discriminator"].startswith("none")
    assert app.text_input(key="import-name").value == "my-netG-3-"
    press(app)
    healthy(app)
    assert "my-netG-3- is now in the model menu" in app.main.success[0].value
    assert app.session_state["view"].model == "my-netG-3-"
    saved = checkpoint.read_card(two_models / "my-netG-3-")
    assert saved["origin"]["file"] == "my netG _3_.pth"
    # Pages that need D say so; all others work.
    for page in ("browse", "interpolate", "arithmetic", "neighbours", "card", "latents"):
        other = open_app(page, model="my-netG-3-")
        assert not other.exception, page
        assert not other.error, page
    browse = open_app("browse", model="my-netG-3-")
    assert any("has no discriminator" in caption.value for caption in browse.main.caption)


@pytest.mark.slow
def test_a_discriminator_comes_along(two_models, open_app, file_of):
    app = open_app("import")
    give(app, "g.pth", file_of(trained(Tutorial())))
    give(app, "d.pth", file_of(trained(TutorialD())), 1)
    healthy(app)
    assert facts_of(app)["Discriminator"] == "recognised too"
    press(app)
    assert checkpoint.load(two_models / "g").discriminator is not None
    assert checkpoint.read_card(two_models / "g")["origin"]["discriminator"] == "d.pth"


@pytest.mark.slow
def test_a_persons_choices_are_used(two_models, open_app):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    steps = [(kind, dict(attributes)) for kind, attributes in UNIT]
    app = open_app("import")
    give(app, "g.onnx", graph_of(["n", 4], steps, more=[ONE, HALF]))
    healthy(app)
    assert app.main.get("button_group")[0].value in ("unit", ["unit"])
    assert any("assumed to be of 0 to 1" in caption.value for caption in app.main.caption)
    app.main.get("button_group")[0].set_value("byte").run()
    healthy(app)
    assert any("assumed to be of 0 to 255" in caption.value for caption in app.main.caption)
    app.main.get("button_group")[1].set_value("uniform").run()
    app.text_input(key="import-name").set_value("chosen").run()
    press(app)
    saved = checkpoint.read_card(two_models / "chosen")
    assert saved["prior"] == {"kind": "uniform", "size": 4}
    assert saved["origin"]["values"] == "byte"


def test_what_is_not_recognised_is_listed(two_models, open_app, file_of):
    app = open_app("import")
    give(app, "odd.pth", file_of(torch.nn.Linear(3, 5)))
    assert not app.exception
    assert "No generator was recognised in odd.pth" in app.error[0].value
    assert app.main.expander[-1].label == "What the file holds: 2 tensors"
    rows = app.main.dataframe[0].value
    assert list(rows["Shape"]) == ["5 × 3", "5"]
    give(app, "noise.pth", b"hello")
    assert "noise.pth is neither" in app.error[0].value
    assert not app.main.dataframe
    assert not [b for b in app.main.button if b.label == "Import"]
    give(app, "good.pth", file_of(trained(Linear())))
    healthy(app)
    assert facts_of(app)["Images"] == "32 × 32 × 1"


@pytest.mark.slow
def test_a_name_outlives_a_discriminator_that_is_refused(two_models, open_app, file_of):
    app = open_app("import")
    give(app, "refused.pth", b"hello")
    give(app, "g.pth", file_of(trained(Tutorial())))
    app.text_input(key="import-name").set_value("my-own").run()
    give(app, "d.pth", b"hello", 1)
    assert "The discriminator was left out" in app.error[0].value
    give(app, "d2.pth", file_of(trained(TutorialD())), 1)
    healthy(app)
    assert app.text_input(key="import-name").value == "my-own"
    press(app)
    assert checkpoint.load(two_models / "my-own").discriminator is not None


def group(app, label):
    return next(one for one in app.main.get("button_group") if one.label == label)


@pytest.mark.slow
def test_an_ambiguous_size_must_be_given(two_models, open_app, file_of):
    app = open_app("import")
    give(app, "digits.pth", file_of(prepared(LAYOUTS["28 px by padding 3"])))
    healthy(app)
    assert "several sizes" in app.main.info[0].value
    assert not [b for b in app.main.button if b.label == "Import"]
    group(app, "Size of the pictures").set_value(28).run()
    healthy(app)
    assert facts_of(app)["Images"] == "28 × 28 × 1"
    press(app)
    assert checkpoint.load(two_models / "digits").size == 28


@pytest.mark.slow
def test_activation_output_and_prior_can_be_chosen_beside_the_preview(
    two_models, open_app, file_of
):
    layout = Layout("", "", lambda: dcgan(norms=False))
    app = open_app("import")
    give(app, "bare.pth", file_of(prepared(layout)))
    healthy(app)
    assert any("no batch-norm statistics" in warning.value for warning in app.main.warning)
    app.run()  # nothing was chosen, so the warning stays
    assert any("no batch-norm statistics" in warning.value for warning in app.main.warning)
    group(app, "Activation in the generator").set_value("leaky").run()
    group(app, "Last activation").set_value("sigmoid").run()
    group(app, "Latents it was trained on").set_value("uniform").run()
    healthy(app)
    press(app)
    saved = checkpoint.read_card(two_models / "bare")
    kinds = [layer["kind"] for layer in saved["architecture"]["layers"]]
    assert "leaky_relu" in kinds
    assert "relu" not in kinds
    assert kinds[-1] == "sigmoid"
    assert saved["prior"]["kind"] == "uniform"
    for page in ("browse", "latents", "directions", "card"):
        assert not open_app(page, model="bare").exception, page


@pytest.mark.slow
def test_what_statistics_tell_is_chosen_beforehand(two_models, open_app, file_of):
    app = open_app("import")
    give(app, "g.pth", file_of(prepared(LAYOUTS["leaky"])))
    assert group(app, "Activation in the generator").value in ("leaky", ["leaky"])
    assert not app.main.warning
    give(app, "u.pth", file_of(prepared(LAYOUTS["uniform"])))
    assert group(app, "Activation in the generator").value in ("relu", ["relu"])
    assert group(app, "Latents it was trained on").value in ("uniform", ["uniform"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alpha", "ALPHA", "../up", "", "a/b"])
def test_names_that_are_taken_or_lead_elsewhere_are_refused(two_models, open_app, file_of, name):
    before = sorted(two_models.rglob("*"))
    app = open_app("import")
    give(app, "g.pth", file_of(trained(Linear())))
    app.text_input(key="import-name").set_value(name).run()
    press(app)
    assert not app.exception
    assert len(app.error) == 1
    words = "already a model called alpha" if name.lower() == "alpha" else "a name consists of"
    assert words in app.error[0].value
    assert sorted(two_models.rglob("*")) == before


def test_without_a_folder_to_write_to_it_says_so(make_checkpoint, folders, open_app, file_of):
    folders(make_checkpoint("alone"))
    app = open_app("import")
    give(app, "g.pth", file_of(trained(Linear())))
    press(app)
    assert "no folder for a new one" in app.error[0].value


@pytest.mark.slow
def test_a_training_set_of_the_same_size_can_be_named(
    two_models, open_app, file_of, make_set, monkeypatch
):
    monkeypatch.setenv("LATENT_EXPLORER_DATA", str(make_set("packed", size=32, channels=1).parent))
    app = open_app("import")
    give(app, "g.pth", file_of(trained(Linear())))
    healthy(app)
    choice = next(box for box in app.main.selectbox if box.label == "Trained on")
    assert choice.options == ["Not known", "packed"]
    choice.set_value("packed").run()
    press(app)
    model = model_registry.load(model_registry.entries()["g"])
    assert model.card["training_set"]["fingerprint"]
    assert model.card["architecture"]["name"] in registry.IMPORTED


@pytest.mark.slow
def test_a_visitor_who_leaves_during_writing_sees_the_message_on_return(
    two_models, open_app, file_of, monkeypatch
):
    whole = importers.save

    def and_left(*arguments, **options):
        whole(*arguments, **options)
        raise RerunException(RerunData())

    monkeypatch.setattr(importers, "save", and_left)
    app = open_app("import")
    give(app, "g.pth", file_of(trained(Linear())))
    app.text_input(key="import-name").set_value("late").run()
    press(app)
    app.run()  # what the exception asked for
    assert not app.exception
    assert [success.value for success in app.success] == [
        "late is now in the model menu of every page."
    ]
