"""Fields for files: each tells before the upload what the server accepts after it."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer import config
from explorer.services import stranger_text, trust, upload_limits


def most(kind: str) -> int:
    """MB of the largest file of a kind, one of config.UPLOAD_MB, that is accepted."""
    return min(config.UPLOAD_MB[kind], int(st.get_option("server.maxUploadSize")))


def available(kind: str) -> bool:
    """Whether this visitor may upload a file of a kind."""
    return kind in config.OPEN_UPLOADS or trust.allowed(training=kind == "training")


def uploader(
    label: str, kind: str, place: DeltaGenerator | None = None, **options: Any
) -> UploadedFile | None:
    """st.file_uploader for a kind of config.UPLOAD_MB, in a container or on the page.

    Returns the uploaded file or None; None, under an error, for a file that is larger than the
    field takes, and for a visitor for whom the field is not available.
    """
    may = available(kind)
    upload = (place or st).file_uploader(
        label, max_upload_size=most(kind), disabled=not may, **options
    )
    upload_limits.shown(upload)
    if upload is None or not may:
        return None
    if upload.size > most(kind) * 2**20:  # the field of a browser refuses it by itself
        name = stranger_text.plain(upload.name)
        (place or st).error(f"{name} is larger than {most(kind)} MB, the most that is accepted.")
        return None
    return upload
