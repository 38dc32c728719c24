"""One round of the two-player game (Goodfellow et al. 2014, algorithm 1).

k discriminator steps, each on fresh images and fresh noise, then one generator step. The generator
step uses the noise of the last discriminator step, not fresh noise, which saves drawing twice.
"""

import functools
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch

from gan_core.networks import mlp
from gan_core.training import augment, augment_control, autotune, ema, graphs, regularisers
from gan_core.training.attribute_codes import Codes
from gan_core.training.batches import Batches
from gan_core.training.config import TrainingConfig
from gan_core.training.distributed import Draws, Team
from gan_core.training.losses import OBJECTIVES, Objective
from gan_core.training.players import Players
from gan_core.training.schedule import cosine

STATISTICS = ("d_loss", "g_loss", "d_real", "d_fake", "wins")  # of a round, see `statistics`


# Of a batch of real and of one of generated images, as further arguments of D; () without classes.
Classes = tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]


@dataclass
class Game:
    """Everything that a round needs except the real images.

    draws: the source of all noise. tied: attributes tied to coordinates of z, or None. fast: the
    precision, layout and convolution that networks run in, as `autotune.choose` returns them.
    labels: of a conditional model's training images, float (N, A), or None. control: adapts the
    strength of augmentation, or None. strength: of augmentation otherwise. penalty_factor: of all
    penalties. half_life: of G's average, kimg. The last three follow the schedule, see `follow`.
    """

    config: TrainingConfig
    players: Players
    team: Team
    draws: Draws
    tied: Codes | None
    fast: dict
    labels: torch.Tensor | None = None
    control: augment_control.Controller | None = field(init=False, default=None)
    strength: float | torch.Tensor = field(init=False, default=1.0)
    penalty_factor: float | torch.Tensor = field(init=False, default=1.0)
    half_life: float = field(init=False)
    replayed: graphs.Replayed | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.half_life = self.config.ema_kimg
        self.augmentations = augment.parse(self.config.augment)
        for module in self.players.discriminator.modules():
            if isinstance(module, mlp.Dropout):
                module.draws = self.draws
        if self.config.augment_target:
            control = augment_control.Controller(self.config.augment_target)
            self.control = control.to(self.team.device)

    def use_graphs(self, batches: Batches) -> None:
        """Replay rounds from CUDA graphs where possible; what the schedule sets becomes tensors."""
        if not graphs.usable(self.config, self.team):
            return
        if self.config.augment_p != 1 or self.config.augment_initial != 1:
            self.strength = torch.ones((), device=self.team.device)
        if self.config.penalty_final != 1:
            self.penalty_factor = torch.ones((), device=self.team.device)
        play = functools.partial(both_players, self, batches)
        self.replayed = graphs.Replayed(play, self.draws.rng)

    def restart(self) -> None:
        """To be called after the state was loaded, which replaces the tensors of optimisers."""
        if self.replayed:
            self.replayed.forget()

    def parts(self) -> dict[str, Any]:
        """What a run's state holds, by name."""
        control = {"augment_control": self.control} if self.control else {}
        return self.players.parts() | control

    def follow(self, done: float, total: float) -> None:
        """Set what changes over the run; done, total: as `Clock.progress` returns them."""
        config = self.config
        strength = config.augment_p * cosine(done, total, config.augment_initial, 1.0)
        self.strength = refill(self.strength, strength)
        penalty_factor = cosine(done, total, 1.0, config.penalty_final)
        self.penalty_factor = refill(self.penalty_factor, penalty_factor)
        self.half_life = config.ema_kimg * cosine(done, total, config.ema_initial, 1.0)
        if config.beta2_initial:
            self.players.set_beta2(cosine(done, total, config.beta2_initial, config.beta2))

    @property
    def objective(self) -> Objective:
        return OBJECTIVES[self.config.objective]

    @property
    def statistics_names(self) -> tuple[str, ...]:
        tied = ("codes_loss",) if self.tied else ()
        return STATISTICS + tied + (("augment_strength",) if self.control else ())

    def augment(self, images: torch.Tensor) -> torch.Tensor:
        strength = self.control.strength if self.control else self.strength
        return augment.augment(images, self.augmentations, self.draws, strength)

    def arithmetic(self) -> AbstractContextManager:
        """The precision and convolutions that networks run in."""
        return autotune.as_chosen(self.fast, self.team.device)

    def classes_of(self, indices: torch.Tensor, z: torch.Tensor) -> Classes:
        """The labels of real images by index, and of images drawn from latents."""
        if self.labels is None:
            return (), ()
        with torch.no_grad():
            generator: Any = self.players.generator  # networks.conditional.Generator
            return (self.labels[indices],), (generator.labels(z),)

    def noise(self) -> torch.Tensor:
        """This process's share of a batch of latents, float32 (n, nz)."""
        n, nz = self.config.batch // self.team.size, self.config.nz
        if self.config.prior == "normal":
            return self.draws.normal(n, nz)
        return self.draws.uniform(n, nz) * 2 - 1


@dataclass
class Judged:
    """The batch of a discriminator step, and D's logits on it before that step.

    z: (n, nz). real: augmented training images, fake: generated images, float (n, C, H, W).
    classes: the labels of both, for D. real_logits, fake_logits: float32 (n,). loss: D's, without
    penalty.
    """

    z: torch.Tensor
    real: torch.Tensor
    fake: torch.Tensor
    classes: Classes
    real_logits: torch.Tensor
    fake_logits: torch.Tensor
    loss: torch.Tensor


def refill(place: float | torch.Tensor, number: float) -> float | torch.Tensor:
    """The number, or the tensor that holds numbers of its kind, filled with it."""
    return place.fill_(number) if isinstance(place, torch.Tensor) else number


