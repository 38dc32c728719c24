"""The training loop, top to bottom: set-up, then rounds of the game, each followed by the record.

A round is k discriminator steps and one generator step (`step`). Around it: differentiable
augmentation, regularisers, an averaged generator, a measured distance that chooses which snapshot
is published, a log, and snapshots that a killed run resumes from.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gan_core import latent
from gan_core.data import media, training_set
from gan_core.training import (
    attribute_codes,
    autotune,
    conditions,
    earlier,
    ema,
    players,
    run_log,
    snapshot,
    time_box,
    validation,
)
from gan_core.training.batches import Batches
from gan_core.training.config import TrainingConfig
from gan_core.training.config_checks import check
from gan_core.training.distributed import Draws, Team
from gan_core.training.schedule import Clock, Due, Stop, cool, cosine, warm
from gan_core.training.step import Game, play_round
from gan_core.util import atomic_files, hardware
from gan_core.util.errors import InputError

ROLLBACKS = 3  # after NaN, before the run fails
WON = 0.999  # share of pairs in which D puts the real image above the generated one
EARLY = 20_000  # images; earlier there is no warning that G may have collapsed


def train(
    data: Path | str,
    run: Path | str,
    config: TrainingConfig,
    *,
    stop: Stop | None = None,
    publish: time_box.Publish | None = None,
) -> int:
    """Train until `config.kimg`, or resume the run that the directory `run` holds.

    With `config.minutes` training ends so that the checkpoint is published when that time has
    passed, counted from this call and over all stretches of the run.

    data: directory of a packed training set. Writes `run`/state.safetensors (everything needed to
    resume, replaced atomically at every snapshot), `run`/best.safetensors (the networks at the
    smallest measured distance), `run`/log.jsonl, `run`/samples/, `run`/earlier/ (a few
    generators to look back at) and `run`/tensorboard/.
    stop: notices interrupts, and says in the end whether there was one. publish: makes a checkpoint
    of a run's directory; a run with a time box rehearses it once.

    Returns the number of images shown so far. An interrupted run saves a snapshot first. On NaN,
    training rolls back to the last snapshot and continues with a new random stream, up to 3 times.
    Raises InputError for options that cannot work or differ from those the run began with, when
    rolling back did not help, when D has won for `config.patience_kimg`, and when a time box is too
    short.
    """
    clock = Clock(config.kimg, config.minutes)
    images, settings = check(data, config)
    run, team = Path(run), Team(config.device)

    # --- Set-up: networks, or those of a checkpoint, and what attributes are tied. ---
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True  # sizes never change
    path = run / "state.safetensors"
    resuming = path.exists()
    if config.conditional:
        players.take_over_revision(settings["network"], config, path)
    generator, discriminator = (n.to(team.device) for n in players.build(settings["network"]))
    record: dict[str, Any] = {"hours": 0.0, "hardware": hardware.describe(team.device)}
    record["torch"] = torch.__version__
    if config.begin_from and not resuming:
        record |= players.load_weights(generator, discriminator, config, settings["network"])
    prior = latent.Prior(config.prior, config.nz)
    tied = labels = None
    if config.conditional:
        classes = conditions.load(training_set.load(data), config.conditional, config.nz)
        labels = torch.from_numpy(classes.labels).to(team.device)
        for network in (generator, discriminator):
            network.shares.copy_(torch.from_numpy(classes.shares))  # type: ignore[operator]
    if config.codes_from:
        tied = attribute_codes.load(
            config.codes_from, data, config.prior, config.nz, config.codes_names, team.device
        )

    # --- Set-up: precision, layout and convolution, chosen once a run; optimisers. ---
    batches = Batches(images, config.batch, config.seed, team)
    fast = snapshot.read(path)[1]["record"].get("fast") if resuming else None
    if not autotune.is_choice(fast):
        fast, _ = autotune.choose(config, [generator, discriminator], batches.first())
    record["fast"] = fast = team.broadcast(fast)
    batches.layout = autotune.LAYOUTS[fast["layout"]]
    playing = players.assemble(generator, discriminator, config, batches.layout, team)
    rng = torch.Generator(team.device).manual_seed(config.seed)  # of all noise
    game = Game(config, playing, team, Draws(rng, team), tied, fast, labels)
    game.use_graphs(batches)

    # --- Set-up: the run's directory; only the leading process writes. ---
    state = snapshot.State(path, game.parts(), rng, settings, record)
    if resuming:
        batches.position = state.restore()
        clock.before = record["hours"] * 3600
        if team.leads:
            earlier.drop_after(run, batches.position)
    elif team.leads:
        run.mkdir(parents=True, exist_ok=True)
        (run / "best.safetensors").unlink(missing_ok=True)  # of an earlier run
        earlier.drop_after(run, -1)
    team.wait()
    over = clock.boxed and record.get("finished_minutes") == config.minutes
    finished = resuming and (over or clock.over(batches.position))
    board = box = distance = None
    if team.leads:
        atomic_files.clear(run)
        log = run_log.Log(run / "log.jsonl", batches.position)
        if config.tensorboard:
            board = log.board = run_log.open_board(run / "tensorboard", batches.position)
        grid = validation.Grid(images, prior, team.device)
        distance, reason = validation.measure_if_possible(images, config, prior, team.device)
        for sentence in (reason, grid.why_no_diversity):
            if sentence:
                tqdm.write(sentence)
        if clock.boxed and not finished:
            box = time_box.rehearse(clock, state, batches.position, prior, grid, distance, publish)
    periods = {"log": config.log_kimg, "measure": config.measure_kimg}
    if not box:
        periods |= {"grid": config.grid_kimg, "snapshot": config.snapshot_kimg}
    due = Due(batches.position, **periods)
    meter = run_log.Meter(game.statistics_names, batches.position, team.device)
    bar = tqdm(
        initial=batches.position,
        total=None if clock.boxed else clock.images,
        unit="img",
        smoothing=0.05,
        desc=run.name,
        disable=not team.leads,
    )

    with stop or Stop() as stop, bar:
        stopping = False
        while not finished and not stopping:
            # --- A round: k steps of D, one of G. ---
            done, total = clock.progress(batches.position)
            scale = cool(done, total, config.cooldown)
            scale *= cosine(done, total, 1.0, config.lr_final)
            rising = warm(batches.position, config.warmup_kimg)
            playing.set_step_sizes(config.lr_g * scale * rising, config.lr_d * scale)
            game.follow(done, total)
            statistics, judged = play_round(game, batches)

            # --- The record, when something is due. ---
            meter.add(statistics)
            bar.update(config.k * config.batch)
            position = batches.position
            now = due(position) + (box.due() if box else [])
            stopping = team.any(stop.requested)
            finished = clock.over(position)
            if not (now or finished or stopping):
                continue
            if team.any(not finite(meter.sums, *playing.weights())):
                batches.position = position = roll_back(state, position, bar)
                game.restart()
                due.reset(position)
                meter.reset(position)
                finished = clock.over(position)
                team.wait()
                if team.leads:
                    log.drop_after(position)
                    earlier.drop_after(run, position)
                continue
            if "log" in now:
                means, rate = meter.read(position, team)
                record["hours"] = clock.seconds / 3600
                more = expect(clock, position, rate, bar) if box else {}
                if team.leads:
                    log.write(
                        position, **means, images_per_second=rate, hours=record["hours"], **more
                    )
                if board:
                    board.histograms(
                        position, real=judged.real_logits, generated=judged.fake_logits
                    )
                if config.patience_kimg and not game.objective.wasserstein:
                    stop_when_won(means["wins"], position, config.patience_kimg, record, run)
            if not team.leads:
                continue
            # The end is measured too when there is a best to compare it with.
            due_now = "measure" in now or (finished and "best" in record)
            if distance and due_now and (not box or box.fits(finished)):
                with box.measuring() if box else nullcontext():
                    measure(distance, state, position, log, prior, team.device)
            if "snapshot" in now or finished or stopping:
                record["hours"] = clock.seconds / 3600
                if box and finished:
                    record["finished_minutes"] = config.minutes
                state.save(position)
            if "grid" in now or (finished and not stopping):
                save_grid(grid, playing.average, run / "samples", position, log, bar)
                earlier.keep(run, playing.average, position)
    if finished and distance and box and not box.has_best:
        tqdm.write(
            f"No distance was measured: one takes about {box.measurement:.0f} seconds here, and "
            "all may take a tenth of the time box; the last snapshot is published."
        )
    if board:
        board.close()
    stop.interrupted = not finished
    team.leave()
    return batches.position


def expect(clock: Clock, position: int, rate: float, bar: tqdm) -> dict[str, float]:
    """What a line of the log says beside its means when the run has a time box.

    rate: images per second. The first time, a sentence says what the run will reach.
    """
    first = clock.mark is None
    kimg = clock.expected(position, rate)
    if first:
        bar.write(
            f"Training runs at {rate:,.0f} images per second and will reach about {kimg:,.4g} "
            f"kimg in {clock.limit / 60:g} minutes, {clock.reserve:.0f} seconds of which are "
            "reserved for the last snapshot and for publishing it."
        )
    bar.total = round(kimg * 1000)
    return {"expected_kimg": kimg}


def finite(*tensors: torch.Tensor) -> bool:
    """Whether no tensor holds NaN or infinity; waits for the device once."""
    return bool(torch.stack([t.detach().isfinite().all() for t in tensors]).all())


def roll_back(state: snapshot.State, position: int, bar: tqdm) -> int:
    """Return to the last snapshot with a new random stream; returns its position.

    Raises InputError when there is no snapshot, or when that has been tried often enough.
    """
    record, kimg = state.record, f"{position / 1000:.1f} kimg"
    record["rollbacks"] = record.get("rollbacks", 0) + 1
    if not state.path.exists():
        raise InputError(
            f"A loss or weight became NaN or infinite at {kimg}, before the first snapshot. "
            "Try smaller learning rates (--lr-d, --lr-g)."
        )
    if record["rollbacks"] > ROLLBACKS:
        raise InputError(
            f"A loss or weight became NaN or infinite at {kimg}, for the {ROLLBACKS + 1}th time; "
            f"{state.path} is the last good snapshot. Try smaller learning rates (--lr-d, --lr-g)."
        )
    position = state.roll_back(state.settings["seed"] + 10**6 * record["rollbacks"])
    bar.write(
        f"A loss or weight became NaN or infinite at {kimg}; training rolls back to the snapshot "
        f"at {position / 1000:.1f} kimg and continues with a new random stream."
    )
    bar.n = position
    bar.refresh()
    return position


def stop_when_won(
    wins: float, position: int, patience_kimg: float, record: dict, run: Path
) -> None:
    """Raise InputError when D has won nearly all pairs for `patience_kimg` without a break.

    wins: D's share of the pairs since the last line of the log.
    """
    if wins < WON:
        record["won_since"] = position
    if position - record.get("won_since", 0) >= patience_kimg * 1000:
        raise InputError(
            f"D has distinguished every real image from every generated one for "
            f"{patience_kimg:g} kimg, so G has nothing to learn from; training stops at "
            f"{position / 1000:.0f} kimg, and the snapshots stay in {run}. Use "
            f"--kimg {position / 1000:g} to make a checkpoint of the best of them, "
            "start a new run with a smaller --lr-d or with --r1, or use --patience-kimg 0 "
            "to continue anyway."
        )


def measure(
    distance: validation.Distance,
    state: snapshot.State,
    position: int,
    log: run_log.Log,
    prior: latent.Prior,
    device: torch.device,
) -> None:
    """Measure the averaged generator, and save the networks when no distance was smaller."""
    average = state.parts["average"]
    value = distance(ema.fit_average(average, prior, device))
    log.write(position, **{distance.name: value})
    record, n = state.record, state.settings["measure_n"]
    best = record.get("best", {})
    # A distance on another number of samples is another measure.
    if best.get("n") != n or value < best["distance"]:
        record["best"] = {"kimg": position / 1000, "distance": value, "n": n, "name": distance.name}
        networks = {"average": average, "discriminator": state.parts["discriminator"]}
        path = state.path.with_name("best.safetensors")
        snapshot.save(path, networks, None, state.settings, position, record)


def save_grid(
    grid: validation.Grid,
    average: torch.nn.Module,
    folder: Path,
    position: int,
    log: run_log.Log,
    bar: tqdm,
) -> None:
    """Save a sample grid and record its diversity; warns when G seems to have collapsed."""
    sheet, diversity = grid.draw(average)
    media.save(folder / f"{position // 1000:06d}.png", media.encode(sheet))
    if diversity is not None:
        log.write(position, diversity=diversity)
    if log.board:
        log.board.grid(position, sheet)
    if diversity is not None and diversity < validation.COLLAPSED and position > EARLY:
        bar.write(
            f"At {position / 1000:.0f} kimg samples differ from each other only {diversity:.0%} "
            "as much as training images do: G may have collapsed."
        )
