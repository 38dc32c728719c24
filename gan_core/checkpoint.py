"""A checkpoint: a directory of weights and their description, which never runs code when loaded.

    model.json                 format, architecture, prior, objective, training record, metrics,
                               licence, training set, and the sha256 of each weights file
    generator.safetensors      EMA weights with batch-norm statistics that fit them
    discriminator.safetensors  optional
    realism.safetensors        optional: what samples are compared with, see metrics/realism
    seeds.safetensors          optional: what is known of the first seeds, see metrics/seed_table
    training_set/              optional: the training images, embedded or packed
    README.md                  the model card

Weights are safetensors and the description is JSON: nothing is ever unpickled.
"""

import hashlib
import os
import re
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from gan_core import latent, spaces
from gan_core.data import training_set
from gan_core.networks import fuse_layers, registry
from gan_core.util import atomic_files, checked_safetensors, errors, json_values, regular_files
from gan_core.util.errors import InputError

FORMAT = 1
BATCH = 64  # images drawn at once
MAX_BYTES = 2 * 2**30  # of a file of weights
# Forward passes at once. More than there are cores for their threads take longer than one after the
# other, whatever the models, so all models share them.
TURNS = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // torch.get_num_threads()))
# The required entries of model.json and their types, see gan_core.util.json_values.
TABLE = {json_values.ANY: json_values.VALUE}
CARD = {
    "name": json_values.TEXT,
    "architecture": TABLE,
    "prior": TABLE,
    "files": {json_values.ANY: json_values.TEXT},
    "shared?": {json_values.ANY: json_values.TEXT},
    "objective?": json_values.TEXT,
    "licence?": json_values.TEXT,
    "use?": json_values.TEXT,
    "purpose?": json_values.TEXT,
    "pictures?": json_values.TEXT,
    "metrics?": {json_values.ANY: TABLE},
    "origin?": TABLE,
    "training": {
        "kimg?": json_values.NUMBER,
        "hours?": json_values.NUMBER,
        "hardware?": json_values.TEXT,
        "command?": json_values.TEXT,
        "torch?": json_values.TEXT,
        "tied?": [json_values.TEXT],
        "codes?": json_values.NUMBER,
        "best?": TABLE,
        "begun_from?": TABLE,
    },
    "training_set": {"held_out?": json_values.COUNT, "framing?": TABLE},
}


