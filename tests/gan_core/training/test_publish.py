"""From a run to a checkpoint: what is published, and what a kill in between leaves."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from gan_core import __main__ as cli
from gan_core import checkpoint, model_card
from gan_core.data import training_set
from gan_core.training import publish, snapshot
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from support import save_set
from test_loop import train
from test_snapshot import die_at, forked, prepare, script

ABOUT = {"licence": "CC0", "use": "Tests.", "command": "python -m gan_core train"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A published model, beside the run and the training set that it came from."""
    place = tmp_path_factory.mktemp("published")
    data = save_set(place / "set")
    train(data, place / "run")
    publish.publish(place / "run", place / "model", name="tiny", data=data, **ABOUT)
    return place / "model"


@pytest.mark.slow
def test_a_published_run_loads_and_draws(published):
    data = training_set.load(published.parent / "set")
    model = checkpoint.load(published)
    assert model.name == "tiny"
    assert model.generate(model.prior.sample(3)).shape == (3, 32, 32, 3)
    assert model.realness(data.images[:3]).shape == (3,)
    training = model.card["training"]
    assert (training["kimg"], training["batch"], training["lr_d"]) == (0.064, 8, 2e-4)
    chosen = {"precision": "fp32", "layout": "channels_last", "convolution": "direct"}
    assert training["fast"] == chosen
    assert model.card["objective"] == "non-saturating"
    assert model.card["licence"] == "CC0"
    assert model.card["training_set"]["fingerprint"] == data.fingerprint


@pytest.mark.slow
def test_what_the_menu_says_of_a_model_stays_when_it_is_published_again(published, tmp_path):
    out, place = tmp_path / "model", published.parent
    shutil.copytree(published, out)
    assert "purpose" not in checkpoint.read_card(out)
    card = checkpoint.read_card(out) | {"purpose": "for tests"}
    atomic_files.write_json(out / "model.json", card)
    publish.publish(place / "run", out, name="tiny", data=place / "set", **ABOUT)
    assert checkpoint.read_card(out)["purpose"] == "for tests"


@pytest.mark.slow
def test_what_is_published_is_the_average_with_statistics_that_fit(published):
    model = checkpoint.load(published)
    tensors, _ = snapshot.read(published.parent / "run" / "state.safetensors")
    for name, parameter in model.generator.named_parameters():
        assert torch.equal(parameter, tensors[f"average/{name}"]), name
    sent = []
    norms = [m for m in model.generator.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.register_forward_hook(lambda m, x, y: sent.append((m, x[0])))
    with torch.inference_mode():
        model.generator(torch.from_numpy(model.prior.sample(64, seed=5)))
    assert len(sent) == len(norms)
    for norm, x in sent:
        assert (x.mean((0, 2, 3)) - norm.running_mean).abs().max() < 0.35 * x.std()
        ratio = x.var((0, 2, 3)) / norm.running_var
        assert ratio.min() > 0.6
        assert ratio.max() < 1.6


def test_the_best_snapshot_is_published_where_there_is_one(make_set, tmp_path):
    data, run = make_set(), tmp_path / "run"
    train(data, run, kimg=0.016)
    shutil.copy(run / "state.safetensors", tmp_path / "earlier")
    train(data, run, kimg=0.032)
    assert publish.read(run)[1]["position"] == 32
    shutil.copy(tmp_path / "earlier", run / "best.safetensors")
    publish.publish(run, tmp_path / "model", name="tiny", data=data, **ABOUT)
    assert checkpoint.load(tmp_path / "model").card["training"]["kimg"] == 0.016


def test_without_a_run_there_is_nothing_to_publish(make_set, tmp_path):
    with pytest.raises(InputError, match=r"state\.safetensors"):
        publish.publish(tmp_path, tmp_path / "model", name="x", data=make_set(), **ABOUT)
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"augment_p": 0.4, "augment_initial": 0.5}, "probability 0.2 at the start, 0.4 at the"),
        ({"augment_target": 0.6}, "strength adapted to D’s overfitting (target 0.6)"),
        ({"beta2_initial": 0.9}, "β2 from 0.9 along a cosine"),
        ({"ema_initial": 0.0}, "half-life of 0.1 kimg (from 0% of that along a cosine)"),
        ({"lr_final": 0.25}, "learning rates fall to 25% along a cosine"),
        ({"r1": 1.0, "norm": "none", "penalty_final": 0.1}, "penalties fall to 10% along a cosine"),
    ],
    ids=str,
)
def test_the_card_describes_the_schedules(make_set, tmp_path, options, words):
    data = make_set()
    train(data, tmp_path / "run", kimg=0.008, **options)
    publish.publish(tmp_path / "run", tmp_path / "model", name="tiny", data=data, **ABOUT)
    assert words in model_card.write(tmp_path / "model").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        {},
        {"architecture": "residual", "objective": "wgan-gp"},
        {"architecture": "style"},
        {"architecture": "mlp"},
    ],
)
def test_the_card_lists_the_options(make_set, tmp_path, family):
    data = make_set()
    train(data, tmp_path / "run", kimg=0.008, **family)
    publish.publish(tmp_path / "run", tmp_path / "model", name="tiny", data=data, **ABOUT)
    text = model_card.write(tmp_path / "model").read_text("utf-8")
    expected = [family.get("objective", "non-saturating"), "tiny", "CC0", "samples.png"]
    name = family.get("architecture", "dcgan")
    expected += ["python -m gan_core train", f"| {model_card.FAMILIES.get(name, name)}, 32 × 32 "]
    assert [part for part in expected if part not in text] == []
    assert ("batch-norm statistics" in text) == ("architecture" not in family)
    with Image.open(tmp_path / "model" / "samples.png") as samples:
        assert samples.size == (8 * 32, 8 * 32)


