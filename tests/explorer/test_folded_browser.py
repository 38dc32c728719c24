"""What a person has unfolded stays so while the page around it changes, in a real browser."""

import json

import pytest

import browsing
from browsing import running
from explorer.services import run_list, trash
from gan_core.data import training_set
from gan_core.training import run_lock
from support import save_checkpoint, save_set

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model that has its training images, one run, and two deleted ones."""
    place = tmp_path_factory.mktemp("place")
    data = save_set(place / "models" / "alpha" / "training_set", 40, 32, 3, 12, 0, "noise")
    save_checkpoint(place / "models" / "alpha", training_set=training_set.read_card(data))
    for name in ("going", "old", "older"):
        run = place / "runs" / name
        run.mkdir(parents=True)
        (run / "log.jsonl").touch()
        words = f"python -m gan_core train {data} --name {name}"
        about = {"pid": 1, "began": 1.0, "processes": 1, "command": words, "cwd": str(place)}
        (run / run_lock.RECORD).write_text(json.dumps(about), "utf-8")
        (run / run_list.OUTPUT).write_text("Packing the pictures.\n", "utf-8")
    for name in ("old", "older"):
        trash.put(place / "runs" / name, "run")
    return place


@pytest.fixture(scope="module")
def address(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        with running(place, "--checkpoints", place / "models", "--runs", place / "runs") as address:
            yield address


def unfold(page, label):
    """Open an expander; returns it."""
    folded = page.locator(".stMain details").filter(
        has=page.locator("summary").filter(has_text=label)
    )
    folded.locator("summary").click()
    sync_api.expect(folded).to_have_attribute("open", "")
    return folded


def test_the_output_of_a_run_stays_open_when_its_first_numbers_appear(visit, place):
    page = visit("train?run=going")
    output = unfold(page, "Output")
    line = {"kimg": 2.0, "d_loss": 1.2, "g_loss": 0.8, "hours": 0.1, "images_per_second": 50.0}
    (place / "runs" / "going" / "log.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    page.get_by_role("button", name="going", exact=True).click()
    page.get_by_text("images/s").wait_for()
    browsing.idle(page)
    sync_api.expect(output).to_have_attribute("open", "")
    assert page.locator(".stMain details[open]").count() == 1


def test_the_deleted_runs_stay_open_when_one_is_put_back(visit):
    page = visit("train")
    unfold(page, "Recently deleted (2)")
    page.get_by_role("button", name="Put back").first.click()
    left = page.locator(".stMain details").filter(has_text="Recently deleted (1)")
    left.wait_for()
    browsing.idle(page)
    sync_api.expect(left).to_have_attribute("open", "")


def test_the_evidence_stays_open_when_another_neighbour_is_enlarged(visit):
    page = visit("neighbours?of=5")
    why = unfold(page, "Why")
    tiles = browsing.grid(page, "Nearest training images in pixels").locator(".tile")
    tiles.nth(2).click()
    page.locator('.tile[aria-pressed="true"][aria-label^="Neighbour 3"]').wait_for()
    browsing.idle(page)
    sync_api.expect(why).to_have_attribute("open", "")


def test_the_rest_of_the_games_settings_stays_open_with_one_board(visit):
    page = visit("game?preset=saturation")
    more = unfold(page, "Batch, networks, seed")
    page.get_by_text("Two boards").click()
    page.get_by_role("tab").first.wait_for(state="detached")
    browsing.idle(page)
    sync_api.expect(more).to_have_attribute("open", "")
