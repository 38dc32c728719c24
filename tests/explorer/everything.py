"""A small checkpoint with every file that one can have, and a run, for tests of all of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import gan_core
from gan_core import checkpoint
from gan_core.attributes import classifier
from gan_core.data import media, training_set
from gan_core.latent_space import directions
from gan_core.metrics import memorisation_file, memorisation_report, realism, seed_table
from gan_core.util import atomic_files
from support import AVATARS, pictures, save_checkpoint
from toys import quick_features

SIDE, NZ, IMAGES, HELD_OUT = 32, 8, 40, 24
NAMES = ("smiling", "glasses")
REPORTS = tuple(memorisation_file.FILES.values())


def make(directory, mark=""):
    """Write the checkpoint; returns its directory. What its card tells is avatars' own.

    mark: what is added to the names of attributes, their values, and of the images' files.
    """
    names = [name + mark for name in NAMES]
    directory = Path(directory)
    about = json.loads((AVATARS / "model.json").read_text("utf-8"))
    data = make_set(directory / "training_set", mark)
    card = {key: about[key] for key in ("objective", "training", "metrics", "licence", "use")}
    card["training"] = card["training"] | {"tied": names}
    card["training_set"] = data.card | {"how": "Ask somebody.", "command": "gan_core pack a b"}
    save_checkpoint(directory, NZ, **card)
    model = gan_core.load(directory)
    add_metrics(directory, model)
    rows = [{"name": name, "recognised": True} for name in names]
    save_classifier(model, rows, data.fingerprint)
    add_directions(model, names)
    add_seeds(model, data)
    for control in memorisation_file.FILES:
        options = {"n": 20, "k": 2, "spaces": "pixels,discriminator", "control": control}
        measured = memorisation_report.report(model, data, **options)
        measured["missing"] = {"effnet": "It was not requested."}
        memorisation_file.save_report(model, measured)
    shutil.copy(AVATARS / "README.md", directory / "README.md")
    return directory


def make_place(place, run=True):
    """Write the folders models, runs and cache of an app, with the checkpoint alpha; returns place.

    run: whether there is a run that has ended, too.
    """
    (place / "models").mkdir()
    (place / "runs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        make(place / "models" / "alpha")
        if run:
            make_run(place / "runs")
    return place


def make_set(directory, mark=""):
    about = {"name": "noise", "source": "a generator of noise", "licence": "CC0"}
    about["framing"] = {"crop": 1.0, "size": SIDE, "channels": 3}
    with training_set.writing(
        directory, SIDE, 3, about, ["smiling" + mark, "hair" + mark]
    ) as writer:
        for i, image in enumerate(pictures(IMAGES + HELD_OUT, SIDE, 3)):
            known = {"smiling" + mark: i % 2, "hair" + mark: ("long", "short")[i % 2] + mark}
            writer.add(image, f"{i}{mark}.png", known, held_out=i >= IMAGES)
    return training_set.load(directory)


def add_metrics(directory, model):
    """Let the card's measurements name these weights, as they must to be shown."""
    card = checkpoint.read_card(directory)
    for measured in card["metrics"].values():
        measured |= {"model": model.hash, "name": model.name}
    atomic_files.write_json(directory / "model.json", card)


def save_classifier(model, rows, fingerprint=None):
    """Save beside a Model an untrained classifier that sees each attribute in half of its samples.

    rows: {"name", "recognised"} of each attribute.
    """
    accuracy = {"accuracy": 0.9, "balanced_accuracy": 0.9, "positives": 50, "n": 100}
    about = {"format": classifier.FORMAT, "architecture": "strided", "channels": 3}
    about |= {"attributes": [row | accuracy for row in rows], "training_set": fingerprint}
    network = classifier.build("strided", 3, len(rows)).eval()
    ones = np.ones(len(rows), np.float32)
    raw = classifier.Classifier(network, ones, 0 * ones, about)
    logits = raw.logits(model.generate(model.prior.sample(256)))
    scale = 4 / logits.std(0)
    spread = classifier.Classifier(network, scale, -scale * np.median(logits, 0), about)
    classifier.save(model.directory, spread)


def add_directions(model, names):
    """Some of each kind, with everything a card says of one."""
    made, stream = [], np.random.RandomState(0)
    effects = dict.fromkeys(names, 0.1)
    measured = {"effects": effects, "n": 16, "seed": 0, "moves": names[0], "leakage": 1.0}
    for name in names:
        for kind in ("difference", "normal"):
            about = {**measured, "attribute": name, "labelled": 64, "with_it": 30}
            made.append((f"{name} ({kind})", kind, about))
    made += [("component 1", "component", dict(measured)), ("factor 1", "factor", dict(measured))]
    own = {"made_of": {"component 1": 2.0}, "locked": [names[0]], "made": "arithmetic, A − B"}
    made += [("friendlier", "conditional", measured | own), ("older", "own", measured | own)]
    directions.save(
        model,
        [
            directions.Direction(name, directions.unit(stream.randn(NZ)), kind, about)
            for name, kind, about in made
        ],
    )


def add_seeds(model, data):
    """The realism reference and the table of seeds, in features that take no time."""
    realism.save(model.directory, realism.of_images(data, quick_features()))
    reference = realism.load(model.directory)
    labels = classifier.load(model.directory)
    table = seed_table.make(model, reference, quick_features(), [labels], n=64)
    seed_table.save(model, table)


def make_run(folder, name="run"):
    """Write the folder of a run that has ended; returns it."""
    directory = Path(folder) / name
    (directory / "samples").mkdir(parents=True)
    line = {"d_loss": 1.0, "g_loss": 2.0, "d_real": 0.7, "d_fake": 0.3, "images_per_second": 50.0}
    line |= {"FD-EffNetLite0": 90.0, "diversity": 0.8}
    log = "".join(json.dumps({"kimg": float(kimg), **line}) + "\n" for kimg in (2, 4, 6))
    (directory / "log.jsonl").write_text(log, "utf-8")
    words = ["train", "data/set", "--name", name, "--kimg", "6"]
    command = " ".join(["python", "-m", "gan_core", *words])
    about = {"pid": 999_999_999, "began": 1.7e9, "command": command, "cwd": "/", "processes": 1}
    about |= {"kimg": 6.0, "doing": "training", "checkpoint": "checkpoints/run"}
    about |= {"ended": "failed", "reason": "The disk is full."}
    atomic_files.write_json(directory / "process.json", about)
    started = {"arguments": words, "pid": 999_999_999, "at": 1.6e9}
    atomic_files.write_json(directory / "started.json", started)
    (directory / "output.log").write_text("$ python -m gan_core train\nall is well\n", "utf-8")
    sheet = media.encode(media.sheet(pictures(4, SIDE, 3)))
    (directory / "samples" / "000002.png").write_bytes(sheet)
    return directory
