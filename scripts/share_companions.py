"""Remove files from checkpoints if another checkpoint in the folder has identical ones.

    python scripts/share_companions.py checkpoints

Attribute classifiers and the realism reference depend only on the training images, so models of
the same images have identical ones. The first checkpoint by name keeps the file; the others list
its sha256 in model.json, where gan_core.companions looks it up. If a checkpoint has to work in a
separate folder, it needs its own copies of the shared files.
"""

import argparse
import sys
from pathlib import Path

from gan_core import checkpoint, model_card
from gan_core.attributes import classifier
from gan_core.metrics import realism
from gan_core.util import atomic_files
from gan_core.util.errors import InputError

FILES = (*classifier.FILES.values(), realism.FILE)


def main(arguments: list[str] | None = None) -> int:
    """Remove the duplicates, print one line for each, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of checkpoints")
    options = parser.parse_args(arguments)
    try:
        for line in share(options.folder):
            print(line)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def share(folder: Path) -> list[str]:
    """Remove the duplicates in a folder of checkpoints; returns a sentence for each.

    Raises InputError if a model.json cannot be read.
    """
    holders: dict[tuple[str, str], Path] = {}
    done = []
    for path in sorted(p for file in FILES for p in folder.glob(f"*/{file}")):
        digest = checkpoint.sha256(path)
        holder = holders.setdefault((path.name, digest), path)
        if holder == path:
            continue
        card = checkpoint.read_card(path.parent)
        card["shared"] = {**card.get("shared", {}), path.name: digest}
        # model.json first: a kill between the two steps leaves an extra file, never a missing one.
        atomic_files.write_json(path.parent / "model.json", card)
        path.unlink()
        model_card.write(path.parent)
        done.append(f"{path}: shared with {holder}")
    return done


if __name__ == "__main__":
    sys.exit(main())
