"""The records of a run: log.jsonl and, optionally, TensorBoard's event files."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_core.training import schedule
from gan_core.training.distributed import Team
from gan_core.util import atomic_files, json_values, regular_files
from gan_core.util.errors import InputError

MAX_BYTES = 64 * 2**20  # of a log that is read: some 200,000 lines


class Log:
    """log.jsonl: one JSON object per line. Lines after the resumed position are dropped.

    board: a Board that shows each line's numbers too; None until one is set.
    """

    def __init__(self, path: Path, position: int):
        self.path = path
        self.board: Board | None = None
        self.drop_after(position)

    def drop_after(self, position: int) -> None:
        """Drop the lines after a position, in images."""
        lines = [line for line in read_log(self.path) if round(line["kimg"] * 1000) <= position]
        with atomic_files.replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")

    def write(self, position: int, **values: float) -> None:
        """Append one line: kimg, and the values, numbers rounded to 5 places."""
        line: dict[str, Any] = {"kimg": position / 1000}
        for key, value in values.items():
            line[key] = round(value, 5) if isinstance(value, float) else value
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.board:
            self.board.scalars(position, values)


def read_log(path: Path) -> list[dict]:
    """The lines of a log, without those that a kill cut in half."""
    lines: list[dict] = []
    if not path.exists():
        return lines
    content = regular_files.read_bytes(path, MAX_BYTES, path.parent)
    for text in content.decode("utf-8", "replace").splitlines():
        try:
            line = json.loads(text)
            json_values.check(line)
        except (ValueError, RecursionError):
            continue
        # Other values may be NaN: a log must be able to show a loss that became NaN.
        if json_values.misfit(line, {"kimg": json_values.NUMBER}) == "":
            lines.append(line)
    return lines


class Meter:
    """Means of a run's statistics, and its speed, from one line of the log to the next.

    names: what is averaged, M statistics. Sums stay on the device: reading one would wait for it.
    """

    def __init__(self, names: tuple[str, ...], position: int, device: torch.device):
        self.names = names
        self.sums, self.count = torch.zeros(len(names), device=device), 0
        self.clock, self.position = schedule.now(), position

    def add(self, statistics: torch.Tensor) -> None:
        """Add the statistics of one round, float (M,)."""
        self.sums += statistics
        self.count += 1

    def read(self, position: int, team: Team) -> tuple[dict[str, float], float]:
        """(means by name, images per second) since the last call; starts over."""
        seconds = schedule.now() - self.clock
        self.clock += seconds
        team.average([self.sums])
        means = dict(zip(self.names, (self.sums / self.count).tolist(), strict=True))
        rate = (position - self.position) / seconds
        self.reset(position)
        return means, rate

    def reset(self, position: int) -> None:
        """Start over at a position; the time since the last call still counts."""
        self.sums.zero_()
        self.count, self.position = 0, position


class Board:
    """TensorBoard: scalars, fixed-noise grids, histograms of D's outputs; x is in images shown."""

    def __init__(self, folder: Path, position: int):
        from torch.utils.tensorboard import SummaryWriter

        # Events that an earlier process wrote after its last snapshot are hidden by the new ones.
        self.writer = SummaryWriter(folder, purge_step=position + 1)
        # The writer has a thread of its own. An error that ends the thread, such as a full disk, is
        # raised again by the next call here, so the thread's own traceback is not printed.
        self.before = threading.excepthook
        threading.excepthook = self.on_error

    def scalars(self, position: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, position)

    def grid(self, position: int, sheet: np.ndarray) -> None:
        """sheet: uint8 (H, W, C)."""
        self.writer.add_image("samples", sheet, position, dataformats="HWC")

    def histograms(self, position: int, **outputs: torch.Tensor) -> None:
        """outputs: float (N,), by name."""
        for name, values in outputs.items():
            self.writer.add_histogram(f"D/{name}", values, position)

    def on_error(self, error: threading.ExceptHookArgs) -> None:
        """Print a thread's traceback, unless the disk was full."""
        if not isinstance(error.exc_value, OSError):
            self.before(error)

    def close(self) -> None:
        self.writer.close()
        threading.excepthook = self.before


def open_board(folder: Path, position: int) -> Board:
    """A Board, or InputError when TensorBoard is not installed."""
    try:
        return Board(folder, position)
    except ImportError:
        raise InputError("--tensorboard needs the package: pip install tensorboard.") from None
