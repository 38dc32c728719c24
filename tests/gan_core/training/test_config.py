"""The settings of a run: what is refused, and why; and that all the rest is let through."""

import itertools
import math
import re

import numpy as np
import pytest
import torch

from gan_core.data import training_set
from gan_core.training import config_checks, loop
from gan_core.training.config import DEFAULTS, OPTIONS, TrainingConfig
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError

SMALL = {"nz": 4, "ngf": 2, "ndf": 2, "batch": 8}
PENALTIES = {
    "none": {},
    "r1": {"r1": 1.0},
    "r2": {"r2": 1.0},
    "both": {"r1": 1.0, "r2": 0.5},
}


def check(data, **options):
    return config_checks.check(data, TrainingConfig(**SMALL | options))


def refusal(data, **options):
    """The sentence with which the options are refused."""
    with pytest.raises(InputError) as error:
        check(data, **options)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.fixture
def data(make_set):
    return make_set(n=4)


def test_what_is_checked_comes_back_with_all_that_a_run_needs(data):
    images, checked = check(data, seed=7)
    packed = training_set.load(data)
    assert np.array_equal(images, packed.images)
    assert checked["fingerprint"] == packed.fingerprint
    sizes = {"name": "dcgan", "size": 32, "channels": 3, "nz": 4, "ngf": 2, "ndf": 2}
    assert checked["network"] == sizes
    given = DEFAULTS | SMALL | {"seed": 7}
    assert {key: checked[key] for key in given} == given


@pytest.mark.parametrize(
    ("architecture", "norm", "named"),
    [
        ("dcgan", "auto", None),
        ("dcgan", "batch", None),
        ("dcgan", "none", "none"),
        ("dcgan", "spectral", "spectral"),
        ("residual", "auto", None),
        ("residual", "none", None),
    ],
)
def test_only_an_unusual_norm_is_named(data, architecture, norm, named):
    _, checked = check(data, architecture=architecture, norm=norm)
    assert checked["network"].get("norm") == named


COUNTS = ("k", "batch", "penalty_every", "nz", "ngf", "ndf", "measure_n", "seed")
POSITIVE = ("kimg", "lr_g", "lr_d", "clip", "log_kimg", "grid_kimg", "snapshot_kimg", "codes")
NOT_NEGATIVE = ("ema_kimg", "warmup_kimg", "gp", "r1", "r2", "measure_kimg", "patience_kimg")
NOT_NEGATIVE += ("minutes",)
SHARES = ("beta1", "beta2", "smoothing", "cooldown", "lr_final", "penalty_final")
SHARES += ("augment_p", "augment_initial", "augment_target", "beta2_initial", "ema_initial")


def test_every_number_among_the_options_is_tried():
    numbers = {name for name, option in OPTIONS.items() if option.type in (int, float)}
    assert numbers == {*COUNTS, *POSITIVE, *NOT_NEGATIVE, *SHARES}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [2.5, math.nan, math.inf, "8", True, None], ids=str)
def test_what_must_be_a_whole_number(data, name, value):
    assert f"{name} is {value!r}; it must be a whole number" in refusal(data, **{name: value})


@pytest.mark.parametrize("name", ["k", "penalty_every", "nz", "ngf", "ndf"])
@pytest.mark.parametrize("value", [0, -1])
def test_what_must_be_at_least_1(data, name, value):
    assert re.search(
        rf"{name} is {value}; it must be (at least|from) 1\b", refusal(data, **{name: value})
    )


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_what_must_be_positive(data, name, value):
    assert f"{name} is {value}; it must be greater than 0" in refusal(data, **{name: value})


@pytest.mark.parametrize("name", NOT_NEGATIVE)
@pytest.mark.parametrize("value", [-1, -1e-9, math.nan, math.inf])
def test_what_must_not_be_negative(data, name, value):
    assert f"{name} is {value}; it must be at least 0" in refusal(data, **{name: value})


@pytest.mark.parametrize("name", [*POSITIVE, *NOT_NEGATIVE, *SHARES])
@pytest.mark.parametrize("value", ["1.0", True, None], ids=str)
def test_what_must_be_a_number(data, name, value):
    assert f"{name} is {value!r}; it must be a number" in refusal(data, **{name: value})


def test_what_must_be_a_word_or_yes_or_no(data):
    assert "augment is 3; it must be a text." in refusal(data, augment=3)
    assert "tensorboard is 1; it must be True or False." in refusal(data, tensorboard=1)


