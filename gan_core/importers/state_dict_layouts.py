"""Recognises the network of a set of tensors by their names and shapes.

Known layouts, each under any prefix (`module.`, `netG.`, `generator.` …):

    transposed convolutions, whatever names   PyTorch's DCGAN tutorial, pytorch/examples, and their
                                              descendants; the `dcgan` of this project; others are
                                              described by a list of layers (`layer_layout`)
    formatLayer, main.batchNorm0 …            facebookresearch/pytorch_GAN_zoo, DCGAN_nets.py
    l1, conv_blocks                           eriklindernoren/PyTorch-GAN, dcgan
    enter, layers, leave                      this project's `residual`
    mapping, synthesis                        this project's `style`

Strides, activations and the eps of a norm leave no trace in the tensors; those of the layout are
assumed, and checked against batch norm's statistics where there are any.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from gan_core.importers import layer_layout
from gan_core.importers.dcgan_layers import TUTORIAL, Tensors, as_dcgan
from gan_core.importers.layer_reader import Misfit
from gan_core.importers.matching_shapes import as_discriminator, as_generator
from gan_core.importers.named_layouts import DISCRIMINATORS, named_layouts
from gan_core.importers.recognised import Choices, Player, SizeUnknown
from gan_core.util.errors import InputError

AVERAGED = ("ema", "avg", "average")  # parts of a prefix: these are the weights to draw with
PLAYER_NAMES = r"(?i)(^|[._])(net_?)?g(en|enerator)?([._]|$)|ema|avg"  # of generators
# Of other networks and of optimisers, which nobody expects a generator to use.
OTHER_NAMES = (
    r"(?i)(^|[._])(net_?)?[de](isc|iscriminator|nc|ncoder)?[._]|critic|optim|(^|[._])avg|ema|"
    r"(^|[._])(net_?)?g(en|enerator)?[._]|exp_avg|state\."
)
NOTHING = "its tensors match no known layout"


class Unrecognised(InputError):
    """No layout fits. tensors: (name, shape, dtype) of every tensor in the file, as text."""

    def __init__(self, sentence: str, tensors: list[tuple[str, str, str]]) -> None:
        super().__init__(sentence)
        self.tensors = tensors


class Group(dict[str, torch.Tensor]):
    """Tensors by the rest of their names after a common prefix."""

    def __init__(self, prefix: str, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.prefix = prefix


def generator(tensors: Tensors, where: str, choices: Choices = Choices()) -> Player:  # noqa: B008
    """The generator among named tensors. where: the name of the file, for messages.

    Of several, an averaged one (ema, avgG) is preferred, but not one whose batch norms saw no
    batch, nor one in doubt where another is not. choices: what a person decided. Raises SizeUnknown
    when a person must decide, and Unrecognised, an InputError that lists the tensors.
    """
    by_name, near_misses, _ = players(tensors, named_layouts(choices), as_generator)
    by_shape = functools.partial(any_layers, choices=choices)
    others, misfits, open_sizes = players(tensors, [by_shape], as_generator, by_name)
    recognised = [
        replace(player, notes=[*player.notes, *unused(player, tensors)])
        for player in by_name + others
    ]
    alive = [player for player in recognised if not player.dead]
    # An average whose statistics are of other weights gives way to a generator whose fit.
    sure = [player for player in alive if not player.doubts]
    candidates = sure or alive or recognised
    averaged = [player for player in candidates if is_average(player.prefix)]
    if recognised:
        return with_choices((averaged or candidates)[0], recognised, choices)
    if open_sizes:
        raise open_sizes[0]
    judges, _, _ = players(tensors, DISCRIMINATORS, as_discriminator)
    if judges and all(any(n.startswith(judge.prefix) for judge in judges) for n in tensors):
        why = f"it is a discriminator ({judges[0].words}); the generator is in another file"
    else:
        why = likeliest(near_misses) or likeliest(misfits) or NOTHING
    raise Unrecognised(
        f"No generator was recognised in {where}: {why}. Exported as ONNX, a generator of any "
        "kind can be imported.",
        listing(tensors),
    )


def unused(player: Player, tensors: Tensors) -> list[str]:
    """A sentence on weights beside a generator, in the same module, that no layer of it uses."""
    parent = re.match(r"(.*\.)?[^.]+\.$", player.prefix)
    if parent is None:
        return []
    module = parent[1] or ""
    names = [
        name
        for name, tensor in tensors.items()
        if name.startswith(module)
        and not name.startswith(player.prefix)
        and tensor.ndim > 1
        and not re.search(OTHER_NAMES, name.removeprefix(module))
    ]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"Not used: {', '.join(names[:3])}{more}."]


def with_choices(player: Player, recognised: list[Player], choices: Choices) -> Player:
    """The player that was chosen among the recognised, with notes. Raises InputError.

    It does so when a choice was made that its layout does not leave open.
    """
    if player.listed is None and (choices.activation or choices.output or choices.size):
        raise InputError(
            f"{player.words} has a size, an activation and an output of its own; leave these "
            "choices out."
        )
    dead = [one for one in recognised if one.dead and is_average(one.prefix)]
    notes = list(player.notes)
    if player.dead:
        notes.append(
            "Its batch norms never saw a batch (means of 0, variances of 1), so their statistics "
            "were estimated from new latents."
        )
    elif dead and not is_average(player.prefix):
        notes.append(
            f"{dead[0].prefix.rstrip('.')} in the file is not used: its batch norms never saw a "
            "batch (means of 0, variances of 1)."
        )
    elif not player.doubts and not is_average(player.prefix):
        notes += [
            f"{one.prefix.rstrip('.')} in the file is not used: the statistics of its batch norms "
            "do not fit its weights."
            for one in recognised
            if one.doubts and is_average(one.prefix)
        ]
    return replace(player, notes=notes)


def likeliest(misfits: list[tuple[Group, str]]) -> str:
    """Of the reasons why groups of tensors fit no layout, that of the largest.

    A group whose prefix names a generator comes before any other. Returns "" for none.
    """

    def weight(misfit: tuple[Group, str]) -> tuple[bool, int]:
        group, _ = misfit
        return bool(re.search(PLAYER_NAMES, group.prefix)), len(group)

    return max(misfits, key=weight)[1] if misfits else ""


def discriminator(tensors: Tensors, where: str) -> Player:
    """The discriminator of a known layout among named tensors. Raises Unrecognised."""
    recognised, misfits, _ = players(tensors, DISCRIMINATORS, as_discriminator)
    if recognised:
        return recognised[0]
    why = likeliest(misfits) or NOTHING
    raise Unrecognised(f"No discriminator was recognised in {where}: {why}.", listing(tensors))


def listed_discriminator(tensors: Tensors, where: str, size: int, channels: int) -> Player:
    """The discriminator among named tensors as a list of layers. Raises Unrecognised.

    size, channels: of the images of its generator.
    """

    def layout(group: Group) -> Player:
        full = {f"{group.prefix}{name}": tensor for name, tensor in group.items()}
        return layer_layout.discriminator(full, size, channels)

    recognised, misfits, _ = players(tensors, (layout,), lambda player, _: player)
    if recognised:
        return recognised[0]
    why = likeliest(misfits) or NOTHING
    raise Unrecognised(f"No discriminator was recognised in {where}: {why}.", listing(tensors))


def players(
    tensors: Tensors,
    layouts: Iterable[Callable],
    finish: Callable[[Player, str], Player],
    known: Iterable[Player] = (),
) -> tuple[list[Player], list[tuple[Group, str]], list[SizeUnknown]]:
    """(recognised networks, reasons of near misses, sizes to be chosen), over prefixes and layouts.

    The reasons come with the tensors in question. known: networks that were recognised before,
    whose tensors are left alone.
    """
    recognised: list[Player] = []
    misfits: list[tuple[Group, str]] = []
    open_sizes: list[SizeUnknown] = []
    for prefix, group in groups(tensors).items():
        if any(prefix.startswith(one.prefix) for one in recognised):
            continue  # a part of what was recognised
        if any(prefix.startswith(one.prefix) or one.prefix.startswith(prefix) for one in known):
            continue
        for layout in layouts:
            try:
                player = layout(group)
                if player is not None:
                    recognised.append(finish(player, prefix))
                    break
            except SizeUnknown as error:
                open_sizes.append(error)
            except (Misfit, InputError) as error:
                misfits.append((group, str(error).rstrip(".")))
    return recognised, misfits, open_sizes


def groups(tensors: Tensors) -> dict[str, Group]:
    """prefix -> its Group, for the empty prefix and all that end with a dot."""
    by_prefix = {"": Group("", tensors)}
    for name, tensor in tensors.items():
        places = [match.end() for match in re.finditer(r"\.", name)][:8]
        for place in places:
            prefix = name[:place]
            by_prefix.setdefault(prefix, Group(prefix, {}))[name[place:]] = tensor
    return by_prefix


def is_average(prefix: str) -> bool:
    """Whether a prefix names averaged weights."""
    words = re.split(r"[._\d]|(?<=[a-z])(?=[A-Z])", prefix)
    return any(word.lower() in AVERAGED for word in words)


def listing(tensors: Tensors) -> list[tuple[str, str, str]]:
    """(name, shape, dtype) of every tensor, as text."""
    return [
        (name, " × ".join(map(str, t.shape)) or "a number", str(t.dtype).removeprefix("torch."))
        for name, t in tensors.items()
    ]


def any_layers(group: Group, choices: Choices) -> Player:
    """A generator of any names; of the family `dcgan` where its layers are those of DCGAN."""
    full = {f"{group.prefix}{name}": tensor for name, tensor in group.items()}  # for messages
    player, links, steps = layer_layout.generator(full, "", choices, is_own_dcgan(group))
    return as_dcgan(player, links, steps, TUTORIAL)


def is_own_dcgan(group: Tensors) -> bool:
    """Whether tensors are named as in the `dcgan` of this project, whose last layer has a bias."""
    if not all(re.fullmatch(r"layers\.\d+\.\w+", name) for name in group):
        return False
    last = max((name for name in group), key=lambda name: int(name.split(".")[1]))
    return f"layers.{last.split('.')[1]}.bias" in group
