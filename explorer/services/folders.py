"""Where the app reads and writes.

In a checkout of the repository everything lies beside the code: `checkpoints/`, `runs/`. Installed
from a wheel, the default model lies in the package, which may be read-only, and what is trained or
imported goes to a folder of the user's (`platformdirs.user_data_path`, for example
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


def is_checkout() -> bool:
    """Whether the code runs from the repository and not from an installed wheel."""
    return (CODE / "pyproject.toml").is_file() and (CODE / "checkpoints").is_dir()


@functools.cache
def home() -> Path:
    """The folder of checkpoints and runs, in which commands shown on pages are to be typed."""
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
    """Environment variables with which a child process imports this very copy of the code."""
    paths = filter(None, [str(CODE), os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join(paths)}