# --- Killed in between. ---


def publish_often(folder):
    """Publish a longer run over nothing and over a shorter one, killed at every file touched."""
    folder = Path(folder)
    data, out = prepare(folder), folder / "model"
    small = {"ngf": 1, "ndf": 1}
    for name, kimg in (("short", 0.008), ("long", 0.016)):
        train(data, folder / name, kimg=kimg, **small)

    def publish_run(name):
        publish.publish(folder / name, out, name="tiny", data=data, **ABOUT)

    def kimg():
        return checkpoint.load(out).card["training"]["kimg"]

    publish_run("short")
    shutil.copytree(out, folder / "before")
    usual = sorted(file.name for file in out.iterdir())
    for starts_from, least_kills in ((None, 5), (folder / "before", 5)):
        seen, event, status = [], 0, None
        while status != 0:
            event += 1
            shutil.rmtree(out)
            if starts_from:
                shutil.copytree(starts_from, out)

            def work(event=event):
                signal.alarm(60)  # ends one that waits for a lock which it inherited
                die_at(event, out)
                publish_run("long")

            child = forked(work)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert status in (0, -signal.SIGKILL, -signal.SIGALRM)
            if (out / "model.json").exists():
                seen.append(kimg())
            else:
                assert starts_from is None
            if status:  # what comes after finds nothing in its way
                name = "short" if event % 2 else "long"
                publish_run(name)
                assert kimg() == {"short": 0.008, "long": 0.016}[name]
            assert sorted(file.name for file in out.iterdir()) == usual
        assert event > least_kills
        assert seen == sorted(seen)  # the shorter run until a moment, the longer one from then on
        assert seen[-1] == 0.016
        assert starts_from is None or seen[0] == 0.008


@pytest.mark.slow
def test_a_kill_while_publishing_leaves_the_checkpoint_before_or_the_new_one(python, tmp_path):
    script(python, "publish_often", tmp_path, module="test_publish")


TRAIN = "--ngf 4 --ndf 4 --nz 8 --batch 8 --kimg 0.016 --precision fp32 --layout contiguous"


def train_named(name, data, folder):
    """Train and publish a tiny model by the command line; its exit status and its directory."""
    runs, out = folder / "runs", folder / "checkpoints"
    words = f"train {data} --name {name} --runs {runs} --checkpoints {out} {TRAIN}"
    return cli.main(words.split()), out / name


@pytest.mark.slow
def test_the_same_command_again_keeps_what_was_measured(make_set, tmp_path):
    data = make_set(n=32)
    status, out = train_named("m", data, tmp_path)
    assert status == 0
    changed = checkpoint.read_card(out) | {"metrics": {"X": {"mark": 1}}}
    atomic_files.write_json(out / "model.json", changed)
    assert train_named("m", data, tmp_path)[0] == 0
    assert checkpoint.read_card(out)["metrics"] == {"X": {"mark": 1}}


def test_other_weights_lose_what_was_measured_on_the_old(make_set, tmp_path):
    data = make_set(n=32)
    _, out = train_named("m", data, tmp_path)
    changed = checkpoint.read_card(out) | {"metrics": {"X": {"mark": 1}}}
    changed["files"] = changed["files"] | {"generator.safetensors": "0" * 64}
    atomic_files.write_json(out / "model.json", changed)
    assert train_named("m", data, tmp_path)[0] == 0
    assert checkpoint.read_card(out)["metrics"] == {}


@pytest.mark.slow
def test_a_model_of_no_run_is_not_overwritten(make_set, tmp_path, capsys):
    data = make_set(n=32)
    _, out = train_named("m", data, tmp_path)
    before = (out / "model.json").read_bytes()
    shutil.rmtree(tmp_path / "runs")
    assert train_named("m", data, tmp_path)[0] == 2
    assert "already holds a model" in capsys.readouterr().err
    assert (out / "model.json").read_bytes() == before


def test_a_damaged_best_snapshot_says_what_to_do(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"best.safetensors is damaged; remove it"):
        publish.read(tmp_path)
