"""What is true: latents, networks, objectives, trainer, checkpoints and training sets.

>>> import gan_core
>>> model = gan_core.load("checkpoints/avatars")
>>> z = model.prior.sample(64, seed=0)  # float32 (64, nz), the same on every machine
>>> images = model.generate(z)  # uint8 (64, H, W, C)
"""

import os

# Before anything imports onnxruntime, which otherwise reports each import and each session to its
# maker and keeps a database of that in the user's cache. Child processes inherit the setting.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from gan_core.checkpoint import Model, load
from gan_core.data.training_set import TrainingSet
from gan_core.latent import Prior
from gan_core.search.pixel_index import PixelIndex
from gan_core.util.errors import InputError

__version__ = "0.2.0"
__all__ = ["InputError", "Model", "PixelIndex", "Prior", "TrainingSet", "load"]
