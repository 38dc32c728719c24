"""The look of the page before the app's script has run: nothing moves aside afterwards.

Streamlit's page is an empty shell in which the first message of the script makes room for the
sidebar, widens the column and changes its margins. The style here is in the page itself, so that
the shell has its final measures from the first paint. The script (`components/settling.js`) keeps
what is below the title unseen until the parts of the page have been fetched.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.services import content_policy

# Streamlit's rules come later, so ours are more specific than theirs.
STYLE = """<style>
.stApp .stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; max-width: none; }
@media (min-width: 768px) {
  .stApp .stMainBlockContainer { padding-left: 5rem; padding-right: 5rem; }
}
@media (min-width: 1025px), (min-width: 768px) and (min-height: 561px) {
  .stAppViewContainer:not(:has(.stSidebar)) { padding-left: 281px; }
}
/* What has nothing to show takes no room, not even while it is fetched. */
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-unseen"]) { display: none; }
/* Fields are fetched when they are first used; with its label a field is as high as this. */
.stElementContainer[class*="st-key-set-"] [data-testid="stSkeleton"] { height: 4.25rem; }
/* So is the field for a tray file, above buttons that would move away from under the pointer. */
.st-key-tray-upload [data-testid="stSkeleton"] { height: 8.03rem; }
/* Every part, since Streamlit shows some of them whatever holds them. */
.settling .stMainBlockContainer :not(
  .stHeading, .stHeading *, .st-key-page-sentence, .st-key-page-sentence *
) {
  visibility: hidden !important;
}
</style>
"""
HEAD = f"{STYLE}<script>{content_policy.HEAD_SCRIPT}</script>\n"
END = b"</head>"
# A part of the page cannot be requested, nor its age: the file is Streamlit's, the rest is not.
UNASKED = {b"accept-encoding", b"range", b"if-none-match", b"if-modified-since"}


class FirstPaint:
    """ASGI middleware: the app's page carries HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")
        if not wanted:
            return await self.app(scope, receive, send)
        headers = [(name, value) for name, value in scope["headers"] if name not in UNASKED]
        started: Message | None = None
        page = b""

        async def send_with_style(message: Message) -> None:
            nonlocal started, page
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith("text/html"):
                    started = message
                    return
            elif started is not None and message["type"] == "http.response.body":
                page += message.get("body", b"")
                if message.get("more_body"):
                    return
                if scope["method"] != "HEAD":
                    page = page.replace(END, HEAD.encode() + END, 1)
                    MutableHeaders(raw=started["headers"])["Content-Length"] = str(len(page))
                await send(started)
                message = {"type": "http.response.body", "body": page}
                started = None
            await send(message)

        await self.app({**scope, "headers": headers}, receive, send_with_style)
