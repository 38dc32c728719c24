"""A person's own pictures: the fewer there are, the more augmentation and the narrower G and D.

Few pictures are learned by heart; DiffAugment's measurements (Zhao et al. 2020, figure 1) put the
point where colour and cutout begin to help at some thousands. Length follows from how often each
picture is seen: beyond some hundred times only memorising is left.
"""


def options(count, size, channels):
    if count < 3_000:
        augment, width, kimg = "mirror,translation,cutout,colour", 32, 500.0
    elif count < 30_000:
        augment, width, kimg = "mirror,translation", 48, 1500.0
    else:
        augment, width, kimg = "mirror,translation", 64, 3000.0
    if channels == 1:
        augment = augment.replace(",colour", "")  # saturation has no meaning in gray
    return {"augment": augment, "ngf": width, "ndf": width, "kimg": kimg}
