"""The answers to "Is this a copy?" in words, one for every outcome."""

import pytest

from explorer.widgets import copy_sentences
from gan_core.metrics import copy_answer
from gan_core.metrics.copy_answer import Answer, SampleEvidence


def spaces(pixels, features):
    return {
        "pixels": SampleEvidence(5.0, pixels, 500, False),
        "discriminator": SampleEvidence(0.1, features, 500, False),
    }


@pytest.mark.parametrize(
    ("pixels", "features", "kind", "words"),
    [
        (
            *(88, 97, "no"),
            "**No sign of copying**, in pixels or in D’s features: 88 % of images that the model"
            " has never seen lie closer to a training image than this sample does.",
        ),
        (
            *(1, 20, "yes"),
            "**This may be a copy.** In pixels, this sample lies closer to a training image than"
            " 99 % of images that the model has never seen.",
        ),
        (*(0.2, 2, "yes"), "In pixels and in D’s features, this sample lies closer"),
        (
            *(1, 80, "none"),
            "In pixels, this sample lies unusually close to a training image; in D’s",
        ),
        (*(60, 100, "none"), "It lies farther from every training image than all the images"),
    ],
)
def test_a_sentence_for_a_sample(pixels, features, kind, words):
    evidence = spaces(pixels, features)
    answer = copy_answer.of_sample(evidence)
    assert copy_sentences.kind(answer) == kind
    assert words in copy_sentences.of_sample(answer, evidence, "sample")


def test_where_unseen_images_equal_training_images_a_sample_may_look_like_one():
    evidence = spaces(88, 97)
    answer = copy_answer.of_sample(evidence)
    say = lambda alike: copy_sentences.of_sample(answer, evidence, "sample", alike=alike)  # noqa: E731
    assert "a further 31 % of the images that the model has never seen equal" in say(31.4)
    assert say(0.2) == say(0)
    assert "look the same" not in say(0)


def test_other_sentences_for_a_sample():
    def text(outcome, *names, **options):
        return copy_sentences.of_sample(Answer(outcome, names), {}, "sample", **options)

    assert "equals training image 12" in text(copy_answer.EXACT, index=12)
    assert "96 % of images" in text(copy_answer.UNREAL, realism=4.0)
    assert "All of the images that" in text(copy_answer.UNREAL, realism=0.0)
    assert "In pixels, a generator that copies looks like" in text(copy_answer.CONTROLS, "pixels")
    assert "At least 40 images" in text(copy_answer.UNKNOWN)


@pytest.mark.parametrize(
    ("outcome", "near", "kind", "words"),
    [
        (copy_answer.CLEAR, (), "no", "in 30 % of pairs"),
        (copy_answer.COPY, ("pixels",), "yes", "in 70 % of pairs, where 50 % would be expected"),
        (copy_answer.DISAGREE, ("discriminator",), "none", "and in pixels they do not"),
        (copy_answer.UNREAL, (), "none", "hardly look real"),
        (copy_answer.CONTROLS, (), "none", "cannot be distinguished"),
        (copy_answer.UNKNOWN, (), "none", "a control is missing"),
    ],
)
def test_a_sentence_for_a_model(outcome, near, kind, words):
    share = 0.3 if outcome == copy_answer.COPY else 0.7
    results = {"pixels": {"farther": share}, "discriminator": {"farther": 0.9}}
    answer = Answer(outcome, near or ("pixels", "discriminator"), near)
    if outcome == copy_answer.DISAGREE:
        answer = Answer(outcome, ("pixels", "discriminator"), near)
    assert copy_sentences.kind(answer) == kind
    assert words in copy_sentences.of_model(answer, results, 1000)


def test_a_sentence_for_a_training_image():
    assert copy_sentences.of_training_image(45.0, 500)[0] == "no"
    kind, words = copy_sentences.of_training_image(1.0, 500)
    assert (kind, "closer to it than to 99 % of images" in words) == ("yes", True)
    assert copy_sentences.of_training_image(45.0, 12)[0] == "none"