def play_round(game: Game, batches: Batches) -> tuple[torch.Tensor, Judged]:
    """Train D k times and G once, and let the average follow G.

    Returns the round's statistics, float (M,) in the order of `statistics_names`, and the last
    batch of D.
    """
    config, players = game.config, game.players
    indices, penalised = [], []
    for _ in range(config.k):
        indices.append(batches.take())
        penalised.append(batches.position // config.batch % config.penalty_every == 0)
    play = game.replayed or functools.partial(both_players, game, batches)
    played = play(indices, tuple(penalised))
    decay = ema.decay_for(config.k * config.batch, game.half_life, batches.position)
    ema.update_ema(players.average, players.generator, decay)
    return played


def both_players(
    game: Game, batches: Batches, indices: list[torch.Tensor], penalised: tuple[bool, ...]
) -> tuple[torch.Tensor, Judged]:
    """One round without its record: k steps of D and one of G; returns what `play_round` does.

    indices: of the training images of each step of D, int64 (n,). penalised: which of these steps
    add the gradient penalty.
    """
    for turn, (chosen, with_penalty) in enumerate(zip(indices, penalised, strict=True)):
        last = turn == len(indices) - 1  # the images of the last D step are the G step's too
        judged = discriminator_step(game, batches, chosen, with_penalty, last)
    g_losses = generator_step(game, judged)
    return statistics(game, judged, g_losses), judged


def discriminator_step(
    game: Game, batches: Batches, indices: torch.Tensor, with_penalty: bool, differentiable: bool
) -> Judged:
    """Teach D to tell a batch of real images from a batch of generated ones.

    indices: of the real images, int64 (n,). with_penalty: whether D is regularised too.
    differentiable: whether the generated images keep their gradient for a step of G.
    """
    config, players = game.config, game.players
    real = game.augment(batches.images(indices))
    with game.arithmetic(), torch.set_grad_enabled(differentiable):
        z = game.noise()
        fake = players.draw(z)
    generated = game.augment(fake.detach())
    classes = of_real, of_fake = game.classes_of(indices, z)
    with game.arithmetic():
        real_logits = players.judge(real, *of_real)
        fake_logits = players.judge(generated, *of_fake)
    real_logits, fake_logits = real_logits.float(), fake_logits.float()
    targets = (config.smoothing,) if config.smoothing else ()
    loss = penalised = game.objective.discriminator(real_logits, fake_logits, *targets)
    if with_penalty:
        weight = config.penalty_every * game.penalty_factor
        penalised = loss + weight * penalty(
            players.discriminator, real, generated, config, game.draws, classes
        )
    players.discriminator_adam.zero_grad()
    penalised.backward()
    game.team.average_gradients(players.discriminator)
    players.discriminator_adam.step()
    if game.control:
        agreement = real_logits.detach().sign().mean()
        game.team.average([agreement])
        game.control.update(agreement, config.batch)
    if config.objective == "wgan":
        regularisers.clip_weights(players.discriminator, config.clip)
    return Judged(z, real, fake, classes, real_logits, fake_logits, loss)


def generator_step(game: Game, judged: Judged) -> list[torch.Tensor]:
    """Teach G to draw images that the newly improved D considers real.

    Returns G's loss and, where attributes are tied, their loss.
    """
    config, players = game.config, game.players
    players.discriminator.requires_grad_(False)  # D's own gradients are not needed here
    with game.arithmetic():
        generated = game.augment(judged.fake)
        of_real, of_fake = judged.classes
        fake_logits = players.judge(generated, *of_fake).float()
        with torch.no_grad():
            paired = game.objective.paired
            real_logits = players.judge(judged.real, *of_real).float() if paired else None
    loss = game.objective.generator(real_logits, fake_logits)
    codes_loss = [game.tied.loss(generated.float(), judged.z)] if game.tied else []
    players.generator_adam.zero_grad()
    (loss + config.codes * sum(codes_loss)).backward()
    game.team.average_gradients(players.generator)
    players.generator_adam.step()
    players.discriminator.requires_grad_(True)
    return [loss, *codes_loss]


def penalty(
    discriminator: torch.nn.Module,
    real: torch.Tensor,
    fake: torch.Tensor,
    config: TrainingConfig,
    draws: Draws,
    classes: Classes = ((), ()),
) -> torch.Tensor | float:
    """The weighted gradient penalty of one D step, always in fp32; 0 where there is none.

    classes: of the real and of the generated images. Images between two are judged by the class of
    the real one.
    """
    total: torch.Tensor | float = 0.0
    of_real, of_fake = classes
    if config.objective == "wgan-gp":
        mix = draws.uniform(len(real), 1, 1, 1)
        total += config.gp * regularisers.one_centred(discriminator, real, fake, mix, *of_real)
    if config.r1:
        total += config.r1 * regularisers.zero_centred(discriminator, real, *of_real)
    if config.r2:
        total += config.r2 * regularisers.zero_centred(discriminator, fake, *of_fake)
    return total


@torch.no_grad()
def statistics(game: Game, judged: Judged, g_losses: list[torch.Tensor]) -> torch.Tensor:
    """The statistics of a round, float (M,), on the device.

    Both losses; the mean of D on real and on generated images, as a probability where the
    objective makes it one; D's wins, the share of pairs in which the real image has the larger
    logit; the loss of tied attributes, where there are any; and the strength of augmentation,
    where it is adapted.
    """
    wins = (judged.real_logits[:, None] > judged.fake_logits).float().mean()
    logits = torch.stack([judged.real_logits, judged.fake_logits])
    means = (logits.sigmoid() if game.objective.probability else logits).mean(1)
    g_loss, *codes_loss = g_losses
    strength = [game.control.strength] if game.control else []
    return torch.stack([judged.loss, g_loss, *means, wins, *codes_loss, *strength])
