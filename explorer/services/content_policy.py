"""What pages of the app may load and run: from the app itself, and nothing from anywhere else.

Two more headers of every answer: the browser takes a file for nothing but what the app says it is,
and tells no other site the address of a page, which holds settings and names of models.

Strangers' text is made harmless before it is shown (see `stranger_text`). This header of every
answer is a second line behind that: were a picture, a script or a style sheet of another site to
get into a page all the same, the browser would refuse it.
"""

import base64
import hashlib
import re
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
PLAIN = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
STARTS = ("http.response.start", "websocket.http.response.start")  # the second refuses a socket
COMPONENTS = Path(__file__).parents[1] / "components"
# The app's scripts that stand in the page itself, one <script> each.
PAGE_SCRIPTS = [
    (COMPONENTS / f"{name}.js").read_text(encoding="utf-8")
    for name in ("history", "dialog_focus", "drawer")
]
# The one in the head of the page, before anything else has run (see first_paint.py). In braces, so
# that its names are its own.
HEAD_SCRIPT = "{" + (COMPONENTS / "settling.js").read_text(encoding="utf-8") + "}"


def hash_of(script: str) -> str:
    """A script's source in the terms of a policy, which allows this one alone."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def inline_scripts() -> list[str]:
    """The scripts that stand in a page itself: Streamlit's, and the app's own."""
    page = Path(st.__file__).parent / "static" / "index.html"
    return [*INLINE.findall(page.read_text(encoding="utf-8")), HEAD_SCRIPT, *PAGE_SCRIPTS]


def policy() -> str:
    """The value of the header.

    blob: in script-src is where Streamlit keeps the programs of components; only a script that runs
    already can make such an address. onnxruntime-web compiles WebAssembly. Streamlit's libraries
    set styles within pages, which the policy cannot tell from others; they can load nothing either.
    """
    scripts = " ".join(map(hash_of, inline_scripts()))
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'none'",
            "frame-ancestors 'self'",
            "base-uri 'self'",
            "form-action 'self'",
        ]
    )


class ContentPolicy:
    """ASGI middleware: every answer carries the headers, also the refusals of other layers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {"Content-Security-Policy": policy(), **PLAIN}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] in STARTS:
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_policy)
