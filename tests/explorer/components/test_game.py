"""The game in a real browser: it computes as PyTorch does, and does what its buttons say."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch

from browsing import PHONE, address_has, no_trouble, query
from explorer.components import game
from explorer.components.component import joined
from gan_core.game import distributions, measures, players, points, presets, settings, step
from gan_core.game.settings import Settings
from gan_core.game.step import Game
from gan_core.training.losses import OBJECTIVES

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

CLOSE = 1e-5
POINTS = [(0.5, 0.25), (-1.0, 0.75), (0.0, -1.5)]
# Every objective, each of the penalties, both activations, priors, and optimisers.
GAMES = {
    **{name: Settings(objective=name) for name in OBJECTIVES},
    "r1": Settings(r1=0.7, k=2),
    "r1 of tanh": Settings(r1=0.7, activation="tanh", objective="hinge", data="moons"),
    "gp of tanh": Settings(objective="wgan-gp", gp=2.0, activation="tanh", prior="normal"),
    "clipped": Settings(objective="wgan", clip=0.05, data="grid", width=8),
    "momentum": Settings(optimiser_d="momentum", optimiser_g="sgd", lr_d=0.02, lr_g=0.05),
    "own points": Settings(data="points", batch=32, objective="relativistic", r1=0.1),
    "line": Settings(data="line", objective="lsgan", r1=0.2, prior="normal"),
    "gaussian": Settings(data="gaussian", activation="tanh", width=16),
    "ring": Settings(data="ring", batch=16, lr_g=0.0),
}


@pytest.fixture(scope="module")
def compute(browser):
    """Run JavaScript with the worker's functions: compute(code, argument)."""
    page = browser.new_page()
    page.goto("about:blank")
    program = joined(*game.WORKER[:-1])

    def run(code, argument):
        function = f"(argument) => {{ {program}\n{code} }}"
        return page.evaluate(function, argument)

    yield run
    page.close()


def flat(tensors):
    return torch.cat([one.detach().flatten() for one in tensors]).numpy()


def as_json(one, seed=3):
    own = [value for point in POINTS for value in point]
    return {"settings": dataclasses.asdict(one), "seed": seed, "points": own}


BEGIN = "const game = makeGame(argument.settings, argument.seed, argument.points);\n"


@pytest.mark.parametrize("name", GAMES)
def test_the_gradients_of_both_players_are_those_of_pytorch(compute, name):
    there = compute(
        BEGIN
        + """
        const { real, fake } = batchOfDiscriminator(game);
        const d = gradientOfDiscriminator(game, real, fake);
        const { z, real: pairs } = batchOfGenerator(game);
        const g = gradientOfGenerator(game, z, pairs);
        const plain = (x) => Array.from(x);
        return {
          weights: plain([...game.generator.weights, ...game.discriminator.weights]),
          real: plain(real), fake: plain(fake), lossD: d.loss, penalty: d.penalty,
          byD: plain(d.gradient), lossG: g.loss, byG: plain(g.gradient), byFake: plain(g.byFake),
        };""",
        as_json(GAMES[name]),
    )
    one = Game(GAMES[name], 3, POINTS)
    n = one.settings.batch
    g, d = list(one.generator.parameters()), list(one.discriminator.parameters())
    assert np.allclose(there["weights"], flat([*g, *d]), atol=1e-12, rtol=0)
    real, z = one.real(2, 0, n), one.latents(3, 0, n)
    fake = one.generator(z).detach()
    assert np.allclose(there["real"], real.flatten(), atol=1e-12)
    assert np.allclose(there["fake"], fake.flatten(), atol=1e-12)
    loss, penalty = (
        step.discriminator_loss(one, real, fake),
        step.discriminator_penalty(one, real, fake),
    )
    assert there["lossD"] == pytest.approx(loss.item(), abs=CLOSE)
    assert there["penalty"] == pytest.approx(penalty.item(), abs=CLOSE)
    expected = flat(torch.autograd.grad(loss + penalty, d))
    assert np.abs(expected).max() > 0.01
    assert np.allclose(there["byD"], expected, atol=CLOSE, rtol=0)
    moved = one.generator(one.latents(4, 0, n))
    pairs = one.discriminator(one.real(5, 0, n))[:, 0]
    loss = OBJECTIVES[one.settings.objective].generator(pairs, one.discriminator(moved)[:, 0])
    by_fake, *by_g = torch.autograd.grad(loss, [moved, *g])
    assert there["lossG"] == pytest.approx(loss.item(), abs=CLOSE)
    assert np.allclose(there["byG"], flat(by_g), atol=CLOSE, rtol=0)
    assert np.allclose(there["byFake"], by_fake.flatten(), atol=CLOSE, rtol=0)


