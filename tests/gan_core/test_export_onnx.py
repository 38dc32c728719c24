"""Generators as ONNX files: what is folded, what is written, what is refused, what is cached."""

import builtins
import json
import threading

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from gan_core import __main__ as cli
from gan_core import checkpoint, export_onnx
from gan_core.networks import registry
from gan_core.util.errors import InputError
from support import ROOT

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxscript", reason="needs onnxscript")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def lively(network, seed=0):
    """Statistics and weights that are not the initial ones, so that folding has something to do."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.001, 0.01)
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
        if isinstance(module, nn.Conv2d) and not module.weight.any():  # fix-up: zero at the start
            nn.init.normal_(module.weight, 0.0, 0.1)
    return network


def make_model(tmp_path, family="dcgan", size=32, channels=3, nz=8, prior="normal"):
    architecture = {"name": family, "size": size, "channels": channels}
    architecture |= {"nz": nz, "ngf": 4, "ndf": 4}
    torch.manual_seed(0)
    generator, _ = registry.build(architecture)
    card = {"name": family, "architecture": architecture, "prior": {"kind": prior, "size": nz}}
    card |= {"objective": "non-saturating", "training": {}, "training_set": {}}
    checkpoint.save(tmp_path / family, lively(generator), None, card)
    return checkpoint.load(tmp_path / family)


@pytest.fixture
def model(tmp_path):
    return make_model(tmp_path)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """The bytes of the file of `model`, which is the same in every test."""
    return export_onnx.encode(make_model(tmp_path_factory.mktemp("encoded")))


@pytest.fixture
def quick(monkeypatch, model, encoded):
    """The bytes of the model's file, encoded once; what encodes again is counted in a list."""
    calls = []

    def again(model):
        calls.append(model.name)
        return encoded

    monkeypatch.setattr(export_onnx, "encode", again)
    return calls


def norms(module):
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("family", [name for name in registry.FAMILIES if name != "conditional"])
def test_a_folded_generator_draws_the_same_pictures(family, size, channels):
    architecture = {"name": family, "size": size, "channels": channels}
    generator, _ = registry.build({**architecture, "nz": 6, "ngf": 4, "ndf": 4})
    lively(generator).eval()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    folded = export_onnx.fold(generator)
    z = torch.randn(5, 6)
    with torch.inference_mode():
        expected, images = generator(z), folded(z)
    assert images.shape == (5, channels, size, size)
    assert images.std() > 0.01
    assert (images - expected).abs().max() < 1e-5
    assert not norms(folded)
    assert not folded.training
    normalised = family in ("dcgan", "resize")
    assert len(norms(generator)) == normalised * {28: 2, 32: 3, 64: 4}[size]
    assert all(torch.equal(before[key], value) for key, value in generator.state_dict().items())


@pytest.mark.slow
def test_a_generator_in_training_mode_is_folded_as_in_eval_mode():
    generator, _ = registry.build(
        {"name": "dcgan", "size": 32, "channels": 3, "nz": 6, "ngf": 4, "ndf": 4}
    )
    lively(generator).train()
    z = torch.randn(5, 6)
    folded = export_onnx.fold(generator)
    assert generator.training
    with torch.inference_mode():
        assert (folded(z) - generator.eval()(z)).abs().max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_groups_biases_and_plain_norms_are_folded_right(kind, affine, bias, groups):
    torch.manual_seed(0)
    convolution = kind(6, 12, 3, stride=2, padding=1, groups=groups, bias=bias)
    inner = nn.Sequential(convolution, nn.BatchNorm2d(12, affine=affine), nn.ReLU())
    network = lively(nn.Sequential(nn.Identity(), inner)).eval()
    folded = export_onnx.fold(network)
    x = torch.randn(2, 6, 5, 5)
    with torch.inference_mode():
        expected = network(x)
        assert expected.std() > 0.1
        assert (folded(x) - expected).abs().max() < 1e-4 * expected.abs().max()
    assert not norms(folded)


