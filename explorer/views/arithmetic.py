"""Arithmetic: A − B + C, with each letter the mean of a basket of exemplars."""

import json

import numpy as np
import streamlit as st

from explorer import drawing, links, panels, picker, renderer, session, tray
from explorer.live.canvas import axis, canvas
from explorer.live.motions import Sum
from explorer.live.tiles import tiles
from gan_core import arithmetic, attributes, evaluate_arithmetic
from gan_core.errors import InputError

BASKETS = {"a": "A", "b": "− B", "c": "+ C"}
MOST = arithmetic.MOST_EXEMPLARS
GRID = 24  # samples to pick from
POOL = 2048  # seeds that a search looks through
PRESET = 8  # exemplars that a preset puts into each basket
MAX_STEPS = 100  # of undo


def page(card_page=None):
    """The page, top to bottom."""
    name, model = picker.choose("Arithmetic", card_page)
    bar(name, model)
    concepts = baskets(model)
    fill(name, model)
    if concepts is None:
        st.info("Put at least one exemplar into each basket: click samples, or type their seeds.")
    else:
        result(name, model, *concepts)


# What stands above the baskets.


def bar(name, model):
    """Presets, undo and redo, and what is seldom changed."""
    past, future = history()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        presets(model)
        st.button("Undo", icon=":material/undo:", disabled=not past, on_click=step, args=(-1,))
        st.button("Redo", icon=":material/redo:", disabled=not future, on_click=step, args=(1,))
        st.button("Swap A and B", icon=":material/swap_horiz:", on_click=swap)
        with st.popover("View", icon=":material/tune:"):
            drawing.options()


def presets(model):
    """Triples that this model's attribute classifier can fill the baskets for."""
    classifier = classifier_of(model)
    known = classifier.recognised if classifier else []
    triples = [t for t in evaluate_arithmetic.TRIPLES if all(n in known for w in t[2:] for n in w)]
    if not triples:
        return
    with st.popover("Presets", icon=":material/auto_awesome:"):
        for title, _, *wanted in triples:
            st.button(title, key=f"preset-{title}", on_click=take_preset, args=(model, wanted))


def take_preset(model, wanted):
    """Fill the baskets with the samples that show most surely what is wanted."""
    found = [arithmetic.search(model, classifier_of(model), w, POOL)[0][:PRESET] for w in wanted]
    if not all(len(seeds) for seeds in found):
        session.warn(f"Among {POOL} samples of {model.name} some of these were not to be found.")
        return
    change(**{b: write([(int(s), None) for s in f]) for b, f in zip(BASKETS, found, strict=True)})


@st.cache_resource(max_entries=8, show_spinner=False)
def load_classifier(directory, stamp):
    return attributes.load(directory)


def classifier_of(model):
    """The attribute classifier beside a model, or None."""
    path = model.directory / attributes.FILES[False]
    try:
        return load_classifier(str(model.directory), path.stat().st_mtime_ns)
    except (InputError, OSError):
        return None


# The baskets. What they hold stands in the view, as the seeds in the link; so undo is a step back.


def history():
    return st.session_state.setdefault("arithmetic", ([], []))


def contents():
    return {basket: getattr(session.view(), basket) for basket in BASKETS}


def change(**new):
    """Change baskets, one step further; for callbacks."""
    before = contents()
    if all(before[basket] == value for basket, value in new.items()):
        return
    past, future = history()
    past.append(before)
    del past[:-MAX_STEPS]
    future.clear()
    session.set_view(**new)


def step(way):
    """Undo (−1) or redo (1)."""
    past, future = history()
    source, other = (past, future) if way < 0 else (future, past)
    if source:
        other.append(contents())
        session.set_view(**source.pop())


def swap():
    view = session.view()
    change(a=view.b, b=view.a)


def write(exemplars):
    return links.write_keys(exemplars)


def read(basket):
    """The exemplars of a basket, [(seed, ψ or None)]."""
    return links.read_exemplars(getattr(session.view(), basket))


def baskets(model):
    """The three baskets side by side. Returns their mean latents, or None while one is empty."""
    means = {}
    for column, (basket, title) in zip(st.columns(3, gap="medium"), BASKETS.items(), strict=True):
        with column:
            means[basket] = one_basket(model, basket, title)
    return None if any(mean is None for mean in means.values()) else list(means.values())


