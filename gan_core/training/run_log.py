"""What a run tells while it goes on: log.jsonl and, where TensorBoard is there, its event files."""

import json
import threading

from gan_core.util import atomic_files, regular_files
from gan_core.util.errors import InputError

MAX_BYTES = 64 * 2**20  # of a log that is read: some 200,000 lines


class Log:
    """log.jsonl: one JSON object a line. Lines after the resumed position are taken back."""

    def __init__(self, path, position):
        self.path = path
        self.take_back(position)

    def take_back(self, position):
        """Drop the lines after a position, in images."""
        kept = [line for line in read_log(self.path) if round(line["kimg"] * 1000) <= position]
        with atomic_files.replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")

    def line(self, position, **values):
        """Append one line: kimg, and what is given, numbers rounded to 5 places."""
        line = {"kimg": position / 1000}
        for key, value in values.items():
            line[key] = round(value, 5) if isinstance(value, float) else value
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path):
    """The lines of a log as dictionaries, less those that a kill cut in half."""
    lines = []
    if not path.exists():
        return lines
    content = regular_files.read_bytes(path, MAX_BYTES, path.parent)
    for text in content.decode("utf-8", "replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("kimg"), int | float):
            lines.append(line)
    return lines


class Board:
    """TensorBoard: scalars, fixed-noise grids, histograms of D's outputs; x is in images shown."""

    def __init__(self, folder, position):
        from torch.utils.tensorboard import SummaryWriter

        # What an earlier stretch wrote after its last snapshot is hidden by the new one.
        self.writer = SummaryWriter(folder, purge_step=position + 1)
        # Its own thread writes. What ends that thread, a full disk say, is raised by the next call
        # here, so it need not be told twice, and not with a traceback.
        self.before = threading.excepthook
        threading.excepthook = self.ended

    def scalars(self, position, values):
        for name, value in values.items():
            self.writer.add_scalar(name, value, position)

    def grid(self, position, sheet):
        """sheet: uint8 (H, W, C)."""
        self.writer.add_image("samples", sheet, position, dataformats="HWC")

    def histograms(self, position, **outputs):
        """outputs: one float tensor (N,) a name."""
        for name, values in outputs.items():
            self.writer.add_histogram(f"D/{name}", values, position)

    def ended(self, what):
        if not isinstance(what.exc_value, OSError):
            self.before(what)

    def close(self):
        self.writer.close()
        threading.excepthook = self.before


def board(folder, position):
    """A Board, or InputError when TensorBoard is not installed."""
    try:
        return Board(folder, position)
    except ImportError:
        raise InputError("--tensorboard needs the package: pip install tensorboard.") from None