@pytest.mark.parametrize("name", GAMES)
def test_twenty_steps_are_those_of_pytorch(compute, name):
    there = compute(
        BEGIN
        + """
        const density = densityOfData(game);
        for (let i = 0; i < 20; i++) stepGame(game);
        const { js, modes, gap } = measureGame(game, density, true);
        const weights = Array.from([...game.generator.weights, ...game.discriminator.weights]);
        return { weights, js, modes, gap, losses: [game.lossD, game.lossG] };""",
        as_json(GAMES[name]),
    )
    one = Game(GAMES[name], 3, POINTS)
    for _ in range(20):
        step.step(one)
    assert np.allclose(
        there["weights"],
        flat([*one.generator.parameters(), *one.discriminator.parameters()]),
        atol=1e-6,
        rtol=0,
    )
    measured = measures.measure(one, measures.data_density(one))
    assert there["losses"] == pytest.approx([one.loss_d, one.loss_g], abs=CLOSE)
    assert there["js"] == pytest.approx(measured.js, abs=1e-3)  # a point on a cell's edge may cross
    assert there["modes"] == measured.modes
    assert (there["gap"] is None) == (measured.gap is None)
    if measured.gap is not None:
        assert there["gap"] == pytest.approx(measured.gap, abs=1e-3)


def test_the_surface_is_that_of_the_picture_in_python(compute):
    for name in ("hinge", "lsgan", "wgan", "relativistic", "minimax"):
        one = Game(Settings(objective=name), 3)
        code = BEGIN + "return Array.from(frameOf({ game }, '', false).shade);"
        shade = compute(code, as_json(one.settings))
        assert np.allclose(shade, measures.shades(one).ravel(), atol=1e-6)


@pytest.mark.parametrize("data", distributions.DATA)
def test_both_languages_know_the_same_data(compute, data):
    code = "return Array.from(sampleData(argument.settings.data, argument.points, 9, 2, 4, 50));"
    there = compute(code, as_json(Settings(data=data)))
    assert np.allclose(there, distributions.sample(data, POINTS, 9, 2, 4, 50).ravel(), atol=1e-12)


def test_points_are_written_alike(browser):
    page = browser.new_page()
    program = joined("game_points")
    drawn = [(0.0, 0.0), (-2.0, 2.0), (1.2345, -0.777), (9.0, -9.0)]
    text, read = page.evaluate(
        f"(all) => {{ {program}\nconst text = writePoints(all);"
        "return [text, Array.from(readPoints(text))]; }",
        [value for point in drawn for value in point],
    )
    assert text == points.write(drawn)
    assert np.allclose(read, np.ravel(points.read(text)), atol=1e-12)
    page.close()


# The page.


def board(page):
    page.locator(".game[data-step]").wait_for()
    return page.locator(".game .board").first


def steps(page):
    return int(page.locator(".game").get_attribute("data-step"))


def button(page, name):
    return page.locator(".game").get_by_role("button", name=name, exact=True)


def at_rest(page):
    """Wait until the game computes nothing and nothing on its boards moves."""
    expect(page.locator(".game")).to_have_attribute("data-idle", "true")


def painted(page, place=0):
    """What a board shows, as the text of a PNG."""
    return page.locator(".game .board").nth(place).evaluate("one => one.toDataURL()")


def test_one_step_is_one_step(visit):
    page = visit("game?preset=first&first=batch:16")
    board(page)
    assert steps(page) == 0
    before = painted(page)
    for number in (1, 2, 3):
        button(page, "Step").click()
        expect(page.locator(".game")).to_have_attribute("data-step", str(number))
    expect(page.locator(".game .steps")).to_have_text("Step 3")
    assert painted(page) != before
    button(page, "Restart").click()
    expect(page.locator(".game")).to_have_attribute("data-step", "0")
    no_trouble(page)


def test_the_step_on_the_page_is_that_of_the_command(visit):
    page = visit("game?preset=first&first=batch:16&game_seed=5")
    board(page)
    for number in (1, 2):
        button(page, "Step").click()
        expect(page.locator(".game")).to_have_attribute("data-step", str(number))
    base = presets.get("first").boards[0][1]
    one = Game(settings.replace(base, {"batch": 16}), 5)
    step.step(one)
    step.step(one)
    measured = measures.measure(one, measures.data_density(one))
    curves = page.locator(".game .curve")
    expect(curves.nth(0)).to_have_attribute(
        "aria-label", f"Loss: D {one.loss_d:.2f}, G {one.loss_g:.2f}"
    )
    expect(curves.nth(1)).to_have_attribute("aria-label", f"Jensen–Shannon: {measured.js:.2f}")
    expect(curves.nth(2)).to_have_attribute("aria-label", f"Modes: {measured.modes} of 8")


