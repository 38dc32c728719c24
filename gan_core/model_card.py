"""The model card: README.md and samples.png of a checkpoint, written from model.json.

A model that was trained here is described by its training record. A model whose weights were
imported is described by what was recognised in the file, because its training is not known.
"""

import re
from pathlib import Path

from torch import nn

from gan_core import checkpoint, latent
from gan_core.attributes import classifier
from gan_core.data import media
from gan_core.latent_space import arithmetic_report, class_report, discover_directions
from gan_core.metrics import fidelity_report, path_length, store
from gan_core.networks import registry
from gan_core.util.errors import MALFORMED, InputError

TEMPLATE = """# {name}

![64 samples, seeds 0 to 63, unselected]({samples})

Seeds 0 to 63, row by row, ψ = 1, unselected:
`python -m gan_core sample checkpoints/{name} {samples}`

{use}

| | |
|---|---|
| Architecture | {architecture} |
| Prior | {prior} |
| Objective | {objective} |
| Training set | {data} |
| Framing | {framing} |
| Held out, never trained on | {held_out} images |
| Shown to D | {kimg:,.0f} kimg, each training image {epochs:.0f} times{more} |
| Time | {time} on {hardware} (PyTorch {torch}) |
| Augmentation | {augmentation} |
| Adam | G {lr_g:g}, D {lr_d:g}, β {beta1:g}, {second}; {batch} images per step; k = {k} |
| Discriminator | {regularisation} |
| Averaging | EMA with a half-life of {half_life}{statistics} |
| Licence | {licence} |
| Training images | {data_licence} |{rounded}{shared}

Packed and trained with

```
{data_command}
{command}
```

Generator {g_parameters:,} parameters{d_parameters}.

## How close to the training images

{distances}
"""


IMPORTED = """# {name}

![64 samples, seeds 0 to 63, unselected]({samples})

Seeds 0 to 63, row by row, ψ = 1, unselected:
`python -m gan_core sample checkpoints/{name} {samples}`

These weights were imported. How they were trained, on which images, and what they may be used for
is not known here; ask the person who trained them.

| | |
|---|---|
| File | {file}, {size:,} bytes |
| sha256 | `{sha256}` |
| Recognised as | {layout} |
| Architecture | {architecture} |
| Prior | {prior} |
| Generator | {parameters:,} parameters |
| Discriminator | {discriminator} |
| Training set | {data} |
| Licence | {licence} |

{notes}
"""
PRIORS = dict(zip(latent.PRIORS, ("N(0, I)", "U(−1, 1)"), strict=True))


def write(directory: str | Path, model: checkpoint.Model | None = None) -> Path:
    """Draw the samples of seeds 0 to 63 and write the card; returns the path of README.md.

    model: the Model in the directory, if it is already in memory. Every figure in the card is read
    from model.json, counted, or drawn here. Raises InputError, and writes nothing, if model.json
    lacks something that belongs in the card.
    """
    directory = Path(directory)
    model = model or checkpoint.load(directory)
    text = _text(model, directory)
    images = model.generate(model.prior.sample(64, seed=0))
    media.save(directory / "samples.png", media.encode(media.sheet(images)))
    media.save(directory / "README.md", text.encode())
    return directory / "README.md"


def _text(model: checkpoint.Model, directory: Path) -> str:
    """The card as Markdown. Raises InputError if model.json lacks something that it needs."""
    describe = _of_imported if "origin" in model.card else _of_run
    try:
        return describe(model, directory)
    except InputError:
        raise
    except MALFORMED as error:
        # A stranger's model.json may lack what training or importing writes into it.
        lacking = f" ({error.args[0]} is missing)" if isinstance(error, KeyError) else ""
        raise InputError(
            f"{directory / 'model.json'} lacks information that the model card needs{lacking}; "
            "the measurements were saved, and README.md stays as it was."
        ) from None


