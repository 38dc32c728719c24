"""Weights that a file keeps in parts, as spectral and weight normalisation do, made whole.

In eval mode both normalisations are constants: spectral norm divides a weight by its largest
singular value u·W·v, of which u and v are stored; weight norm scales a direction to a length.
"""

import re

import torch

Tensors = dict[str, torch.Tensor]
OLD = re.compile(r"(.*\.|)weight_(orig|u|v|g)")
NEW = re.compile(r"(.*\.|)parametrizations\.weight\.(original|original0|original1|0\._u|0\._v)")


def fold(tensors: Tensors) -> Tensors:
    """The named tensors with weights in one piece, in their order.

    Read are the keys of `torch.nn.utils.spectral_norm` and `weight_norm` (`weight_orig`,
    `weight_u`, `weight_v`, `weight_g`) and of `torch.nn.utils.parametrizations`. Parts that are
    incomplete stay as they are.
    """
    parts: dict[str, Tensors] = {}
    for name, tensor in tensors.items():
        match = OLD.fullmatch(name) or NEW.fullmatch(name)
        if match:
            parts.setdefault(match[1], {})[match[2]] = tensor
    wholes = {owner: whole(group) for owner, group in parts.items()}
    folded: Tensors = {}
    for name, tensor in tensors.items():
        match = OLD.fullmatch(name) or NEW.fullmatch(name)
        weight = wholes[match[1]] if match else None
        if match is None or weight is None:
            folded[name] = tensor
        else:
            folded.setdefault(f"{match[1]}weight", weight)
    return folded


def whole(parts: Tensors) -> torch.Tensor | None:
    """The weight that stored parts make, or None when they are incomplete."""
    direction = parts.get("original1", parts.get("weight_v", parts.get("v")))
    length = parts.get("original0", parts.get("g"))
    if length is not None and direction is not None:
        return lengthened(direction.float(), length.float())
    weight = parts.get("original", parts.get("orig"))
    u, v = parts.get("0._u", parts.get("u")), parts.get("0._v", parts.get("v"))
    if weight is None or u is None or weight.ndim < 2:
        return None
    return divided(weight.float(), u.float(), None if v is None else v.float())


def lengthened(direction: torch.Tensor, length: torch.Tensor) -> torch.Tensor | None:
    """Weight norm: the direction scaled to a length, over all axes along which that is 1 long."""
    if length.ndim != direction.ndim:
        return None
    over = [axis for axis, side in enumerate(length.shape) if side == 1]
    if not over:
        return None
    return direction * (length / direction.square().sum(over, keepdim=True).sqrt())


def divided(weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor | None) -> torch.Tensor | None:
    """Spectral norm: the weight divided by u·W·v.

    W has the axis in front along which u lies: the first of a convolution, the second of a
    transposed one. Where both are as long, the one for which u and v are singular vectors.
    """
    largest: torch.Tensor | None = None
    for axis in (0, 1):
        matrix = weight.movedim(axis, 0).flatten(1)
        if matrix.shape[0] != u.numel() or (v is not None and matrix.shape[1] != v.numel()):
            continue
        right = v if v is not None else torch.nn.functional.normalize(matrix.T @ u, dim=0)
        sigma = torch.dot(u, matrix @ right)
        if largest is None or sigma.abs() > largest.abs():
            largest = sigma
    return None if largest is None else weight / largest
