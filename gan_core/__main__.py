"""The command line: python -m gan_core VERB. Each verb is a few lines over the package."""

import argparse
import contextlib
import inspect
import os
import re
import shlex
import signal
import sys
import tempfile
import textwrap
from json import dumps
from pathlib import Path

from gan_core.util import preflight

if __name__ in ("__main__", "gan_core.__main__"):  # the second is the console script
    preflight.check_command("gan_core")  # before the imports that need what it looks for

import numpy as np

from gan_core import checkpoint, export_onnx, feature_extractors, importers, latent, model_card
from gan_core.attributes import train_classifier
from gan_core.data import avatar_renderer, image_sources, media, photo_alignment, training_set
from gan_core.latent_space import arithmetic_report, discover_directions, encoder, inversion
from gan_core.metrics import fidelity_report, memorisation_report, path_length, store
from gan_core.training import (
    config_checks,
    distributed,
    from_folder,
    loop,
    presets,
    publish,
    run_lock,
)
from gan_core.training import dry_run as dry
from gan_core.training.config import OPTIONS, TrainingConfig
from gan_core.util import malloc, map_guard, regular_files, valid_names
from gan_core.util.errors import NO_MEMORY, InputError, is_out_of_memory


def main(arguments=None):
    """Run one verb; returns the exit status. Bad input is one sentence on stderr and status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = vars(build_parser().parse_args(arguments))
    verb = options.pop("verb")
    if verb in (pack, train, import_weights):
        options["command"] = "python -m gan_core " + shlex.join(arguments)
    map_guard.enable(map_guard.END)
    # A polite kill ends a run as Ctrl-C does: with a snapshot.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        verb(**options)
    except (InputError, OSError) as error:
        print(f"gan_core: {error}", file=sys.stderr)
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


def pack(**options):
    """Pack images from a folder, a zip or a torchvision data set into a training set."""
    used, held_out, skipped = image_sources.pack(**options)
    for file, reason in skipped[:20]:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    if len(skipped) > 20:
        print(f"skipped {len(skipped) - 20} more", file=sys.stderr)
    print(f"{options['out']}: {used} training images, {held_out} held out, {len(skipped)} skipped")


def train(
    data="",  # directory of a packed training set; or give --images
    *,
    name,  # the model's name: its run lies in runs/NAME, its checkpoint in checkpoints/NAME
    images="",  # folder or zip of pictures, packed into runs/NAME; the model is measured as well
    size=64,  # with --images: side of the packed images, pixels
    runs="runs",  # folder of the runs
    checkpoints="checkpoints",  # folder of the checkpoints
    recipe="",  # faces, avatars, mnist, cifar10 or folder (your own): options that work
    dry_run=False,  # only tell networks, parameters, memory and the expected time
    licence="As its training images.",  # what is allowed with the weights, one sentence
    use="",  # what the model is for and what it must not be used for, in the card
    command="",  # set by the command line
    **options,
):
    """Train a GAN, or go on with a run; then write its checkpoint and card."""
    valid_names.check(name)
    if bool(data) == bool(images):
        raise InputError("Give either a packed training set, or --images and a folder or a zip.")
    several = distributed.size() > 1
    if several and (dry_run or images):
        word = "A dry run" if dry_run else "--images"
        raise InputError(f"{word} is for one process; start it without torchrun.")
    run, out = Path(runs) / name, Path(checkpoints) / name
    if images and not (run / "training_set" / "set.json").exists():
        from_folder.check(images, size, recipe, options)
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            data = data or from_folder.prepare(images, run, size=size, new=Path(folder) / name)
            recipe = from_folder.RECIPE if images and not recipe else recipe
            print(dry.describe(data, TrainingConfig(**presets.options(recipe, data) | options)))
        return
    if not images:
        options = from_folder.filmed(presets.options(recipe, data) | options)
        check_same_images(data, out)
    if (out / "model.json").exists() and not (run / "state.safetensors").exists():
        raise InputError(
            f"{out} holds a model already, and there is no run of it in {runs}; "
            "use another --name, or remove it first."
        )
    check_writable(checkpoints)
    check_writable(runs)
    malloc.keep_freed()
    if not images:
        config_checks.check(data, TrainingConfig(**options))  # before anything is written
    about = {"name": name, "licence": licence, "use": use, "command": command}
    place = {"cwd": os.getcwd(), "checkpoint": str(out.resolve()), "processes": distributed.size()}
    holding = run_lock.holding if distributed.leads() else unheld
    with holding(run, command=command, **place) as tell:
        if images:
            tell(doing="packing")
            data = from_folder.prepare(images, run, size=size)
            options = from_folder.options(recipe, data, options)
            check_same_images(data, out)
        config = TrainingConfig(**options)
        tell(doing="training", kimg=config.kimg)
        shown = loop.train(data, run, config)
        if shown < round(config.kimg * 1000):
            print(f"Stopped at {shown / 1000:.1f} kimg; the same command goes on from {run}.")
            raise KeyboardInterrupt
        if not distributed.leads():
            return
        tell(doing="publishing")
        best = publish.publish(run, out, data=data, **about)
        if images:
            from_folder.link_training_set(data, out)
        model_card.write(out)
        print(
            f"{out}: the snapshot at {best:g} of {shown / 1000:g} kimg; "
            "load it with gan_core.load, or see it with python -m explorer",
            flush=True,
        )
        if images:
            tell(doing="measuring")
            from_folder.measure(out)
            model_card.write(out)


def sample(
    model,  # checkpoint directory
    out,  # a PNG file for a grid; a folder when --single is given
    *,
    seed=0,  # seed of the first sample; each next sample has the next seed
    count=64,  # number of samples
    psi=1.0,  # truncation ψ: 1 leaves the latents alone, 0 is the mean latent
    single=False,  # write one PNG a sample, named by its seed, in place of a grid
    scale=1,  # enlarge each picture so many times, crisp
):
    """Draw samples from seeds: a grid, or single files."""
    if not 1 <= count <= 100_000:
        raise InputError(f"count is {count}; it must be from 1 to 100000.")
    check_scale(scale)
    loaded = checkpoint.load(model)
    z = latent.truncate(loaded.prior.sample(count, seed), psi)
    images = loaded.generate(z)
    if single:
        for number, image in enumerate(images, seed):
            file = Path(out) / f"seed{number:08d}.png"
            media.save(file, media.encode(media.enlarge(image, scale)))
    else:
        media.save(out, media.encode(media.enlarge(media.sheet(images), scale)))
    print(f"{out}: {count} samples of {loaded.name}, seeds {seed} to {seed + count - 1}, ψ {psi:g}")


def walk(
    model,  # checkpoint directory
    out,  # file ending in .png for a strip, .gif or .mp4 for a film
    *,
    seeds="0,1,2,3",  # the keyframes' seeds, two or more
    mode="slerp",  # interpolation: slerp or lerp
    closed=False,  # return to the first keyframe
    frames=48,  # number of pictures in all
    fps=24,  # pictures a second, for films
    psi=1.0,  # truncation ψ of the keyframes
    scale=4,  # enlarge each picture so many times (films; a strip keeps its pixels)
):
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
        raise InputError(f"seeds is {seeds!r}; it must be numbers with commas: 0,1,2.") from None
    loaded = checkpoint.load(model)
    keyframes = np.concatenate([loaded.prior.sample(1, seed) for seed in numbers])
    path = latent.path(latent.truncate(keyframes, psi), frames, mode, closed)
    images = loaded.generate(path)
    if kind == ".png":
        media.save(out, media.encode(media.strip(images)))
    else:
        large = np.stack([media.enlarge(image, scale, smooth=True) for image in images])
        media.save(out, media.gif(large, fps) if kind == ".gif" else media.mp4(large, fps))
    print(f"{out}: {frames} pictures of {loaded.name} through seeds {seeds} by {mode}")


def render_avatars(
    out,  # folder for the pictures and attributes.csv
    *,
    count=12_000,  # number of faces
    seed=0,  # what is drawn follows from the seed alone
    size=64,  # side in pixels
):
    """Render illustrated faces with known attributes (needs three more packages)."""
    avatar_renderer.render(out, count=count, seed=seed, size=size)
    print(f"{out}: {count} faces and attributes.csv")


def evaluate_model(
    model,  # checkpoint directory
    *,
    arithmetic=False,  # measure A − B + C in place of the distances, with n draws (500)
    paths=False,  # measure the lengths of lerp and slerp instead, over n paths (200)
    **options,
):
    """Measure how close a model's samples come to real images; keep the numbers in its card."""
    if arithmetic or paths:
        measure_latents(model, arithmetic, paths, **options)
    else:
        fidelity_report.evaluate(model, **options)
    if not options.get("discard"):
        model_card.write(model)


