"""Upload fields, each of which says beforehand what the server will accept."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer import config
from explorer.services import stranger_text, trust, upload_limits


def most(kind: str) -> int:
    """MB of the largest accepted file of a kind in config.UPLOAD_MB."""
    return min(config.UPLOAD_MB[kind], int(st.get_option("server.maxUploadSize")))


def available(kind: str) -> bool:
    """Whether this visitor may upload a file of a kind."""
    return kind in config.OPEN_UPLOADS or trust.allowed(training=kind == "training")


def uploader(
    label: str, kind: str, place: DeltaGenerator | None = None, **options: Any
) -> UploadedFile | None:
    """st.file_uploader for a kind in config.UPLOAD_MB, in a container or on the page.

    Returns the uploaded file or None. A file that is too large gives an error and None, and so does
    a field that is not available to the visitor.
    """
    may = available(kind)
    upload = (place or st).file_uploader(
        label, max_upload_size=most(kind), disabled=not may, **options
    )
    upload_limits.shown(upload)
    if upload is None or not may:
        return None
    if upload.size > most(kind) * 2**20:  # a browser's field refuses it already
        name = stranger_text.plain(upload.name)
        (place or st).error(f"{name} is larger than {most(kind)} MB, the most that is accepted.")
        return None
    return upload
