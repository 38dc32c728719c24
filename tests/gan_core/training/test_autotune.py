"""The probe: what it may choose, and that it leaves everything as it was."""

from pathlib import Path

import pytest
import torch

from gan_core.networks import registry
from gan_core.training import autotune
from gan_core.training.config import TrainingConfig

CPU = torch.device("cpu")
LAYOUTS = ("channels_last", "contiguous")
AUTO = {"precision": "auto", "layout": "auto", "convolution": "auto"}


def players(name="dcgan", channels=1, size=28, width=2):
    sizes = {"size": size, "channels": channels, "nz": 5, "ngf": width, "ndf": width}
    torch.manual_seed(0)
    return list(registry.build({"name": name, **sizes}))


def pictures(n=4):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def choose(settings, name="dcgan"):
    return autotune.choose(TrainingConfig(**settings), players(name), pictures(), steps=1)


@pytest.fixture
def bf16(monkeypatch):
    """Say whether the device has bf16."""

    def set_to(answer):
        monkeypatch.setattr(autotune, "has_bf16", lambda device: answer)

    return set_to


@pytest.fixture
def cpuinfo(monkeypatch):
    """Fake /proc/cpuinfo."""

    def set_to(text):
        def read_text(path, *arguments, **options):
            assert path.as_posix() == "/proc/cpuinfo"
            return text

        monkeypatch.setattr(Path, "read_text", read_text)

    return set_to


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_fixed_is_not_measured(monkeypatch, precision, layout):
    monkeypatch.setattr(autotune, "_time", None)
    fixed = {"precision": precision, "layout": layout, "convolution": "direct"}
    assert choose(fixed) == (fixed, {})


@pytest.mark.parametrize("name", ["dcgan", "residual"])
def test_auto_measures_every_candidate(bf16, name):
    bf16(True)
    chosen, rates = choose(AUTO, name)
    assert set(rates) == {(p, la, "direct") for p in ("fp32", "bf16") for la in LAYOUTS}
    assert tuple(chosen.values()) in rates
    assert all(rate > 0 for rate in rates.values())


def test_without_bf16_only_layouts_are_measured(bf16):
    bf16(False)
    chosen, rates = choose(AUTO)
    assert set(rates) == {("fp32", layout, "direct") for layout in LAYOUTS}
    assert chosen["precision"] == "fp32"


def test_only_what_is_auto_is_measured(bf16):
    bf16(True)
    chosen, rates = choose(AUTO | {"layout": "contiguous"})
    assert set(rates) == {(p, "contiguous", "direct") for p in ("fp32", "bf16")}
    assert chosen["layout"] == "contiguous"
    chosen, rates = choose(AUTO | {"precision": "fp32"})
    assert set(rates) == {("fp32", layout, "direct") for layout in LAYOUTS}
    assert chosen["precision"] == "fp32"


@pytest.mark.parametrize("fastest", [(p, la) for p in ("fp32", "bf16") for la in LAYOUTS], ids=str)
def test_the_fastest_is_chosen(monkeypatch, bf16, fastest):
    bf16(True)

    def seconds(networks, images, precision, layout, convolution, steps, recorded):
        assert not recorded  # CUDA graphs are not for the CPU
        return 0.5 if (precision, layout) == fastest else 2.0

    monkeypatch.setattr(autotune, "_time", seconds)
    chosen, rates = choose(AUTO)
    assert (chosen["precision"], chosen["layout"]) == fastest
    assert rates.pop((*fastest, "direct")) == 4 / 0.5  # images a second
    assert set(rates.values()) == {4 / 2.0}