def measure_latents(model, arithmetic, paths, n=0, seed=0, json=False, discard=False, **others):
    """What evaluate does with --arithmetic and --paths; both are kept under the card's metrics."""
    if others:
        raise InputError(f"--{min(others)} does not go with --arithmetic or --paths; leave it out.")
    results = {}
    if arithmetic:
        draws = {"draws": n or 500, "seed": seed}
        results["arithmetic"] = arithmetic_report.evaluate(model, **draws, progress=True)
        print(arithmetic_report.table(results["arithmetic"]))
    if paths:
        loaded, network = checkpoint.load(model), feature_extractors.effnet()
        results["paths"] = path_length.measure(loaded, network, n=n or 200, seed=seed)
        print(path_length.table(results["paths"]))
    if not discard:
        store.save_metrics(model, results)
    if json:
        print(dumps(results, ensure_ascii=False))


def learn_attributes(model, **options):
    """Train a classifier of the training set's attributes; keep it and its accuracy in the card."""
    train_classifier.attributes(model, **options)
    model_card.write(model)


def find_directions(model, **options):
    """Find directions in the latent space and measure them; keep them in checkpoint and card."""
    discover_directions.keep(model, **options)
    if not options.get("discard"):
        model_card.write(model)


def train_encoder(model, **options):
    """Train an encoder on a model's own samples, and measure how well pictures are inverted."""
    encoder.train_and_measure(model, **options)
    model_card.write(model)


