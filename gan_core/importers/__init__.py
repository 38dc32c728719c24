"""Weights that were trained elsewhere, made into checkpoints of this project.

    safe_load            reads tensors from a file without running anything in it
    state_dict_layouts   recognises the network they belong to, by names and shapes
    onnx_import          ONNX generators, examined by running them in a separate process
    import_checkpoint    all of it: a file -> Found -> a checkpoint directory with a card

docs/your-own-weights.md lists what is accepted.
"""

from gan_core.importers.import_checkpoint import Found, read, save, sheet
from gan_core.importers.state_dict_layouts import Unrecognised

__all__ = ["Found", "Unrecognised", "read", "save", "sheet"]