def test_every_option_says_what_it_is():
    for option in OPTIONS.values():
        assert len(option.help) > 10, option.name
        assert option.group, option.name
        assert type(option.default) is option.type, option.name
        option.check(option.default)
    assert OPTIONS["lr_g"].flag == "--lr-g"
    assert OPTIONS["smoothing"].description.endswith("[from 0 to below 0.5]")
    assert OPTIONS["kimg"].description.endswith("[kimg, greater than 0]")
    assert OPTIONS["prior"].description == "distribution of z: normal, uniform"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beta1": 1.0}, "beta1 is 1.0"),
        ({"beta1": -0.1}, "beta1 is -0.1"),
        ({"beta2": 1.0}, "beta2 is 1.0"),
        ({"beta2": math.nan}, "beta2 is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "to 4294967295"),
        ({"smoothing": 0.5}, "below 0.5"),
        ({"smoothing": -0.1}, "smoothing is -0.1"),
        ({"cooldown": 1.1}, "cooldown is 1.1"),
        ({"cooldown": -0.1}, "from 0 to 1"),
        ({"batch": 1}, "batch is 1; it must be at least 2"),
        ({"measure_n": 63}, "at least 64"),
        ({"nz": 0}, "nz is 0"),
        ({"nz": 2.5}, "nz is 2.5"),
        ({"ngf": 0}, "ngf is 0"),
        ({"ndf": 2.5}, "ndf is 2.5"),
        ({"ngf": 65536, "nz": 65536}, "million weights"),
    ],
    ids=str,
)
def test_numbers_out_of_range(data, options, words):
    assert words in refusal(data, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"beta1": 0.0, "beta2": 0.0},
        {"seed": 0},
        {"seed": 2**32 - 1},
        {"smoothing": 0.49},
        {"cooldown": 1.0},
        {"batch": 2},
        {"measure_n": 64},
        {"ema_kimg": 0, "measure_kimg": 0, "patience_kimg": 0},
        {"penalty_every": 16, "r1": 1.0, "norm": "none"},
        {"augment": "none"},
        {"augment_p": 0.0, "augment_initial": 0.0},
        {"augment_target": 0.99},
        {"lr_final": 0.0},
        {"beta2_initial": 0.9, "beta2": 0.0},
        {"ema_initial": 0.0},
        {"kimg": 1e-6, "minutes": 1.0},
        {"prior": "uniform"},
    ],
    ids=str,
)
def test_numbers_at_the_edge_pass(data, options):
    check(data, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "wgan-div"}, "no objective 'wgan-div'; choose from minimax"),
        ({"precision": "fp16"}, "no precision 'fp16'; choose from auto, fp32, bf16"),
        ({"layout": "nhwc"}, "no layout 'nhwc'; choose from auto, channels_last"),
        ({"device": "tpu"}, "no device 'tpu'; choose from cpu, cuda"),
        ({"augment": "mirror,blur"}, "no augmentation 'blur'; choose from mirror"),
        ({"prior": "cauchy"}, "no prior 'cauchy'; choose from normal, uniform"),
        ({"architecture": "stylegan"}, "no architecture 'stylegan'; choose from dcgan"),
        ({"architecture": "stylegan", "r1": 1.0}, "no architecture 'stylegan'"),
        ({"architecture": "stylegan", "norm": "none"}, "no architecture 'stylegan'"),
        ({"norm": "layer"}, "no norm 'layer'; choose from auto, batch, none, spectral"),
        ({"architecture": "residual", "norm": "batch"}, "norm of none, not 'batch'"),
        ({"architecture": "residual", "norm": "spectral"}, "norm of none, not 'spectral'"),
        ({"architecture": "style", "norm": "spectral"}, "norm of none, not 'spectral'"),
    ],
    ids=str,
)
def test_unknown_names(data, options, words):
    assert words in refusal(data, **options)


@pytest.mark.parametrize("objective", ["wgan-gp", "hinge", "relativistic"])
def test_a_penalty_beside_batch_norm_is_refused(data, objective):
    penalty = {} if objective == "wgan-gp" else {"r1": 1.0}
    sentence = refusal(data, objective=objective, **penalty)
    assert "batch norm mixes the images of a batch" in sentence
    assert "--norm none" in sentence


