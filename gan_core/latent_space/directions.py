"""Directions in the latent space that mean something, each a unit vector with what it does.

Named, from samples that a classifier labelled:
    difference_of_means(z, labels)   from the mean latent without an attribute to the one with it
    normal(z, labels)                the normal of a linear classifier's boundary (Shen et al. 2020)
    conditional(direction, locked)   what is left of it at right angles to others
Unnamed, from the generator alone:
    principal_components(model)      of G's first activations (GANSpace, Härkönen et al. 2020)
    factors(model)                   of G's first weights (SeFa, Shen and Zhou 2021)

`effects` measures what a direction does to every attribute; `save` and `load` keep directions
with the checkpoint, for as long as it holds the weights that they were made for.
`gan_core.latent_space.discover_directions` finds and measures all of them at once.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gan_core import export_onnx
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import readable_name
from gan_core.util import checked_safetensors, json_values
from gan_core.util.errors import InputError

FORMAT = 1
FILE = "directions.safetensors"
KINDS = ("difference", "normal", "conditional", "component", "factor", "own")
# What a file tells of one direction, see gan_core.util.json_values.
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
FOUND = ("difference", "normal", "component", "factor")  # by a program; the others by a person


@dataclass(frozen=True)
class Direction:
    """name: what it is called. vector: float32 (nz,), of length 1. kind: one of KINDS.
    about: how it was made and what it does, plain JSON types: attribute, n, seed, effects."""

    name: str
    vector: np.ndarray
    kind: str = "own"
    about: dict = field(default_factory=dict)


def unit(vector):
    """A vector at length 1, float32 (nz,). Raises InputError for length 0 or what is not finite."""
    vector = np.asarray(vector, np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise InputError("A direction needs a length above 0 and finite numbers; this one has not.")
    return (vector / length).astype(np.float32)


def difference_of_means(z, labels):
    """The unit vector from the mean latent without an attribute to the mean with it.

    z: float (n, nz). labels: bool (n,). Returns float32 (nz,). Raises InputError when all samples
    have it or none has.
    """
    z, labels = check_labels(z, labels)
    return unit(z[labels].mean(0) - z[~labels].mean(0))


def normal(z, labels, penalty=1e-2, steps=25):
    """The unit normal of the plane that best parts samples with an attribute from those without.

    A logistic regression fitted by Newton's method; penalty · ‖w‖² / 2 is added to its mean loss.
    It turns towards those with the attribute. Unlike the difference of means it takes account of
    how the latents vary. Shapes and errors as in `difference_of_means`.
    """
    z, labels = check_labels(z, labels)
    inputs = np.concatenate([z, np.ones((len(z), 1))], 1)
    weights = np.zeros(inputs.shape[1])
    held = np.full(inputs.shape[1], penalty)
    held[-1] = 1e-9  # the offset is free
    for _ in range(steps):
        p = 0.5 * (1 + np.tanh(0.5 * np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (p - labels) / len(z) + held * weights
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs / len(z) + np.diag(held)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return unit(weights[:-1])


def check_labels(z, labels):
    z, labels = np.asarray(z, np.float64), np.asarray(labels, bool)
    if z.ndim != 2 or labels.shape != (len(z),):
        raise InputError("Directions need latents (n, nz) and as many labels.")
    if not np.isfinite(z).all():
        raise InputError("A latent holds a number that is not finite.")
    if labels.all() or not labels.any():
        raise InputError(
            "All samples are alike in this attribute, so there is no direction of it; "
            "label more samples."
        )
    return z, labels


def conditional(direction, locked):
    """A direction at right angles to those that are locked: float32 (nz,), of length 1.

    direction: float (nz,). locked: float (k, nz), any k. Moving along it changes nothing, to first
    order, in what the locked ones measure (Shen et al. 2020, section 3.3). Raises InputError when
    nothing of it is left.
    """
    direction = np.asarray(direction, np.float64)
    locked = np.asarray(locked, np.float64).reshape(-1, len(direction))
    _, sizes, basis = np.linalg.svd(locked, full_matrices=False)
    basis = basis[sizes > 1e-6 * max(sizes.max(initial=0), 1e-12)]
    left = direction - (direction @ basis.T) @ basis
    if np.linalg.norm(left) < 1e-4 * np.linalg.norm(direction):
        raise InputError("The locked directions leave nothing of this one; unlock one of them.")
    return unit(left)


def first_layer(generator):
    """The weights that meet the latent, float64 (outputs, nz), batch norms folded in.

    Raises InputError for a generator that begins with neither a linear layer nor a transposed
    convolution.
    """
    layer = _first(export_onnx.fold(generator))
    weights = layer.weight.detach().double()
    # A transposed convolution keeps its inputs first, a linear layer its outputs.
    return (weights.flatten(1).T if isinstance(layer, nn.ConvTranspose2d) else weights).numpy()


def _first(generator):
    for module in generator.modules():
        if isinstance(module, nn.Linear | nn.ConvTranspose2d):
            return module
    raise InputError("This generator has no first layer that a direction could be read from.")


def factors(model, k=10):
    """The k directions that G's first layer makes most of, float32 (k, nz), the strongest first.

    SeFa's closed form: eigenvectors of AᵀA for the first weights A. They are at right angles to
    one another; each one's sign is such that its largest coordinate is above 0.
    """
    weights = first_layer(model.generator)
    _, vectors = np.linalg.eigh(weights.T @ weights)
    return signed(vectors[:, ::-1].T[: check_k(model, k)])


def principal_components(model, k=10, n=1024, seed=0):
    """The k directions of the latent space along which G's first activations vary most.

    GANSpace: principal components of the activations after the first layer and its ReLU over n
    samples, then for each the latents' regression on its coordinate. Where there is no ReLU the
    layer's own outputs are taken. Returns float32 (k, nz), strongest first, signed as `factors`.
    """
    z = model.prior.sample(n, seed)
    acts = activations(model.generator, z)
    acts -= acts.mean(0)
    # Of n samples there are n components at most, and a Gram matrix of n × n tells them.
    sizes, left = np.linalg.eigh(acts @ acts.T)
    chosen = left[:, ::-1][:, : check_k(model, min(k, n - 1))]
    if sizes[-1] <= 0:
        raise InputError(f"The first activations of {model.name} never change.")
    return signed(chosen.T @ (z - z.mean(0)))


def activations(generator, z):
    """G's first activations of latents float32 (n, nz), after its first ReLU: float64 (n, m)."""
    rectified = (m for m in generator.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU))
    module, parts = next(rectified, None) or _first(generator), []

    def keep(module, given, out):
        parts.append(out.flatten(1).double())
        raise _Seen  # what the layers after it make of it is of no use here

    hook = module.register_forward_hook(keep)
    try:
        with torch.inference_mode():
            for part in torch.from_numpy(z).split(64):
                with contextlib.suppress(_Seen):
                    generator(part)
    finally:
        hook.remove()
    return torch.cat(parts).numpy()


