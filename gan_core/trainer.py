"""The two-player game, top to bottom.

Goodfellow et al. 2014, algorithm 1: k discriminator steps on fresh noise and fresh images, then one
generator step on fresh noise. Around it: differentiable augmentation, an averaged generator, a log,
sample grids, and snapshots that a killed run resumes from.
"""

import copy
import json
import platform
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from gan_core import augment as augmentation
from gan_core import averaging, checkpoint, files, latent, media, networks, training_set
from gan_core.errors import InputError
from gan_core.objectives import OBJECTIVES

# Settings that may differ between the stretches of one run; all others must stay as they were.
FREE = ("kimg", "snapshot_kimg", "grid_kimg", "log_kimg", "device")


def train(
    data,  # directory of a packed training set
    run,  # directory for the run's state, log and sample grids
    *,
    # The networks.
    architecture="dcgan",  # family, see gan_core/networks
    nz=100,  # coordinates of z
    ngf=64,  # channels of G before its last layer
    ndf=64,  # channels of D after its first layer
    prior="normal",  # distribution of z: normal or uniform
    # The game.
    objective="non-saturating",  # see gan_core/objectives.py
    k=1,  # D steps for each G step
    kimg=1000.0,  # length: thousands of real images shown to D
    batch=64,  # images a step
    lr_g=2e-4,  # Adam's step size for G
    lr_d=2e-4,  # Adam's step size for D
    beta1=0.5,  # Adam's decay of the first moment, for both
    beta2=0.999,  # Adam's decay of the second moment, for both
    augment="mirror,translation",  # what D sees real and generated images through
    ema_kimg=10.0,  # half-life of G's average, thousands of images
    seed=0,  # of weights, order of the data, noise
    # The record.
    log_kimg=2.0,  # thousands of images between lines of log.jsonl
    grid_kimg=25.0,  # thousands of images between sample grids
    snapshot_kimg=10.0,  # thousands of images between snapshots
    device="cpu",  # cpu or cuda
):
    """Train until `kimg`, or go on with the run that `run` already holds.

    Writes `run`/state.safetensors (everything needed to resume, replaced atomically at every
    snapshot), `run`/log.jsonl and `run`/samples/. Returns the number of images shown so far; it is
    less than kimg · 1000 only when a person interrupted the run, which saves a snapshot first.
    Raises InputError when settings cannot work, when they differ from those the run began with, or
    when a loss is no longer a number.
    """
    settings = {k: v for k, v in locals().items() if k not in ("data", "run")}
    run = Path(run)
    images, settings = check(data, settings)

    # --- The players, their optimisers, and the averaged generator. ---
    torch.manual_seed(seed)
    generator, discriminator = networks.build(settings["network"])
    generator.to(device, memory_format=torch.channels_last)
    discriminator.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    adam = {"betas": (beta1, beta2), "fused": True}
    generator_adam = torch.optim.Adam(generator.parameters(), lr_g, **adam)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), lr_d, **adam)
    loss = OBJECTIVES[objective]
    chosen = augmentation.parse(augment)

    # --- Randomness: one stream for all noise; the data's order follows from seed and epoch. ---
    rng = torch.Generator(device).manual_seed(seed)
    grid_z = torch.from_numpy(latent.Prior(prior, nz).sample(64, seed=0)).to(device)

    def noise(n):
        if prior == "normal":
            return torch.randn(n, nz, generator=rng, device=device)
        return torch.rand(n, nz, generator=rng, device=device) * 2 - 1

    pixels = torch.tensor(np.asarray(images), device=device)
    order = Order(len(pixels), seed)

    def real_batch():
        x = checkpoint.to_float(pixels[order.take(batch).to(device)])
        return x.contiguous(memory_format=torch.channels_last)

    # --- Resume. ---
    parts = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_adam": generator_adam,
        "discriminator_adam": discriminator_adam,
    }
    run.mkdir(parents=True, exist_ok=True)
    record = {"hours": 0.0, "hardware": hardware(device), "torch": torch.__version__}
    state = run / "state.safetensors"
    if state.exists():
        order.position, record["hours"] = restore(state, parts, rng, settings)
    log = Log(run / "log.jsonl", order.position)

    def snapshot():
        save_state(state, parts, rng, settings, order.position, record)

    def sample_grid():
        fitted = fit_average(average, prior, nz, device)
        drawn = checkpoint.to_uint8(draw(fitted, grid_z))
        path = run / "samples" / f"{order.position // 1000:06d}.png"
        media.save(path, media.encode(media.sheet(drawn)))

    # --- The loop. ---
    total = int(kimg * 1000)
    bar = tqdm(total=total, initial=order.position, unit="img", smoothing=0.05, desc=run.name)
    due = Due(order.position, log=log_kimg, grid=grid_kimg, snapshot=snapshot_kimg)
    sums, since = torch.zeros(4, device=device), 0
    clock = time.monotonic()
    with Stop() as stop, bar:
        while order.position < total and not stop.asked:
            # D: log D(x) up on real images, down on generated ones; k times, fresh noise each.
            for _ in range(k):
                x = augmentation.augment(real_batch(), chosen, rng)
                with torch.no_grad():
                    fake = generator(noise(batch))
                fake = augmentation.augment(fake, chosen, rng)
                real_logits, fake_logits = discriminator(x), discriminator(fake)
                d_loss = loss.discriminator(real_logits, fake_logits)
                discriminator_adam.zero_grad()
                d_loss.backward()
                discriminator_adam.step()

            # G: one step on fresh noise. D's own gradients are not needed, so not computed.
            discriminator.requires_grad_(False)
            fake = augmentation.augment(generator(noise(batch)), chosen, rng)
            g_loss = loss.generator(discriminator(fake))
            generator_adam.zero_grad()
            g_loss.backward()
            generator_adam.step()
            discriminator.requires_grad_(True)
            averaging.update_ema(
                average, generator, averaging.decay_for(k * batch, ema_kimg, order.position)
            )

            # The record. Sums stay on the device: reading one would wait for it.
            with torch.no_grad():
                sums += torch.stack(
                    [d_loss, g_loss, real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()]
                )
            since += 1
            bar.update(k * batch)
            now = due(order.position)
            ending = order.position >= total or stop.asked
            if (now or ending) and not finite(sums, *generator.parameters()):
                raise InputError(
                    f"A loss or weight is no longer a number at {order.position / 1000:.1f} kimg; "
                    f"{state} keeps the last good snapshot. Try smaller step sizes."
                )
            if "log" in now:
                seconds = time.monotonic() - clock
                clock += seconds
                record["hours"] += seconds / 3600
                means = (sums / since).tolist()
                log.line(order.position, means, bar.format_dict["rate"], record["hours"])
                sums.zero_()
                since = 0
            if "snapshot" in now:
                snapshot()
            if "grid" in now:
                sample_grid()
    snapshot()
    sample_grid()
    return order.position


