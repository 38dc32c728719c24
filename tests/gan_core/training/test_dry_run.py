"""The dry run: what a run would be, and that nothing is written."""

import re

import pytest
import torch

from gan_core.networks import registry
from gan_core.training import dry_run
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

SMALL = {"ngf": 4, "ndf": 4, "nz": 8, "batch": 8, "kimg": 36.0, "precision": "fp32"}


def describe(data, **options):
    return dry_run.describe(data, TrainingConfig(**options))


@pytest.fixture(autouse=True)
def steady(monkeypatch):
    """Ten images a second, whatever the machine."""
    monkeypatch.setattr(dry_run, "measure_rate", lambda data, options: 10.0)


def test_it_counts_every_parameter(make_set):
    text = describe(make_set(), **SMALL)
    sizes = {"name": "dcgan", "size": 32, "channels": 3, "nz": 8, "ngf": 4, "ndf": 4}
    for title, network in zip(("Generator", "Discriminator"), registry.build(sizes), strict=True):
        count = sum(p.numel() for p in network.parameters())
        part = text[text.index(title) :].split("\n\n")[0].splitlines()
        assert part[0] == f"{title}, {count:,} parameters"
        rows = [int(line.split()[-1].replace(",", "")) for line in part[1:]]
        assert sum(rows) == count
        assert len(rows) == sum(not any(m.children()) for m in network.modules())


def test_it_lists_each_layers_output(make_set):
    lines = describe(make_set(), **SMALL).splitlines()
    assert [line.split("  ")[1:] for line in lines if "ConvTranspose2d" in line]
    assert any(re.search(r"ConvTranspose2d\s+3 × 32 × 32\s", line) for line in lines)
    assert any(re.search(r"Conv2d\s+4 × 16 × 16\s", line) for line in lines)


def test_time_is_length_over_speed(make_set):
    assert "36 kimg in 60 minutes, plus the time for" in describe(make_set(), **SMALL)


def test_length_is_time_times_speed(make_set):
    text = describe(make_set(), **SMALL | {"minutes": 6.0})
    assert "at most 3.6 kimg in 6 minutes, less the time for sample grids" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "5 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (5400, "1.5 hours"),
        (7300, "2 hours"),
    ],
)
def test_duration_in_words(seconds, words):
    assert dry_run.duration(seconds) == words


def test_memory_grows_with_the_batch_and_the_width(make_set):
    data = make_set()

    def mebibytes(**options):
        text = describe(data, **SMALL | options)
        return [
            int(re.search(words + r".*?: (?:about )?([\d,]+) MiB", text)[1].replace(",", ""))
            for words in ("Weights, gradients", "Activations")
        ]

    small, wide, many = mebibytes(ngf=64), mebibytes(ngf=128), mebibytes(ngf=64, batch=512)
    assert wide[0] > 3 * small[0]
    assert many[0] == small[0]
    assert many[1] > 30 * max(small[1], 1)


def test_the_residual_networks_are_described_too(make_set):
    text = describe(make_set(), **SMALL | {"architecture": "residual"})
    assert "Upsample" in text
    assert "BatchNorm2d" not in text


def test_the_layers_listed_have_all_weights_of_a_network():
    """Also those of a layer that has layers of its own, such as a modulated convolution."""
    for name in ("dcgan", "residual", "style"):
        sizes = {"name": name, "size": 32, "channels": 3, "nz": 6, "ngf": 2, "ndf": 2}
        generator, _ = registry.build(sizes)
        rows = dry_run.layers(generator, torch.zeros(2, 6))
        assert sum(own for _, _, own, _ in rows) == registry.parameters(generator)


def test_what_training_refuses_is_refused(make_set):
    with pytest.raises(InputError, match="batch norm mixes"):
        describe(make_set(), **SMALL | {"objective": "wgan-gp"})


@pytest.mark.slow
def test_the_rate_is_that_of_the_real_loop_and_nothing_stays(make_set, monkeypatch, tmp_path):
    monkeypatch.undo()
    data, steps = make_set(), []
    real = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *a, **k: (steps.append(1), real(*a, **k)))
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "cache"))
    before = sorted(tmp_path.rglob("*"))
    rate = dry_run.measure_rate(data, TrainingConfig(**SMALL | {"k": 2}))
    assert rate > 0
    assert len(steps) == (dry_run.WARM + dry_run.STEPS) * 3  # two of D and one of G each
    assert sorted(tmp_path.rglob("*")) == before


def test_spectral_norm_hides_no_layer(make_set):
    text = describe(make_set(), **SMALL | {"norm": "spectral"})
    part = text[text.index("Discriminator") :].split("\n\n")[0].splitlines()
    rows = [int(line.split()[-1].replace(",", "")) for line in part[1:]]
    assert part[0] == f"Discriminator, {sum(rows):,} parameters"
    assert sum("Conv2d" in line for line in part) == 4
    assert "_SpectralNorm" not in text
