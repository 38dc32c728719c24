"""How far batch norm's statistics tell a generator's activation and prior, by which it is imported.

    python benchmarks/norm_statistics.py [--cases 40] [--trained SET]

Random generators of known activation and prior get statistics as training leaves them: averages
over many batches, or with a momentum of 0.1 over few. Each is then recognised as an import would,
and the table says how often the prior and the activation were right, wrong, or left in doubt, and
how large the gaps are that `gan_core.importers.layer_layout` compares with its thresholds. With
--trained, small DCGANs are trained on the pictures first, so that weights and statistics lag behind
one another as in real files.
"""

import argparse
import json

import numpy as np
import torch
from torch import nn

from gan_core.data import training_set
from gan_core.importers import layer_geometry, layer_layout, layer_reader, norm_statistics
from gan_core.importers.recognised import Choices

NZ = 100
# name -> (momentum, batches, latents in a batch) of the statistics
KEPT = {
    "average of 40 batches": (None, 40, 64),
    "momentum 0.1, 200 batches of 64": (0.1, 200, 64),
    "momentum 0.1, 200 batches of 16": (0.1, 200, 16),
    "momentum 0.1, 20 batches of 64": (0.1, 20, 64),
    "momentum 0.1, 5 batches of 64": (0.1, 5, 64),
    "momentum 0.1, 2 batches of 32": (0.1, 2, 32),
}


def generator(widths, activation, channels=3):
    """A DCGAN's generator with a map of 4 × 4 and len(widths) doublings."""
    layers, before = [], NZ
    for place, width in enumerate(widths):
        step = (1, 0) if place == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(before, width, 4, *step, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU() if activation == "relu" else nn.LeakyReLU(0.2))
        before = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(before, channels, 4, 2, 1), nn.Tanh())


def latents(prior, n):
    return torch.randn(n, NZ) if prior == "normal" else torch.rand(n, NZ) * 2 - 1


def random_weights(network):
    """Weights of the size and variety that training leaves."""
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.05)
            module.weight.data *= torch.rand(1, module.weight.shape[1], 1, 1) + 0.5
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.3)


@torch.no_grad()
def keep_statistics(network, prior, momentum, batches, size):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum
    network.train()
    for _ in range(batches):
        network(latents(prior, size)[:, :, None, None])
    network.eval()


def recognise(network, truth):
    """What an import decides, and the gaps under the right hypothesis."""
    activation, prior = truth
    links = layer_reader.generator_chain(layer_reader.read(network.state_dict()))
    options = [layer_geometry.options(links, place) for place in range(len(links))]
    decided = layer_layout.decide(links, options, Choices(), known=False, alive=True)
    share = norm_statistics.forgotten([link.norm for link in links if link.norm])[-1]
    share = 0.0 if network[1].momentum is None else share
    right = norm_statistics.walk(links, options, prior, activation, share)
    other = "leaky" if activation == "relu" else "relu"
    wrong = norm_statistics.walk(links, options, prior, other, share)
    in_doubt = any("distinguish ReLU" in one for one in decided.doubts)
    return {
        "prior": decided.prior == prior,
        "activation": None if in_doubt else decided.activation == activation,
        "steps": [one[0][1] for one in decided.steps] == [one[0] for one in options],
        "first": abs(right.gaps[0].ratio),
        "later": max(abs(one.ratio) for one in right.gaps[1:]),
        "wrong": max(abs(one.ratio) for one in wrong.gaps[1:]),
        "error": abs(norm_statistics.leaning(right, wrong)[0]),
        "doubts": sum("distinguish ReLU" not in one for one in decided.doubts),
    }


def trained(images, activation, prior, steps, seed, width=8):
    """A small DCGAN trained for some steps on pictures."""
    torch.manual_seed(seed)
    size = images.shape[2]
    network = generator([width * 2**i for i in reversed(range(size.bit_length() - 3))], activation)
    judge, before = [], 3
    for place in range(size.bit_length() - 3):
        judge += [nn.Conv2d(before, width * 2**place, 4, 2, 1), nn.LeakyReLU(0.2)]
        before = width * 2**place
    judge = nn.Sequential(*judge, nn.Conv2d(before, 1, 4), nn.Flatten(0))
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
    optimisers = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (network, judge)]
    soft = nn.functional.softplus
    for _ in range(steps):
        real = images[torch.randint(len(images), (64,))]
        fake = network(latents(prior, 64)[:, :, None, None])
        loss = soft(-judge(real)).mean() + soft(judge(fake.detach())).mean()
        optimisers[1].zero_grad()
        loss.backward()
        optimisers[1].step()
        optimisers[0].zero_grad()
        soft(-judge(fake)).mean().backward()
        optimisers[0].step()
    return network.eval()


def row(name, results):
    """One line of the table."""

    def share(key, value):
        return sum(one[key] is value for one in results) / len(results)

    def quantile(key, q):
        return float(np.quantile([one[key] for one in results], q))

    values = {
        "prior right": share("prior", True),
        "activation right": share("activation", True),
        "in doubt": share("activation", None),
        "wrong": share("activation", False),
        "strides right": share("steps", True),
        "other doubts": sum(one["doubts"] > 0 for one in results) / len(results),
        "first gap, most": quantile("first", 1.0),
        "later gaps, most": quantile("later", 1.0),
        "later gaps of the wrong activation, least": quantile("wrong", 0.0),
        "error of the position, most": quantile("error", 1.0),
    }
    print(
        f"| {name} | " + " | ".join(f"{value:.2f}" for value in values.values()) + " |", flush=True
    )
    return {"name": name, "n": len(results), **values}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=40, help="random generators per line")
    parser.add_argument("--trained", default="", help="packed training set, to train on first")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    rows = []
    print(
        "| statistics | prior right | activation right | in doubt | wrong | strides right | "
        "other doubts | first gap | later gaps | wrong activation's | error of position |"
    )
    print("|---" * 11 + "|")
    truths = [(a, p) for a in ("relu", "leaky") for p in ("normal", "uniform")]
    for name, (momentum, batches, size) in KEPT.items():
        results = []
        for case in range(options.cases):
            torch.manual_seed(case)
            ngf = (3, 4, 8)[case // 4 % 3]
            activation, prior = truths[case % 4]
            network = generator([ngf * 2**i for i in reversed(range(3 + case % 2))], activation)
            random_weights(network)
            keep_statistics(network, prior, momentum, batches, size)
            results.append(recognise(network, (activation, prior)))
        rows.append(row(name, results))
    if options.trained:
        pictures = training_set.load(options.trained).images[:2000]
        images = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
        images = nn.functional.interpolate(images, size=(32, 32), mode="area") / 127.5 - 1
        for truth in truths:
            for steps in (options.steps // 10, options.steps):
                results = [recognise(trained(images, *truth, steps, 0), truth)]
                rows.append(row(f"{steps} steps with {truth[0]}, {truth[1]} latents", results))
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
