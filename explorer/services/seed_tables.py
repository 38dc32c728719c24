"""What travels with a model about its first seeds, so that nobody waits for it.

The table holds realism and attribute probabilities of the first few thousand seeds at ψ = 1; the
reference tells the realism of any other picture, see gan_core.metrics.realism.
"""

import time
from collections.abc import Mapping

import numpy as np
import streamlit as st

from explorer.services import attribute_labels, renderer
from gan_core import companions
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic
from gan_core.metrics import realism, seed_table
from gan_core.metrics.realism import Reference
from gan_core.metrics.seed_table import SeedTable
from gan_core.util.errors import InputError

AT_ONCE = 4  # pictures whose realism is worked out between two looks for a click
WAIT = 0.05  # seconds between two looks while the network is loaded


def table_of(model: Model) -> SeedTable | None:
    """The table of a model's first seeds; None where there is none that can be used."""
    return _table(*_table_key(model), _model=model)[0]


def reference_of(model: Model) -> Reference | None:
    """What the pictures of a model are compared with; None where there is none to be used."""
    return _reference(*_reference_key(model), _model=model)[0]


def problems(model: Model) -> list[str]:
    """Why a table or a reference that lies beside a model is not used, a sentence each."""
    parts = (
        _table(*_table_key(model), _model=model)[1],
        _reference(*_reference_key(model), _model=model)[1],
    )
    return [problem for problem in parts if problem]


def _table_key(model: Model) -> tuple[str, int, str, str]:
    classifier = attribute_labels.classifier_of(model)
    labels = "" if classifier is None else classifier.hash
    return str(model.directory), _stamp(model, seed_table.FILE), model.hash, labels


def _reference_key(model: Model) -> tuple[str, int]:
    return str(model.directory), _stamp(model, realism.FILE)


def _stamp(model: Model, file: str) -> int:
    """When a file of the checkpoint was written; 0 where there is none."""
    try:
        return companions.locate(model.directory, file).stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=16, show_spinner=False)
def _table(
    directory: str, stamp: int, weights: str, labels: str, _model: Model
) -> tuple[SeedTable | None, str]:
    if not stamp:
        return None, ""
    try:
        table = seed_table.load(_model)
    except (InputError, OSError) as error:
        return None, str(error)
    if labels and table.classifier != labels:
        return None, (
            f"{_model.directory / seed_table.FILE} was labelled by a classifier other than the "
            f"one beside it, so it is not used; python -m gan_core seeds {directory} makes it "
            "again."
        )
    return table, ""


@st.cache_resource(max_entries=16, show_spinner=False)
def _reference(directory: str, stamp: int, _model: Model) -> tuple[Reference | None, str]:
    if not stamp:
        return None, ""
    try:
        return realism.load(directory), ""
    except (InputError, OSError) as error:
        return None, str(error)


def probabilities(model: Model, classifier: Classifier) -> np.ndarray | None:
    """The attribute probabilities of a model's first seeds, float32 (n, A), in the classifier's
    order; None where there is no table of them.
    """
    table = table_of(model)
    if table is None or table.attributes != classifier.names:
        return None
    return table.probabilities


def ranking(table: SeedTable, by: str, order: str, wanted: Mapping[str, bool]) -> np.ndarray:
    """The seeds with the wanted attributes, in an order: int64 (m,).

    order: "best" and "worst" sort by the attribute `by`, or by realism where it is none; "sure"
    sorts by how surely the seeds have what is wanted, in tenths, and within a tenth as "varied": a
    picture that shows it a little more surely is not the better one. "varied" is "best" by realism
    after the table's openings; any other order is that of the seeds. wanted: as for
    `SeedTable.search`.
    """
    seeds = table.search(wanted)
    realistic = table.realism[seeds]
    if order in ("varied", "sure"):
        place = {seed: i for i, seed in enumerate(table.openings)}
        first = [place.get(int(seed), len(place)) for seed in seeds]
        by_variety = np.lexsort((-realistic, first))
        if order == "sure":
            sure = tenths(table.certainty(wanted)[seeds[by_variety]])
            by_variety = by_variety[np.argsort(-sure, kind="stable")]
        return seeds[by_variety]
    if order not in ("best", "worst"):
        return seeds
    values = table.column(by)[seeds] if by in table.attributes else realistic
    return seeds[np.lexsort((-realistic, values if order == "worst" else -values))]


def tenths(certainty: np.ndarray) -> np.ndarray:
    """Probabilities float (n,), rounded down to tenths; all that are sure enough for an exemplar,
    with arithmetic.LEAST or more, are equal.
    """
    return np.minimum(np.floor(10 * certainty + 1e-3) / 10, arithmetic.LEAST)


def known_realism(
    model: Model, seeds: list[int] | None, psi: float, images: np.ndarray
) -> np.ndarray | None:
    """The realism of samples where it is known at once, float32 (n,), with NaN for the others.

    seeds: None for latents that are not those of a seed. images: their pictures, uint8
    (n, H, W, C). None where this model's realism is not known.
    """
    table, reference = table_of(model), reference_of(model)
    if table is None and reference is None:
        return None
    values = np.full(len(images), np.nan, np.float32)
    if reference is not None:
        values = renderer.known_realism(reference, images)
    if table is not None and psi == 1 and seeds is not None:
        rows = [i for i, seed in enumerate(seeds) if seed < len(table)]
        values[rows] = table.realism[[seeds[i] for i in rows]]
    return values


def learn_realism(model: Model, images: np.ndarray) -> bool:
    """Work out the realism of pictures that are shown already; whether it is known by now.

    A click of the person goes first: Streamlit ends this run at the next picture.
    """
    reference = reference_of(model)
    if reference is None:
        return False
    try:
        with st.spinner("Measuring how realistic these pictures are …"):
            place = st.empty()
            network = renderer.features_later()
            while not network.done():
                place.empty()  # where Streamlit looks for a click
                time.sleep(WAIT)
            for start in range(0, len(images), AT_ONCE):
                renderer.realism(reference, images[start : start + AT_ONCE])
                place.empty()
    except InputError:  # the network is not installed
        return False
    return True
