"""The game: two players in the plane, a GAN small enough to watch."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from explorer.components.game import game
from explorer.services import stranger_text
from explorer.state import session
from explorer.widgets import page_intro
from explorer.widgets.uploader import uploader
from gan_core.game import points, presets, settings
from gan_core.game.presets import Preset
from gan_core.game.settings import FIELDS, Settings
from gan_core.latent import MAX_SEED
from gan_core.util.errors import InputError

Act = Callable[[dict[str, Any]], None]
SIDES = ("first", "second")  # settings of url_state.View, one for each board
DATA = {
    "ring": "Ring",
    "8 gaussians": "8 Gaussians",
    "moons": "Two moons",
    "grid": "Grid of 25",
    "gaussian": "One Gaussian",
    "line": "Line",
    "points": "Your points",
}
OBJECTIVES = {name: name for name in FIELDS["objective"].metadata["choices"]}
OPTIMISERS = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam"}
PRIORS = {"uniform": "Square", "normal": "Disc"}
ACTIVATIONS = {"leaky relu": "Leaky ReLU", "tanh": "tanh"}
RATES = (0.0, 1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CLIPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
K = "Steps of D for each step of G."
PENALTIES = {
    "r1": ("R1", WEIGHTS, "Weight γ of ½‖∇D‖² on the data (Mescheder et al. 2018)."),
    "gp": ("Gradient penalty", WEIGHTS, "Weight of (‖∇D‖ − 1)² (Gulrajani et al. 2017)."),
    "clip": ("Clipping", CLIPS, "Bound of D's weights (Arjovsky et al. 2017)."),
}


# On a phone the presets are one row, so that the board is on the first screen.
STYLE = """<style>
@media (max-width: 640px) {
  .st-key-game-preset > div > div { flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none; }
  .st-key-game-preset button { flex: none; }
}
</style>"""


def page() -> None:
    """The page, top to bottom."""
    page_intro.header("The game", "game")
    st.html(STYLE)
    view = session.view()
    st.pills(
        "Preset",
        list(presets.PRESETS),
        format_func=lambda name: presets.PRESETS[name].title,
        label_visibility="collapsed",
        **session.fill("game-preset", view.preset, pick),
    )
    scene = presets.PRESETS[view.preset]
    boards = boards_of(scene)
    left, right = st.columns((7, 3), gap="large")
    with left:
        game(
            "game",
            boards,
            scene=view.preset,
            words=(scene.sentences, scene.paper),
            seed=view.game_seed,
            own_points=view.points,
            best=view.optimal or scene.best,
            on_draw=drawn,
        )
    with right:
        controls(scene, boards)


def pick() -> None:
    """Take a preset with its own settings; the seed and a person's points stay."""
    name = session.value_of("game-preset")
    if name is not None:
        session.set_view(preset=name, compare=True, first="", second="", optimal=False)


def boards_of(scene: Preset) -> list[tuple[str, Settings]]:
    """(title, Settings) of the boards that are shown."""
    view = session.view()
    shown = scene.boards if view.compare else scene.boards[:1]
    boards = []
    for side, (title, base) in zip(SIDES, shown, strict=False):
        current = settings.read(getattr(view, side), base)
        if current.data == "points" and not view.points:
            current = settings.replace(current, {"data": base.data})
        boards.append((title if len(shown) > 1 else "", current))
    return boards


def drawn(text: str) -> None:
    """Take points that a person has drawn; without any, the preset's data come back."""
    session.set_view(points=text)
    scene = presets.PRESETS[session.view().preset]
    change_all({"data": "points"} if text else {"data": scene.boards[0][1].data})


def change_all(changes: dict[str, Any]) -> None:
    """Change settings of both boards."""
    for place in range(len(SIDES)):
        change(place, changes)


def change(place: int, changes: dict[str, Any]) -> None:
    """Change settings of one board; the other's place has none where a preset has one board."""
    boards = presets.PRESETS[session.view().preset].boards
    side = SIDES[place]
    if place < len(boards):
        base = boards[place][1]
        current = settings.read(getattr(session.view(), side), base)
        changed = settings.replace(current, changes)
        session.set_view(**{side: settings.write(changed, base)})


# The controls beside the boards.


