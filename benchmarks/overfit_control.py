"""A guilty control: a generator trained to repeat its 200 training images.

    python benchmarks/overfit_control.py [--images 200 --size 32 --kimg 300] [--json]

What a report on memorisation says of an ordinary model means little until one has seen what it
says of a model that did learn its images by heart. This takes the first avatars of the embedded
training set, at half their size, which is quicker, and trains a narrow DCGAN on them
with nothing that keeps a GAN from memorising: no augmentation, few coordinates of z, the last
snapshot rather than the best. R1 is there because with it a GAN converges to the very images it is
shown (Mescheder et al. 2018). It writes a checkpoint with its training images and held-out avatars
inside. Given again after an interruption, it goes on. The verb then tells how far it got:

    python -m gan_core memorisation checkpoints/controls/overfitted-200
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from gan_core import card, publishing, trainer, training_set

HELD_OUT = 1000
SETTINGS = {
    "nz": 16,  # a small latent space is covered soon
    "batch": 32,
    "augment": "none",
    "norm": "none",
    "r1": 1.0,
    "penalty_every": 4,
    "lr_g": 5e-4,
    "lr_d": 5e-4,
    "ema_kimg": 5.0,
    "measure_kimg": 0.0,  # the best by a distance would be an early one
    "patience_kimg": 0.0,  # D wins for long while G learns by heart
    "grid_kimg": 25.0,
    "snapshot_kimg": 5.0,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=200, help="training images")
    parser.add_argument("--size", type=int, default=32, help="side in pixels, 64 or a part of it")
    parser.add_argument("--kimg", type=float, default=300, help="thousands of images shown to D")
    parser.add_argument("--ngf", type=int, default=32)
    parser.add_argument("--ndf", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", default="checkpoints/avatars/training_set")
    parser.add_argument("--run", default="", help="default: runs/overfitted-IMAGES")
    parser.add_argument("--out", default="", help="default: checkpoints/controls/overfitted-IMAGES")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    name = f"overfitted-{options.images}"
    run = Path(options.run or f"runs/{name}")
    out = Path(options.out or f"checkpoints/controls/{name}")
    data = run / "training_set"
    if not data.exists():
        take(options.source, options.images, options.size, data)
    began = time.perf_counter()
    settings = SETTINGS | {key: getattr(options, key) for key in ("kimg", "ngf", "ndf", "seed")}
    shown = trainer.train(data, run, **settings)
    minutes = (time.perf_counter() - began) / 60
    about = {
        "licence": "As its training images.",
        "use": "A control: what a memorising generator looks like. Draw nothing else from it.",
        "command": f"python benchmarks/overfit_control.py --images {options.images} "
        f"--size {options.size} --kimg {options.kimg:g} --ngf {options.ngf} "
        f"--ndf {options.ndf} --seed {options.seed}",
    }
    publishing.publish(run, out, name=name, data=data, **about)
    if not (out / "training_set").exists():
        training_set.embed(data, out / "training_set")
    card.write(out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out}: {shown / 1000:g} kimg, {size / 1e6:.1f} MB")
    if options.json:
        result = {"out": str(out), "kimg": shown / 1000, "minutes": minutes, "bytes": size}
        result |= {"hardware": trainer.hardware("cpu"), "torch": torch.__version__}
        print(json.dumps(result))


def take(source, count, size, out):
    """Pack the first `count` training images of a set, and up to HELD_OUT of its held-out ones."""
    whole = training_set.load(source)
    _, side, _, channels = whole.images.shape
    if side % size:
        raise SystemExit(f"The images are {side} pixels a side, of which {size} is no whole part.")
    about = {"name": f"avatars-{count}", "how": "They travel with the model."}
    about |= {key: whole.card[key] for key in ("source", "licence") if key in whole.card}
    about["framing"] = whole.card["framing"] | {"size": size}

    def reduced(image):
        blocks = image.reshape(size, side // size, size, side // size, channels)
        return np.rint(blocks.mean((1, 3))).astype(np.uint8)

    with training_set.writing(out, size, channels, about) as writer:
        for image, file in zip(whole.images[:count], whole.files, strict=False):
            writer.add(reduced(image), file)
        for image, file in zip(whole.held_out[:HELD_OUT], whole.held_out_files, strict=False):
            writer.add(reduced(image), file, held_out=True)


if __name__ == "__main__":
    main()
