"""The command line: python -m gan_core VERB. Each verb is a few lines over the package."""

import argparse
import inspect
import re
import shlex
import sys
import textwrap
from collections.abc import Callable
from json import dumps
from pathlib import Path
from typing import Any

from gan_core.util import preflight

if __name__ in ("__main__", "gan_core.__main__"):  # the second is the console script
    preflight.check_command("gan_core")  # before the imports that need what it looks for

import numpy as np

from gan_core import checkpoint, export_onnx, feature_extractors, importers, latent, model_card
from gan_core.attributes import train_classifier
from gan_core.data import (
    avatar_renderer,
    decoding,
    image_sources,
    media,
    photo_alignment,
    training_set,
)
from gan_core.game import command as game_command
from gan_core.latent_space import (
    arithmetic_report,
    class_report,
    discover_directions,
    encoder,
    inversion,
)
from gan_core.metrics import (
    fidelity_report,
    memorisation_report,
    path_length,
    seed_table,
    store,
)
from gan_core.training.config import OPTIONS, TrainingConfig
from gan_core.training.train_command import train
from gan_core.util import interrupts, map_guard, printable_output, regular_files
from gan_core.util.errors import NO_MEMORY, InputError, is_out_of_memory
from gan_core.util.printable_output import one_line

LONGEST = 1000  # characters of a message about bad input


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit status. Bad input is one sentence on stderr and status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = vars(build_parser().parse_args(arguments))
    verb = options.pop("verb")
    if verb in (pack, train, import_weights):
        options["command"] = "python -m gan_core " + shlex.join(arguments)
    map_guard.enable(map_guard.END)
    interrupts.install()  # SIGTERM ends a run as Ctrl-C does: with a snapshot
    with printable_output.enforced():
        return run(verb, options)