def one_basket(model, basket, title):
    """A basket: its mean face, its exemplars, and their seeds to be typed."""
    exemplars = read(basket)
    z = np.concatenate(
        [renderer.latents(model, [s], 1.0 if psi is None else psi) for s, psi in exemplars]
        or [np.empty((0, model.prior.size), np.float32)]
    )
    mean = arithmetic.concept(z) if len(z) else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(title, anchor=False, width="content")
        words = f"{len(z)} of at most {MOST}"
        st.caption(words if mean is None else f"{words} · |mean| {np.linalg.norm(mean):.2f}")
    if mean is not None:
        pictures = renderer.pictures(model, np.concatenate([mean[None], z]))
        names = [write([e]) for e in exemplars]
        tiles(
            f"basket-{basket}",
            renderer.sheet(pictures),
            [
                {"id": "mean", "label": f"The mean of {len(z)} exemplars", "caption": "mean"},
                *(
                    {"id": name, "label": f"Take seed {name} out of {title}", "caption": name}
                    for name in names
                ),
            ],
            lambda which: toggle(basket, which) if which != "mean" else None,
            label=f"Exemplars of {title}",
            width=64,
            smooth=session.view().smooth,
        )
    field = f"basket-text-{basket}"
    if st.session_state.get(field) != getattr(session.view(), basket):
        st.session_state[field] = getattr(session.view(), basket)
    st.text_input(
        f"Seeds of {title}",
        key=field,
        max_chars=250,
        placeholder="such as 3, 14, 15@0.7",
        on_change=typed,
        args=(basket,),
    )
    return mean


def typed(basket):
    """Take a basket's seeds from its field."""
    try:
        change(**{basket: write(links.read_exemplars(st.session_state[f"basket-text-{basket}"]))})
    except ValueError:
        session.warn(
            f"A basket takes up to {MOST} seeds with commas between, such as 3, 14, 15@0.7;"
            " it was left as it is."
        )


def toggle(basket, name):
    """Put a seed into a basket, or take it out."""
    held = [write([exemplar]) for exemplar in read(basket)]
    if name in held:
        held.remove(name)
    elif len(held) < MOST:
        held.append(name)
    else:
        session.warn(f"A basket holds {MOST} exemplars; take one out first.")
    change(**{basket: ", ".join(held)})


# Where exemplars come from.


def fill(name, model):
    """Samples to click into a basket: the next seeds, what a search finds, or the tray."""
    with st.expander("Fill the baskets", expanded=not all(contents().values())):
        classifier = classifier_of(model)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            into = st.segmented_control(
                "Clicks go into", BASKETS, format_func=BASKETS.get, default="a", key="fill-into"
            )
            source = st.segmented_control(
                "From", ["Samples", "Tray"], default="Samples", key="fill-from"
            )
            wanted = {}
            if source != "Tray":
                first = st.number_input("First seed", 0, links.MAX_SEED - GRID, key="fill-seed")
                if classifier:
                    wanted = choose_wanted(classifier)
        seeds = from_tray(name) if source == "Tray" else samples(model, classifier, wanted, first)
        if into is None or not seeds:
            st.caption("Nothing to show: choose a basket, or look for something else.")
            return
        held = [write([exemplar]) for exemplar in read(into)]
        z = np.concatenate([renderer.latents(model, [s], 1 if p is None else p) for s, p in seeds])
        tiles(
            "fill-tiles",
            renderer.sheet(renderer.pictures(model, z)),
            [
                {"id": key, "label": f"Seed {key}", "caption": key, "marked": key in held}
                for key in (write([seed]) for seed in seeds)
            ],
            lambda key: toggle(into, key),
            label="Samples to pick exemplars from",
            width=72,
            smooth=session.view().smooth,
        )


def choose_wanted(classifier):
    """{attribute: wanted or not} from two fields."""
    names = classifier.recognised
    having = st.multiselect("Show me samples with", names, key="fill-with", width=220)
    lacking = st.multiselect("and without", [n for n in names if n not in having], width=220)
    return dict.fromkeys(having, True) | dict.fromkeys(lacking, False)


