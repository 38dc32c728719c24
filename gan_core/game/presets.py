"""The scenes of the page "The game": what a lecture says, with settings that show it.

`python benchmarks/game_presets.py` plays each on ten seeds and counts how often it shows what its
sentences say; docs/the-game.md has the result.
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
SATURATION = Settings(
    data="line", k=5, batch=32, optimiser_d="adam", lr_d=0.02, optimiser_g="sgd", lr_g=0.005
)
SLOW = Settings(data="8 gaussians", batch=32, lr_d=0.001, lr_g=0.004)  # a D slower than G
PRESETS = {
    "first": Preset(
        "A first game",
        "D learns to tell data from samples, and G moves its samples to where D takes them for "
        "data. Step by step the grid of latents folds itself around the circle until G draws all "
        "eight modes.",
        GOODFELLOW,
        (("", Settings(data="8 gaussians", lr_d=0.005, lr_g=0.002, r1=0.1)),),
        1500,
    ),
    "saturation": Preset(
        "Minimax saturates",
        "On the left G minimises log(1 − D(G(z))): D soon rejects every sample, the arrows vanish "
        "and G stands still. On the right G maximises log D(G(z)) from the same start: the more D "
        "rejects its samples, the longer the arrows become, and G escapes.",
        GOODFELLOW + ", section 3",
        (
            ("Minimax", replace(SATURATION, objective="minimax")),
            ("Non-saturating", SATURATION),
        ),
        150,
    ),
    "k": Preset(
        "k = 1 or k = 5",
        "On the left D makes one step for each of G and lags behind, so G chases D’s outdated "
        "opinion from one place to the next. On the right D makes five, stays near the optimal D "
        "for the present G, and G spreads over the modes.",
        GOODFELLOW + ", algorithm 1",
        (("k = 1", SLOW), ("k = 5", replace(SLOW, k=5))),
        900,
    ),
    "collapse": Preset(
        "Mode collapse",
        "On the left D learns too slowly, and G crowds its samples into one or two modes that D "
        "has not caught up with. On the right D learns ten times faster, which cures it: wherever "
        "samples crowd, D drives them out, and G finds the other modes.",
        "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule (arXiv 1706.08500)",
        (("D learns slowly", SLOW), ("D learns ten times faster", replace(SLOW, lr_d=0.01))),
        900,
    ),
    "optimal": Preset(
        "The optimal D",
        "G is fixed. The dashed lines show where the optimal D for it, p(x) / (p(x) + q(x)) of "
        "data and samples, is ¼, ½ and ¾; the solid lines, those of the learned D, move onto them.",
        GOODFELLOW + ", proposition 1",
        (
            (
                "",
                Settings(data="gaussian", prior="normal", batch=128, lr_d=0.003, lr_g=0.0),
            ),
        ),
        200,
        best=True,
    ),
    "wasserstein": Preset(
        "Distance without overlap",
        "As long as samples and data do not touch, their Jensen–Shannon divergence stays at log 2, "
        "however far apart they are. The critic’s distance, once it has been learned, falls with "
        "every step of G, and the arrows lead to the data.",
        "Arjovsky et al. 2017, Wasserstein GAN (arXiv 1701.07875), example 1",
        (
            (
                "",
                Settings(
                    data="line", objective="wgan-gp", k=3, batch=32, lr_d=0.01, lr_g=0.0001, gp=1.0
                ),
            ),
        ),
        300,
    ),
}


def get(name: str) -> Preset:
    """A preset by its name. Raises InputError for an unknown name."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose from {', '.join(PRESETS)}.")
    return PRESETS[name]
