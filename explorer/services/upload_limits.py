"""Limits on uploads, checked before anything is stored; uploads are removed when a visitor leaves.

Streamlit keeps every upload in memory for as long as the session lives, and has only one limit, on
the size of a single file. Anyone can call its upload address directly and send files that no page
requested, so the limits are enforced here, below all pages.
"""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import cast

import streamlit as st
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import ScriptRunContext, get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer import config
from explorer.services import quotas, trust

PATH = re.compile(r".*/_stcore/upload_file/([^/]+)/([^/]+)", re.DOTALL)
MB = 2**20
FRAME = MB // 4  # bytes that a request may have in addition to the file
# How a session's uploads count towards each limit.
MEASURES: dict[str, Callable[[list[int]], float]] = {
    "uploads": len,
    "upload_mb": lambda sizes: sum(sizes) / MB,
}
SWEEP = 15.0  # seconds between searches for visitors who have left
# Starlette would write a file above 1 MB to a temporary file on disk; a photo must stay in memory.
MultiPartParser.spool_max_size = config.UPLOAD_MB["photo"] * MB + FRAME

_lock = threading.Lock()
_coming: defaultdict[str, list[int]] = defaultdict(
    list
)  # session -> bytes of each upload that is arriving
_refused: dict[str, str] = {}  # session -> a sentence that has not been shown yet
_left: dict[str, float] = {}  # session -> when its connection ended, time.monotonic()


class UploadLimits:
    """ASGI middleware that refuses uploads beyond the limits."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = scope["type"] == "http" and PATH.fullmatch(scope["path"])
        if not match or scope["method"] != "PUT" or not runtime.exists():
            return await self.app(scope, receive, send)
        session = match[1]
        if not runtime.get_instance().is_active_session(session):
            return await self.app(scope, receive, send)  # which refuses it
        most = largest(session) * MB + FRAME
        try:
            coming = announced(scope, session, most)
            with on_its_way(session, coming):
                await self.app(scope, counted(receive, session, most), send)
        except quotas.Full as error:
            refuse(session, str(error))
            response = PlainTextResponse(str(error), 413, {"Cache-Control": "no-store"})
            await response(scope, receive, send)


def largest(session: str) -> int:
    """MB of the largest file that a session may upload."""
    kinds = list(config.UPLOAD_MB if trust.allowed(session=session) else config.OPEN_UPLOADS)
    if trust.allowed(training=True, session=session):
        kinds.append("training")
    return max(config.UPLOAD_MB[kind] for kind in kinds)


def announced(scope: Scope, session: str, most: int) -> int:
    """The content length of a request; `most` when it has none. Raises Full when it is larger."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            size = int(value[:20])
            if size > most:
                raise quotas.Full(too_large(session))
            return size
    return most


def too_large(session: str) -> str:
    return (
        f"This file is larger than {largest(session)} MB, the most that this app accepts from you."
    )


def counted(receive: Receive, session: str, most: int) -> Receive:
    """`receive` that stops at `most` bytes, because a request need not announce its length."""
    size = 0

    async def receive_some() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            refuse(session, too_large(session))
            raise HTTPException(413, "File too large")
        return message

    return receive_some


@contextlib.contextmanager
def on_its_way(session: str, size: int) -> Iterator[None]:
    """Count an upload from its first byte. Raises Full when it would exceed a limit."""
    with _lock:
        files = stored()
        for other, sizes in _coming.items():
            files[other] = [*files.get(other, []), *sizes]
        for kind, measure in MEASURES.items():
            mine = measure(files.get(session, []))
            total = sum(map(measure, files.values()))
            quotas.check(kind, mine, total, measure([size]))
        _coming[session].append(size)
    try:
        yield
    finally:
        with _lock:
            _coming[session].remove(size)
            if not _coming[session]:
                del _coming[session]


def manager(of: Runtime | ScriptRunContext) -> MemoryUploadedFileManager:
    """Streamlit's store of uploads, which is in memory because the app configures no other."""
    return cast(MemoryUploadedFileManager, of.uploaded_file_mgr)


def stored() -> dict[str, list[int]]:
    """session -> sizes in bytes of the uploads that Streamlit holds."""
    files = manager(runtime.get_instance()).file_storage
    return {
        session: [len(file.data) for file in list(uploads.values())]
        for session, uploads in list(files.items())
    }


# Telling the visitor.


def refuse(session: str, sentence: str) -> None:
    """Tell a visitor why an upload was refused; Streamlit's field shows only a status code."""
    _refused[session] = sentence
    page = runtime.get_instance().get_app_session(session)
    state = getattr(page, "_client_state", None)
    if page is not None and state is not None:
        page.request_rerun(state)


def refused() -> str:
    """Why an upload of this visitor was refused since the last call; "" if none was."""
    return _refused.pop(trust.visitor(), "")


# Files whose field is no longer on the page.


def shown(upload: UploadedFile | None) -> None:
    """Record that a field on the page holds an UploadedFile, or None."""
    if upload is not None:
        st.session_state.setdefault("uploads_shown", set()).add(upload.file_id)


def end_of_run() -> None:
    """At the end of a run: remove files that the previous run showed and this one did not."""
    now = st.session_state.pop("uploads_shown", set())
    context = get_script_run_ctx()
    for file_id in st.session_state.get("uploads_before", set()) - now:
        if context is not None:
            manager(context).remove_file(context.session_id, file_id)
    st.session_state.uploads_before = now


# Visitors who have left.


async def sweep_for_ever() -> None:
    """Remove the uploads of visitors who have left; a task that runs as long as the app."""
    while True:
        await asyncio.sleep(SWEEP)
        try:
            sweep(time.monotonic())
        except Exception:  # retried at the next sweep
            logging.getLogger("explorer").exception("uploads could not be removed")


def sweep(now: float) -> None:
    """Close the sessions that have been without a connection for config.UPLOADS_KEPT seconds.

    Streamlit keeps them for visitors who return, and drops them only when another one connects.
    """
    app = runtime.get_instance()
    with _lock:
        known = {*stored(), *_refused, *trust.unlocked(), *_left}
    for session in known:
        if app.is_active_session(session):
            _left.pop(session, None)
        elif now - _left.setdefault(session, now) >= config.UPLOADS_KEPT:
            app.close_session(session)
            app.uploaded_file_mgr.remove_session_files(session)
            trust.lock(session)
            _refused.pop(session, None)
            _left.pop(session, None)
