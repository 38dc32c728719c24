"""Your own pictures: the fewer there are, the more augmentation and the narrower G and D.

D memorises a small training set; in DiffAugment's measurements (Zhao et al. 2020, figure 1) colour
and cutout begin to help below some thousands of pictures. The length follows from how often each
picture is shown: beyond a few hundred times, training only memorises. From 3,000 pictures on, D is
as in the preset for faces, without batch norm and regularised by a weak R1, which was better than
batch norm on 9,500 photographs.
"""

from typing import Any

from gan_core.training.presets import faces

GAME = ("norm", "r1", "penalty_every", "lr_g", "lr_d", "beta1", "beta2", "batch", "cooldown")


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    game = {}
    if count < 3_000:
        augment, width, kimg = "mirror,translation,cutout,colour", 32, 500.0
    elif count < 30_000:
        augment, width, kimg = "mirror,translation", 48, 1500.0
    else:
        augment, width, kimg = "mirror,translation", 64, 3000.0
    if count >= 3_000:
        chosen = faces.options(count, size, channels)
        game = {name: chosen[name] for name in GAME}
    if channels == 1:
        augment = augment.replace(",colour", "")  # grey images have no saturation
    return game | {"augment": augment, "ngf": width, "ndf": width, "kimg": kimg}
