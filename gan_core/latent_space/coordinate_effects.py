"""How much each coordinate of z moves the picture."""

import numpy as np


def effects(model, n=8, step=1.0, seed=0):
    """The mean change of a picture when one coordinate of its latent moves, float64 (nz,).

    For n samples from the prior and each coordinate i: the root mean square, over pixels and
    channels, of G(z + step·eᵢ) − G(z), in units of the 256 levels of a picture; then the mean over
    the samples. A finite difference, as large as a hand on a slider makes it, and not a
    derivative: what a person sees is the change of a whole step. n: int from 1. step: in units of
    the latent. It draws n · (nz + 1) pictures.
    """
    total = np.zeros(model.prior.size)
    for z in model.prior.sample(n, seed):
        moved = z + step * np.eye(model.prior.size, dtype=np.float32)
        images = model.synthesize(np.concatenate([z[None], moved]))
        change = (images[1:] - images[0]) * 127.5
        total += np.sqrt(np.square(change, dtype=np.float64).mean(axis=(1, 2, 3)))
    return total / n