def test_it_plays_until_it_is_paused(visit):
    page = visit("game?preset=first&first=batch:16")
    board(page)
    button(page, "Play").click()
    expect(page.locator(".game")).to_have_attribute("data-step", re.compile(r"^([4-9]|\d\d+)$"))
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    at_rest(page)
    stopped = steps(page)
    # If it went on, it would be further than one step from here.
    button(page, "Step").click()
    at_rest(page)
    assert steps(page) == stopped + 1


def test_keys_play_and_step(visit):
    page = visit("game?preset=first&first=batch:16")
    board(page).focus()
    page.keyboard.press("s")
    expect(page.locator(".game")).to_have_attribute("data-step", "1")
    page.keyboard.press(" ")
    expect(page.locator(".game")).to_have_attribute("data-mode", "playing")
    page.keyboard.press(" ")
    expect(page.locator(".game")).to_have_attribute("data-mode", "paused")


def test_slow_motion_shows_every_half_step(visit):
    page = visit("game?preset=first&first=batch:16,k:2")
    board(page)
    button(page, "Slow motion").click()
    seen, looks = [], []
    for _ in range(9):
        at_rest(page)
        seen.append(page.locator(".game").get_attribute("data-phase"))
        looks.append(painted(page))
        if len(seen) < 9:
            button(page, "Half-step").click()
    turn = ["samples", "surface", "update"]
    assert seen == [*turn, *turn, "gradient", "move", "samples"]
    assert len(set(looks)) == 9
    assert steps(page) == 1
    expect(page.locator(".phases .current")).to_have_text("Samples")
    expect(page.locator(".game .note")).to_contain_text("(update 1 of 2)")


def test_a_preset_is_one_click_and_two_boards_start_alike(visit):
    page = visit("game")
    board(page)
    page.get_by_role("radio", name="Minimax saturates").click()
    address_has(page, "preset=saturation")
    expect(page.locator(".game .board")).to_have_count(2)
    expect(page.locator(".game figcaption")).to_have_text(["Minimax", "Non-saturating"])
    expect(page.locator(".game")).to_have_attribute("data-mode", "playing")
    expect(page.locator(".words")).to_contain_text("section 3")
    button(page, "Pause").click()
    button(page, "Restart").click()
    expect(page.locator(".game")).to_have_attribute("data-step", "0")
    at_rest(page)
    labels = page.locator(".game .curve").evaluate_all("all => all.map(one => one.ariaLabel)")
    half = len(labels) // 2
    assert [re.sub("Loss.*", "", one) for one in labels[:half]] == [
        re.sub("Loss.*", "", one) for one in labels[half:]
    ]
    no_trouble(page)


def test_a_link_brings_back_settings_seed_and_points(visit):
    own = points.write(POINTS)
    link = f"game?preset=k&first=data:points,k:3&second=data:points&points={own}&game_seed=12"
    page = visit(link)
    board(page)
    settings_in_link = query(page)
    assert settings_in_link["first"] == "data:points,k:3"
    assert settings_in_link["points"] == own
    assert settings_in_link["game_seed"] == "12"
    expect(page.get_by_role("combobox", name="Data", exact=True)).to_have_value("Your points")
    again = visit(page.url.split("/", 3)[3])
    board(again)
    assert query(again) == settings_in_link
    assert painted(again) == painted(page)


def test_points_are_drawn_and_erased_and_stand_in_the_link(visit):
    page = visit("game?preset=first&first=batch:16")
    place = board(page)
    button(page, "Draw data").click()
    box = place.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=20)
    page.mouse.up()
    address_has(page, "points=")
    address_has(page, "data:points")
    drawn = points.read(query(page)["points"])
    assert 10 <= len(drawn) <= 30
    assert {round(y, 1) for _, y in drawn} == {0.0}
    assert min(x for x, _ in drawn) == pytest.approx(-1, abs=0.02)
    button(page, "Erase").click()
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(
        "n => new URLSearchParams(location.search).get('points').length < n", arg=4 * len(drawn)
    )
    left = points.read(query(page)["points"])
    assert set(left) < set(drawn)
    assert min(x for x, _ in left) > -0.85
    no_trouble(page)


