"""Weights that were trained elsewhere, made into checkpoints of this project.

    safe_load            reads tensors from a file without running anything in it
    file_kinds           names files that are not weights, with what to do
    fold_weights         folds spectral and weight norm into the weights
    state_dict_layouts   recognises the network they belong to, by names and shapes
    layer_layout         recognises networks of any names by the order and shapes of their layers
    norm_statistics      infers activation, strides and prior from batch norm's statistics
    onnx_import          ONNX generators, examined by running them in a separate process
    import_checkpoint    all of it: a file -> Imported -> a checkpoint directory with a card

docs/your-own-weights.md lists what is accepted.
"""

from gan_core.importers.import_checkpoint import Imported, read, save, sheet
from gan_core.importers.recognised import ACTIVATIONS, OUTPUTS, SizeUnknown
from gan_core.importers.state_dict_layouts import Unrecognised

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "Imported",
    "SizeUnknown",
    "Unrecognised",
    "read",
    "save",
    "sheet",
]