@pytest.mark.slow
def test_winograd_is_measured_where_a_network_has_such_convolutions(bf16, monkeypatch):
    bf16(True)
    images = torch.rand(4, 3, 32, 32)

    def measured(*networks):
        return {
            key[2]: key[:2]
            for key in autotune.choose(TrainingConfig(**AUTO), networks, images, steps=1)[1]
        }

    wide = players(channels=3, size=32, width=8)
    assert measured(*wide)["winograd"] == ("fp32", "channels_last")
    assert "winograd" not in measured(*players(channels=3, size=32, width=2))
    assert "winograd" not in measured(*players("residual", channels=3, size=32, width=8))
    only = AUTO | {"convolution": "winograd"}
    fixed = {"precision": "fp32", "layout": "channels_last", "convolution": "winograd"}
    assert autotune.choose(TrainingConfig(**only), wide, images) == (fixed, {})
    monkeypatch.setattr(autotune.winograd.importlib.util, "find_spec", lambda name: None)
    assert "winograd" not in measured(*wide)


def test_what_was_chosen_is_what_networks_run_in():
    discriminator = players(channels=3, size=32, width=8)[1]
    images = torch.rand(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)

    def kinds(fast):
        with autotune.as_chosen(fast, CPU):
            waiting, seen = [discriminator(images).grad_fn], set()
        while waiting:
            node = waiting.pop()
            seen.add(type(node).__name__)
            waiting += [parent for parent, _ in node.next_functions if parent is not None]
        return seen

    assert "ConvolutionBackward" in kinds({"precision": "fp32", "convolution": "winograd"})
    assert "ConvolutionBackward" not in kinds({"precision": "fp32", "convolution": "direct"})
    assert "ConvolutionBackward" not in kinds({"precision": "fp32"})  # of a run begun before


@pytest.mark.parametrize("name", ["dcgan", "residual"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_networks_images_and_randomness_stay_as_they_were(bf16, name, layout):
    bf16(True)
    given, images = players(name), pictures()
    for network in given:
        network.to(memory_format=autotune.LAYOUTS[layout])
    states = [{k: v.clone() for k, v in n.state_dict().items()} for n in given]
    strides = [[p.stride() for p in n.parameters()] for n in given]
    random = torch.get_rng_state()
    before = images.clone()
    autotune.choose(TrainingConfig(**AUTO), given, images, steps=1)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(images, before)
    for network, state, layouts in zip(given, states, strides, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
        assert [p.stride() for p in network.parameters()] == layouts
        assert all(p.grad is None and p.requires_grad for p in network.parameters())
        assert network.training


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_measured_lies_as_it_says(layout):
    given, seen = players(channels=3), []
    discriminator = given[1]
    discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    autotune._time(given, torch.rand(4, 3, 28, 28), "fp32", layout, "direct", 1)
    assert seen[0].is_contiguous(memory_format=autotune.LAYOUTS[layout])
    inner = next(p for p in discriminator.parameters() if p.ndim == 4 and p.shape[1] > 1)
    assert inner.is_contiguous(memory_format=autotune.LAYOUTS[layout])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu sse avx512_bf16 avx512f\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu sse avx2 avx512f\n", False),
        ("flags\t\t: fpu avx512_bf16x notbf16\n", False),
        ("model name\t: Processor with bf16\nflags\t\t: fpu\n", False),
        ("", False),
    ],
)
def test_bf16_is_read_from_the_processors_flags(cpuinfo, text, expected):
    cpuinfo(text)
    assert autotune.has_bf16(CPU) is expected


def test_a_processor_without_flags_has_no_bf16(monkeypatch):
    def read_text(path, *arguments, **options):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert autotune.has_bf16(CPU) is False


@pytest.mark.parametrize("answer", [True, False])
def test_a_gpu_is_checked_for_bf16_without_emulation(monkeypatch, answer):
    requested = []

    def supported(including_emulation=True):
        requested.append(including_emulation)
        return answer

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert autotune.has_bf16(torch.device("cuda")) is answer
    assert requested == [False]


@pytest.mark.parametrize("name", ["dcgan", "residual"])
def test_nz_is_read_from_the_first_layer(name):
    assert autotune.generator_inputs(players(name)[0]) == 5
