"""The layouts of generators that are imported, as modules with random weights under their names.

    python tests/gan_core/importers/layouts.py     writes the table in docs/your-own-weights.md

test_layouts.py imports each and compares its pictures with those of the module itself.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

PAGE = Path(__file__).resolve().parents[3] / "docs" / "your-own-weights.md"
BEGIN, END = "<!-- layouts: begin -->", "<!-- layouts: end -->"
NZ = 24


class Named(nn.Module):
    """Modules under given names, run one after the other. Latents (N, nz) -> images."""

    def __init__(self, modules, order=None):
        """modules: [(dotted name or "", module)]; without a name it has no tensors."""
        super().__init__()
        self.run = [module for _, module in modules]
        named = [one for one in modules if one[0]]
        for name, module in sorted(named, key=order) if order else named:
            place = self
            *parents, last = name.split(".")
            for parent in parents:
                if parent not in dict(place.named_children()):
                    place.add_module(parent, nn.Module())
                place = getattr(place, parent)
            place.add_module(last, module)

    def train(self, mode=True):
        for module in self.run:
            module.train(mode)
        return super().train(mode)

    def forward(self, z):
        x = z if isinstance(self.run[0], nn.Linear) else z[:, :, None, None]
        for module in self.run:
            x = module(x)
        return x


def up(given, made, kernel=4, stride=2, padding=1, extra=0, bias=False):
    return nn.ConvTranspose2d(given, made, kernel, stride, padding, extra, bias=bias)


def dcgan(
    names="main.{conv3}/main.{norm3}",
    widths=(32, 16, 8, 4),
    steps=None,
    channels=3,
    activation=nn.ReLU,
    output=nn.Tanh,
    whole=lambda layer: layer,
    order=None,
    norms=True,
):
    """A DCGAN. names: of convolution and norm, with {n} from 1, {i} from 0, {conv3}, {norm3}.

    steps: (kernel, stride, padding, output padding) of each convolution.
    """
    count = len(widths) + 1
    steps = steps or [(4, 1, 0, 0)] + [(4, 2, 1, 0)] * (count - 1)
    conv, norm = names.split("/")
    modules, before = [], NZ
    for i, (made, step) in enumerate(zip([*widths, channels], steps, strict=True)):
        place = {"n": i + 1, "i": i, "conv3": 3 * i, "norm3": 3 * i + 1, "a": before, "b": made}
        stage = "initial" if i == 0 else "final" if i == count - 1 else "pyramid"
        modules.append((conv.format(stage=stage, **place), whole(up(before, made, *step))))
        if i < count - 1:
            if norms:
                modules.append((norm.format(stage=stage, **place), nn.BatchNorm2d(made)))
            modules.append(("", activation()))
        before = made
    return Named([*modules, ("", output())], order)


def linear_first(norm="", activation=True, start=4, widths=(16, 8, 4), channels=3):
    """A linear layer, a map, and transposed convolutions. norm: of the linear layer, "1d", "2d"."""
    values = widths[0] * start**2
    modules = [("fc", nn.Linear(NZ, values))]
    if norm == "1d":
        modules.append(("bn_fc", nn.BatchNorm1d(values)))
    modules.append(("", nn.Unflatten(1, (widths[0], start, start))))
    if norm == "2d":
        modules.append(("bn0", nn.BatchNorm2d(widths[0])))
    if activation:
        modules.append(("", nn.ReLU()))
    for i, (given, made) in enumerate(zip(widths, [*widths[1:], channels], strict=True)):
        modules.append((f"t_conv{i + 1}.0", up(given, made)))
        if i < len(widths) - 1:
            modules += [(f"t_conv{i + 1}.1", nn.BatchNorm2d(made)), ("", nn.ReLU())]
    return Named([*modules, ("", nn.Tanh())])


def ordinary_last(kernel=3):
    """Transposed convolutions that double a map, then an ordinary one that keeps its side."""
    modules, before = [], NZ
    for i, (made, step) in enumerate(zip((16, 8, 6, 4), FOUR, strict=True)):
        modules += [(f"up{i}", up(before, made, *step)), (f"norm{i}", nn.BatchNorm2d(made))]
        modules.append(("", nn.ReLU()))
        before = made
    last = nn.Conv2d(before, 3, kernel, 1, kernel // 2)
    return Named([*modules, ("to_rgb", last), ("", nn.Tanh())])


def upsampling(transposed=False):
    """A first layer, then maps that are doubled before ordinary convolutions.

    transposed: whether the first layer is a transposed convolution and not a linear one.
    """
    modules = [("project", nn.Linear(NZ, 8 * 64)), ("", nn.Unflatten(1, (8, 8, 8)))]
    if transposed:
        modules = [("project", up(NZ, 8, 8, 1, 0))]
    modules += [("norm0", nn.BatchNorm2d(8)), ("", nn.ReLU())]
    for i, (given, made) in enumerate([(8, 6), (6, 5)]):
        modules += [
            ("", nn.Upsample(scale_factor=2)),
            (f"conv{i}", nn.Conv2d(given, made, 3, 1, 1)),
        ]
        modules += [(f"norm{i + 1}", nn.BatchNorm2d(made)), ("", nn.ReLU())]
    modules += [("", nn.Upsample(scale_factor=2)), ("to_rgb", nn.Conv2d(5, 3, 3, 1, 1))]
    return Named([*modules, ("", nn.Tanh())])


@dataclass(frozen=True)
class Layout:
    """A layout: where people meet it, for the table; its module; and what an import makes of it.

    names: of its tensors, for example. build: makes the module. images: (size, channels).
    options: of `importers.read`, where a person must decide. prior: what its statistics come from.
    family: the architecture that it becomes.
    """

    what: str
    names: str
    build: Callable[[], nn.Module]
    images: tuple[int, int] = (64, 3)
    options: dict = field(default_factory=dict)
    prior: str = "normal"
    family: str = "layers"


FOUR = [(4, 1, 0, 0)] + [(4, 2, 1, 0)] * 3
SMALL = (16, 8, 4)
LAYOUTS = {
    "tutorial": Layout(
        "PyTorch’s DCGAN tutorial, pytorch/examples", "`main.0`, `main.1`", dcgan, family="dcgan"
    ),
    "conv1.0": Layout(
        "blocks with names",
        "`conv1.0`, `conv1.1`",
        lambda: dcgan("conv{n}.0/conv{n}.1"),
        family="dcgan",
    ),
    "layer1.0": Layout(
        "blocks with different names",
        "`layer1.0`, `layer1.1`",
        lambda: dcgan("layer{n}.0/layer{n}.1"),
        family="dcgan",
    ),
    "deconv_bn": Layout(
        "layers with names",
        "`deconv1`, `deconv1_bn`",
        lambda: dcgan("deconv{n}/deconv{n}_bn"),
        family="dcgan",
    ),
    "tconv_bn": Layout(
        "layers with names, norms first or last",
        "`tconv1`, `bn1`",
        lambda: dcgan("tconv{n}/bn{n}", order=lambda one: one[0]),
        family="dcgan",
    ),
    "wgan": Layout(
        "martinarjovsky/WassersteinGAN",
        "`main.initial:100-512:convt`",
        lambda: dcgan("main.{stage}:{a}-{b}:convt/main.{stage}:{b}:batchnorm"),
        family="dcgan",
    ),
    "leaky": Layout(
        "LeakyReLU 0.2 in the generator", "any", lambda: dcgan(activation=lambda: nn.LeakyReLU(0.2))
    ),
    "uniform": Layout(
        "trained on uniform latents, −1 to 1", "any", dcgan, prior="uniform", family="dcgan"
    ),
    "sigmoid": Layout(
        "images in [0, 1]",
        "any",
        lambda: dcgan(output=nn.Sigmoid),
        options={"output": "sigmoid"},
    ),
    "widths": Layout(
        "widths that do not halve", "any", lambda: dcgan(widths=(20, 20, 6), steps=FOUR), (32, 3)
    ),
    "spectral": Layout(
        "spectral norm, old keys",
        "`main.0.weight_orig`",
        lambda: dcgan(whole=spectral_norm),
        family="dcgan",
    ),
    "parametrized": Layout(
        "spectral norm, new keys",
        "`….parametrizations.weight.original`",
        lambda: dcgan(
            "g.{conv3}/g.{norm3}", (16, 16, 4), FOUR, whole=parametrizations.spectral_norm
        ),
        (32, 3),
    ),
    "weight norm": Layout(
        "weight norm",
        "`main.0.weight_g`",
        lambda: dcgan(whole=lambda layer: weight_norm(layer, dim=1)),
        family="dcgan",
    ),
    "linear, bare": Layout(
        "a linear layer first, as in Udacity’s course",
        "`fc`, `t_conv1.0`",
        lambda: linear_first(activation=False),
        (32, 3),
    ),
    "linear, norm of values": Layout(
        "a linear layer first, with BatchNorm1d",
        "`fc`, `bn_fc`",
        lambda: linear_first("1d"),
        (32, 3),
    ),
    "linear, norm of maps": Layout(
        "a linear layer first, with BatchNorm2d", "`fc`, `bn0`", lambda: linear_first("2d"), (32, 3)
    ),
    "linear, 28 px": Layout(
        "a linear layer to a map of 7 × 7",
        "`fc`, `t_conv1.0`",
        lambda: linear_first("1d", start=7, widths=(8, 4), channels=1),
        (28, 1),
    ),
    "upsampling": Layout(
        "nearest-neighbour upsampling before ordinary convolutions",
        "`project`, `conv0`, `norm1`",
        upsampling,
        options={"size": 64},
    ),
    "upsampling, transposed": Layout(
        "the same after a first transposed convolution",
        "`project`, `conv0`, `norm1`",
        lambda: upsampling(transposed=True),
        options={"size": 64},
    ),
    "ordinary last": Layout(
        "an ordinary last convolution of kernel 3 after transposed ones",
        "`up0`, `norm0`, `to_rgb`",
        ordinary_last,
        (32, 3),
    ),
    "ordinary last, 7": Layout(
        "an ordinary last convolution of kernel 7 after transposed ones",
        "`up0`, `norm0`, `to_rgb`",
        lambda: ordinary_last(7),
        (32, 3),
    ),
    "last 6, stride 4": Layout(
        "last layer with kernel 6 with stride 4, 128 px",
        "any",
        lambda: dcgan(widths=(12, 8, 6, 4), steps=[*FOUR, (6, 4, 1, 0)]),
        (128, 3),
        {"size": 128},
    ),
    "last kernel 1": Layout(
        "last layer with kernel 1",
        "any",
        lambda: dcgan(steps=[*FOUR, (1, 1, 0, 0)]),
        (32, 3),
    ),
    "last 3, stride 1": Layout(
        "last layer with kernel 3 with stride 1",
        "any",
        lambda: dcgan(steps=[*FOUR, (3, 1, 1, 0)]),
        (32, 3),
    ),
    "last 5, stride 3": Layout(
        "last layer with kernel 5 with stride 3, 96 px",
        "any",
        lambda: dcgan(steps=[*FOUR, (5, 3, 1, 0)]),
        (96, 3),
    ),
    "kernels of 5": Layout(
        "kernels of 5 with stride 2, as in the paper",
        "any",
        lambda: dcgan(widths=SMALL, steps=[(4, 1, 0, 0)] + [(5, 2, 2, 1)] * 3),
        (32, 3),
    ),
    "course, MNIST": Layout(
        "DeepLearning.AI’s course, MNIST",
        "`gen.0.0`, `gen.0.1`",
        lambda: dcgan(
            "gen.{i}.0/gen.{i}.1",
            (16, 8, 4),
            [(3, 2, 0, 0), (4, 1, 0, 0), (3, 2, 0, 0), (4, 2, 0, 0)],
            channels=1,
        ),
        (28, 1),
    ),
    "course, CelebA": Layout(
        "DeepLearning.AI’s course, CelebA",
        "`gen.0.0`, `gen.0.1`",
        lambda: dcgan("gen.{i}.0/gen.{i}.1", steps=[(3, 2, 0, 0)] * 4 + [(4, 2, 0, 0)]),
    ),
    "28 px by padding 3": Layout(
        "28 px from a padding of 3 in the last layer",
        "any",
        lambda: dcgan(widths=SMALL, steps=[*FOUR[:3], (4, 2, 3, 0)], channels=1),
        (28, 1),
        {"size": 28},
    ),
    "28 px by kernel 1": Layout(
        "28 px from a last kernel of 1 with a padding of 2",
        "any",
        lambda: dcgan(steps=[*FOUR, (1, 1, 2, 0)], channels=1),
        (28, 1),
        {"size": 28},
    ),
    "28 px by 7 × 7": Layout(
        "28 px via 7 × 7, kernel 3 in the second layer",
        "any",
        lambda: dcgan(
            widths=SMALL, steps=[(4, 1, 0, 0), (3, 2, 1, 0), (4, 2, 1, 0), (4, 2, 1, 0)], channels=1
        ),
        (28, 1),
        {"size": 28},
    ),
    "32 px, grey": Layout(
        "32 px, greyscale",
        "any",
        lambda: dcgan(widths=SMALL, steps=FOUR, channels=1),
        (32, 1),
        {"size": 32},
        family="dcgan",
    ),
}


def table():
    """The table of the page, in Markdown."""
    lines = ["| layers | names, for example | images | option needed |", "|---|---|---|---|"]
    for layout in LAYOUTS.values():
        size, channels = layout.images
        given = " ".join(f"`--{key} {value}`" for key, value in layout.options.items())
        lines.append(f"| {layout.what} | {layout.names} | {size} × {size} × {channels} | {given} |")
    return "\n".join(lines)


def with_table(page):
    """The text of the page with the table of today."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def prepared(layout, seed=0):
    """The module of a layout with random weights, and statistics as training leaves them."""
    torch.manual_seed(seed)
    network = layout.build()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weights = [p for name, p in module.named_parameters() if "bias" not in name]
            nn.init.normal_(weights[-1] if len(weights) > 1 else weights[0], 0.0, 0.1)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.1)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
            module.momentum = None  # the mean of all batches
    with torch.no_grad():
        network.train()
        for _ in range(12):
            z = torch.randn(64, NZ)
            network(z if layout.prior == "normal" else torch.rand(64, NZ) * 2 - 1)
    return network.eval()


if __name__ == "__main__":
    text = with_table(PAGE.read_text("utf-8"))
    PAGE.write_text(text, "utf-8")
    print(f"{PAGE.name}: {len(LAYOUTS)} layouts", file=sys.stderr)
