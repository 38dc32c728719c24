"""The two-player game, top to bottom.

Goodfellow et al. 2014, algorithm 1: k discriminator steps on noise and images, then one generator
step; it takes the noise of the last D step, not fresh noise, which saves drawing twice. Around it:
differentiable augmentation, regularisers, an averaged generator, a measured distance that chooses
which snapshot is kept, a log, and snapshots that a killed run resumes from.
"""

import copy
import inspect
import platform
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gan_core import checkpoint, latent
from gan_core.data import media
from gan_core.networks import registry
from gan_core.training import attribute_codes, autotune, ema, regularisers, run_log, validation
from gan_core.training import augment as augmentation
from gan_core.training import snapshot as state
from gan_core.training.config import CLIP, GP, check
from gan_core.training.distributed import Draws, Team, share_batch_norm
from gan_core.training.losses import OBJECTIVES
from gan_core.training.schedule import Due, Order, Stop, cool, set_step, warm
from gan_core.util import atomic_files
from gan_core.util.errors import InputError

ROLLBACKS = 3  # at most, when a number stops being one


def train(
    data,  # directory of a packed training set
    run,  # directory for the run's state, log and sample grids
    *,
    # The networks.
    architecture="dcgan",  # family: dcgan, resize or residual, see gan_core/networks
    nz=100,  # coordinates of z
    ngf=64,  # channels of G before its last layer
    ndf=64,  # channels of D after its first layer
    norm="auto",  # normalisation in D: batch, none, spectral, or auto: the family's own
    prior="normal",  # distribution of z: normal or uniform
    # The game.
    objective="non-saturating",  # losses; or minimax, lsgan, wgan, wgan-gp, hinge, relativistic
    k=1,  # D steps for each G step
    kimg=1000.0,  # length: thousands of real images shown to D
    batch=64,  # images a step, over all processes
    lr_g=2e-4,  # Adam's step size for G
    lr_d=2e-4,  # Adam's step size for D; another than G's makes two time scales
    warmup_kimg=0.0,  # thousands of images over which G's step size rises from 0
    cooldown=0.0,  # last share of kimg, 0 to 1, over which both step sizes fall to 0
    beta1=0.5,  # Adam's decay of the first moment, for both
    beta2=0.999,  # Adam's decay of the second moment, for both
    smoothing=0.0,  # label smoothing, one-sided: the target for real images is 1 less this
    clip=CLIP,  # wgan only: bound of D's weights
    gp=GP,  # wgan-gp only: weight of the gradient penalty
    r1=0.0,  # weight γ of ½‖∇D‖² on real images; 0 is off
    r2=0.0,  # weight γ of ½‖∇D‖² on generated images; 0 is off
    penalty_every=1,  # D steps from one penalty to the next, each weighted by as much
    augment="mirror,translation",  # what D sees images through; also cutout, colour, none
    ema_kimg=10.0,  # half-life of G's average, thousands of images
    seed=0,  # of the weights, of the order of the data and of the noise
    begin_from="",  # checkpoint directory whose networks the run begins with, to train them on
    codes_from="",  # checkpoint directory whose classifier ties attributes to coordinates of z
    codes=1.0,  # with codes_from: weight of that loss beside G's own
    codes_names="",  # with codes_from: the attributes to tie, comma-separated; empty: all it knows
    # The machine.
    precision="auto",  # fp32, bf16 (autocast), or auto: what a probe at the start finds faster
    layout="auto",  # memory: channels_last, contiguous, or auto: what the probe finds faster
    convolution="auto",  # on a CPU, 4×4 with steps of two: direct, winograd, or auto: the faster
    compile=False,  # torch.compile both networks (CUDA, no penalties)
    device="cpu",  # cpu or cuda; several processes when started by torchrun
    # The record.
    log_kimg=2.0,  # thousands of images between lines of log.jsonl
    grid_kimg=25.0,  # thousands of images between sample grids
    snapshot_kimg=10.0,  # thousands of images between snapshots
    measure_kimg=50.0,  # thousands of images between measured distances; 0 is never
    measure_n=2000,  # samples, and training images, that a distance is measured on
    patience_kimg=200.0,  # stop when D has won for so many thousands of images; 0 is never
    tensorboard=False,  # also write scalars, grids and histograms of D for TensorBoard
):
    """Train until `kimg`, or go on with the run that `run` already holds.

    Writes `run`/state.safetensors (everything needed to resume, replaced atomically at every
    snapshot), `run`/best.safetensors (the networks at the smallest measured distance),
    `run`/log.jsonl, `run`/samples/ and `run`/tensorboard/. Returns the number of images shown so
    far; it is less than kimg · 1000 only when a person interrupted the run, which saves a snapshot
    first. When a number stops being one, the run goes back to its last snapshot and on with other
    noise, up to 3 times. Raises InputError when settings cannot work, when they differ from those
    the run began with, when that did not help, or when D has won for `patience_kimg`.
    """
    settings = {k: v for k, v in locals().items() if k not in ("data", "run")}
    run = Path(run)
    images, settings = check(data, settings)
    team = Team(device)
    device = team.device

    # --- The players, their optimisers, and the averaged generator. ---
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True  # sizes never change
    generator, discriminator = (n.to(device) for n in registry.build(settings["network"]))
    path, best = run / "state.safetensors", run / "best.safetensors"
    begun = {}
    if begin_from and not path.exists():
        begun = begin(begin_from, generator, discriminator, settings)
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    latents = latent.Prior(prior, nz)
    loss = OBJECTIVES[objective]
    tied = None
    if codes_from:
        tied = attribute_codes.load(codes_from, data, prior, nz, codes_names, device)
    chosen = augmentation.parse(augment)

    # --- Randomness: one stream for all noise; the data's order follows from seed and epoch. ---
    rng = torch.Generator(device).manual_seed(seed)
    draws = Draws(rng, team)
    share = batch // team.size
    grid_z = torch.from_numpy(latents.sample(64, seed=0))
    pixels = torch.tensor(np.asarray(images), device=device)
    order = Order(len(pixels), seed, device=device)

    # --- Precision, layout and convolution: what the run began with, or what pays here. ---
    notes = {"hours": 0.0, "hardware": hardware(device), "torch": torch.__version__, **begun}
    notes["fast"] = (state.read(path)[1]["record"].get("fast") if path.exists() else None) or (
        autotune.choose(settings, [generator, discriminator], checkpoint.to_float(pixels[:batch]))[
            0
        ]
    )
    notes["fast"] = team.told(notes["fast"])
    layout = autotune.LAYOUTS[notes["fast"]["layout"]]
    for network in (generator, discriminator, average):
        network.to(memory_format=layout)
    adam = {"betas": (beta1, beta2), "fused": True}
    generator_adam = torch.optim.Adam(generator.parameters(), lr_g, **adam)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), lr_d, **adam)
    share_batch_norm(generator, team)
    share_batch_norm(discriminator, team)
    draw_fake, judge = generator, discriminator
    if compile:
        draw_fake, judge = torch.compile(generator), torch.compile(discriminator)

    def noise():
        return draws.normal(share, nz) if prior == "normal" else draws.uniform(share, nz) * 2 - 1

    def real_batch():
        x = checkpoint.to_float(pixels[team.share(order.take(batch))])
        return x.contiguous(memory_format=layout)

    def seen(x):
        return augmentation.augment(x, chosen, draws)

    def fast():
        return autotune.as_chosen(notes["fast"], device)

    # --- Resume. ---
    parts = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_adam": generator_adam,
        "discriminator_adam": discriminator_adam,
    }
    weights = [w for network in (generator, discriminator, average) for w in network.parameters()]
    if path.exists():
        order.position, before = state.restore(path, parts, rng, settings, DEFAULTS)
        notes |= {k: v for k, v in before.items() if k not in ("hardware", "torch")}
    elif team.leads:
        run.mkdir(parents=True, exist_ok=True)
        best.unlink(missing_ok=True)  # of an earlier run
    team.wait()

    # --- The record: only the leading process keeps one. ---
    total = round(kimg * 1000)
    shown = {"total": total, "unit": "img", "smoothing": 0.05, "desc": run.name}
    log = board = distance = None
    if team.leads:
        atomic_files.clear(run)
        log = run_log.Log(run / "log.jsonl", order.position)
        board = run_log.board(run / "tensorboard", order.position) if tensorboard else None
    bar = tqdm(initial=order.position, disable=not team.leads, **shown)
    if team.leads:
        some = np.random.RandomState(0).permutation(len(images))[:1000]
        usual = validation.spread(images[np.sort(some)])
        distance, why_not = validation.measure_if_possible(images, settings, latents, device)
        if why_not:
            bar.write(why_not)

    def tell(**values):
        log.line(order.position, **values)
        if board:
            board.scalars(order.position, values)

    def snapshot():
        if team.leads:
            state.save(path, parts, rng, settings, order.position, notes)

    def sample_grid():
        if not team.leads:
            return
        drawn = checkpoint.to_uint8(validation.draw(fit_average(average, latents, device), grid_z))
        sheet = media.sheet(drawn)
        media.save(run / "samples" / f"{order.position // 1000:06d}.png", media.encode(sheet))
        diversity = validation.spread(drawn) / max(usual, 1e-6)
        tell(diversity=diversity)
        if board:
            board.grid(order.position, sheet)
        if diversity < validation.COLLAPSED and order.position > 20_000:
            bar.write(
                f"At {order.position / 1000:.0f} kimg samples differ from one another only "
                f"{diversity:.0%} as much as training images do: G may have collapsed."
            )

    def measure():
        if not distance:
            return
        value = distance(fit_average(average, latents, device))
        tell(**{distance.name: value})
        before = notes.get("best", {})
        # A distance on another number of samples is another measure.
        if before.get("n") != measure_n or value < before["distance"]:
            notes["best"] = {"kimg": order.position / 1000, "distance": value}
            notes["best"] |= {"n": measure_n, "name": distance.name}
            kept = {"average": average, "discriminator": discriminator}
            state.save(best, kept, None, settings, order.position, notes)

    # --- The loop. ---
    due = Due(
        order.position, log=log_kimg, grid=grid_kimg, measure=measure_kimg, snapshot=snapshot_kimg
    )
    told = [*SUMS, *("codes_loss",) * bool(tied)]
    sums, since, asked = torch.zeros(len(told), device=device), 0, False
    clock, logged = time.monotonic(), order.position
    with Stop() as stop, bar:
        while order.position < total and not asked:
            scale = cool(order.position, total, cooldown)
            set_step(generator_adam, lr_g * scale * warm(order.position, warmup_kimg))
            set_step(discriminator_adam, lr_d * scale)

            # D: tell real images from generated ones; k times, on fresh images and noise each.
            for turn in range(k):
                x = seen(real_batch())
                with fast(), torch.set_grad_enabled(turn == k - 1):  # the last are G's step's too
                    z = noise()
                    fake = draw_fake(z)
                generated = seen(fake.detach())
                with fast():
                    real_out, fake_out = judge(x), judge(generated)
                real_out, fake_out = real_out.float(), fake_out.float()
                targets = (smoothing,) if smoothing else ()
                d_loss = penalised = loss.discriminator(real_out, fake_out, *targets)
                if order.position // batch % penalty_every == 0:
                    penalised = d_loss + penalty_every * penalty(
                        discriminator, x, generated, settings, draws
                    )
                discriminator_adam.zero_grad()
                penalised.backward()
                team.average_gradients(discriminator)
                discriminator_adam.step()
                if objective == "wgan":
                    regularisers.clip_weights(discriminator, clip)

            # G: one step on the last of these images, as the D just improved sees them.
            # D's own gradients are not needed, so not computed.
            discriminator.requires_grad_(False)
            with fast():
                generated = seen(fake)
                out = judge(generated).float()
                with torch.no_grad():
                    beside = judge(x).float() if loss.paired else None
            g_loss = loss.generator(beside, out)
            codes_loss = [tied.loss(generated.float(), z)] if tied else []
            generator_adam.zero_grad()
            (g_loss + codes * sum(codes_loss)).backward()
            team.average_gradients(generator)
            generator_adam.step()
            discriminator.requires_grad_(True)
            ema.update_ema(average, generator, ema.decay_for(k * batch, ema_kimg, order.position))

            # The record. Sums stay on the device: reading one would wait for it.
            with torch.no_grad():
                wins = (real_out[:, None] > fake_out).float().mean()
                judged = torch.stack([real_out, fake_out])
                judged = (judged.sigmoid() if loss.probability else judged).mean(1)
                sums += torch.stack([d_loss, g_loss, *judged, wins, *codes_loss])
            since += 1
            bar.update(k * batch)
            now = due(order.position)
            asked = team.any(stop.asked)
            ending = order.position >= total or asked
            if not (now or ending):
                continue

            if team.any(not finite(sums, *weights)):
                order.position = roll_back(path, parts, rng, settings, order.position, notes, bar)
                due.reset(order.position)
                sums.zero_()
                since, logged = 0, order.position
                team.wait()
                if team.leads:
                    log.take_back(order.position)
                continue
            if "log" in now:
                seconds = time.monotonic() - clock
                clock += seconds
                notes["hours"] += seconds / 3600
                team.average([sums])
                means = dict(zip(told, (sums / since).tolist(), strict=True))
                sums.zero_()
                since = 0
                if team.leads:
                    rate = (order.position - logged) / seconds
                    tell(**means, images_per_second=rate, hours=notes["hours"])
                    if board:
                        board.histograms(order.position, real=real_out, generated=fake_out)
                logged = order.position
                if patience_kimg and not loss.wasserstein:
                    stop_when_won(means["wins"], order.position, patience_kimg, notes, run)
            # The end is measured too when there is a best to compare it with.
            if "measure" in now or (order.position >= total and "best" in notes):
                measure()
            if "snapshot" in now or ending:
                snapshot()
            if "grid" in now or (ending and not asked):
                sample_grid()
    if board:
        board.close()
    team.leave()
    return order.position


