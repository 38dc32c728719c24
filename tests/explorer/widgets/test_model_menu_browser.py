"""The menu of models in a real browser: whole entries, and the words that say what each is for."""

import json
import shutil

import pytest

from browsing import PHONE, idle, running
from support import save_checkpoint

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

NAME, WORDS = "avatars-classes", "drawings, you choose what they show"  # the longest that ship
WHOLE = """list => {
  const seen = list.getBoundingClientRect();
  return [...list.children].map(entry => entry.getBoundingClientRect())
    .filter(entry => entry.top < seen.bottom - 1)
    .map(entry => entry.bottom <= seen.bottom + 1);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """An app with twelve models."""
    folder = tmp_path_factory.mktemp("models")
    first = save_checkpoint(folder / NAME)
    card = json.loads((first / "model.json").read_text("utf-8")) | {"purpose": WORDS}
    (first / "model.json").write_text(json.dumps(card), "utf-8")
    for number in range(1, 12):
        shutil.copytree(first, folder / f"m{number:02d}")
    with running(folder, "--checkpoints", folder) as address:
        yield address


def open_menu(page):
    menu = page.get_by_role("combobox", name="Model")
    menu.wait_for()
    idle(page)
    menu.click()
    page.get_by_role("option").first.wait_for()
    return menu, page.get_by_role("listbox", name="Model")


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, PHONE], ids=["wide", "phone"])
def test_the_list_ends_with_a_whole_entry_and_cuts_no_words(visit, viewport):
    menu, entries = open_menu(visit(f"card?model={NAME}", viewport))
    whole = entries.evaluate(WHOLE)
    assert len(whole) == 10
    assert all(whole)
    for part in (menu, entries.locator("[data-item-hl]").first):
        assert part.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert menu.input_value() == f"{NAME} – {WORDS}"


def test_all_entries_can_be_reached_in_a_low_window(visit):
    page = visit(f"card?model={NAME}", {"width": 1280, "height": 320})
    open_menu(page)
    last = page.get_by_role("option", name="m11")
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 320
    last.click()
    page.wait_for_function("() => location.search.includes('model=m11')")
