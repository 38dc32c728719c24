"""Every option of a training run, described once.

`TrainingConfig` is the only list of options. The command line, the page Train, the checks, the
state of a run and the card's training record are all made from it: to add an option, add a field
here and use it. Combinations of options that cannot work are refused in `config_checks`.
"""

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from gan_core import latent
from gan_core.networks import registry
from gan_core.training.augment import AUGMENTATIONS
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError

CLIP = 0.01  # the bound of the WGAN paper
GP = 10.0  # the weight of the WGAN-GP paper


@dataclass(frozen=True)
class Option:
    """Everything about one option except its value.

    name: as in Python; the command line writes lr_g as --lr-g. type: bool, int, float or str.
    help: what the option is, a phrase. unit: of a number, in words. choices: allowed words, if they
    are few. at_least, above, at_most, below: the range of a number. may_change: whether a run may
    be resumed with another value. in_card: whether the card's training record holds the value.
    group: the heading of the option.
    """

    name: str
    type: type
    default: Any
    help: str
    group: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    may_change: bool = False
    in_card: bool = True

    @property
    def flag(self) -> str:
        """The option on the command line: lr_g is --lr-g."""
        return "--" + self.name.replace("_", "-")

    @property
    def sentence(self) -> str:
        """The help as a sentence, for a page."""
        return f"{self.help[0].upper()}{self.help[1:]}."

    @property
    def range_in_words(self) -> str:
        """The allowed numbers: "from 0 to below 1", "at least 64"; "" where all are."""
        low = self.at_least if self.above is None else self.above
        high = self.at_most if self.below is None else self.below
        if low is None and high is None:
            return ""
        if high is None:
            return f"{'at least' if self.above is None else 'greater than'} {low:g}"
        below = "" if self.below is None else "below "
        return f"from {low:.10g} to {below}{high:.10g}"

    @property
    def description(self) -> str:
        """One line for a reader: what the option is, its choices, unit and range."""
        words = f"{self.help}: {', '.join(self.choices)}" if self.choices else self.help
        limits = ", ".join(filter(None, (self.unit, self.range_in_words)))
        return f"{words} [{limits}]" if limits else words

    def check(self, value: Any) -> None:
        """Raise InputError when the option cannot have this value on its own."""
        if self.type in (bool, str):
            if not isinstance(value, self.type):
                kind = "True or False" if self.type is bool else "a text"
                raise InputError(f"{self.name} is {value!r}; it must be {kind}.")
            if self.choices and value not in self.choices:
                raise InputError(
                    f"There is no {self.name} {value!r}; choose from {', '.join(self.choices)}."
                )
            return
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (self.type is int and (not math.isfinite(value) or value % 1)):
            kind = "a whole number" if self.type is int else "a number"
            raise InputError(f"{self.name} is {value!r}; it must be {kind}.")
        inside = (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )
        if not inside or not math.isfinite(value):
            finite = "" if math.isfinite(value) else " and finite"
            words = self.range_in_words or "a number"
            raise InputError(f"{self.name} is {value}; it must be {words}{finite}.")


def option(default: Any, help: str, **about: Any) -> Any:
    """A field of TrainingConfig; `about` are the fields of Option by name."""
    return dataclasses.field(default=default, metadata={"help": help, **about})


