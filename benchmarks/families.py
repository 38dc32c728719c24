"""The families of networks, and what DCGAN lacks, at equal time on the same images.

    python benchmarks/families.py data/faces [--minutes 10] [--only dcgan,style] [--json]
    python benchmarks/families.py data/faces --sheet docs/families.jpg

Every row trains for the same time on one thread. So that other programs on the machine favour
nobody, it is the processor's time: before anything is trained, each row's seconds per image are
measured by that clock, and from them follows how many images it may be shown. Sample grids and
distances are not counted. The networks of `dcgan`, `resize` and `residual` are trained with the
preset `faces`, the style-based one with `gpu-faces` at a width for CPUs, because its learning rates
are equalised. The other rows are DCGAN with one change.

Measured as by `python -m gan_core evaluate`: 5,000 samples against the training images. A finished
row is read instead of repeated; remove its folder to run it again.
"""

import argparse
import contextlib
import json
import statistics
import time
from pathlib import Path
from unittest import mock

import torch
from PIL import Image, ImageDraw
from torch import nn

from gan_core import checkpoint, feature_extractors
from gan_core.data import media, training_set
from gan_core.metrics import fidelity_report
from gan_core.networks import dcgan
from gan_core.networks.style import MinibatchDeviation
from gan_core.training import loop, presets, publish, speed
from gan_core.training.config import TrainingConfig
from gan_core.util import atomic_files

FAMILIES = ("dcgan", "resize", "residual", "style")
CHANGES = {
    "minibatch deviation": {},  # see Deviating
    "adaptive augmentation": {
        "augment": "mirror,translation,scale,rotation,mild_colour",
        "augment_target": 0.6,
    },
    "average of 2 kimg": {"ema_kimg": 2.0},
    "average of 50 kimg": {"ema_kimg": 50.0},
}
STYLE = {"architecture": "style", "ngf": 16, "ndf": 16, "batch": 32, "r1": 0.0002 * 64**2 / 32}
N = 5000
TIMINGS = 3
SIDE, GAP, TITLE = 8, 16, 28  # images a side of a sheet; pixels between and above the sheets


class Deviating(dcgan.Discriminator):
    """DCGAN's discriminator with the standard deviation over a minibatch before its head."""

    def __init__(self, size, channels, ndf, norm="batch"):
        super().__init__(size, channels, ndf, norm)
        self.deviation = MinibatchDeviation()
        self.head = nn.Conv2d(self.head.in_channels + 1, 1, self.head.kernel_size)
        dcgan.initialise_unnormalised(self.head)

    def forward(self, images):
        return self.head(self.deviation(self.layers(images))).flatten()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="packed training set")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each row, processor time")
    parser.add_argument("--runs", default="runs/families", help="folder of the runs")
    parser.add_argument("--only", default="", help="rows, comma-separated; empty: all")
    parser.add_argument("--sheet", default="", help="file for 64 samples of each family")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = Path(options.runs)
    names = options.only.split(",") if options.only else [*FAMILIES, *CHANGES]
    kimg = {name: length(name, options, runs) for name in names}
    rows = {name: row(name, kimg[name], options.data, runs) for name in names}
    print(table(rows, options.minutes))
    if options.sheet:
        sheet(rows, runs).save(options.sheet, quality=90)
    if options.json:
        protocol = {"minutes": options.minutes, "n": N}
        print(json.dumps({"protocol": protocol, "rows": rows}))


def settings(name, data):
    """The options of a row, without its length."""
    chosen = presets.options("gpu-faces" if name == "style" else "faces", data)
    if name in FAMILIES:
        chosen |= STYLE if name == "style" else {"architecture": name}
    else:
        chosen |= CHANGES[name]
    return chosen | {"kimg": 1.0, "measure_kimg": 0.0, "patience_kimg": 0.0, "log_kimg": 1.0}


def changed(name):
    """A context in which the networks of a row are built."""
    if name == "minibatch deviation":
        return mock.patch.object(dcgan, "Discriminator", Deviating)
    return contextlib.nullcontext()


def length(name, options, runs):
    """The thousands of images that a row can be shown in the given time; measured only once."""
    path = runs / name / "length.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))["kimg"]
    config = TrainingConfig(**settings(name, options.data))
    _, size, _, channels = training_set.read_card(options.data)["shape"]
    with changed(name):
        rates = [
            speed.measure(config, size, channels, clock=time.process_time) for _ in range(TIMINGS)
        ]
    rate = statistics.median(rates)
    kimg = round(rate * options.minutes * 60 / 1000, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {"kimg": kimg, "images_per_second": rate})
    print(f"{name}: {rate:.0f} images per second, {kimg:g} kimg", flush=True)
    return kimg


def row(name, kimg, data, runs):
    """Train and measure one row, or read what was measured."""
    folder = runs / name
    path = folder / "measured.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))
    ways = {"kimg": kimg, "grid_kimg": kimg / 4, "snapshot_kimg": kimg / 10}
    with changed(name):
        loop.train(data, folder / "run", TrainingConfig(**settings(name, data) | ways))
        publish.publish(
            folder / "run",
            folder / "model",
            name=name,
            data=data,
            licence="",
            use="",
            command="python benchmarks/families.py",
        )
        model = checkpoint.load(folder / "model")
        images = training_set.load(data)
        result = fidelity_report.measure(model, images, [feature_extractors.effnet()], n=N)
        samples = model.generate(model.prior.sample(SIDE**2, 0))
    Image.fromarray(media.sheet(samples, SIDE)).save(folder / "samples.png")
    (metrics,) = result["metrics"].values()
    measured = {"kimg": kimg}
    for number in metrics["numbers"]:  # the first of each measure has the most samples
        if (number["of"], number["to"]) == ("samples", "training"):
            measured.setdefault(number["measure"].partition("-")[0], number["value"])
    atomic_files.write_json(path, measured)
    return measured


def table(rows, minutes):
    """The rows as a Markdown table."""
    measures = ("FD", "precision", "recall", "diversity")
    lines = [
        f"{minutes:g} minutes of one thread each, {N:,} samples:",
        "",
        f"| | kimg | {' | '.join(measures)} |",
        "|---" * (len(measures) + 2) + "|",
    ]
    for name, row in rows.items():
        values = [f"{row['FD']:.1f}", *(f"{row[measure]:.3f}" for measure in measures[1:])]
        lines.append(f"| {name} | {row['kimg']:.0f} | {' | '.join(values)} |")
    return "\n".join(lines)


def sheet(rows, runs):
    """The samples of seeds 0 to 63 of each family, side by side, with their names."""
    sheets = {name: Image.open(runs / name / "samples.png") for name in rows if name in FAMILIES}
    width, height = next(iter(sheets.values())).size
    columns = 2
    lines = -(-len(sheets) // columns)
    size = (columns * (width + GAP) - GAP, lines * (height + TITLE + GAP) - GAP)
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for place, (name, image) in enumerate(sheets.items()):
        x, y = place % columns * (width + GAP), place // columns * (height + TITLE + GAP)
        pen.text((x, y + 4), name, "black", font_size=18)
        picture.paste(image, (x, y + TITLE))
    return picture


if __name__ == "__main__":
    main()
