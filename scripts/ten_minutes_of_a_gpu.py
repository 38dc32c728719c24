"""Make use of ten minutes on a GPU with one command: measure, pack, train, publish.

    python scripts/ten_minutes_of_a_gpu.py data/faces --out collected
    python scripts/ten_minutes_of_a_gpu.py data/faces --out collected --images ZIP --crop 0.7865

First the throughput is measured, for at most a minute. If `data` does not exist yet, --images is
packed. Then a run with a time box trains and publishes. --out receives everything worth saving: the
checkpoint without its training set, the log, the sample grids and the printed output. The state of
the run and of its optimisers stays in --runs, where the same command resumes the run. Files above
16 MiB are not collected; the last lines list them, and the exit status is then 1.

Options after -- go to `python -m gan_core train`:

    … --out collected -- --begin-from checkpoints/faces-gpu --ndf 24
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 16 * 2**20  # bytes of a collected file
THROUGHPUT = "--steps 200 --blocks 3 --images 1024 --workers 8"
THROUGHPUT_SECONDS = 60


def main(arguments: list[str] | None = None) -> int:
    """Run all steps; returns the exit status of training, or 1 if a file is too large."""
    options, more = parse(sys.argv[1:] if arguments is None else arguments)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if options.throughput:
        benchmark = [ROOT / "benchmarks" / "train_throughput.py", "--json"]
        words = [*benchmark, "--device", options.device, *shlex.split(options.throughput)]
        run(words, out / "throughput.txt", THROUGHPUT_SECONDS)
    if not (Path(options.data) / "set.json").exists() and options.images:
        status = run(packing(options), out / "packing.txt")
        if status:
            return status
    status = run(training(options, more), out / "training.txt")
    large = collect(options, out)
    for file in large:
        print(f"{file} is larger than {LIMIT // 2**20} MiB and was not collected")
    return status or (1 if large else 0)


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """(options of this script, options of the training after --)."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", help="directory of the packed training set")
    parser.add_argument("--out", required=True, help="folder for the collected files")
    parser.add_argument("--name", default="faces-gpu", help="name of the model")
    parser.add_argument("--preset", default="gpu-faces", help="preset of the training")
    parser.add_argument("--minutes", type=float, default=8, help="time box; 0: by --kimg after --")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--images", default="", help="folder or zip to pack if data is missing")
    parser.add_argument("--size", type=int, default=64, help="with --images: side, pixels")
    parser.add_argument("--crop", type=float, default=1.0, help="with --images: see pack --crop")
    parser.add_argument("--held-out", default="500", help="with --images: see pack --held-out")
    parser.add_argument("--runs", default="runs", help="folder of the run and its checkpoint")
    parser.add_argument(
        "--throughput",
        default=THROUGHPUT,
        help="options of benchmarks/train_throughput.py; an empty string skips it",
    )
    return parser.parse_args(arguments[:place]), arguments[place + 1 :]


def packing(options: argparse.Namespace) -> list:
    """The command that packs the pictures."""
    words = ["-m", "gan_core", "pack", options.images, options.data, "--size", options.size]
    return [*words, "--crop", options.crop, "--held-out", options.held_out]


def training(options: argparse.Namespace, more: list[str]) -> list:
    """The command that trains and publishes."""
    words = ["-m", "gan_core", "train", options.data, "--name", options.name]
    words += ["--preset", options.preset, "--device", options.device]
    words += ["--runs", options.runs, "--checkpoints", checkpoints(options)]
    return words + (["--minutes", options.minutes] if options.minutes else []) + more


def checkpoints(options: argparse.Namespace) -> Path:
    """The folder that the checkpoint is written into."""
    return Path(options.runs) / "checkpoints"


def run(words: list, log: Path, seconds: float | None = None) -> int:
    """Run Python with these arguments, write its output to a file and print the end of it.

    seconds: the time limit, after which it is killed. Interrupts end it gracefully, so that
    training saves a snapshot. Returns the exit status.
    """
    words = [sys.executable, *map(str, words)]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    environment["TQDM_MININTERVAL"] = "10"
    print("$ " + shlex.join(words), flush=True)
    with open(log, "w", encoding="utf-8") as file:
        child = subprocess.Popen(words, env=environment, stdout=file, stderr=subprocess.STDOUT)
        signal.signal(signal.SIGTERM, lambda *about: child.terminate())
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            print(f"Stopped after {seconds:g} seconds.")
            status = 124
        except KeyboardInterrupt:
            status = child.wait()  # Ctrl-C has also reached the child
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print(log.read_text("utf-8").replace("\r", "\n")[-2000:], flush=True)
    return status


def collect(options: argparse.Namespace, out: Path) -> list[Path]:
    """Copy what is worth keeping; returns the files that were too large."""
    run, model = Path(options.runs) / options.name, checkpoints(options) / options.name
    files = {path: Path(options.name) / path.name for path in sorted(model.glob("*"))}
    files |= {path: Path("samples") / path.name for path in sorted(run.glob("samples/*.png"))}
    files[run / "log.jsonl"] = Path("log.jsonl")
    large = []
    for source, place in files.items():
        if not source.is_file():  # the training set of a checkpoint, or a file that does not exist
            continue
        if source.stat().st_size > LIMIT:
            large.append(source)
            continue
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, out / place)
    return large


if __name__ == "__main__":
    sys.exit(main())
