"""Does the compact realism reference rank pictures as the full one does, and what ranks where?

    python benchmarks/realism.py checkpoints/avatars [--data SET] [--n 1000] [--sweep] [--json]

Scores held-out images, samples (ψ = 1), samples at smaller ψ and pictures that are broken on
purpose against all training images in all features, as in the paper, and against the compact
reference as `python -m gan_core seeds` makes it. Prints Spearman's rank correlation of the two,
over all pictures and within each kind, and of each kind the mean realism with its 95 % interval and
the mean level of its pixels, 0 to 255. --sweep tries other sizes of the reference.
"""

import argparse
import json

import numpy as np
from scipy.stats import spearmanr

from gan_core import checkpoint, feature_extractors, latent
from gan_core.metrics import realism

PSIS = (0.0, 0.5, 0.7, 0.8, 0.9)
SEED = 100_000  # far from the seeds of the table
SIZES = ((4000, 64), (4000, 96), (4000, 128), (6000, 64), (10_000, 32), (10_000, 48))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="checkpoint directory")
    parser.add_argument("--data", default="", help="packed training set, if it does not travel")
    parser.add_argument("--n", type=int, default=1000, help="pictures of each kind")
    parser.add_argument("--sweep", action="store_true", help="try other sizes of the reference")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    model = checkpoint.load(options.model)
    data = checkpoint.find_images(model, options.data)
    network = feature_extractors.effnet()
    # In the order of the reference, whose features are cached by `python -m gan_core seeds`.
    order = realism.chosen(len(data.images))
    rest = np.setdiff1d(np.arange(len(data.images)), order)
    parts = {"reference": order, "other training images": rest}
    real = np.concatenate(
        [realism.features_of(network, data.images[rows], name) for name, rows in parts.items()]
    )
    kinds, levels = {}, {}
    for name, images in pictures(model, np.asarray(data.held_out), options.n):
        kinds[name] = realism.features_of(network, images, name)
        levels[name] = float(images.mean())
    full = {name: realism.full(real, features) for name, features in kinds.items()}
    reference = realism.make(real[: len(order)])
    result = {"model": model.hash, "n": options.n, "bytes": size(reference)}
    result |= compare(full, {name: reference.score(f) for name, f in kinds.items()})
    for name, level in levels.items():
        result["kinds"][name]["level"] = level
    print(f"{options.model}: reference of {result['bytes'] / 1e3:.0f} kB")
    print(f"Spearman, all pictures: {result['spearman']:.3f}")
    for name, row in result["kinds"].items():
        low, high = row["interval"]
        print(
            f"  {name:<14} {row['n']:>5}  mean {row['mean']:.3f} ({low:.3f} to {high:.3f})"
            f"  full {row['full']:.3f}  Spearman {row['spearman']:.3f}  level {row['level']:.0f}"
        )
    if options.sweep:
        result["sweep"] = []
        for images, dimensions in SIZES:
            few = realism.chosen(len(real), images)
            other = realism.make(real[few], dimensions=dimensions)
            row = compare(full, {name: other.score(f) for name, f in kinds.items()})
            within = row["kinds"]["samples"]["spearman"]
            result["sweep"].append(
                {"images": images, "dimensions": dimensions, "bytes": size(other)}
                | {"spearman": row["spearman"], "spearman_samples": within}
            )
            print(
                f"{images} images, {dimensions} components, {size(other) / 1e3:.0f} kB: Spearman "
                f"{row['spearman']:.3f}, within samples {within:.3f}"
            )
    if options.json:
        print(json.dumps(result))


def pictures(model, held_out, n):
    """(name, images uint8 (n, H, W, C)) of every kind."""
    stream = np.random.RandomState(0)
    held_out = held_out[:n]
    yield "held-out", held_out
    z = model.prior.sample(n, SEED)
    yield "samples", model.generate(z)
    for psi in PSIS:
        few = z[:1] if psi == 0 else z  # at 0 all are one
        yield f"psi {psi:g}", model.generate(latent.truncate(few, psi))
    yield "noise", stream.randint(0, 256, (min(n, 200), *held_out.shape[1:])).astype(np.uint8)
    glued = held_out.copy()
    half = glued.shape[2] // 2
    glued[:, :, half:] = held_out[stream.permutation(len(held_out)), :, half:]
    yield "halves glued", glued
    quarters = [np.s_[:half, :half], np.s_[:half, half:], np.s_[half:, :half], np.s_[half:, half:]]
    shuffled = held_out.copy()
    for to, source in zip(quarters, quarters[::-1], strict=True):
        shuffled[(slice(None), *to)] = held_out[(slice(None), *source)]
    yield "quarters moved", shuffled


def compare(full, compact):
    """Spearman over all pictures and within each kind, and mean realism."""
    whole = [np.concatenate(list(scores.values())) for scores in (full, compact)]
    kinds = {}
    for name, scores in compact.items():
        margin = 1.96 * scores.std() / np.sqrt(len(scores))
        kinds[name] = {
            "n": len(scores),
            "mean": float(scores.mean()),
            "interval": [float(scores.mean() - margin), float(scores.mean() + margin)],
            "full": float(full[name].mean()),
            "spearman": rank_correlation(full[name], scores),
        }
    return {"spearman": rank_correlation(*whole), "kinds": kinds}


def rank_correlation(a, b):
    return float(spearmanr(a, b).statistic) if len(a) > 1 else 1.0


def size(reference):
    names = ("mean", "basis", "centres", "rests", "radii")
    return sum(getattr(reference, name).size * 2 for name in names)


if __name__ == "__main__":
    main()
