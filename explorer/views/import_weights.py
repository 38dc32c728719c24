"""Import: turns weights that were trained elsewhere into a model in the menu."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.services import model_registry, quotas, renderer, stranger_text, training_data, trust
from explorer.state import session
from explorer.widgets import page_intro
from explorer.widgets.uploader import uploader
from gan_core import importers
from gan_core.data import training_set
from gan_core.util import valid_names
from gan_core.util.errors import InputError

SHOWN = 16  # samples in the preview
VALUES = {"signed": "−1 to 1", "unit": "0 to 1", "byte": "0 to 255"}
PRIORS = {"normal": "Normal", "uniform": "Uniform, −1 to 1"}
ACTIVATIONS = {
    "relu": "ReLU",
    "leaky": "LeakyReLU 0.2",
    "leaky-0.01": "LeakyReLU 0.01",
    "elu": "ELU",
}
OUTPUTS = {"tanh": "tanh, −1 to 1", "sigmoid": "sigmoid, 0 to 1"}
CHOICES = ("values", "size", "activation", "output", "prior")  # that need the file to be read again
NOT_KNOWN = "Not known"


def page(browse_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    page_intro.header("Import", "import")
    st.markdown(
        "Import a generator that was trained elsewhere: the weights of a DCGAN, whatever its "
        "layers are called, as a PyTorch checkpoint or safetensors file, or any ONNX file that "
        "turns a latent into an image. Python code in a file is never run."
    )
    first, second = st.columns(2, gap="medium")
    upload = uploader("Weights of the generator", "weights", first)
    judge = uploader(
        "Weights of its discriminator, if you have them",
        "weights",
        second,
        help=(
            "With these weights, pages show D(x), the discriminator’s opinion of whether a picture "
            "is real."
        ),
    )
    if why := trust.reason():
        st.info(why)
    imported = recognise(upload, judge) if upload is not None else None
    done(browse_page)
    if imported is None:
        return
    # On a phone the pictures come first, so that nobody imports weights without seeing them.
    left, right = st.columns([3, 2], gap="large")
    with right:
        facts(imported)
        settle(imported)
        name_and_button(imported)
    with left:
        preview(imported)


def recognise(upload: UploadedFile, judge: UploadedFile | None) -> importers.Imported | None:
    """The Imported of an upload, with the choices made for it; None if it was refused."""
    key: tuple = (upload.file_id, judge and judge.file_id, chosen())
    before = st.session_state.get("import_read")
    if before is None or before[0][0] != upload.file_id:
        for name in CHOICES:  # a choice made for another file does not apply to this one
            st.session_state[f"import-{name}"] = None
        st.session_state.import_decided = {}
        key = (*key[:2], chosen())
        st.session_state.import_named = unused(upload.name)
        st.session_state.pop("import_done", None)
    if before is None or before[0] != key:
        with st.spinner("Reading the file …", show_time=True):
            before = key, read(upload, judge)
        st.session_state.import_read = before
    result = before[1]
    if isinstance(result, importers.Imported):
        return result
    if isinstance(result, importers.SizeUnknown):
        ask_size(result.sizes)
        return None
    st.error(stranger_text.sentence(result))
    tensors = getattr(result, "tensors", [])
    if tensors:
        with st.expander(
            f"What the file holds: {len(tensors):,} tensor{'' if len(tensors) == 1 else 's'}"
        ):
            columns = ("Name", "Shape", "Type")
            rows = [
                dict(zip(columns, map(stranger_text.clean, row), strict=True)) for row in tensors
            ]
            st.dataframe(rows, hide_index=True, width="stretch")
    return None


def chosen() -> tuple:
    """What was chosen for the file, in the order of CHOICES; None for what the file decided."""
    decided = st.session_state.get("import_decided", {})
    values = {name: st.session_state.get(f"import-{name}") for name in CHOICES}
    return tuple(None if decided.get(name) == value else value for name, value in values.items())


def ask_size(sizes: list[int]) -> None:
    """Ask for the size of the pictures, which nothing in the file tells."""
    st.info(
        "These weights fit pictures of several sizes, and the file does not say which. Choose the "
        "size that the model was trained on."
    )
    st.segmented_control(
        "Size of the pictures",
        sizes,
        format_func=lambda size: f"{size} × {size}",
        key="import-size",
    )


def read(upload: UploadedFile, judge: UploadedFile | None) -> importers.Imported | InputError:
    """What `importers.read` returns for an upload, or the InputError that it raised."""
    trust.check()
    values, size, activation, output, prior = chosen()
    with quotas.holding("probes"), tempfile.TemporaryDirectory() as folder:
        path = put(upload, Path(folder) / "generator")
        other = put(judge, Path(folder) / "discriminator") if judge is not None else ""
        try:
            return importers.read(
                path,
                discriminator=other,
                values=values or "",
                size=size or 0,
                activation=activation or "",
                output=output or "",
                prior=prior or "",
            )
        except InputError as error:
            return error


def put(upload: UploadedFile, folder: Path) -> Path:
    """Write an upload into a new folder under its own name, which messages mention."""
    folder.mkdir()
    path = folder / safe(upload.name)
    path.write_bytes(upload.getbuffer())
    return path


def safe(name: str) -> str:
    """A file's name without characters that have a meaning in a path."""
    return re.sub(r"[^\w .+-]", "_", Path(name).name)[:100].lstrip(".") or "file"


