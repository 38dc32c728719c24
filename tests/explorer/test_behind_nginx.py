"""The proxy of docs/privacy-and-hosting.md, run as it stands there, with a browser before it."""

import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

import everything
from browsing import ARGUMENTS, CHROMIUM, PATIENCE, exact, grid, on_tray, running, tile, view_button
from support import AVATARS, ROOT, needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = [
    pytest.mark.browser,
    needs_avatars,
    pytest.mark.skipif(
        not (CHROMIUM and shutil.which("nginx") and shutil.which("openssl")),
        reason="needs Chromium, nginx and openssl",
    ),
]

PAGE = (ROOT / "docs" / "privacy-and-hosting.md").read_text("utf-8")
NAME, BASE, SECRET = "class.example.org", "gan", "correct horse battery"
AROUND = """
{user}daemon off;
pid {place}/pid;
error_log {place}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/answers;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    {server}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def example(port, behind, certificate, key):
    """The server of the page, on a port of its own and with a certificate of its own."""
    text = re.search(r"```nginx\n(.*?)```", PAGE, re.DOTALL)[1]
    for pattern, put in {
        r"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"(ssl_certificate) .*;": rf"\1 {certificate};",
        r"(ssl_certificate_key) .*;": rf"\1 {key};",
        r"127\.0\.0\.1:8501": f"127.0.0.1:{behind}",
    }.items():
        text, count = re.subn(pattern, put, text)
        assert count == 1, pattern
    return text


@contextlib.contextmanager
def proxied(place, behind):
    """The port of an nginx that shows the app at another port."""
    port, certificate, key = free_port(), place / "crt", place / "key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    user = "user root;\n" if Path("/").owner() == Path(place).owner() else ""
    server = example(port, behind, certificate, key)
    (place / "conf").write_text(AROUND.format(user=user, place=place, server=server))
    command = ["nginx", "-p", str(place), "-c", str(place / "conf"), "-e", str(place / "errors")]
    with subprocess.Popen(command) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.1)
            assert process.poll() is None, (place / "errors").read_text()
            shutil.rmtree(place / "body")  # whatever would write an upload there fails
            yield port
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The port of the proxy before an app with a password."""
    place = tmp_path_factory.mktemp("nginx")
    (place / "password").write_text(SECRET + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        everything.make(place / "models" / "alpha")
        options = ["--allowed-host", NAME, "--base-path", BASE, "--password", place / "password"]
        options += ["--checkpoints", place / "models", "--runs", place / "runs"]
        with running(place, *options, base_path=f"/{BASE}") as address:
            (place / "proxy").mkdir()
            with proxied(place / "proxy", address.split(":")[2].split("/")[0]) as port:
                yield port


@pytest.fixture(scope="module")
def distant():
    """A browser for which the name leads to this computer."""
    rule = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, rule, "--no-proxy-server"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(distant, site):
    context = distant.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.home, page.sockets = f"https://{NAME}:{site}/{BASE}/", []
    page.on("websocket", lambda one: page.sockets.append(one.url))
    yield page
    context.close()


def unlock(page):
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Lock").wait_for()


def test_pictures_are_painted_over_a_websocket(page, site):
    page.goto(f"{page.home}browse")
    tile(page, 3).click()
    on_tray(page, 1)
    assert page.sockets == [f"wss://{NAME}:{site}/{BASE}/_stcore/stream"]
    page.goto(f"{page.home}latents?model=alpha")
    exact(page)
    page.reload()
    exact(page)


def test_the_address_without_its_last_slash_leads_there(page):
    page.goto(page.home.rstrip("/"))
    page.locator(".loop canvas[data-at]").wait_for()
    page.locator(".st-key-place-browse a").click()
    grid(page)
    assert f"/{BASE}/browse" in page.url


def test_the_password_opens_what_strangers_may_not(page):
    page.goto(f"{page.home}import?model=alpha")
    closed = page.get_by_text("Not available before you have entered the password")
    closed.wait_for()
    unlock(page)
    closed.wait_for(state="detached")


def test_large_uploads_arrive_and_touch_no_disk_of_the_proxy(page):
    page.goto(f"{page.home}import?model=alpha")
    closed = page.get_by_text("Not available before you have entered the password")
    closed.wait_for()
    unlock(page)
    closed.wait_for(state="detached")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    # 3 MB: nginx by itself takes 1 MB, and holds 16 KB in memory.
    weights = AVATARS / "generator.safetensors"
    assert weights.stat().st_size > 2 * 2**20
    field = page.get_by_test_id("stFileUploader").filter(has_text="Weights of the generator")
    field.locator("input").set_input_files(str(weights))
    page.get_by_text("Recognised as").wait_for()


def test_a_model_is_fetched_and_drawn_in_the_browser(page):
    page.goto(f"{page.home}latents?model=alpha")
    unlock(page)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    exact(page)
    view_button(page).click()
    page.get_by_text("Run this model in my browser").click()
    page.keyboard.press("Escape")
    page.locator('.live[data-engine="ready"]').wait_for()


def ask(port, path, **headers):
    """(status, text) of an answer of the proxy."""
    link = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=60, context=ssl._create_unverified_context()
    )
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    text = answer.read().decode("utf-8", "replace")
    link.close()
    return answer.status, text


def test_other_names_and_other_sites_are_refused(site):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    stream = f"/{BASE}/_stcore/stream"
    own = f"https://{NAME}:{site}"
    for path, headers, expected in (
        (f"/{BASE}/", {"Host": f"{NAME}:{site}"}, 200),
        (f"/{BASE}/", {"Host": "rebind.example"}, 403),
        (stream, upgrade | {"Host": NAME, "Origin": "https://rebind.example"}, 403),
        (stream, upgrade | {"Host": "rebind.example", "Origin": "https://rebind.example"}, 403),
        (stream, upgrade | {"Host": NAME, "Origin": "null"}, 403),
    ):
        status, text = ask(site, path, **headers)
        assert status == expected, (headers, text)
        if status == 403 and path != stream:
            assert text.startswith("This app does not answer to ")
    with contextlib.suppress(TimeoutError):
        status, text = ask(site, stream, **upgrade, Host=NAME, Origin=own)
        assert status == 101, (status, text)