@pytest.mark.slow
def test_a_norm_that_no_convolution_precedes_stays():
    network = nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
    )
    network.append(nn.BatchNorm2d(4, track_running_stats=False))
    lively(network).eval()
    folded = export_onnx.fold(network)
    x = torch.randn(2, 3, 5, 5)
    with torch.inference_mode():
        assert torch.equal(folded(x), network(x))
    assert len(norms(folded)) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "size", "channels", "prior"),
    [
        ("dcgan", 28, 1, "uniform"),
        ("dcgan", 64, 3, "normal"),
        ("residual", 28, 3, "normal"),
        ("residual", 32, 1, "normal"),
        ("style", 32, 3, "normal"),
    ],
)
def test_the_file_draws_what_pytorch_draws(tmp_path, family, size, channels, prior):
    model = make_model(tmp_path, family, size, channels, prior=prior)
    message = export_onnx.to_onnx(model, tmp_path / "new" / "out.onnx")
    path = tmp_path / "new" / "out.onnx"
    assert list(path.parent.iterdir()) == [path]  # one file, weights inside, no half one
    assert message["file"] == str(path)
    assert message["bytes"] == path.stat().st_size
    assert message["sha256"] == checkpoint.sha256(path)
    assert 0 <= message["difference"] <= export_onnx.MOST_APART
    z = model.prior.sample(64, seed=5)
    expected = model.synthesize(z).transpose(0, 3, 1, 2)
    assert expected.std() > 0.01
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 3, 64):
        parts = [session.run(None, {"z": z[i : i + n]})[0] for i in range(0, 64, n)]
        images = np.concatenate(parts)
        assert images.dtype == np.float32
        assert images.shape == (64, channels, size, size)
        assert np.abs(images - expected).max() < export_onnx.MOST_APART


@pytest.mark.slow
def test_the_graph_has_no_norm_and_no_trace_of_this_machine(tmp_path, model):
    export_onnx.to_onnx(model, tmp_path / "out.onnx")
    proto = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(proto, full_check=True)
    kinds = [node.op_type for node in proto.graph.node]
    assert "ConvTranspose" in kinds
    assert "BatchNormalization" not in kinds
    assert [value.name for value in proto.graph.input] == ["z"]
    assert [value.name for value in proto.graph.output] == ["images"]
    sides = proto.graph.input[0].type.tensor_type.shape.dim
    assert sides[0].dim_param
    assert sides[1].dim_value == 8
    content = (tmp_path / "out.onnx").read_bytes()
    for part in (str(ROOT), torch.__path__[0], "stack_trace", "networks/dcgan.py"):
        assert part.encode() not in content


