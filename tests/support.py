"""Plain functions that several tests share."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import checkpoint
from gan_core.data import training_set
from gan_core.networks import registry

ROOT = Path(__file__).resolve().parent.parent
AVATARS = ROOT / "checkpoints" / "avatars"
needs_avatars = pytest.mark.skipif(
    not (AVATARS / "model.json").exists(), reason="needs checkpoints/avatars"
)
# How many odd values the long fuzzing tests try in each place; hundreds take hours.
TRIALS = int(os.environ.get("HOSTILE_TRIALS", 4))

# The files of tests that try hostile input: `pytest -m hostile`, see docs/security.md.
HOSTILE = {
    *("test_allowed_hosts.py", "test_forged_values.py", "test_hostile_files.py"),
    *("test_hostile_folders.py", "test_hostile_links.py", "test_mapped_arrays.py"),
    *("test_model_registry.py", "test_nothing_leaves.py", "test_onnx_sandbox.py"),
    *("test_preflight.py", "test_quotas.py", "test_regular_files.py", "test_shutdown.py"),
    *("test_about_page.py", "test_cache_contents.py", "test_damaged_fields.py"),
    *("test_json_values.py", "test_train_page.py", "test_uploads_in_memory.py"),
    *("test_behind_nginx.py", "test_closed_sockets.py", "test_content_policy.py"),
    *("test_answers.py", "test_shown_paths.py", "test_hostile_uploads.py"),
    *("test_image_sources.py", "test_lesson.py", "test_lessons_page.py"),
    *("test_hostile_commands.py", "test_printable_output.py"),
    *("test_stranger_text_browser.py", "test_stranger_uploads_browser.py"),
    *("test_trust.py", "test_visitors.py", "test_visitors_on_a_server.py", "test_words.py"),
    *("test_stored_tray.py", "test_browser_memory.py"),
}


def first_quick(values, quick=1):
    """Values to parametrise a test with; all but the first `quick` are left to the slow lane."""
    values = list(values)
    rest = [value if isinstance(value, tuple) else (value,) for value in values[quick:]]
    return values[:quick] + [pytest.param(*value, marks=pytest.mark.slow) for value in rest]


def pictures(n, size=32, channels=3, seed=0):
    """n pictures of noise, uint8 (n, size, size, channels)."""
    shape = (n, size, size, channels)
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def png(image):
    """The bytes of a picture as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    """Write a zip of {name: bytes}; path may be a file object. Returns the path."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def save_set(directory, n=64, size=32, channels=3, held_out=0, seed=0, name="set"):
    """Write a training set of noise; returns its directory."""
    card = {"name": name, "source": "noise", "licence": "CC0"}
    card["framing"] = {"crop": 1.0, "size": size, "channels": channels}
    with training_set.writing(directory, size, channels, card) as writer:
        for i, image in enumerate(pictures(n + held_out, size, channels, seed)):
            writer.add(image, f"{i}.png", held_out=i >= n)
    return directory


def save_conditional(directory, sizes, names, nz, seed=0, **card):
    """Write a checkpoint of an untrained conditional model whose class changes the picture.

    sizes: of its groups of classes. names: of its attributes. Returns its directory.
    """
    torch.manual_seed(seed)
    architecture = {"name": "conditional", "size": 32, "channels": 3, "nz": nz, "ngf": 4, "ndf": 4}
    architecture |= {"classes": sizes}
    generator, judge = registry.build(architecture)
    for norm in generator.norms:
        torch.nn.init.normal_(norm.scale.weight)
        torch.nn.init.normal_(norm.offset.weight)
    torch.nn.init.normal_(generator.last.weight, 0, 0.2)
    training = {"tied": names, "conditional": ",".join(dict.fromkeys(group(n) for n in names))}
    about = {"name": directory.name, "architecture": architecture, "training": training}
    about |= {"prior": {"kind": "normal", "size": nz}, "objective": "hinge", "training_set": {}}
    checkpoint.save(directory, generator, judge, about | card)
    return directory


def group(name):
    """The column of an attribute: that of "digit: 3" is digit."""
    return name.partition(": ")[0]


def save_checkpoint(
    directory, nz=8, seed=0, prior="normal", discriminator=True, statistics=False, **card
):
    """Write a checkpoint of an untrained narrow DCGAN; returns its directory.

    statistics: whether its norms have others than those of a new network. card: more of the
    description; `architecture` in it adds to that of the network.
    """
    torch.manual_seed(seed)
    architecture = {"name": "dcgan", "size": 32, "channels": 3, "nz": nz, "ngf": 4, "ndf": 4}
    architecture |= card.pop("architecture", {})
    generator, judge = registry.build(architecture)
    for network in (generator, judge) if statistics else ():
        for name, tensor in network.named_buffers():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif name.endswith("running_var"):
                tensor.uniform_(0.001, 0.01)
    about = {"name": directory.name, "architecture": architecture}
    about |= {"prior": {"kind": prior, "size": nz}, "objective": "non-saturating"}
    about |= {"training": {}, "training_set": {}} | card
    checkpoint.save(directory, generator, judge if discriminator else None, about)
    return directory