def facts(imported: importers.Imported) -> None:
    """What was recognised and what was assumed."""
    sizes = imported.architecture
    judged = "none, so no D(x)" if imported.discriminator is None else "recognised too"
    rows = {
        "Recognised as": imported.words,
        "Images": f"{sizes['size']} × {sizes['size']} × {sizes['channels']}",
        "Latents": f"{sizes['nz']} numbers",
        "ngf": sizes.get("ngf"),
        "Parameters": f"{imported.parameters:,}",
        "Discriminator": judged,
    }
    st.table(
        {key: stranger_text.plain(value) for key, value in rows.items() if value},
        border="horizontal",
    )
    if imported.left_out:
        st.error(stranger_text.sentence(imported.left_out))
    notes = [note for note in imported.notes if note != imported.left_out]
    if notes:
        st.caption(" ".join(stranger_text.plain(note) for note in notes))
    for doubt in imported.doubts:
        st.warning(stranger_text.sentence(doubt))


def settle(imported: importers.Imported) -> None:
    """Controls for what the file does not say; a choice makes the file be read again."""
    if imported.values is not None:
        choose(
            "values",
            "Pixel values",
            VALUES,
            imported.values,
            "Estimated from 16 samples. With the wrong range, pictures look too dark or too pale.",
        )
    if len(imported.possible) > 1:
        sizes = {size: f"{size} × {size}" for size in imported.possible}
        choose(
            "size",
            "Size of the pictures",
            sizes,
            imported.choices.size,
            "The weights fit each of these sizes. With the wrong size, pictures show a border or "
            "a grid.",
        )
    if imported.choices.activation:
        choose(
            "activation",
            "Activation in the generator",
            ACTIVATIONS,
            imported.choices.activation,
            "Recognised from the batch-norm statistics, if there are any. With the wrong "
            "activation, pictures look washed out or too harsh.",
        )
        choose(
            "output",
            "Last activation",
            OUTPUTS,
            imported.choices.output,
            "Most DCGANs end with tanh. With the wrong activation, pictures look too pale or too "
            "harsh.",
        )
    choose(
        "prior",
        "Latents it was trained on",
        PRIORS,
        imported.prior.kind,
        "Most DCGANs are trained on normal latents; the paper used uniform ones.",
    )


def choose(
    name: str, label: str, options: Mapping[Any, str], decided: str | int, explanation: str
) -> None:
    """A choice, one of CHOICES, that begins with what was decided from the file."""
    key = f"import-{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = st.session_state.import_decided[name] = decided
    st.segmented_control(
        label, options, format_func=lambda value: options[value], key=key, help=explanation
    )


