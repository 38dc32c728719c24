"""The page's style before the script has run: in the page alone, whole, and never from a cache."""

import asyncio
import gzip

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route

from explorer.services import first_paint

PAGE = "<html><head><title>x</title></head><body>" + "words " * 400 + "</body></html>"


@pytest.fixture
def get(tmp_path):
    """Asks a server that compresses, as Streamlit does, inside of the app's own layers."""
    file = tmp_path / "index.html"
    file.write_text(PAGE)
    routes = [
        Route("/", lambda request: FileResponse(file)),
        Route("/words", lambda request: PlainTextResponse("</head>")),
    ]
    layers = [Middleware(first_paint.FirstPaint), Middleware(GZipMiddleware)]
    app = Starlette(routes=routes, middleware=layers)

    def ask(path, method="GET", **headers):
        """(headers, body) of the answer to a request with these headers."""
        raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": raw}
        scope |= {"query_string": b"", "root_path": "", "http_version": "1.1", "scheme": "http"}
        sent = []

        async def receive():
            await asyncio.Event().wait()  # the browser sends no more and stays

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        assert sent[0]["status"] == 200
        return Headers(raw=sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])

    return ask


def test_the_page_carries_style_and_script_before_the_end_of_its_head(get):
    headers, body = get("/", accept="text/html,*/*;q=0.8", accept_encoding="gzip")
    assert body.decode() == PAGE.replace("</head>", first_paint.HEAD + "</head>")
    assert int(headers["content-length"]) == len(body)


def test_a_page_in_the_cache_of_an_older_version_is_sent_again(get):
    headers, body = get("/", accept="text/html")
    again = {"if_none_match": headers["etag"], "range": "bytes=0-9"}
    assert get("/", accept="text/html", **again)[1] == body


def test_what_is_no_page_stays_as_it_is(get):
    assert get("/words", accept="text/html")[1] == b"</head>"
    assert gzip.decompress(get("/", accept="*/*", accept_encoding="gzip")[1]).decode() == PAGE
    assert get("/", method="HEAD", accept="text/html")[1] == b""