def run(verb: Callable, options: dict[str, Any]) -> int:
    """Call the function of a verb; returns the exit status."""
    try:
        verb(**options)
    except (InputError, OSError) as error:
        print(f"gan_core: {shortened(one_line(error))}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"gan_core: {NO_MEMORY}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gan_core: interrupted.", file=sys.stderr)
        return 130
    return 0


def shortened(message: str) -> str:
    """The message with its middle left out where it is too long to read: a name may be endless."""
    half = LONGEST // 2
    return message if len(message) <= LONGEST else f"{message[:half]} … {message[-half:]}"


def pack(**options: Any) -> None:
    """Pack images from a folder, a zip or a torchvision data set into a training set."""
    used, held_out, skipped = image_sources.pack(**options)
    for file, reason in skipped[:20]:
        print(f"skipped {one_line(file)}: {reason}", file=sys.stderr)
    if len(skipped) > 20:
        print(f"skipped {len(skipped) - 20} more", file=sys.stderr)
    print(f"{options['out']}: {used} training images, {held_out} held out, {len(skipped)} skipped")
    for note in training_set.read_card(options["out"]).get("notes") or ():
        print(one_line(note))


def sample(
    model: str,  # checkpoint directory
    out: str,  # a PNG file for a grid; a folder when --single is given
    *,
    seed: int = 0,  # seed of the first sample; the next sample has the next seed, and so on
    count: int = 64,  # number of samples
    psi: float = 1.0,  # truncation ψ: 1 leaves the latents unchanged, 0 is the mean latent
    single: bool = False,  # write one PNG per sample, named after its seed, instead of a grid
    scale: int = 1,  # enlarge each picture by this whole factor, with sharp pixels
    space: str = "z",  # latent space in which ψ truncates: z, or w for a model that has it
) -> None:
    """Draw samples from seeds: a grid, or single files."""
    if not 1 <= count <= 100_000:
        raise InputError(f"count is {count}; it must be from 1 to 100000.")
    check_scale(scale)
    loaded = checkpoint.load(model, space)
    z = latent.truncate(loaded.prior.sample(count, seed), psi)
    images = loaded.generate(z)
    if single:
        for number, image in enumerate(images, seed):
            file = Path(out) / f"seed{number:08d}.png"
            media.save(file, media.encode(media.enlarge(image, scale)))
    else:
        media.save(out, media.encode(media.enlarge(media.sheet(images), scale)))
    name, last = one_line(loaded.name), seed + count - 1
    print(f"{out}: {count} samples of {name}, seeds {seed} to {last}, ψ {psi:g}")


def walk(
    model: str,  # checkpoint directory
    out: str,  # file to write: .png for a strip, .gif or .mp4 for a film
    *,
    seeds: str = "0,1,2,3",  # seeds of the keyframes, comma-separated, two or more
    mode: str = "",  # interpolation: slerp or lerp (default: slerp in z, lerp in w)
    closed: bool = False,  # return to the first keyframe
    frames: int = 48,  # number of pictures in total
    fps: int = 24,  # pictures per second of a film
    psi: float = 1.0,  # truncation ψ of the keyframes
    scale: int = 4,  # enlarge each picture of a film by this whole factor
    space: str = "z",  # latent space of the path: z, or w for a model that has it
) -> None:
    """Interpolate through latents: a strip, a GIF or an MP4."""
    kind = Path(out).suffix.lower()
    if kind not in (".png", ".gif", ".mp4"):
        raise InputError(f"{out} must end in .png, .gif or .mp4.")
    if not 2 <= frames <= 10_000 or not 1 <= fps <= 60:
        raise InputError("frames must be from 2 to 10000, and fps from 1 to 60.")
    check_scale(scale)
    try:
        numbers = [int(part) for part in seeds.split(",")]
    except ValueError:
        raise InputError(f"seeds is {seeds!r}; it must be a list of numbers: 0,1,2.") from None
    loaded = checkpoint.load(model, space)
    mode = mode or latent.natural_mode(loaded.prior)
    keyframes = np.concatenate([loaded.prior.sample(1, seed) for seed in numbers])
    path = latent.path(latent.truncate(keyframes, psi), frames, mode, closed)
    images = loaded.generate(path)
    if kind == ".png":
        media.save(out, media.encode(media.strip(images)))
    else:
        large = np.stack([media.enlarge(image, scale, smooth=True) for image in images])
        media.save(out, media.gif(large, fps) if kind == ".gif" else media.mp4(large, fps))
    print(f"{out}: {frames} pictures of {one_line(loaded.name)} through seeds {seeds} by {mode}")


def render_avatars(
    out: str,  # folder for the pictures and attributes.csv
    *,
    count: int = 12_000,  # number of faces
    seed: int = 0,  # seed; the faces depend on nothing else
    size: int = 64,  # side in pixels
) -> None:
    """Render illustrated faces with known attributes (needs three additional packages)."""
    avatar_renderer.render(out, count=count, seed=seed, size=size)
    print(f"{out}: {count} faces and attributes.csv")


def evaluate_model(
    model: str,  # checkpoint directory
    *,
    arithmetic: bool = False,  # measure latent arithmetic, A − B + C, with n draws (500) instead
    paths: bool = False,  # measure the lengths of n (200) lerp and slerp paths instead
    classes: bool = False,  # measure how often n (500) samples of a class show that class instead
    **options: Any,
) -> None:
    """Measure how close a model's samples come to real images; save the numbers in its card."""
    if arithmetic or paths or classes:
        measure_latents(model, arithmetic, paths, classes, **options)
    else:
        fidelity_report.evaluate(model, **options)
    if not options.get("discard"):
        model_card.write(model)


def measure_latents(
    model: str,
    arithmetic: bool,
    paths: bool,
    classes: bool,
    n: int = 0,
    seed: int = 0,
    json: bool = False,
    discard: bool = False,
    space: str = "z",
    **others: Any,
) -> None:
    """What evaluate does with --arithmetic, --paths and --classes, saved in the card's metrics."""
    if others:
        raise InputError(
            f"--{min(others)} cannot be combined with --arithmetic, --paths or --classes; leave it "
            "out."
        )
    results = {}
    if arithmetic:
        results["arithmetic"] = arithmetic_report.evaluate(
            model, draws=n or arithmetic_report.DRAWS, seed=seed, space=space, progress=True
        )
        print(arithmetic_report.table(results["arithmetic"]))
    if paths:
        loaded, network = checkpoint.load(model, space), feature_extractors.effnet()
        results["paths"] = path_length.measure(loaded, network, n=n or path_length.PATHS, seed=seed)
        print(path_length.table(results["paths"]))
    if classes:
        if space != "z":
            raise InputError(
                "--classes works only in z, where the class is part of the latent; leave out "
                "--space."
            )
        results["classes"] = class_report.measure(
            checkpoint.load(model), n=n or class_report.SAMPLES, seed=seed
        )
        print(class_report.table(results["classes"]))
    if not discard:
        store.save_metrics(model, results)
    if json:
        print(dumps(results, ensure_ascii=False))


def learn_attributes(model: str, **options: Any) -> None:
    """Train a classifier of the training set's attributes; save it and its accuracy in the card."""
    train_classifier.train_and_save(model, **options)
    model_card.write(model)


def find_directions(model: str, **options: Any) -> None:
    """Find directions in the latent space and measure them; save them in checkpoint and card."""
    discover_directions.discover_and_save(model, **options)
    if not options.get("discard"):
        model_card.write(model)


def train_encoder(model: str, **options: Any) -> None:
    """Train an encoder on a model's own samples, and measure how well pictures are inverted."""
    encoder.train_and_measure(model, **options)
    model_card.write(model)


def invert(
    model: str,  # checkpoint directory
    photo: str,  # a picture file: PNG, JPEG, WebP, GIF, BMP, TIFF, or HEIC with pillow-heif
    out: str,  # a PNG file for the framed photo and the generated picture, side by side
    *,
    eyes: str = "",  # x,y of both eyes in the photo, as shares of its sides: 0.4,0.5,0.6,0.5
    crop: float = 1.0,  # without --eyes: side of the centre square, as a share of the shorter side
    seed: int = 0,  # seed of the random starts
    json: bool = False,  # print the latent and its error as one JSON object on the last line
    space: str = "z",  # latent space that is searched: z, or w for a model that has it
) -> None:
    """Find the latent whose picture comes closest to a photo."""
    loaded = checkpoint.load(model, space)
    content = regular_files.read_bytes(photo, photo_alignment.MAX_BYTES)
    white = decoding.white_of(loaded.card["training_set"].get("brightest") or 0)
    image = photo_alignment.read_photo(content, white)
    frame = photo_alignment.Frame(side=crop)
    if eyes:
        places = (inversion.load_metrics(loaded) or {}).get("eyes") or photo_alignment.EYES
        frame = photo_alignment.frame_of_eyes(image.size, *photo_alignment.read_eyes(eyes), places)
    target = photo_alignment.cut(image, frame, loaded.size, loaded.card["architecture"]["channels"])
    *_, current = inversion.invert(loaded, target, encoder=encoder.load(loaded), seed=seed)
    pair = media.strip(np.stack([target, current.image]))
    media.save(out, media.encode(media.enlarge(pair, 4)))
    print(f"{out}: {one_line(loaded.name)} comes within {current.error:.1f} levels of the photo")
    if json:
        result = {"error": current.error, "z": current.z.tolist(), "model_hash": loaded.hash}
        print(dumps(result | store.in_space(loaded)))


def export_generator(
    model: str,  # checkpoint directory
    *,
    out: str,  # the file to write, ending in .onnx, .safetensors or .pt (a plain state dict)
    json: bool = False,  # print what was written as one JSON object on the last line
    space: str = "z",  # latent space of an ONNX file's input: z, or w for a model that has it
) -> None:
    """Write a model's generator as ONNX, safetensors or a state dict, and check it."""
    if Path(out).suffix.lower() not in (".onnx", ".safetensors", ".pt", ".pth"):
        raise InputError(f"{out} must end in .onnx, .safetensors or .pt.")
    loaded = checkpoint.load(model, space)
    summary = export_onnx.write(loaded, out)
    print(
        f"{out}: the generator of {one_line(loaded.name)}, {summary['bytes'] / 1e6:.1f} MB; "
        f"its pictures differ from those of PyTorch by {summary['difference']:.1g} at most"
    )
    if json:
        print(dumps(summary))


def import_weights(
    file: str,  # weights of a generator: PyTorch state dict, safetensors or ONNX
    name: str,  # name of the model: its checkpoint is checkpoints/NAME
    *,
    discriminator: str = "",  # file with the discriminator's weights
    prior: str = "",  # distribution of z in training: normal or uniform (default: normal)
    data: str = "",  # directory of the packed training set of the model, if you have it
    values: str = "",  # pixel values of an ONNX generator: signed (-1 to 1), unit (0 to 1) or byte
    nz: int = 0,  # coordinates of z, where an ONNX file does not say
    size: int = 0,  # side of the images in pixels, where weights fit several
    activation: str = "",  # in the generator: relu, leaky (0.2), leaky-0.01 or elu
    output: str = "",  # last activation: tanh, or sigmoid for images that were in [0, 1]
    preview: str = "",  # write 16 samples to this PNG file and import nothing
    checkpoints: str = "checkpoints",  # folder of the checkpoints
    command: str = "",  # set by the command line
) -> None:
    """Make a checkpoint of weights that were trained elsewhere."""
    out = Path(checkpoints) / name
    if not preview and (out / "model.json").exists():
        raise InputError(f"{out} already exists; choose another name or remove it first.")
    options: dict[str, Any] = {
        "discriminator": discriminator,
        "prior": prior,
        "nz": nz,
        "values": values,
        "size": size,
        "activation": activation,
        "output": output,
    }
    try:
        imported = importers.read(file, **options)
    except importers.Unrecognised as error:
        for tensor in error.tensors:
            print("  ".join(map(one_line, tensor)), file=sys.stderr)
        raise
    sizes = imported.architecture
    judged = (
        "without a discriminator" if imported.discriminator is None else "with its discriminator"
    )
    print(
        f"{file}: {imported.words}, {sizes['size']} × {sizes['size']} × {sizes['channels']}, "
        f"nz {sizes['nz']}, {imported.parameters:,} parameters, {judged}"
    )
    print("\n".join(map(one_line, imported.notes)))
    for doubt in imported.doubts:
        print(f"warning: {one_line(doubt)}", file=sys.stderr)
    if imported.doubts:
        print(
            "warning: look at the samples (--preview); if they look wrong, set --activation, "
            "--output, --prior or --size",
            file=sys.stderr,
        )
    if preview:
        importers.sheet(imported, preview)
        print(f"{preview}: 16 samples; nothing was imported")
        return
    importers.save(imported, out, name, data=data, command=command)
    print(f"{out}: see samples.png in it, or explore it with python -m explorer")


def embed(
    data: str,  # directory of a packed training set
    model: str,  # checkpoint directory
) -> None:
    """Put a training set into a checkpoint, losslessly compressed (minutes for 10,000 images)."""
    expected = checkpoint.read_card(model)["training_set"].get("fingerprint")
    if training_set.read_card(data)["fingerprint"] != expected:
        raise InputError(f"{data} is not the training set of {model}.")
    training_set.embed(data, Path(model) / "training_set")
    print(f"{model}: now contains its training set")


def check_scale(scale: int) -> None:
    """Raise InputError for a factor by which pictures cannot be enlarged."""
    if not 1 <= scale <= 16:
        raise InputError(f"scale is {scale}; it must be from 1 to 16.")


# Verb, function, and the functions whose signatures list its options.
VERBS: tuple[tuple[str, Callable, tuple[Callable, ...]], ...] = (
    ("pack", pack, (image_sources.pack,)),
    ("train", train, (train, TrainingConfig)),
    ("evaluate", evaluate_model, (evaluate_model, fidelity_report.evaluate)),
    ("attributes", learn_attributes, (train_classifier.train_and_save,)),
    ("directions", find_directions, (discover_directions.discover_and_save,)),
    ("memorisation", memorisation_report.measure_and_save, (memorisation_report.measure_and_save,)),
    ("seeds", seed_table.make_and_save, (seed_table.make_and_save,)),
    ("encoder", train_encoder, (encoder.train_and_measure,)),
    ("invert", invert, (invert,)),
    ("sample", sample, (sample,)),
    ("walk", walk, (walk,)),
    ("avatars", render_avatars, (render_avatars,)),
    ("game", game_command.play, (game_command.play,)),
    ("import", import_weights, (import_weights,)),
    ("export", export_generator, (export_generator,)),
    ("embed", embed, (embed,)),
)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps help between words only, so that names such as wgan-gp stay whole."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with the options of every verb."""
    parser = argparse.ArgumentParser(
        prog="python -m gan_core",
        description="Pack training sets, train GANs, measure them and draw samples.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, function, sources_of_options in VERBS:
        summary = (inspect.getdoc(function) or "").split("\n")[0]
        verb = verbs.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=HelpFormatter,
        )
        verb.set_defaults(verb=function)
        known = {"run", "command"}  # set by the program, not by a person
        for source in sources_of_options:
            if source is TrainingConfig:
                add_training_options(verb)
            else:
                add_options(verb, source, known)
    return parser


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """The options of a training run, under their headings."""
    groups: dict[str, Any] = {}
    for option in OPTIONS.values():
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        words = option.description.replace("%", "%%")
        if option.default != "":
            words += f" (default: {option.default})"
        kind: dict[str, Any] = (
            {"action": "store_true"} if option.type is bool else {"type": option.type}
        )
        # Only options that a person sets are passed on: a preset may replace a default.
        groups[option.group].add_argument(
            option.flag, help=words, default=argparse.SUPPRESS, **kind
        )


def add_options(parser: argparse.ArgumentParser, function: Callable, known: set[str]) -> None:
    """Turn a signature into options, with its defaults, and its comments as help."""
    comments = dict(
        re.findall(r"^    (\w+)[:=,][^#\n]*#\s*(.+)$", inspect.getsource(function), re.M)
    )
    for name, parameter in inspect.signature(function).parameters.items():
        if name in known or parameter.kind is parameter.VAR_KEYWORD:
            continue
        known.add(name)
        words = comments[name].replace("%", "%%")
        default, flag = parameter.default, "--" + name.replace("_", "-")
        # Only options that a person sets are passed on: a preset may replace a default.
        shown: dict[str, Any] = {"default": argparse.SUPPRESS}
        if default is not parameter.empty and default not in ("", None):
            words += f" (default: {default})"
        if parameter.kind is not parameter.KEYWORD_ONLY:
            many = None if default is parameter.empty else "?"
            shown = {} if many is None else {"default": default}
            parser.add_argument(name, nargs=many, help=words, **shown)
        elif default is parameter.empty:
            parser.add_argument(flag, required=True, help=words)
        elif isinstance(default, bool):
            parser.add_argument(flag, action="store_true", help=words, **shown)
        else:
            kind = str if default is None else type(default)
            parser.add_argument(flag, type=kind, help=words, **shown)


if __name__ == "__main__":
    sys.exit(main())