def name_and_button(imported: importers.Imported) -> None:
    """The name, the training set if one fits, and the button."""
    sets = matching_sets(imported)
    data: str | Path = ""
    if sets:
        chosen = st.selectbox(
            "Trained on",
            [NOT_KNOWN, *sets],
            help="With its training images, the page Neighbours can look for copies.",
        )
        data = sets.get(chosen, "")
    # Streamlit forgets a field that was not on the page because a file was refused.
    st.session_state["import-name"] = st.session_state.import_named
    st.text_input("Name", key="import-name", max_chars=64, on_change=named)
    problem = st.session_state.pop("import_problem", "")
    if problem:  # above the button, where people look
        st.error(stranger_text.sentence(problem))
    st.button(
        "Import",
        type="primary",
        icon=":material/download:",
        on_click=write,
        args=(imported, data),
    )


def named() -> None:
    st.session_state.import_named = st.session_state["import-name"]


def write(imported: importers.Imported, data: str | Path) -> None:
    """Write the checkpoint and switch to it."""
    name = st.session_state["import-name"].strip()
    st.session_state.pop("import_done", None)
    try:
        trust.check()
        valid_names.check(name)
        taken = valid_names.find_same(name, model_registry.entries())
        if taken:
            raise InputError(f"There is already a model called {taken}; choose another name.")
        place = folder() / name
        # Set before writing: if the visitor opens another page meanwhile, this callback is aborted
        # at its next access to the session, and the message is still shown when they come back.
        st.session_state.import_done = name
        with quotas.holding("probes"):
            importers.save(imported, place, name, data=data)
    except InputError as error:
        st.session_state.import_problem = str(error)
        st.session_state.pop("import_done", None)
        return
    session.set_view(model=name, weights="")


def done(browse_page: StreamlitPage | None) -> None:
    """A message that the last import is in the menu, with a link."""
    name = st.session_state.get("import_done")
    if name and name in model_registry.entries():
        words = stranger_text.plain(name)
        st.success(f"{words} is now in the model menu of every page.")
        if browse_page is not None:
            st.page_link(browse_page, label=f"Browse {words}", icon=":material/grid_view:")


def folder() -> Path:
    """The folder for new checkpoints. Raises InputError when there is none or it is read-only."""
    folders = [path for path in model_registry.folders() if not (path / "model.json").exists()]
    if not folders:
        raise InputError(
            "The app was started with individual checkpoints, so there is no folder for a new "
            "one; start it with `python -m explorer --checkpoints FOLDER`."
        )
    if not os.access(folders[0], os.W_OK):
        raise InputError(f"The checkpoint folder {folders[0].name} cannot be written to.")
    return folders[0]


def unused(file: str) -> str:
    """A name for a model, made from a file's name, that is not taken."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(file).stem).lstrip("._-")[:56] or "model"
    return model_registry.unused(stem, model_registry.entries()).replace(" (", "-").rstrip(")")


def matching_sets(imported: importers.Imported) -> dict[str, Path]:
    """name -> folder of the available packed training sets with images of the same size."""
    size, channels = imported.architecture["size"], imported.architecture["channels"]
    sets = {}
    for place in training_data.given():
        try:
            card = training_set.read_card(place)
        except InputError:
            continue
        if (card["shape"][1], card["shape"][3]) == (size, channels):
            sets[place.name] = place
    return sets


def preview(imported: importers.Imported) -> None:
    """The first samples, large enough to judge them."""
    try:
        with st.spinner("Drawing samples …", show_time=True):
            sheet = renderer.preview(imported, SHOWN)
    except InputError as error:
        st.error(stranger_text.sentence(error))
        return
    st.image(
        sheet,
        width="stretch",
        alt=f"Samples of the imported model, seeds 0 to {SHOWN - 1}",
        caption=(
            f"Seeds 0 to {SHOWN - 1} at ψ = 1, unselected. If you see noise or wrong colours, the "
            "file was not recognised correctly."
        ),
    )
