"""Neighbours: has the GAN invented this picture, or remembered it from its training set?"""

import hashlib

import numpy as np
import streamlit as st

from explorer.components.canvas import axis, canvas
from explorer.components.motions import Path
from explorer.components.tiles import tiles
from explorer.services import nearest, references, renderer, stranger_text, training_data, trust
from explorer.state import exemplars, fragments, session, url_state
from explorer.widgets import add_to_tray, charts, model_picker, neighbours_link
from explorer.widgets.keyframes import MODES, choose_keyframes, frame_count
from explorer.widgets.uploader import most, uploader
from gan_core.latent import MAX_SEED
from gan_core.util.errors import InputError

SIDE = 256  # pixels a side of the pictures that are compared
ASKED = {
    "sample": "Sample",
    "path": "Path",
    "training": "Training image",
    "upload": "Your picture",
}
WHERE = {
    "pixels": "pixels",
    "discriminator": "D’s features",
    "effnet": "EfficientNet’s features",
}
# Streamlit puts columns one below the other where the screen is narrow.
IN_A_ROW = """<style>
[class*="st-key-beside"] .stHorizontalBlock { flex-wrap: nowrap; gap: 0.5rem; }
[class*="st-key-beside"] .stColumn { flex: 1 1 0; min-width: 0; }
</style>"""
# What is told is of the position where the slider was taken up.
GREY_WHILE_DRAGGED = """<style>
.stMain:has(.st-key-path-canvas:active) :is(.st-key-path-told, .st-key-path-facts) { opacity: 0.4; }
</style>"""
UNITS = {"pixels": "levels of 256, root mean square"}


def page(card_page=None, report_page=None):
    """The page, top to bottom."""
    name, model = model_picker.choose("Neighbours", card_page)
    st.segmented_control(
        "Neighbours of",
        ASKED,
        format_func=ASKED.get,
        label_visibility="collapsed",
        **session.widget("ask", ASKED),
    )
    try:
        data, missing = training_data.training_images(model), ""
    except InputError as error:
        data, missing = None, str(error)
    view = session.view()
    asked = ASKS[view.ask](name, model, data)
    if missing:
        st.info(stranger_text.sentence(missing))
    elif asked is not None:
        compare(name, model, data, asked)
        if told := training_data.not_the_same_bytes(model, data):
            st.caption(stranger_text.sentence(told))
    if report_page is not None and data is not None:
        st.page_link(
            report_page,
            label="All samples at once: Memorisation",
            icon=":material/monitoring:",
        )


# Which picture is asked about. Each returns what `compare` draws, or None while there is none.


