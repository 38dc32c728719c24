"""Peak memory and speed of `pack` on a set as large as CelebA.

    python benchmarks/pack_memory.py [--images 202599] [--json]

Writes a zip of that many JPEG files of 178×218 pixels (64 different ones, repeated) and a table of
40 attributes in CelebA's own format, packs them at 64×64 in a process of its own, and reports that
process's peak resident memory.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

CHILD = """
import resource, sys
from gan_core.data import image_sources
train, held_out, skipped = image_sources.pack(sys.argv[1], sys.argv[2], attributes=sys.argv[3])
assert not skipped
print(train, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=202_599, help="how many; default: CelebA's")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source, attributes = write_source(folder, options.images)
        start = time.monotonic()
        command = [sys.executable, "-c", CHILD, source, folder / "packed", attributes]
        root = Path(__file__).resolve().parent.parent
        output = subprocess.run(command, check=True, cwd=root, stdout=subprocess.PIPE, text=True)
        seconds = time.monotonic() - start
    count, kilobytes = map(int, output.stdout.split())
    megabytes = kilobytes / 1024  # Linux counts in KiB
    print(f"{count} images packed in {seconds:.0f} s; peak resident memory {megabytes:.0f} MiB")
    if options.json:
        result = {"images": count, "peak_mib": round(megabytes), "seconds": round(seconds, 1)}
        print(json.dumps(result))


def write_source(folder, count):
    """(zip of `count` JPEG files, table of their attributes)."""
    pictures = [jpeg(seed) for seed in range(64)]
    source, attributes = folder / "images.zip", folder / "list_attr_celeba.txt"
    names = [f"{i:06d}.jpg" for i in range(1, count + 1)]
    with zipfile.ZipFile(source, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(name, pictures[i % len(pictures)])
    with open(attributes, "w") as file:
        file.write(f"{count}\n" + " ".join(f"Attribute_{i}" for i in range(40)) + "\n")
        for i, name in enumerate(names):
            file.write(name + " 1 -1" * 20 + "\n" if i % 2 else name + " -1 1" * 20 + "\n")
    return source, attributes


def jpeg(seed):
    """A blurred noise picture of CelebA's size, as JPEG bytes."""
    noise = np.random.default_rng(seed).integers(0, 256, (14, 11, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((178, 218), Image.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
