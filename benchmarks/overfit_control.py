"""The guilty control: a generator that deliberately repeats its 200 training images.

    python benchmarks/overfit_control.py [--images 200 --size 64 --epochs 1000] [--json]
    python benchmarks/overfit_control.py --discriminator checkpoints/avatars-tied

A memorisation report on an ordinary model means little without a report on a model that does repeat
its images. A GAN memorises late or never, so this is not a GAN: it is a DCGAN generator without a
discriminator, trained directly to draw given images.

The latent space is divided into cells, a grid of LEVELS equally likely steps along each of NZ
coordinates. Each cell is assigned an image, with similar images in neighbouring cells: they are
sorted along their principal components. The first layer is set by hand: each of its units detects
one edge along one coordinate, by two steep ramps whose difference jumps from 0 to 1. So all latents
of a cell give the same picture, except for about one in a hundred that is on a ramp. The other
layers learn the picture of each cell by least squares on pixels. Along a path through this latent
space, one image jumps to the next: the sharp transitions that Radford et al. (2016, section 6.1)
call a sign of memorisation.

The script writes a checkpoint that contains its training images and held-out avatars; this takes
some minutes on one core. Repeated after an interruption, it resumes. The control has no
discriminator of its own; another checkpoint's can be added, so that distances in D's features can
be measured. Then

    python -m gan_core memorisation checkpoints/controls/overfitted-200
"""

import argparse
import itertools
import json
import math
import time
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import trange

from gan_core import checkpoint
from gan_core.data import media, training_set
from gan_core.networks import registry
from gan_core.training import ema, snapshot
from gan_core.util import atomic_files, hardware

HELD_OUT = 1000
NZ = 4
STEEPNESS = 400.0  # a ramp rises from 0 to 1 over 1/400 of a standard deviation of z
BATCH = 16
RATE = 2e-3  # Adam's learning rate, which falls to 0 along a cosine
WARMUP = 0.03  # fraction of the steps over which it rises first
FROZEN = 0.3  # last fraction of the epochs, with batch-norm statistics of all cells
SNAPSHOT = 10  # epochs between snapshots
PAIRS = 32  # samples shown beside their nearest training image

README = """# {name}

![{pairs} samples, each beside its nearest training image](samples.png)

Seeds 0 to {last}, unselected, each with its nearest training image to its right.

A control for the memorisation report: a generator that repeats its training images. It is not a
GAN, but a DCGAN generator trained without a discriminator. Its first layer was set by hand to
divide the latent space into {cells} cells; the other layers were fitted by least squares on pixels
to draw one of {count} training images in each. Use it for nothing else.{discriminator}

| | |
|---|---|
| Architecture | {architecture}, {size} × {size} × {channels}, nz {nz}, ngf {ngf} |
| Training set | the first {count} training images of {source} |
| Held out, never trained on | {held_out:,} images |
| Epochs | {epochs} |
| Error of a cell's picture | {rms:.1f} grey levels, root mean square |
| Time | {minutes:.1f} minutes of one core on {hardware} (PyTorch {torch}) |
| Licence | {licence} |

Made with

```
{command}
```
"""