_network = partial(option, group="Networks")
_training = partial(option, group="Training")
_performance = partial(option, group="Performance")
_record = partial(option, group="Record", may_change=True, in_card=False)
KIMG = "kimg"


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The options of a training run; kimg are thousands of real images shown to D."""

    # --- Networks. ---
    architecture: str = _network(
        "dcgan", "family of the networks, see gan_core/networks", choices=tuple(registry.FAMILIES)
    )
    nz: int = _network(100, "coordinates of z", at_least=1, at_most=65536)
    ngf: int = _network(
        64,
        "channels of G before its last layer; of an mlp, units of a hidden layer",
        at_least=1,
        at_most=65536,
    )
    ndf: int = _network(
        64,
        "channels of D after its first layer; of an mlp, units of a hidden layer",
        at_least=1,
        at_most=65536,
    )
    norm: str = _network(
        "auto",
        "normalisation in D; auto is the family's own",
        choices=("auto", "batch", "none", "spectral"),
    )
    prior: str = _network("normal", "distribution of z", choices=latent.PRIORS)

    # --- Training. ---
    objective: str = _training("non-saturating", "losses of D and G", choices=tuple(OBJECTIVES))
    k: int = _training(1, "steps of D for each step of G", at_least=1)
    kimg: float = _training(
        1000.0,
        "length of the run: thousands of real images shown to the discriminator",
        unit=KIMG,
        above=0,
        may_change=True,
        in_card=False,
    )
    minutes: float = _training(
        0.0,
        "length of the run in time instead of kimg, from the start to the published checkpoint; "
        "0: by kimg",
        unit="minutes",
        at_least=0,
        may_change=True,
    )
    batch: int = _training(64, "images per step, over all processes", at_least=2)
    lr_g: float = _training(2e-4, "Adam's learning rate for G", above=0)
    lr_d: float = _training(
        2e-4, "Adam's learning rate for D; one that differs from G's gives two time scales", above=0
    )
    warmup_kimg: float = _training(
        0.0, "time over which G's learning rate rises from 0", unit=KIMG, at_least=0
    )
    cooldown: float = _training(
        0.0,
        "last share of the run, over which both learning rates fall to 0",
        at_least=0,
        at_most=1,
        may_change=True,
    )
    lr_final: float = _training(
        1.0,
        "factor that both learning rates reach at the end of the run, along a cosine; 1: constant",
        at_least=0,
        at_most=1,
    )
    beta1: float = _training(
        0.5, "Adam's decay of the first moment, for both networks", at_least=0, below=1
    )
    beta2: float = _training(
        0.999, "Adam's decay of the second moment, for both networks", at_least=0, below=1
    )
    beta2_initial: float = _training(
        0.0,
        "beta2 at the start of the run; it reaches beta2 along a cosine; 0: constant",
        at_least=0,
        below=1,
    )
    smoothing: float = _training(
        0.0,
        "one-sided label smoothing: the target for real images is 1 minus this",
        at_least=0,
        below=0.5,
    )
    clip: float = _training(CLIP, "wgan only: bound of D's weights", above=0)
    gp: float = _training(GP, "wgan-gp only: weight of the gradient penalty", at_least=0)
    r1: float = _training(0.0, "weight γ of ½‖∇D‖² on real images; 0 turns it off", at_least=0)
    r2: float = _training(0.0, "weight γ of ½‖∇D‖² on generated images; 0 turns it off", at_least=0)
    penalty_every: int = _training(
        1,
        "D steps from one penalty to the next; each penalty is weighted by this number",
        at_least=1,
    )
    penalty_final: float = _training(
        1.0,
        "factor that all penalties reach at the end of the run, along a cosine; 1: constant",
        at_least=0,
        at_most=1,
    )
    augment: str = _training(
        "mirror,translation",
        f"augmentations of D's input, comma-separated: {', '.join(AUGMENTATIONS)}; or none; leave "
        "out mirror for digits and text",
    )
    augment_p: float = _training(
        1.0,
        "probability of each augmentation except mirror, for each image",
        at_least=0,
        at_most=1,
    )
    augment_initial: float = _training(
        1.0,
        "share of augment_p at the start of the run; it reaches augment_p along a cosine",
        at_least=0,
        at_most=1,
    )
    augment_target: float = _training(
        0.0,
        "adapt augment_p to D's overfitting: target of the mean sign of D's logits on training "
        "images, 0.6 in Karras et al. 2020; 0 turns it off",
        at_least=0,
        below=1,
    )
    ema_kimg: float = _training(10.0, "half-life of G's moving average", unit=KIMG, at_least=0)
    ema_initial: float = _training(
        1.0,
        "share of ema_kimg at the start of the run; it reaches ema_kimg along a cosine",
        at_least=0,
        at_most=1,
    )
    seed: int = _training(
        0,
        "seed of the weights, the order of the data and the noise",
        at_least=0,
        at_most=latent.MAX_SEED,
    )
    conditional: str = _training(
        "",
        "with the conditional architecture: columns of the training set's attributes whose values "
        "are the classes, comma-separated",
    )
    begin_from: str = _training("", "checkpoint directory whose networks the run starts from")
    codes_from: str = _training(
        "", "checkpoint directory whose classifier ties attributes to coordinates of z"
    )
    codes: float = _training(
        1.0, "with codes_from: weight of the attribute loss relative to G's own", above=0
    )
    codes_names: str = _training(
        "",
        "with codes_from: attributes to tie, comma-separated; empty: all that the classifier "
        "recognises",
    )

    # --- Performance. ---
    precision: str = _performance(
        "auto",
        "arithmetic; auto is the fastest in a timing at the start",
        choices=("auto", "fp32", "bf16"),
    )
    layout: str = _performance(
        "auto",
        "memory format; auto is the fastest in a timing at the start",
        choices=("auto", "channels_last", "contiguous"),
    )
    convolution: str = _performance(
        "auto",
        "algorithm of 4×4 convolutions with stride 2 on a CPU; auto is the fastest",
        choices=("auto", "direct", "winograd"),
    )
    compile: bool = _performance(
        False, "compile both networks with torch.compile (CUDA, without penalties)"
    )
    graphs: str = _performance(
        "auto",
        "replay training steps from captured CUDA graphs; auto does so wherever it works",
        choices=("auto", "off"),
        may_change=True,
    )
    device: str = _performance(
        "cpu",
        "where to train; torchrun starts several processes",
        choices=("cpu", "cuda"),
        may_change=True,
        in_card=False,
    )

    # --- Record. ---
    log_kimg: float = _record(2.0, "interval between lines of log.jsonl", unit=KIMG, above=0)
    grid_kimg: float = _record(25.0, "interval between sample grids", unit=KIMG, above=0)
    snapshot_kimg: float = _record(10.0, "interval between snapshots", unit=KIMG, above=0)
    measure_kimg: float = _record(
        50.0, "interval between measured distances; 0: never", unit=KIMG, at_least=0
    )
    measure_n: int = _record(
        2000, "samples, and training images, for each measured distance", at_least=64
    )
    patience_kimg: float = _record(
        200.0,
        "stop when D has won against G for this long; 0: never",
        unit=KIMG,
        at_least=0,
    )
    tensorboard: bool = _record(False, "also write scalars, grids and histograms for TensorBoard")


OPTIONS = {
    field.name: Option(field.name, type(field.default), field.default, **field.metadata)
    for field in dataclasses.fields(TrainingConfig)
}
DEFAULTS = {name: option.default for name, option in OPTIONS.items()}
