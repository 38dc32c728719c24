"""Architecture families, one file each, found by name.

A family's module offers `Generator` and `Discriminator`, built from the same keyword sizes,
`SIZES`, the image sizes it can draw, `NORMS`, what may normalise its discriminator, the first
being the usual one, and `weights`, how many weights both have.
"""

from gan_core.errors import InputError
from gan_core.networks import dcgan, residual, resize

FAMILIES = {"dcgan": dcgan, "residual": residual, "resize": resize}
MAX_WEIGHTS = 500_000_000  # of both networks; 2 GB


def parameters(network):
    """How many parameters a network has."""
    return sum(p.numel() for p in network.parameters())


def build(architecture):
    """(generator, discriminator), freshly initialised, from an architecture's description.

    architecture: {"name": "dcgan", "size": 64, "channels": 3, "nz": 100, "ngf": 64, "ndf": 64},
    and "norm", the normalisation in D, where it is not the family's usual one.
    Raises InputError for an unknown family or sizes it cannot draw.
    """
    sizes = dict(architecture)
    name = sizes.pop("name", None)
    if not isinstance(name, str) or name not in FAMILIES:
        raise InputError(f"There is no architecture {name!r}; there are: {', '.join(FAMILIES)}.")
    family = FAMILIES[name]
    norm = sizes.pop("norm", family.NORMS[0])
    if norm not in family.NORMS:
        raise InputError(
            f"The discriminator of {name} has a norm of {' or '.join(family.NORMS)}, not {norm!r}."
        )
    if set(sizes) != {"size", "channels", "nz", "ngf", "ndf"}:
        raise InputError(
            f"The architecture {name} is described by size, channels, nz, ngf and ndf, "
            f"not by {', '.join(sizes) or 'nothing'}."
        )
    for key, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65536:
            raise InputError(f"The architecture's {key} is {value!r}; it must be from 1 to 65536.")
    if sizes["size"] not in family.SIZES:
        raise InputError(
            f"{name} draws images of {', '.join(map(str, family.SIZES))} pixels a side, "
            f"not {sizes['size']}; pack the training set at one of these sizes."
        )
    if sizes["channels"] not in (1, 3):
        raise InputError(f"Images have 1 or 3 channels, not {sizes['channels']}.")
    count = family.weights(**sizes)  # counted before any memory is taken
    if count > MAX_WEIGHTS:
        raise InputError(
            f"The architecture has {count // 10**6:,} million weights; "
            f"at most {MAX_WEIGHTS // 10**6:,} million can be built."
        )
    return (
        family.Generator(sizes["size"], sizes["channels"], sizes["nz"], sizes["ngf"]),
        family.Discriminator(sizes["size"], sizes["channels"], sizes["ndf"], norm),
    )
