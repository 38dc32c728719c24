"""Whether something is a copy: made cases for each outcome, and the models that ship."""

import json
from pathlib import Path

import numpy as np
import pytest

import gan_core
from gan_core.metrics import copy_answer, memorisation_stats
from gan_core.metrics.copy_answer import SampleEvidence
from gan_core.search import held_out, index_cache

CHECKPOINTS = Path(__file__).parents[3] / "checkpoints"
GUILTY = CHECKPOINTS / "controls" / "overfitted-200"
SHIPPED = [path.parent for path in sorted(CHECKPOINTS.glob("*/memorisation.json"))]


def seen(percentile, distance=5.0, held_out=500, authentic=False, **more):
    return SampleEvidence(distance, percentile, held_out, authentic, **more)


@pytest.mark.parametrize(
    ("spaces", "realism", "outcome"),
    [
        ({"pixels": seen(88), "discriminator": seen(97)}, None, copy_answer.CLEAR),
        ({"pixels": seen(20), "discriminator": seen(5)}, 60, copy_answer.CLEAR),
        ({"pixels": seen(1), "discriminator": seen(2)}, None, copy_answer.COPY),
        # Features blur the distance of a copy, but do not call it far.
        ({"pixels": seen(0.2), "discriminator": seen(23)}, 60, copy_answer.COPY),
        ({"pixels": seen(0, distance=0), "discriminator": seen(90)}, 1, copy_answer.EXACT),
        ({"pixels": seen(1), "discriminator": seen(80)}, None, copy_answer.DISAGREE),
        ({"pixels": seen(70), "discriminator": seen(1)}, None, copy_answer.DISAGREE),
        ({"pixels": seen(70), "discriminator": seen(90)}, 2, copy_answer.UNREAL),
        ({"pixels": seen(70), "discriminator": seen(100)}, None, copy_answer.UNREAL),
        ({"pixels": seen(100)}, None, copy_answer.CLEAR),
        # Beside a close pair of training images a small distance is nothing unusual …
        ({"pixels": seen(1, authentic=True)}, None, copy_answer.CLEAR),
        # … unless the pair are duplicates, beside which every distance seems usual.
        ({"pixels": seen(1, authentic=True, duplicated=True)}, None, copy_answer.COPY),
        ({"pixels": seen(1, held_out=39)}, None, copy_answer.UNKNOWN),
        ({"pixels": seen(None, held_out=0)}, None, copy_answer.UNKNOWN),
        ({"pixels": seen(1, told_apart=False)}, None, copy_answer.CONTROLS),
        (
            {"pixels": seen(1, told_apart=False), "discriminator": seen(70, told_apart=True)},
            None,
            copy_answer.CLEAR,
        ),
    ],
)
def test_the_outcome_for_a_sample(spaces, realism, outcome):
    assert copy_answer.of_sample(spaces, realism).outcome == outcome


def test_a_sample_names_the_spaces_it_rests_on():
    spaces = {"pixels": seen(1), "discriminator": seen(20), "effnet": seen(3, told_apart=False)}
    answer = copy_answer.of_sample(spaces)
    assert (answer.spaces, answer.near, answer.given) == (("pixels",), ("pixels",), True)
    answer = copy_answer.of_sample(spaces | {"pixels": seen(30)})
    assert answer.spaces == ("pixels", "discriminator")
    answer = copy_answer.of_sample(spaces | {"discriminator": seen(60)})
    assert (answer.near, answer.far, answer.given) == (("pixels",), ("discriminator",), False)


def measured(auth, farther, precision=None):
    """One space of a report, with intervals of ± 2 %."""
    return {
        "auth_pct": {"samples": [auth, auth - 2, auth + 2]},
        "farther": farther,
        "intervals": {"farther": [farther - 0.02, farther + 0.02]},
        "precision": precision and [precision, precision - 0.02, precision + 0.02],
    }


INNOCENT, COPIES = measured(45, 0.5, 0.95), measured(4, 0.02, 0.95)


