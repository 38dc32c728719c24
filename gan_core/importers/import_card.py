"""The model card of imported weights: what was found in the file, and that no more is known."""

from pathlib import Path

from gan_core import checkpoint, latent
from gan_core.attributes import classifier
from gan_core.data import media
from gan_core.metrics import fidelity_report

TEMPLATE = """# {name}

![64 samples, seeds 0 to 63, unselected]({samples})

Seeds 0 to 63, row by row, ψ = 1, unselected:
`python -m gan_core sample checkpoints/{name} {samples}`

These weights were imported. Nothing is known here of how they were trained, on which images, or
what they may be used for; whoever trained them can say.

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


def write(directory, model=None):
    """Draw the samples of seeds 0 to 63 and write the card; returns its path.

    model: the Model in the directory, where it is in memory already.
    """
    directory = Path(directory)
    model = model or checkpoint.load(directory)
    told, origin = model.card, model.card["origin"]
    sizes = dict(told["architecture"])
    side, channels = sizes["size"], sizes["channels"]
    widths = [f"{key} {sizes[key]}" for key in ("nz", "ngf", "ndf") if key in sizes]
    media.save(
        directory / "samples.png",
        media.encode(media.sheet(model.generate(model.prior.sample(64, seed=0)))),
    )
    text = TEMPLATE.format(
        name=model.name,
        samples="samples.png",
        file=as_text(origin["file"]),
        size=origin["bytes"],
        sha256=origin["sha256"],
        layout=origin["layout"],
        architecture=f"{sizes['name']}, {side} × {side} × {channels}, {', '.join(widths)}",
        prior=PRIORS[told["prior"]["kind"]],
        parameters=origin["parameters"],
        discriminator=judged(model, origin),
        data=told["training_set"]["name"],
        licence=told["licence"],
        notes="\n".join(origin["notes"]),
    )
    measured = fidelity_report.load_metrics(told)
    if measured:
        table = fidelity_report.markdown(measured)
        text += f"\n## How close to the training images\n\n{table}"
    recognised = classifier.card_section(directory)
    text += f"\n{recognised}" if recognised else ""
    media.save(directory / "README.md", text.encode())
    return directory / "README.md"


PRIORS = dict(zip(latent.PRIORS, ("N(0, I)", "U(−1, 1)"), strict=True))


def judged(model, origin):
    if model.discriminator is None:
        return "none, so there is no D(x)"
    return as_text(origin.get("discriminator", "in the same file"))


def as_text(name):
    """A file's name as words that Markdown and a table leave as they are."""
    return "".join(c if c.isalnum() or c in " .-" else f"&#{ord(c)};" for c in name[:120])
