"""Six objectives on the same network, data, images and seed.

    python benchmarks/objectives.py SET [SET …] [--kimg 50] [--json]

Each objective trains the same DCGAN from the same seed on the same images in the same order, with
Adam 2e-4 (0.5, 0.999), k = 1, fp32. D has batch norm except for wgan-gp, whose penalty forbids it.
Every quarter of the run, FD-EffNetLite0 is measured between 1,000 samples and 1,000 training
images, and so is diversity, how much samples differ from one another relative to training images.
Speed is measured on a few steps at the end. The distance between two sets of 1,000 real images is
the floor, below which distances mean nothing.
A finished run is read instead of repeated; remove its folder to run it again.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from gan_core import feature_extractors
from gan_core.data import training_set
from gan_core.metrics import fidelity
from gan_core.training import dry_run, loop, run_log
from gan_core.training.config import TrainingConfig

RUNS = {
    "minimax": {},
    "non-saturating": {},
    "lsgan": {},
    "wgan": {},
    "wgan-gp": {"norm": "none"},
    "hinge": {},
}
N = 1000  # samples, and training images, for each distance


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="+", help="packed training sets")
    parser.add_argument("--kimg", type=float, default=50.0, help="length of each run")
    parser.add_argument("--width", type=int, default=16, help="ngf and ndf")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, order and noise")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--runs", default="runs/objectives", help="folder of the runs")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    result = {}
    for data in options.data:
        card = training_set.read_card(data)
        rows = {name: run(name, data, options) for name in RUNS}
        result[card["name"]] = {"floor": floor(data, options.device), "objectives": rows}
        print(table(card["name"], result[card["name"]]))
    if options.json:
        protocol = {"kimg": options.kimg, "width": options.width, "seed": options.seed, "n": N}
        print(json.dumps({"protocol": protocol, "results": result}))


def run(name, data, options):
    """Train one objective, or read its results; returns the row of the table."""
    return train_and_read(
        data,
        Path(options.runs) / f"{training_set.read_card(data)['name']}-{name}",
        objective=name,
        **{"norm": "batch", "augment": "none", "nz": 64, "ema_kimg": 2.0} | RUNS[name],
        ngf=options.width,
        ndf=options.width,
        batch=64,
        kimg=options.kimg,
        seed=options.seed,
        device=options.device,
        precision="fp32",
        measure_kimg=options.kimg / 4,
    )


def train_and_read(data, folder, *, kimg, measure_kimg, **options):
    """Train, resume, or read a finished run; returns its distances, diversity and speed."""
    config = TrainingConfig(
        **options,
        kimg=kimg,
        log_kimg=1.0,
        grid_kimg=kimg / 4,
        snapshot_kimg=kimg / 4,
        measure_kimg=measure_kimg,
        measure_n=N,
        patience_kimg=0,
    )
    loop.train(data, folder, config)
    lines = run_log.read_log(folder / "log.jsonl")
    curve = [(line["kimg"], line[FD]) for line in lines if FD in line]
    diversity = [line["diversity"] for line in lines if "diversity" in line]
    best = min(curve, key=lambda point: point[1])
    return {
        "fd_last": curve[-1][1],
        "fd_best": best[1],
        "best_kimg": best[0],
        "diversity": diversity[-1],
        "images_per_second": dry_run.measure_rate(data, TrainingConfig(**options)),
        "curve": curve,
    }


FD = "FD-EffNetLite0"


def floor(data, device):
    """The distance between 1,000 training images and 1,000 others."""
    images = training_set.load(data).images
    chosen = np.random.RandomState(1).permutation(len(images))[: 2 * N]
    extract = feature_extractors.effnet(device=device).extract
    a, b = (extract(np.asarray(images[np.sort(part)])) for part in (chosen[:N], chosen[N:]))
    return float(fidelity.frechet(a, b))


def table(name, result):
    """The results on one training set as a Markdown table."""
    lines = [
        f"{name}: {N} real images against {N} others: {FD} {result['floor']:.1f}",
        "",
        f"| | {FD}, last | best (at kimg) | diversity | images/s |",
        "|---|---|---|---|---|",
    ]
    for objective, row in result["objectives"].items():
        lines.append(
            f"| {objective} | {row['fd_last']:.1f} | {row['fd_best']:.1f} ({row['best_kimg']:.0f}) "
            f"| {row['diversity']:.2f} | {row['images_per_second']:.0f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
