"""Memorisation: thousands of samples at once, beside a guilty control and an innocent one."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import (
    background,
    memorisation_reports,
    renderer,
    stranger_text,
    training_data,
    trust,
)
from explorer.services import folders as where
from explorer.state import fragments, session
from explorer.views import neighbours
from explorer.views.neighbours import WHERE
from explorer.widgets import add_to_tray, charts, model_picker, neighbours_link
from gan_core.metrics import memorisation_report
from gan_core.util.errors import InputError

GUILTY = charts.SECOND  # the overfitted control, on light and on dark
COUNTS = (1_000, 10_000)  # samples that can be measured from here
SHOWN = 6  # most suspicious pairs under each histogram
PAIR = 48  # pixels across of each
TWINS = 24  # near-duplicate pairs shown
# What is measured: where it stands in a report, and what it can and cannot tell.
MEASURES = {
    "C_T": "How much nearer samples lie than held-out images do (Meehan et al. 2020): 0 for alike,"
    " −3 and less for copies, high for samples farther off than real images. It grows with the"
    " number of images, and misses a few copies among many samples.",
    "Farther": "In how many of 100 pairs of a sample and a held-out image the sample lies farther"
    " from the training images: 50 for alike, near 0 for copies. It does not grow with the number"
    " of images; it too misses a few copies.",
    "AuthPct": "Samples in 100 that lie farther from their nearest training image than that one"
    " from its own nearest (Alaa et al. 2022). Compare it with that of held-out images, not with"
    " 100: duplicates in the set lower it there, and blurred samples raise it.",
    "Precision": "Samples in 100 that lie in the neighbourhood of some training image (Kynkäänniemi"
    " et al. 2019): how real they look to these features. A copy counts as perfect.",
    "Recall": "Training images in 100 that lie in the neighbourhood of some sample: how much of the"
    " set is covered. It cannot tell whether what is covered was learned or copied.",
}


@dataclass(frozen=True)
class Case:
    """One of the reports that stand side by side.

    title, colour: what it is called and drawn in. result: the report, a dict. model, data: the
    Model and its TrainingSet, the second None where its images are not here.
    """

    title: str
    colour: str
    result: dict
    model: object
    data: object

    def space(self, name):
        return self.result["spaces"].get(name)


def page(card_page=None, neighbours_page=None):
    """The page, top to bottom."""
    name, model = model_picker.choose("Memorisation", card_page)
    st.markdown(
        "Has this GAN copied its training images? Samples by the thousand, beside two controls"
        " whose answer is known: real images it has never seen, and a generator overfitted on"
        " purpose."
    )
    try:
        data, missing = training_data.training_images(model), ""
    except InputError as error:
        data, missing = None, str(error)
    result = memorisation_report.load_report(model, space=session.view().space)
    key = ("report", model.hash)
    if result is None or background.under_way(key) or key in st.session_state.get("measured", {}):
        offer(model, data, missing, key)
    if result is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        neighbours.space_control("Nearest in")
        with st.popover("View", icon=":material/tune:"):
            st.toggle("Smooth scaling", **session.widget("smooth", closed=True))
            if data is not None:
                again(key)
    show(
        name,
        Case(f"Samples of {name}", charts.SAMPLES, result, model, data),
        missing,
        neighbours_page,
    )
    if data is not None and (told := training_data.not_the_same_bytes(model, data)):
        st.caption(stranger_text.sentence(told))


# Measuring.


def offer(model, data, missing, key):
    """Measure a model that has no report, in the background."""
    if missing:
        words = f"There is no report on {model.name} yet. {missing}"
        st.info(stranger_text.sentence(words))
        return
    if key not in st.session_state.setdefault("measured", {}) and not background.under_way(key):
        words = (
            f"There is no report on these weights of {model.name} yet. Measure them here, in the"
            f" background, or with `python -m gan_core memorisation {written(model.directory)}`."
        )
        st.info(stranger_text.sentence(words))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            buttons(key)
        return
    n = st.session_state.measured.get(key, COUNTS[-1])
    try:
        ready = background.done(
            key, lambda tell: memorisation_reports.measure(model, data, n, tell), long=True
        )
    except InputError:
        st.session_state.measured.pop(key, None)
        raise
    if ready:  # and the report has been removed since
        background.forget(key)
        st.session_state.measured.pop(key, None)
        if memorisation_report.load_report(model) is not None:
            st.rerun()
    else:
        st.caption("The rest of the app can be used meanwhile, and so can other people.")


def written(directory):
    """A checkpoint's directory as one types it in the project's folder."""
    inside = directory.is_relative_to(where.home())
    return directory.relative_to(where.home()) if inside else directory


def again(key):
    """Measure anew, for instance on more samples."""
    st.caption("Measure again")
    with st.container(horizontal=True):
        buttons(key)


def buttons(key):
    for n in COUNTS:
        st.button(
            f"Measure {n:,} samples",
            icon=":material/play_arrow:",
            key=f"measure-{n}",
            on_click=measure,
            args=(key, n),
            disabled=not trust.allowed(),
        )
    if why := trust.reason():
        st.caption(why)


def measure(key, n):
    if why := trust.reason():
        session.warn(why)
        return
    background.forget(key)
    st.session_state.setdefault("measured", {})[key] = n


# Showing.


@fragments.panel("report")
def show(name, case, missing, neighbours_page):
    """The report in one space, and the controls beside it."""
    space = session.view().space
    if case.space(space) is None:
        words = case.result["missing"].get(space) or how_to_measure(case, space)
        st.info(stranger_text.sentence(words))
        return
    result = case.result
    st.caption(
        f"{result['n']:,} samples, seeds {result['seed']:,} to"
        f" {result['seed'] + result['n'] - 1:,} at ψ = {result['psi']:g} · {result['n_training']:,}"
        f" training images · {result['n_held_out']:,} held-out images{left_out(result)} · weights"
        f" {stranger_text.plain(result['model'])}"
    )
    if missing:
        st.info(stranger_text.sentence(missing))
    known = [case, *controls(case)]
    cases = [each for each in known if each.space(space) is not None]
    columns = st.columns(3, gap="large")
    for column, each in zip(columns, cases, strict=False):
        with column:
            distances(each, space)
    st.caption(
        "Distances to the nearest training image, of training images to the nearest other one; the"
        " pairs are those nearest for where they lie, above their nearest training images."
    )
    if words := not_told_apart(cases, space):
        st.info(words)
    if len(cases) < 3 and (words := absent(known, space)):
        st.caption(words)
        # Streamlit lets the code be copied.
        for command in commands(known, space):
            st.code(command, language=None)
    numbers(cases, space)
    suspects(name, case, space, neighbours_page)
    duplicates(case)
    with st.expander("What this can and cannot tell"):
        st.markdown("\n".join(f"- {stranger_text.sentence(each)}" for each in result["caveats"]))


def how_to_measure(case, space):
    """What to do when the report of a model tells nothing of a space."""
    here = "" if case.data is None else "under View press a button of Measure again, or "
    return (
        f"The report on these weights was not made in {WHERE[space]}. To have it, {here}run"
        f" `python -m gan_core memorisation {written(case.model.directory)}` and open this page"
        " again."
    )


def not_told_apart(cases, space):
    """What to say of a space in which the two controls look alike; empty where they do not."""
    told = {case.title.partition(":")[0]: case.space(space) for case in cases}
    guilty, innocent = told.get("Guilty"), told.get("Innocent")
    if not guilty or not innocent or memorisation_report.separates(guilty, innocent):
        return ""
    return (
        f"In {WHERE[space]} this report does not tell the guilty control from the innocent one, so"
        " what it says of a model there acquits nobody."
    )


def left_out(result):
    """How many held-out images were left out, in words; empty where none was."""
    equal = result.get("held_out_equal")  # reports of before it was told lack it
    return f", without {equal:,} that equal a training image" if equal else ""


def controls(case):
    """The innocent control and the guilty one, as far as they are here."""
    found = []
    space = session.view().space
    innocent = memorisation_report.load_report(case.model, "held-out", space)
    if innocent is not None:
        found.append(
            Case(
                "Innocent: real images, held out", charts.HELD_OUT, innocent, case.model, case.data
            )
        )
    overfitted = memorisation_reports.control_model()
    if overfitted is not None and overfitted.hash != case.model.hash:
        guilty = memorisation_report.load_report(overfitted, space=space)
        if guilty is not None:
            data = training_data.training_images(overfitted)
            count = len(data.images)
            found.append(Case(f"Guilty: overfitted on {count:,}", GUILTY, guilty, overfitted, data))
    return found


def absent(cases, space):
    """Which controls are missing, in one space or altogether, and how to have them."""
    titles = " ".join(case.title for case in cases)
    words = []
    if "Innocent" not in titles:
        words.append("The innocent control is missing; this measures it.")
    if "Guilty" not in titles:
        words.append("The guilty control is missing; this trains it and measures it.")
    for case in cases:
        if case.space(space) is None:
            kind = case.title.split(":")[0].lower()
            words.append(f"The {kind} control was not measured in {WHERE[space]}.")
    return " ".join(words)


def commands(cases, space):
    """What to run for the controls that `absent` tells of, as it is typed in the project's folder.

    cases: as for `absent`, the model's own first.
    """
    titles = " ".join(case.title for case in cases)
    found, verb = [], "python -m gan_core memorisation"
    if "Innocent" not in titles:
        found.append(f"{verb} {written(cases[0].model.directory)} --control held-out")
    if "Guilty" not in titles:
        found.append("python benchmarks/overfit_control.py")
        found.append(f"{verb} checkpoints/controls/overfitted-200")
    for case in cases[1:]:
        if case.space(space) is None and space not in case.result["missing"]:
            control = " --control held-out" if case.result["control"] else ""
            found.append(f"{verb} {written(case.model.directory)}{control}")
    return found


def distinct(rows):
    """The first rows whose nearest training images differ: one copied often stands once."""
    found = {}
    for row in rows:
        found.setdefault(row["neighbours"][0]["index"], row)
    return list(found.values())


def distances(case, space):
    """The three distributions of one report, and its most suspicious pairs."""
    st.markdown(f"**{stranger_text.plain(case.title)}**")
    told = case.space(space)
    words = "as samples" if case.result["control"] else "samples"
    charts.show(histogram(told, case.colour, words), f"histogram-{case.colour}")
    # Reports of before hold no examples.
    rows = told.get("examples") or distinct(told["suspicious"])[:SHOWN]
    pairs = pair_pictures(case, rows)
    if pairs is None:
        return
    # To be looked at: a click does nothing here.
    st.image(
        renderer.strip(np.concatenate(pairs, axis=1), session.view().smooth),
        width=PAIR * len(rows),
        caption=" · ".join(short(row["distance"], space) for row in rows),
    )


def short(distance, space):
    return f"{distance:.1f}" if space == "pixels" else f"{distance:.3f}"


def histogram(told, colour, words):
    """Distances to the nearest training image: of samples, held-out images and training images."""
    bins = told["histogram"]
    held_out = charts.MUTED_HELD_OUT if colour == charts.HELD_OUT else charts.HELD_OUT
    kinds = [
        ("training", bins["training"], charts.TRAINING, False),
        ("held out", bins["held-out"], held_out, False),
        (words, bins["samples"], colour, True),
    ]
    unit = "levels of 256" if told["unit"].startswith("grey") else "1 − cosine"
    return charts.distance_histogram(bins["edges"], kinds, unit)


def pair_pictures(case, rows):
    """The pictures of suspicious rows and of their nearest training images, or None.

    Two arrays uint8 (N, H, W, C); None when the images are not here.
    """
    if case.data is None or not rows:
        return None
    if case.result["control"]:
        above = np.stack([np.asarray(case.data.held_out[row["id"]]) for row in rows])
    else:
        z = renderer.latents(case.model, [row["id"] for row in rows], case.result["psi"])
        above = renderer.pictures(case.model, z)
    nearest = [row["neighbours"][0] for row in rows]
    below = [np.asarray(case.data.images[n["index"]]) for n in nearest]
    below = [b[:, ::-1] if n["mirrored"] else b for b, n in zip(below, nearest, strict=True)]
    return above, np.stack(below)


def named(case, row):
    return f"Held-out image {row['id']}" if case.result["control"] else f"Seed {row['id']}"


def numbers(cases, space):
    """Each measure of each report with its 95 % interval, and what it can tell."""
    st.subheader("What the numbers say", anchor=False)
    for measure_name, words in MEASURES.items():
        rows = [(case, *interval(case.space(space), measure_name)) for case in cases]
        rows = [row for row in rows if row[1] is not None]
        if not rows:
            continue
        left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
        left.markdown(f"**{stranger_text.plain(measure_name)}**")
        left.caption(words)
        with right:
            charts.show(forest(rows, measure_name), f"forest-{measure_name}")
    st.caption("Points with 95 % intervals, for these training images and these weights.")


def interval(told, name):
    """(value, low, high) of a measure in one space of a report; Nones where there is none."""
    none = (None, None, None)
    if name == "AuthPct":
        return told["auth_pct"].get("samples", none)
    if name in ("Precision", "Recall"):
        found = told[name.lower()]
        return [100 * value for value in found] if found else none
    key, times = ("c_t", 1) if name == "C_T" else ("farther", 100)
    ends = told["intervals"].get(key)
    if told[key] is None or not ends:
        return none
    return times * told[key], times * ends[0], times * ends[1]


def forest(rows, name):
    """A point with its interval for each report, one below the other."""
    values = [number for row in rows for number in row[1:]]
    if name == "C_T":
        margin = max(1.0, 0.06 * (max(values) - min(values)))
        ends = (min(-5.0, min(values) - margin), max(5.0, max(values) + margin))
        marks = (0, -3)
    else:
        ends, marks = (-4, 104), (50,) if name == "Farther" else ()
    rows = [(stranger_text.chart(case.title), case.colour, *three) for case, *three in rows]
    return charts.intervals(rows, ends, marks)


def show_twins(key, place):
    before = st.session_state.get("twins-shown", {}).get(key)
    st.session_state["twins-shown"] = {} if before == place else {key: place}


def suspects(name, case, space, neighbours_page):
    """The samples that lie nearest for where they lie, with their neighbours; one of them large."""
    rows = case.space(space)["suspicious"]
    st.subheader(f"The {len(rows)} most suspicious samples", anchor=False)
    st.caption(
        "Ordered by the distance to the nearest training image over that image’s own distance to"
        " the nearest different one: below 1 a sample is nearer than real images are. The sample"
        " above, its nearest training image below; click one to see it large."
    )
    pairs = pair_pictures(case, rows)
    if pairs is None:
        z = renderer.latents(case.model, [row["id"] for row in rows], case.result["psi"])
        sheet = renderer.sheet(renderer.pictures(case.model, z))
    else:
        sheet = renderer.pairs(*pairs)
    key = f"{case.model.hash}-{space}"
    chosen = st.session_state.get("suspect", {}).get(key)
    if chosen is not None and chosen < len(rows):
        one(name, case, rows[chosen], pairs and [p[chosen] for p in pairs], space, neighbours_page)
    tiles(
        "suspects",
        sheet,
        [
            {
                "id": str(place),
                "label": f"Seed {row['id']}, {neighbours.told(row['distance'], space)}"
                f" from training image {row['neighbours'][0]['index']}",
                "caption": ratio_words(row),
                "current": place == chosen,
            }
            for place, row in enumerate(rows)
        ],
        lambda place: choose(key, int(place)),
        label="Most suspicious samples above their nearest training images",
        width=60,
        smooth=session.view().smooth,
    )


def ratio_words(row):
    # Reports of before ranked nothing beside a duplicate.
    return "duplicate" if row["ratio"] is None else f"× {row['ratio']:.2f}"


def choose(key, place):
    before = st.session_state.get("suspect", {}).get(key)
    st.session_state.suspect = {} if before == place else {key: place}


def one(name, case, row, pair, space, neighbours_page):
    """A suspicious sample large, what is known of it, and where to go from here."""
    seed, nearest = row["id"], row["neighbours"][0]
    if pair:
        captions = (f"Seed {seed}", f"Training image {nearest['index']}")
        neighbours.beside(pair, captions, session.view())
    words = [
        neighbours.told(row["distance"], space),
        *([f"{ratio_words(row)} of that image’s own distance"] if row["ratio"] is not None else []),
        *(["that image is in the set twice"] if row.get("duplicated") else []),
        *(
            f"{neighbours.percent(p).lower()} of {kind} images lie nearer"
            for kind, p in row["percentiles"].items()
        ),
        "authentic" if row["authentic"] else "not authentic",
        stranger_text.plain(nearest["file"]),
    ]
    st.caption(" · ".join(words))
    with st.container(horizontal=True):
        st.button(
            "Add to tray",
            icon=":material/add:",
            key="suspect-add",
            on_click=add_to_tray.add_seed,
            args=(name, case.model, seed, case.result["psi"]),
        )
        if neighbours_page is not None:
            opened = st.button("All its neighbours", icon=":material/search:", key="suspect-open")
            if opened:
                neighbours_link.about(session.item(name, case.model, seed, case.result["psi"]))
                st.switch_page(neighbours_page)


def duplicates(case):
    """Near-duplicates among the training images, which confound all that stands above."""
    told = case.result["spaces"].get("pixels", {}).get("near_duplicates")
    if not told:
        return
    st.subheader(f"Near-duplicates in the training set: {told['count']:,} pairs", anchor=False)
    searched = min(case.result["n_training"], memorisation_report.LEAVE_ONE_OUT)
    st.caption(
        f"Of {searched:,} training images, pairs no farther apart than {told['limit']:g} levels of"
        " 256. What is there twice is learned by heart first; and beside a pair even a copy counts"
        " as authentic, so a high AuthPct tells less the more of them there are."
    )
    pairs = told["pairs"][:TWINS]
    if not pairs or case.data is None:
        return
    key = case.model.hash
    shown = st.session_state.get("twins-shown", {}).get(key)
    if shown is not None and shown < len(pairs):
        two = [np.asarray(case.data.images[number]) for number in pairs[shown][:2]]
        neighbours.beside(
            two,
            [f"Training image {number}" for number in pairs[shown][:2]],
            session.view(),
            "beside-twins",
        )
    first, second = (np.stack([case.data.images[pair[i]] for pair in pairs]) for i in (0, 1))
    tiles(
        "twins",
        renderer.pairs(first, second),
        [
            {
                "id": str(place),
                "label": f"Training images {i} and {j}, {distance:.1f} levels apart",
                "caption": f"{distance:.1f}",
                "current": place == shown,
            }
            for place, (i, j, distance) in enumerate(pairs)
        ],
        lambda place: show_twins(key, int(place)),
        label="Near-duplicates among the training images; a click shows a pair large",
        width=60,
        smooth=session.view().smooth,
    )
