"""Training sets, networks, training, checkpoints, the latent space, search and metrics.

>>> import gan_core
>>> model = gan_core.load("checkpoints/avatars")
>>> z = model.prior.sample(64, seed=0)  # float32 (64, nz), the same on every machine
>>> images = model.generate(z)  # uint8 (64, H, W, C)
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Before anything imports onnxruntime, which otherwise reports each import and each session to its
# maker and keeps a database of that in the user's cache. Child processes inherit the setting.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from gan_core.checkpoint import Model, load
    from gan_core.data.training_set import TrainingSet
    from gan_core.latent import Prior
    from gan_core.search.pixel_index import PixelIndex
    from gan_core.util.errors import InputError

__version__ = "0.2.0"
__all__ = ["InputError", "Model", "PixelIndex", "Prior", "TrainingSet", "load"]

_HOMES = {
    "InputError": "gan_core.util.errors",
    "Model": "gan_core.checkpoint",
    "PixelIndex": "gan_core.search.pixel_index",
    "Prior": "gan_core.latent",
    "TrainingSet": "gan_core.data.training_set",
    "load": "gan_core.checkpoint",
}


def __getattr__(name: str) -> Any:
    """The public names, imported at their first use.

    PyTorch takes seconds and gigabytes of address space. The start of the command line and of the
    app must be able to say in a sentence that these are not there.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
