"""What a run would be trained on, before it starts: how many pictures, and the first of them."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.services import renderer, stranger_text
from gan_core.data import image_sources
from gan_core.util.errors import InputError

SHOWN = 8  # pictures
SIDE = 96  # pixels of each
FEW = 100  # with fewer pictures, a GAN can only memorise them


@dataclass(frozen=True)
class Preview:
    """The number of pictures, the first of them uint8 (n, S, S, 3), and why none can be used."""

    count: int
    images: np.ndarray
    problem: str = ""


def look(path: str | Path, name: str) -> Preview:
    """Look into a folder or a zip. name: what a sentence calls it."""
    nothing = np.zeros((0, SIDE, SIDE, 3), np.uint8)
    try:
        count = image_sources.count(path)
        images = image_sources.first_pictures(path, SHOWN, SIDE)
    except InputError as error:
        return Preview(0, nothing, str(error).replace(str(path), name))
    if not count:
        return Preview(0, nothing, f"{name} contains no pictures.")
    if not len(images):
        return Preview(0, nothing, f"{name} holds no usable picture.")
    return Preview(count, images)


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def of_path(path: str) -> Preview:
    """Look into a folder or zip on the server's computer."""
    return look(path, Path(path).name)


def of_upload(upload: UploadedFile) -> Preview:
    """Look into an uploaded zip, once."""
    before = st.session_state.get("train_preview")
    if before is None or before[0] != upload.file_id:
        with st.spinner("Looking at the pictures …"), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload.zip"
            path.write_bytes(upload.getbuffer())
            before = st.session_state.train_preview = (upload.file_id, look(path, upload.name))
    return before[1]


def show(preview: Preview) -> None:
    """The number of pictures and the first ones, or why there are none."""
    if preview.problem:
        st.error(stranger_text.sentence(preview.problem))
        return
    words = "1 picture" if preview.count == 1 else f"{preview.count:,} pictures"
    few = " Several hundred work better: with fewer, a model mostly repeats them." * (
        preview.count < FEW
    )
    st.image(
        renderer.sheet_png(preview.images, len(preview.images)),
        width=SIDE * len(preview.images) * 3 // 4,
        alt=f"The first {len(preview.images)} pictures, cut to squares",
    )
    st.caption(f"**{words}**, cut to squares as shown.{few}")