def ask_sample(name, model, data):
    """A seed, or a picture of the tray."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Seed",
            0,
            MAX_SEED,
            step=1,
            width=150,
            help="The sample whose nearest training images are shown.",
            **session.widget("of", on_change=take_seed),
        )
        st.button("Random seed", icon=":material/casino:", on_click=random_seed)
        mine = [
            item
            for item in session.picked().items
            if item.model == name and len(item.z) == model.prior.size
        ]
        if mine:
            with st.popover("From tray", icon=":material/inbox:"):
                tiles(
                    "of-tiles",
                    renderer.sheet(renderer.pictures(model, np.stack([i.z for i in mine]))),
                    [{"id": i.id, "label": i.name, "caption": i.name} for i in mine],
                    take_item,
                    label="Pictures on the tray to find the neighbours of",
                    width=72,
                    smooth=session.view().smooth,
                )
        space_and_view(many=True)
    words, z = asked_about(model)
    return lambda: of_picture(model, data, words, renderer.pictures(model, z)[0], "sample")


def take_seed(name):
    session.set_view(picture="")
    session.take(name)


def random_seed():
    session.set_view(picture="", of=int(np.random.default_rng().integers(1_000_000)))


def take_item(item_id):
    item = session.picked().find(item_id)
    if item is not None:
        neighbours_link.about(item)


def asked_about(model):
    """(words, float32 (1, nz)) of the picture asked about: the one taken, or that of the seed."""
    view = session.view()
    seed, psi = url_state.read_exemplars(view.picture)[0] if view.picture else (view.of, None)
    kept = exemplars.find(seed) if exemplars.is_kept(seed) else None
    if kept is not None and kept.model_hash == model.hash:
        return kept.title, kept.z[None]
    if exemplars.is_kept(seed):
        st.info(
            f"That picture is not of this model, so seed {view.of} is shown."
            if kept
            else "That picture has no seed, so the link could not carry it; take it from the tray,"
            f" or save the tray to a file the next time. Seed {view.of} is shown."
        )
        seed = view.of
    words = f"Seed {seed}" + ("" if psi in (None, 1.0) else f", ψ = {psi:g}")
    return words, renderer.latents(model, [seed], exemplars.whole(psi))


def ask_path(name, model, data):
    """The path of the page Interpolate."""
    keyframes = choose_keyframes(name, model)
    if session.view().mode == "both":
        session.set_view(mode="slerp")
    modes = {mode: MODES[mode] for mode in ("slerp", "lerp")}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Interpolation", modes, format_func=modes.get, **session.widget("mode", modes)
        )
        st.toggle("Closed path", **session.widget("closed"))
        space_and_view(steps=True)
    if keyframes is None:
        return None
    return lambda: of_path(name, model, data, keyframes)


def ask_training(name, model, data):
    """The number of a training image; what is near are samples."""
    count = len(data.images) if data is not None else 1
    if session.view().image >= count > 1:
        session.set_view(image=count - 1)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Training image",
            0,
            max(count - 1, 1),
            step=1,
            width=150,
            help=f"Its number, from 0 to {count - 1}. What is shown are the nearest of"
            f" {nearest.SAMPLES:,} samples.",
            disabled=data is None,
            **session.widget("image"),
        )
        st.button(
            "Random image",
            icon=":material/casino:",
            disabled=data is None,
            on_click=lambda: session.set_view(image=int(np.random.default_rng().integers(count))),
        )
        space_and_view(many=True)
    return lambda: of_training(name, model, data, min(session.view().image, count - 1))


def ask_upload(name, model, data):
    """A picture from outside. It is kept, so that another page or model loses nothing."""
    if data is None:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        space_and_view(many=True)
    new = uploader(
        f"A picture of yours, PNG, JPEG or WebP up to {most('picture')} MB; it is kept in memory"
        " alone",
        "picture",
        key="picture-upload",
    )
    if new is not None:
        st.session_state.upload = (new.name, new.getvalue())
    if "upload" not in st.session_state:
        return None
    words, content = st.session_state.upload
    try:
        image = decoded(hashlib.sha256(content).hexdigest(), model.hash, content, model, data)
    except InputError as error:
        # A file that the browser has refused since is told below the field; this is of another.
        raise InputError(f"{words}: {error}") from None
    st.caption(
        f"Its centre square, at {model.size} × {model.size} pixels, as the training images are."
    )
    return lambda: of_picture(model, data, words, image, "picture")


@st.cache_data(max_entries=16, show_spinner=False)
def decoded(digest, weights, _content, _model, _data):
    return training_data.read_picture(_content, _model, _data)


ASKS = {"sample": ask_sample, "path": ask_path, "training": ask_training, "upload": ask_upload}


def space_and_view(steps=False, many=False):
    """Where distances are taken, how many neighbours, and what is seldom changed."""
    space_control()
    if many:
        st.segmented_control(
            "How many", url_state.NEIGHBOURS, **session.widget("k", url_state.NEIGHBOURS)
        )
    with st.popover("View", icon=":material/tune:"):
        if steps:
            st.segmented_control(
                "Frames per segment",
                url_state.STEPS,
                **session.widget("step", url_state.STEPS, closed=True),
            )
        st.toggle("Smooth scaling", **session.widget("smooth", closed=True))


def space_control(label="Compare in"):
    st.segmented_control(
        label,
        nearest.SPACES,
        format_func=nearest.SPACES.get,
        **session.widget("space", nearest.SPACES),
        help="Pixels find copies that lie pixel on pixel, mirrored too. Features find what"
        " looks alike; EfficientNet’s take minutes the first time.",
    )


# What is shown.


@fragments.panel("neighbours")
def compare(name, model, data, draw):
    """The comparison."""
    draw()


def of_picture(model, data, words, image, noun):
    """A picture, its nearest training images in every space, and one of them beside it."""
    view = session.view()
    place = st.container()
    st.subheader(f"Nearest of {len(data.images):,} training images", anchor=False)
    # What is quick comes first, so that it can be seen while the others are made ready.
    for space in nearest.spaces(model, data, view.space):
        st.markdown(f"**In {WHERE[space]}**" + (" · compared above" * (space == view.space)))
        try:
            if not nearest.ready(space, model, data):
                continue  # a bar tells how far it is
        except trust.Refused as error:
            st.caption(str(error))
            continue
        found = nearest.find(model, data, image, space, view.k)
        near = nearest.take(data, found)
        key = f"{model.hash}-{hashlib.sha256(image).hexdigest()[:16]}-{space}"
        chosen = chosen_of(key, found)
        if space == view.space:
            with place:
                beside((image, near[chosen]), (words, "Training image"), view)
                facts(data, found, chosen, space)
        labels = [stranger_text.clean(data.files[i]) for i in found.indices]
        current = chosen if space == view.space else None
        gallery(
            f"neighbour-tiles-{space}", key, near, found, current, "Neighbour", labels, space, view
        )
        judge(model, data, found, space, noun)
    caution(data)


def of_training(name, model, data, number):
    """A training image and its nearest samples."""
    view = session.view()
    if not nearest.ready(view.space, model, data):
        return
    if not nearest.samples_ready(view.space, model):
        return
    samples = nearest.samples_of(model)
    image = np.asarray(data.images[number])
    found = nearest.find(model, samples, image, view.space, view.k)
    near = nearest.take(samples, found)
    key = f"{model.hash}-training-{number}-{view.space}"
    chosen = chosen_of(key, found)
    seed = int(found.indices[chosen])
    beside((image, near[chosen]), (f"Training image {number}", f"Seed {seed}"), view)
    with st.container(horizontal=True, vertical_alignment="center"):
        words = [f"Seed {seed}", told(found.distances[chosen], view.space)]
        words += ["mirrored"] if found.mirrored[chosen] else []
        st.caption(" · ".join(words), width="content")
        add_to_tray.button(session.item(name, model, seed, 1.0), "add-sample")
    about_image(data, number)
    st.subheader(f"Nearest of {len(samples.images):,} samples", anchor=False)
    labels = [f"seed {i}" for i in found.indices]
    gallery("neighbour-tiles", key, near, found, chosen, "Sample", labels, view.space, view)
    if not references.compared(view.space, model, data, samples):
        return
    standing = references.standing(model, data, found.distances[0], view.space, samples)
    if "held-out" in standing:
        st.markdown(
            f"**{percent(standing['held-out'][0])}** of held-out images, never trained on, lie"
            " nearer to a sample than this training image does."
        )
    st.caption(
        "A training image that was learned by heart lies nearer to some sample than held-out ones"
        f" do. The samples are those of seeds 0 to {len(samples.images) - 1:,}; another one may"
        f" lie nearer. {references.left_out(data)}"
    )


def of_path(name, model, data, keyframes):
    """A path: the sample and its nearest training image under the slider, and all along it."""
    view = session.view()
    if not nearest.ready(view.space, model, data):
        return
    segments = len(keyframes) - (0 if view.closed else 1)
    if view.at > segments:
        session.set_view(at=float(segments))
        view = session.view()
    path = Path(keyframes, view.mode, view.closed)
    times = np.arange(frame_count(segments, view)) / view.step
    images = renderer.pictures(model, path.latents(times[:, None]))
    parts = nearest.search(model, data, images, view.space, 1)
    found = nearest.Neighbours(*(part[:, 0] for part in parts))
    st.html(GREY_WHILE_DRAGGED)
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="path-canvas"):
        z, _ = canvas(
            "beside-canvas",
            nearest.Beside(model, data, view.space),
            [path],
            [axis("Position", 0, segments, ticks=list(range(segments + 1)))],
            [view.at],
            lambda values, _: session.set_view(at=round(values[0], 2)),
            label=f"Picture of {name} at position {view.at:.2f} of the path, and its nearest"
            " training image",
            panes=["Sample", "Nearest training image"],
            smooth=view.smooth,
            panel="neighbours",
        )
    here = renderer.pictures(model, z)
    closest = nearest.find(model, data, here[0], view.space, 1)
    with right, st.container(key="path-told"):
        judged = judge(model, data, closest, view.space, "sample")
        caution(data)
    standing = references.standing(model, data, found.distances, view.space) if judged else {}
    with st.container(key="path-facts"):
        facts(data, closest, 0, view.space)
    place = int(np.argmin(np.abs(times - view.at)))
    kind, shares = next(iter(standing.items()), ("", [None] * len(times)))
    tiles(
        "pair-tiles",
        renderer.pairs(images, nearest.take(data, found)),
        [
            {
                "id": f"{time:.4f}",
                "label": f"Position {time:.2f}: sample above, training image {index} below,"
                f" {told(distance, view.space)}",
                "caption": told(distance, view.space) if share is None else short(share),
                "current": i == place,
                "key": i % view.step == 0,
            }
            for i, (time, index, distance, share) in enumerate(
                zip(times, found.indices, found.distances, shares, strict=True)
            )
        ],
        lambda time: session.set_view(at=round(float(time), 2)),
        label="Samples of the path above their nearest training images",
        width=84,
        row=True,
        smooth=view.smooth,
    )
    if not standing:
        return
    st.caption(
        f"The sample above, its nearest training image below, and how many {kind} images lie nearer"
        " to one than the sample does."
    )
    along(model, data, times, found.distances, view)


def along(model, data, times, distances, view):
    """The distance along the path, over where those of held-out images lie."""
    real = references.real_distances(view.space, model, data)
    real = real["held-out"] if len(real["held-out"]) else real["training"]
    band = tuple(np.quantile(real, [0.05, 0.5, 0.95]))
    series = [("samples", distances, charts.SAMPLES)]
    charts.show(charts.along_path(series, times, view.at, "distance", 200, band), "along")
    st.caption(
        "Distance to the nearest training image along the path, in"
        f" {UNITS.get(view.space, '1 − cosine')}. Nine in ten held-out images lie in the band."
    )


# Colours that read on light and on dark: samples, held-out images, training images.


def told(distance, space):
    """A distance in words."""
    return f"{distance:.1f} levels" if space == "pixels" else f"{distance:.3f}"


def chosen_of(key, found):
    """Which of the neighbours is shown large."""
    chosen = st.session_state.get("neighbour", {}).get(key, 0)
    return min(chosen, len(found.indices) - 1)


def choose(key, place, space):
    st.session_state.neighbour = {key: place}
    if space != session.view().space:
        session.set_view(space=space)
        fragments.redraw()  # the switch stands above the panel


def gallery(name, key, near, found, chosen, noun, labels, space, view):
    """The neighbours as tiles; a click puts one beside the picture."""
    tiles(
        name,
        renderer.sheet(near),
        [
            {
                "id": str(place),
                "label": f"{noun} {place + 1}, {told(distance, space)}, {label}"
                + (", mirrored" if flip else ""),
                "caption": told(distance, space) + (" ⇋" if flip else ""),
                "current": place == chosen,
            }
            for place, (distance, label, flip) in enumerate(
                zip(found.distances, labels, found.mirrored, strict=True)
            )
        ],
        lambda place: choose(key, int(place), space),
        label=("Nearest samples" if noun == "Sample" else "Nearest training images")
        + f" in {WHERE[space]}",
        width=108,
        smooth=view.smooth,
    )


def beside(images, captions, view, key="beside"):
    """Two pictures and their difference, at the same size and in one row on a phone too."""
    first, second = images
    difference = np.abs(first.astype(np.int16) - second).astype(np.uint8)
    captions = (*map(stranger_text.plain, captions), "Difference, absolute")
    st.html(IN_A_ROW)
    columns = st.container(key=key).columns(3, width=3 * SIDE + 64)
    for column, picture, caption in zip(
        columns, (first, second, difference), captions, strict=True
    ):
        column.image(renderer.large(picture, view.smooth), width="stretch", caption=caption)


def facts(data, found, place, space):
    """What is known of the training image that is shown."""
    index = int(found.indices[place])
    words = [
        f"Number {index}",
        stranger_text.plain(data.files[index]),
        told(found.distances[place], space),
    ]
    if found.mirrored[place]:
        words.append("mirrored")
    st.caption(" · ".join(words))
    attributes(data, index)


def about_image(data, index):
    """Number, file and attributes of a training image that is asked about."""
    st.caption(f"Number {index} · {stranger_text.plain(data.files[index])}")
    attributes(data, index)


def attributes(data, index):
    """What is known of a training image in words, if anything."""
    shows = [
        f"{label}: {value}" if not isinstance(value, int | np.integer) else label
        for label, value in ((n, values[index]) for n, values in data.attributes.items())
        if not isinstance(value, int | np.integer) or value
    ]
    if shows:
        st.caption(stranger_text.plain(" · ".join(map(str, shows))))


def judge(model, data, found, space, noun):
    """What the nearest distance means: several kinds of evidence, none of them a verdict.

    Returns False while the distances of real images are being measured.
    """
    try:
        if not references.compared(space, model, data):
            return False
    except trust.Refused as error:
        st.caption(f"How near real images lie has not been measured. {error}")
        return False
    distance = found.distances[0]
    standing = references.standing(model, data, distance, space)
    kinds = {
        "held-out": "of held-out images, never trained on, lie nearer to a training image",
        "training": "of training images lie nearer to another one",
    }
    lines = [
        f"**{percent(shares[0])}** {kinds[kind]} than this {noun} does."
        for kind, shares in standing.items()
    ]
    if distance == 0:
        lines.insert(0, exact_copy(int(found.indices[0]), space))
    own = nearest.own_nearest(model, data, int(found.indices[0]), space)
    if len(own.distances):
        lines += [rule(distance, own, space), *confounded(model, data, int(found.indices[0]))]
    st.markdown("\n\n".join(lines))
    return True


def caution(data):
    """What none of these numbers can tell."""
    st.caption(
        "What is nearer than nearly all real images may be a copy. What is not may still be one,"
        " shifted or recoloured; and a blurred picture is near to many. No single number is a"
        f" verdict. ({references.REFERENCES} real images of each kind at most; the rule is"
        f" that of Alaa et al. 2022.) {references.left_out(data)}"
    )


def percent(share):
    """A share in 100 in words; only what is none, or all, is called so."""
    if 0 < share < 0.5:
        return "Less than 1 %"
    return "More than 99 %" if 99.5 <= share < 100 else f"{share:.0f} %"


def short(share):
    """The same under a picture, where there is little room."""
    return percent(share).replace("Less than", "<").replace("More than", ">")


def exact_copy(index, space):
    """What to say of a distance of 0: it is as near as anything gets."""
    if space == "pixels":
        return f"**An exact copy** of training image {index}: as near as it gets."
    return (
        f"**Not to be told apart** from training image {index} by these features: as near as it"
        " gets, for all that they see."
    )


def rule(distance, own, space):
    """The rule of authenticity in words."""
    authentic = distance > own.distances[0]
    return (
        f"**{'Authentic' if authentic else 'Not authentic'}** by the rule: its nearest training"
        f" image lies at {told(distance, space)}, that image’s own nearest other one at"
        f" {told(own.distances[0], space)}."
    )


def confounded(model, data, index):
    """What to know when a training image has a near-duplicate, in pixels whatever the space."""
    own = nearest.own_nearest(model, data, index, "pixels")
    if not len(own.distances) or own.distances[0] > references.NEAR:
        return []
    kind = "an exact duplicate" if own.distances[0] == 0 else "a near-duplicate"
    return [
        f"But that image has {kind} in the training set, number {int(own.indices[0])}:"
        " duplicates are learned by heart first, and beside them even a copy counts as authentic."
    ]
