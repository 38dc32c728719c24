"""Run an unknown ONNX file apart from everything else, with bounded memory and time.

Started as a script by `onnx_files.probe`: a JSON object on stdin, one on stdout. It imports
neither torch nor this package, so that it starts quickly and has nothing to lose.
"""

import json
import sys

sys.path.pop(0)  # this folder: none of its files is to be taken for a package

SAMPLES = 16


def main():
    asked = json.load(sys.stdin)
    bound(asked["bytes"], asked["seconds"])
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    try:
        with open(asked["file"], "rb") as file:
            session = onnxruntime.InferenceSession(
                file.read(), options, providers=["CPUExecutionProvider"]
            )
    except Exception as error:  # onnxruntime raises many kinds
        return {"problem": first(error)}
    problem = "no shape of latent was tried"
    for nz, rank in asked["tries"]:
        try:
            return look(np, session, asked, nz, rank)
        except Exception as error:
            problem = first(error)
    return {"problem": problem}


def look(np, session, asked, nz, rank):
    """What the graph draws for latents of nz numbers, (N, nz) or with rank 4 (N, nz, 1, 1)."""
    stream = np.random.RandomState(0)
    z = (
        stream.standard_normal((SAMPLES, nz))
        if asked["prior"] == "normal"
        else (stream.uniform(-1, 1, (SAMPLES, nz)))
    )
    z = z.reshape((SAMPLES, nz) + (1, 1) * (rank == 4)).astype(asked["type"])
    batch = asked["batch"] or SAMPLES

    def draw(rows):
        given = np.zeros((batch, *z.shape[1:]), z.dtype)
        given[: len(rows)] = rows
        images = session.run([asked["output"]], {asked["input"]: given})[0]
        if len(images) != batch:
            raise ValueError(f"{batch} latents gave {len(images)} pictures")
        return images[: len(rows)]

    try:
        images = draw(z[:batch])
    except Exception:
        if asked["batch"] or batch == 1:
            raise
        batch = 1  # made for one latent, though it does not say so
        images = draw(z[:1])
    again = draw(z[:batch])
    rest = [draw(z[i : i + batch]) for i in range(batch, SAMPLES, batch)]
    images = np.concatenate([images, *rest])
    finite = bool(np.isfinite(images).all())
    return {
        "nz": nz,
        "rank": rank,
        "batch": 0 if batch == SAMPLES and not asked["batch"] else batch,
        "shape": list(images.shape[1:]),
        "type": str(images.dtype),
        "finite": finite,
        "lowest": float(images.min()) if finite else 0.0,
        "highest": float(images.max()) if finite else 0.0,
        "varies": bool(np.ptp(images.astype(np.float64), axis=0).max() > 0) if finite else False,
        "repeats": bool(np.array_equal(again, images[: len(again)])),
    }


def bound(most_bytes, seconds):
    """Let the system end this process before it takes more, where there is such a limit."""
    try:
        import resource
    except ImportError:  # Windows: whoever waits for it still ends it after a while
        return
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def first(error):
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    print(json.dumps(main()))
