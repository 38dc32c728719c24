"""Which names the app answers to: no other site may drive the app through a visitor's browser.

A page of a stranger may give its own name the address 127.0.0.1 (DNS rebinding); the browser then
takes the app for a part of that page. The name stays in the headers Host and Origin, and this layer
refuses every name but the loopback's and those given at the start. Streamlit's own check looks at
WebSockets only, and asks an outside service for the machine's address before it refuses an Origin.
"""

import ipaddress
import logging
import os
import re
from collections.abc import Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import net_util

VARIABLE = "LATENT_EXPLORER_HOSTS"  # names besides the loopback's, separated by commas
LOOPBACK = "localhost"
LONGEST = 80  # characters of a stranger's name that an answer repeats
NO_HOST = "This request does not say which host it is for; a browser sends one header Host."
PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"


class AllowedHosts:
    """ASGI middleware: requests and WebSockets of allowed names pass, all others are refused.

    names: an iterable of host names and IP addresses (see `normalise`); None reads VARIABLE.
    The loopback names and the IP address at which a connection came in are always allowed: no DNS
    server decides what those mean.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] | None = None) -> None:
        self.app = app
        given = os.environ.get(VARIABLE, "").split(",") if names is None else names
        self.names = frozenset(normalise(name) for name in given if name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refusal = self.refusal(scope)
        if refusal is None:
            return await self.app(with_origin_of_host(scope), receive, send)
        status, sentence = refusal
        response = PlainTextResponse(sentence + "\n", status, PLAIN)
        # A browser shows the sentence of a page; that of a WebSocket is for whoever looks closer.
        if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            return await response(scope, receive, send)
        await send({"type": "websocket.close", "code": 1008})

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """(status, sentence) for what must not reach the app, None for what may."""
        hosts, origins = headers(scope, b"host"), headers(scope, b"origin")
        if len(hosts) != 1:
            return 400, NO_HOST
        host = hosts[0]
        name = host_name(host)
        if name is None:
            return 400, f"The header Host, {short(host)}, is not the name of a host."
        if not self.allows(name, scope):
            return 403, (
                f"This app does not answer to the name {short(name)}; if the app should, start it "
                f"with --allowed-host {short(name)}."
            )
        if not origins:  # a link from elsewhere, or no browser
            return None
        if len(origins) > 1 or not self.same_site(origins[0], host):
            return 403, (
                f"This app does not answer to pages of other sites ({short(origins[0])}); if this "
                "is its own address behind a proxy, start the app with --allowed-host and its name."
            )
        return None

    def allows(self, name: str, scope: Scope) -> bool:
        """Whether a host name, as `host_name` gives it, is one of this app's."""
        address = as_address(name)
        if name == LOOPBACK or name in self.names or (address and address.is_loopback):
            return True
        here = as_address((scope.get("server") or [""])[0] or "")
        return address is not None and address == here

    def same_site(self, origin: str, host: str) -> bool:
        """Whether the header Origin names the header Host, or a name given at the start."""
        scheme, separator, rest = origin.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):  # "null" among others
            return False
        name = host_name(rest)
        if name is None:
            return False
        # A proxy may put another name into Host; then only the names given can be trusted.
        return name in self.names or (name, port(rest)) == (host_name(host), port(host))


def normalise(name: str) -> str:
    """A host name or an IP address as the headers of a browser have it, lower case.

    Raises InputError for what is no name, such as a URL or a name with a port.
    """
    address = as_address(name.strip().strip("[]"))
    if address is not None:
        return str(address)
    try:
        ascii_name = name.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        ascii_name = ""
    if not is_name(ascii_name):
        from gan_core.util.errors import InputError  # torch comes with it, which takes seconds

        raise InputError(
            f"--allowed-host takes a name such as class.example.org or an IP address, without "
            f"http://, port or path; {name!r} is not one."
        )
    return ascii_name


def host_name(header: str) -> str | None:
    """The name in a header Host, without port, final dot and capitals; None when there is none."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?", header, re.ASCII)
    if not match or (match[2] and int(match[2][1:]) > 65535):
        return None
    name = match[1].lower()
    if name.startswith("["):
        address = as_address(name[1:-1])
        return None if address is None else str(address)
    address = as_address(name)
    if address is not None:
        return str(address)
    name = name[:-1] if name.endswith(".") else name
    return name if is_name(name) else None


def port(header: str) -> str:
    """The port in a header Host or Origin, "" where none stands."""
    match = re.search(r":(\d+)$", header)
    return match[1] if match else ""


def is_name(name: str) -> bool:
    """Whether a lower-case text is made like the name of a host."""
    return len(name) <= 253 and re.fullmatch(rf"{LABEL}(\.{LABEL})*", name, re.ASCII) is not None


def as_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, of IPv4 where it is only wrapped in IPv6; None when the text is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def headers(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, as text."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def with_origin_of_host(scope: Scope) -> Scope:
    """A scope whose Origin names its Host, once both are allowed.

    Streamlit compares the two by their letters, and where they differ (a proxy, a final dot) it
    asks an outside service for the address of this machine, on the event loop.
    """
    if not headers(scope, b"origin"):
        return scope
    host = headers(scope, b"host")[0].encode("latin-1")
    scheme = b"https://" if scope["scheme"] in ("https", "wss") else b"http://"
    changed = [(k, scheme + host if k == b"origin" else v) for k, v in scope["headers"]]
    return {**scope, "headers": changed}


def short(text: str) -> str:
    """A stranger's text for a sentence: printable, and not long."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"


def not_of_a_refusal(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log: it takes a WebSocket that is answered in words for an error."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


logging.getLogger("uvicorn.error").addFilter(not_of_a_refusal)


def never_ask_outside() -> None:
    """Keep Streamlit from asking an outside service for the address of this machine."""
    net_util.get_external_ip = lambda: None
