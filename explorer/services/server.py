"""The app's web server: Streamlit's own routes, and below /live what live pictures need.

    live/worker.js                     draws pictures in the browser
    live/runtime/VERSION/NAME          onnxruntime-web, from components/runtime
    live/models/SHA.onnx               generators, from the cache of gan_core.export_onnx
    live/strips                        strips of pictures for a live canvas

`python -m explorer` runs it. When the project is installed, `streamlit run explorer/app.py` works
too, without these routes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from explorer.services import (
    allowed_hosts,
    closed_routes,
    closed_sockets,
    content_policy,
    first_paint,
    shutdown,
    upload_limits,
)

if TYPE_CHECKING:
    from gan_core.checkpoint import Model

PACKAGE = Path(__file__).resolve().parents[1]
COMPONENTS = PACKAGE / "components"
RUNTIME = "1.30.0"  # version of onnxruntime-web
MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
KINDS = {MODULE: "text/javascript", WASM: "application/wasm"}
# The address of a file contains its version or its hash, so it never has to be fetched again.
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
STRIPS = "live/strips"
MAX_QUESTION = 100_000  # bytes
PLAIN = {"X-Content-Type-Options": "nosniff"}

allowed_hosts.never_ask_outside()

# An upload that arrives is held in memory up to this many bytes, and beyond that in an unnamed
# temporary file. Photos, which pages promise to keep off the disk, are smaller than this.
IN_MEMORY = 16 * 2**20
MultiPartParser.spool_max_size = IN_MEMORY

# One thread draws all strips: on few cores, two at once take longer than one after the other.
drawer = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="strips")
started = threading.Event()  # set once the app can answer

Answer = Callable[[Any], dict[str, Any] | None]
answer_strip: Answer = lambda question: None  # noqa: E731, see serve_strips


def available() -> bool:
    """Whether this process serves the routes below /live."""
    return started.is_set()


def urls(model: Model) -> dict[str, Any]:
    """The URLs for drawing a Model in the browser: {"worker", "runtime", "wasm", "model"}.

    They are relative to the app's pages (`new URL(url, document.baseURI)`), wherever
    server.baseUrlPath or a proxy puts those. The first call for a model takes seconds, because it
    is exported. Raises InputError when it cannot be exported.
    """
    from gan_core import export_onnx

    name = export_onnx.cached(model).name[:64]
    return {
        "worker": "live/worker.js",
        "runtime": f"live/runtime/{RUNTIME}/{MODULE}",
        "wasm": f"live/runtime/{RUNTIME}/{WASM}",
        "model": f"live/models/{name}.onnx?v={export_onnx.VERSION}",
    }


def send_worker(request: Request) -> Response:
    headers = {"Cache-Control": "no-cache", **PLAIN}
    return FileResponse(COMPONENTS / "worker.js", media_type="text/javascript", headers=headers)


def send_runtime(request: Request) -> Response:
    name = request.path_params["name"]
    if request.path_params["version"] != RUNTIME or name not in KINDS:
        return missing(request)
    headers = {**FOR_EVER, **PLAIN, "Content-Encoding": "gzip"}
    file = COMPONENTS / "runtime" / f"{name}.gz"
    return FileResponse(file, media_type=KINDS[name], headers=headers)


def send_model(request: Request) -> Response:
    name = re.fullmatch(r"([0-9a-f]{64})\.onnx", request.path_params["name"], re.ASCII)
    if not name:
        return missing(request)
    from gan_core import export_onnx  # takes seconds, too long for the start of the server

    file = export_onnx.stored(name[1])
    if file is None:
        return missing(request)
    # Weights hardly compress; "identity" keeps Streamlit from trying at every request.
    headers = {**FOR_EVER, **PLAIN, "Content-Encoding": "identity"}
    return FileResponse(file, media_type="application/octet-stream", headers=headers)


async def send_strip(request: Request) -> Response:
    """Send a strip without a run of Streamlit's script, which takes much longer."""
    # Other sites' pages need permission to send this type (CORS), which they do not get.
    if request.headers.get("content-type") != "application/json":
        return missing(request)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_QUESTION:
            return missing(request)
    reply = await asyncio.get_running_loop().run_in_executor(drawer, draw_strip, body)
    return missing(request) if reply is None else Response(reply, media_type="application/json")


def serve_strips(answer: Answer) -> None:
    """Answer questions on live/strips with this function, components.strips.answer.

    app.py calls this, because services do not know components. Before that there are no strips.
    """
    global answer_strip
    answer_strip = answer


def draw_strip(body: bytes) -> str | None:
    """The answer to a request of strips.js, as JSON, or None."""
    from gan_core.util import map_guard

    try:
        with map_guard.watching():
            reply = answer_strip(json.loads(body))
    except (ValueError, RecursionError):
        return None
    except Exception:
        logging.getLogger("explorer").exception("a strip could not be drawn")
        return None
    return json.dumps(reply) if reply else None


def missing(request: Request) -> Response:
    """404; otherwise Streamlit would answer with its page."""
    headers = {"Cache-Control": "no-store", **PLAIN}
    return PlainTextResponse("There is no such file.", 404, headers)


# Streamlit's own routes move below server.baseUrlPath, which is not known yet, so these routes
# answer below any path.
ROUTES = [
    Route(before + path, send, methods=["POST"] if send is send_strip else None)
    for before in ("", "/{base:path}")
    for path, send in (
        ("/live/worker.js", send_worker),
        ("/live/runtime/{version}/{name}", send_runtime),
        ("/live/models/{name}", send_model),
        (f"/{STRIPS}", send_strip),
        ("/live/{rest:path}", missing),
    )
]


@contextlib.asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    if threading.current_thread() is threading.main_thread():
        shutdown.watch()
    sweeping = asyncio.create_task(upload_limits.sweep_for_ever())
    started.set()
    yield
    started.clear()
    sweeping.cancel()


app = st.App(
    PACKAGE / "app.py",
    routes=ROUTES,
    lifespan=lifespan,
    middleware=[
        Middleware(content_policy.ContentPolicy),
        Middleware(allowed_hosts.AllowedHosts),
        Middleware(closed_routes.ClosedRoutes),
        Middleware(upload_limits.UploadLimits),
        Middleware(closed_sockets.ClosedSockets),
        Middleware(first_paint.FirstPaint),
    ],
)