@pytest.mark.parametrize(
    ("own", "outcome"),
    [
        ([measured(90, 0.8, 0.6), measured(47, 0.51, 0.6)], copy_answer.CLEAR),
        ([COPIES, measured(20, 0.2, 0.9)], copy_answer.COPY),
        ([COPIES, measured(90, 0.9, 0.9)], copy_answer.DISAGREE),
        ([measured(90, 0.3, 0.9), INNOCENT], copy_answer.DISAGREE),
        ([measured(99, 0.99, 0.02), measured(99, 0.99, 0.03)], copy_answer.UNREAL),
    ],
)
def test_the_outcome_for_a_model(own, outcome):
    spaces = dict(zip(("pixels", "discriminator"), own, strict=True))
    answer = copy_answer.of_model(
        spaces, dict.fromkeys(spaces, INNOCENT), dict.fromkeys(spaces, COPIES)
    )
    assert answer.outcome == outcome


def test_a_model_needs_controls_that_can_be_told_apart():
    own = {"pixels": COPIES}
    blind = copy_answer.of_model(own, {"pixels": INNOCENT}, {"pixels": INNOCENT})
    assert (blind.outcome, blind.spaces) == (copy_answer.CONTROLS, ("pixels",))
    assert copy_answer.of_model(own, {"pixels": INNOCENT}, {}).outcome == copy_answer.UNKNOWN
    assert copy_answer.of_model(own, {}, {"pixels": COPIES}).outcome == copy_answer.UNKNOWN
    both = {"pixels": INNOCENT, "effnet": COPIES}
    guilty = {"pixels": COPIES, "effnet": INNOCENT}
    answer = copy_answer.of_model(both, dict.fromkeys(both, INNOCENT), guilty)
    assert (answer.outcome, answer.spaces) == (copy_answer.CLEAR, ("pixels",))


def spaces_of(directory, control=""):
    path = directory / f"memorisation{control}.json"
    return json.loads(path.read_text("utf-8"))["spaces"] if path.exists() else {}


def test_the_guilty_control_copies_and_innocents_do_not():
    guilty, innocent = spaces_of(GUILTY), spaces_of(GUILTY, "-held-out")
    assert copy_answer.of_model(guilty, innocent, guilty).outcome == copy_answer.COPY
    assert copy_answer.of_model(innocent, innocent, guilty).outcome == copy_answer.CLEAR


@pytest.mark.parametrize("directory", SHIPPED, ids=[path.name for path in SHIPPED])
def test_held_out_images_in_place_of_a_shipped_model_do_not_copy(directory):
    """Whatever the model: real, unseen images never look like copies, and an answer is given."""
    innocent, guilty = spaces_of(directory, "-held-out"), spaces_of(GUILTY)
    answer = copy_answer.of_model(innocent, innocent, guilty)
    assert answer.outcome == copy_answer.CLEAR
    own = copy_answer.of_model(spaces_of(directory), innocent, guilty)
    assert own.outcome in {copy_answer.CLEAR, copy_answer.DISAGREE, copy_answer.UNREAL}


@pytest.mark.slow
def test_samples_of_the_guilty_control_are_called_copies_one_by_one():
    """And images that it has never seen are not, in pixels alone."""
    model = gan_core.load(GUILTY)
    data = model.training_set()
    unseen = np.asarray(data.held_out[held_out.distinct_from_training(data)])
    index = index_cache.open_index(data, mirrored=True)

    def nearest(images, exclude=None):
        squared, indices, _ = index.query(images, 1, exclude)
        return np.sqrt(squared[:, 0] / images[0].size), indices[:, 0]

    reference = nearest(unseen[::2])[0]

    def share_of_copies(images):
        distances, which = nearest(images)
        own = nearest(np.asarray(data.images[which]), which)[0]
        outcomes = [
            copy_answer.of_sample(
                {"pixels": SampleEvidence(d, p, len(reference), bool(d > o))}
            ).outcome
            for d, p, o in zip(
                distances, memorisation_stats.percentiles(distances, reference), own, strict=True
            )
        ]
        return outcomes.count(copy_answer.COPY) / len(outcomes)

    assert share_of_copies(model.generate(model.prior.sample(60, seed=0))) > 0.9
    assert share_of_copies(unseen[1::2][:200]) < 0.1
