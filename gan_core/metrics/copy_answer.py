"""Is this a copy? The evidence of several spaces, combined into one outcome or into none.

The one place that decides, for one sample (`of_sample`) and for a whole model (`of_model`). Both
compare with controls for which the answer is known: held-out images, which nobody copied, and a
generator that was overfitted on purpose. There is no answer where the controls cannot be
distinguished, where the spaces disagree, and where pictures look so unreal that they lie far from
every training image whether they were copied or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan_core.metrics import memorisation_measures

# The outcomes. EXACT and COPY say yes, CLEAR says no, the others say why there is no answer.
EXACT = "exact"  # at distance 0 in pixels
COPY = "copy"  # near in some space, far in none
CLEAR = "clear"  # near in no space
DISAGREE = "disagree"  # near in one space, far in another
UNREAL = "unreal"  # hardly looks real
CONTROLS = "controls"  # no space distinguishes a copying generator from real, unseen images
UNKNOWN = "unknown"  # there is nothing to compare with
ANSWERS = (EXACT, COPY, CLEAR)

NEAR_PERCENT = 5.0  # a sample nearer than all but this share of held-out images is near
FAR_PERCENT = 50.0  # one that is no nearer than the median held-out image is far
UNREAL_PERCENT = 5.0  # a sample less realistic than all but this share of held-out images
UNREAL_SHARE = 0.1  # of the held-out images' precision; a model below it hardly looks real
LEAST_HELD_OUT = 40  # held-out images without which 5 % cannot be measured


@dataclass(frozen=True)
class SampleEvidence:
    """What one space says about one sample.

    distance: to its nearest training image. percentile: the percentage of held-out images that are
    strictly nearer, None without held-out images. held_out: how many were compared with.
    authentic: whether the sample is farther from its nearest training image than that image from
    its own neighbour; None where it has none. duplicated: whether that image has a near-duplicate,
    beside which even a copy counts as authentic. told_apart: whether the controls differ in this
    space; None where they were not measured.
    """

    distance: float
    percentile: float | None
    held_out: int
    authentic: bool | None = None
    duplicated: bool = False
    told_apart: bool | None = None

    @property
    def near(self) -> bool:
        """Unusually near, and nearer than the neighbourhood of the training image explains."""
        if self.percentile is None or self.percentile >= NEAR_PERCENT:
            return False
        return self.distance == 0 or self.duplicated or not self.authentic

    @property
    def far(self) -> bool:
        return self.percentile is not None and self.percentile >= FAR_PERCENT


@dataclass(frozen=True)
class Answer:
    """The outcome, and the names of the spaces it rests on: those that are near for COPY, all that
    count for CLEAR. near, far: the spaces that say so, for DISAGREE.
    """

    outcome: str
    spaces: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()

    @property
    def given(self) -> bool:
        """Whether there is an answer at all."""
        return self.outcome in ANSWERS


def of_sample(
    spaces: Mapping[str, SampleEvidence], realism_percentile: float | None = None
) -> Answer:
    """The answer for one sample from what each space says, {name: SampleEvidence}.

    realism_percentile: the percentage of held-out images that look less realistic than the sample;
    None where it is not known. Without it a sample hardly looks real if it lies farther from the
    training images than every held-out image, in every space but pixels.
    """
    pixels = spaces.get("pixels")
    if pixels is not None and pixels.distance == 0:
        return Answer(EXACT, ("pixels",), near=("pixels",))
    known = {
        name: one
        for name, one in spaces.items()
        if one.percentile is not None and one.held_out >= LEAST_HELD_OUT
    }
    if not known:
        return Answer(UNKNOWN)
    counted = {name: one for name, one in known.items() if one.told_apart is not False}
    if not counted:
        return Answer(CONTROLS, tuple(known))
    shares = {name: one.percentile or 0.0 for name, one in counted.items()}
    features = [share for name, share in shares.items() if name != "pixels"]
    unreal = (
        bool(features) and all(percentile == 100 for percentile in features)
        if realism_percentile is None
        else realism_percentile < UNREAL_PERCENT
    )
    if unreal:
        return Answer(UNREAL, tuple(counted))
    near = tuple(name for name, one in counted.items() if one.near)
    far = tuple(name for name, one in counted.items() if one.far)
    return combined(tuple(counted), near, far)


def of_model(
    spaces: Mapping[str, Mapping[str, Any]],
    innocent: Mapping[str, Mapping[str, Any]],
    guilty: Mapping[str, Mapping[str, Any]],
) -> Answer:
    """The answer for a whole model from three memorisation reports' "spaces".

    spaces: of its samples. innocent: of held-out images in place of its samples. guilty: of a
    generator that was overfitted on purpose. Only spaces in which all three were measured and the
    two controls can be distinguished count. A space is near when AuthPct and the share of pairs in
    which a sample is farther than a held-out image are both below those of the innocent control,
    and far when neither is.
    """
    known = [name for name in spaces if name in innocent and name in guilty]
    if not known:
        return Answer(UNKNOWN)
    counted = [n for n in known if memorisation_measures.separates(guilty[n], innocent[n])]
    if not counted:
        return Answer(CONTROLS, tuple(known))
    shares = {name: precision_ratio(spaces[name], innocent[name]) for name in counted}
    measured = [share for share in shares.values() if share is not None]
    near = tuple(n for n in counted if memorisation_measures.separates(spaces[n], innocent[n]))
    far = tuple(n for n in counted if not any(below(spaces[n], innocent[n])))
    if measured and max(measured) < UNREAL_SHARE:
        return Answer(UNREAL, tuple(counted), near, far)
    if not near and len(far) < len(counted):  # one measure says so and the other does not
        mixed = tuple(n for n in counted if n not in far)
        return Answer(DISAGREE, tuple(counted), mixed, far)
    return combined(tuple(counted), near, far)


def combined(counted: tuple[str, ...], near: tuple[str, ...], far: tuple[str, ...]) -> Answer:
    """The outcome of spaces that count, of which some are near and some are far."""
    if not near:
        return Answer(CLEAR, counted, near, far)
    if far:
        return Answer(DISAGREE, counted, near, far)
    return Answer(COPY, near, near, far)


def below(space: Mapping[str, Any], innocent: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether (AuthPct, `farther`) of a report lie below those of the innocent control.

    They do where their 95 % intervals do not overlap.
    """
    ends = [report["intervals"].get("farther") for report in (space, innocent)]
    return (
        space["auth_pct"]["samples"][2] < innocent["auth_pct"]["samples"][1],
        bool(all(ends)) and ends[0][1] < ends[1][0],
    )


def precision_ratio(space: Mapping[str, Any], innocent: Mapping[str, Any]) -> float | None:
    """The precision of samples over that of held-out images; None where it was not measured.

    The upper end of the samples' interval is used, so that a few samples do not decide.
    """
    own, real = space.get("precision"), innocent.get("precision")
    return own[2] / real[0] if own and real and real[0] > 0 else None