def _of_run(model: checkpoint.Model, directory: Path) -> str:
    """The card of a model that was trained here."""
    card, training, data = model.card, model.card["training"], model.card["training_set"]
    sizes = card["architecture"]
    count, side, _, channels = data["shape"]
    crop = data["framing"]["crop"]
    text = TEMPLATE.format(
        name=model.name,
        samples="samples.png",
        use=card.get("use") or "",
        architecture=(
            f"{FAMILIES.get(sizes['name'], sizes['name'])}, "
            f"{sizes['size']} × {sizes['size']} × {sizes['channels']}, "
            f"nz {sizes['nz']}, ngf {sizes['ngf']}, ndf {sizes['ndf']}"
        ),
        prior=PRIORS[card["prior"]["kind"]],
        objective=card["objective"] + tied(training),
        data=f"{data['name']}: {count:,} images ({data['source']})",
        framing=f"centre square, {crop:.1%} of the shorter side, as {side} × {side} × {channels}",
        held_out=f"{data['held_out']:,}",
        more=after(training),
        time=duration(training["hours"]),
        epochs=training["kimg"] * 1000 / count,
        licence=card.get("licence") or "not stated",
        data_command=data.get("command") or "# the training set's command was not recorded",
        data_licence=data["licence"] or "not stated",
        distances=distances(card, (directory / "training_set" / "set.json").exists()),
        augmentation=augmentation(training),
        regularisation=regularisation(sizes, training),
        half_life=f"{training['ema_kimg']:g} kimg"
        + rising("from {:.0%} of that", training.get("ema_initial", 1), 1),
        statistics=re_estimated(model.generator),
        rounded=f"\n| Weights | {rounding(training)} |" if "rounded" in training else "",
        shared=f"\n| Shared files | {shared(card)} |" if card.get("shared") else "",
        second=f"{training['beta2']:g}"
        + rising("β2 from {:g}", training.get("beta2_initial", 0), 0),
        g_parameters=registry.parameters(model.generator),
        d_parameters=f", discriminator {registry.parameters(model.discriminator):,}"
        if model.discriminator
        else f"; the model {model.lacks_discriminator}",
        **{key: value for key, value in training.items() if key not in REPEATED},
    )
    in_w = card | {"space": "w"}  # what was measured there
    fidelity_in_w = fidelity_report.card_table(in_w)
    sections = (
        f"## How close to the training images (in w)\n\n{fidelity_in_w}" if fidelity_in_w else "",
        classifier.card_section(directory),
        discover_directions.card_section(directory),
        arithmetic_report.card_section(card),
        arithmetic_report.card_section(in_w),
        path_length.card_section(card),
        path_length.card_section(in_w),
        class_report.card_section(card),
    )
    return text + "".join(f"\n{section}" for section in sections if section)


def _of_imported(model: checkpoint.Model, directory: Path) -> str:
    """The card of a model whose weights were imported."""
    card, origin = model.card, model.card["origin"]
    sizes = card["architecture"]
    side, channels = sizes["size"], sizes["channels"]
    widths = [f"{key} {sizes[key]}" for key in ("nz", "ngf", "ndf") if key in sizes]
    text = IMPORTED.format(
        name=model.name,
        samples="samples.png",
        file=as_text(origin["file"]),
        size=origin["bytes"],
        sha256=origin["sha256"],
        layout=origin["layout"],
        architecture=f"{sizes['name']}, {side} × {side} × {channels}, {', '.join(widths)}",
        prior=PRIORS[card["prior"]["kind"]],
        parameters=origin["parameters"],
        discriminator=_imported_discriminator(model),
        data=card["training_set"]["name"],
        licence=card.get("licence") or "not stated",
        notes="\n".join(map(as_sentence, origin["notes"])),
    )
    table = fidelity_report.card_table(card)
    if table:
        text += f"\n## How close to the training images\n\n{table}"
    recognised = classifier.card_section(directory)
    return text + (f"\n{recognised}" if recognised else "")


def _imported_discriminator(model: checkpoint.Model) -> str:
    if model.discriminator is None:
        return "none, so there is no D(x)"
    return as_text(model.card["origin"].get("discriminator", "in the same file"))


def as_text(name: str) -> str:
    """A file's name, escaped for Markdown and its tables."""
    return "".join(c if c.isalnum() or c in " .-" else f"&#{ord(c)};" for c in name[:120])


def as_sentence(text: str) -> str:
    """A sentence that may name a tensor of a stranger's file, without markup or addresses."""
    return re.sub(r"[\\`*_\[\]<>$|~#&@]|[\r\n]|:(?=/)|(?<=www)\.", as_entity, str(text)[:1000])


def as_entity(match: re.Match) -> str:
    """A character as a numeric HTML entity."""
    return f"&#{ord(match[0])};"


FAMILIES = {"dcgan": "DCGAN", "mlp": "MLP"}  # names that are abbreviations

# The training record contains these too; the card takes them from model.json directly.
REPEATED = ("architecture", "prior", "objective", "rounded")


