"""Routes of Streamlit that no page of the app needs and that tell strangers about it.

Its metrics count sessions, events and the memory of caches for whoever asks, and computing them is
work. Streamlit has no option that switches them off.
"""

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CLOSED = re.compile(r".*/_stcore/metrics/*", re.DOTALL)  # below any base path


class ClosedRoutes:
    """ASGI middleware: 404 for CLOSED, whatever the method."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not CLOSED.fullmatch(scope["path"]):
            return await self.app(scope, receive, send)
        headers = {"Cache-Control": "no-store"}
        await PlainTextResponse("There is no such file.", 404, headers)(scope, receive, send)
