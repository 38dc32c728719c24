"""Find all of a checkpoint's directions at once, measure them, save them and describe them.

discover(model, classifier)      directions of attributes, components and factors, measured
load_cached(model, classifier)   the same, found once for these weights and cached on disk
discover_and_save(checkpoint)    the verb: find them and save them in the checkpoint
card_section(checkpoint)         the model card's section on them
"""

from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gan_core import checkpoint, companions
from gan_core.attributes import classifier as attributes
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import readable_name
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from gan_core.util import cache_dir
from gan_core.util.errors import MALFORMED, InputError

QUICK = {"n": 2048, "measured": 64}  # for `load_cached`, while somebody waits
MOST = 10  # components, and the same number of factors


def discover(
    model: checkpoint.Model,
    classifier: attributes.Classifier | None = None,
    *,
    n: int = 4096,
    measured: int = 256,
    k: int = MOST,
    seed: int = 0,
    progress: Callable[[str, float], object] | None = None,
) -> list[Direction]:
    """Every direction that can be found, those of attributes first.

    classifier: None for unnamed directions only. n: samples that it labels. measured: samples over
    which effects are measured. k: components, and the same number of factors, at most.
    progress(words, share): called before each piece of work with the share done so far, 0 to 1. A
    generator whose first layer cannot be read has no components and no factors. Raises InputError
    when nothing can be found.
    """
    k, refusal = min(k, model.prior.size), None
    result: list[Direction] = []
    pieces = 2 + (0 if classifier is None else 2 * k)
    if classifier is not None:
        pieces += -(-n // label_cache.BLOCK) + len(classifier.recognised)
    done = iter(range(pieces))

    def report(words: str) -> None:
        if progress:
            progress(words, next(done, pieces) / pieces)

    if classifier is not None:
        result += directions.of_attributes(model, classifier, n, seed, measured, report)
    try:
        result += directions.unnamed(model, classifier, k, measured, seed, report)
    except InputError as error:
        refusal = error
    if refusal and not result:
        raise refusal
    return result


def load_cached(
    model: checkpoint.Model,
    classifier: attributes.Classifier | None = None,
    progress: Callable[[str, float], object] | None = None,
) -> list[Direction]:
    """`discover` with the settings in QUICK, computed once per generator and classifier."""
    digest = "none" if classifier is None else classifier.hash
    name = f"{model.digest[:32]}-{digest}-{QUICK['n']}-{QUICK['measured']}.safetensors"
    path = cache_dir.cache_directory() / "directions" / name
    try:
        result = directions.load(model, path)
    except InputError:  # damaged: find them again
        result = []
    if not result:
        result = discover(model, classifier, **QUICK, progress=progress)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            directions.save(model, result, path)
        except (OSError, InputError):
            pass  # they will be computed again next time
    return result


def discover_and_save(
    model: str | Path,  # checkpoint directory
    *,
    n: int = 4096,  # samples that the attribute classifier labels
    measured: int = 256,  # samples over which the effect of each direction is measured
    k: int = MOST,  # principal components, and the same number of factors of G's first layer
    seed: int = 0,  # seed of the first sample
    discard: bool = False,  # print the directions without saving them in the checkpoint
    json: bool = False,  # print the directions as one JSON object on the last line
    space: str = "z",  # latent space of the directions: z, or w for a model that has it
) -> list[Direction]:
    """Find directions, measure them and save them in a checkpoint.

    Directions in it that a person named are preserved. Raises InputError for options out of range.
    """
    if not 64 <= n <= 1_000_000 or not 1 <= measured <= 100_000 or not 1 <= k <= 1000:
        raise InputError(
            "n must be from 64 to 1000000, measured from 1 to 100000 and k from 1 to 1000."
        )
    directory, loaded = Path(model), checkpoint.load(model, space)
    has_classifier = companions.locate(directory, attributes.FILES["first"]).exists()
    classifier = attributes.load(directory) if has_classifier else None
    if classifier is None:
        print(f"{model} has no attribute classifier, so its directions have no names.")
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}") as bar:

        def progress(words: str, share: float) -> None:
            bar.set_description(words)
            bar.update(int(100 * share) - bar.n)

        result = discover(
            loaded, classifier, n=n, measured=measured, k=k, seed=seed, progress=progress
        )
    print(section(result))
    if not discard:
        directions.save(loaded, [*result, *named_by_people(loaded)])
        print(f"{directions.file_of(loaded)}: {len(result)} directions")
    if json:
        rows = [{"name": d.name, "kind": d.kind, **d.about} for d in result]
        print(dumps({"model": loaded.name, "directions": rows}, ensure_ascii=False))
    return result


