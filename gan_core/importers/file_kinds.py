"""Files that are not weights this project reads, named as what they are, with what to do.

People save the page around a download, pull a repository without its large files, or have a model
of another framework. "Neither a state dict nor ONNX" helps none of them.
"""

import re
from pathlib import Path

HEAD = 4096  # bytes that are looked at
TF2ONNX = "convert it to ONNX (pip install tf2onnx; python -m tf2onnx.convert {} --output g.onnx)"
KERAS = (
    "a Keras model; export it from Keras, model.export('g.onnx', format='onnx'), or "
    + TF2ONNX.format("--keras FILE")
    + ", and import the ONNX file"
)
SAVED_MODEL = (
    "a TensorFlow SavedModel; "
    + TF2ONNX.format("--saved-model FOLDER")
    + " and import the ONNX file"
)
CHECKPOINT = (
    "a checkpoint of TensorFlow, which holds no network; load it where it was trained, "
    "save the generator as a SavedModel, " + TF2ONNX.format("--saved-model FOLDER")
)
UNPACK = "unpack it and import the file of weights inside"
STARTS = (
    (b"\x89HDF\r\n\x1a\n", KERAS),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself: run `git lfs pull` "
     "in the repository, or download the file from its web page"),
    (b"\x1f\x8b", f"a gzip archive; {UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive; {UNPACK}"),
    (b"Rar!", f"a RAR archive; {UNPACK}"),
    (b"BZh", f"a bzip2 archive; {UNPACK}"),
    (b"\xfd7zXZ", f"an xz archive; {UNPACK}"),
    (b"GGUF", "a language model (GGUF), not a generator of images"),
    (b"\x93NUMPY", "a NumPy array; save a state dict, torch.save(netG.state_dict(), FILE)"),
    (b"\x89PNG", "a picture, not weights"),
    (b"\xff\xd8\xff", "a picture, not weights"),
    (b"GIF8", "a picture, not weights"),
    (b"%PDF", "a PDF document, not weights"),
)  # fmt: skip
WEB_PAGE = (
    "a web page and not the file itself: the download led to a page (a login, a warning, or the "
    "page around the file); open the link in a browser and use its download button"
)


def of_start(head: bytes, name: str) -> str:
    """What a file is by its first bytes and its name, and what to do; "" when that is not known."""
    for start, words in STARTS:
        if head.startswith(start):
            return words
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return WEB_PAGE
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model; convert the model it was made from to ONNX"
    if head[257:262] == b"ustar":
        return f"a tar archive; {UNPACK}"
    if is_saved_model(head, name):
        return SAVED_MODEL
    if re.search(r"\.(data-\d+-of-\d+|index|ckpt|meta)$", name):
        return CHECKPOINT
    if text.startswith(b"{") and text[1:].lstrip()[:1] in b'"}':
        return "text (JSON) and not weights; choose the file of weights itself"
    return ""


def is_saved_model(head: bytes, name: str) -> bool:
    """Whether a protobuf is TensorFlow's and not ONNX, which begins with its version too."""
    if name in ("saved_model.pb", "keras_metadata.pb"):
        return True
    return (
        head[:1] in b"\x08\x0a"
        and bool(head)
        and any(
            word in head
            for word in (b"VarHandleOp", b"tensorflow", b"saver_def", b"serving_default")
        )
    )


def of_folder(path: Path) -> str:
    """What a folder is, and what to do."""
    if (path / "saved_model.pb").exists():
        return SAVED_MODEL.replace("FOLDER", path.name)
    if (path / "model.json").exists() and (path / "generator.safetensors").exists():
        return (
            "a checkpoint of this project, which needs no import: put it into the folder of "
            "checkpoints"
        )
    if (path / "data.pkl").exists():
        return "an unpacked file of torch.save; import the file as it was before it was unpacked"
    return "a folder; give the file of weights in it"


def of_zip(names: list[str]) -> str:
    """What a zip is that torch.save did not write, and what to do."""
    ends = {name.rsplit("/", 1)[-1] for name in names}
    if {"config.json", "metadata.json"} <= ends or "model.weights.h5" in ends:
        return KERAS
    if "saved_model.pb" in ends:
        return SAVED_MODEL
    inside = [
        name
        for name in names
        if re.search(r"\.(pth?|tar|ckpt|bin|safetensors|onnx)$", name.lower())
    ]
    if inside:
        return f"a zip with {inside[0].rsplit('/', 1)[-1][:80]} in it; {UNPACK}"
    if any(name.endswith(".npy") for name in names):
        return "a NumPy archive; save a state dict, torch.save(netG.state_dict(), FILE)"
    return "a zip, but not one of torch.save"