def controls(scene: Preset, boards: list[tuple[str, Settings]]) -> None:
    """What decides the game; a change acts on the game as it goes on."""
    shared = boards[0][1]
    data(shared)
    if len(scene.boards) > 1:
        st.toggle("Two boards", **session.widget("compare"))
    if len(boards) == 1:
        players(0, shared)
    else:
        tabs = st.tabs([title for title, _ in boards])
        for place, (tab, (_, one)) in enumerate(zip(tabs, boards, strict=True)):
            with tab:
                players(place, one)
    if not scene.best and shared.objective in ("minimax", "non-saturating"):
        st.toggle(
            "Optimal D",
            help="Draws D*(x) = p(x) / (p(x) + q(x)) over the learned D, estimated from samples.",
            **session.widget("optimal"),
        )
    # With a key it stays open when the controls above become others.
    with st.expander("Batch, networks, seed", key="game-more"):
        more(shared)


def data(shared: Settings) -> None:
    """What D takes for real."""
    own = bool(session.view().points)
    words = {name: word for name, word in DATA.items() if own or name != "points"}
    choose("Data", "data", words, shared, change_all)
    with st.popover("Your own points", icon=":material/upload:"):
        st.caption("Draw on the board, or load a CSV file with two columns, x and y.")
        upload = uploader("Points", "points", type="csv", key="game-points")
        if upload is not None and st.button("Use these points"):
            load(upload.getvalue())


def load(content: bytes) -> None:
    """Take the points of a CSV file, or say in a sentence why not."""
    try:
        read = points.read_csv(content)
    except InputError as error:
        st.error(stranger_text.sentence(error))
        return
    drawn(points.write(read))
    st.rerun()


def players(place: int, one: Settings) -> None:
    """The rules of one board, and each player's optimiser."""
    act = partial(change, place)
    choose("Objective", "objective", OBJECTIVES, one, act, place)
    label, weights, words = PENALTIES[one.penalty]
    with st.container(horizontal=True):
        numbers("k", "k", tuple(range(1, 11)), one, act, place, help=K)
        numbers(label, one.penalty, weights, one, act, place, help=words)
    for player in "dg":
        with st.container(horizontal=True):
            name = player.upper()
            choose(f"{name}’s optimiser", f"optimiser_{player}", OPTIMISERS, one, act, place)
            numbers(f"{name}’s learning rate", f"lr_{player}", RATES, one, act, place)


def more(shared: Settings) -> None:
    """What is seldom changed, for both boards; new networks or another seed restart the game."""
    for label, name in (("Batch", "batch"), ("Width of the hidden layers", "width")):
        numbers(label, name, FIELDS[name].metadata["choices"], shared, change_all, closed=True)
    choose("Activation", "activation", ACTIVATIONS, shared, change_all, closed=True)
    choose("Latents", "prior", PRIORS, shared, change_all, closed=True)
    st.number_input("Seed", 0, MAX_SEED, step=1, **session.widget("game_seed", closed=True))


def choose(
    label: str,
    name: str,
    words: Mapping[str, str],
    current: Settings,
    act: Act,
    place: int = 0,
    closed: bool = False,
) -> None:
    """A field for a setting that is one of some words, of the board at a place."""
    st.selectbox(
        label,
        list(words),
        format_func=lambda word: words[word],
        **tied(name, current, act, place, closed),
    )


def numbers(
    label: str,
    name: str,
    choices: tuple[float, ...],
    current: Settings,
    act: Act,
    place: int = 0,
    closed: bool = False,
    help: str | None = None,
) -> None:
    """A field for a setting that is one of some numbers, or the one that a link has set."""
    st.selectbox(
        label,
        sorted({*choices, getattr(current, name)}),
        format_func=lambda number: f"{number:g}",
        help=help,
        **tied(name, current, act, place, closed),
    )


def tied(name: str, current: Settings, act: Act, place: int, closed: bool) -> dict[str, Any]:
    """Arguments that tie a widget to a setting of the board at a place."""
    key = f"game-{name}-{place}"
    return session.fill(key, getattr(current, name), take, key, name, act, closed=closed)


def take(key: str, name: str, act: Act) -> None:
    """A field's new value into the settings."""
    act({name: session.value_of(key)})
