"""The wheel, installed outside the repository: the app starts, draws and can be dragged."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from browsing import apart, canvas_pixels, drawn, exact, grid, listening, no_trouble, pixels, tile
from support import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built with the installed backend: nothing is downloaded."""
    if not importlib.util.find_spec("hatchling") or not importlib.util.find_spec("pip"):
        pytest.skip("needs pip and hatchling, which pip install -r requirements.txt brings")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "-w", folder, ROOT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("latent_explorer-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment that has the wheel and, by a path file, the dependencies."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    site = next(environment.glob("lib/python*/site-packages"))
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps"]
    done = subprocess.run([*command, "--no-index", wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # After the install, so that pip does not take the dependencies' copies for this environment's.
    # A path in a .pth file is added as it is: an editable install there is not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment


@pytest.fixture(scope="module")
def address(installed, tmp_path_factory):
    """The address of the installed app, started in an empty folder with an empty home."""
    home = tmp_path_factory.mktemp("home")
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    environment["LATENT_EXPLORER_CACHE"] = str(home / "cache")
    program = installed / "bin" / "latent-explorer"
    with listening([program], tmp_path_factory.mktemp("empty"), environment) as address:
        yield address
    assert (home / "data" / "latent-explorer" / "checkpoints").is_dir()


def test_the_wheel_holds_what_the_app_serves(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "explorer/.streamlit/config.toml" in names
    assert "explorer/shipped/avatars/generator.safetensors" in names
    assert not [name for name in names if name.startswith(("tests/", "checkpoints/", "docs/"))]
    for file in (ROOT / "explorer" / "components").rglob("*"):
        if file.suffix in (".js", ".css", ".gz"):
            assert str(file.relative_to(ROOT)) in names


def test_the_installed_commands_run_the_installed_code(installed, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for program in ("latent-explorer", "gan-core"):
        command = [installed / "bin" / program, "--help"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "usage:" in done.stdout
    code = "import explorer, gan_core; print(explorer.__file__, gan_core.__file__)"
    done = subprocess.run(
        [installed / "bin" / "python", "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(installed)) for path in done.stdout.split())


def test_the_installed_app_draws_the_avatars_and_can_be_dragged(visit, installed):
    import gan_core

    shipped = next(installed.glob("lib/python*/site-packages/explorer/shipped/avatars"))
    model = gan_core.load(shipped)
    page = visit("browse?seed=5")
    grid(page)
    no_trouble(page)
    assert apart(pixels(tile(page, 5)), drawn(model, 5)) < 4  # tiles are JPEG
    assert apart(pixels(tile(page, 5)), drawn(model, 6)) > 12

    page = visit("interpolate?keys=3,9")
    before = exact(page)
    slider = page.get_by_role("slider", name="Position", exact=True).first
    box = slider.bounding_box()
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + 5, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.9, y, steps=20)
    # A frame of a strip, while the pointer is still down.
    page.locator('.live canvas:not([data-shown="exact"])').wait_for()
    assert apart(canvas_pixels(page), before) > 1
    page.mouse.up()
    assert apart(exact(page), before) > 1
    no_trouble(page)
