"""What a model's attribute classifier recognises in pictures."""

import html
from collections.abc import Collection, Sequence

import numpy as np
import streamlit as st

from explorer.services import renderer, trust
from gan_core import companions
from gan_core.attributes import classifier as classifiers
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic
from gan_core.util.errors import InputError

MOST = 6  # rows of the table

Term = tuple[str, float, np.ndarray]  # name, weight and the pictures of its exemplars

STYLE = """<style>
.seen { width: 100%; border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums;
  table-layout: auto; }
.seen th, .seen td { padding: 2px 0 2px 6px; text-align: right; font-weight: 400; border: 0; }
.seen th:first-child { padding-left: 0; text-align: left; }
.seen th { opacity: 0.7; }
.seen .result { font-weight: 600; opacity: 1; }
.seen tbody tr.kept:first-of-type td, .seen tr.rule > * { border-top: 1px solid #8884; }
</style>"""


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(directory: str, stamp: int) -> Classifier:
    return classifiers.load(directory)


def classifier_of(model: Model) -> Classifier | None:
    """The attribute classifier that comes with a model, or None."""
    path = companions.locate(model.directory, classifiers.FILES["first"])
    try:
        return _load(str(model.directory), path.stat().st_mtime_ns)
    except (InputError, OSError):
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _load_all(directory: str, stamps: tuple[int, ...]) -> list[Classifier]:
    try:
        return list(classifiers.load_all(directory).values())
    except InputError:
        return []


def readers_of(model: Model) -> list[Classifier]:
    """The first classifier of a model and those that must agree with it; [] without any."""
    first = classifier_of(model)
    if first is None:
        return []
    files = [companions.locate(model.directory, file) for file in classifiers.FILES.values()]
    stamps = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    return _load_all(str(model.directory), stamps) or [first]


def agreed_in(readers: Sequence[Classifier], pictures: np.ndarray) -> np.ndarray:
    """What the readers agree on in each picture: float32 (n, A), for what the first
    reader recognises.

    An attribute on which they disagree has the probability `classifiers.UNSURE`.
    """
    columns = [readers[0].column(name) for name in readers[0].recognised]
    read = [renderer.labels(reader, pictures) for reader in readers]
    return classifiers.agreement(readers, read)[:, columns]


def check_labelled(model: Model, classifier: Classifier, n: int, seed: int = 0) -> None:
    """Raise trust.Refused when an untrusted visitor asks for n samples that are not labelled yet.

    Samples that have been labelled before are available to everyone.
    """
    if not label_cache.is_cached(model, classifier, n, seed):
        trust.check()


def probabilities(model: Model, classifier: Classifier, n: int) -> np.ndarray:
    """The attribute probabilities of the first n seeds, float32 (n, A); labelled once, then cached.

    For visitors that `check_labelled` lets through.
    """
    return label_cache.probabilities(model, classifier, n)


def seen_in(classifier: Classifier, pictures: np.ndarray) -> np.ndarray:
    """The mean probability of each recognised attribute in pictures."""
    columns = [classifier.column(name) for name in classifier.recognised]
    return renderer.labels(classifier, pictures).mean(0)[columns]


def in_words(model: Model, image: np.ndarray) -> str | None:
    """What one picture shows, most certain first: "long hair 0.99, smiling 0.97; unsure: hat".

    An attribute is stated only where all readers agree. None without a classifier.
    """
    readers = readers_of(model)
    if not readers or not readers[0].recognised:
        return None
    names = map(readable_name, readers[0].recognised)
    seen = list(zip(names, agreed_in(readers, image[None])[0], strict=True))
    there = sorted(((p, name) for name, p in seen if p > classifiers.UNSURE), reverse=True)
    text = ", ".join(f"{name} {p:.2f}" for p, name in there) or "none of its attributes"
    unsure = ", ".join(name for name, p in seen if p == classifiers.UNSURE)
    return f"{text}; unsure: {unsure}" if unsure else text


def changed_by(classifier: Classifier, terms: Sequence[Term]) -> list[str]:
    """The attributes that a sum should change, largest change first; terms as for `table`."""
    shown = np.array([seen_in(classifier, pictures) for _, _, pictures in terms])
    changed, _ = arithmetic.intended_changes(shown, [weight for _, weight, _ in terms])
    return [classifier.recognised[i] for i in changed]


def table(
    classifier: Classifier,
    terms: Sequence[Term],
    results: Sequence[tuple[str, np.ndarray]],
    controls: Sequence[tuple[str, np.ndarray]],
) -> tuple[list[list[str]], int]:
    """The table as text, [heading, rows …], and the number of rows that the sum should change.

    terms: [(name, weight, pictures of the exemplars)], with the start at index 2. results,
    controls: [(name, pictures)]; the table shows means over the pictures. ([], 0) when there is
    nothing to show.
    """
    shown = np.array([seen_in(classifier, pictures) for _, _, pictures in terms])
    changed, unchanged = arithmetic.intended_changes(shown, [weight for _, weight, _ in terms])
    rows = (changed[:MOST] + unchanged)[:MOST]
    if not rows:
        return [], 0
    others = [seen_in(classifier, pictures) for _, pictures in (*results, *controls)]
    names = [name for name, *_ in terms] + [name for name, _ in (*results, *controls)]
    whole = np.array([*shown, *others])
    lines = [
        [readable_name(classifier.recognised[row]), *(f"{p:.2f}" for p in whole[:, row])]
        for row in rows
    ]
    return [["", *names], *lines], len(changed[:MOST])


def show(rows: Sequence[Sequence[str]], changed: int, results: Collection[int]) -> None:
    """Draw the table. results: the numbers of its columns that hold the result."""
    kind = lambda i: ' class="result"' if i in results else ""  # noqa: E731
    cells = lambda tag, row: "".join(  # noqa: E731
        f"<{tag if i else 'th'}{kind(i)}>{html.escape(cell)}</{tag if i else 'th'}>"
        for i, cell in enumerate(row)
    )
    body = "".join(
        f"<tr{' class=rule' if i in (0, changed) else ''}>{cells('td', row)}</tr>"
        for i, row in enumerate(rows[1:])
    )
    st.html(
        f"{STYLE}<table class=seen><thead><tr>{cells('th', rows[0])}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