DEFAULTS = {
    name: option.default
    for name, option in inspect.signature(train).parameters.items()
    if option.kind is option.KEYWORD_ONLY
}
SUMS = ("d_loss", "g_loss", "d_real", "d_fake", "wins")  # what a line of the log tells
WON = 0.999  # share of pairs in which D puts the real image above the generated one


def begin(directory, generator, discriminator, settings):
    """Give the networks the weights of a checkpoint; returns what the record tells of it.

    A discriminator that it has not, or has in other sizes, begins anew, and `warmup_kimg` must
    keep G still while it learns. Raises InputError when its generator is not that of the settings.
    """
    before = checkpoint.load(directory)
    if before.prior != latent.Prior(settings["prior"], settings["nz"]):
        raise InputError(
            f"{directory} draws from a {before.prior.kind} prior; "
            f"give --prior {before.prior.kind} to begin from it."
        )
    has, wants = before.card["architecture"], settings["network"]
    for key in ("name", "size", "channels", "nz", "ngf"):
        if has.get(key) != wants[key]:
            raise InputError(
                f"{directory} has {key} {has.get(key)}, not {wants[key]}; "
                f"give the same {key} to begin from it."
            )
    generator.load_state_dict(before.generator.state_dict())
    if before.discriminator is not None and has == wants:
        discriminator.load_state_dict(before.discriminator.state_dict())
    elif not settings["warmup_kimg"]:
        raise InputError(
            f"{directory} has no discriminator of these sizes, so one begins anew; give it time to "
            "learn before G moves, with --warmup-kimg 10 for example."
        )
    shown = before.card["training"].get("kimg", 0)
    return {"begun_from": {"name": before.name, "hash": before.hash, "kimg": shown}}


