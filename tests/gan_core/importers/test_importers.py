"""Weights trained elsewhere: what is recognised, that it draws the same, and what is refused."""

import argparse
import collections
import datetime
import itertools
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import types
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from gan_core import __main__ as cli
from gan_core import checkpoint, export_onnx, importers, model_card
from gan_core.importers import inert, onnx_import, safe_load, state_dict_layouts
from gan_core.networks import registry
from gan_core.util.errors import InputError
from support import first_quick

MOST_APART = 1e-5


def sequential(*blocks):
    return nn.Sequential(*(layer for block in blocks for layer in block))


# The reference networks, from the layouts as published.


class Tutorial(nn.Module):
    """G of PyTorch's DCGAN tutorial: latents (N, nz, 1, 1)."""

    def __init__(self, nz=9, ngf=3, nc=3, bias=False):
        super().__init__()
        widths = [8 * ngf, 4 * ngf, 2 * ngf, ngf]
        steps = [(nz, widths[0], 1, 0)]
        steps += [(a, b, 2, 1) for a, b in itertools.pairwise(widths)]
        blocks = [
            (nn.ConvTranspose2d(a, b, 4, s, p, bias=bias), nn.BatchNorm2d(b), nn.ReLU(True))
            for a, b, s, p in steps
        ]
        end = (nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=bias), nn.Tanh())
        self.main = sequential(*blocks, end)

    def forward(self, z):
        return self.main(z)


class TutorialD(nn.Module):
    def __init__(self, ndf=2, nc=3):
        super().__init__()
        blocks = [(nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True))]
        for i in range(3):
            a, b = ndf * 2**i, ndf * 2 ** (i + 1)
            convolution = nn.Conv2d(a, b, 4, 2, 1, bias=False)
            blocks.append((convolution, nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)))
        self.main = sequential(*blocks, (nn.Conv2d(8 * ndf, 1, 4, 1, 0, bias=False), nn.Sigmoid()))

    def forward(self, images):
        return self.main(images).flatten()


class Zoo(nn.Module):
    """G of facebookresearch/pytorch_GAN_zoo: latents (N, nz, 1, 1)."""

    def __init__(self, nz=9, dim=3, nc=3, depth=3):
        super().__init__()
        width = dim * 2**depth
        self.formatLayer = nn.ConvTranspose2d(nz, width, 4, 1, 0, bias=False)
        self.main = nn.Sequential()
        self.main.add_module("batchNorm0", nn.BatchNorm2d(width))
        self.main.add_module("relu0", nn.ReLU())
        for i in range(1, depth + 1):
            layer = nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)
            width //= 2
            self.main.add_module(f"convTranspose{i}", layer)
            self.main.add_module(f"batchNorm{i}", nn.BatchNorm2d(width))
            self.main.add_module(f"relu{i}", nn.ReLU())
        self.main.add_module("outlayer", nn.ConvTranspose2d(dim, nc, 4, 2, 1, bias=False))

    def forward(self, z):
        return self.main(self.formatLayer(z)).tanh()


class ZooD(nn.Module):
    def __init__(self, dim=2, nc=3, depth=3):
        super().__init__()
        self.main = nn.Sequential()
        self.main.add_module(f"convTranspose{depth}", nn.Conv2d(nc, dim, 4, 2, 1, bias=False))
        self.main.add_module(f"relu{depth}", nn.LeakyReLU(0.2))
        for i in reversed(range(depth)):
            self.main.add_module(f"convTranspose{i}", nn.Conv2d(dim, 2 * dim, 4, 2, 1, bias=False))
            dim *= 2
            self.main.add_module(f"batchNorm{i}", nn.BatchNorm2d(dim))
            self.main.add_module(f"relu{i}", nn.LeakyReLU(0.2))
        self.decisionLayer = nn.Conv2d(dim, 1, 4, 1, 0, bias=False)

    def forward(self, images):
        return self.decisionLayer(self.main(images)).flatten().sigmoid()


class Linear(nn.Module):
    """G of eriklindernoren/PyTorch-GAN, dcgan: latents (N, nz)."""

    def __init__(self, nz=9, size=32, nc=1, name="conv_blocks", wide=8):
        super().__init__()
        self.wide, self.start = wide, size // 4
        self.l1 = nn.Sequential(nn.Linear(nz, wide * self.start**2))
        half = wide // 2
        self.add_module(
            name,
            sequential(
                [nn.BatchNorm2d(wide)],
                [nn.Upsample(scale_factor=2), nn.Conv2d(wide, wide, 3, stride=1, padding=1)],
                [nn.BatchNorm2d(wide, 0.8), nn.LeakyReLU(0.2, inplace=True)],
                [nn.Upsample(scale_factor=2), nn.Conv2d(wide, half, 3, stride=1, padding=1)],
                [nn.BatchNorm2d(half, 0.8), nn.LeakyReLU(0.2, inplace=True)],
                [nn.Conv2d(half, nc, 3, stride=1, padding=1), nn.Tanh()],
            ),
        )
        self.name = name

    def forward(self, z):
        flat = self.l1(z.flatten(1))
        return getattr(self, self.name)(flat.view(len(z), self.wide, self.start, self.start))


