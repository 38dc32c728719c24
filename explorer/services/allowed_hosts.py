"""The host names the app answers to, so that no other site can use the app through a browser.

A malicious page may point its own name at 127.0.0.1 (DNS rebinding); the browser then treats the
app as part of that page. The headers Host and Origin still hold the name, and this layer refuses
every name except the loopback's and those given at the start. Streamlit's own check covers only
WebSockets, and asks an outside service for the machine's address before it refuses an Origin.
"""

import ipaddress
import logging
import os
import re
from collections.abc import Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import net_util

VARIABLE = "LATENT_EXPLORER_HOSTS"  # names in addition to the loopback's, separated by commas
LOOPBACK = "localhost"
LONGEST = 80  # characters of a stranger's name that an answer repeats
NO_HOST = "This request does not say which host it is for; a browser sends exactly one Host header."
PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"


class AllowedHosts:
    """ASGI middleware that refuses requests and WebSockets unless they use an allowed name.

    names: an iterable of host names and IP addresses (see `normalise`); None reads VARIABLE.
    The loopback names and the IP address on which a connection arrived are always allowed, because
    no DNS server decides what they mean.
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
        # A browser shows this sentence for a page; for a WebSocket only the developer tools do.
        if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            return await response(scope, receive, send)
        await send({"type": "websocket.close", "code": 1008})

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """(status, sentence) for a request that must not reach the app, None for any other."""
        hosts, origins = headers(scope, b"host"), headers(scope, b"origin")
        if len(hosts) != 1 or not hosts[0]:  # a server may add an empty one where there is none
            return 400, NO_HOST
        host = hosts[0]
        name = host_name(host)
        if name is None:
            return 400, f"The Host header, {short(host)}, is not a host name."
        if not self.allows(name, scope):
            return 403, (
                f"This app does not answer to the name {short(name)}; if the app should, start it "
                f"with --allowed-host {short(name)}."
            )
        if not origins:  # a link on another page, or a client that is not a browser
            return None
        if len(origins) > 1 or not self.same_site(origins[0], host):
            return 403, (
                f"This app does not answer requests from other sites ({short(origins[0])}); if "
                "that is the app's own address behind a proxy, start the app with --allowed-host "
                "NAME."
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
        """Whether the Origin header names the same host as Host, or a name given at the start."""
        scheme, separator, rest = origin.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):  # "null" among others
            return False
        name = host_name(rest)
        if name is None:
            return False
        # A proxy may replace the name in Host; then only the names given can be trusted.
        return name in self.names or (name, port(rest)) == (host_name(host), port(host))


def normalise(name: str) -> str:
    """A host name or an IP address in lower case, as browsers write it in headers.

    Raises InputError for anything else, such as a URL or a name with a port.
    """
    address = as_address(name.strip().strip("[]"))
    if address is not None:
        return str(address)
    try:
        ascii_name = name.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        ascii_name = ""
    if not is_name(ascii_name):
        from gan_core.util.errors import InputError  # imports torch, which takes seconds

        raise InputError(
            f"--allowed-host takes a name such as class.example.org or an IP address, without "
            f"http://, port or path; {name!r} is not one."
        )
    return ascii_name


def host_name(header: str) -> str | None:
    """The name in a Host header, lower case, without port and final dot; None if it is invalid."""
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
    """The port in a Host or Origin header, or ""."""
    match = re.search(r":(\d+)$", header)
    return match[1] if match else ""


def is_name(name: str) -> bool:
    """Whether a lower-case text has the form of a host name."""
    return len(name) <= 253 and re.fullmatch(rf"{LABEL}(\.{LABEL})*", name, re.ASCII) is not None


def as_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address in a text, or None. An IPv4 address wrapped in IPv6 is unwrapped."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def headers(scope: Scope, name: bytes) -> list[str]:
    """All values of one header, as text."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def with_origin_of_host(scope: Scope) -> Scope:
    """A scope whose Origin is its Host, for a request in which both are allowed.

    Streamlit compares the two as text, and when they differ (a proxy, a final dot) it asks an
    outside service for the address of this machine, blocking the event loop.
    """
    if not headers(scope, b"origin"):
        return scope
    host = headers(scope, b"host")[0].encode("latin-1")
    scheme = b"https://" if scope["scheme"] in ("https", "wss") else b"http://"
    changed = [(k, scheme + host if k == b"origin" else v) for k, v in scope["headers"]]
    return {**scope, "headers": changed}


def short(text: str) -> str:
    """A stranger's text for use in a sentence: printable and short."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"


def not_of_a_refusal(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log, which reports a refused WebSocket as an error."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


logging.getLogger("uvicorn.error").addFilter(not_of_a_refusal)


def never_ask_outside() -> None:
    """Stop Streamlit from asking an outside service for the address of this machine."""
    net_util.get_external_ip = lambda: None
