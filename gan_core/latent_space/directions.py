"""Meaningful directions in the latent space: unit vectors with their measured effects.

Named, from samples that a classifier labelled:
    difference_of_means(z, labels)   from the mean latent without an attribute to the one with it
    normal(z, labels)                the normal of a linear classifier's boundary (Shen et al. 2020)
    conditional(direction, locked)   its component orthogonal to other directions
Unnamed, from the generator alone:
    principal_components(model)      of G's first activations (GANSpace, Härkönen et al. 2020)
    factors(model)                   of G's first weights (SeFa, Shen and Zhou 2021)

`effects` measures how a direction changes every attribute. `save` and `load` store directions in
the checkpoint; they are valid for the weights that they were made for.
`gan_core.latent_space.discover_directions` finds and measures all of them at once.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from gan_core import export_onnx, spaces
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model, digest_in_w
from gan_core.util import checked_safetensors, json_values
from gan_core.util.errors import InputError

FORMAT = 1
FILE = "directions.safetensors"
FILE_IN_W = "directions_w.safetensors"  # those of the latent space w
KINDS = ("difference", "normal", "conditional", "component", "factor", "own")
MEASUREMENTS = ("effects", "moves", "leakage")  # of a direction, by the attribute classifier
# A file's entry for one direction, see gan_core.util.json_values.
ENTRY = {
    "name": json_values.TEXT,
    "kind": json_values.TEXT,
    "about": {
        "attribute?": json_values.TEXT,
        "n?": json_values.COUNT,
        "seed?": json_values.COUNT,
        "labelled?": json_values.COUNT,
        "with_it?": json_values.COUNT,
        "effects?": {json_values.ANY: json_values.NUMBER},
        "moves?": json_values.TEXT,
        "leakage?": json_values.NUMBER,
        "made_of?": {json_values.ANY: json_values.NUMBER},
        "locked?": [json_values.TEXT],
        "made?": json_values.TEXT,
    },
}
DISCOVERED = ("difference", "normal", "component", "factor")  # found by a program, not a person


@dataclass(frozen=True)
class Direction:
    """name: shown to people. vector: float32 (nz,), of length 1. kind: one of KINDS.
    about: how it was made and its effects, plain JSON types: attribute, n, seed, effects."""

    name: str
    vector: np.ndarray
    kind: str = "own"
    about: dict[str, Any] = field(default_factory=dict)


def unit(vector: ArrayLike) -> np.ndarray:
    """A vector scaled to length 1, float32 (nz,).

    vector: float (nz,). Raises InputError for length 0 and for numbers that are not finite.
    """
    vector = np.asarray(vector, np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise InputError("A direction must have finite numbers and a length above 0.")
    return (vector / length).astype(np.float32)


def difference_of_means(z: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The unit vector from the mean latent without an attribute to the mean with it.

    z: float (n, nz). labels: bool (n,). Returns float32 (nz,). Raises InputError when all samples
    have the attribute or none has.
    """
    z, labels = check_labels(z, labels)
    return unit(z[labels].mean(0) - z[~labels].mean(0))


