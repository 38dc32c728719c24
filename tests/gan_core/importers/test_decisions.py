"""What an import decides that tensors do not tell: by statistics, or by a person."""

import numpy as np
import pytest
import torch
from torch import nn

import layouts
from gan_core import __main__ as cli
from gan_core import checkpoint, export_onnx, importers
from gan_core.util.errors import InputError
from layouts import LAYOUTS, NZ, dcgan, prepared
from support import first_quick

BATCH_NORM = nn.modules.batchnorm._BatchNorm


def saved(folder, content, name="g.pth"):
    torch.save(content, folder / name)
    return folder / name


def loaded(recognised, folder, name="mine"):
    return checkpoint.load(importers.save(recognised, folder / "checkpoints" / name, name))


def statistics(network, momentum, batches, size=64, prior="normal"):
    """Statistics as a training of so many batches leaves them."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, BATCH_NORM):
            module.reset_running_stats()
            module.momentum = momentum
    network.train()
    with torch.no_grad():
        for _ in range(batches):
            network(torch.randn(size, NZ) if prior == "normal" else torch.rand(size, NZ) * 2 - 1)
    return network.eval()


def drawn(network, z):
    with torch.inference_mode():
        return network(torch.from_numpy(z)).permute(0, 2, 3, 1).numpy()


def apart(model, network, z=None):
    """The largest difference, in levels, of a model's pictures from those of a module."""
    z = model.prior.sample(4, seed=5) if z is None else z
    expected = checkpoint.to_uint8(drawn(network, z)).astype(int)
    assert expected.std() > 1  # after five batches pictures are pale
    return np.abs(model.generate(z) - expected).max()


# benchmarks/norm_statistics.py measures the same on more generators.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("momentum", "batches"), first_quick([(None, 10), (0.1, 5), (0.1, 20), (0.1, 100)], 2)
)
@pytest.mark.parametrize("prior", ["normal", "uniform"])
@pytest.mark.parametrize("activation", ["relu", "leaky"])
def test_statistics_tell_activation_and_prior(tmp_path, momentum, batches, prior, activation):
    layer = nn.ReLU if activation == "relu" else lambda: nn.LeakyReLU(0.2)
    network = prepared(layouts.Layout("", "", lambda: dcgan(activation=layer)), seed=batches)
    statistics(network, momentum, batches, prior=prior)
    recognised = importers.read(saved(tmp_path, network.state_dict()))
    assert (recognised.choices.activation, recognised.prior.kind) == (activation, prior)
    assert recognised.doubts == []
    assert apart(loaded(recognised, tmp_path), network) <= 1


@pytest.mark.slow
def test_statistics_beyond_leaky_relu_are_in_doubt(tmp_path):
    """As those of a steeper LeakyReLU, or of the first training steps with any activation."""
    layer = layouts.Layout("", "", lambda: dcgan(activation=lambda: nn.LeakyReLU(0.3)))
    recognised = importers.read(saved(tmp_path, prepared(layer).state_dict()))
    assert any("do not distinguish ReLU from LeakyReLU" in doubt for doubt in recognised.doubts)


@pytest.mark.slow
def test_what_statistics_cannot_tell_is_a_warning_and_can_be_chosen(tmp_path):
    network = prepared(layouts.Layout("", "", lambda: dcgan(norms=False)))
    path = saved(tmp_path, network.state_dict())
    recognised = importers.read(path)
    assert any("no batch-norm statistics" in doubt for doubt in recognised.doubts)
    assert (recognised.choices.activation, recognised.prior.kind) == ("relu", "normal")
    chosen = importers.read(path, activation="leaky", prior="uniform", output="sigmoid")
    assert chosen.doubts == []
    assert chosen.prior.kind == "uniform"
    other = prepared(
        layouts.Layout("", "", lambda: dcgan(norms=False, activation=lambda: nn.LeakyReLU(0.2)))
    )
    other.load_state_dict(network.state_dict())
    other.run[-1] = nn.Identity()
    z = chosen.prior.sample(3)
    with torch.inference_mode():
        expected = 2 * torch.sigmoid(other(torch.from_numpy(z))).permute(0, 2, 3, 1).numpy() - 1
    images = loaded(chosen, tmp_path).generate(z)
    assert np.abs(images - checkpoint.to_uint8(expected).astype(int)).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["leaky-0.01", "elu"])
