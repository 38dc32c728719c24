"""Record which pictures the shipped models draw: python tests/record_samples.py [NAME ...]

For each model in checkpoints/ tests/data/samples/NAME.png holds every second row and column of the
samples of seeds 0 to 15, and samples.json holds the hash of the weights and the sha256 of all
pixels. tests/test_samples.py compares them with what is drawn now. Record a model again only when
its weights have been trained again. `--check` compares the sha256, which is equal on one CPU with
one version of PyTorch, and writes nothing.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

import gan_core
from gan_core.data import media

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "data" / "samples"
COLUMNS = 4


def samples(name: str) -> tuple[gan_core.Model, np.ndarray]:
    """A shipped model and its pictures of seeds 0 to 15, uint8 (16, H, W, C)."""
    model = gan_core.load(ROOT / "checkpoints" / name)
    return model, model.generate(model.prior.sample(COLUMNS**2, seed=0))


def thinned(images: np.ndarray) -> np.ndarray:
    """Every second row and column of 16 pictures, as one sheet of 4 × 4."""
    return media.sheet(images[:, ::2, ::2], COLUMNS)


def names() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("checkpoints/*/model.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="models (default: all in checkpoints)")
    parser.add_argument("--check", action="store_true", help="compare the sha256; write nothing")
    options = parser.parse_args()
    path = FOLDER / "samples.json"
    record = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in options.names or names():
        model, images = samples(name)
        entry = {"weights": model.hash, "sha256": hashlib.sha256(images.tobytes()).hexdigest()}
        if options.check:
            print(f"{name}: {'equal' if record.get(name) == entry else 'different'}")
            continue
        FOLDER.mkdir(parents=True, exist_ok=True)
        media.picture(thinned(images)).save(FOLDER / f"{name}.png", optimize=True)
        record[name] = entry
        path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        print(f"{name}: {entry['sha256']}")


if __name__ == "__main__":
    main()