def test_points_are_drawn_by_keys(visit):
    page = visit("game?preset=first&first=batch:16")
    place = board(page)
    button(page, "Draw data").click()
    place.focus()
    for key in ("Enter", "ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function(
        "() => (new URLSearchParams(location.search).get('points') ?? '').length === 8"
    )
    drawn = points.read(query(page)["points"])
    assert np.allclose(drawn, [(0, 0), (0.2, 0.1)], atol=2e-3)


def test_a_finger_draws(visit):
    page = visit("game?preset=first&first=batch:16", PHONE, has_touch=True)
    place = board(page)
    button(page, "Draw data").tap()
    box = place.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
    address_has(page, "points=")
    assert points.read(query(page)["points"]) == [pytest.approx((1, 0), abs=0.03)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x,y\n1,2\n3,four\n", "Line 3 holds 'four', which is not a finite number."),
        ("1,2,3\n", "Line 1 has 3 columns; a point has two numbers, x and y."),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_said(visit, content, sentence):
    page = visit("game?preset=first&first=batch:16")
    board(page)
    load(page, content)
    expect(page.get_by_text(sentence)).to_be_visible()
    assert "points" not in query(page)


def test_points_of_a_csv_file_are_played_with(visit):
    page = visit("game?preset=first&first=batch:16")
    board(page)
    load(page, "x,y\n0,0\n4,2\n")
    address_has(page, "points=")
    assert np.allclose(points.read(query(page)["points"]), [(-1.6, -0.8), (1.6, 0.8)], atol=1e-3)
    no_trouble(page)


def load(page, content):
    page.get_by_role("button", name="Your own points").click()
    page.locator("input[type=file]").last.set_input_files(
        {"name": "own.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Use these points").click()


def test_on_a_phone_the_board_is_on_the_first_screen(visit):
    page = visit("game?preset=saturation", PHONE, has_touch=True)
    board(page)
    expect(page.locator(".game .board")).to_have_count(2)
    box = page.locator(".game .board").nth(1).bounding_box()
    assert box["y"] + box["height"] < PHONE["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sizes = page.locator(".game .tool").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert min(sizes) >= 44


def test_motion_is_reduced_for_those_who_want_that(visit):
    page = visit("game", reduced_motion="reduce")
    board(page)
    page.get_by_role("radio", name="Mode collapse").click()
    expect(page.locator(".game .board")).to_have_count(2)
    expect(page.locator(".game")).to_have_attribute("data-mode", "paused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(visit, scheme):
    page = visit("game?preset=optimal", color_scheme=scheme)
    board(page)
    button(page, "Slow motion").click()
    ratios = page.locator(".game").evaluate(CONTRASTS)
    assert len(ratios) > 20
    assert {text: ratio for text, ratio in ratios if ratio < 4.5} == {}


# [text, contrast] of everything in the game that holds text itself.
CONTRASTS = """(game) => {
  const parts = (colour) => {
    const one = document.createElement("canvas").getContext("2d");
    one.fillStyle = colour;
    one.fillRect(0, 0, 1, 1);
    return [...one.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((x) => {
    const v = x / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }).reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement ?? one.getRootNode().host) {
      const rgba = parts(getComputedStyle(one).backgroundColor);
      if (rgba[3] === 255) return rgba;
    }
    return [255, 255, 255, 255];
  };
  const opacity = (one) => {
    let all = 1;
    for (; one; one = one.parentElement ?? one.getRootNode().host) {
      all *= Number(getComputedStyle(one).opacity);
    }
    return all;
  };
  const found = [];
  for (const one of game.querySelectorAll("*")) {
    const text = [...one.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    if (!text.length || !one.getClientRects().length) continue;
    const [back, share] = [behind(one), opacity(one)];
    const colour = parts(getComputedStyle(one).color);
    const front = colour.map((x, i) => share * x + (1 - share) * back[i]);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    found.push([one.textContent, (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


def test_the_modules_of_both_programs_join_in_an_order_that_works():
    for scripts in (game.WORKER, game.SCRIPTS):
        program = joined(*scripts)
        assert not re.search(r"^import\b", program, re.MULTILINE)
        declared = re.findall(
            r"^(?:export default )?(?:async )?(?:function|const|let|class) (\w+)",
            program,
            re.MULTILINE,
        )
        assert len(declared) == len(set(declared))
    assert json.dumps(joined(*game.WORKER)) in game.program()


def test_a_network_starts_with_outputs_of_a_useful_size():
    generator, _ = players.build(Settings(), 0)
    z = torch.from_numpy(distributions.latents("uniform", 0, 7, 0, 1000))
    assert 0.05 < generator(z).std().item() < 1.5
