"""What recognition makes of a set of tensors, and what a person may decide about it."""

from dataclasses import dataclass, field

import torch

from gan_core.util.errors import InputError

ACTIVATIONS = ("relu", "leaky", "leaky-0.01", "elu")  # leaky: LeakyReLU with a slope of 0.2
OUTPUTS = ("tanh", "sigmoid")


class SizeUnknown(InputError):
    """The tensors fit images of several sizes. sizes: these, in pixels, ascending."""

    def __init__(self, sentence: str, sizes: list[int]) -> None:
        super().__init__(sentence)
        self.sizes = sizes


@dataclass(frozen=True)
class Choices:
    """What a person decides because the tensors do not tell it; 0 and "" leave it to the file.

    size: of the images, in pixels. activation: of ACTIVATIONS. output: of OUTPUTS. prior: "normal"
    or "uniform".
    """

    size: int = 0
    activation: str = ""
    output: str = ""
    prior: str = ""


@dataclass
class Player:
    """A generator or a discriminator that was recognised.

    words: the layout. sizes: the description of its architecture without that of its opponent.
    weights: its state dict under this project's names. prefix: of the names in the file. listed:
    the same network as a list of layers, for an opponent that is described so; None where it is of
    another kind. possible: all sizes of images that the tensors fit. prior, activation, output:
    what was decided, "" where nothing was. dead: whether its batch norms never saw a batch. notes:
    sentences on what was assumed. doubts: sentences on what does not fit.
    """

    words: str
    sizes: dict
    weights: dict[str, torch.Tensor]
    prefix: str = ""
    listed: "Player | None" = None
    possible: list[int] = field(default_factory=list)
    prior: str = ""
    activation: str = ""
    output: str = ""
    dead: bool = False
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def name_in_file(self, name: str) -> str:
        """The name that a tensor of this project has in the file, without the prefix."""
        for ours, theirs in self.names.items():
            if name.startswith(ours):
                return theirs + name.removeprefix(ours)
        return name
