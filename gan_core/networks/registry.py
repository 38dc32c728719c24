"""Architecture families, one file each, found by name.

A family's module has `Generator` and `Discriminator`, built from the same keyword sizes; `SIZES`,
the image sizes it can draw; `NORMS`, the possible norms of its discriminator, the default first;
and `weights`, which counts the weights of both. IMPORTED are families for weights trained elsewhere
(`gan_core.importers`): they may lack a discriminator, and `SETTINGS` lists the sizes from which
their generator is built. The names are those in files and stay as they are, whatever the modules
are called.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gan_core.networks import (
    conditional,
    dcgan,
    layer_list,
    mlp,
    onnx_generator,
    pytorch_gan_dcgan,
    residual_gan,
    resize_dcgan,
    style,
)
from gan_core.util.errors import InputError

FAMILIES = {
    "dcgan": dcgan,
    "residual": residual_gan,
    "resize": resize_dcgan,
    "style": style,
    "mlp": mlp,
    "conditional": conditional,
}
IMPORTED = {"upsample": pytorch_gan_dcgan, "onnx": onnx_generator, "layers": layer_list}
SETTINGS = ("size", "channels", "nz", "ngf")
OF_DISCRIMINATOR = ("ndf", "norm", "discriminator_layers")  # what describes D in an architecture
MAX_WEIGHTS = 500_000_000  # of both networks together; 2 GB


def parameters(network: nn.Module) -> int:
    """The number of parameters of a network."""
    return sum(p.numel() for p in network.parameters())


def family(name: object) -> ModuleType:
    """The module of an architecture family, of FAMILIES or IMPORTED. Raises InputError."""
    known = FAMILIES | IMPORTED
    if not isinstance(name, str) or name not in known:
        families = ", ".join(FAMILIES)
        raise InputError(f"There is no architecture {name!r:.80}; choose one of {families}.")
    return known[name]


def of_generator(architecture: dict) -> dict:
    """The description of the generator alone."""
    return {key: value for key, value in architecture.items() if key not in OF_DISCRIMINATOR}


def build(architecture: dict) -> tuple[nn.Module, nn.Module | None]:
    """(generator, discriminator), freshly initialised, from an architecture's description.

    architecture: {"name": "dcgan", "size": 64, "channels": 3, "nz": 100, "ngf": 64, "ndf": 64},
    "norm", the norm in D, where it is not the family's default, and for the family "conditional"
    "classes", the sizes of its groups of classes, and "revision", 1 where it is missing. Without
    "ndf" the discriminator is None. The family "layers" is described by lists, see
    `layer_list.build`. Raises InputError for an unknown family or sizes that it cannot draw.
    """
    sizes = dict(architecture)
    name = sizes.pop("name", None)
    module = family(name)
    if module is layer_list:
        return layer_list.build(sizes, MAX_WEIGHTS)
    norm = sizes.pop("norm", module.NORMS[0])
    if norm not in module.NORMS:
        raise InputError(
            f"The discriminator of {name} has a norm of {' or '.join(module.NORMS)}, "
            f"not {norm!r:.80}."
        )
    groups: dict[str, Any] = {}
    if module is conditional:
        groups["classes"] = classes_of(sizes.pop("classes", None), sizes.get("nz"))
        groups["revision"] = revision_of(sizes.pop("revision", 1))
    needed = getattr(module, "SETTINGS", SETTINGS)
    judged = "ndf" in sizes and hasattr(module, "Discriminator")
    if set(sizes) - ({"ndf"} if judged else set()) != set(needed):
        raise InputError(
            f"The architecture {name} is described by {', '.join(needed)} and for D by ndf, "
            f"not by {', '.join(sizes) or 'nothing':.200}."
        )
    for key, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65536:
            raise InputError(
                f"The architecture's {key} is {value!r:.80}; it must be from 1 to 65536."
            )
    if sizes["size"] not in module.SIZES:
        raise InputError(
            f"{name} draws images of {in_words(module.SIZES)} pixels a side, "
            f"not {sizes['size']}; pack the training set at one of these sizes."
        )
    if sizes["channels"] not in (1, 3):
        raise InputError(f"Images have 1 or 3 channels, not {sizes['channels']}.")
    count = module.weights(**{"ndf": 0, **sizes}, **groups)  # counted before any memory is taken
    if count > MAX_WEIGHTS:
        raise InputError(
            f"The architecture has {count // 10**6:,} million weights; "
            f"at most {MAX_WEIGHTS // 10**6:,} million can be built."
        )
    generator = module.Generator(**{key: sizes[key] for key in needed}, **groups)
    if not judged:
        return generator, None
    judge = module.Discriminator(sizes["size"], sizes["channels"], sizes["ndf"], norm, **groups)
    return generator, judge


def classes_of(groups: object, nz: object) -> tuple[int, ...]:
    """The sizes of the groups of classes in an architecture's description; raises InputError."""
    listed = tuple(groups) if isinstance(groups, list | tuple) else ()
    whole = all(type(n) is int and n > 0 for n in listed)
    if not whole or not listed or not isinstance(nz, int) or sum(listed) >= nz:
        raise InputError(
            "A conditional architecture lists the sizes of its groups of classes, such as [10]; "
            f"together they are fewer than the {nz} coordinates of z. It has {groups!r:.80}."
        )
    return listed


def revision_of(number: object) -> int:
    """The revision in a conditional architecture's description; raises InputError."""
    if type(number) is not int or number not in conditional.REVISIONS:
        known = " and ".join(map(str, conditional.REVISIONS))
        raise InputError(
            f"The architecture's revision is {number!r:.80}; this version knows {known}."
        )
    return number


def outline(architecture: dict) -> tuple[nn.Module, nn.Module | None]:
    """The networks of `build` on the device "meta": shapes and dtypes of weights without memory.

    `gan_core.checkpoint.fill` gives them weights. Raises InputError as `build` does.
    """
    with torch.device("meta"), Uninitialised():
        return build(architecture)


# What layers and spectral norm compute when they are made, and something of the same shape.
NEEDLESS: dict[Callable, Callable] = {
    torch.Tensor.normal_: lambda tensor, *_, **__: tensor,
    torch.Tensor.uniform_: lambda tensor, *_, **__: tensor,
    torch.nn.functional.normalize: lambda x, *_, out=None, **__: x if out is None else out,
    torch.mv: lambda matrix, _: matrix[:, 0],
    torch.vdot: lambda vector, _: vector[0],
    torch.Tensor.div: lambda tensor, _: tensor,
    torch.Tensor.__truediv__: lambda tensor, _: tensor,
}


class Uninitialised(TorchFunctionMode):
    """A context in which torch.nn.init and NEEDLESS do nothing.

    On the device "meta" PyTorch draws random numbers in Python and imports its compiler to do so:
    seconds and many megabytes for numbers that nobody uses.
    """

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function in NEEDLESS:
            return NEEDLESS[function](*args, **(kwargs or {}))
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **(kwargs or {}))


def in_words(sizes: Sequence[int]) -> str:
    """The sizes that a family can draw, as text."""
    if isinstance(sizes, range):
        steps = "" if sizes.step == 1 else f" in steps of {sizes.step}"
        return f"{sizes[0]} to {sizes[-1]}{steps}"
    return ", ".join(map(str, sizes))
