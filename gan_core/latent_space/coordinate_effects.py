"""How much each coordinate of z changes the picture."""

import numpy as np

from gan_core.checkpoint import Model


def effects(model: Model, n: int = 8, step: float = 1.0, seed: int = 0) -> np.ndarray:
    """The mean change of a picture when one coordinate of its latent changes, float64 (nz,).

    For n samples from the prior and each coordinate i: the root mean square, over pixels and
    channels, of G(z + step·eᵢ) − G(z), in units of the 256 levels of a picture; then the mean over
    the samples. It is a finite difference of the size that people make with a slider, not a
    derivative, because people see the change of a whole step. n: from 1 up. step: in units of the
    latent. It generates n · (nz + 1) pictures.
    """
    total = np.zeros(model.prior.size)
    for z in model.prior.sample(n, seed):
        moved = z + step * np.eye(model.prior.size, dtype=np.float32)
        images = model.synthesize(np.concatenate([z[None], moved]))
        change = (images[1:] - images[0]) * 127.5
        total += np.sqrt(np.square(change, dtype=np.float64).mean(axis=(1, 2, 3)))
    return total / n