def test_other_activations_can_be_chosen(tmp_path, activation):
    layer = nn.ELU if activation == "elu" else nn.LeakyReLU
    network = prepared(layouts.Layout("", "", lambda: dcgan(activation=layer)))
    recognised = importers.read(saved(tmp_path, network.state_dict()), activation=activation)
    assert apart(loaded(recognised, tmp_path), network) <= 1


@pytest.mark.slow
def test_a_choice_that_there_is_not_is_one_sentence(tmp_path):
    path = saved(tmp_path, prepared(LAYOUTS["tutorial"]).state_dict())
    for options, words in (
        ({"activation": "swish"}, "must be relu or leaky or leaky-0.01 or elu"),
        ({"output": "linear"}, "must be tanh or sigmoid"),
        ({"size": 30}, "no images of 30 pixels a side, but of 64"),
    ):
        with pytest.raises(InputError, match=words):
            importers.read(path, **options)


@pytest.mark.slow
def test_statistics_of_other_weights_or_another_prior_are_a_warning(tmp_path):
    network = prepared(LAYOUTS["tutorial"])
    state = network.state_dict()
    wide = {k: 9 * v if k.endswith("main.1.running_var") else v for k, v in state.items()}
    recognised = importers.read(saved(tmp_path, wide))
    assert any("main.1 saw" in doubt and "the prior" in doubt for doubt in recognised.doubts)
    wrong = {k: 9 * v if k.endswith("main.7.running_var") else v for k, v in state.items()}
    recognised = importers.read(saved(tmp_path, wrong))
    assert any("main.7 saw" in doubt and "a stride" in doubt for doubt in recognised.doubts)


@pytest.mark.slow
def test_a_stride_that_nobody_expects_is_exposed_by_statistics(tmp_path):
    """A layer of stride 3, between ones of 2: no known layout has it, so it is in doubt."""
    steps = [(4, 1, 0, 0), (4, 2, 1, 0), (4, 4, 0, 0), (4, 2, 1, 0)]
    network = prepared(layouts.Layout("", "", lambda: dcgan(widths=(16, 8, 4), steps=steps)))
    recognised = importers.read(saved(tmp_path, network.state_dict()))
    assert any("a stride" in doubt and "as ONNX" in doubt for doubt in recognised.doubts)


def fresh(network):
    """The state dict with statistics that never saw a batch."""
    state = {key: value.clone() for key, value in network.state_dict().items()}
    for key, value in state.items():
        if key.endswith(("running_mean", "num_batches_tracked")):
            value.zero_()
        elif key.endswith("running_var"):
            value.fill_(1)
    return state


@pytest.mark.slow
def test_an_average_with_dead_statistics_gives_way_to_a_generator_that_is_whole(tmp_path):
    network, average = prepared(LAYOUTS["tutorial"], 1), prepared(LAYOUTS["tutorial"], 2)
    both = {"netG": network.state_dict(), "g_ema": fresh(average)}
    recognised = importers.read(saved(tmp_path, both))
    assert any("g_ema in the file is not used" in note for note in recognised.notes)
    assert apart(loaded(recognised, tmp_path), network) <= 1
    both["g_ema"] = average.state_dict()
    recognised = importers.read(saved(tmp_path, both))
    assert apart(loaded(recognised, tmp_path, "whole"), average) <= 1


@pytest.mark.slow
def test_an_average_with_half_dead_statistics_gives_way_too(tmp_path):
    """Buffers that were averaged from 0 and 1 over too few steps fit no weights."""
    network, average = prepared(LAYOUTS["tutorial"], 1), prepared(LAYOUTS["tutorial"], 2)
    begun = fresh(average)
    for key, value in average.state_dict().items():
        begun[key] = 0.7 * begun[key] + 0.3 * value if "running" in key else value
    recognised = importers.read(saved(tmp_path, {"netG": network.state_dict(), "netG_ema": begun}))
    assert any("netG_ema in the file is not used" in note for note in recognised.notes)
    assert recognised.doubts == []
    assert apart(loaded(recognised, tmp_path), network) <= 1
    alone = importers.read(saved(tmp_path, {"netG_ema": begun}))
    assert alone.doubts


