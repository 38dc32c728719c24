"""The exact 8 nearest of many images: this project's index against other exact methods.

    python benchmarks/neighbours.py [--n 200000] [--folder FOLDER] [--json]

The images are 64 × 64 × 3 and resemble photographs: two images of a packed set (data/faces if it
exists, else the included avatars) are cropped to 55 to 100 % of their side, enlarged again and
randomly flipped, then blended with up to half of the second, brightened or darkened, and given
grain of up to 6 grey levels. Queries are made from held-out images in the same way. With --folder
they are written only once; 200,000 take 2.5 GB, a million 12.3 GB.

All methods alternate and answer the same queries, one at a time and 64 at once; the results are
medians over the rounds. `exact` says whether distances and indices equalled those of a comparison
with every image in integers, for every query. `memory_mb` is what the method holds in addition to
the images, computed from its arrays or reported by it. Hard queries, noise and a flat grey, are
measured only for this project's index. faiss and usearch are measured if they are installed.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from gan_core.data import training_set
from gan_core.search import exact_distance, index_cache
from gan_core.util import hardware

SIZE, K, BLOCK, QUERIES = 64, 8, 500, 64
REST = 0.5  # seconds before each method, until the threads of the previous one are idle


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=200_000, help="images: 10000, 200000, 1000000")
    parser.add_argument("--folder", default="", help="folder for the sets; default: temporary")
    parser.add_argument("--source", default="", help="packed set from which images are made")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of 64 queries per method")
    parser.add_argument("--methods", default="", help="comma-separated; default: all available")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = run(options, folder)
    if options.json:
        print(json.dumps(result))


def run(options, folder):
    source = training_set.load(find_source(options.source))
    data = folder / f"{source.card.get('name', 'set')}-{options.n}"
    if not data.exists():
        room = shutil.disk_usage(folder).free
        if room < 1.5 * options.n * SIZE * SIZE * 3:
            raise SystemExit(f"{folder} has only {room / 1e9:.1f} GB free; choose a smaller n.")
        write(source, options.n, data)
    whole = training_set.load(data)
    queries = make(source.held_out, 2 * QUERIES, 1)
    truth = brute_force(whole.images, queries)

    began = time.perf_counter()
    index = index_cache.open_index(whole, folder=folder / "index")
    built = time.perf_counter() - began
    began = time.perf_counter()
    index = index_cache.open_index(whole, folder=folder / "index")
    opened = time.perf_counter() - began

    chosen = [name for name in options.methods.split(",") if name]
    methods = {"ours": (index.query, memory(index))}
    for name, maker in {"torch": in_torch, **others()}.items():
        if not chosen or name in chosen:
            try:
                methods[name] = maker(whole.images)
            except ImportError as error:
                print(f"{name} is not installed ({error}); it is skipped.")
            except MemoryError:
                print(f"{name} needs more memory than is available; it is skipped.")
    times = {name: {"one": [], "many": [], "exact": True} for name in methods}
    for turn in range(options.rounds + 1):  # the first is a warm-up
        for name, (query, _) in methods.items():
            time.sleep(REST)
            one = queries[turn : turn + 1], [part[turn : turn + 1] for part in truth]
            many = queries[QUERIES:], [part[QUERIES:] for part in truth]
            for key, (batch, expected) in {"one": one, "many": many}.items():
                began = time.perf_counter()
                results = query(batch, K)
                took = 1000 * (time.perf_counter() - began)
                if turn:
                    times[name][key].append(took)
                same = all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))
                times[name]["exact"] &= same
    table = {
        name: {
            "q1_ms": round(statistics.median(row["one"]), 2),
            "q64_ms": round(statistics.median(row["many"]), 1),
            "memory_mb": round(methods[name][1] / 1e6),
            "exact": row["exact"],
        }
        for name, row in times.items()
    }
    for name, row in table.items():
        print(f"{name:16}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    hard = hard_queries(index, whole.images)
    print(f"built in {built:.1f} s, opened in {opened:.2f} s; hard queries {hard}")
    return {
        "n": options.n,
        "k": K,
        "methods": table,
        "hard": hard,
        "built_s": round(built, 1),
        "opened_s": round(opened, 3),
        "source": source.card.get("name"),
        "rounds": options.rounds,
        "int8_pays": exact_distance.int8_is_usable(),
        "hardware": hardware.describe("cpu"),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def find_source(given):
    places = [given] if given else ["data/faces", "checkpoints/avatars-tied/training_set"]
    return next((p for p in places if (Path(p) / "set.json").exists()), places[-1])


def write(source, n, out):
    """Write n images made from a set's training images as a packed set."""
    about = {"name": out.name, "source": "benchmark"}
    starts, at_once = range(0, n, BLOCK), torch.get_num_threads()

    def block(start):
        return make(source.images, min(BLOCK, n - start), [0, start])

    with training_set.writing(out, SIZE, 3, about) as writer, ThreadPoolExecutor(at_once) as pool:
        for first in range(0, len(starts), at_once):
            some = starts[first : first + at_once]
            for start, images in zip(some, pool.map(block, some), strict=True):
                for i, image in enumerate(images):
                    writer.add(image, str(start + i))


