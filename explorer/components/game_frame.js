// What is shown of a game as it stands: D's surface, G's grid, points, and where G would move them.

import { STREAMS } from "./game_random.js";
import { sampleData, sampleLatents } from "./game_data.js";
import { forward, answerOf, backward } from "./game_network.js";
import { OBJECTIVES, sigmoid } from "./game_losses.js";
import { batchOfDiscriminator, batchOfGenerator } from "./game_step.js";
import { CELLS, MIDDLES, optimalDiscriminator } from "./game_measures.js";

const SHOWN = 256; // points of the data, and samples of G
const SCARCE = 0.1 / (CELLS * CELLS); // share of all points in a cell
const LINES = 17; // of the latent square, in each direction
const RINGS = 8; // of the latent disc, with equal shares of the latents between them
const SPOKES = 32;

// moment: "" for points that stay the same from frame to frame, or whose batch is shown: "d" the
// one that D learns from next, "g" the one that G learns from next, "moved" the one that it
// learned from last. best: whether the optimal D is drawn.
export function frameOf(state, moment, best) {
  const { game } = state;
  const { fake, real, z } = pointsOf(state, moment);
  const { lossD, lossG, settings, steps } = game;
  return {
    steps,
    turn: game.turn,
    lossD,
    lossG,
    real: Float32Array.from(real),
    fake: Float32Array.from(fake),
    arrows: Float32Array.from(arrowsOf(game, z, real, fake)),
    grid: gridOf(game),
    prior: settings.prior,
    ...surfaceOf(game),
    best: best && state.density ? bestOf(state) : null,
  };
}

// The optimal D as shades, NaN where there are neither data nor samples to estimate it from.
function bestOf({ densityOfData, density }) {
  const best = optimalDiscriminator(densityOfData, density);
  return Float32Array.from(best, (x, i) => (densityOfData[i] + density[i] > SCARCE ? x : NaN));
}

function pointsOf(state, moment) {
  const { game } = state;
  if (moment === "d") return { ...batchOfDiscriminator(game), z: null };
  const { z, real } = shownOf(state);
  if (!moment) return { z, real, fake: answerOf(forward(game.generator, z, SHOWN)) };
  const { z: batch } = batchOfGenerator(moment === "moved" ? { ...game, steps: game.steps - 1 } : game);
  return { z: batch, real, fake: answerOf(forward(game.generator, batch, game.settings.batch)) };
}

// The data and the latents that are shown from frame to frame; drawn once for each setting of both.
function shownOf(state) {
  const { settings, seed, points } = state.game;
  const { data, prior } = settings;
  const { shown } = state;
  if (shown?.data === data && shown.prior === prior && shown.points === points) return shown;
  const z = sampleLatents(prior, seed, STREAMS.pool, 2, SHOWN);
  const real = sampleData(data, points, seed, STREAMS.pool, 3, SHOWN);
  state.shown = { data, prior, points, z, real };
  return state.shown;
}

// −∇ of G's loss at each sample, times their number: how each one alone would like to move.
function arrowsOf({ settings, discriminator }, z, real, fake) {
  if (!z) return [];
  const n = z.length / 2;
  const { paired, generator } = OBJECTIVES[settings.objective];
  const onReal = paired ? answerOf(forward(discriminator, real.subarray(0, 2 * n), n)) : null;
  const onFake = forward(discriminator, fake, n);
  const { byFake } = generator(onReal, answerOf(onFake));
  return backward(discriminator, onFake, byFake, null).map((x) => -n * x);
}

// D on the middles of the cells as a shade from 0 (looks generated) to 1 (looks real), and what
// the shades 0 and 1 stand for.
function surfaceOf({ settings, discriminator }) {
  const logits = answerOf(forward(discriminator, MIDDLES, CELLS * CELLS));
  const { probability } = OBJECTIVES[settings.objective];
  if (probability) return { shade: Float32Array.from(logits, sigmoid), range: [0, 1] };
  let [low, high] = [0, 1];
  if (settings.objective === "hinge") low = -1;
  else if (settings.objective !== "lsgan") {
    [low, high] = [Math.min(...logits), Math.max(...logits)];
  }
  const span = high - low || 1;
  const shade = Float32Array.from(logits, (x) => Math.min(Math.max((x - low) / span, 0), 1));
  return { shade, range: [low, high] };
}

// Where G takes a grid over its latents: rows × columns points, row by row.
function gridOf({ settings, generator }) {
  const uniform = settings.prior === "uniform";
  const [rows, columns] = uniform ? [LINES, LINES] : [RINGS + 1, SPOKES + 1];
  const z = new Float64Array(2 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (uniform) {
      z[2 * i] = (2 * column) / (LINES - 1) - 1;
      z[2 * i + 1] = (2 * row) / (LINES - 1) - 1;
    } else {
      const radius = Math.sqrt(-2 * Math.log(1 - row / (RINGS + 1)));
      z[2 * i] = radius * Math.cos((2 * Math.PI * column) / SPOKES);
      z[2 * i + 1] = radius * Math.sin((2 * Math.PI * column) / SPOKES);
    }
  }
  return { rows, columns, at: Float32Array.from(answerOf(forward(generator, z, rows * columns))) };
}