def penalty(discriminator, real, fake, settings, draws):
    """The weighted gradient penalty of one D step, always in fp32; 0 where there is none."""
    total = 0.0
    if settings["objective"] == "wgan-gp":
        mix = draws.uniform(len(real), 1, 1, 1)
        total += settings["gp"] * regularisers.one_centred(discriminator, real, fake, mix)
    if settings["r1"]:
        total += settings["r1"] * regularisers.zero_centred(discriminator, real)
    if settings["r2"]:
        total += settings["r2"] * regularisers.zero_centred(discriminator, fake)
    return total


def roll_back(path, parts, rng, settings, position, notes, bar):
    """Back to the last snapshot and on with other noise; returns its position.

    Raises InputError when there is none, or when that has been tried often enough.
    """
    kimg = f"{position / 1000:.1f} kimg"
    notes["rollbacks"] = notes.get("rollbacks", 0) + 1
    if not path.exists():
        raise InputError(
            f"A loss or weight is no longer a number at {kimg}, before the first snapshot. "
            "Try smaller step sizes (--lr-d, --lr-g)."
        )
    if notes["rollbacks"] > ROLLBACKS:
        raise InputError(
            f"A loss or weight is no longer a number at {kimg}, for the {ROLLBACKS + 1}th time; "
            f"{path} keeps the last good snapshot. Try smaller step sizes (--lr-d, --lr-g)."
        )
    position, _ = state.restore(path, parts, rng, settings, {})
    rng.manual_seed(settings["seed"] + 10**6 * notes["rollbacks"])
    bar.write(
        f"A loss or weight is no longer a number at {kimg}; "
        f"going on from the snapshot at {position / 1000:.1f} kimg with other noise."
    )
    bar.n = position
    bar.refresh()
    return position


