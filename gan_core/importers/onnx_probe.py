"""Runs an unknown ONNX file in a separate process to see what it draws.

A file may declare neither the length of its latents, nor the batch size, nor the layout and range
of its images.
"""

import time

import numpy as np

from gan_core.networks import onnx_sandbox
from gan_core.util.errors import InputError

SAMPLES = 16
SECONDS = 60  # for all tries together


def look(
    graph: bytes,
    name: str,
    tries: list[tuple[int, int]],
    ends: tuple[str, str],
    kind: str,
    batch: int,
    prior: str,
) -> dict:
    """What a graph draws for 16 latents.

    name: of the file, for messages. tries: [(nz, rank)]; the latents are (N, nz), or (N, nz, 1, 1)
    for rank 4. ends: names of input and output. kind: the input's dtype. batch: the declared number
    of latents, 0 when it is dynamic. prior: "normal" or "uniform".
    Returns {"nz", "rank", "batch" (0 for any number), "shape" and "type" of one picture, "finite",
    "lowest", "highest", "varies" (whether pictures depend on the latent), "repeats" (whether the
    same latents give the same pictures), "company" (how much the picture of a latent changes with
    the others in its batch, as a share of the range of values)}. Raises InputError when none of
    the tries works.
    """
    problem = "no shape of latent was tried"
    until = time.monotonic() + SECONDS
    runner = None
    for nz, rank in tries:
        try:
            if runner is None:
                runner = onnx_sandbox.Runner(graph)
            return draw_all(runner, ends, latents(nz, rank, kind, prior), batch, until) | {
                "nz": nz,
                "rank": rank,
            }
        except onnx_sandbox.Ended as error:
            raise InputError(f"{name} was stopped: {error}.") from None
        except onnx_sandbox.Problem as error:
            problem = str(error)
            if runner is None:
                break
    if "pip install" in problem:
        raise InputError(f"{name} cannot be read: {problem}.")
    hint = "" if len(tries) == 1 else f" with any of {len(tries)} shapes of latents"
    raise InputError(f"onnxruntime cannot run {name}{hint} ({problem}).")


def latents(nz: int, rank: int, kind: str, prior: str) -> np.ndarray:
    """Samples of a prior in the shape and dtype of a graph's input."""
    stream = np.random.RandomState(0)
    normal = prior == "normal"
    z = stream.standard_normal((SAMPLES, nz)) if normal else stream.uniform(-1, 1, (SAMPLES, nz))
    return z.reshape((SAMPLES, nz) + (1, 1) * (rank == 4)).astype(kind)


def draw_all(
    runner: onnx_sandbox.Runner, ends: tuple[str, str], z: np.ndarray, declared: int, until: float
) -> dict:
    """The result of `look` for latents z, without nz and rank. Raises Problem when it cannot."""
    given, drawn = ends
    batch = declared or SAMPLES

    def draw(rows: np.ndarray, at_once: int = 0) -> np.ndarray:
        at_once = at_once or batch
        padded = np.zeros((at_once, *z.shape[1:]), z.dtype)
        padded[: len(rows)] = rows
        images = runner.run(drawn, {given: padded}, max(until - time.monotonic(), 0.1))
        if not images.ndim or len(images) != at_once:
            raise onnx_sandbox.Problem(
                f"{at_once} latents gave {len(images) if images.ndim else 'no'} pictures"
            )
        return images[: len(rows)]

    try:
        images = draw(z[:batch])
    except onnx_sandbox.Ended:
        raise
    except onnx_sandbox.Problem:
        if declared or batch == 1:
            raise
        batch = 1  # made for one latent without declaring it
        images = draw(z[:1])
    again = draw(z[:batch])
    rest = [draw(z[i : i + batch]) for i in range(batch, SAMPLES, batch)]
    images = np.concatenate([images, *rest])
    finite = bool(np.isfinite(images).all())
    # In train mode, a batch norm takes its statistics from the batch. Alone, where the batch may
    # have any size, else beside zeros.
    alone = images[:1]
    if batch > 1:
        try:
            alone = draw(z[:1], batch if declared else 1)
        except onnx_sandbox.Ended:
            raise
        except onnx_sandbox.Problem:  # it takes no other number, whatever it declares
            alone = images[:1]
    return {
        "batch": 0 if batch == SAMPLES and not declared else batch,
        "shape": list(images.shape[1:]),
        "type": str(images.dtype),
        "finite": finite,
        "lowest": float(images.min()) if finite else 0.0,
        "highest": float(images.max()) if finite else 0.0,
        "varies": bool(np.ptp(images.astype(np.float64), axis=0).max() > 0) if finite else False,
        "repeats": bool(np.array_equal(again, images[: len(again)])),
        "company": company(images, alone) if finite else 0.0,
    }


def company(images: np.ndarray, alone: np.ndarray) -> float:
    """The largest difference of the first picture from that drawn alone, over the range of all."""
    wide = images.astype(np.float64)
    apart = float(np.abs(wide[:1] - alone).max())
    return apart / max(float(np.ptp(wide)), 1e-12) if np.isfinite(apart) else 1.0