def named_by_people(model: checkpoint.Model) -> list[Direction]:
    """The directions in a checkpoint that a person named; none where the file cannot be used."""
    try:
        return [d for d in directions.load(model) if d.kind not in directions.DISCOVERED]
    except InputError:
        return []


def card_section(directory: str | Path) -> str:
    """The model card's section on the directions in a checkpoint; "" when there are none."""
    files = {"z": directions.FILE, "w": directions.FILE_IN_W}
    present = {s: path for s, f in files.items() if (path := Path(directory) / f).exists()}
    return "\n".join(section_of(directory, space, path) for space, path in present.items())


def section_of(directory: str | Path, space: str, path: Path) -> str:
    """The section on the directions in one latent space, which lie in the file `path`."""
    try:
        text = section(directions.load(checkpoint.load(directory, space)))
        return text if space == "z" else text.replace("## Directions", "## Directions in w", 1)
    except InputError as error:  # this must not fail: a card is written after hours of training
        return f"## Directions\n\n{error}\n"
    except MALFORMED:  # a stranger's file
        return f"## Directions\n\n{path} does not say how its directions were measured.\n"


def section(result: Sequence[Direction]) -> str:
    """Directions as a section of Markdown: the measured effects of each."""
    named: dict[str, dict[str, Direction]] = {}
    for direction in result:
        if direction.kind in ("difference", "normal"):
            named.setdefault(direction.about["attribute"], {})[direction.kind] = direction
    lines = ["## Directions", ""]
    if named:
        about = next(iter(named.values()))["normal"].about
        lines += [
            f"From {about['labelled']:,} samples that the classifier labelled. An effect is the "
            f"mean change of the attribute's probability for a step of 1, over {about['n']} "
            "samples; leakage is the largest such change of another attribute.",
            "",
            "| attribute | normal | leaks into | difference of means | leaks into |",
            "|---|---|---|---|---|",
        ]
        for name, pair in named.items():
            cells = [pair_of_cells(pair[kind], name) for kind in ("normal", "difference")]
            lines.append(f"| {readable_name(name)} | {' | '.join(cells)} |")
        lines.append("")
    for kind, words in {
        "component": "Principal components of G's first activations (GANSpace)",
        "factor": "Factors of G's first weights (SeFa)",
    }.items():
        moves = [strongest_effect(d) for d in result if d.kind == kind]
        if any(moves):
            lines += [f"{words}, with the attribute each changes most: {', '.join(moves)}.", ""]
        elif moves:
            lines += [f"{words}: {len(moves)}.", ""]
    return "\n".join(lines)


def pair_of_cells(direction: Direction, name: str) -> str:
    """An effect and the largest leakage as two cells of a table."""
    own, (other, most) = direction.about["effects"].get(name, 0.0), leak(direction.about, name)
    return f"{own:+.3f} | " + (f"{readable_name(other)} {most:+.3f}" if other else "–")


def leak(about: Mapping[str, Any], name: str) -> tuple[str | None, float]:
    """(attribute, effect) that a direction changes most besides `name`; (None, 0.0) for none."""
    others = {key: value for key, value in about.get("effects", {}).items() if key != name}
    other = max(others, key=lambda key: abs(others[key]), default=None)
    return other, 0.0 if other is None else others[other]


def strongest_effect(direction: Direction) -> str:
    """The attribute a direction changes most, with its effect; "" where that is not known."""
    name = direction.about.get("moves")
    return f"{readable_name(name)} {direction.about['effects'][name]:+.2f}" if name else ""
