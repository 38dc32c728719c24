"""Strides and paddings, which leave no trace in a tensor, from known layouts.

    options(links, place)   what a layer of a generator may do to the side of its map, likely first
    judging(links, size)    the strides of a discriminator that ends in one number

A layer followed by a norm is checked against its statistics (`norm_statistics`): a stride of
2 leaves a quarter of the products of a stride of 1. The last layer has no norm, so its size is a
matter of what is usual, and where two sizes are usual, of the person who imports.
"""

from dataclasses import dataclass

from gan_core.importers.layer_reader import Link, Misfit, in_words

SMALLEST, LARGEST = 8, 512  # pixels a side
USUAL = (28, 32, 48, 64, 96, 128, 256, 512)
# Whole generators that are known by their kernels: (stride, padding, output padding) of each layer.
KNOWN = {
    # The DCGAN of DeepLearning.AI's course: 28 px for MNIST, 64 px for CelebA.
    (3, 4, 3, 4): ((2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)),
    (3, 3, 3, 3, 4): ((2, 0, 0),) * 5,
    # MNIST by way of a map of 7 × 7.
    (4, 3, 4, 4): ((1, 0, 0), (2, 1, 0), (2, 1, 0), (2, 1, 0)),
}


@dataclass(frozen=True)
class Step:
    """What a convolution does to a map of a side. cost: 0 for the most usual; enlarges: whether the
    map is doubled before it, by repeating pixels."""

    stride: int
    padding: int
    output_padding: int = 0
    enlarges: bool = False
    cost: float = 0.0

    def side(self, before: int, kernel: int, transposed: bool) -> int:
        """The side after a layer with this step."""
        if not transposed:
            wide = 2 * before if self.enlarges else before
            return (wide + 2 * self.padding - kernel) // self.stride + 1
        return (before - 1) * self.stride - 2 * self.padding + kernel + self.output_padding


# kernel of a transposed convolution -> its steps, likely first.
TRANSPOSED = {
    1: (Step(1, 0), Step(1, 2, cost=2)),
    2: (Step(2, 0), Step(1, 0, cost=3)),
    3: (
        *(Step(1, 1), Step(2, 1, 1, cost=0.5), Step(2, 0, cost=1), Step(2, 1, cost=1)),
        Step(1, 0, cost=2),
    ),
    4: (Step(2, 1), Step(1, 0, cost=2), Step(2, 0, cost=2), Step(2, 3, cost=2)),
    5: (
        *(Step(2, 2, 1), Step(3, 1, cost=0.5), Step(1, 2, cost=0.5), Step(1, 0, cost=1)),
        *(Step(2, 0, cost=2), Step(2, 1, cost=2), Step(2, 2, cost=2)),
    ),
    6: (Step(2, 2), Step(4, 1, cost=2), Step(2, 0, cost=2), Step(1, 0, cost=2)),
    7: (Step(1, 3), Step(2, 3, 1, cost=0.5), Step(1, 0, cost=1), Step(2, 0, cost=2)),
    8: (Step(4, 2), Step(2, 3, cost=1), Step(1, 0, cost=2)),
}


def options(links: list[Link], place: int) -> list[Step]:
    """The steps that a layer of a generator may make, likely first. Raises Misfit for none."""
    first = place == 0
    kernels = tuple(one.kernel for one in links)
    if all(one.transposed for one in links) and kernels in KNOWN:
        stride, padding, extra = KNOWN[kernels][place]
        known = Step(stride, padding, extra, cost=-1)
        return [known] if first else [known, *steps(links, place)]
    if first:  # on a map of 1 × 1 the stride does nothing
        return [Step(1, 0)]
    return steps(links, place)


def steps(links: list[Link], place: int) -> list[Step]:
    """The steps for a layer's kernel; see `options`."""
    link = links[place]
    last = place == len(links) - 1
    kernels = tuple(one.kernel for one in links)
    kernel = link.kernel
    if link.transposed:
        usual = TRANSPOSED.get(kernel, ())
        if last and kernel == 5 and set(kernels[:-1]) == {4}:  # 96 px, as for anime faces
            usual = (Step(3, 1), Step(2, 2, 1, cost=1), Step(1, 2, cost=1))
        if not last:  # only the border of the image is cut off
            usual = tuple(one for one in usual if one.side(8, kernel, True) >= 8)
    elif kernel % 2:
        # After an enlargement, and the last one sometimes without. A kernel of 1 has none before it
        # as a rule, nor has a convolution after transposed ones, which enlarge by themselves (the
        # first layer only makes a map).
        whole_first = kernel == 1 or any(one.transposed for one in links[1:place])
        whole = Step(1, kernel // 2, cost=0 if whole_first else 0.5)
        enlarging = Step(1, kernel // 2, enlarges=True, cost=1 if whole_first else 0)
        usual = (whole, enlarging) if whole_first else (enlarging, whole)
    else:
        usual = ()
    if not usual:
        raise Misfit(
            f"{link.layer.name} is {in_words(link.layer.shape)}, a kernel whose stride is not "
            "known; export the generator as ONNX instead, which is read whatever its layers are"
        )
    return list(usual)


def size_cost(size: int, channels: int) -> float:
    """How unusual a size of images is; 28 px are usual for grey images only."""
    if size == 28:
        return 0.0 if channels == 1 else 2.5
    return 0.0 if size in USUAL else 3.0 if size % 8 == 0 else 5.0


def judging(links: list[Link], size: int) -> list[Step]:
    """The steps of a discriminator's convolutions for images of a size. Raises Misfit.

    They must end in a map of 1 × 1, or in that of the linear layer after them.
    """
    convolutions = [link for link in links if link.layer.kind == "conv"]
    whole = len(convolutions) == len(links)  # the last convolution takes the whole map at once
    end = 1 if whole else convolutions[-1].side or 1
    paths: dict[int, tuple[float, list[Step]]] = {size: (0.0, [])}  # side of the map -> cheapest
    for place, link in enumerate(convolutions):
        following: dict[int, tuple[float, list[Step]]] = {}
        for side, (cost, done) in paths.items():
            for step in narrowing(link.kernel, whole and place == len(convolutions) - 1):
                after = step.side(side, link.kernel, False)
                if side + 2 * step.padding < link.kernel or after < 1:
                    continue
                if after not in following or cost + step.cost < following[after][0]:
                    following[after] = cost + step.cost, [*done, step]
        paths = following
    if end not in paths:
        raise Misfit(f"its convolutions do not bring images of {size} px to one number")
    return paths[end][1]


def narrowing(kernel: int, final: bool) -> list[Step]:
    """The steps that a convolution of a discriminator may make, likely first."""
    half = Step(2, (kernel - 1) // 2)
    if final:
        return [Step(1, 0), Step(2, 0, cost=1), half]
    same = [Step(1, kernel // 2, cost=1)] if kernel % 2 else []
    return [half, *same, Step(2, 0, cost=1.5), Step(1, 0, cost=2)]