def invert(
    model,  # checkpoint directory
    photo,  # a picture file: PNG, JPEG, WebP, GIF, BMP or TIFF
    out,  # a PNG file for the photo as it was framed and what is drawn for it, side by side
    *,
    eyes="",  # where the eyes are in the photo, as parts of it: 0.4,0.5,0.6,0.5
    crop=1.0,  # without eyes, the side of the centre square, as a part of the shorter side
    seed=0,  # of the random starts
    json=False,  # print the latent and its error as one JSON object on the last line
):
    """Search for the latent that comes nearest to a photo."""
    loaded = checkpoint.load(model)
    image = photo_alignment.read_photo(regular_files.read_bytes(photo, photo_alignment.MAX_BYTES))
    frame = photo_alignment.Frame(side=crop)
    if eyes:
        known = (inversion.load_metrics(loaded) or {}).get("eyes") or photo_alignment.EYES
        frame = photo_alignment.frame_of_eyes(image.size, *photo_alignment.read_eyes(eyes), known)
    target = photo_alignment.cut(image, frame, loaded.size, loaded.card["architecture"]["channels"])
    *_, now = inversion.invert(loaded, target, encoder=encoder.load(loaded), seed=seed)
    pair = media.strip(np.stack([target, now.image]))
    media.save(out, media.encode(media.enlarge(pair, 4)))
    print(f"{out}: {loaded.name} comes within {now.error:.1f} levels of the photo")
    if json:
        print(dumps({"error": now.error, "z": now.z.tolist(), "model_hash": loaded.hash}))


def export_generator(
    model,  # checkpoint directory
    *,
    out,  # the file to write, ending in .onnx, .safetensors or .pt (a plain state dict)
    json=False,  # print what was written as one JSON object on the last line
):
    """Write a model's generator as ONNX, safetensors or a state dict, and check it."""
    if Path(out).suffix.lower() not in (".onnx", ".safetensors", ".pt", ".pth"):
        raise InputError(f"{out} must end in .onnx, .safetensors or .pt.")
    loaded = checkpoint.load(model)
    told = export_onnx.write(loaded, out)
    print(
        f"{out}: the generator of {loaded.name}, {told['bytes'] / 1e6:.1f} MB; "
        f"its pictures differ from PyTorch's by {told['difference']:.1g} at most"
    )
    if json:
        print(dumps(told))


def import_weights(
    file,  # a state dict of PyTorch, safetensors, or an ONNX generator
    name,  # what to call the model: its checkpoint lies in checkpoints/NAME
    *,
    discriminator="",  # file of its discriminator's weights
    prior="",  # latents it was trained on: normal or uniform (default: normal)
    data="",  # directory of the packed training set it was trained on, where you have it
    values="",  # values of an ONNX file's pictures: signed (-1 to 1), unit (0 to 1) or byte
    nz=0,  # length of the latent, where an ONNX file does not tell it
    preview="",  # write 16 samples to this PNG file, and no checkpoint
    checkpoints="checkpoints",  # folder of the checkpoints
    command="",  # set by the command line
):
    """Make a checkpoint of weights that were trained elsewhere."""
    out = Path(checkpoints) / name
    if not preview and (out / "model.json").exists():
        raise InputError(f"{out} already exists; choose another name or remove it first.")
    options = {"discriminator": discriminator, "prior": prior, "nz": nz, "values": values}
    try:
        found = importers.read(file, **options)
    except importers.Unrecognised as error:
        for line in error.tensors:
            print("  ".join(line), file=sys.stderr)
        raise
    sizes = found.architecture
    judged = "without a discriminator" if found.discriminator is None else "with its discriminator"
    print(
        f"{file}: {found.words}, {sizes['size']} × {sizes['size']} × {sizes['channels']}, "
        f"nz {sizes['nz']}, {found.parameters:,} parameters, {judged}"
    )
    print("\n".join(found.notes))
    if preview:
        importers.sheet(found, preview)
        print(f"{preview}: 16 samples; nothing was imported")
        return
    importers.save(found, out, name, data=data, command=command)
    print(f"{out}: look at samples.png in it, or see it with python -m explorer")


