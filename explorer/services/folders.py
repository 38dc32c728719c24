"""Where the app reads and writes.

In a checkout of the repository, `checkpoints/` and `runs/` are beside the code. When the app is
installed from a wheel, the default model is in the package, which may be read-only, and new models
and runs go to the user's data folder (`platformdirs.user_data_path`, for example
`~/.local/share/latent-explorer` on Linux).
"""

import functools
import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parents[1]
CODE = PACKAGE.parent  # the folder that holds `explorer` and `gan_core`
SHIPPED = PACKAGE / "shipped"  # the default model, in a wheel only; see pyproject.toml
NAME = "latent-explorer"
# The models in `checkpoints/` of the repository, which nobody deletes from the app.
SHIPPED_MODELS = (
    "avatars",
    "avatars-classes",
    "avatars-tied",
    "faces",
    "faces-style",
    "faces-tied",
    "mnist",
    "mnist-digits",
)


def is_checkout() -> bool:
    """Whether the code runs from the repository rather than an installed wheel."""
    return (CODE / "pyproject.toml").is_file() and (CODE / "checkpoints").is_dir()


@functools.cache
def home() -> Path:
    """The folder of checkpoints and runs, where commands shown on pages should be typed."""
    if is_checkout():
        return CODE
    folder = platformdirs.user_data_path(NAME, appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def checkpoints() -> list[Path]:
    """The folders that are searched for checkpoints; new ones go to the first."""
    own = home() / "checkpoints"
    if is_checkout():
        return [own]
    own.mkdir(exist_ok=True)
    return [own, SHIPPED]


def runs() -> Path:
    """The folder of training runs."""
    return home() / "runs"


def code_environment() -> dict[str, str]:
    """Environment variables that make a child process import this copy of the code."""
    paths = filter(None, [str(CODE), os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join(paths)}
