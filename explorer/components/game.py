"""The game in the browser: boards with two players each, their curves, and the bar that runs them.

All of it happens in the browser: one Web Worker computes, and the server computes nothing. The
browser reports a person's own points once a stroke of the pen is over.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from explorer.components import component_values
from explorer.components.component import component, joined
from gan_core.game import distributions, points
from gan_core.game.settings import Settings

HERE = Path(__file__).parent
# Each after those that it imports. The worker's are a program of their own.
WORKER = (
    "game_random",
    "game_data",
    "game_network",
    "game_losses",
    "game_step",
    "game_measures",
    "game_frame",
    "game_worker",
)
SCRIPTS = (
    "icons",
    "game_points",
    "game_board",
    "game_curves",
    "game_controls",
    "game_pen",
    "game",
)

HTML = """<div class="game"><div class="all">
  <div class="words"></div>
  <div class="boards"></div>
  <div class="bar" role="toolbar" aria-label="The game"></div>
  <div class="strip"></div>
  <p class="note" role="status"></p>
  <div class="curves"></div>
  <div class="below"></div>
</div></div>"""


def program() -> str:
    """The component's JavaScript, with the worker's as a text within it."""
    return f"const WORKER = {json.dumps(joined(*WORKER))};\n{joined(*SCRIPTS)}"


_component = component(
    "gan_explorer_game",
    html=HTML,
    css=(HERE / "game.css").read_text(encoding="utf-8"),
    js=program(),
)


def game(
    key: str,
    boards: Sequence[tuple[str, Settings]],
    *,
    scene: str,
    words: tuple[str, str],
    seed: int,
    own_points: str,
    best: bool,
    on_draw: Callable[[str], object],
) -> None:
    """Show one or two boards, of (title, Settings), that start from the same seed.

    scene: another one restarts all games and plays them. words: what there is to see, and the
    paper. own_points: the points of the data
    "points", as `gan_core.game.points.write` writes them. best: whether the optimal D is drawn.
    on_draw(points): called with new points, as text, when a person has drawn or erased some.
    """

    def drawn() -> None:
        text = component_values.record(key, "drawn").get("points")
        if isinstance(text, str) and readable(text):
            on_draw(text)

    sent = component_values.record(key, "drawn").get("count")
    data = {
        "boards": [board(title, settings, best) for title, settings in boards],
        "scene": scene,
        "sentences": words[0],
        "paper": words[1],
        "seed": seed,
        "points": own_points,
        "heard": component_values.integer(sent) or 0,
    }
    _component(key=key, data=data, on_drawn_change=drawn)


def board(title: str, settings: Settings, best: bool) -> dict[str, object]:
    """One board, as the browser gets it."""
    centres = distributions.centres(settings.data)
    return {
        "title": title,
        "settings": dataclasses.asdict(settings),
        "wasserstein": settings.objective in ("wgan", "wgan-gp"),
        "modes": None if centres is None else len(centres),
        "best": best and settings.objective in ("minimax", "non-saturating"),
    }


def readable(text: str) -> bool:
    """Whether a text from a browser holds points."""
    try:
        points.read(text)
    except ValueError:
        return False
    return True
