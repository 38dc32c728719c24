"""The scenes of the page "The game": what a lecture says, with settings that show it.

benchmarks/game.py measures on ten seeds how often each preset shows what its sentences claim.
"""

from dataclasses import dataclass, replace

from gan_core.game.settings import Settings
from gan_core.util.errors import InputError


@dataclass(frozen=True)
class Preset:
    """One scene.

    title: its name on the page. sentences: what to see. paper: where it is from. boards: (title,
    Settings) of one game, or of two that start alike. steps: of G, after which the claim has come
    true. best: whether the optimal D is drawn.
    """

    title: str
    sentences: str
    paper: str
    boards: tuple[tuple[str, Settings], ...]
    steps: int
    best: bool = False


GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets (arXiv 1406.2661)"
FIRST = Settings(r1=0.1, lr_d=0.005, lr_g=0.002)
SATURATION = Settings(data="ring", optimiser_d="adam", lr_d=0.01, optimiser_g="sgd", lr_g=0.05, k=5)
PRESETS = {
    "first": Preset(
        "A first game",
        "D learns to tell data from samples, and G moves its samples to where D believes them. "
        "Step by step the grid spreads until it covers all eight modes.",
        GOODFELLOW,
        (("", FIRST),),
        3000,
    ),
    "saturation": Preset(
        "Minimax saturates",
        "On the left G minimises log(1 − D(G(z))): D soon rejects every sample, the arrows vanish "
        "and G stands still. On the right G maximises log D(G(z)) from the same start, and its "
        "arrows stay long.",
        GOODFELLOW + ", section 3",
        (
            ("Minimax", replace(SATURATION, objective="minimax")),
            ("Non-saturating", SATURATION),
        ),
        400,
    ),
    "k": Preset(
        "k = 1 or k = 5",
        "",
        GOODFELLOW + ", algorithm 1",
        (("k = 1", Settings(k=1)), ("k = 5", Settings(k=5))),
        1500,
    ),
    "collapse": Preset(
        "Mode collapse",
        "",
        "Mescheder et al. 2018, Which Training Methods for GANs do actually Converge? "
        "(arXiv 1801.04406)",
        (("No penalty", Settings(data="grid")), ("R1", Settings(data="grid", r1=0.1))),
        3000,
    ),
    "optimal": Preset(
        "The optimal D",
        "",
        GOODFELLOW + ", proposition 1",
        (("", Settings(lr_g=0.0)),),
        1000,
        best=True,
    ),
    "wasserstein": Preset(
        "Distance without overlap",
        "",
        "Arjovsky et al. 2017, Wasserstein GAN (arXiv 1701.07875), example 1",
        (("", Settings(data="line", objective="wgan-gp", k=5)),),
        600,
    ),
}


def get(name: str) -> Preset:
    """A preset by its name. Raises InputError for a name that there is not."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose from {', '.join(PRESETS)}.")
    return PRESETS[name]
