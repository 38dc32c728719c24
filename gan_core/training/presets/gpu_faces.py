"""Photographs of faces in ten minutes of a large GPU: the style-based family.

After StyleGAN2-ADA's automatic configuration (Karras et al. 2020, arXiv 2006.06676): lazy R1 with
γ = 0.0002 · size² / batch on every sixteenth step, Adam without the first moment, an average whose
half-life is ten thousand images for every 32 of a batch, and augmentation as strong as keeps D from
learning the images by heart. Learning rates fall along a cosine, so that a run with a time box ends
with small ones. Widths are such that each network stays below 16 MiB in a file.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    batch = 64
    colour = ",mild_colour" if channels == 3 else ""
    ngf, ndf = (40, 32) if size <= 64 else (32, 24)
    return {
        "architecture": "style",
        "nz": 128,
        "ngf": ngf,
        "ndf": ndf,
        "batch": batch,
        "r1": 0.0002 * size**2 / batch,
        "penalty_every": 16,
        "lr_g": 0.0025,
        "lr_d": 0.0025,
        "beta1": 0.0,
        "beta2": 0.99,
        "lr_final": 0.1,
        "ema_kimg": 10.0 * batch / 32,
        "augment": f"mirror,translation,scale,rotation{colour}",
        "augment_target": 0.6,
        "kimg": 2000.0,
        # A GPU shows a thousand images within a second: a line of the log waits for it.
        "log_kimg": 10.0,
        "measure_kimg": 50.0,
        "patience_kimg": 0.0,  # what is there when the time is over is published
    }
