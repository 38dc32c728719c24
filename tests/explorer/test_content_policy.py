"""Pages load and run nothing but the app's own, below any base path, and work all the same."""

import http.client
import http.server
import threading
from urllib.parse import urlsplit

import pytest

import everything
from browsing import PATIENCE, address_has, exact, go_to, grid, on_tray, running, tile, view_button
from explorer.services import content_policy
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars

BASE = "class/gan"
PAGES = {
    "browse": "by=smiling",
    "latents": "",
    "latents?pad": "way=pad",
    "interpolate": "",
    "directions": "",
    "directions?saved": "look=saved",
    "arithmetic": "a=0,1&b=2&c=3",
    "neighbours": "",
    "neighbours?path": "ask=path",
    "photo": "",
    "memorisation": "",
    "game": "preset=saturation",
    "train": "",
    "card": "",
    "import": "",
    "about": "",
}
REFUSED = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation",
        e => refused.push(`${e.effectiveDirective} ${e.blockedURI}`));
"""


@pytest.fixture(scope="module", params=["", BASE], ids=["root", "base path"])
def app(request, tmp_path_factory):
    """The address of an app with a model that has every file, and a run."""
    place = tmp_path_factory.mktemp("policy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        everything.make(place / "models" / "alpha")
        everything.make_run(place / "runs", "run")
        options = ["--checkpoints", place / "models", "--runs", place / "runs"]
        if not request.param:
            with running(place, *options) as address:
                yield address
        else:
            options += ["--base-path", BASE]
            with running(place, *options, base_path=f"/{BASE}") as address:
                yield address


@pytest.fixture
def visit(browser, app):
    """Open a page of the app that notes what its browser refuses."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600})
    context.set_default_timeout(PATIENCE)
    context.add_init_script(REFUSED)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))

    def open_page(path):
        page.goto(f"{app}/{path}")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        return page, said

    yield open_page
    context.close()


def get(address, path, **headers):
    """(status, headers) of an answer of the app."""
    where = urlsplit(address)
    link = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
    link.request("GET", where.path + path, headers=headers)
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status, dict(answer.getheaders())


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/", 200, {}),
        ("/train", 200, {}),
        ("/_stcore/health", 200, {}),
        ("/live/worker.js", 200, {}),
        ("/live/nothing", 404, {}),
        ("/", 403, {"Host": "rebind.example"}),
    ],
)
@pytest.mark.slow
def test_every_answer_carries_the_policy(app, path, status, headers):
    answered, answer = get(app, path, **headers)
    assert answered == status
    policy = answer["content-security-policy"]
    assert policy == content_policy.policy()
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "'unsafe-eval'" not in scripts
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("page_name", PAGES)
def test_no_page_needs_more_than_the_policy_allows(visit, page_name):
    page, said = visit(f"{page_name.partition('?')[0]}?model=alpha&{PAGES[page_name]}")
    page.get_by_role("heading", name="Tray").first.wait_for(state="attached")
    page.evaluate("document.querySelectorAll('.stMain details summary').forEach(s => s.click())")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("refused") == []
    assert [text for text in said if "Content Security Policy" in text] == []


def test_components_charts_and_the_history_work(visit):
    page, said = visit("browse?model=alpha&n=16")
    tile(page, 3).click()
    on_tray(page, 1)
    address_has(page, "tray=alpha:3")
    page.wait_for_function("() => history.patched")  # the app's own script within the page has run
    go_to(page, "Memorisation")
    page.locator(".js-plotly-plot").first.wait_for()
    go_to(page, "Train")
    page.locator(".js-plotly-plot").first.wait_for()
    go_to(page, "Browse")
    grid(page)
    assert page.evaluate("refused") == []
    assert [text for text in said if "Content Security Policy" in text] == []


def test_the_browser_draws_with_webassembly(visit):
    page, said = visit("latents?model=alpha")
    exact(page)
    view_button(page).click()
    page.get_by_text("Run this model in my browser").click()
    page.keyboard.press("Escape")
    page.locator('.live[data-engine="ready"]').wait_for()
    assert page.evaluate("refused") == []
    assert [text for text in said if "Content Security Policy" in text] == []


@pytest.fixture
def elsewhere():
    """Another site, and the list of the paths requested from it."""
    requests = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    thread.join()


INJECTED = {
    "img-src": '<img src="{}/a.png">',
    "script-src-attr": '<img src="data:," onerror="window.evil = 1">',
    "style-src-elem": '<link rel="stylesheet" href="{}/a.css">',
    "font-src": '<style>@font-face {{font-family: evil; src: url("{}/a.woff")}}</style>'
    '<p style="font-family: evil">evil</p>',
    "media-src": '<video src="{}/a.mp4" autoplay></video>',
    "frame-src": '<iframe src="{}/a.html"></iframe>',
    "object-src": '<object data="{}/a.pdf" type="application/pdf"></object>',
}


@pytest.mark.parametrize("directive", INJECTED)
def test_markup_that_got_in_all_the_same_is_refused(visit, elsewhere, directive):
    address, requests = elsewhere
    page, _ = visit("about")
    page.evaluate(
        "markup => document.body.insertAdjacentHTML('beforeend', markup)",
        INJECTED[directive].format(address),
    )
    page.wait_for_function("d => refused.some(one => one.startsWith(d))", arg=directive)
    assert page.evaluate("window.evil") is None
    assert requests == []


@pytest.mark.parametrize(
    "script",
    [
        "fetch('{}/a')",
        "new WebSocket('{}/a'.replace('http', 'ws'))",
        "navigator.sendBeacon('{}/a', 'x')",
        "import('{}/a.js')",
        "eval('window.evil = 1')",
    ],
)
def test_a_script_that_got_in_all_the_same_reaches_nobody(visit, elsewhere, script):
    address, requests = elsewhere
    page, _ = visit("about")
    page.evaluate(
        "code => {{ const s = document.createElement('script');"
        " s.src = URL.createObjectURL(new Blob([code])); document.body.append(s); }}".replace(
            "{{", "{"
        ).replace("}}", "}"),
        script.format(address),
    )
    page.wait_for_function("() => refused.length > 0")
    assert page.evaluate("window.evil") is None
    assert requests == []


def test_without_the_policy_the_same_markup_is_followed(browser, elsewhere):
    address, requests = elsewhere
    page = browser.new_page()
    page.set_content(INJECTED["img-src"].format(address))
    page.wait_for_function("() => document.images[0].complete")
    page.close()
    assert requests == ["/a.png"]
