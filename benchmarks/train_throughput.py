"""Images per second of this project's training, compared with the plain loop of tutorials.

    python benchmarks/train_throughput.py [--ngf 64 --ndf 64 --batch 64 --device cpu] [--json]
    python benchmarks/train_throughput.py --device cuda --batch 512 --ours-only

Both train the same DCGAN at 64×64 on the same machine, alternating block by block; the median block
counts. The plain loop is written here from its description: image files read by ImageFolder through
a DataLoader with worker processes, fp32, contiguous memory, Adam with its defaults, binary
cross-entropy on a sigmoid, gradients of D computed in G's step although they are not used, and
`.item()` on every loss at every step. This project's training runs with the defaults of
`gan_core.training.loop.train`, but without measured distances: it includes augmentation and
averaging, which the plain loop leaves out. Its blocks are timed between two of its steps, on CUDA
by events of the device, so that no step waits for the timing; the plain loop waits at every step
because of `.item()`. Freed memory stays in the process for both, as with
`python -m gan_core train`. Achieved FLOP/s are those of the convolutions of one of our steps as
they are defined (a multiply-add counts as two); the peak is that of a large matrix product in the
same precision, which Winograd's algorithms, with fewer products than the definition, can exceed.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import datasets, transforms

from gan_core.data import image_sources
from gan_core.networks import registry
from gan_core.training import graphs, loop, snapshot
from gan_core.training.config import TrainingConfig
from gan_core.util import hardware, malloc

WARM = 2 + graphs.WARM  # first steps of a block of ours, which are not timed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--ndf", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=12, help="steps per block")
    parser.add_argument("--blocks", type=int, default=5, help="blocks of each loop")
    parser.add_argument("--images", type=int, default=4096, help="files written to train on")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: PyTorch's choice")
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop's DataLoader")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--ours-only", action="store_true", help="leave out the plain loop")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    malloc.keep_freed()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_images(folder / "images" / "all", options.images)
        image_sources.pack(folder / "images", folder / "packed")
        ours = Ours(folder, options)
        blocks = {"ours": iter(ours.block, None)}
        if not options.ours_only:
            blocks["tutorial"] = plain_loop(folder / "images", options)
        for block in blocks.values():
            next(block)  # all are warm before the first block that counts
        rates = {name: [] for name in blocks}
        for _ in range(options.blocks):
            for name, block in blocks.items():
                rates[name].append(next(block))
        fast = ours.fast()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    flops = flops_of_a_step(options) / options.batch * medians["ours"]
    peak = matrix_peak(options.device, fast["precision"])
    result = {
        "ours_img_s": round(medians["ours"], 1),
        "ours_flop_s": flops,
        "matrix_peak_flop_s": peak,
        "share_of_peak": round(flops / peak, 3),
        "chosen": fast,
        "ngf": options.ngf,
        "ndf": options.ndf,
        "batch": options.batch,
        "blocks": rates,
        "threads": torch.get_num_threads(),
        "hardware": hardware.describe(options.device),
        "torch": torch.__version__,
    }
    compared = ""
    if "tutorial" in medians:
        result["tutorial_img_s"] = round(medians["tutorial"], 1)
        result["ratio"] = round(medians["ours"] / medians["tutorial"], 2)
        compared = f" against {result['tutorial_img_s']} of the plain loop: {result['ratio']}×"
    print(
        f"{result['ours_img_s']} images/s{compared}; {flops / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s"
    )
    if options.json:
        print(json.dumps(result))


def write_images(folder, count):
    """JPEG files of 178×218 with smooth noise; only the cost of decoding them matters."""
    folder.mkdir(parents=True)
    random = np.random.RandomState(0)
    for i in range(count):
        noise = random.randint(0, 256, (28, 23, 3)).astype(np.uint8)
        Image.fromarray(noise).resize((178, 218)).save(folder / f"{i:05d}.jpg", quality=90)


class Ours:
    """Blocks of this project's loop, which continue the same run."""

    def __init__(self, folder, options):
        self.packed, self.run, self.options = folder / "packed", folder / "run", options
        self.shown = 0.0

    def block(self):
        """Images per second over the steps of a block, without starting and saving."""
        self.shown += self.options.batch / 1000 * (self.options.steps + WARM)
        config = TrainingConfig(
            ngf=self.options.ngf,
            ndf=self.options.ndf,
            batch=self.options.batch,
            device=self.options.device,
            kimg=self.shown,
            log_kimg=1e6,  # a line of the log waits for the device
            grid_kimg=1e6,
            snapshot_kimg=1e6,
            measure_kimg=0,
        )
        marks, play_round = [], loop.play_round

        def marked(game, batches):
            played = play_round(game, batches)
            marks.append(mark(self.options.device))
            return played

        loop.play_round = marked
        try:
            loop.train(self.packed, self.run, config)
        finally:
            loop.play_round = play_round
        seconds = between(marks[WARM - 1], marks[-1])
        return (len(marks) - WARM) * self.options.batch / seconds

    def fast(self):
        """The precision, layout and convolution that autotune chose."""
        return snapshot.read(self.run / "state.safetensors")[1]["record"]["fast"]


