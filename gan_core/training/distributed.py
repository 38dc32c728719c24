"""One run on several processes, started by torchrun; with a single process nothing here has effect.

Every process holds the whole state, takes its share of each batch, and averages gradients with the
others before each step, so that all stay equal. DistributedDataParallel is not used, because it
does not work with `torch.autograd.grad` (its documentation says so), which every gradient penalty
needs. Only process 0 writes.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from gan_core.util.errors import InputError


class Team:
    """This process among the others.

    rank: number of this process, from 0. size: number of processes. device: the torch device that
    this process works on.
    """

    def __init__(self, device: str):
        self.rank, self.size = rank(), size()
        self.device = torch.device(device)
        self.joined = False
        if self.size > 1:
            if device == "cuda":
                self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
                torch.cuda.set_device(self.device)
            if not dist.is_initialized():
                dist.init_process_group("nccl" if device == "cuda" else "gloo")
                self.joined = True

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return leads()

    def share(self, batch: torch.Tensor) -> torch.Tensor:
        """This process's slice of a whole batch, along its first axis."""
        if self.size == 1:
            return batch
        n = len(batch) // self.size
        return batch[self.rank * n : (self.rank + 1) * n]

    def average(self, tensors: Iterable[torch.Tensor | None]) -> None:
        """Replace each tensor by its mean over the processes; None is skipped."""
        given = [t for t in tensors if t is not None]
        if self.size == 1 or not given:
            return
        flat = torch.cat([t.reshape(-1) for t in given])  # one message for all tensors
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(given, flat.split([t.numel() for t in given]), strict=True):
            tensor.copy_(part.view(tensor.shape))

    def average_gradients(self, network: nn.Module) -> None:
        """Average a network's gradients over the processes."""
        self.average([weight.grad for weight in network.parameters()])

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(flags)
        return bool(flags > 0)

    def broadcast(self, value: Any) -> Any:
        """Process 0's value, in every process."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def wait(self) -> None:
        """Wait until all processes get here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """End the group of processes, if this run began it."""
        if self.joined:
            dist.destroy_process_group()


def rank() -> int:
    """This process's number, as set by torchrun; 0 for a single process."""
    return int(os.environ.get("RANK", 0))


def size() -> int:
    """The number of processes, as set by torchrun; 1 for a single process."""
    return int(os.environ.get("WORLD_SIZE", 1))


def leads() -> bool:
    """Whether this process is the one that writes."""
    return rank() == 0


class Draws:
    """Random numbers that do not depend on how many processes share the batch.

    Every process draws for the whole batch from the same stream, and takes its own share.
    """

    def __init__(self, rng: torch.Generator, team: Team | None = None):
        self.rng, self.team = rng, team

    def _draw(
        self, function: Callable[..., torch.Tensor], n: int, shape: tuple[int, ...]
    ) -> torch.Tensor:
        size = self.team.size if self.team else 1
        drawn = function((n * size, *shape), generator=self.rng, device=self.rng.device)
        return self.team.share(drawn) if self.team else drawn

    def normal(self, n: int, *shape: int) -> torch.Tensor:
        """N(0, 1), float32 (n, …)."""
        return self._draw(torch.randn, n, shape)

    def uniform(self, n: int, *shape: int) -> torch.Tensor:
        """U[0, 1), float32 (n, …)."""
        return self._draw(torch.rand, n, shape)

    def integers(self, stop: int, n: int, *shape: int) -> torch.Tensor:
        """Whole numbers from 0 to below stop, int64 (n, …)."""

        def function(size: tuple[int, ...], **options: Any) -> torch.Tensor:
            return torch.randint(0, stop, size, **options)

        return self._draw(function, n, shape)


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, on any device.

    (PyTorch's SyncBatchNorm does the same on CUDA only.)
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor
    momentum: float

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        dtype, x = x.dtype, x.float()  # under autocast it comes as bf16
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean = Sum.apply(x.sum((0, 2, 3))) / count
        centred = x - mean[None, :, None, None]
        variance = Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        out = centred * scale[None, :, None, None] + self.bias[None, :, None, None]
        return out.to(dtype)


def share_batch_norm(network: nn.Module, team: Team) -> None:
    """Make a network's batch norms work on the whole batch; its state dict keeps its names."""
    if team.size > 1:
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = SharedBatchNorm2d


def check_batch(batch: int, processes: int) -> None:
    """Raise InputError when a batch cannot be shared evenly among the processes."""
    if batch % processes:
        raise InputError(f"batch is {batch}; it must be a multiple of the {processes} processes.")