class LinearD(nn.Module):
    def __init__(self, size=32, nc=1, ndf=2, last=True):
        super().__init__()
        blocks, before = [], nc
        for i in range(4):
            after = ndf * 2**i
            layers = [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
            if 0 < i < 3 or (i == 3 and last):
                layers.append(nn.BatchNorm2d(after, 0.8))
            blocks.append(layers)
            before = after
        self.model = sequential(*blocks)
        self.adv_layer = nn.Sequential(nn.Linear(before * (size // 16) ** 2, 1), nn.Sigmoid())

    def forward(self, images):
        return self.adv_layer(self.model(images).flatten(1)).flatten()


def trained(network, seed=0):
    """Weights and statistics as after training: activations of a usual size, no two pictures alike.

    The norms' statistics are those of latents, or of noise as images, that went through.
    """
    torch.manual_seed(seed)
    first = None
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.1)
            first = module if first is None else first
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.1)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
            module.momentum = None  # the mean over what passes
    with torch.no_grad():
        network.train()(something(network, first))
    return network.eval()


def something(network, first):
    """What a network of the tests takes: latents, or images."""
    if isinstance(network, TutorialD | ZooD | LinearD):
        return torch.rand(16, first.in_channels, network_size(network), network_size(network))
    size = first.in_features if isinstance(first, nn.Linear) else first.in_channels
    z = torch.randn(32, size)
    ours = type(network).__module__.startswith("gan_core")
    return z if ours else z[:, :, None, None]


def network_size(network):
    return 32 if isinstance(network, LinearD) else 64


def drawn(network, z):
    """What a reference network draws, float32 (N, H, W, C)."""
    with torch.inference_mode():
        return network(torch.from_numpy(z)[:, :, None, None]).permute(0, 2, 3, 1).numpy()


def saved(folder, network, name="netG.pth"):
    torch.save(network.state_dict(), folder / name)
    return folder / name


def imported(recognised, folder, name="mine"):
    return checkpoint.load(importers.save(recognised, folder / "checkpoints" / name, name))


def same(model, network, most=MOST_APART):
    z = model.prior.sample(5, seed=3)
    expected, images = drawn(network, z), model.synthesize(z)
    assert expected.std() > 0.05  # there is something to compare
    assert images.shape == expected.shape
    assert np.abs(images - expected).max() < most


GENERATORS = {
    "tutorial": (Tutorial, {}, ("dcgan", 64, 3)),
    "tutorial, grey, narrow latent": (Tutorial, {"nz": 2, "ngf": 5, "nc": 1}, ("dcgan", 64, 1)),
    "tutorial, biases": (Tutorial, {"bias": True}, ("dcgan", 64, 3)),
    "zoo": (Zoo, {}, ("dcgan", 64, 3)),
    "zoo, 128 px": (Zoo, {"depth": 4, "dim": 2}, ("dcgan", 128, 3)),
    "linear": (Linear, {}, ("upsample", 32, 1)),
    "linear, 28 px": (Linear, {"size": 28}, ("upsample", 28, 1)),
    "linear, 64 px, colour": (Linear, {"size": 64, "nc": 3, "nz": 30}, ("upsample", 64, 3)),
    "linear, old name": (Linear, {"name": "conv_model"}, ("upsample", 32, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", GENERATORS)
def test_imported_weights_draw_what_their_own_network_draws(tmp_path, case):
    kind, options, (name, size, channels) = GENERATORS[case]
    network = trained(kind(**options))
    recognised = importers.read(saved(tmp_path, network))
    described = recognised.architecture
    assert (described["name"], described["size"], described["channels"]) == (name, size, channels)
    assert described["nz"] == options.get("nz", 9)
    assert "ndf" not in described
    model = imported(recognised, tmp_path)
    assert model.discriminator is None
    assert model.prior.kind == "normal"
    same(model, network)


@pytest.mark.slow
@pytest.mark.parametrize("wrapped", ["DataParallel", "nested", "deep", "safetensors", "legacy"])
@pytest.mark.parametrize("kind", first_quick([Tutorial, Zoo, Linear]))
def test_prefixes_and_other_containers_make_no_difference(tmp_path, kind, wrapped):
    network = trained(kind())
    path, state = tmp_path / "file", network.state_dict()
    if wrapped == "DataParallel":
        torch.save(nn.DataParallel(network).state_dict(), path)
    elif wrapped == "nested":
        torch.save({"epoch": 3, "netG": state, "losses": [1.0, 2.0]}, path)
    elif wrapped == "deep":
        keys = {f"model.generator.{key}": value for key, value in state.items()}
        torch.save({"state_dict": keys, "optimizer": {"state": {0: {"exp_avg": state}}}}, path)
    elif wrapped == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        from safetensors.torch import save_file

        save_file({key: value.contiguous() for key, value in state.items()}, path)
    same(imported(importers.read(path), tmp_path), network)


def test_sequentials_in_sequentials_and_other_precisions(tmp_path):
    network = trained(Tutorial()).half().float()
    layers = list(network.main)
    state = {}
    for place in range(0, len(layers), 3):  # blocks, as many write them
        for inner, layer in enumerate(layers[place : place + 3]):
            for part, tensor in layer.state_dict().items():
                if part != "num_batches_tracked":  # PyTorch before 0.4.1
                    state[f"net.{place // 3}.{inner}.{part}"] = tensor.half()
    torch.save(state, tmp_path / "half.pth")
    same(imported(importers.read(tmp_path / "half.pth"), tmp_path), network, 1e-3)


def test_of_two_generators_the_averaged_one_is_taken(tmp_path):
    raw, averaged = trained(Zoo(), 1), trained(Zoo(), 2)
    path = tmp_path / "zoo.pt"
    torch.save({"netG": raw.state_dict(), "avgG": averaged.state_dict()}, path)
    same(imported(importers.read(path), tmp_path), averaged)


JUDGES = {
    "tutorial": (Tutorial, TutorialD, {}),
    "zoo": (Zoo, ZooD, {}),
    "linear": (Linear, LinearD, {}),
    "linear, no last norm": (Linear, LinearD, {"last": False}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", JUDGES)
@pytest.mark.parametrize("apart", [False, True])
def test_the_discriminator_judges_as_its_own_network_does(tmp_path, case, apart):
    kind, judging, options = JUDGES[case]
    network, judge = trained(kind()), trained(judging(**options), 1)
    path = tmp_path / "both.pt"
    if apart:
        recognised = importers.read(
            saved(tmp_path, network), discriminator=saved(tmp_path, judge, "netD.pth")
        )
        assert recognised.origin["discriminator"] == "netD.pth"
    else:
        torch.save({"netG": network.state_dict(), "netD": judge.state_dict()}, path)
        recognised = importers.read(path)
    model = imported(recognised, tmp_path)
    images = model.generate(model.prior.sample(6))
    floats = checkpoint.to_float(torch.from_numpy(images))
    with torch.inference_mode():
        expected = judge(floats).numpy()
    assert expected.std() > 1e-4
    assert np.abs(model.realness(images) - expected).max() < MOST_APART
    same(model, network)


def test_a_strange_discriminator_never_stops_a_good_generator(tmp_path):
    network = trained(Linear())
    path = saved(tmp_path, network)
    text = tmp_path / "text.pth"
    text.write_bytes(b"hello")
    strangers = {
        saved(tmp_path, trained(TutorialD()), "netD.pth"): "does not match the generator",
        saved(tmp_path, trained(Tutorial()), "g.pth"): "No discriminator was recognised in g.pth",
        text: "text.pth is neither a state dict",
        tmp_path / "missing.pth": "cannot be read",
    }
    for other, words in strangers.items():
        recognised = importers.read(path, discriminator=other)
        assert recognised.discriminator is None
        assert recognised.left_out.startswith("The discriminator was left out: ")
        assert words in recognised.left_out
        assert recognised.left_out in recognised.notes
        assert "discriminator" not in recognised.origin
    same(imported(recognised, tmp_path), network)
    odd = {"netD.conv.weight": torch.zeros(7, 5, 3, 3)}
    torch.save({"netG": network.state_dict(), **odd}, tmp_path / "both.pth")
    recognised = importers.read(tmp_path / "both.pth")
    assert recognised.discriminator is None
    why = "The discriminator was left out: its tensors match no known layout."
    assert recognised.left_out == why


def test_a_checkpoint_of_the_zoo_is_read_although_it_holds_settings(tmp_path, monkeypatch):
    class BaseConfig:
        pass

    BaseConfig.__module__, BaseConfig.__qualname__ = "models.utils.config", "BaseConfig"
    modules = {name: types.ModuleType(name) for name in ("models", "models.utils")}
    modules["models.utils.config"] = types.ModuleType("models.utils.config")
    modules["models.utils.config"].BaseConfig = BaseConfig
    network, settings = trained(Zoo()), BaseConfig()
    settings.lossCriterion, settings.attribKeysOrder = "DCGAN", None
    with monkeypatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        for loss in ("DCGAN", "WGANGP"):
            settings.lossCriterion = loss
            torch.save({"config": settings, "netG": network.state_dict()}, tmp_path / f"{loss}.pt")
        settings.lossCriterion, settings.attribKeysOrder = "DCGAN", {"hair": {"order": 0}}
        torch.save({"config": settings, "netG": network.state_dict()}, tmp_path / "classes.pt")
    same(imported(importers.read(tmp_path / "DCGAN.pt"), tmp_path), network)
    with pytest.raises(InputError, match="without tanh"):
        importers.read(tmp_path / "WGANGP.pt")
    with pytest.raises(InputError, match="conditional"):
        importers.read(tmp_path / "classes.pt")


# What is not recognised.


def test_what_is_not_recognised_is_listed_tensor_by_tensor(tmp_path, capsys):
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 12))
    path = saved(tmp_path, network)
    with pytest.raises(importers.Unrecognised, match="no known layout") as caught:
        importers.read(path)
    assert caught.value.tensors == [
        ("0.weight", "8 × 4", "float32"),
        ("0.bias", "8", "float32"),
        ("2.weight", "12 × 8", "float32"),
        ("2.bias", "12", "float32"),
    ]
    assert cli.main(["import", str(path), "mine", "--checkpoints", str(tmp_path / "c")]) == 2
    rows = capsys.readouterr().err.splitlines()
    assert rows[0] == "0.weight  8 × 4  float32"
    assert rows[-1].startswith("gan_core: No generator was recognised in netG.pth")
    assert not (tmp_path / "c").exists()


def change(key, function):
    def edit(state):
        state[key] = function(state[key])

    return edit


NEARLY = {
    "a width": (
        change("main.6.weight", lambda t: t[:, :-1]),
        "main.9.weight is 6 × 3 × 4 × 4 and does not fit main.6.weight before it, 12 × 5 × 4 × 4",
    ),
    "a norm gone": (
        lambda state: [state.pop(key) for key in list(state) if key.startswith("main.4.")],
        "main.4, the norm of 12 channels after main.3, is missing",
    ),
    "a norm short": (
        change("main.4.weight", lambda t: t[:-1]),
        "main.4.weight is 11 beside a running_mean of 12",
    ),
    "a scale gone": (lambda state: state.pop("main.7.weight"), "main.7.weight is missing beside"),
    "a variance gone": (
        lambda state: state.pop("main.7.running_var"),
        "main.7.running_var is missing beside main.7.running_mean",
    ),
    "the first layer gone": (lambda state: state.pop("main.0.weight"), "main.0.weight is missing"),
    "a layer gone": (lambda state: state.pop("main.6.weight"), "main.6.weight is missing: main.7"),
    "a layer too many": (
        lambda state: state.update({"main.20.weight": torch.zeros(5, 5, 3, 3)}),
        r"main.20.weight \(5 × 5 × 3 × 3\) is one too many",
    ),
    "a tensor too many": (
        lambda state: state.update({"main.2.alpha": torch.zeros(1)}),
        r"main.2.alpha \(1\) belongs to no layer",
    ),
    "not finite": (change("main.0.weight", lambda t: t * torch.nan), "not finite"),
    "two channels": (change("main.12.weight", lambda t: t[:, :2]), "1 or 3 channels"),
}


@pytest.mark.parametrize("case", NEARLY)
def test_a_near_match_is_refused_with_the_difference(tmp_path, case):
    edit, words = NEARLY[case]
    state = trained(Tutorial()).state_dict()
    edit(state)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(importers.Unrecognised, match=words) as caught:
        importers.read(tmp_path / "odd.pth")
    assert [name for name, _, _ in caught.value.tensors] == list(state)


def test_a_discriminator_in_place_of_a_generator_is_named(tmp_path):
    with pytest.raises(importers.Unrecognised, match="it is a discriminator"):
        importers.read(saved(tmp_path, trained(TutorialD()), "netD.pth"))


MEASURE = """
import resource, sys
from gan_core import importers
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
importers.save(importers.read("small.pth"), "small", "small")
before = peak()
found = importers.read("large.pth")
found.draw(16)
importers.save(found, "large", "large")
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a peak of memory")
def test_an_import_takes_no_more_than_a_few_times_the_file_in_memory(tmp_path):
    saved(tmp_path, Tutorial(ngf=4), "small.pth")
    path = saved(tmp_path, Tutorial(ngf=160), "large.pth")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4.5 * path.stat().st_size


# Hostile and damaged files.


def refused(path, words):
    with pytest.raises(InputError, match=words) as caught:
        importers.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


class Trap:
    """Unpickled, it would make a folder."""

    def __reduce__(self):
        return os.mkdir, (str(Trap.folder),)


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", ["trap", "module", "beside"])
def test_pickles_of_more_than_tensors_are_refused_unread(tmp_path, kind, legacy):
    Trap.folder = tmp_path / "made by the file"
    network = trained(Tutorial())
    content = {
        "trap": Trap(),
        "module": network,
        "beside": {"netG": network.state_dict(), "x": Trap()},
    }
    path = tmp_path / "file.pt"
    torch.save(content[kind], path, _use_new_zipfile_serialization=not legacy)
    names = {"module": "Tutorial"}.get(kind, "mkdir")
    refused(path, f"{names}.*not only tensors.*save the weights alone")
    path.write_bytes(pickle.dumps(content[kind], protocol=2))
    refused(path, "not only tensors|damaged")
    path.write_bytes(pickle.dumps(content[kind]))
    refused(path, "not only tensors|damaged")
    assert not Trap.folder.exists()


def test_torchscript_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "script.pt"
    with warnings.catch_warnings():  # TorchScript itself is deprecated
        warnings.simplefilter("ignore")
        torch.jit.trace(trained(Tutorial()), torch.zeros(1, 9, 1, 1)).save(str(path))
    refused(path, "TorchScript, a program")


@pytest.mark.parametrize("kind", ["pt", "legacy", "safetensors"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9, 0.999])
def test_files_cut_short_are_one_sentence(tmp_path, kind, part):
    from safetensors.torch import save_file

    path, state = tmp_path / "file", trained(Tutorial()).state_dict()
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    refused(path, "damaged|neither")


@pytest.mark.parametrize("kind", ["pt", "legacy", "safetensors", "onnx"])
def test_noise_in_a_file_is_one_sentence_or_harmless(tmp_path, kind):
    from safetensors.torch import save_file

    path, state = tmp_path / "file", trained(Tutorial(nz=2, ngf=1)).state_dict()
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "onnx":
        path.write_bytes(graph_of([1, 4], [("Tanh", {})]))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pt")
    content = np.frombuffer(path.read_bytes(), np.uint8)
    stream = np.random.RandomState(0)
    for _ in range(40):
        damaged = content.copy()
        places = stream.randint(0, min(len(content), 3000), 8)
        damaged[places] = stream.randint(0, 256, 8)
        path.write_bytes(damaged.tobytes())
        message = ""
        try:
            if kind == "onnx":
                onnx_import.ends(onnx_import.parse(path), path)
            else:
                safe_load.tensors(path)
        except InputError as error:
            message = str(error)
        assert "\n" not in message


def rewritten(path, change, compression=zipfile.ZIP_STORED):
    """A zip with some entries changed: change(name, content) -> content, or None to leave out."""
    with zipfile.ZipFile(path) as file:
        entries = {name: change(name, file.read(name)) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            if content is not None:
                file.writestr(name, content)


@pytest.mark.slow
def test_zip_bombs_are_not_unpacked(tmp_path):
    path = saved(tmp_path, trained(Tutorial()))
    zeros = bytes(300 * 2**20)
    rewritten(path, lambda name, content: content, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data/99", zeros)
    assert path.stat().st_size < 2**21
    refused(path, "compressed zip")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    refused(path, "not one of torch.save")


def test_tensors_that_claim_more_than_the_file_holds_are_refused(tmp_path):
    path = tmp_path / "file.pt"
    torch.save({"0.weight": torch.zeros(1).expand(100_000, 100_000)}, path)
    refused(path, "larger than the file")
    torch.save({"0.weight": torch.zeros(10)}, path)
    # The record claims 100 million numbers, the pickle asks for as many.
    rewritten(path, lambda name, c: c.replace(b"K\n", struct.pack("<ci", b"J", 10**8)))
    refused(path, "damaged|larger than the file")
    torch.save({"a": torch.zeros(3).to_sparse()}, path)
    refused(path, "not only tensors|not a plain tensor")
    torch.save({"a": torch.zeros(3, device="meta")}, path)
    refused(path, "not only tensors|not a plain tensor")
    torch.save({"a": 1}, path)
    refused(path, "holds no tensors")
    torch.save([torch.zeros(3)], path)
    refused(path, "no state dict")


def test_dictionaries_that_repeat_each_other_come_to_an_end(tmp_path):
    nest = {"a": torch.zeros(1)}
    for _ in range(6):
        nest = {str(i): nest for i in range(40)}
    torch.save(nest, tmp_path / "nest.pt")
    refused(tmp_path / "nest.pt", "more than 20,000 tensors")


@pytest.mark.parametrize("length", [10**6 * 8, 2**63])
def test_large_headers_of_safetensors_are_not_read(tmp_path, length):
    path = tmp_path / "file.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{" + b" " * 9_000_000)
    refused(path, "far more than weights need|longer than the file")


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "file.pth"
    for content in (b"", b"hello"):
        path.write_bytes(content)
        refused(path, "empty|neither a state dict")
    for start, most in ((b"PK", safe_load.MAX_FILE), (b"\x80", safe_load.MAX_LEGACY)):
        with open(path, "wb") as file:
            file.write(start)
            file.truncate(most + 1)
        refused(path, f"at most {most // 2**20} are accepted")
    refused(tmp_path / "missing.pth", "cannot be read")


WEB = b"\n<!DOCTYPE html>\n<html><head><title>Google Drive - Virus scan warning</title>"
KINDS = {
    "a web page": ("netG.pth", WEB, "a web page and not the file itself"),
    "Git LFS": ("netG.pth", b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "Keras, old": ("g.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "a Keras model.*tf2onnx"),
    "gzip": ("netG.pth.gz", b"\x1f\x8b\x08" + bytes(20), "a gzip archive; unpack"),
    "tar": ("netG.tar", bytes(257) + b"ustar\x0000" + bytes(50), "a tar archive; unpack"),
    "a picture": ("netG.pth", b"\x89PNG\r\n\x1a\n" + bytes(50), "a picture"),
    "SavedModel": ("saved_model.pb", b"\x08\x01\x12\x9c", "SavedModel.*tf2onnx.*ONNX"),
    "renamed": ("g.pb", b"\x08\x01\x12\x9cVarHandleOp" + bytes(9), "SavedModel.*tf2onnx.*ONNX"),
    "TensorFlow": ("model.ckpt.index", b"\0\0\1abc", "a checkpoint of TensorFlow"),
    "TensorFlow Lite": ("g.tflite", b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite"),
    "JSON": ("config.json", b'{"nz": 100}', "text .JSON. and not weights"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_are_named_as_what_they_are(tmp_path, kind):
    name, content, words = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, words)


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_zips_and_folders_are_named_as_what_they_are(tmp_path):
    weights = saved(tmp_path, trained(Tutorial())).read_bytes()
    keras = {"config.json": "{}", "metadata.json": "{}", "model.weights.h5": "x"}
    refused(zip_of(tmp_path / "g.keras", keras), "a Keras model")
    inside = zip_of(tmp_path / "download.zip", {"models/netG.pth": weights})
    refused(inside, "a zip with netG.pth in it; unpack it")
    refused(zip_of(tmp_path / "m.zip", {"m/saved_model.pb": "x"}), "SavedModel")
    refused(zip_of(tmp_path / "a.npz", {"w.npy": "x"}), "NumPy")
    refused(tmp_path, "a folder; give the file")
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    refused(tmp_path, "SavedModel")


@pytest.mark.slow
def test_harmless_values_beside_weights_are_passed_over_unmade(tmp_path):
    network = trained(Tutorial())
    history = collections.defaultdict(list, loss=[1.0])
    content = {
        "netG": network.state_dict(),
        "scalar": np.float64(41.5),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "words": np.array(["a", "b"]),
        "args": argparse.Namespace(lr=2e-4, out=pathlib.Path("runs") / "one"),
        "path": pathlib.PurePosixPath("a/b"),
        "history": history,
        "queue": collections.deque([1, 2], 3),
        "seen": {1, 2},
        "when": datetime.datetime(2020, 1, 2),
        "random": np.random.RandomState(0).get_state(),
    }
    for legacy in (False, True):
        path = tmp_path / f"{legacy}.pth"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        same(imported(importers.read(path), tmp_path, f"m{legacy}"), network)


def test_stand_ins_take_the_place_of_everything_named():
    """No name of a harmless value leads to the function of that name."""
    for stand_in, name in inert.stand_ins():
        assert stand_in in (inert.Inert, inert.InertList, inert.plain_dict), name
    assert vars(inert.Inert(os.mkdir, "x")) == {}
    assert inert.InertList([1, 2]) == []
    assert inert.plain_dict(list, {"a": 1}) == {}


@pytest.mark.slow
def test_only_the_bytes_of_the_generator_are_limited(tmp_path, monkeypatch):
    network = trained(Tutorial())
    state = {0: {"exp_avg": torch.zeros(60_000), "exp_avg_sq": torch.zeros(60_000)}}
    content = {"netG": network.state_dict(), "optimizerG": {"state": state}, "epoch": 3}
    torch.save(content, tmp_path / "resumable.pth")
    size = sum(t.numel() * t.element_size() for t in network.state_dict().values())
    monkeypatch.setattr(safe_load, "MAX_BYTES", size + 1000)
    assert (tmp_path / "resumable.pth").stat().st_size > 4 * safe_load.MAX_BYTES
    same(imported(importers.read(tmp_path / "resumable.pth"), tmp_path), network)
    monkeypatch.setattr(safe_load, "MAX_BYTES", size - 1000)
    refused(tmp_path / "resumable.pth", "The generator in resumable.pth has")


# ONNX.

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def graph_of(shape, steps, out=None, nz=4, size=8, channels=3, more=(), opset=17):
    """A generator as ONNX: latents of `shape` times a matrix, reshaped to pictures, then steps.

    steps: [(operator, attributes)]; an operator given another input by its name in `more`.
    """
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.RandomState(0).standard_normal((nz, size * size * channels))
    constants = {"w": np.float32(matrix / 4), "flat": np.int64([-1, nz])}
    constants["picture"] = np.int64([-1, channels, size, size])
    constants |= dict(more)
    nodes = [
        helper.make_node("Reshape", ["latent", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "w"], ["values"]),
        helper.make_node("Reshape", ["values", "picture"], ["step0"]),
    ]
    for number, (kind, attributes) in enumerate(steps):
        others = attributes.pop("inputs", [])
        names = [f"step{number}", *others]
        nodes.append(helper.make_node(kind, names, [f"step{number + 1}"], **attributes))
    nodes[-1].output[0] = "pictures"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def expected_of(z, size=8, channels=3, nz=4):
    """tanh of what `graph_of` draws, float (N, H, W, C)."""
    matrix = np.random.RandomState(0).standard_normal((nz, size * size * channels))
    values = np.tanh(z @ np.float32(matrix / 4)).reshape(-1, channels, size, size)
    return values.transpose(0, 2, 3, 1)


HALF, ONE, FULL = ("half", np.float32(0.5)), ("one", np.float32(1)), ("full", np.float32(127.5))
TANH = ("Tanh", {})
UNIT = [TANH, ("Add", {"inputs": ["one"]}), ("Mul", {"inputs": ["half"]})]
BYTE = [TANH, ("Add", {"inputs": ["one"]}), ("Mul", {"inputs": ["full"]})]
NHWC = ("Transpose", {"perm": [0, 2, 3, 1]})
GRAPHS = {
    "flat": (["n", 4], [TANH], "signed", 0),
    "a map": (["n", 4, 1, 1], [TANH], "signed", 0),
    "one at a time": ([1, 4], [TANH], "signed", 1),
    "three at a time": ([3, 4, 1, 1], [TANH], "signed", 3),
    "from 0 to 1": (["n", 4], UNIT, "unit", 0),
    "from 0 to 255, channels last": (["n", 4], [*BYTE, NHWC], "byte", 0),
    "no shapes": ([None, None], [TANH, NHWC], "signed", 0),
    "old": (["n", 4], [TANH], "signed", 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", first_quick(GRAPHS, 2))
def test_an_onnx_generator_is_probed_and_draws_the_same(tmp_path, case):
    shape, steps, values, batch = GRAPHS[case]
    steps = [(kind, dict(attributes)) for kind, attributes in steps]
    opset = 9 if case == "old" else 17
    path = tmp_path / "g.onnx"
    path.write_bytes(graph_of(shape, steps, more=[HALF, ONE, FULL], opset=opset))
    recognised = importers.read(path)
    assert recognised.architecture == {"name": "onnx", "size": 8, "channels": 3, "nz": 4}
    assert recognised.values == values
    assert recognised.parameters > 4 * 8 * 8 * 3
    model = imported(recognised, tmp_path)
    z = model.prior.sample(7, seed=3)
    assert np.abs(model.synthesize(z) - expected_of(z)).max() < MOST_APART
    alone = np.concatenate([model.synthesize(z[i : i + 1]) for i in range(7)])
    assert np.abs(alone - expected_of(z)).max() < MOST_APART
    assert any(f"takes exactly {batch} latents" in note for note in recognised.notes) == (batch > 0)
    if batch:
        with pytest.raises(InputError, match=r"only takes . latents at a time"):
            export_onnx.to_onnx(model, tmp_path / "again.onnx")
    else:
        assert export_onnx.to_onnx(model, tmp_path / "again.onnx")["difference"] < MOST_APART
        again = imported(importers.read(tmp_path / "again.onnx"), tmp_path, "again")
        assert np.abs(again.synthesize(z) - expected_of(z)).max() < MOST_APART


@pytest.mark.slow
def test_a_range_that_a_person_gives_wins_and_gives_other_weights(tmp_path):
    path = tmp_path / "g.onnx"
    path.write_bytes(graph_of(["n", 4], [("Sigmoid", {})]))
    assert importers.read(path).values == "unit"
    a = imported(importers.read(path), tmp_path, "a")
    b = imported(importers.read(path, values="signed"), tmp_path, "b")
    z = a.prior.sample(3)
    assert np.abs(a.synthesize(z) - (2 * b.synthesize(z) - 1)).max() < MOST_APART
    assert a.hash != b.hash  # drawn pictures are cached under it
    with pytest.raises(InputError, match="must be signed, unit, byte"):
        importers.read(path, values="percent")


@pytest.mark.slow
def test_values_beyond_the_range_are_clipped_with_a_note(tmp_path):
    path = tmp_path / "g.onnx"
    path.write_bytes(graph_of(["n", 4], [("Identity", {})]))
    images = imported(importers.read(path), tmp_path).synthesize(np.eye(4, dtype=np.float32) * 9)
    assert (images.min(), images.max()) == (-1, 1)
    assert "Values beyond that range are clipped." in importers.read(path).notes


def several(change):
    proto = onnx.load_model_from_string(graph_of(["n", 4], [TANH]))
    change(proto)
    return proto.SerializeToString()


def external(proto):
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def external_inside(proto):
    node = proto.graph.node.add(op_type="Constant", output=["c"])
    value = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    external(types.SimpleNamespace(graph=types.SimpleNamespace(initializer=[value.t])))


def second_input(proto):
    proto.graph.input.add().CopyFrom(proto.graph.input[0])
    proto.graph.input[1].name = "truncation"


def declare(*shape):
    from onnx import helper

    def change(proto):
        del proto.graph.output[:]
        proto.graph.output.append(helper.make_tensor_value_info("pictures", 1, shape))

    return change


def bomb(factor):
    return [("Tile", {"inputs": ["times"]})], [("times", np.int64([1, 1, factor, factor]))]


def noisy():
    noise = ("RandomNormalLike", {})
    return [noise, TANH]


HOSTILE = {
    "external data": (several(external), "keeps its weights in other files"),
    "external data in a node": (several(external_inside), "keeps its weights in other files"),
    "two inputs": (several(second_input), "one input, the latent; it has 2 .latent, truncation"),
    "declared huge": (several(declare("n", 3, 10**6, 10**6)), "larger than 512"),
    "memory": (graph_of(["n", 4], *bomb(30_000)[:1], more=bomb(30_000)[1]), "cannot run|stopped"),
    "an image as input": (graph_of(["n", 3, 64, 64], [TANH]), "not a generator of images"),
    "not square": (
        graph_of(
            ["n", 4],
            [("Tile", {"inputs": ["times"]})],
            more=[("times", np.int64([1, 1, 1, 2]))],
        ),
        "square",
    ),
    "too small": (graph_of(["n", 4], [TANH], size=4), "8 to 512"),
    "numbers, not pictures": (
        graph_of(["n", 4], [("Flatten", {})]),
        "not an image of 1 or 3 channels",
    ),
    "the same for all": (
        graph_of(["n", 4], [("Mul", {"inputs": ["k"]})], more=[("k", np.float32(0))]),
        "same picture for every latent",
    ),
    "not finite": (
        graph_of(["n", 4], [("Mul", {"inputs": ["k"]})], more=[("k", np.float32(np.inf))]),
        "not finite",
    ),
    "noise of its own": (graph_of(["n", 4], noisy()), "a different picture when it gets the same"),
    "unknown operator": (graph_of(["n", 4], [("Magic", {})]), "onnxruntime cannot run"),
    "cut short": (graph_of(["n", 4], [TANH])[:700], "damaged"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_graphs_are_one_sentence(tmp_path, case):
    content, words = HOSTILE[case]
    (tmp_path / "g.onnx").write_bytes(content)
    refused(tmp_path / "g.onnx", words)


@pytest.mark.slow
def test_a_graph_gives_no_gradient_and_says_so(tmp_path):
    (tmp_path / "g.onnx").write_bytes(graph_of(["n", 4], [TANH]))
    recognised = importers.read(tmp_path / "g.onnx")
    with pytest.raises(InputError, match="no gradient"):
        recognised.generator(torch.zeros(1, 4, requires_grad=True))
    model = imported(recognised, tmp_path)
    model.directory.joinpath("generator.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(model.directory)


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 6])
def test_onnx_written_in_train_mode_is_refused_with_the_fix(tmp_path, count):
    from onnx import TensorProto, helper, numpy_helper

    names = ("z", "w", "scale", "shift", "mean", "variance")
    stream = np.random.RandomState(0)
    weights = [
        stream.standard_normal((4, 5, 8, 8)),
        np.ones(5),
        np.zeros(5),
        np.zeros(5),
        np.ones(5),
    ]
    constants = [
        numpy_helper.from_array(np.float32(value), name)
        for value, name in zip(weights, names[1:], strict=True)
    ]
    constants.append(numpy_helper.from_array(np.int64([-1, 4, 1, 1]), "shape"))
    constants.append(
        numpy_helper.from_array(stream.standard_normal((3, 5, 1, 1)).astype("f4"), "rgb")
    )
    for training in (1, 0):
        moments = ["m", "v"] if training else []
        nodes = [
            helper.make_node("Reshape", ["z", "shape"], ["map"]),
            helper.make_node("ConvTranspose", ["map", "w"], ["wide"]),
            helper.make_node(
                "BatchNormalization",
                ["wide", *names[2:]],
                ["normed", *moments],
                training_mode=training,
            ),
            helper.make_node("Conv", ["normed", "rgb"], ["linear"]),
            helper.make_node("Tanh", ["linear"], ["images"]),
        ]
        ends = [
            helper.make_tensor_value_info("z", TensorProto.FLOAT, [count or "n", 4]),
            helper.make_tensor_value_info("images", TensorProto.FLOAT, None),
        ]
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
        opsets = [helper.make_opsetid("", 17)]
        path = tmp_path / "g.onnx"
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        path.write_bytes(model.SerializeToString())
        if training:
            refused(path, r"exported in train mode.*netG\.eval\(\)")
        else:
            assert importers.read(path).architecture["size"] == 8


@pytest.mark.parametrize("shape", [["n", 4], [6, 4]])
def test_a_latent_that_draws_another_picture_in_company_is_refused(tmp_path, shape):
    """The mean over the batch is taken off by plain operators, which no attribute tells."""
    steps = [("ReduceMean", {"axes": [0], "keepdims": 1}), ("Tanh", {})]
    proto = onnx.load_model_from_string(graph_of(shape, steps))
    node = next(node for node in proto.graph.node if node.op_type == "Tanh")
    mean = node.input[0]
    centred = onnx.helper.make_node("Sub", ["step0", mean], ["centred"])
    node.input[0] = "centred"
    proto.graph.node.insert(len(proto.graph.node) - 1, centred)
    (tmp_path / "g.onnx").write_bytes(proto.SerializeToString())
    refused(tmp_path / "g.onnx", "exported in train mode")


# Checkpoints.


@pytest.mark.slow
def test_the_checkpoint_says_where_it_came_from(tmp_path, capsys):
    path = saved(tmp_path, trained(Tutorial()), "my_net|G.pth")
    out = tmp_path / "checkpoints"
    arguments = ["import", str(path), "mine", "--prior", "uniform", "--checkpoints", str(out)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert "DCGAN as in PyTorch’s tutorial, 64 × 64 × 3, nz 9" in printed.out
    assert "without a discriminator" in printed.out
    card = checkpoint.read_card(out / "mine")
    assert card["origin"]["file"] == path.name
    assert card["origin"]["sha256"] == checkpoint.sha256(path)
    assert card["prior"] == {"kind": "uniform", "size": 9}
    assert card["origin"]["command"].startswith("python -m gan_core import ")
    words = (out / "mine" / "README.md").read_text("utf-8")
    assert checkpoint.sha256(path) in words
    assert "These weights were imported." in words
    assert "my&#95;net&#124;G.pth" in words
    assert (out / "mine" / "samples.png").exists()
    assert model_card.write(out / "mine").read_text("utf-8") == words
    model = checkpoint.load(out / "mine")
    with pytest.raises(InputError, match="no discriminator"):
        model.realness(model.generate(model.prior.sample(1)))
    with pytest.raises(InputError, match=r"not available\. They are not known"):
        model.training_set()
    assert cli.main(arguments) == 2
    assert "already exists" in capsys.readouterr().err
    assert cli.main(["import", str(path), "../up", "--checkpoints", str(out)]) == 2
    assert "a name consists of 1 to 64 letters" in capsys.readouterr().err


def test_a_preview_imports_nothing(tmp_path, capsys):
    path = saved(tmp_path, trained(Tutorial()))
    picture, out = tmp_path / "look.png", tmp_path / "checkpoints"
    options = ["--preview", str(picture), "--checkpoints", str(out)]
    assert cli.main(["import", str(path), "mine", *options]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert not out.exists()


@pytest.mark.slow
def test_the_training_set_can_be_given(tmp_path, make_set):
    recognised = importers.read(saved(tmp_path, trained(Tutorial())))
    data = make_set("set", size=64)
    out = importers.save(recognised, tmp_path / "c" / "mine", "mine", data=data)
    fingerprint = json.loads((data / "set.json").read_text())["fingerprint"]
    assert checkpoint.read_card(out)["training_set"]["fingerprint"] == fingerprint
    with pytest.raises(InputError, match="differ in size"):
        importers.save(
            recognised, tmp_path / "c" / "other", "other", data=make_set("small", size=32)
        )
    assert not (tmp_path / "c" / "other").exists()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dcgan", "resize", "residual", "style", "upsample"])
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_what_is_exported_can_be_imported(tmp_path, family, kind):
    architecture = {"name": family, "size": 32, "channels": 3, "nz": 6, "ngf": 4, "ndf": 4}
    generator, judge = registry.build(architecture)
    about = {"name": family, "architecture": architecture, "training": {}, "training_set": {}}
    about |= {"prior": {"kind": "uniform", "size": 6}}
    checkpoint.save(tmp_path / family, trained(generator), judge, about)
    model = checkpoint.load(tmp_path / family)
    written = export_onnx.write(model, tmp_path / f"out.{kind}")
    assert written["difference"] < MOST_APART
    assert written["sha256"] == checkpoint.sha256(tmp_path / f"out.{kind}")
    recognised = importers.read(tmp_path / f"out.{kind}")
    assert recognised.prior.kind == ("uniform" if kind == "safetensors" else "normal")
    again = imported(recognised, tmp_path)
    assert again.discriminator is None
    z = model.prior.sample(4)
    assert np.array_equal(again.synthesize(z), model.synthesize(z))
    assert model.synthesize(z).std() > 0.01


def test_metadata_that_lies_is_not_believed(tmp_path):
    from safetensors.torch import save_file

    network = trained(Tutorial())
    lie = {"architecture": json.dumps({"name": "dcgan", "size": 32}), "prior": "wild"}
    save_file(network.state_dict(), tmp_path / "lie.safetensors", lie)
    recognised = importers.read(tmp_path / "lie.safetensors")
    assert recognised.prior.kind == "normal"
    same(imported(recognised, tmp_path), network)


@pytest.mark.parametrize("name", ["upsample", "dcgan"])
def test_weights_of_imported_architectures_are_counted_as_built(name):
    sizes = {"size": 32, "channels": 3, "nz": 7, "ngf": 5, "ndf": 3}
    players = registry.build({"name": name, **sizes})
    built = sum(p.numel() for player in players for p in player.parameters() if p.ndim > 1)
    assert registry.family(name).weights(**sizes) == built
    del sizes["ndf"]
    generator, judge = registry.build({"name": name, **sizes})
    assert judge is None
    assert registry.family(name).weights(**sizes, ndf=0) == sum(
        p.numel() for p in generator.parameters() if p.ndim > 1
    )


def test_layouts_recognise_averages_by_whole_words():
    assert all(
        map(state_dict_layouts.is_average, ("avgG.", "g_ema.", "ema_generator.module.", "G.EMA."))
    )
    assert not any(map(state_dict_layouts.is_average, ("module.", "schema.", "netG.", "")))