@pytest.mark.slow
def test_the_exporter_is_quiet_and_loaded_only_when_needed(make_checkpoint, tmp_path, python):
    code = f"""
import sys, gan_core, gan_core.__main__
from gan_core import export_onnx
assert not {{"onnx", "onnxscript", "onnxruntime"}} & set(sys.modules), "loaded at the start"
export_onnx.to_onnx(gan_core.load({str(make_checkpoint())!r}), {str(tmp_path / "out.onnx")!r})
"""
    done = python("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [2e-3, np.nan])
def test_a_file_that_draws_something_else_is_refused(tmp_path, model, quick, monkeypatch, wrong):
    path = tmp_path / "out.onnx"
    path.write_text("before")
    right = export_onnx.run
    monkeypatch.setattr(export_onnx, "run", lambda path, z: right(path, z) + np.float32(wrong))
    with pytest.raises(InputError, match="different pictures from PyTorch"):
        export_onnx.to_onnx(model, path)
    assert path.read_text() == "before"
    assert not list(tmp_path.glob("*.partial-*"))
    with pytest.raises(InputError):
        export_onnx.cached(model)
    assert not list(export_onnx.place("0").parent.iterdir())


@pytest.mark.slow
def test_a_file_that_does_not_run_is_refused(tmp_path, model, monkeypatch):
    monkeypatch.setattr(export_onnx, "encode", lambda model: b"no ONNX")
    with pytest.raises(InputError, match=f"onnxruntime cannot run {model.name}") as caught:
        export_onnx.to_onnx(model, tmp_path / "out.onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_one_sentence(tmp_path, model, monkeypatch, missing):
    original = builtins.__import__

    def without(name, *arguments):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf"not installed \({missing}\); pip install onnx"):
        export_onnx.to_onnx(model, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.slow
def test_the_cache_holds_one_file_made_once(model, quick):
    path = export_onnx.cached(model)
    weights = checkpoint.sha256(model.directory / "generator.safetensors")
    assert path.name == f"{weights}-{export_onnx.VERSION}.onnx"
    assert export_onnx.cached(model) == export_onnx.stored(weights) == path
    assert quick == [model.name]
    assert export_onnx.stored("0" * 64) is None
    assert np.abs(export_onnx.check(model, path)) < export_onnx.MOST_APART


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["bytes", "short", "no note", "torn note", "other note"])
def test_a_damaged_file_in_the_cache_is_replaced(model, quick, damage):
    path = export_onnx.cached(model)
    whole, note = path.read_bytes(), path.with_suffix(".json")
    if damage == "bytes":
        path.write_bytes(whole[:-100] + bytes(100))
    elif damage == "short":
        path.write_bytes(whole[:1000])
    elif damage == "no note":
        note.unlink()
    elif damage == "torn note":
        note.write_text(note.read_text()[:20])
    else:
        note.write_text('{"sha256": "0"}')
    assert export_onnx.stored(path.name[:64]) is None
    assert export_onnx.cached(model) == path
    assert path.read_bytes() == whole
    assert len(quick) == 2
    assert export_onnx.cached(model) == path
    assert len(quick) == 2


@pytest.mark.slow
def test_another_version_of_the_export_is_another_file(model, quick, monkeypatch):
    before = export_onnx.cached(model)
    monkeypatch.setattr(export_onnx, "VERSION", export_onnx.VERSION + 1)
    assert export_onnx.cached(model) != before
    assert len(quick) == 2


@pytest.mark.slow
def test_of_threads_at_the_same_time_one_makes_it(model, quick):
    gate, exported = threading.Barrier(4), []

    def ask():
        gate.wait()
        exported.append(export_onnx.cached(model))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(exported) == 4
    assert len(set(exported)) == 1
    assert quick == [model.name]


@pytest.mark.slow
def test_the_verb_writes_a_file_and_describes_it(tmp_path, model, capsys):
    out = tmp_path / "out.onnx"
    assert cli.main(["export", str(model.directory), "--out", str(out), "--json"]) == 0
    *words, last = capsys.readouterr().out.splitlines()
    message = json.loads(last)
    assert set(message) == {"file", "bytes", "difference", "sha256"}
    assert message["file"] == str(out)
    assert message["sha256"] == checkpoint.sha256(out)
    assert words[0].startswith(f"{out}: the generator of {model.name}")
    assert export_onnx.run(out, model.prior.sample(2)).shape == (2, 3, 32, 32)


@pytest.mark.slow
@pytest.mark.parametrize("out", ["out.png", "folder.onnx", "dcgan/model.json/out.onnx"])
def test_where_the_verb_cannot_write_is_one_sentence(tmp_path, model, quick, capsys, out):
    (tmp_path / "folder.onnx").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["export", str(model.directory), "--out", str(tmp_path / out)]) == 2
    message = capsys.readouterr()
    assert message.out == ""
    assert message.err.startswith("gan_core: ")
    assert message.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_the_verb_needs_a_checkpoint(tmp_path, capsys):
    assert cli.main(["export", str(tmp_path), "--out", str(tmp_path / "out.onnx")]) == 2
    assert "model.json is missing" in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pt", "pth", "safetensors"])
def test_the_verb_writes_weights_that_pytorch_reads(tmp_path, model, capsys, kind):
    out = tmp_path / f"out.{kind}"
    assert cli.main(["export", str(model.directory), "--out", str(out), "--json"]) == 0
    message = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert message["bytes"] == out.stat().st_size
    assert message["sha256"] == checkpoint.sha256(out)
    assert 0 <= message["difference"] < 1e-5
    if kind == "safetensors":
        exported = load_file(out)
        with safe_open(out, "pt") as file:
            notes = file.metadata()
        assert json.loads(notes["architecture"])["name"] == "dcgan"
        assert "ndf" not in json.loads(notes["architecture"])
        assert (notes["prior"], notes["name"]) == ("normal", model.name)
    else:
        exported = torch.load(out, weights_only=True)
    expected = model.generator.state_dict()
    assert list(map(str, sorted(exported))) == sorted(expected)
    assert all(torch.equal(exported[name], tensor) for name, tensor in expected.items())


@pytest.mark.slow
def test_weights_that_do_not_come_back_leave_the_file_before(tmp_path, model, monkeypatch):
    path = tmp_path / "out.pt"
    path.write_text("before")
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", lambda *given: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(InputError, match="cannot be written"):
            export_onnx.write(model, path)
    assert path.read_text() == "before"
    assert not list(tmp_path.glob("*.partial-*"))
    with pytest.raises(InputError, match=r"must end in \.onnx"):
        export_onnx.write(model, tmp_path / "out.txt")
