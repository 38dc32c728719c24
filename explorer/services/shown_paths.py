"""Paths on pages: whole for the owner of the computer, names only for visitors from elsewhere.

A path tells a stranger the user's name and how the disk is laid out, and is of no use to anybody
who cannot type commands on that computer.
"""

import os
import re
import tempfile
from pathlib import Path

from explorer.services import folders, model_registry, run_list, training_data, trust
from gan_core.util import cache_dir, environment

# An absolute path; of one with spaces the part up to the first.
FOLDERS = re.compile(r"(?<![\w./:\\-])(?:~|[A-Za-z]:(?=[\\/]))?[\\/](?:[^\s/\\'\"`]+[\\/])+")
HOME = "~"


def shown(text: object) -> str:
    """A text in which paths are as this visitor may see them."""
    text = str(text)
    if trust.sees_paths():
        return text
    for root, name in roots():
        text = name.join(re.split(rf"{re.escape(root)}(?![\w.-])", text))
    return FOLDERS.sub("", text)


def roots() -> list[tuple[str, str]]:
    """(path, what stands in its place) of the folders that messages name, the longest first."""
    data = (environment.get(training_data.VARIABLE) or "").split(os.pathsep)
    known = [
        *(run_list.folder(), *model_registry.folders(), *folders.checkpoints(), folders.home()),
        *(folders.CODE, cache_dir.cache_directory(), Path(tempfile.gettempdir())),
        *(Path(part) for part in data if part),
    ]
    names = {str(path): path.name for one in known for path in (one, one.resolve())}
    names[str(Path.home())] = HOME
    usable = [(path, name) for path, name in names.items() if len(Path(path).parts) > 1]
    return sorted(usable, key=lambda one: -len(one[0]))
