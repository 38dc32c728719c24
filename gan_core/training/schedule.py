"""What comes when in a run: the order of the data, periodic jobs, step sizes, and when to stop."""

import signal
import sys
import threading

import numpy as np
import torch


class Order:
    """The order of the data: each epoch is a permutation that follows from the seed and its number.

    Nothing but the position needs saving. Indices run on across the end of an epoch.
    """

    def __init__(self, n, seed, position=0, device="cpu"):
        self.n, self.seed, self.position, self.device = n, seed, position, device
        self.epoch, self.permutation = None, None

    def take(self, count):
        """The next `count` indices, int64 (count,)."""
        taken = []
        while count:
            epoch, offset = divmod(self.position, self.n)
            if epoch != self.epoch:
                stream = np.random.RandomState([self.seed, epoch])
                permutation = torch.from_numpy(stream.permutation(self.n))
                self.epoch, self.permutation = epoch, permutation.to(self.device)
            part = self.permutation[offset : offset + count]
            taken.append(part)
            self.position += len(part)
            count -= len(part)
        return torch.cat(taken)


class Due:
    """Tells which of several periodic jobs are due; periods in kimg, 0 being never."""

    def __init__(self, position, **kimg):
        self.periods = {name: int(period * 1000) for name, period in kimg.items() if period}
        self.periods = {name: max(1, period) for name, period in self.periods.items()}
        self.reset(position)

    def reset(self, position):
        self.done = {name: position // period for name, period in self.periods.items()}

    def __call__(self, position):
        now = [n for n, period in self.periods.items() if position // period > self.done[n]]
        for name in now:
            self.done[name] = position // self.periods[name]
        return now


def warm(position, warmup_kimg):
    """What G's step size is multiplied with at first: from 0 linearly to 1."""
    return min(1.0, position / (warmup_kimg * 1000)) if warmup_kimg else 1.0


def cool(position, total, cooldown):
    """What Adam's step sizes are multiplied with: 1, then linearly to 0 over the last share."""
    if not cooldown:
        return 1.0
    return min(1.0, (total - position) / (cooldown * total))


def set_step(adam, size):
    for group in adam.param_groups:
        group["lr"] = size


class Stop:
    """Ctrl-C or a polite kill, noticed between two steps; a second one ends the run at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self):
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # only it may handle signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.ask)
        return self

    def ask(self, number, frame):
        self.asked = True
        print("\nStopping after this step; once more stops at once.", file=sys.stderr)
        self.__exit__()

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)