@pytest.mark.slow
def test_layers_of_an_average_are_not_taken_for_a_discriminator(tmp_path):
    """One called up_d, as in up_a to up_e, is the fourth layer and no part of a D."""
    letters = layouts.Layout("", "", lambda: dcgan("up_{n}/norm_{n}"))
    network, average = prepared(letters, 1), prepared(letters, 2)
    both = {"generator": network.state_dict(), "generator_ema": fresh(average)}
    both = {
        key: {name.replace("_4.", "_d."): tensor for name, tensor in state.items()}
        for key, state in both.items()
    }
    recognised = importers.read(saved(tmp_path, both))
    assert recognised.left_out == ""
    assert not any("discriminator" in note for note in recognised.notes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tutorial", "leaky", "linear, norm of values"])
def test_dead_statistics_alone_are_estimated_again(tmp_path, name):
    network = prepared(LAYOUTS[name])
    given = {"activation": "leaky"} if name == "leaky" else {}
    recognised = importers.read(saved(tmp_path, {"g_ema": fresh(network)}), **given)
    assert any("estimated from new latents" in note for note in recognised.notes)
    model = loaded(recognised, tmp_path)
    z = model.prior.sample(16, seed=5)
    expected = checkpoint.to_uint8(drawn(network, z)).astype(int)
    # Both statistics are estimates on other latents.
    assert np.abs(model.generate(z) - expected).mean() < 3


GREY = {"28 px by padding 3": [28, 32], "28 px by kernel 1": [28, 32], "32 px, grey": [28, 32]}


@pytest.mark.slow
@pytest.mark.parametrize("name", first_quick([*GREY, "28 px by 7 × 7"]))
def test_an_ambiguous_size_must_be_given(tmp_path, name):
    path = saved(tmp_path, prepared(LAYOUTS[name]).state_dict())
    with pytest.raises(importers.SizeUnknown, match="--size 28 or --size 32") as caught:
        importers.read(path)
    assert caught.value.sizes == [28, 32]
    for size in (28, 32):
        assert importers.read(path, size=size).architecture["size"] == size


@pytest.mark.slow
def test_the_size_of_a_model_of_this_project_need_not_be_given(tmp_path):
    from gan_core.networks import registry

    generator, _ = registry.build({"name": "dcgan", "size": 32, "channels": 1, "nz": 6, "ngf": 4})
    recognised = importers.read(saved(tmp_path, generator.state_dict()))
    assert (recognised.architecture["name"], recognised.architecture["size"]) == ("dcgan", 32)


@pytest.mark.slow
def test_the_command_line_decides_and_warns(tmp_path, capsys):
    grey = saved(tmp_path, prepared(LAYOUTS["28 px by padding 3"]).state_dict())
    folder = ["--checkpoints", str(tmp_path / "c")]
    assert cli.main(["import", str(grey), "grey", *folder]) == 2
    assert "--size 28 or --size 32" in capsys.readouterr().err
    assert cli.main(["import", str(grey), "grey", "--size", "28", *folder]) == 0
    assert checkpoint.load(tmp_path / "c" / "grey").size == 28
    assert "28 × 28 × 1" in capsys.readouterr().out
    bare = prepared(layouts.Layout("", "", lambda: dcgan(norms=False))).state_dict()
    path = saved(tmp_path, bare, "bare.pth")
    assert cli.main(["import", str(path), "bare", *folder]) == 0
    assert "warning: There are no batch-norm statistics" in capsys.readouterr().err
    chosen = ["--activation", "leaky", "--output", "sigmoid", "--prior", "uniform"]
    assert cli.main(["import", str(path), "chosen", *chosen, *folder]) == 0
    assert "warning" not in capsys.readouterr().err
    kinds = [
        one["kind"]
        for one in checkpoint.read_card(tmp_path / "c" / "chosen")["architecture"]["layers"]
    ]
    assert "leaky_relu" in kinds
    assert kinds[-1] == "sigmoid"


def norm_of(width):
    return {"running_mean": torch.zeros(width), "running_var": torch.full((width,), 2.0)}


def chain(*shapes):
    """A state dict of layers of these shapes, each transposed and with a norm but for the last."""
    state = {}
    for place, shape in enumerate(shapes):
        state[f"c{place}.weight"] = torch.ones(1).expand(shape)
        if place < len(shapes) - 1:
            parts = norm_of(shape[1] if len(shape) == 4 else shape[0])
            state |= {f"n{place}.{part}": tensor.clone() for part, tensor in parts.items()}
    return state


HUGE = {
    "a kernel like an image": chain((1, 3, 2000, 2000), (3, 3, 4, 4)),
    "a map that grows without end": chain((2, 4, 4, 4), *[(4, 4, 8, 8)] * 9, (4, 3, 4, 4)),
    "a layer of millions": chain((5_000_000, 1), (5_000_000, 3, 4, 4)),
    "channels without end": chain((2, 10**6, 4, 4), (10**6, 3, 4, 4)),
    "nothing": chain((2, 0, 4, 4), (0, 3, 4, 4)),
    "layers without end": chain(*[(3, 3, 3, 3)] * 60),
    "layers for more than any image": chain(*[(3, 3, 3, 3)] * 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HUGE)
def test_layers_that_would_fill_the_memory_are_refused_before_they_are_tried(case):
    from gan_core.importers import state_dict_layouts

    with pytest.raises(InputError) as caught:
        state_dict_layouts.generator(HUGE[case], "file.pth")
    assert "\n" not in str(caught.value)


# Discriminators.


def judge(names, channels=3, size=64, widths=(4, 6, 8, 10), last="conv"):
    """A discriminator of any names, of images (N, C, H, W)."""
    conv, norm = names.split("/")
    modules, before = [], channels
    for i, made in enumerate(widths):
        modules.append((conv.format(n=i + 1), nn.Conv2d(before, made, 4, 2, 1, bias=i == 0)))
        if i:
            modules.append((norm.format(n=i + 1), nn.BatchNorm2d(made)))
        modules.append(("", nn.LeakyReLU(0.2)))
        before, size = made, size // 2
    if last == "conv":
        modules.append((conv.format(n=9), nn.Conv2d(before, 1, size)))
    else:
        modules += [("", nn.Flatten()), ("fc", nn.Linear(before * size**2, 1))]
    network = layouts.Named([*modules, ("", nn.Flatten(0))])
    network.forward = lambda x: nn.Sequential(*network.run)(x)
    torch.manual_seed(4)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.1)
    with torch.no_grad():
        network.train()(torch.rand(32, channels, 64, 64) * 2 - 1)
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("apart_from", [False, True])
@pytest.mark.parametrize("last", ["conv", "linear"])
@pytest.mark.parametrize(
    "names", first_quick(["conv{n}/bn{n}", "layer{n}.0/layer{n}.1", "main.{n}:c/main.{n}:b"])
)
def test_discriminators_of_any_names_judge_as_their_own_modules(tmp_path, names, last, apart_from):
    network, other = prepared(LAYOUTS["deconv_bn"]), judge(names, last=last)
    if apart_from:
        path = saved(tmp_path, network.state_dict())
        judging = saved(tmp_path, other.state_dict(), "d.pth")
        recognised = importers.read(path, discriminator=judging)
    else:
        both = {"generator": network.state_dict(), "discriminator": other.state_dict()}
        recognised = importers.read(saved(tmp_path, both))
    assert recognised.left_out == ""
    model = loaded(recognised, tmp_path)
    assert apart(model, network) <= 1
    images = model.generate(model.prior.sample(6))
    with torch.inference_mode():
        expected = torch.sigmoid(other(checkpoint.to_float(torch.from_numpy(images)))).numpy()
    assert expected.std() > 1e-4
    assert np.abs(model.realness(images) - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", [nn.utils, nn.utils.parametrizations])
def test_discriminators_under_spectral_norm_are_made_whole(tmp_path, kind):
    network, other = prepared(LAYOUTS["tutorial"]), judge("c{n}/b{n}")
    for module in other.run:
        if isinstance(module, nn.Conv2d):
            kind.spectral_norm(module)
    with torch.no_grad():
        other.train()(torch.rand(8, 3, 64, 64))
    other.eval()
    both = {"netG": network.state_dict(), "netD": other.state_dict()}
    model = loaded(importers.read(saved(tmp_path, both)), tmp_path)
    images = model.generate(model.prior.sample(6))
    with torch.inference_mode():
        expected = torch.sigmoid(other(checkpoint.to_float(torch.from_numpy(images)))).numpy()
    assert np.abs(model.realness(images) - expected).max() < 1e-4


# What is imported can be exported again.


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", first_quick(["leaky", "linear, norm of values", "upsampling", "course, MNIST"])
)
def test_imported_layers_are_exported_and_imported_again(tmp_path, name):
    layout = LAYOUTS[name]
    path = saved(tmp_path, prepared(layout).state_dict())
    model = loaded(importers.read(path, **layout.options), tmp_path)
    z = model.prior.sample(4)
    for kind in ("safetensors", "pt"):
        export_onnx.write(model, tmp_path / f"out.{kind}")
        options = layout.options if kind == "pt" else {}
        again = loaded(importers.read(tmp_path / f"out.{kind}", **options), tmp_path, kind)
        assert np.array_equal(again.generate(z), model.generate(z))
    pytest.importorskip("onnxscript", reason="needs onnxscript")
    assert export_onnx.to_onnx(model, tmp_path / "out.onnx")["difference"] < 1e-4
