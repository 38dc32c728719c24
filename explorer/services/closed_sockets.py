"""WebSockets end without a traceback in the log, whatever a stranger sends.

Streamlit logs a traceback for a message of text, for one that it cannot read, and for a socket that
was closed meanwhile, which happens with every tab that is closed while its page is drawn.
"""

import contextlib

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

PROTOCOL_ERROR = 1002  # the code of a close, RFC 6455


class ClosedSockets:
    """ASGI middleware: a WebSocket is closed after a message that no page of the app sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)

        async def receive_readable() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not readable(message.get("bytes")):
                await close(send)
                return {"type": "websocket.disconnect", "code": PROTOCOL_ERROR}
            return message

        try:
            await self.app(scope, receive_readable, send)
        except RuntimeError:  # Starlette's, for a socket that is closed already
            await close(send)


def readable(data: bytes | None) -> bool:
    """Whether a message is one of Streamlit's."""
    try:
        BackMsg().ParseFromString(data or b"")
    except (DecodeError, RecursionError):
        return False
    return data is not None


async def close(send: Send) -> None:
    """Close a WebSocket that may be closed by now."""
    with contextlib.suppress(RuntimeError):
        await send({"type": "websocket.close", "code": PROTOCOL_ERROR})
