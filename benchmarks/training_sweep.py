"""A small sweep: which training options come closest to the faces in the same number of images.

    python benchmarks/training_sweep.py data/faces [--kimg 40] [--only base,quick-weak-r1] [--json]

Each row trains DCGAN (ngf 32, ndf 24, batch 32, non-saturating unless it says otherwise, augmented
by mirror and translation) from the same seed, and is measured as in benchmarks/objectives.py. A
finished run is read instead of repeated. A sweep this short shows which options learn fast, not
which are best in the end.
"""

import argparse
import json
from pathlib import Path

from objectives import N, floor, table, train_and_read

QUICK = {"norm": "none", "penalty_every": 8, "beta1": 0.0, "beta2": 0.99}
QUICK |= {"lr_d": 1e-3, "lr_g": 1e-3}
RUNS = {
    "base": {},
    "ttur": {"lr_d": 1e-4, "lr_g": 4e-4},
    "sn": {"objective": "hinge", "norm": "spectral"},
    "r1": {"norm": "none", "r1": 1.0, "penalty_every": 4},
    "weak-r1": {"norm": "none", "r1": 0.02, "penalty_every": 8},
    "quick-strong-r1": {"r1": 0.1, **QUICK},
    "quick-weak-r1": {"r1": 0.02, **QUICK},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="packed training set")
    parser.add_argument("--kimg", type=float, default=40.0, help="length of each run")
    parser.add_argument("--runs", default="runs/sweep", help="folder of the runs")
    parser.add_argument("--only", default="", help="rows, comma-separated; empty: all")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    rows = {}
    for name in options.only.split(",") if options.only else RUNS:
        chosen = RUNS[name]
        rows[name] = train_and_read(
            options.data,
            Path(options.runs) / name,
            ngf=32,
            ndf=24,
            batch=32,
            kimg=options.kimg,
            measure_kimg=options.kimg / 2,
            **chosen,
        )
        rows[name]["options"] = chosen
    result = {"floor": floor(options.data, "cpu"), "objectives": rows}
    print(table(Path(options.data).name, result))
    if options.json:
        print(json.dumps({"protocol": {"kimg": options.kimg, "n": N}, "results": result}))


if __name__ == "__main__":
    main()