def tied(training: dict) -> str:
    """Which coordinates of z are tied to an attribute, in words."""
    if not training.get("tied"):
        return ""
    names = ", ".join(map(classifier.readable_name, training["tied"]))
    if training.get("conditional"):
        last = len(training["tied"]) - 1
        return f"; coordinates 0 to {last} of z are the class that is set, in this order: {names}"
    return (
        f"; and coordinates 0 to {len(training['tied']) - 1} of z tied to attributes by an "
        f"auxiliary loss of weight {training['codes']:g}, in this order: {names}"
    )


def rounding(training: dict) -> str:
    """What storing the weights in float16 changed, in words (scripts/half_precision.py)."""
    change = training["rounded"]
    text = (
        f"stored as {change['dtype']}; in {change['samples']:,} samples a channel changes by "
        f"{change['mean']:.2g} grey levels on average and by {change['largest']} at most"
    )
    if change["realness"] is None:
        return text
    return f"{text}, D(x) by {change['realness']:.2g} at most"


def shared(card: dict) -> str:
    """Which files are in another checkpoint of the same images, in words (gan_core.companions)."""
    files = ", ".join(as_text(file) for file in sorted(card["shared"]))
    return f"{files}: in another checkpoint of this folder, trained on the same images"


def augmentation(training: dict) -> str:
    """The augmentation of D's input and its strength, in words."""
    names = training["augment"] or "none"
    if training.get("augment_target"):
        return f"{names}; strength adapted to D’s overfitting (target {training['augment_target']})"
    if training.get("augment_p", 1) == 1 == training.get("augment_initial", 1):
        return names
    final = training["augment_p"]
    initial = final * training["augment_initial"]
    return f"{names}; probability {initial:g} at the start, {final:g} at the end"


def after(training: dict) -> str:
    """What the run continues, in words; "" for a run from the beginning."""
    before = training.get("begun_from")
    return f"; before that, {before['kimg']:,.0f} kimg as {before['name']}" if before else ""


def duration(hours: float) -> str:
    """A time in hours, or in minutes below one hour: 0.1 -> "6 minutes"."""
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"


def re_estimated(generator: nn.Module) -> str:
    """What was done to the average after training, in words; "" for a G without batch norm."""
    norms = any(isinstance(module, nn.BatchNorm2d) for module in generator.modules())
    return "; batch-norm statistics re-estimated on it" if norms else ""


def rising(words: str, initial: float, constant: float) -> str:
    """The initial value of a setting that rose, in brackets; "" if it was constant.

    words: with a placeholder for the initial value. constant: the initial value if it did not rise.
    """
    return "" if initial == constant else f" ({words.format(initial)} along a cosine)"


def regularisation(sizes: dict, training: dict) -> str:
    """The regularisation of D, the schedules and the starting point of the run, in words."""
    norm = sizes.get("norm") or registry.FAMILIES[sizes["name"]].NORMS[0]
    words = [f"{'no' if norm == 'none' else norm} normalisation"]
    for key, name in {"r1": "R1", "r2": "R2"}.items():
        if training.get(key):
            words.append(f"{name} {training[key]:g} every {training['penalty_every']} steps")
    if training.get("smoothing"):
        words.append(f"label smoothing {training['smoothing']:g}")
    if training.get("cooldown"):
        share = training["cooldown"]
        when = "the whole run" if share == 1 else f"the last {share:.0%} of the run"
        words.append(f"learning rates fall to 0 over {when}")
    for key, name in {"lr_final": "learning rates", "penalty_final": "penalties"}.items():
        if training.get(key, 1) != 1:
            words.append(f"{name} fall to {training[key]:.0%} along a cosine")
    if training.get("begun_from"):
        before = training["begun_from"]
        words.append(f"continued from {before['name']}")
    if training.get("best"):
        best = training["best"]
        words.append(
            f"this snapshot, at {best['kimg']:,.0f} kimg, had the run’s smallest {best['name']} "
            f"({best['distance']:.1f} at N = {best['n']:,})"
        )
    return "; ".join(words)


def distances(card: dict, included: bool = True) -> str:
    """The measured distances as a table, or how to measure them. included: whether images are."""
    data = "" if included else " --data PACKED_TRAINING_SET"
    command = f"python -m gan_core evaluate checkpoints/{card['name']}{data}"
    table = fidelity_report.card_table(card)
    if not table:
        return f"No distance has been measured for this model yet; `{command}` measures it."
    number = store.number(fidelity_report.load_metrics(card), fidelity_report.SAMPLES)
    return f"Measured by `{command}{number}`:\n\n{table}".rstrip()