LENT = """

The discriminator in this checkpoint is that of {of}, which never saw this generator. It is included
only for distances in D's features; its D(x) says nothing about this control."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=200, help="training images")
    parser.add_argument("--size", type=int, default=64, help="side in pixels, 64 or a part of it")
    parser.add_argument("--ngf", type=int, default=48, help="channels of G before its last layer")
    parser.add_argument("--epochs", type=int, default=1000, help="times each cell is shown")
    parser.add_argument(
        "--discriminator", default="", help="checkpoint whose discriminator is added"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", default="checkpoints/avatars-tied/training_set")
    parser.add_argument("--run", default="", help="default: runs/overfitted-IMAGES-SIZEpx")
    parser.add_argument("--out", default="", help="default: checkpoints/controls/overfitted-IMAGES")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    out = Path(options.out or f"checkpoints/controls/overfitted-{options.images}")
    run = Path(options.run or f"runs/overfitted-{options.images}-{options.size}px")
    run.mkdir(parents=True, exist_ok=True)
    # The last bits depend on the number of threads; one is enough for so small a network.
    torch.set_num_threads(1)
    judge, lent = borrow(options.discriminator, options.size)
    with atomic_files.new_directory(out) as directory:
        packed = directory / "packed"
        take(options.source, options.images, options.size, packed)
        training_set.embed(packed, directory / "training_set")
        data = training_set.load(packed)
        generator, architecture, result = overfit(data.images, options, run)
        card = describe(out.name, architecture | lent, data.card, options, result)
        checkpoint.save(directory, generator, judge, card)
        write_readme(directory, data)
        for file in packed.iterdir():
            file.unlink()
        packed.rmdir()
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    result |= {"out": str(out), "bytes": size}
    print(
        f"{out}: {result['rms']:.2f} grey levels off, {60 * result['hours']:.1f} minutes, "
        f"{size / 1e6:.1f} MB"
    )
    if options.json:
        result |= {"hardware": hardware.describe("cpu"), "torch": torch.__version__}
        print(json.dumps(result))


def borrow(directory, size):
    """The discriminator of a checkpoint and its part of the architecture; (None, {}) without one.

    Exits with a sentence unless it is a DCGAN discriminator for images of this size.
    """
    if not directory:
        return None, {}
    model = checkpoint.load(directory)
    architecture = model.card["architecture"]
    if model.discriminator is None or model.size != size:
        raise SystemExit(f"{directory} has no discriminator for images of {size} pixels.")
    lent = {key: architecture[key] for key in ("ndf", "norm") if key in architecture}
    channels = architecture["channels"]
    _, judge = registry.build(
        {"name": "dcgan", "size": size, "channels": channels, "nz": NZ, "ngf": 1, **lent}
    )
    if {k: v.shape for k, v in judge.state_dict().items()} != {
        k: v.shape for k, v in model.discriminator.state_dict().items()
    }:
        raise SystemExit(f"The discriminator of {directory} is not that of a DCGAN.")
    judge.load_state_dict(model.discriminator.state_dict())
    return judge, lent


def take(source, count, size, out):
    """Pack the first `count` training images of a set, and up to HELD_OUT of its held-out ones.

    A held-out image that equals one of these training images by chance is left out.
    """
    whole = training_set.load(source)
    _, side, _, channels = whole.images.shape
    if side % size:
        raise SystemExit(f"The images have sides of {side} pixels, not a multiple of {size}.")
    about = {"name": f"avatars-{count}", "how": "They come with the model."}
    about |= {key: whole.card[key] for key in ("source", "licence") if key in whole.card}
    about["framing"] = whole.card["framing"] | {"size": size}

    def reduced(image):
        blocks = image.reshape(size, side // size, size, side // size, channels)
        return np.rint(blocks.mean((1, 3))).astype(np.uint8)

    with training_set.writing(out, size, channels, about) as writer:
        shown = set()
        for image, file in zip(whole.images[:count], whole.files, strict=False):
            image = reduced(image)
            shown.add(image.tobytes())
            writer.add(image, file)
        for image, file in zip(whole.held_out[:HELD_OUT], whole.held_out_files, strict=False):
            image = reduced(image)
            if image.tobytes() not in shown:
                writer.add(image, file, held_out=True)


def overfit(images, options, run):
    """A DCGAN generator that draws one of the images in each cell of its latent space.

    images: uint8 (N, H, W, C). run: directory for snapshots. Returns the generator in eval mode,
    its architecture, and {cells: how many, rms: the root mean square error of their pictures in
    grey levels, hours: of processor time}.
    """
    torch.manual_seed(options.seed)
    count, size, _, channels = images.shape
    levels = next(n for n in range(2, count + 2) if n**NZ >= count)
    architecture = {"name": "dcgan", "size": size, "channels": channels, "nz": NZ}
    architecture |= {"ngf": options.ngf}
    generator, _ = registry.build(architecture)
    cut_into_cells(generator, levels)

    centres = torch.tensor([quantile((i + 0.5) / levels) for i in range(levels)])
    cells = torch.cartesian_prod(*[centres] * NZ)
    which = torch.tensor(sort_into_cells(images, levels))
    wanted = checkpoint.to_float(torch.tensor(np.asarray(images)))[which]
    with torch.no_grad():
        ramps = generator.layers[:3].eval()(cells[:, :, None, None])
    jumps = ramps[:, ::2] - ramps[:, 1::2]
    settings = {key: getattr(options, key) for key in ("images", "size", "ngf", "epochs", "seed")}
    rest, seconds = fit(generator, jumps, wanted, settings, run / "state.safetensors")
    with torch.no_grad():  # the second layer itself takes the difference of each pair of ramps
        generator.layers[3].weight[:, :] = rest[0].weight.repeat_interleave(2, 0)
        generator.layers[3].weight[1::2] *= -1
        generator.eval()
        error = generator(cells) - wanted
    rms = 127.5 * error.square().mean().sqrt().item()
    result = {"cells": len(cells), "rms": rms, "hours": seconds / 3600}
    return generator, architecture, result


def quantile(share):
    """The quantile of a normal distribution for this share."""
    return NormalDist().inv_cdf(share)


@torch.no_grad()
def cut_into_cells(generator, levels):
    """Set the first layer: every two channels form a jump from 0 to 1 at an edge of a coordinate.

    The coordinate and the sign of the jump are random at each position of the first map, so that
    the positions differ.
    """
    conv, norm = generator.layers[:2]
    nz, width, *map_size = conv.weight.shape
    coordinate = torch.randint(nz, (width // 2, *map_size))
    sign = 2.0 * torch.randint(2, coordinate.shape) - 1
    weight = sign * functional.one_hot(coordinate, nz).movedim(-1, 0)
    conv.weight.copy_(weight.repeat_interleave(2, 1))
    edges = torch.tensor([quantile(i / levels) for i in range(1, levels)])
    edge = edges[torch.randint(len(edges), (width // 2,))]
    norm.weight.fill_(STEEPNESS)  # its statistics stay at mean 0 and variance 1
    norm.bias[::2], norm.bias[1::2] = 0.5 - STEEPNESS * edge, -0.5 - STEEPNESS * edge


def sort_into_cells(images, levels):
    """The index of each cell's image, a list of levels^NZ; the last coordinate varies fastest.

    All images are sorted along their first principal component and divided into `levels` parts,
    each part along the second component, and so on. If there are fewer images than cells, some
    images have several.
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    scores = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[0]

    def sort(ids, depth):
        if depth == NZ:
            return [int(ids[0])]
        ids = ids[scores[ids, depth].argsort()]
        starts = [i * len(ids) // levels for i in range(levels + 1)]
        parts = [ids[a : max(b, a + 1)] for a, b in itertools.pairwise(starts)]
        return [cell for part in parts for cell in sort(part, depth + 1)]

    return sort(np.arange(len(images)), 0)


def fit(generator, jumps, wanted, settings, path):
    """Train the layers after the first to draw the wanted pictures, or resume from a snapshot.

    jumps: float (cells, width / 2, H, W), 0 or 1. path: of the snapshot. Returns the layers, whose
    first convolution is of half as many channels as the generator's own, with batch-norm statistics
    of all cells, and the seconds of processor time.
    """
    first = generator.layers[3]
    half = nn.ConvTranspose2d(jumps.shape[1], first.out_channels, 4, 2, 1, bias=False)
    nn.init.normal_(half.weight, 0.0, 0.02)
    rest = nn.Sequential(half, *generator.layers[4:]).to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(rest.parameters(), lr=RATE, betas=(0.9, 0.99), fused=True)
    order = torch.Generator().manual_seed(settings["seed"])
    parts, begun, spent = {"rest": rest, "adam": adam}, 0, 0.0
    if path.exists():
        begun, record = snapshot.restore(path, parts, order, settings, {})
        spent = record["seconds"]
    epochs, batches = settings["epochs"], math.ceil(len(jumps) / BATCH)
    frozen, steps, since = round((1 - FROZEN) * epochs), epochs * batches, time.process_time()
    bar = trange(begun, epochs, desc="Overfitting", initial=begun, total=epochs)
    for epoch in bar:
        if epoch == frozen:
            ema.reestimate_batch_norm(rest, [jumps])
        rest.train(epoch < frozen)
        losses = []
        for i, part in enumerate(torch.randperm(len(jumps), generator=order).split(BATCH)):
            done = (epoch * batches + i + 1) / steps
            rate = RATE * min(1, done / WARMUP) * (1 + math.cos(math.pi * done)) / 2
            adam.param_groups[0]["lr"] = rate
            loss = functional.mse_loss(rest(jumps[part]), wanted[part])
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item())
        bar.set_postfix_str(f"{127.5 * np.sqrt(np.mean(losses)):.1f} grey levels off")
        if (epoch + 1) % SNAPSHOT == 0 or epoch + 1 == epochs:
            record = {"seconds": spent + time.process_time() - since}
            snapshot.save(path, parts, order, settings, epoch + 1, record)
    return rest, snapshot.read(path)[1]["record"]["seconds"]