class _Seen(Exception):
    """The activations are there; ends the forward pass."""


def check_k(model, k):
    if not 1 <= k <= model.prior.size:
        raise InputError(f"k is {k}; {model.name} has from 1 to {model.prior.size} directions.")
    return k


def signed(vectors):
    """Unit vectors whose largest coordinate, by its size, is above 0; float32 (k, nz)."""
    vectors = np.stack([unit(vector) for vector in vectors])
    largest = np.abs(vectors).argmax(1)[:, None]
    return vectors * np.sign(np.take_along_axis(vectors, largest, 1))


def effects(model, classifier, vectors, n=256, seed=0, step=1.0):
    """What directions do to each attribute: change of its probability per unit step.

    vectors: float (k, nz), of length 1. Over the samples of n seeds, the mean of
    (p(z + step·v) − p(z − step·v)) / (2·step). Returns float64 (k, A), columns as
    classifier.names. The attribute meant is the effect; the others are the leakage.
    """
    # In parts of one batch, so that nobody who draws beside it waits for more than that.
    parts = np.array_split(model.prior.sample(n, seed), max(1, -(-n // 64)))
    found = []
    for vector in np.asarray(vectors, np.float32):
        change = [
            classifier.predict(model.generate(z + step * vector))
            - classifier.predict(model.generate(z - step * vector))
            for z in parts
        ]
        found.append(np.concatenate(change).mean(0, dtype=np.float64) / (2 * step))
    return np.array(found).reshape(-1, len(classifier.names))


def describe(model, classifier, vectors, n=256, seed=0):
    """`effects` in words: for each vector a dict of plain JSON types.

    effects: {recognised attribute: change of its probability per unit step}. moves: the attribute
    it moves most; None where none is recognised. leakage: the largest other effect over that one.
    """
    names, columns = classifier.recognised, [classifier.column(n) for n in classifier.recognised]
    found = []
    for row in effects(model, classifier, vectors, n, seed)[:, columns]:
        about = {"effects": dict(zip(names, row.tolist(), strict=True)), "n": n, "seed": seed}
        sizes = dict(zip(names, np.abs(row).tolist(), strict=True))
        about["moves"] = max(sizes, key=sizes.get) if sizes else None
        about["leakage"] = leakage(about["effects"], about["moves"])
        found.append(about)
    return found


def leakage(effects, name):
    """The largest effect on another attribute over that on `name`; None where that is 0."""
    others = [abs(value) for other, value in effects.items() if other != name]
    own = abs(effects.get(name, 0))
    return max(others, default=0.0) / own if own else None


def of_attributes(model, classifier, n=4096, seed=0, measured=256, told=lambda words: None):
    """Both directions of every recognised attribute, from n samples that the classifier labelled.

    measured: samples over which effects are measured. told(words): called before each piece of
    work. Returns a list of Direction. Attributes that all of the samples have, or none, are left
    out.
    """
    probabilities, found = [], []
    for start in range(0, n, label_cache.BLOCK):
        told(f"Labelling sample {start + 1:,} and the next, of {n:,}")
        count = min(label_cache.BLOCK, n - start)
        probabilities.append(label_cache.probabilities(model, classifier, count, seed + start))
    probabilities, z = np.concatenate(probabilities), model.prior.sample(n, seed)
    for name in classifier.recognised:
        told(f"Measuring the directions of {readable_name(name)}")
        labels = probabilities[:, classifier.column(name)] >= 0.5
        if labels.all() or not labels.any():
            continue
        made = {"difference": difference_of_means(z, labels), "normal": normal(z, labels)}
        measures = describe(model, classifier, list(made.values()), measured, seed)
        for (kind, vector), about in zip(made.items(), measures, strict=True):
            about |= {"attribute": name, "labelled": n, "with_it": int(labels.sum())}
            about["leakage"] = leakage(about["effects"], name)
            found.append(Direction(f"{name} ({kind})", vector, kind, about))
    return found


def unnamed(model, classifier=None, k=10, measured=256, seed=0, told=lambda words: None):
    """Principal components and factors, k each, with the attribute each moves most.

    Without a classifier nothing is told of attributes. told(words): as in `of_attributes`.
    """
    found = []
    for kind, make in {"component": principal_components, "factor": factors}.items():
        told(f"Finding the first {k} {kind}s")
        for i, vector in enumerate(make(model, k), 1):
            about = {}
            if classifier is not None:
                told(f"Measuring {kind} {i}")
                about = describe(model, classifier, [vector], measured, seed)[0]
            found.append(Direction(f"{kind} {i}", vector, kind, about))
    return found


def save(model, directions, path=None):
    """Write a list of Direction into a Model's checkpoint, in place of those that are there.

    path: another file to write them into. Raises InputError for two of one name, or a vector of
    another size or that is not finite.
    """
    names = [direction.name for direction in directions]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"Two directions are called {min(twice)!r}; give each its own name.")
    for direction in directions:
        if direction.kind not in KINDS:
            raise InputError(f"{direction.kind!r} is no kind of direction.")
        shape = np.shape(direction.vector)
        if shape != (model.prior.size,) or not np.isfinite(direction.vector).all():
            raise InputError(
                f"{direction.name} is not {model.prior.size} finite numbers, as a direction of "
                f"{model.name} must be."
            )
    vectors = [np.asarray(direction.vector, np.float32) for direction in directions]
    about = {
        "format": FORMAT,
        "generator": model.card["files"]["generator.safetensors"],
        "directions": [{"name": d.name, "kind": d.kind, "about": d.about} for d in directions],
    }
    whole = np.stack(vectors) if vectors else np.empty((0, model.prior.size), np.float32)
    checked_safetensors.save(path or Path(model.directory) / FILE, {"vectors": whole}, about)


def load(model, path=None):
    """The directions in a Model's checkpoint, a list of Direction; empty where it has none.

    path: another file that `save` wrote. Raises InputError when the file is damaged or was made
    for other weights.
    """
    path = Path(path or Path(model.directory) / FILE)
    if not path.exists():
        return []
    remedy = "remove it, and find directions again"
    arrays, about, _ = checked_safetensors.load(path, remedy)
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is of format {about.get('format')!r}; {remedy}.")
    if about.get("generator") != model.card["files"]["generator.safetensors"]:
        raise InputError(
            f"{path} was made for other weights than {model.name} {model.hash}; {remedy}."
        )
    vectors, entries = arrays.get("vectors"), about.get("directions")
    good = (
        isinstance(entries, list)
        and all(map(is_entry, entries))
        and vectors is not None
        and vectors.shape == (len(entries), model.prior.size)
        and vectors.dtype == np.float32
        and np.isfinite(vectors).all()
    )
    if not good:
        raise InputError(f"{path} does not fit its own description; {remedy}.")
    return [
        Direction(entry["name"], vector, entry["kind"], entry["about"])
        for entry, vector in zip(entries, vectors, strict=True)
    ]


def is_entry(entry):
    """Whether what a file tells of one direction has the kinds that `save` writes."""
    return (
        json_values.misfit(entry, ENTRY) == ""
        and entry["kind"] in KINDS
        # What a program found is called by its attribute, and told with its numbers.
        and (entry["kind"] not in FOUND[:2] or isinstance(entry["about"].get("attribute"), str))
        and (entry["about"].get("moves") or None) in (None, *(entry["about"].get("effects") or {}))
    )