class Stop:
    """Ctrl-C or a polite kill, noticed between two steps; a second one ends the run at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self):
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # only it may handle signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.ask)
        return self

    def ask(self, number, frame):
        self.asked = True
        self.__exit__()

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)


def finite(*tensors):
    """Whether every number in the tensors is one; waits for the device once."""
    return bool(torch.stack([t.detach().isfinite().all() for t in tensors]).all())


def check(data, settings):
    """(training images, settings with the network's full description), or InputError."""
    card = training_set.read_card(data)
    _, size, _, channels = card["shape"]
    if settings["objective"] not in OBJECTIVES:
        raise InputError(
            f"There is no objective {settings['objective']!r}; choose from {', '.join(OBJECTIVES)}."
        )
    augmentation.parse(settings["augment"])
    latent.Prior(settings["prior"], settings["nz"])
    for name in ("k", "batch", "kimg", "lr_g", "lr_d", "log_kimg", "grid_kimg", "snapshot_kimg"):
        if not settings[name] > 0:
            raise InputError(f"{name} is {settings[name]}; it must be greater than 0.")
    if not 0 <= settings["seed"] <= latent.MAX_SEED:
        raise InputError(f"seed is {settings['seed']}; it must be from 0 to {latent.MAX_SEED}.")
    for name in ("beta1", "beta2"):
        if not 0 <= settings[name] < 1:
            raise InputError(f"{name} is {settings[name]}; it must be from 0 to below 1.")
    if not settings["ema_kimg"] >= 0:
        raise InputError(f"ema_kimg is {settings['ema_kimg']}; it must not be negative.")
    if settings["batch"] < 2:
        raise InputError("batch is 1; batch norm needs at least 2 images a step.")
    if settings["device"] == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; train with --device cpu.")
    network = {
        "name": settings["architecture"],
        "size": size,
        "channels": channels,
        **{key: settings[key] for key in ("nz", "ngf", "ndf")},
    }
    networks.build(network)  # refuses sizes that cannot work, before anything is written
    settings = settings | {"network": network, "fingerprint": card["fingerprint"]}
    return training_set.load(data).images, settings


class Order:
    """The order of the data: each epoch is a permutation that follows from the seed and its number.

    Nothing but the position needs saving. Indices run on across the end of an epoch.
    """

    def __init__(self, n, seed, position=0):
        self.n, self.seed, self.position = n, seed, position
        self.epoch, self.permutation = None, None

    def take(self, count):
        """The next `count` indices, int64 (count,)."""
        taken = []
        while count:
            epoch, offset = divmod(self.position, self.n)
            if epoch != self.epoch:
                stream = np.random.RandomState([self.seed, epoch])
                self.epoch, self.permutation = epoch, torch.from_numpy(stream.permutation(self.n))
            part = self.permutation[offset : offset + count]
            taken.append(part)
            self.position += len(part)
            count -= len(part)
        return torch.cat(taken)


class Due:
    """Tells which of several periodic jobs are due; periods in kimg."""

    def __init__(self, position, **kimg):
        self.periods = {name: max(1, int(period * 1000)) for name, period in kimg.items()}
        self.done = {name: position // period for name, period in self.periods.items()}

    def __call__(self, position):
        now = [n for n, period in self.periods.items() if position // period > self.done[n]]
        for name in now:
            self.done[name] = position // self.periods[name]
        return now


class Log:
    """log.jsonl: one JSON object a line. Lines after the resumed position are taken back."""

    def __init__(self, path, position):
        self.path = path
        kept = []
        for text in path.read_text("utf-8").splitlines() if path.exists() else []:
            try:
                line = json.loads(text)
            except ValueError:  # a line that a kill cut in half
                continue
            if line["kimg"] * 1000 <= position:
                kept.append(text)
        with files.replacing(path) as temporary:
            temporary.write_text("".join(text + "\n" for text in kept), "utf-8")

    def line(self, position, means, rate, hours):
        d_loss, g_loss, d_real, d_fake = (round(m, 5) for m in means)
        line = {"kimg": position / 1000, "d_loss": d_loss, "g_loss": g_loss}
        line |= {"d_real": d_real, "d_fake": d_fake}
        line |= {"images_per_second": round(rate or 0.0, 1), "hours": round(hours, 4)}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def save_state(path, parts, rng, settings, position, record):
    """Everything a run needs to go on, as one safetensors file, replaced in one step."""
    tensors = {"rng": rng.get_state()}
    for name, part in parts.items():
        tensors |= {f"{name}/{key}": value for key, value in flat(part).items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    notes = {"settings": settings, "position": position, "record": record}
    try:
        with files.replacing(path) as temporary:
            save_file(tensors, temporary, {"state": json.dumps(notes)})
    except (OSError, SafetensorError) as error:  # a full disk, say
        raise InputError(
            f"{path} cannot be written ({error}); what was saved before is still there."
        ) from None


def read_state(path):
    """(tensors, notes) of a state file. Raises InputError when it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["state"])
            return {key: file.get_tensor(key) for key in file.keys()}, notes  # noqa: SIM118
    except Exception:  # safetensors raises several kinds
        raise InputError(f"{path} is not a run's state or is damaged; start a new run.") from None


def restore(path, parts, rng, settings):
    """Put a saved state back into the parts; returns (position, hours so far)."""
    tensors, notes = read_state(path)
    for key, value in settings.items():
        before = notes["settings"].get(key)
        if key not in FREE and before != value:
            raise InputError(
                f"{path.parent} was begun with {key} {before}, not {value}; "
                f"use the same settings to go on, or another name for a new run."
            )
    for name, part in parts.items():
        saved = {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{name}/")}
        if isinstance(part, torch.optim.Optimizer):
            # Fused Adam walks raw memory, so its moments must lie as the weights do.
            weights = [p for group in part.param_groups for p in group["params"]]
            state = {}
            for key, value in saved.items():
                index, field = key.split(".")
                weight = weights[int(index)]
                if value.shape == weight.shape:
                    value = torch.empty_like(weight).copy_(value)
                state.setdefault(int(index), {})[field] = value
            part.load_state_dict(
                {"state": state, "param_groups": part.state_dict()["param_groups"]}
            )
        else:
            part.load_state_dict(saved)
    rng.set_state(tensors["rng"])
    return notes["position"], notes["record"]["hours"]


def flat(part):
    """The tensors of a network or an optimiser by name."""
    if isinstance(part, torch.optim.Optimizer):
        state = part.state_dict()["state"]
        return {f"{i}.{field}": v for i, fields in state.items() for field, v in fields.items()}
    return part.state_dict()


def fit_average(average, prior, nz, device, batches=40, batch=64):
    """A copy of the averaged generator with batch-norm statistics of its own, in eval mode.

    The latents are always the same, and the run's own stream of noise is not touched.
    """
    fitted = copy.deepcopy(average)
    z = latent.Prior(prior, nz).sample(batches * batch, seed=10**9)
    parts = torch.from_numpy(z).to(device).split(batch)
    averaging.reestimate_batch_norm(fitted, parts)
    return fitted


@torch.inference_mode()
def draw(generator, z):
    """Latents, tensor (N, nz) -> images float32 (N, H, W, C) in [−1, 1], array."""
    return generator(z).float().permute(0, 2, 3, 1).cpu().numpy()


def hardware(device):
    """The processor in words, for the model card."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{model} CPU, {torch.get_num_threads()} thread(s)"


def publish(run, out, *, name, data, licence, use, command):
    """Turn a run's state into a checkpoint directory that the app and the verbs can load.

    name: what the model is called. data: the packed training set it was trained on. licence, use:
    sentences for the card. command: the command that trained it, for the record.
    """
    state = Path(run) / "state.safetensors"
    tensors, notes = read_state(state)
    settings, record = notes["settings"], notes["record"]
    average, discriminator = networks.build(settings["network"])
    for part, network in {"average": average, "discriminator": discriminator}.items():
        saved = {k[len(part) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{part}/")}
        network.load_state_dict(saved)
    generator = fit_average(average, settings["prior"], settings["nz"], "cpu")
    data_card = training_set.read_card(data)
    about_data = {key: value for key, value in data_card.items() if key != "format"}
    card = {
        "name": name,
        "architecture": settings["network"],
        "prior": {"kind": settings["prior"], "size": settings["nz"]},
        "objective": settings["objective"],
        "training": {
            "kimg": notes["position"] / 1000,
            "command": command,
            **{k: v for k, v in settings.items() if k not in ("network", "fingerprint", *FREE)},
            **record,
        },
        "metrics": {},
        "licence": licence,
        "use": use,
        "training_set": about_data,
    }
    checkpoint.save(out, generator, discriminator.eval(), card)
