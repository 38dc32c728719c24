"""The original GAN on digits, 28×28, grey (Goodfellow et al. 2014): two multilayer perceptrons.

As in the authors' settings (goodfeli/adversarial, mnist.yaml): z of 100 normal coordinates, 100
images per step, one step of D for each of G, the non-saturating loss, maxout and dropout in D, no
augmentation and no batch norm.

Different from theirs: half their widths, so that the weights stay small; Adam in place of SGD with
momentum; R1 (Mescheder et al. 2018) on every fourth step of D; learning rates that fall to 0; and
an average of G. Without R1, all samples were the same blurred digit after 155 kimg; with it they
were digits of all ten classes after 200. A run in bf16 collapsed. See docs/original-gan.md.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "architecture": "mlp",
        "augment": "none",
        "nz": 100,
        "ngf": 600,
        "ndf": 120,
        "k": 1,
        "batch": 100,
        "precision": "fp32",
        "lr_g": 1e-3,
        "lr_d": 1e-3,
        "r1": 0.3,
        "penalty_every": 4,
        "cooldown": 0.5,
        "kimg": 600.0,
    }
