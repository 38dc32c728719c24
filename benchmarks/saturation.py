"""Why G's loss is not the minimax one: the size of its gradient while D rejects its samples.

    python benchmarks/saturation.py checkpoints/avatars-tied/training_set [--json]

Goodfellow et al. 2014, section 3: early on D rejects samples with high confidence, and
log(1 − D(G(z))) saturates. Here G keeps its initial weights and only D is trained, so that D(G(z))
falls from ½ towards 0. At each stage the norm of the gradient with respect to G's weights is
measured on the same 256 latents, for E[log(1 − D(G(z)))] and for −E[log D(G(z))]. For a single
image the two differ by the factor D/(1 − D), which is their expected ratio.
"""

import argparse
import json

import numpy as np
import torch

from gan_core import checkpoint
from gan_core.data import training_set
from gan_core.networks import registry
from gan_core.training.losses import OBJECTIVES, binary_cross_entropy

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)  # steps of D at which gradients are measured
BATCH = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="packed training set")
    parser.add_argument("--width", type=int, default=24, help="ngf and ndf")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, images and noise")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    images = training_set.load(options.data).images
    _, size, _, channels = images.shape
    sizes = {"size": size, "channels": channels, "nz": 64}
    sizes |= {"ngf": options.width, "ndf": options.width}
    generator, discriminator = registry.build({"name": "dcgan", **sizes})
    adam = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))
    order = np.random.RandomState(options.seed)
    z = torch.randn(256, 64)
    rows = []
    print("| D steps | D(G(z)) | minimax | non-saturating | minimax / non-saturating |")
    print("|---|---|---|---|---|")
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            rows.append({"d_steps": step, **measure(generator, discriminator, z)})
            print("| {} | {:.2g} | {:.2g} | {:.2g} | {:.2g} |".format(*rows[-1].values()))
        x = checkpoint.to_float(torch.tensor(images[order.randint(len(images), size=BATCH)]))
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, 64))
        adam.zero_grad()
        binary_cross_entropy(discriminator(x), discriminator(fake)).backward()
        adam.step()
    if options.json:
        print(json.dumps({"width": options.width, "seed": options.seed, "rows": rows}))


def measure(generator, discriminator, z):
    """Mean D(G(z)), the gradient norm of both of G's losses, and their ratio."""
    outputs = discriminator(generator(z))
    norms = {}
    for name in ("minimax", "non-saturating"):
        loss = OBJECTIVES[name].generator(None, outputs)
        gradients = torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True)
        norms[name] = torch.stack([g.square().sum() for g in gradients]).sum().sqrt().item()
    ratio = norms["minimax"] / norms["non-saturating"]
    return {"d_of_g": outputs.sigmoid().mean().item(), **norms, "ratio": ratio}


if __name__ == "__main__":
    main()
