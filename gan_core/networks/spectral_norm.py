"""Spectral normalisation of a discriminator (Miyato et al. 2018, arXiv 1802.05957)."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def normalise_spectrum(network: nn.Module) -> nn.Module:
    """Divide the weight of each Conv2d and Linear layer by its largest singular value, in place.

    The singular value is estimated by power iteration, one step per forward pass in train mode.
    Returns the network.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            spectral_norm(module)
    return network