REFUSED = [
    ({"r1": 1.0}, "batch norm mixes"),
    ({"r2": 1.0}, "batch norm mixes"),
    ({"r2": 1.0, "norm": "batch"}, "batch norm mixes"),
    ({"objective": "wgan", "norm": "spectral"}, "undoes the clipping"),
    ({"objective": "wgan-gp", "norm": "none", "gp": 0.0}, "nothing to keep D Lipschitz"),
    ({"objective": "wgan-gp", "norm": "none", "r1": 1.0}, "r1 or r2 towards 0"),
    ({"objective": "wgan-gp", "norm": "spectral", "r2": 1.0}, "r1 or r2 towards 0"),
    ({"objective": "wgan", "norm": "none", "r1": 1.0}, "leave r1 and r2 out"),
    ({"objective": "wgan", "norm": "none", "r2": 1.0}, "leave r1 and r2 out"),
    ({"objective": "hinge", "clip": 0.1}, "clip belongs to wgan; hinge"),
    ({"objective": "wgan-gp", "norm": "none", "clip": 0.1}, "clip belongs to wgan; wgan-gp"),
    ({"objective": "wgan", "smoothing": 0.1}, "wgan has no target"),
    ({"objective": "wgan-gp", "norm": "none", "smoothing": 0.1}, "wgan-gp has no target"),
    ({"objective": "hinge", "smoothing": 0.1}, "hinge has no target"),
    ({"objective": "relativistic", "smoothing": 0.1}, "relativistic has no target"),
    ({"compile": True}, "only faster on CUDA"),
    ({"penalty_final": 0.1}, "penalty_final is set without a penalty"),
    ({"ema_kimg": 0.0, "ema_initial": 0.5}, "ema_initial is a share of ema_kimg"),
    ({"augment": "mirror", "augment_p": 0.5}, "do not concern mirror; add another"),
    ({"augment": "none", "augment_target": 0.6}, "do not concern mirror; add another"),
    ({"augment_p": 0.5, "augment_target": 0.6}, "leave out augment_p"),
    ({"augment_initial": 0.0, "augment_target": 0.6}, "leave out augment_p"),
    ({"objective": "lsgan", "augment_target": 0.6}, "lsgan has none"),
    ({"objective": "relativistic", "augment_target": 0.6}, "relativistic has none"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=str)
def test_what_cannot_work_together_is_refused_before_anything_is_written(
    data, tmp_path, options, words
):
    run = tmp_path / "runs" / "run"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=words) as error:
        loop.train(
            data, run, TrainingConfig(**SMALL | {"kimg": 0.016, "measure_kimg": 0.0} | options)
        )
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before


def allowed(objective, norm, penalty):
    """Whether the combination can work, for dcgan, stated the other way round than in the code."""
    if objective == "wgan":
        return norm != "spectral" and penalty == "none"
    if objective == "wgan-gp":
        return norm in ("none", "spectral") and penalty == "none"
    return penalty == "none" or norm in ("none", "spectral")


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_every_other_combination_passes(data, objective):
    for norm, penalty in itertools.product(("auto", "batch", "none", "spectral"), PENALTIES):
        options = {"objective": objective, "norm": norm} | PENALTIES[penalty]
        if allowed(objective, norm, penalty):
            check(data, **options)
        else:
            refusal(data, **options)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_the_residual_family_takes_every_objective(data, objective):
    penalty = {} if OBJECTIVES[objective].wasserstein else {"r1": 1.0, "r2": 1.0}
    check(data, architecture="residual", objective=objective, **penalty)


@pytest.mark.parametrize("objective", ["minimax", "non-saturating", "lsgan"])
def test_smoothing_passes_where_there_is_a_target(data, objective):
    check(data, objective=objective, smoothing=0.1)


def test_another_clip_passes_with_wgan(data):
    check(data, objective="wgan", clip=0.1)


def test_cuda_where_there_is_none(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in refusal(data, device="cuda")


def test_compile_cannot_differentiate_twice(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    options = {"device": "cuda", "compile": True, "norm": "none"}
    check(data, **options)
    assert "cannot differentiate twice" in refusal(data, **options, r1=1.0)
    assert "cannot differentiate twice" in refusal(data, **options, objective="wgan-gp")


def test_a_batch_that_the_processes_cannot_share_out(data, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert "multiple of the 3 processes" in refusal(data, batch=8)
    check(data, batch=9)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"objective": "wgan"}, False),
        ({"objective": "wgan-gp"}, True),
        ({"r1": 0.1}, True),
        ({"r2": 0.1}, True),
    ],
    ids=str,
)
def test_which_settings_differentiate_d_by_its_input(options, expected):
    assert config_checks.uses_penalty(TrainingConfig(**options)) is expected


def test_images_of_a_size_that_cannot_be_drawn(make_set):
    assert "pixels a side" in refusal(make_set(size=16))


def test_a_training_set_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        check(tmp_path / "nowhere")