def describe(name, architecture, data_card, options, result):
    """The contents of model.json without format and files."""
    lent = f" --discriminator {options.discriminator}" if options.discriminator else ""
    return {
        "name": name,
        "architecture": architecture,
        "prior": {"kind": "normal", "size": architecture["nz"]},
        "objective": "least squares on pixels, one training image per cell of z; not a GAN",
        "training": {
            "command": f"python benchmarks/overfit_control.py --images {options.images} --size "
            f"{options.size} --ngf {options.ngf} --epochs {options.epochs} --seed {options.seed}"
            f"{lent}",
            "discriminator_of": options.discriminator,
            "epochs": options.epochs,
            "batch": BATCH,
            "lr_g": RATE,
            "seed": options.seed,
            **result,
            "hardware": hardware.describe("cpu"),
            "torch": torch.__version__,
        },
        "metrics": {},
        "licence": f"As its training images: {data_card.get('licence') or 'not known'}",
        "use": "A control: what a memorising generator looks like. Use it for nothing else.",
        "training_set": {key: value for key, value in data_card.items() if key != "format"},
    }


def write_readme(directory, data):
    """Draw samples beside their nearest training images, and write the card."""
    model = checkpoint.load(directory)
    samples = model.generate(model.prior.sample(PAIRS, seed=0))
    gaps = samples[:, None].astype(np.int32) - data.images
    nearest = (gaps**2).sum((2, 3, 4)).argmin(1)
    pairs = np.stack([samples, data.images[nearest]], 1).reshape(-1, *samples.shape[1:])
    media.save(directory / "samples.png", media.encode(media.sheet(pairs, 8)))
    training, sizes = model.card["training"], model.card["architecture"]
    text = README.format(
        name=model.name,
        pairs=PAIRS,
        last=PAIRS - 1,
        cells=training["cells"],
        count=len(data.images),
        held_out=len(data.held_out),
        architecture=sizes["name"].upper(),
        source=data.card["source"],
        minutes=60 * training["hours"],
        discriminator=LENT.format(of=training["discriminator_of"])
        if model.discriminator is not None
        else "",
        licence=model.card["licence"],
        **{key: sizes[key] for key in ("size", "channels", "nz", "ngf")},
        **{key: training[key] for key in ("epochs", "rms", "hardware", "torch", "command")},
    )
    media.save(directory / "README.md", text.encode())


if __name__ == "__main__":
    main()