def normal(z: ArrayLike, labels: ArrayLike, penalty: float = 1e-2, steps: int = 25) -> np.ndarray:
    """The unit normal of the plane that best separates samples with an attribute from the others.

    A logistic regression fitted by Newton's method; penalty · ‖w‖² / 2 is added to its mean loss.
    The normal points towards the samples with the attribute. Unlike the difference of means it
    accounts for how the latents vary. Shapes and errors are those of `difference_of_means`.
    """
    z, labels = check_labels(z, labels)
    inputs = np.concatenate([z, np.ones((len(z), 1))], 1)
    weights = np.zeros(inputs.shape[1])
    held = np.full(inputs.shape[1], penalty)
    held[-1] = 1e-9  # the offset is not penalised
    for _ in range(steps):
        p = 0.5 * (1 + np.tanh(0.5 * np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (p - labels) / len(z) + held * weights
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs / len(z) + np.diag(held)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return unit(weights[:-1])


def check_labels(z: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Latents and labels as float64 (n, nz) and bool (n,).

    Raises InputError when they do not fit together, are not finite, or the labels are all equal.
    """
    z, labels = np.asarray(z, np.float64), np.asarray(labels, bool)
    if z.ndim != 2 or labels.shape != (len(z),):
        raise InputError("Directions need latents (n, nz) and as many labels.")
    if not np.isfinite(z).all():
        raise InputError("A latent holds a number that is not finite.")
    if labels.all() or not labels.any():
        raise InputError(
            "All samples have the same label for this attribute, so it has no direction; "
            "label more samples."
        )
    return z, labels


def conditional(direction: ArrayLike, locked: ArrayLike) -> np.ndarray:
    """The component of a direction orthogonal to the locked ones: float32 (nz,), of length 1.

    direction: float (nz,). locked: float (k, nz), any k. Moving along it does not change, to first
    order, what the locked directions measure (Shen et al. 2020, section 3.3). Raises InputError
    when nothing of it is left.
    """
    direction = np.asarray(direction, np.float64)
    locked = np.asarray(locked, np.float64).reshape(-1, len(direction))
    _, sizes, basis = np.linalg.svd(locked, full_matrices=False)
    basis = basis[sizes > 1e-6 * max(sizes.max(initial=0), 1e-12)]
    left = direction - (direction @ basis.T) @ basis
    if np.linalg.norm(left) < 1e-4 * np.linalg.norm(direction):
        raise InputError("The locked directions leave nothing of this one; unlock one of them.")
    return unit(left)


def first_layer(generator: nn.Module) -> np.ndarray:
    """The weights applied to the latent, float64 (outputs, nz), with batch norms folded in.

    Raises InputError for a generator that begins with neither a linear layer nor a transposed
    convolution. In the latent space w they are the weights that scale the channels of every
    convolution. Those of a class are 0: it is chosen, and no direction leads there.
    """
    if isinstance(generator, spaces.CentredSynthesis):
        return generator.styles()
    layer = _first(export_onnx.fold(generator))
    weights = layer.weight.detach().double()
    # A transposed convolution has its inputs first, a linear layer its outputs.
    seen = (weights.flatten(1).T if isinstance(layer, nn.ConvTranspose2d) else weights).numpy()
    chosen = sum(getattr(generator, "classes", ()))
    if getattr(generator, "revision", 1) > 1:  # of a conditional model whose layer sees the class
        seen = seen[:, chosen:]
    return np.pad(seen, ((0, 0), (chosen, 0)))


def _first(generator: nn.Module) -> nn.Linear | nn.ConvTranspose2d:
    for module in generator.modules():
        if isinstance(module, nn.Linear | nn.ConvTranspose2d):
            return module
    raise InputError("This generator has no first layer from which directions could be computed.")


def factors(model: Model, k: int = 10) -> np.ndarray:
    """The k directions that G's first layer amplifies most, float32 (k, nz), the strongest first.

    SeFa's closed form: eigenvectors of AᵀA for the first weights A. They are orthogonal to one
    another. The sign of each is chosen so that its largest coordinate is positive.
    """
    weights = first_layer(model.generator)
    _, vectors = np.linalg.eigh(weights.T @ weights)
    return signed(vectors[:, ::-1].T[: check_k(model, k)])


def principal_components(model: Model, k: int = 10, n: int = 1024, seed: int = 0) -> np.ndarray:
    """The k directions of the latent space along which G's first activations vary most.

    GANSpace: principal components of the activations after the first layer and its ReLU over n
    samples, then the regression of the latents on each component's coordinate. Without a ReLU the
    layer's own outputs are used. In the latent space w they are the principal components of w
    itself, as in GANSpace for StyleGAN. Returns float32 (k, nz), the strongest first, with signs
    as in `factors`. Raises InputError when the activations never change.
    """
    z = model.prior.sample(n, seed)
    in_w = isinstance(model.generator, spaces.CentredSynthesis)
    acts = z.astype(np.float64) if in_w else activations(model.generator, z)
    acts -= acts.mean(0)
    # n samples have at most n components, and the n × n Gram matrix gives them.
    sizes, left = np.linalg.eigh(acts @ acts.T)
    chosen = left[:, ::-1][:, : check_k(model, min(k, n - 1))]
    if sizes[-1] <= 0:
        raise InputError(f"The first activations of {model.name} never change.")
    return signed(chosen.T @ (z - z.mean(0)))


def activations(generator: nn.Module, z: np.ndarray) -> np.ndarray:
    """G's activations after its first ReLU, for latents float32 (n, nz): float64 (n, m)."""
    rectified = (m for m in generator.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU))
    module = next(rectified, None) or _first(generator)
    parts: list[torch.Tensor] = []

    def capture(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        parts.append(output.flatten(1).double())
        raise _Captured  # the layers after it are not needed

    hook = module.register_forward_hook(capture)
    try:
        with torch.inference_mode():
            for part in torch.from_numpy(z).split(64):
                with contextlib.suppress(_Captured):
                    generator(part)
    finally:
        hook.remove()
    return torch.cat(parts).numpy()


class _Captured(Exception):
    """Ends the forward pass once the activations are captured."""


def check_k(model: Model, k: int) -> int:
    """k itself; raises InputError unless the model has that many directions."""
    if not 1 <= k <= model.prior.size:
        raise InputError(f"k is {k}; {model.name} has from 1 to {model.prior.size} directions.")
    return k


def signed(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors whose coordinate of the largest size is positive; float32 (k, nz)."""
    units = np.stack([unit(vector) for vector in vectors])
    largest = np.abs(units).argmax(1)[:, None]
    return units * np.sign(np.take_along_axis(units, largest, 1))


def effects(
    model: Model,
    classifier: Classifier,
    vectors: Sequence[ArrayLike] | np.ndarray,
    n: int = 256,
    seed: int = 0,
    step: float = 1.0,
) -> np.ndarray:
    """The effect of directions on each attribute: change of its probability per unit step.

    vectors: float (k, nz), of length 1. The effect is the mean over the samples of n seeds of
    (p(z + step·v) − p(z − step·v)) / (2·step). Returns float64 (k, A), columns as in
    classifier.names. Effects on attributes other than the intended one are leakage.
    """
    # In parts of one batch, so that others who generate meanwhile wait for no more than one.
    parts = np.array_split(model.prior.sample(n, seed), max(1, -(-n // 64)))
    rows = []
    for vector in np.asarray(vectors, np.float32):
        change = [
            classifier.predict(model.generate(z + step * vector))
            - classifier.predict(model.generate(z - step * vector))
            for z in parts
        ]
        rows.append(np.concatenate(change).mean(0, dtype=np.float64) / (2 * step))
    return np.array(rows).reshape(-1, len(classifier.names))


def describe(
    model: Model,
    classifier: Classifier,
    vectors: Sequence[ArrayLike] | np.ndarray,
    n: int = 256,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """`effects` by attribute name: for each vector a dict of plain JSON types.

    effects: {recognised attribute: change of its probability per unit step}. moves: the attribute
    it changes most, None where none is recognised. leakage: the largest other effect over that one.
    """
    names, columns = classifier.recognised, [classifier.column(n) for n in classifier.recognised]
    rows = []
    for row in effects(model, classifier, vectors, n, seed)[:, columns]:
        by_name = dict(zip(names, row.tolist(), strict=True))
        moves = max(by_name, key=lambda name: abs(by_name[name])) if by_name else None
        about = {"effects": by_name, "n": n, "seed": seed, "moves": moves}
        rows.append(about | {"leakage": leakage(by_name, moves)})
    return rows


def leakage(effects: Mapping[str, float], name: str | None) -> float | None:
    """The largest effect on another attribute over that on `name`; None where that is 0."""
    others = [abs(value) for other, value in effects.items() if other != name]
    own = abs(effects.get(name, 0)) if name is not None else 0
    return max(others, default=0.0) / own if own else None


def of_attributes(
    model: Model,
    classifier: Classifier,
    n: int = 4096,
    seed: int = 0,
    measured: int = 256,
    report: Callable[[str], object] = lambda words: None,
) -> list[Direction]:
    """Both directions of every recognised attribute, from n samples that the classifier labelled.

    measured: samples over which effects are measured. report(words): called before each piece of
    work. Attributes that all of the samples have, or none, are skipped.
    """
    blocks, result = [], []
    for start in range(0, n, label_cache.BLOCK):
        count = min(label_cache.BLOCK, n - start)
        report(f"Labelling samples {start + 1:,} to {start + count:,} of {n:,}")
        blocks.append(label_cache.probabilities(model, classifier, count, seed + start))
    probabilities, z = np.concatenate(blocks), model.prior.sample(n, seed)
    for name in classifier.recognised:
        report(f"Measuring the directions of {readable_name(name)}")
        labels = probabilities[:, classifier.column(name)] >= 0.5
        if labels.all() or not labels.any():
            continue
        made = {"difference": difference_of_means(z, labels), "normal": normal(z, labels)}
        measures = describe(model, classifier, list(made.values()), measured, seed)
        for (kind, vector), about in zip(made.items(), measures, strict=True):
            about |= {"attribute": name, "labelled": n, "with_it": int(labels.sum())}
            about["leakage"] = leakage(about["effects"], name)
            result.append(Direction(f"{name} ({kind})", vector, kind, about))
    return result


def unnamed(
    model: Model,
    classifier: Classifier | None = None,
    k: int = 10,
    measured: int = 256,
    seed: int = 0,
    report: Callable[[str], object] = lambda words: None,
) -> list[Direction]:
    """Principal components and factors, k each, with the attribute that each changes most.

    Without a classifier their effects are not measured. report(words): as in `of_attributes`.
    """
    result = []
    makers: dict[str, Callable[[Model, int], np.ndarray]] = {
        "component": principal_components,
        "factor": factors,
    }
    for kind, make in makers.items():
        report(f"Finding the first {k} {kind}s")
        for i, vector in enumerate(make(model, k), 1):
            about = {}
            if classifier is not None:
                report(f"Measuring {kind} {i}")
                about = describe(model, classifier, [vector], measured, seed)[0]
            result.append(Direction(f"{kind} {i}", vector, kind, about))
    return result


def file_of(model: Model) -> Path:
    """The path of a Model's directions; each latent space has a file of its own."""
    return Path(model.directory) / (FILE if model.space == "z" else FILE_IN_W)


def save(model: Model, directions: Sequence[Direction], path: str | Path | None = None) -> None:
    """Write directions into a Model's checkpoint, replacing those in it.

    path: another file to write instead. Raises InputError when two have the same name, or a vector
    has another size or is not finite.
    """
    names = [direction.name for direction in directions]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"Two directions are called {min(twice)!r}; give each its own name.")
    for direction in directions:
        if direction.kind not in KINDS:
            raise InputError(f"{direction.kind!r} is not a kind of direction.")
        shape = np.shape(direction.vector)
        if shape != (model.prior.size,) or not np.isfinite(direction.vector).all():
            raise InputError(
                f"{direction.name} is not {model.prior.size} finite numbers, as a direction of "
                f"{model.name} must be."
            )
    vectors = [np.asarray(direction.vector, np.float32) for direction in directions]
    about = {
        "format": FORMAT,
        "generator": model.digest,
        "directions": [{"name": d.name, "kind": d.kind, "about": d.about} for d in directions],
    }
    whole = np.stack(vectors) if vectors else np.empty((0, model.prior.size), np.float32)
    checked_safetensors.save(path or file_of(model), {"vectors": whole}, about)


def load(
    model: Model, path: str | Path | None = None, measurements: bool = True
) -> list[Direction]:
    """The directions in a Model's checkpoint; an empty list where it has none.

    path: another file that `save` wrote. measurements: False leaves out what the file says was
    measured, unread. Raises InputError when the file is damaged or was made for other weights.
    """
    path = Path(path) if path else file_of(model)
    if not path.exists():
        return []
    remedy = "remove it, and find directions again"
    arrays, about, _ = checked_safetensors.load(path, remedy)
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is of format {about.get('format')!r}; {remedy}.")
    if about.get("generator") != model.digest:
        digest = model.card["files"]["generator.safetensors"]
        if about.get("generator") in (digest, digest_in_w(digest)):
            other = "w" if model.space == "z" else "z"
            raise InputError(
                f"{path} holds directions of the latent space {other}; use {model.name} in {other}."
            )
        raise InputError(
            f"{path} was made for other weights than {model.name} {model.hash}; {remedy}."
        )
    vectors, entries = arrays.get("vectors"), about.get("directions")
    if not measurements and isinstance(entries, list):
        entries = list(map(without_measurements, entries))
    good = (
        isinstance(entries, list)
        and all(map(is_entry, entries))
        and vectors is not None
        and vectors.shape == (len(entries), model.prior.size)
        and vectors.dtype == np.float32
        and np.isfinite(vectors).all()
    )
    if not good or vectors is None or entries is None:
        raise InputError(f"{path} does not match its own description; {remedy}.")
    return [
        Direction(entry["name"], vector, entry["kind"], entry["about"])
        for entry, vector in zip(entries, vectors, strict=True)
    ]


def without_measurements(entry: Any) -> Any:
    """A file's entry for one direction without its measurements."""
    about = entry.get("about") if isinstance(entry, dict) else None
    if not isinstance(about, dict):
        return entry
    rest = {name: value for name, value in about.items() if name not in MEASUREMENTS}
    return entry | {"about": rest}


def is_entry(entry: Any) -> bool:
    """Whether a file's entry for one direction has the types that `save` writes."""
    return (
        json_values.misfit(entry, ENTRY) == ""
        and entry["kind"] in KINDS
        # A discovered direction is named after its attribute.
        and (
            entry["kind"] not in DISCOVERED[:2] or isinstance(entry["about"].get("attribute"), str)
        )
        and (entry["about"].get("moves") or None) in (None, *(entry["about"].get("effects") or {}))
    )
