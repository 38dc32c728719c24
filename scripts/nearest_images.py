"""Samples of a model with the nearest training image beside each row, as in Goodfellow et al. 2014.

    python scripts/nearest_images.py checkpoints/mnist docs/original-gan.png

The paper's figure 2: "The rightmost column shows the nearest training example of the neighboring
sample, in order to demonstrate that the model has not memorized the training set." The samples
are from consecutive seeds, unselected; the distance is the squared Euclidean distance in pixels.
"""

import argparse
from pathlib import Path

import numpy as np

from gan_core import checkpoint
from gan_core.data import media
from gan_core.search.pixel_index import PixelIndex
from gan_core.util.errors import InputError

EDGE = (255, 214, 0)  # around the nearest training images, as in the paper
GAP = 2  # pixels of a training image's frame


def figure(
    samples: np.ndarray, training_images: np.ndarray, rows: int, scale: int = 1
) -> np.ndarray:
    """Rows of samples, each followed by its last sample's nearest training image.

    samples: uint8 (N, H, W, C), N a multiple of rows. training_images: uint8 (M, H, W, C).
    Returns uint8 RGB; every pixel of an image is scale × scale large, and the nearest images are
    framed in yellow.
    """
    columns = len(samples) // rows
    last = samples[columns - 1 :: columns]
    nearest = training_images[PixelIndex(training_images).query(last, k=1)[1][:, 0]]
    height, width = samples.shape[1:3]
    whole = np.zeros((rows, height + 2 * GAP, (columns + 1) * width + 2 * GAP, 3), np.uint8)
    for row in range(rows):
        strip = media.strip(samples[row * columns : (row + 1) * columns])
        whole[row, GAP : GAP + height, : columns * width] = strip
        whole[row, :, columns * width :] = EDGE
        whole[row, GAP:-GAP, columns * width + GAP : -GAP] = nearest[row]
    return media.enlarge(whole.reshape(-1, *whole.shape[2:]), scale)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="checkpoint directory")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--columns", type=int, default=12, help="samples in a row")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first sample")
    parser.add_argument("--scale", type=int, default=3, help="side of a pixel in the figure")
    options = parser.parse_args(arguments)
    try:
        model = checkpoint.load(options.model)
        z = model.prior.sample(options.rows * options.columns, options.seed)
        drawn = figure(model.generate(z), model.training_set().images, options.rows, options.scale)
    except InputError as error:
        parser.error(str(error))
    media.save(options.out, media.encode(drawn))
    print(f"{options.out}: seeds {options.seed} to {options.seed + len(z) - 1}")


if __name__ == "__main__":
    main()
