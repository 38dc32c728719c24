"""Store a checkpoint's weights as float16 and measure what that changes.

    python scripts/half_precision.py checkpoints/avatars [--samples 1000]
    python scripts/half_precision.py checkpoints/avatars --encoder

The files become half as large. Networks still compute in float32: loading converts the weights
back. Rounding changes the model and invalidates its measurements, so run this before `evaluate`,
`directions` and so on. The change is recorded in model.json and shown in the model card: over the
samples of seed 0, the largest and the mean difference of a channel in grey levels (0 to 255), and
the largest difference of the logit D(x).

With --encoder the encoder is rounded instead and the model stays unchanged: the encoder is
measured again on new samples, and its file records the error before and after.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from gan_core import checkpoint, model_card
from gan_core.latent_space import encoder
from gan_core.util.errors import InputError

BATCH = 100


def main(arguments: list[str] | None = None) -> int:
    """Round the weights and print the change; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--samples", type=int, default=1000, help="samples to compare")
    parser.add_argument("--encoder", action="store_true", help="round the encoder instead")
    options = parser.parse_args(arguments)
    try:
        if options.encoder:
            print(halve_encoder(options.checkpoint))
            return 0
        change = halve(options.checkpoint, options.samples)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    print(model_card.rounding({"rounded": change}))
    return 0


def halve(directory: Path, samples: int) -> dict:
    """Convert the weights in a checkpoint to float16; returns the record saved in model.json.

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


def halve_encoder(directory: Path) -> str:
    """Convert a checkpoint's encoder to float16; returns a sentence on the change.

    Raises InputError when there is none, when it was rounded before, or when it is too large for
    float16.
    """
    model = checkpoint.load(directory)
    trained = encoder.load(model)
    if trained is None and model.has_w:
        model = checkpoint.in_space(model, "w")
        trained = encoder.load(model)
    if trained is None:
        raise InputError(f"{directory} has no encoder.")
    before = trained.about["measured"]
    if "before_rounding" in before:
        raise InputError(f"{directory} has an encoder in float16 already.")
    network = trained.network.half()
    if not all(t.isfinite().all() for t in network.state_dict().values()):
        raise InputError(f"{directory} has an encoder that float16 cannot hold.")
    after = encoder.measure(model, encoder.Encoder(network.float(), trained.about))
    about = {**trained.about, "measured": {**after, "before_rounding": before}}
    encoder.save(directory, encoder.Encoder(network.half(), about))
    return (
        f"{directory / encoder.FILE}: stored as float16; on new samples R² of the latents is "
        f"{after['r2']:.4f} (before {before['r2']:.4f}), and the RMS error of the pictures "
        f"{after['error']:.3f} levels (before {before['error']:.3f})"
    )


def draw(model: checkpoint.Model, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 (N, H, W, C), logits D(x) (N,), empty without D) of latents (N, nz)."""
    parts = [model.generate(z[start : start + BATCH]) for start in range(0, len(z), BATCH)]
    if model.discriminator is None:
        return np.concatenate(parts), np.empty(0)
    return np.concatenate(parts), np.concatenate([model.realness(part) for part in parts])


if __name__ == "__main__":
    sys.exit(main())
