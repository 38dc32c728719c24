"""Store a checkpoint's weights as float16 and measure what that changes.

    python scripts/half_precision.py checkpoints/avatars [--samples 1000]

The files become half as large. Networks are still computed in float32: loading widens the weights
again. The model becomes another one for every measurement, so this comes before `evaluate`,
`directions` and the like. What changed is written into model.json and shown in the model card: over
the samples of seed 0, the largest and the mean difference of a channel in grey levels (0 to 255),
and the largest difference of the logit D(x).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from gan_core import checkpoint, model_card
from gan_core.util.errors import InputError

BATCH = 100


def main(arguments: list[str] | None = None) -> int:
    """Round the weights and print what that changed; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--samples", type=int, default=1000, help="samples to compare")
    options = parser.parse_args(arguments)
    try:
        change = halve(options.checkpoint, options.samples)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    print(model_card.rounding({"rounded": change}))
    return 0


def halve(directory: Path, samples: int) -> dict:
    """Replace the weights in a checkpoint by float16; returns the record kept in model.json.

    Raises InputError when the checkpoint cannot be read, was rounded before, or is too large for
    float16 (weights above 65,504).
    """
    before = checkpoint.load(directory)
    if "rounded" in before.card["training"]:
        raise InputError(f"{directory} holds float16 already.")
    z = before.prior.sample(samples, seed=0)
    images, realness = draw(before, z)
    card = {key: value for key, value in before.card.items() if key not in ("format", "files")}
    networks = before.generator.half(), before.discriminator and before.discriminator.half()
    if not all(t.isfinite().all() for n in networks if n for t in n.state_dict().values()):
        raise InputError(f"{directory} has weights above 65,504, which float16 cannot hold.")
    checkpoint.save(directory, *networks, card)
    rounded_images, rounded_realness = draw(checkpoint.load(directory), z)
    difference = np.abs(rounded_images.astype(int) - images)
    change = {
        "dtype": "float16",
        "samples": samples,
        "largest": int(difference.max()),
        "mean": float(difference.mean()),
        "realness": float(np.abs(rounded_realness - realness).max()) if len(realness) else None,
    }
    card["training"] = {**card["training"], "rounded": change}
    checkpoint.save(directory, *networks, card)
    model_card.write(directory)
    return change


def draw(model: checkpoint.Model, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 (N, H, W, C), logits D(x) (N,), empty without D) of latents (N, nz)."""
    parts = [model.generate(z[start : start + BATCH]) for start in range(0, len(z), BATCH)]
    if model.discriminator is None:
        return np.concatenate(parts), np.empty(0)
    return np.concatenate(parts), np.concatenate([model.realness(part) for part in parts])


if __name__ == "__main__":
    sys.exit(main())
