"""One step of the game: k steps of D, then one of G."""

from dataclasses import dataclass, field

import torch
from torch import nn

from gan_core.game import distributions, players, random_numbers
from gan_core.game.distributions import Points
from gan_core.game.settings import Settings
from gan_core.training import regularisers
from gan_core.training.losses import OBJECTIVES


@dataclass
class Game:
    """Two players, their optimisers, and how far they have come.

    points: the data of "points". steps: of G so far. updates: of D so far. loss_d, loss_g: of the
    last update of each player, without D's penalty.
    """

    settings: Settings
    seed: int = 0
    points: Points = ()
    steps: int = 0
    updates: int = 0
    loss_d: float = 0.0
    loss_g: float = 0.0
    generator: nn.Sequential = field(init=False)
    discriminator: nn.Sequential = field(init=False)

    def __post_init__(self) -> None:
        one = self.settings
        self.generator, self.discriminator = players.build(one, self.seed)
        self.optimiser_d = players.optimiser(self.discriminator, one.optimiser_d, one.lr_d)
        self.optimiser_g = players.optimiser(self.generator, one.optimiser_g, one.lr_g)

    def real(self, stream: int, draw: int, n: int) -> torch.Tensor:
        """n points of the data, float64 (n, 2)."""
        data = self.settings.data
        return torch.from_numpy(distributions.sample(data, self.points, self.seed, stream, draw, n))

    def latents(self, stream: int, draw: int, n: int) -> torch.Tensor:
        """n latents, float64 (n, 2)."""
        return torch.from_numpy(
            distributions.latents(self.settings.prior, self.seed, stream, draw, n)
        )


def step(game: Game) -> None:
    """k updates of D, then one of G: algorithm 1 of Goodfellow et al. 2014."""
    for _ in range(game.settings.k):
        update_discriminator(game)
    update_generator(game)


def update_discriminator(game: Game) -> None:
    """One step of D on a new batch."""
    settings, n = game.settings, game.settings.batch
    real = game.real(random_numbers.REAL, game.updates, n)
    with torch.no_grad():
        fake = game.generator(game.latents(random_numbers.FAKE, game.updates, n))
    game.optimiser_d.zero_grad()
    loss = discriminator_loss(game, real, fake)
    penalty = discriminator_penalty(game, real, fake)
    (loss + penalty).backward()
    game.optimiser_d.step()
    if settings.penalty == "clip":
        regularisers.clip_weights(game.discriminator, settings.clip)
    game.loss_d = loss.item()
    game.updates += 1


def discriminator_loss(game: Game, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The objective's loss of D on a batch, without penalty."""
    objective = OBJECTIVES[game.settings.objective]
    return objective.discriminator(game.discriminator(real)[:, 0], game.discriminator(fake)[:, 0])


def discriminator_penalty(game: Game, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The weighted gradient penalty of the objective, 0 where there is none."""
    settings = game.settings
    if settings.penalty == "r1" and settings.r1:
        return settings.r1 * regularisers.zero_centred(game.discriminator, real)
    if settings.penalty == "gp" and settings.gp:
        numbers = random_numbers.uniform(game.seed, random_numbers.MIX, game.updates, len(real))
        mix = torch.from_numpy(numbers)[:, None]
        return settings.gp * regularisers.one_centred(game.discriminator, real, fake, mix)
    return torch.zeros((), dtype=torch.float64)


def update_generator(game: Game) -> None:
    """One step of G on new latents; a paired objective sees a new batch of real points too."""
    game.optimiser_g.zero_grad()
    loss = generator_loss(game)
    loss.backward()
    game.optimiser_g.step()
    game.loss_g = loss.item()
    game.steps += 1


def generator_loss(game: Game) -> torch.Tensor:
    """The objective's loss of G on the batch of the current step."""
    objective, n = OBJECTIVES[game.settings.objective], game.settings.batch
    real = game.discriminator(game.real(random_numbers.PAIRED, game.steps, n))[:, 0]
    z = game.latents(random_numbers.MOVE, game.steps, n)
    return objective.generator(real, game.discriminator(game.generator(z))[:, 0])
