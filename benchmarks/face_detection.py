"""In how many samples does a face detector that nobody here trained see a face?

    python -m venv detector
    detector/bin/pip install mediapipe==0.10.21
    python benchmarks/face_detection.py checkpoints/faces --data data/faces --python PYTHON

Compares held-out photographs with samples at their own size, n of each, and prints the share in
which a face is found with a score above 0.5, with its 95 % Wilson interval. Because that is nearly
always so, a stricter threshold is used too: the score that nine of ten photographs exceed. The
detector is BlazeFace for short range (Bazarevsky et al. 2019, arXiv 1907.05047) from mediapipe.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from gan_core import checkpoint
from gan_core.metrics import intervals

SCORES = Path(__file__).with_name("face_scores.py")
THRESHOLD = 0.5
STRICT = 0.1  # share of the photographs that a stricter threshold leaves out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", help="checkpoint directories, of one training set")
    parser.add_argument("--data", default="", help="packed training set, if it does not travel")
    parser.add_argument("--python", required=True, help="Python that has mediapipe 0.10.21")
    parser.add_argument("--n", type=int, default=400, help="pictures of each kind")
    parser.add_argument("--psi", type=float, default=1.0, help="truncation ψ of the samples")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    models = [checkpoint.load(path) for path in options.models]
    photographs = np.asarray(checkpoint.find_images(models[0], options.data).held_out)
    pictures = {"held-out photographs": photographs[: options.n]}
    for path, model in zip(options.models, models, strict=True):
        pictures[path] = model.generate(model.prior.sample(options.n, seed=0) * options.psi)
    found = {name: scores(options.python, images) for name, images in pictures.items()}
    strict = float(np.quantile(found["held-out photographs"], STRICT))
    result = {"n": options.n, "psi": options.psi, "strict": strict}
    for name, values in found.items():
        row = [intervals.wilson(values > limit) for limit in (THRESHOLD, strict)]
        result[name] = row
        words = (f"{share:.1%} ({low:.1%} to {high:.1%})" for share, low, high in row)
        print(f"{name}: above 0.5 {next(words)}, above {strict:.3f} {next(words)}")
    if options.json:
        print(json.dumps(result))


def scores(python, images):
    """The best face score of each picture, float (N,); images uint8 (N, H, W, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures.npy"
        np.save(file, images)
        child = subprocess.run(
            [python, SCORES, file], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return np.array(json.loads(child.stdout))


if __name__ == "__main__":
    main()
