"""The real images of a run: their order, and their distribution over processes."""

import numpy as np
import torch

from gan_core import checkpoint
from gan_core.training.distributed import Team


class Order:
    """The order of the data: each epoch is a permutation that follows from the seed and its number.

    n: number of training images. position: images shown so far; it is all that a resumed run needs
    to know. A batch may reach across the end of an epoch.
    """

    def __init__(self, n: int, seed: int, position: int = 0, device: torch.device | str = "cpu"):
        self.n, self.seed, self.position, self.device = n, seed, position, device
        self.epoch: int | None = None
        self.permutation = torch.empty(0, dtype=torch.int64)

    def take(self, count: int) -> torch.Tensor:
        """The next `count` indices, int64 (count,)."""
        parts = []
        while count:
            epoch, offset = divmod(self.position, self.n)
            if epoch != self.epoch:
                stream = np.random.RandomState([self.seed, epoch])
                permutation = torch.from_numpy(stream.permutation(self.n))
                self.epoch, self.permutation = epoch, permutation.to(self.device)
            part = self.permutation[offset : offset + count]
            parts.append(part)
            self.position += len(part)
            count -= len(part)
        return torch.cat(parts)


class Batches:
    """Batches of training images, all of which are on the device.

    images: uint8 (N, H, W, C). batch: images per step over all processes.
    """

    def __init__(self, images: np.ndarray, batch: int, seed: int, team: Team):
        self.pixels = torch.tensor(np.asarray(images), device=team.device)
        self.order = Order(len(self.pixels), seed, device=team.device)
        self.batch, self.team = batch, team
        self.layout = torch.contiguous_format

    @property
    def position(self) -> int:
        """Images shown to D so far, over all processes; may be set to resume elsewhere."""
        return self.order.position

    @position.setter
    def position(self, position: int) -> None:
        self.order.position = position

    def first(self) -> torch.Tensor:
        """The first images of the set, float (batch, C, H, W): for timing, not for training."""
        return checkpoint.to_float(self.pixels[: self.batch])

    def take(self) -> torch.Tensor:
        """The indices of this process's share of the next batch, int64 (n,)."""
        return self.team.share(self.order.take(self.batch))

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Training images by index, float (n, C, H, W) in [−1, 1]."""
        return checkpoint.to_float(self.pixels[indices]).contiguous(memory_format=self.layout)
