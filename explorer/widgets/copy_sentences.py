"""The answers to "Is this a copy?" in words; gan_core.metrics.copy_answer decides which."""

from collections.abc import Mapping, Sequence

from explorer.widgets import distance_space
from gan_core.metrics import copy_answer
from gan_core.metrics.copy_answer import Answer, SampleEvidence

ALIKE_PERCENT = 1.0  # of held-out images that equal a training image, from which it is mentioned
KINDS = {copy_answer.EXACT: "yes", copy_answer.COPY: "yes", copy_answer.CLEAR: "no"}


def kind(answer: Answer) -> str:
    """The kind of an answer, see explorer.widgets.answer."""
    return KINDS.get(answer.outcome, "none")


def of_sample(
    answer: Answer,
    spaces: Mapping[str, SampleEvidence],
    noun: str,
    realism: float | None = None,
    index: int = 0,
    alike: float = 0,
) -> str:
    """The answer for one sample, in Markdown.

    noun: what the sample is called. realism: the percentage of held-out images that look less
    realistic, None where it is not known. index: of the nearest training image in pixels. alike:
    the percentage of held-out images that equal a training image, which is then no sign of copying.
    """
    if answer.outcome == copy_answer.EXACT:
        return (
            f"**An exact copy.** This {noun} equals training image {index} pixel for pixel, or its"
            " mirror image."
        )
    if answer.outcome == copy_answer.COPY:
        name = min(answer.near, key=lambda one: (spaces[one].percentile, one != "pixels"))
        closer = 100 - (spaces[name].percentile or 0)
        return (
            f"**This may be a copy.** In {listed(answer.near)}, this {noun} lies closer to a"
            f" training image than {unseen(closer)}."
        )
    if answer.outcome == copy_answer.CLEAR:
        least = min(spaces[name].percentile or 0 for name in answer.spaces)
        return (
            f"**No sign of copying**, in {listed(answer.spaces, 'or')}:"
            f" {unseen(least)} lie closer to a training image than this {noun} does."
            + alike_text(alike)
        )
    if answer.outcome == copy_answer.DISAGREE:
        return (
            f"**No answer: the comparisons disagree.** In {listed(answer.near)}, this {noun} lies"
            f" unusually close to a training image; in {listed(answer.far)}, it lies no closer"
            " than most images that the model has never seen."
        )
    if answer.outcome == copy_answer.UNREAL:
        if realism is None:
            unreal = (
                "It lies farther from every training image than all the images that the model has"
                " never seen"
            )
        else:
            unreal = f"{unseen(100 - realism)} look more realistic"
        return (
            f"**No answer: this {noun} hardly looks real.** {unreal[0].upper()}{unreal[1:]}, and a"
            " broken picture lies far from the training images whether it was copied or not."
        )
    if answer.outcome == copy_answer.CONTROLS:
        return no_controls(answer.spaces)
    fewest = copy_answer.LEAST_HELD_OUT
    return (
        f"**No answer: there is too little to compare with.** At least {fewest} images that the "
        "model has never seen are needed to say which distances are unusually short."
    )


def of_model(answer: Answer, results: Mapping[str, Mapping], count: int) -> str:
    """The answer for a model, in Markdown. results: its report's "spaces". count: its samples."""
    if answer.outcome == copy_answer.COPY:
        closer = largest_share(results, answer.near)
        return (
            f"**This model seems to copy.** In {listed(answer.near)}, its samples lie closer to the"
            f" training images than images it has never seen: a sample is the closer one in"
            f" {closer} of pairs, where 50 % would be expected."
        )
    if answer.outcome == copy_answer.CLEAR:
        closer = largest_share(results, answer.spaces)
        return (
            f"**No sign of copying** in {count:,} samples, in {listed(answer.spaces, 'or')}. Beside"
            " an image that the model has never seen, a sample is the one closer to a training"
            f" image in {closer} of pairs. Chance alone gives 50 %; a model that copies comes close"
            " to 100 %."
        )
    if answer.outcome == copy_answer.DISAGREE:
        rest = [name for name in answer.spaces if name not in answer.near]
        where = listed(answer.near)
        other = f", and in {listed(rest)} they do not" if rest else " by one measure only"
        return (
            f"**No answer: the evidence is mixed.** In {where}, samples lie closer to the training"
            f" images than images the model has never seen{other}."
        )
    if answer.outcome == copy_answer.UNREAL:
        return (
            "**No answer: the samples hardly look real.** Broken pictures lie far from the training"
            " images whether they were copied or not."
        )
    if answer.outcome == copy_answer.CONTROLS:
        return no_controls(answer.spaces)
    return (
        "**No answer yet: a control is missing.** A distance means something only beside the"
        " distances of real images that the model has never seen and of a generator that copies."
    )


def largest_share(results: Mapping[str, Mapping], spaces: Sequence[str]) -> str:
    """The largest share of pairs, over spaces, in which the sample is the closer one; in words."""
    return share_text(100 * (1 - min(results[name]["farther"] for name in spaces)))


def no_controls(spaces: Sequence[str]) -> str:
    """That the controls cannot be distinguished, in Markdown."""
    return (
        f"**No answer: the controls cannot be distinguished.** In {listed(spaces)}, a generator "
        "that copies looks like real images that nobody copied, so a comparison would prove "
        "nothing."
    )


def of_training_image(percentile: float, held_out: int) -> tuple[str, str]:
    """(kind, sentence) for a training image. percentile: the percentage of held-out images that lie
    closer to a sample than the training image does.
    """
    if held_out < copy_answer.LEAST_HELD_OUT:
        return "none", of_sample(Answer(copy_answer.UNKNOWN), {}, "image")
    if percentile < copy_answer.NEAR_PERCENT:
        return "yes", (
            "**This image may have been memorised.** A sample lies closer to it than to"
            f" {unseen(100 - percentile)}."
        )
    return "no", (
        f"**No sign that this image was memorised**: {unseen(percentile)} lie closer to a sample"
        " than this training image does."
    )


def listed(spaces: Sequence[str], word: str = "and") -> str:
    """Names of spaces, as "pixels and D’s features"."""
    names = [distance_space.SPACE_NAMES[name] for name in spaces]
    return f" {word} in ".join([", in ".join(names[:-1]), names[-1]] if names[1:] else names)


def unseen(share: float) -> str:
    """A percentage of held-out images, inside a sentence."""
    if share in (0, 100):
        return f"{'none' if share == 0 else 'all'} of the images that the model has never seen"
    return f"{share_text(share)} of images that the model has never seen"


def alike_text(share: float) -> str:
    """Why a sample may look like a training image without being a copy; "" where it is rare."""
    if share < ALIKE_PERCENT:
        return ""
    return (
        f" Pictures that look the same are common in this set: a further {share_text(share)} of the"
        " images that the model has never seen equal a training image."
    )


def share_text(share: float) -> str:
    """A percentage inside a sentence; 0 and 100 mean exactly none and exactly all."""
    text = distance_space.percent_text(share)
    return text[0].lower() + text[1:]