def embed(
    data,  # directory of a packed training set
    model,  # checkpoint directory it is to travel with
):
    """Put a training set into a checkpoint, losslessly compressed (minutes for 10,000 images)."""
    expected = checkpoint.read_card(model)["training_set"].get("fingerprint")
    if training_set.read_card(data)["fingerprint"] != expected:
        raise InputError(f"{data} is not the set that {model} was trained on.")
    training_set.embed(data, Path(model) / "training_set")
    print(f"{model}: the training set travels with it")


@contextlib.contextmanager
def unheld(run, **about):
    """What `process.holding` is to a process that another one leads."""
    yield lambda **more: None


def check_same_images(data, out):
    """Raise InputError when a checkpoint was trained on other images than a packed set's."""
    if (out / "model.json").exists():
        before = checkpoint.read_card(out)["training_set"].get("fingerprint")
        if before != training_set.read_card(data)["fingerprint"]:
            raise InputError(f"{out} was trained on other images than {data}; use another name.")


def check_writable(folder):
    """Raise InputError before hours are spent on what a folder could not keep; makes nothing."""
    there = Path(folder).absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{there} cannot be written to; choose another folder than {folder}.")


def check_scale(scale):
    if not 1 <= scale <= 16:
        raise InputError(f"scale is {scale}; it must be from 1 to 16.")


# Verb, function, and the functions whose signatures list its options.
VERBS = (
    ("pack", pack, (image_sources.pack,)),
    ("train", train, (train, TrainingConfig)),
    ("evaluate", evaluate_model, (evaluate_model, fidelity_report.evaluate)),
    ("attributes", learn_attributes, (train_classifier.attributes,)),
    ("directions", find_directions, (discover_directions.keep,)),
    ("memorisation", memorisation_report.memorise, (memorisation_report.memorise,)),
    ("encoder", train_encoder, (encoder.train_and_measure,)),
    ("invert", invert, (invert,)),
    ("sample", sample, (sample,)),
    ("walk", walk, (walk,)),
    ("avatars", render_avatars, (render_avatars,)),
    ("import", import_weights, (import_weights,)),
    ("export", export_generator, (export_generator,)),
    ("embed", embed, (embed,)),
)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps help between words only, so that names such as wgan-gp stay whole."""

    def _split_lines(self, text, width):
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m gan_core",
        description="Pack training sets, train GANs, and draw from them.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, function, sources_of_options in VERBS:
        summary = inspect.getdoc(function).split("\n")[0]
        verb = verbs.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=HelpFormatter,
        )
        verb.set_defaults(verb=function)
        known = {"run", "command"}  # set here, not by a person
        for source in sources_of_options:
            if source is TrainingConfig:
                add_training_options(verb)
            else:
                add_options(verb, source, known)
    return parser


def add_training_options(parser):
    """The options of a training run, under their headings."""
    groups = {}
    for option in OPTIONS.values():
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        words = option.description.replace("%", "%%")
        if option.default != "":
            words += f" (default: {option.default})"
        kind = {"action": "store_true"} if option.type is bool else {"type": option.type}
        # Only what a person gives is passed on: a recipe may stand between it and the default.
        groups[option.group].add_argument(
            option.flag, help=words, default=argparse.SUPPRESS, **kind
        )


def add_options(parser, function, known):
    """Turn a signature into options: its defaults are theirs, its comments their help."""
    comments = dict(
        re.findall(r"^    (\w+)[=,][^#\n]*#\s*(.+)$", inspect.getsource(function), re.M)
    )
    for name, parameter in inspect.signature(function).parameters.items():
        if name in known or parameter.kind is parameter.VAR_KEYWORD:
            continue
        known.add(name)
        words = comments[name].replace("%", "%%")
        default, flag = parameter.default, "--" + name.replace("_", "-")
        # Only what a person gives is passed on: a recipe may stand between it and the default.
        shown = {"default": argparse.SUPPRESS}
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
