"""Every layout of layouts.py, and every file of ../shared/cases, draws what its module draws."""

import numpy as np
import pytest
import torch

import layouts
from gan_core import checkpoint, importers
from layouts import LAYOUTS, NZ, prepared
from support import ROOT, first_quick

CASES = ROOT.parent / "shared" / "cases"
NEEDS = {"padding_3_28px": {"size": 28}}
FILES = (
    *("conv1_sequential", "deconv_bn", "tconv_bn", "leaky_relu", "uniform_prior"),
    *("ema_with_dead_buffers", "last_kernel_1_32px", "last_5_stride_3_96px"),
    *("last_3_stride_1_32px", "padding_3_28px", "widths_that_do_not_halve", "linear_first"),
    *("numpy_scalar_beside", "spectral_norm_keys"),
)


def most_levels_apart(images, expected):
    assert images.shape == expected.shape
    return int(np.abs(images.astype(int) - expected.astype(int)).max())


def read_and_loaded(path, folder, **options):
    recognised = importers.read(path, **options)
    return recognised, checkpoint.load(
        importers.save(recognised, folder / "checkpoints" / "mine", "mine")
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", first_quick(LAYOUTS, 10))
def test_a_layout_draws_what_its_own_module_draws(tmp_path, name):
    layout = LAYOUTS[name]
    network = prepared(layout)
    torch.save(network.state_dict(), tmp_path / "g.pth")
    recognised, model = read_and_loaded(tmp_path / "g.pth", tmp_path, **layout.options)
    assert recognised.prior.kind == layout.prior
    assert (model.size, model.card["architecture"]["channels"]) == layout.images
    assert model.card["architecture"]["name"] == layout.family
    assert not recognised.doubts
    z = np.random.RandomState(1).standard_normal((5, NZ)).astype(np.float32)
    with torch.inference_mode():
        drawn = network(torch.from_numpy(z)).permute(0, 2, 3, 1).numpy()
    drawn = 2 * drawn - 1 if layout.options.get("output") == "sigmoid" else drawn
    assert drawn.std() > 0.05
    assert most_levels_apart(model.generate(z), checkpoint.to_uint8(drawn)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_public_file_draws_what_it_must_draw(tmp_path, name):
    if not CASES.is_dir():
        pytest.skip("needs the weights of ../shared/cases")
    _, model = read_and_loaded(CASES / f"{name}.pth", tmp_path, **NEEDS.get(name, {}))
    expected = np.load(CASES / f"{name}.npz")
    assert most_levels_apart(model.generate(expected["z"]), expected["images"]) <= 1
    assert model.prior.kind == ("uniform" if name == "uniform_prior" else "normal")


def test_the_table_of_layouts_is_that_of_the_tests():
    page = layouts.PAGE.read_text("utf-8")
    assert page == layouts.with_table(page), "run python tests/gan_core/importers/layouts.py"