def samples(model, classifier, wanted, first):
    """Seeds to show: the next ones, or the surest of those that show what is wanted."""
    first = int(first or 0)
    if not wanted:
        return [(seed, None) for seed in range(first, first + GRID)]
    with st.spinner(f"Looking through {POOL} samples …", show_time=True):
        found, _ = arithmetic.search(model, classifier, wanted, POOL, first)
    return [(int(seed), None) for seed in found[:GRID]]


def from_tray(name):
    """The tray's samples of this model that have a seed."""
    items = [i for i in session.picked().items if i.model == name and i.seed is not None]
    return [(i.seed, None if i.psi == 1.0 else i.psi) for i in items]


# The result.


@panels.panel("canvas")
def result(name, model, a, b, c):
    """The picture over the strength of A − B, as summed and on the shell, with its controls."""
    view = session.view()
    difference, shell = a - b, arithmetic.shell(model.prior)
    left, right = st.columns([3, 2], gap="large")
    with left:
        z, images = canvas(
            "sum-canvas",
            model,
            [Sum(c, difference[None]), Sum(c, difference[None], shell)],
            [axis("Strength", 0, 1.5, ticks=[0, 1])],
            [view.strength],
            lambda values, _: session.set_view(strength=round(values[0], 2)),
            label=f"C and {view.strength:.2f} times A − B, of {name}",
            panes=("As summed", f"Brought to the prior’s length, {shell:.1f}"),
            smooth=view.smooth,
            browser=drawing.addresses(model),
        )
        keep(name, model, z, images)
    with right:
        sheet(model, z[1], view)
        controls(model, a, b, c, shell, view)


def keep(name, model, z, images):
    """Numbers, and ways to keep the result."""
    scores = renderer.scores(model, images)
    for place, title in enumerate(("As summed", "On the shell")):
        words = [title, f"|z| {np.linalg.norm(z[place]):.2f}"]
        if scores is not None:
            words.append(f"D(x) {scores[place]:.3f}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(" · ".join(words), width="content")
            st.button(
                "Add to tray",
                key=f"add-sum-{place}",
                icon=":material/add:",
                on_click=add,
                args=(
                    tray.Item(f"A − B + C, {title.lower()}", name, model.hash, None, 1.0, z[place]),
                ),
            )
    recipe = {"model": name, "model_hash": model.hash, **contents()}
    recipe |= {"strength": session.view().strength, "z": [float(str(v)) for v in z[0]]}
    st.download_button(
        "Recipe, JSON",
        json.dumps(recipe),
        f"{name}-arithmetic.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def add(item):
    if session.change_tray(tray.add, tray.copy(item)):
        session.say(f"{item.name} is on the tray.")
    panels.redraw()


def sheet(model, z, view):
    """Radford's 3 × 3 sheet."""
    near = renderer.pictures(model, arithmetic.sheet(z))
    st.image(
        renderer.sheet_png(near),
        width=288,
        caption="The result in the middle, around it uniform noise of ±0.25 (Radford et al. 2016)",
    )


def controls(model, a, b, c, shell, view):
    """What the same step does without the meaning, and without the averaging."""
    whole = c + view.strength * (a - b)
    random = [arithmetic.random_control(c, whole, seed) for seed in range(3)]
    lists = [renderer.latents(model, [s], 1 if p is None else p)[0] for s, p in firsts()]
    single = lists[2] + view.strength * (lists[0] - lists[1])
    rows = np.stack([c, *random, single])
    rows *= shell / np.linalg.norm(rows, axis=1, keepdims=True)
    captions = ["C alone", *["random"] * 3, "single"]
    tiles(
        "sum-controls",
        renderer.sheet(renderer.pictures(model, rows)),
        [
            {"id": str(i), "label": f"Control: {caption}", "caption": caption}
            for i, caption in enumerate(captions)
        ],
        lambda _: None,
        label="Controls",
        width=60,
        smooth=view.smooth,
    )
    st.caption(
        "Controls, on the shell: C alone; as long a step from C in three random directions; the"
        " first exemplar of each basket in place of the means."
    )


def firsts():
    return [read(basket)[0] for basket in BASKETS]
