"""Directions found by a program: all of a checkpoint's at once, measured, kept and told of.

find(model, classifier)      directions of attributes, components and factors, measured
kept(model, classifier)      the same, found once for these weights and kept in the cache folder
keep(checkpoint)             find them and put them into the checkpoint
card_section(checkpoint)     what its card tells of them
"""

from json import dumps
from pathlib import Path

from tqdm import tqdm

from gan_core import checkpoint
from gan_core.attributes import classifier as attributes
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import readable_name
from gan_core.latent_space import directions
from gan_core.util import cache_dir
from gan_core.util.errors import InputError

QUICK = {"n": 2048, "measured": 64}  # of `kept`, for which somebody waits
MOST = 10  # components, and as many factors


def find(model, classifier=None, *, n=4096, measured=256, k=MOST, seed=0, tell=None):
    """Every direction that can be found: a list of Direction, those of attributes first.

    classifier: attributes.Classifier, or None for those without names only. n: samples that it
    labels. measured: samples over which effects are measured. k: components, and as many factors,
    at most. tell(words, share): called before each piece of work with the share of it all done.
    A generator whose first layer cannot be read has no components and no factors. Raises InputError
    when nothing at all can be found.
    """
    k, found, refusal = min(k, model.prior.size), [], None
    pieces = 2 + (0 if classifier is None else 2 * k)
    if classifier is not None:
        pieces += -(-n // label_cache.BLOCK) + len(classifier.recognised)
    done = iter(range(pieces))

    def told(words):
        if tell:
            tell(words, next(done, pieces) / pieces)

    if classifier is not None:
        found += directions.of_attributes(model, classifier, n, seed, measured, told)
    try:
        found += directions.unnamed(model, classifier, k, measured, seed, told)
    except InputError as error:
        refusal = error
    if refusal and not found:
        raise refusal
    return found


def kept(model, classifier=None, tell=None):
    """`find` with the numbers of QUICK, once for these weights and this classifier."""
    weights = model.card["files"]["generator.safetensors"]
    digest = "none" if classifier is None else classifier.hash
    name = f"{weights[:32]}-{digest}-{QUICK['n']}-{QUICK['measured']}.safetensors"
    path = cache_dir.cache_directory() / "directions" / name
    try:
        found = directions.load(model, path)
    except InputError:  # damaged: it is made again
        found = []
    if not found:
        found = find(model, classifier, **QUICK, tell=tell)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            directions.save(model, found, path)
        except (OSError, InputError):
            pass  # it will be found again next time
    return found


def keep(
    model,  # checkpoint directory
    *,
    n=4096,  # samples that the attribute classifier labels
    measured=256,  # samples over which the effect of each direction is measured
    k=MOST,  # principal components, and as many factors of G's first layer
    seed=0,  # seed of the first sample
    discard=False,  # print what was found and leave the checkpoint as it is
    json=False,  # print what was found as one JSON object on the last line
):
    """Find directions, measure them and put them into a checkpoint; returns a list of Direction.

    Directions there that somebody named stay. Raises InputError for numbers that cannot be.
    """
    if not 64 <= n <= 1_000_000 or not 1 <= measured <= 100_000 or not 1 <= k <= 1000:
        raise InputError(
            "n must be from 64 to 1000000, measured from 1 to 100000 and k from 1 to 1000."
        )
    directory, loaded = Path(model), checkpoint.load(model)
    has_classifier = (directory / attributes.FILES[False]).exists()
    classifier = attributes.load(directory) if has_classifier else None
    if classifier is None:
        print(f"{model} has no attribute classifier, so that its directions get no names.")
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}") as bar:

        def tell(words, share):
            bar.set_description(words)
            bar.update(int(100 * share) - bar.n)

        found = find(loaded, classifier, n=n, measured=measured, k=k, seed=seed, tell=tell)
    print(section(found))
    if not discard:
        directions.save(loaded, [*found, *by_people(loaded)])
        print(f"{directory / directions.FILE}: {len(found)} directions")
    if json:
        rows = [{"name": d.name, "kind": d.kind, **d.about} for d in found]
        print(dumps({"model": loaded.name, "directions": rows}, ensure_ascii=False))
    return found


def by_people(model):
    """The directions in a checkpoint that somebody named; none where the file cannot be used."""
    try:
        return [d for d in directions.load(model) if d.kind not in directions.DISCOVERED]
    except InputError:
        return []


def card_section(directory):
    """What a model card tells of the directions in a checkpoint; "" when there are none."""
    path = Path(directory) / directions.FILE
    if not path.exists():
        return ""
    try:
        return section(directions.load(checkpoint.load(directory)))
    except InputError as error:  # a card is written after hours of training
        return f"## Directions\n\n{error}\n"


def section(found):
    """Directions as a section of Markdown: what each does, measured."""
    named = {}
    for direction in found:
        if direction.kind in ("difference", "normal"):
            named.setdefault(direction.about["attribute"], {})[direction.kind] = direction
    lines = ["## Directions", ""]
    if named:
        about = next(iter(named.values()))["normal"].about
        lines += [
            f"Of {about['labelled']:,} samples that the classifier labelled; effects are the mean "
            f"change of the attribute's probability for a step of 1, over {about['n']} samples. "
            "Leakage: the largest such change of another attribute.",
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
        moves = [moved(d) for d in found if d.kind == kind]
        if any(moves):
            lines += [f"{words}, with what each moves most: {', '.join(moves)}.", ""]
        elif moves:
            lines += [f"{words}: {len(moves)}.", ""]
    return "\n".join(lines)


def pair_of_cells(direction, name):
    """An effect and the largest leakage as two cells of a table."""
    own, (other, most) = direction.about["effects"].get(name, 0.0), leak(direction.about, name)
    return f"{own:+.3f} | " + (f"{readable_name(other)} {most:+.3f}" if other else "–")


def leak(about, name):
    """(attribute, effect) that a direction moves most besides `name`; (None, 0.0) for none."""
    others = {key: value for key, value in about.get("effects", {}).items() if key != name}
    other = max(others, key=lambda key: abs(others[key]), default=None)
    return other, others.get(other, 0.0)


def moved(direction):
    """The attribute a direction moves most, with its effect; "" where that is not known."""
    name = direction.about.get("moves")
    return f"{readable_name(name)} {direction.about['effects'][name]:+.2f}" if name else ""
