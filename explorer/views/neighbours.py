"""Neighbours: has the GAN invented this picture, or remembered it from its training set?"""

import numpy as np
import streamlit as st

from explorer import evidence, panels, picker, renderer, session
from explorer.live.tiles import tiles
from gan_core.errors import InputError
from gan_core.latent import MAX_SEED

K = 8
SIDE = 256  # pixels a side of the pictures that are compared


def page(card_page=None):
    """The page, top to bottom."""
    name, model = picker.choose("Neighbours", card_page)
    choose_sample(name, model)
    try:
        data = evidence.training_images(model)
    except InputError as error:
        st.info(str(error))
        return
    neighbours(name, model, data)


def choose_sample(name, model):
    """Which picture is asked about."""
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
        st.segmented_control(
            "Nearest in",
            evidence.SPACES,
            format_func=evidence.SPACES.get,
            **session.widget("space", evidence.SPACES),
            help="Pixels find copies that lie pixel on pixel, mirrored too. Features find what"
            " looks alike; EfficientNet’s take minutes the first time.",
        )
        with st.popover("View", icon=":material/tune:"):
            st.toggle("Smooth scaling", **session.widget("smooth"))


def take_seed(name):
    st.session_state.pop("of_item", None)
    session.take(name)


def random_seed():
    st.session_state.pop("of_item", None)
    session.set_view(of=int(np.random.default_rng().integers(1_000_000)))


def take_item(item_id):
    item = session.picked().find(item_id)
    if item is not None and item.seed is not None and item.psi == 1.0:
        st.session_state.pop("of_item", None)
        session.set_view(of=item.seed)
    else:
        st.session_state.of_item = item_id
        st.session_state.touched = True


def asked_about(name, model):
    """(words, float32 (1, nz)) of the picture asked about: the tray's, or that of the seed."""
    item = session.picked().find(st.session_state.get("of_item"))
    if item is not None and item.model == name and len(item.z) == model.prior.size:
        return item.name, item.z[None]
    seed = session.view().of
    return f"Seed {seed}", renderer.latents(model, [seed])


@panels.panel("neighbours")
def neighbours(name, model, data):
    """The picture, its nearest training images, and one of them beside it."""
    view = session.view()
    words, z = asked_about(name, model)
    image = renderer.pictures(model, z)[0]
    with st.spinner("Comparing with the training images …", show_time=True):
        found = evidence.nearest(model, data, image, view.space, K)
    key = f"{model.hash}-{z.tobytes().hex()[:32]}-{view.space}"
    chosen = st.session_state.get("neighbour", {}).get(key, 0)
    chosen = min(chosen, len(found.indices) - 1)
    near = [np.asarray(data.images[i]) for i in found.indices]
    near = [i[:, ::-1] if flip else i for i, flip in zip(near, found.mirrored, strict=True)]
    beside(words, image, near[chosen], view)
    facts(data, found, chosen, view.space)
    st.subheader(f"Nearest of {len(data.images):,} training images", anchor=False)
    tiles(
        "neighbour-tiles",
        renderer.sheet(np.stack(near)),
        [
            {
                "id": str(place),
                "label": f"Neighbour {place + 1}, {told(distance, view.space)},"
                f" {data.files[index]}" + (", mirrored" if flip else ""),
                "caption": told(distance, view.space) + (" ⇋" if flip else ""),
                "current": place == chosen,
            }
            for place, (distance, index, flip) in enumerate(
                zip(found.distances, found.indices, found.mirrored, strict=True)
            )
        ],
        lambda place: choose(key, int(place)),
        label="Nearest training images",
        width=108,
        smooth=view.smooth,
    )
    judge(model, data, found, view.space)


def told(distance, space):
    """A distance in words."""
    return f"{distance:.1f} levels" if space == "pixels" else f"{distance:.3f}"


def choose(key, place):
    st.session_state.neighbour = {key: place}


def beside(words, image, near, view):
    """The sample, the training image and their difference, at the same size."""
    difference = np.abs(image.astype(np.int16) - near).astype(np.uint8)
    captions = (renderer.plain(words), "Training image", "Difference, absolute")
    columns = st.columns(3, width=3 * SIDE + 64)
    for column, picture, caption in zip(columns, (image, near, difference), captions, strict=True):
        column.image(renderer.large(picture, view.smooth), width="stretch", caption=caption)


def facts(data, found, place, space):
    """What is known of the training image that is shown."""
    index = int(found.indices[place])
    words = [
        f"Number {index}",
        renderer.plain(data.files[index]),
        told(found.distances[place], space),
    ]
    if found.mirrored[place]:
        words.append("mirrored")
    shows = [
        f"{label}: {value}" if not isinstance(value, int | np.integer) else label
        for label, value in ((n, values[index]) for n, values in data.attributes.items())
        if not isinstance(value, int | np.integer) or value
    ]
    st.caption(" · ".join(words))
    if shows:
        st.caption(renderer.plain(" · ".join(map(str, shows))))


def judge(model, data, found, space):
    """Where the nearest distance stands among those of real images."""
    with st.spinner("Measuring how near real images are to one another …", show_time=True):
        standing = evidence.standing(model, data, found.distances[0], space)
    kinds = {
        "held-out": "of held-out images, never trained on, lie nearer to a training image",
        "training": "of training images lie nearer to another one",
    }
    for kind, percentile in standing.items():
        st.markdown(f"**{percentile:.0f} %** {kinds[kind]} than this sample does.")
    st.caption(
        "A sample that is nearer than nearly all real ones may be a copy. One that is not may still"
        " be one, shifted or recoloured; and a blurred picture is near to many. No single number"
        f" is a verdict. ({evidence.REFERENCES} real images of each kind at most.)"
    )
