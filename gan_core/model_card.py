"""The model card: README.md and samples.png of a checkpoint, written from model.json."""

from pathlib import Path

from gan_core import checkpoint, importers
from gan_core.attributes import classifier
from gan_core.data import media
from gan_core.latent_space import arithmetic_report, discover_directions
from gan_core.metrics import fidelity_report, path_length
from gan_core.networks import registry

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
| Shown to D | {kimg:,.0f} kimg: {epochs:.0f} times each training image |
| Time | {hours:.1f} hours on {hardware} (PyTorch {torch}) |
| Augmentation | {augment} |
| Adam | G {lr_g:g}, D {lr_d:g}, β {beta1:g}, {beta2:g}; {batch} images a step; k = {k} |
| Discriminator | {regularisation} |
| Averaging | EMA with a half-life of {ema_kimg:g} kimg; batch-norm statistics re-estimated on it |
| Licence | {licence} |
| Training images | {data_licence} |

Packed and trained with

```
{data_command}
{command}
```

Generator {g_parameters:,} parameters, discriminator {d_parameters:,}.

## How close to the training images

{distances}
"""


def write(directory):
    """Draw the samples of seeds 0 to 63 and write the card; returns the card's path.

    Every figure in it is read from model.json, counted, or drawn here.
    """
    directory = Path(directory)
    if "origin" in checkpoint.read_card(directory):  # trained elsewhere
        return importers.import_card.write(directory)
    model = checkpoint.load(directory)
    card, training, data = model.card, model.card["training"], model.card["training_set"]
    images = model.generate(model.prior.sample(64, seed=0))
    media.save(directory / "samples.png", media.encode(media.sheet(images)))
    sizes = model.card["architecture"]
    count, side, _, channels = data["shape"]
    crop = data["framing"]["crop"]
    text = TEMPLATE.format(
        name=model.name,
        samples="samples.png",
        use=card["use"],
        architecture=(
            f"{sizes['name'].upper()}, {sizes['size']} × {sizes['size']} × {sizes['channels']}, "
            f"nz {sizes['nz']}, ngf {sizes['ngf']}, ndf {sizes['ndf']}"
        ),
        prior="N(0, I)" if card["prior"]["kind"] == "normal" else "U(−1, 1)",
        objective=card["objective"] + tied(training),
        data=f"{data['name']}: {count:,} images ({data['source']})",
        framing=f"centre square, {crop:.1%} of the shorter side, as {side} × {side} × {channels}",
        held_out=f"{data['held_out']:,}",
        epochs=training["kimg"] * 1000 / count,
        licence=card["licence"],
        data_command=data.get("command") or "# the training set's command was not recorded",
        data_licence=data["licence"] or "not told",
        distances=distances(card, (directory / "training_set" / "set.json").exists()),
        regularisation=regularisation(sizes, training),
        g_parameters=registry.parameters(model.generator),
        d_parameters=registry.parameters(model.discriminator) if model.discriminator else 0,
        **{key: value for key, value in training.items() if key not in REPEATED},
    )
    sections = (
        classifier.card_section(directory),
        discover_directions.card_section(directory),
        arithmetic_report.card_section(card),
        path_length.card_section(card),
    )
    text += "".join(f"\n{section}" for section in sections if section)
    media.save(directory / "README.md", text.encode())
    return directory / "README.md"


# The training record names these too; the card takes them from model.json itself.
REPEATED = ("architecture", "prior", "objective")


def tied(training):
    """Which coordinates of z stand for an attribute, in words."""
    if not training.get("tied"):
        return ""
    names = ", ".join(map(classifier.readable_name, training["tied"]))
    return (
        f"; and coordinates 0 to {len(training['tied']) - 1} of z tied to attributes by an "
        f"auxiliary loss of weight {training['codes']:g}, in this order: {names}"
    )


def regularisation(sizes, training):
    """What keeps D in bounds, and what the run began from, in words."""
    words = [f"norm {sizes.get('norm') or registry.FAMILIES[sizes['name']].NORMS[0]}"]
    for key, name in {"r1": "R1", "r2": "R2"}.items():
        if training.get(key):
            words.append(f"{name} {training[key]:g} every {training['penalty_every']} steps")
    if training.get("smoothing"):
        words.append(f"label smoothing {training['smoothing']:g}")
    if training.get("cooldown"):
        words.append(f"step sizes to 0 over the last {training['cooldown']:.0%}")
    if training.get("begun_from"):
        before = training["begun_from"]
        words.append(f"begun from {before['name']} {before['hash']} at {before['kimg']:g} kimg")
    if training.get("best"):
        best = training["best"]
        words.append(
            f"this snapshot, at {best['kimg']:g} kimg, had the smallest {best['name']} of the run "
            f"({best['distance']:.1f} at N = {best['n']:,})"
        )
    return "; ".join(words)


def distances(card, travels=True):
    """What was measured, as a table; or that nothing was. travels: whether the images do."""
    result = fidelity_report.load_metrics(card)
    data = "" if travels else " --data PACKED_TRAINING_SET"
    command = f"`python -m gan_core evaluate checkpoints/{card['name']}{data}`"
    if result is None:
        return f"No distance has been measured for this model yet; {command} does it."
    return f"Measured by {command}:\n\n{fidelity_report.markdown(result)}".rstrip()
