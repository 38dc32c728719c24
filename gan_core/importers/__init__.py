"""Weights that were trained elsewhere, made into checkpoints of this project.

    reading      tensors out of a file, without running anything in it
    layouts      which network they belong to, by names and shapes
    onnx_files   ONNX generators, by running them apart
    importing    all of it: a file -> Found -> a checkpoint directory with a card

What is taken is listed in the README under "Your own weights".
"""

from gan_core.importers.import_checkpoint import Found, read, save, sheet
from gan_core.importers.state_dict_layouts import Unrecognised

__all__ = ["Found", "Unrecognised", "read", "save", "sheet"]
