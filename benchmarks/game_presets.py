"""How often each preset of the page The game shows what its sentences say.

    python benchmarks/game_presets.py [--presets first,k] [--seeds 10] [--json]

Each preset is played in torch on seeds 0, 1, … for as many steps as it names, and measured at every
twentieth part of them. What counts as shown:

first        at least 7 of 8 modes at the end, and a Jensen–Shannon divergence below 0.25
saturation   minimax: G's samples have moved less than 0.05 since a tenth of the steps, and arrows
             are below 0.01 at the end; non-saturating: samples have moved more than 0.5 from the
             start
k            k = 1: at most 3 modes at the end; k = 5: more modes, and a smaller divergence
collapse     slow D: at most 3 modes at the end; fast D: more modes, and a smaller divergence
optimal      mean |D − D*| has fallen below 0.1, and below half of what it was before D learned
wasserstein  while the divergence is above 95 % of log 2, the critic's distance has fallen by 30 %
             of its largest value
"""

import argparse
import json
import math

import numpy as np
import torch

from gan_core.game import measures, presets, step
from gan_core.game.step import Game

PARTS = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--presets", default=",".join(presets.PRESETS), help="comma-separated")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0, 1, …")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for name in arguments.presets.split(","):
        rows = [shown(name, seed) for seed in range(arguments.seeds)]
        results[name] = {"shown": sum(row["shown"] for row in rows), "seeds": rows}
        print(f"{name}: {results[name]['shown']} of {len(rows)}", flush=True)
        for seed, row in enumerate(rows):
            print(f"  seed {seed}: " + ", ".join(f"{key} {word(row[key])}" for key in row))
    if arguments.json:
        print(json.dumps(results))


def word(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def shown(name, seed):
    """{"shown": bool, numbers} of one preset on one seed."""
    preset = presets.get(name)
    return CHECKS[name](*(play(one, seed, preset.steps) for _, one in preset.boards))


def play(settings, seed, steps):
    """[{measures and losses, "arrows", "samples"}] at the start and at each part of the steps."""
    game = Game(settings, seed)
    density = measures.data_density(game)
    curve = []
    for part in range(PARTS + 1):
        while game.steps < steps * part // PARTS:
            step.step(game)
        row = measures.measure(game, density)._asdict()
        row |= {"distance": -game.loss_d, "arrows": arrows(game)}
        curve.append(row | {"samples": measures.samples(game, 256)})
    return curve


def arrows(game):
    """The mean length of −∇ of G's loss at a sample, as the page draws it."""
    n = game.settings.batch
    fake = game.generator(game.latents(4, game.steps, n)).detach().requires_grad_()
    objective = step.OBJECTIVES[game.settings.objective]
    real = game.discriminator(game.real(5, game.steps, n))[:, 0].detach()
    loss = objective.generator(real, game.discriminator(fake)[:, 0])
    (gradient,) = torch.autograd.grad(loss, fake)
    return n * gradient.norm(dim=1).mean().item()


def first(curve):
    end = curve[-1]
    return {"shown": end["modes"] >= 7 and end["js"] < 0.25, "modes": end["modes"], "js": end["js"]}


def saturation(minimax, other):
    still, moved = travelled(minimax, PARTS // 10), travelled(other, 0)
    arrow = minimax[-1]["arrows"]
    good = still < 0.05 and arrow < 0.01 and moved > 0.5
    return {"shown": good, "minimax moved": still, "arrows": arrow, "other moved": moved}


def travelled(curve, since):
    """How far samples have moved at most, on average, since a part of the steps."""
    start, rows = curve[since]["samples"], curve[since:]
    return max(float(np.linalg.norm(row["samples"] - start, axis=1).mean()) for row in rows)


def better(worse, cured):
    a, b = worse[-1], cured[-1]
    good = a["modes"] <= 3 and b["modes"] > a["modes"] and b["js"] < a["js"]
    return {
        "shown": good,
        "modes": f"{a['modes']} and {b['modes']}",
        "js": f"{a['js']:.2f} and {b['js']:.2f}",
    }


def optimal(curve):
    before, after = curve[0]["gap"], curve[-1]["gap"]
    return {"shown": after < min(0.1, before / 2), "before": before, "after": after}


def wasserstein(curve):
    flat = [row["js"] > 0.95 * math.log(2) for row in curve]
    flat = flat.index(False) if False in flat else len(flat)
    distances = [row["distance"] for row in curve[1:flat]]
    fallen = 1 - distances[-1] / max(distances) if distances else 0.0
    return {"shown": fallen >= 0.3, "fallen": fallen, "of the steps": flat / (PARTS + 1)}


CHECKS = {
    "first": first,
    "saturation": saturation,
    "k": better,
    "collapse": better,
    "optimal": optimal,
    "wasserstein": wasserstein,
}


if __name__ == "__main__":
    main()