def make(images, n, seed):
    """n images made from others, uint8 (n, 64, 64, 3); see the top of the file."""
    random = np.random.default_rng(seed)
    first, second = crops(images, n, random), crops(images, n, random)
    one_each = (n, 1, 1, 1)
    mixed = first + random.uniform(0, 0.5, one_each).astype(np.float32) * (second - first)
    mixed *= random.uniform(0.8, 1.2, one_each).astype(np.float32)
    mixed += random.uniform(-20, 20, one_each).astype(np.float32)
    grain = random.standard_normal(mixed.shape, dtype=np.float32)
    mixed += grain * random.uniform(0, 6, one_each).astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def crops(images, n, random):
    """n random crops of images at their full size, randomly flipped: float32 (n, 64, 64, 3)."""
    chosen = images[np.sort(random.integers(len(images), size=n))].astype(np.float32)
    zoom = random.uniform(0.55, 1, n)
    into = np.zeros((n, 2, 3), np.float32)
    into[:, 0, 0] = zoom * random.choice([-1, 1], n)
    into[:, 1, 1] = zoom
    into[:, :, 2] = random.uniform(-1, 1, (n, 2)) * (1 - zoom)[:, None]
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(into), [n, 3, SIZE, SIZE], align_corners=False
    )
    cropped = torch.nn.functional.grid_sample(
        torch.from_numpy(chosen).permute(0, 3, 1, 2),
        grid,
        padding_mode="border",
        align_corners=False,
    )
    return cropped.permute(0, 2, 3, 1).numpy()


def brute_force(images, queries):
    """(distances, indices) in double precision, in which every sum is exact here."""
    batch = torch.from_numpy(queries.reshape(len(queries), -1).astype(np.float64))
    table = np.empty((len(queries), len(images)))
    for start in range(0, len(images), 1024):
        rows = torch.from_numpy(images[start : start + 1024].reshape(-1, batch.shape[1]) + 0.0)
        part = (batch**2).sum(1)[:, None] + (rows**2).sum(1) - 2 * batch @ rows.T
        table[:, start : start + 1024] = part.numpy()
    indices = np.argsort(table, axis=1, kind="stable")[:, :K]
    return np.take_along_axis(table, indices, 1).astype(np.int64), indices


def memory(index):
    known = index.bounds
    return sum(x.nbytes for x in (known.coarse, known.fine, known.texture, known.norms, known.axes))


def hard_queries(index, images):
    """{kind: {"q1_ms", "exact"}} of queries far from all images."""
    random = np.random.RandomState(0)
    noise = random.randint(0, 256, (1, SIZE, SIZE, 3)).astype(np.uint8)
    results = {}
    for kind, query in {"noise": noise, "grey": noise * 0 + 128}.items():
        took = []
        for _ in range(3):
            began = time.perf_counter()
            answer = index.query(query, K)
            took.append(1000 * (time.perf_counter() - began))
        expected = brute_force(images, query)
        same = all(np.array_equal(a, b) for a, b in zip(answer, expected, strict=True))
        results[kind] = {"q1_ms": round(statistics.median(took), 1), "exact": same}
    return results


def in_torch(images, rows=500):
    """Plain PyTorch: float32, block by block, the usual expansion, topk."""

    def query(queries, k):
        batch = torch.from_numpy(queries.reshape(len(queries), -1)).float()
        best = torch.empty(len(batch), 0), torch.empty(len(batch), 0, dtype=torch.int64)
        for start in range(0, len(images), rows):
            block = torch.from_numpy(images[start : start + rows].reshape(-1, batch.shape[1]) + 0)
            block = block.float()
            table = (batch**2).sum(1)[:, None] + (block**2).sum(1) - 2 * batch @ block.T
            near, which = table.topk(min(k, table.shape[1]), largest=False)
            near, which = torch.cat([best[0], near], 1), torch.cat([best[1], which + start], 1)
            near, order = near.topk(k, largest=False)
            best = near, which.gather(1, order)
        return best[0].long().numpy(), best[1].numpy()

    return query, rows * images[0].size * 4


def others():
    """Makers of other packages' methods: each returns (query, bytes) or raises ImportError."""

    def faiss_index(images, kind):
        import faiss

        size = images[0].size
        if kind == "flat":
            index = faiss.IndexFlatL2(size)
        else:
            index = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_8bit_direct)
        each = size * (4 if kind == "flat" else 1)
        if each * len(images) > 0.6 * available():
            raise MemoryError
        for start in range(0, len(images), 2000):
            index.add(images[start : start + 2000].reshape(-1, size).astype(np.float32))

        def query(queries, k):
            results = index.search(queries.reshape(len(queries), -1).astype(np.float32), k)
            return np.rint(results[0]).astype(np.int64), results[1]

        return query, each * len(images)

    def usearch_exact(images):
        import numkong  # noqa: F401  usearch needs it loaded first
        from usearch.index import MetricKind, search

        # uint8 did not work on the machine on which this was written; int8, shifted by 128, does.
        if images.nbytes > 0.6 * available():
            raise MemoryError
        signed = (images.reshape(len(images), -1) ^ 128).view(np.int8)

        def query(queries, k):
            batch = (queries.reshape(len(queries), -1) ^ 128).view(np.int8)
            results = search(signed, batch, k, MetricKind.L2sq, exact=True)
            distances = np.reshape(results.distances, (len(batch), k)).astype(np.int64)
            return distances, np.reshape(results.keys, (len(batch), k)).astype(np.int64)

        return query, signed.nbytes

    return {
        "faiss-8bit": lambda images: faiss_index(images, "8bit"),
        "faiss-flat": lambda images: faiss_index(images, "flat"),
        "usearch": usearch_exact,
    }


def available():
    """Free memory in bytes as reported by the system, or a large number if it reports none."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(x.split()[1] for x in lines if x.startswith("MemAvailable"))) * 1024
    except (OSError, StopIteration):
        return 2**62


if __name__ == "__main__":
    main()
