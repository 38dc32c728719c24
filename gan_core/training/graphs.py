"""Work on a CUDA device recorded once as a graph and replayed, which starts all kernels at once.

A round of small networks on small images is hundreds of short kernels, and starting them one by one
takes longer than running them. A graph repeats the kernels on the same memory, so everything that
changes from call to call must be a tensor on the device: inputs are copied, and learning rates,
Adam's counts and the random stream's position are tensors too. The recipe is that of PyTorch's
notes on CUDA graphs (whole-network capture).
"""

import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import torch

from gan_core.training.config import TrainingConfig
from gan_core.training.distributed import Team

WARM = 3  # calls of each kind before it is recorded: libraries choose algorithms in the first ones


def wanted(config: TrainingConfig, device: torch.device) -> bool:
    """Whether a run uses graphs at all."""
    return config.graphs == "auto" and device.type == "cuda" and not config.compile


def usable(config: TrainingConfig, team: Team) -> bool:
    """Whether a run's rounds can be recorded: in one process, with what a graph can repeat.

    Adam's beta2 is a number within the kernels, so it must be constant; tied attributes move
    indices to the device in each step.
    """
    fixed = not (config.beta2_initial or config.codes_from)
    return wanted(config, team.device) and team.size == 1 and fixed


class Replayed:
    """A function whose work is recorded in its fourth call of each kind and replayed from then on.

    function: (inputs, kind) -> outputs, where inputs is a list of tensors on the device and outputs
    are tensors in any nesting. It must not wait for the device, and what it keeps between calls
    must be tensors changed in place. kind: calls of one kind do the same work. rng: the source of
    all its random numbers. Outputs are overwritten by the next call of the same kind.
    """

    def __init__(self, function: Callable[..., Any], rng: torch.Generator):
        self.function, self.rng = function, rng
        self.stream = torch.cuda.Stream(rng.device)
        self.failed = False
        self.forget()

    def forget(self) -> None:
        """Record anew, because tensors that the function changes were replaced by others."""
        self.calls: Counter[Hashable] = Counter()
        self.recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}

    def __call__(self, inputs: list[torch.Tensor], kind: Hashable) -> Any:
        if kind not in self.recorded:
            self.calls[kind] += 1
            if self.failed or self.calls[kind] <= WARM or not self.record(inputs, kind):
                return self.run(inputs, kind)
        graph, held, outputs = self.recorded[kind]
        for place, tensor in zip(held, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return outputs

    def run(self, inputs: list[torch.Tensor], kind: Hashable) -> Any:
        """Call the function, on the stream on which it is recorded later."""
        usual = torch.cuda.current_stream()
        self.stream.wait_stream(usual)
        with torch.cuda.stream(self.stream):
            outputs = self.function(inputs, kind)
        usual.wait_stream(self.stream)
        return outputs

    def record(self, inputs: list[torch.Tensor], kind: Hashable) -> bool:
        """Record a call without running it; False, with a warning, if that is impossible."""
        held = [tensor.clone() for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        # PyTorch records the device's own generator too, and both stay unusable after a failure.
        generators = [self.rng, torch.cuda.default_generators[self.stream.device_index]]
        before = [generator.clone_state() for generator in generators]
        graph.register_generator_state(self.rng)
        try:
            # Only this thread's calls matter: a progress bar's thread does nothing here.
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                outputs = self.function(held, kind)
        except RuntimeError as error:
            self.failed = True
            self.recorded.clear()
            for generator, state in zip(generators, before, strict=True):
                generator.graphsafe_set_state(state)
            reason = str(error).partition("\n")[0]
            warnings.warn(f"Training steps are not replayed as CUDA graphs: {reason}", stacklevel=2)
            return False
        self.recorded[kind] = graph, held, outputs
        return True