def mark(device):
    """A moment on the clock of a device, which is not waited for."""
    if device != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def between(first, last):
    """Seconds between two marks."""
    if isinstance(first, float):
        return last - first
    last.synchronize()
    return first.elapsed_time(last) / 1000


def plain_loop(images, options):
    """Yield the images per second of successive blocks of the plain loop."""
    device = torch.device(options.device)
    look = transforms.Compose(
        [
            transforms.Resize(64),
            transforms.CenterCrop(64),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    loader = DataLoader(
        datasets.ImageFolder(images, look),
        batch_size=options.batch,
        shuffle=True,
        num_workers=options.workers,
        drop_last=True,
    )
    generator, discriminator = (n.to(device) for n in registry.build(architecture(options)))
    loss = nn.BCELoss()
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones = torch.ones(options.batch, device=device)
    steps, history = 0, []
    while True:
        for real, _ in loader:
            if steps == 0:
                began = time.perf_counter()
            discriminator.zero_grad()
            real = real.to(device)
            real_loss = loss(discriminator(real).sigmoid(), ones)
            real_loss.backward()
            fake = generator(torch.randn(options.batch, 100, device=device))
            fake_loss = loss(discriminator(fake.detach()).sigmoid(), ones * 0)
            fake_loss.backward()
            adam_d.step()
            generator.zero_grad()
            g_loss = loss(discriminator(fake).sigmoid(), ones)
            g_loss.backward()
            adam_g.step()
            history.append((real_loss.item(), fake_loss.item(), g_loss.item()))
            steps += 1
            if steps == options.steps:
                yield steps * options.batch / (time.perf_counter() - began)
                steps = 0


def architecture(options):
    sizes = {"size": 64, "channels": 3, "nz": 100, "ngf": options.ngf, "ndf": options.ndf}
    return {"name": "dcgan", **sizes}


def flops_of_a_step(options):
    """FLOP of the networks in one of our steps: D on both kinds, then G through D."""
    generator, discriminator = registry.build(architecture(options))
    z, real = torch.randn(options.batch, 100), torch.randn(options.batch, 3, 64, 64)
    with FlopCounterMode(display=False) as counter:
        fake = generator(z)
        (discriminator(real).sum() + discriminator(fake.detach()).sum()).backward()
        discriminator.requires_grad_(False)
        discriminator(fake).sum().backward()
    return counter.get_total_flops()


def matrix_peak(device, precision, n=4096, repeats=5):
    """FLOP/s of the fastest of a few products of two n × n matrices."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a = torch.randn(n, n, device=device, dtype=kind)
    best = float("inf")
    for _ in range(repeats):
        began = mark(device)
        a @ a
        best = min(best, between(began, mark(device)))
    return 2 * n**3 / best


if __name__ == "__main__":
    main()