@dataclass
class Model:
    """A loaded checkpoint.

    generator, discriminator: networks in eval mode; discriminator is None when there is no file.
    prior: the distribution of latents. card: the contents of model.json. directory: its path.
    space: "z", or "w" for latents that are intermediate ones, see `gan_core.spaces`; `card` then
    has an entry "space", by which metrics measured in w are found.
    """

    generator: torch.nn.Module
    discriminator: torch.nn.Module | None
    prior: latent.Prior
    card: dict
    directory: Path
    turn: threading.Semaphore = field(default=TURNS, repr=False)  # held during a forward pass
    space: str = "z"

    @property
    def name(self) -> str:
        """The model's name, as in model.json."""
        return self.card["name"]

    @property
    def size(self) -> int:
        """Side of an image in pixels."""
        return self.card["architecture"]["size"]

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that identify the meaning of a latent: the weights and the space.

        In z they are `weights`.
        """
        return self.digest[:12]

    @property
    def weights(self) -> str:
        """First 12 hexadecimal digits of the generator's sha256, the same in both spaces."""
        return self.card["files"]["generator.safetensors"][:12]

    @property
    def has_w(self) -> bool:
        """Whether the model has a mapping network, and so the two latent spaces z and w."""
        return self.space == "w" or spaces.has_w(self.generator)

    @property
    def lacks_discriminator(self) -> str:
        """How sentences about a model without a discriminator go on after its name.

        One that was trained here had one, which was left out; a file of weights may never have.
        """
        return (
            "has no discriminator" if "origin" in self.card else "ships without its discriminator"
        )

    @property
    def digest(self) -> str:
        """The 64 hexadecimal digits of which `hash` is the beginning."""
        digest = self.card["files"]["generator.safetensors"]
        return digest if self.space == "z" else digest_in_w(digest)

    def synthesize(self, z: np.ndarray) -> np.ndarray:
        """Latents float32 (N, nz) -> images float32 (N, H, W, C) in [−1, 1].

        Raises InputError when the latents are not of this model's size or not finite.
        """
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self.prior.size:
            shape = " × ".join(map(str, z.shape))
            raise InputError(
                f"Latents of {self.name} have {self.prior.size} numbers each; these are {shape}."
            )
        if not np.isfinite(z).all():
            raise InputError("A latent contains a number that is not finite.")
        parts = [self._generate(part) for part in torch.from_numpy(z).split(BATCH)]
        images = torch.cat(parts) if parts else torch.empty(0, 0, 0, 0)
        return images.permute(0, 2, 3, 1).contiguous().numpy()

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Latents float32 (N, nz) -> images uint8 (N, H, W, C)."""
        return to_uint8(self.synthesize(z))

    def realness(self, images: np.ndarray) -> np.ndarray:
        """D(x), the discriminator's probability that an image is real.

        images: uint8 (N, H, W, C). Returns float32 (N,) in [0, 1].
        Raises InputError when the checkpoint has no discriminator.
        """
        if self.discriminator is None:
            raise InputError(f"{self.name} {self.lacks_discriminator}, so D(x) cannot be shown.")
        parts = torch.tensor(np.asarray(images)).split(BATCH)
        return torch.cat([self._judge(part) for part in parts]).numpy()

    def training_set(self) -> training_set.TrainingSet:
        """The TrainingSet that comes with the model.

        If there is none, raises an InputError that says where to get the images.
        """
        where = self.directory / "training_set"
        if not (where / "set.json").exists():
            how = self.card["training_set"].get("how") or "Its images do not come with it."
            raise InputError(f"The training images of {self.name} are not available. {how}")
        images = training_set.load(where)
        if images.fingerprint != self.card["training_set"].get("fingerprint"):
            raise InputError(f"{where} does not hold the images that {self.name} was trained on.")
        return images

    @cached_property
    def _drawer(self) -> torch.nn.Module:
        """The generator in its fastest form for a CPU: folded, with channels last."""
        if not fuse_layers.helps(self.generator):
            return self.generator
        return fuse_layers.fold(self.generator)

    @torch.inference_mode()
    def _generate(self, z: torch.Tensor) -> torch.Tensor:
        with self.turn:
            return self._drawer(z)

    @torch.inference_mode()
    def _judge(self, images: torch.Tensor) -> torch.Tensor:
        assert self.discriminator is not None
        with self.turn:
            return torch.sigmoid(self.discriminator(to_float(images)))


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, H, W, C), tensor -> float32 (N, C, H, W) in [−1, 1]."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float (…), array in [−1, 1] -> uint8, rounded to the nearest of the 256 levels."""
    return np.clip(np.rint((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def save(
    directory: str | Path,
    generator: torch.nn.Module,
    discriminator: torch.nn.Module | None,
    card: dict,
) -> None:
    """Write weights and model.json; other files in the directory stay.

    card: the contents of model.json without "format" and "files". A kill at any moment leaves
    either the old checkpoint or the new one: the new weights are written beside the old ones until
    model.json names them (see `holder`), and then replace them.
    Raises InputError when it cannot be written.
    """
    directory = Path(directory)
    hashes = {}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        settle(directory)
        for name, network in {"generator": generator, "discriminator": discriminator}.items():
            if network is None:
                continue
            tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
            path = directory / f"{name}.safetensors"
            with atomic_files.replacing(following(path)) as temporary:
                save_file(tensors, temporary)
                hashes[path.name] = sha256(temporary)
        atomic_files.write_json(
            directory / "model.json", {"format": FORMAT, **card, "files": hashes}
        )
        settle(directory)
        if discriminator is None:
            (directory / "discriminator.safetensors").unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:  # a full disk, for example
        raise InputError(f"{directory} cannot be written ({error}).") from None


def following(path: Path) -> Path:
    """The path of new weights that will replace those at `path`."""
    return path.with_name(f"{path.name}.next")


def holder(path: Path, card: dict) -> Path:
    """The file with the weights that model.json lists for `path`: `path`, or its replacement.

    It is the replacement only when a kill came between writing model.json and renaming the file.
    """
    waiting = following(path)
    if not waiting.exists():
        return path
    regular_files.check(waiting, MAX_BYTES, path.parent)
    return waiting if sha256(waiting) == card["files"][path.name] else path


def settle(directory: Path) -> None:
    """Finish or undo a killed `save`: new weights replace the old ones if model.json names them."""
    atomic_files.clear(directory)
    path = directory / "model.json"
    named = ""
    if path.exists():
        content = regular_files.read_bytes(path, regular_files.MAX_JSON, directory)
        named = content.decode("utf-8", "replace")
    for waiting in directory.glob("*.safetensors.next"):
        if sha256(waiting) in named:
            waiting.replace(waiting.with_suffix(""))
        else:
            waiting.unlink()


def load(directory: str | Path, space: str = "z") -> Model:
    """The Model in a checkpoint directory, in the latent space "z" or "w".

    Raises an InputError that names the file when anything is missing or damaged, and one for
    another space and for w where the generator has no mapping network.
    """
    return in_space(load_in_z(directory), space)


def in_space(model: Model, space: str) -> Model:
    """A Model of the space z in the latent space "z" or "w"; its weights are shared, not copied.

    In w, `model.prior.of(z)` turns latents of z into those of w. Raises InputError for another
    space and for w where the generator has no mapping network.
    """
    if space not in spaces.SPACES:
        raise InputError(f"The latent space is {space!r}; it must be z or w.")
    if space == model.space:
        return model
    if not spaces.has_w(model.generator):
        raise InputError(
            f"{model.name} has no mapping network, so it has no latent space w; use z."
        )
    generator, prior = spaces.in_w(model.generator, model.prior)
    card = {**model.card, "space": space}
    return Model(
        generator.eval(), model.discriminator, prior, card, model.directory, model.turn, space
    )


def digest_in_w(digest: str) -> str:
    """`Model.digest` in w of a generator's sha256."""
    return hashlib.sha256(f"{digest} in w".encode()).hexdigest()


def load_in_z(directory: str | Path) -> Model:
    """`load` in the space z."""
    directory = Path(directory)
    card = read_card(directory)
    try:
        # Without memory for weights yet: model.json is untrusted.
        generator, discriminator = registry.outline(card["architecture"])
        prior = latent.Prior(card["prior"]["kind"], card["prior"]["size"])
    except InputError as error:
        if str(directory) in str(error):
            raise
        raise InputError(f"{directory / 'model.json'} is damaged: {error}") from None
    if discriminator is None and "discriminator.safetensors" in card["files"]:
        raise InputError(f"{directory / 'model.json'} is damaged: it has no ndf, the size of D.")
    load_weights(generator, directory / "generator.safetensors", card)
    if discriminator is not None and "discriminator.safetensors" in card["files"]:
        load_weights(discriminator, directory / "discriminator.safetensors", card)
        discriminator.eval().requires_grad_(False)
    else:
        discriminator = None
    return Model(generator.eval().requires_grad_(False), discriminator, prior, card, directory)


def find_images(model: Model, data: str | Path = "") -> training_set.TrainingSet:
    """The training images of a model: the packed set at `data`, else those that come with it.

    Raises InputError when there are none, or when `data` holds other images.
    """
    if not data:
        if not (model.directory / "training_set" / "set.json").exists():
            raise InputError(
                f"The training images of {model.name} do not come with it; "
                "give the directory of its packed training set with --data."
            )
        return model.training_set()
    images = training_set.load(data)
    if not images.is_of(model.card["training_set"]):
        raise InputError(
            f"{data} does not hold the images that {model.name} was trained on; "
            "pack them with the command in its card."
        )
    return images


def read_card(directory: str | Path) -> dict:
    """The contents of model.json, checked for everything that `load` and the pages rely on."""
    path = Path(directory) / "model.json"
    card = atomic_files.read_json(path, "a checkpoint")
    if card.get("format") != FORMAT:
        raise errors.wrong_format(path, card.get("format"), FORMAT)
    wrong = json_values.misfit(card, CARD)
    if wrong:
        raise InputError(f"{path} is damaged: it has no usable {wrong}.")
    if set(card["prior"]) != {"kind", "size"}:
        raise InputError(f"{path} is damaged: its prior is not a kind and a size.")
    if card["prior"]["size"] != card["architecture"].get("nz"):
        raise InputError(f"{path} is damaged: its prior and its architecture differ in size.")
    if "generator.safetensors" not in card["files"]:
        raise InputError(f"{path} is damaged: it does not list generator.safetensors.")
    for file, digest in card["files"].items():  # the digests become file names in the cache
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise InputError(f"{path} is damaged: it has no sha256 of {file}.")
    training_set.check_words(card["training_set"], path)
    card.pop("space", None)  # in memory alone, see Model
    return card


def check_file(network: torch.nn.Module, path: Path, card: dict) -> Path:
    """The file with the weights of a network, as `holder` finds it.

    network: may be on the device "meta". Raises InputError when the file is missing, damaged or too
    small for the network. Only its header is read into memory.
    """
    try:
        held = holder(path, card)
        size = regular_files.check(held, MAX_BYTES, path.parent).st_size
        digest = sha256(held)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; fetch the checkpoint again.") from None
    wanted = bytes_of(network) // 2  # the weights may be stored as float16
    if digest != card["files"][path.name]:
        raise InputError(
            f"{path} is damaged or does not belong to the model in model.json; fetch it again."
        )
    try:
        checked_safetensors.header(held)
    except ValueError as error:
        raise InputError(f"{path} has {error}; it is not read.") from None
    if size < wanted:
        raise InputError(f"{path} does not fit the architecture in model.json.")
    return held


def bytes_of(network: torch.nn.Module) -> int:
    """The number of bytes of a network's tensors in a file."""
    return sum(t.numel() * t.element_size() for t in network.state_dict().values())


def load_weights(network: torch.nn.Module, path: Path, card: dict) -> None:
    """Load a safetensors file into a network, checked against the hash in the card."""
    held = check_file(network, path, card)
    try:
        # Not memory-mapped: a file that is truncated meanwhile would end the process.
        fill(network, load_tensors(regular_files.read_bytes(held, MAX_BYTES, path.parent)))
    except InputError:
        raise
    except Exception:  # safetensors and torch raise many kinds
        raise InputError(f"{path} does not fit the architecture in model.json.") from None


def fill(network: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Give a network its weights, a state dict. The network may be on the device "meta".

    The tensors are copied, so that a file from which they are mapped may be removed. Raises
    RuntimeError when they do not fit.
    """
    kinds = {name: tensor.dtype for name, tensor in network.state_dict().items()}
    copies = {name: t.to(kinds.get(name, t.dtype), copy=True) for name, t in weights.items()}
    network.load_state_dict(copies, assign=True)


def sha256(path: str | Path) -> str:
    """The sha256 of a regular file, as hexadecimal."""
    digest = hashlib.sha256()
    with regular_files.open_regular(path) as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()
