"""A person's own pictures: the fewer there are, the more augmentation and the narrower G and D.

Few pictures are learned by heart; DiffAugment's measurements (Zhao et al. 2020, figure 1) put the
point where colour and cutout begin to help at some thousands. Length follows from how often each
picture is seen: beyond some hundred times only memorising is left. From there on D is the faces',
without batch norm and kept in bounds by a weak R1, which was ahead of it on 9,500 photographs.
"""

from gan_core.training.presets import faces

GAME = ("norm", "r1", "penalty_every", "lr_g", "lr_d", "beta1", "beta2", "batch", "cooldown")


def options(count, size, channels):
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
        augment = augment.replace(",colour", "")  # saturation has no meaning in gray
    return game | {"augment": augment, "ngf": width, "ndf": width, "kimg": kimg}