def stop_when_won(wins, position, patience_kimg, notes, run):
    """Raise InputError when D has told all pairs apart for `patience_kimg` without a break."""
    if wins < WON:
        notes["won_since"] = position
    if position - notes.get("won_since", 0) >= patience_kimg * 1000:
        raise InputError(
            f"D has told every real image from every generated one for {patience_kimg:g} kimg, "
            f"so G has nothing to learn from; training stops at {position / 1000:.0f} kimg and "
            f"{run} keeps its snapshots. Give --kimg {position / 1000:g} to make a checkpoint of "
            "the best of them, begin anew with a smaller --lr-d or with --r1, or give "
            "--patience-kimg 0 to go on all the same."
        )


def finite(*tensors):
    """Whether every number in the tensors is one; waits for the device once."""
    return bool(torch.stack([t.detach().isfinite().all() for t in tensors]).all())


def fit_average(average, prior, device, batches=40, batch=64):
    """A copy of the averaged generator with batch-norm statistics of its own, in eval mode.

    The latents are always the same, and the run's own stream of noise is not touched.
    """
    fitted = copy.deepcopy(average)
    z = prior.sample(batches * batch, seed=10**9)
    parts = torch.from_numpy(z).to(device).split(batch)
    ema.reestimate_batch_norm(fitted, parts)
    return fitted


def hardware(device):
    """The processor in words, for the model card."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{model} CPU, {torch.get_num_threads()} thread(s)"
