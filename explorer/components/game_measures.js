// How far a game has come: the same as gan_core/game/measures.py, which explains each measure.
// A grid is a Float64Array of CELLS × CELLS, row by row from below.

import { STREAMS } from "./game_random.js";
import { HALF, NOISE, centresOf, sampleData, sampleLatents } from "./game_data.js";
import { forward, answerOf } from "./game_network.js";
import { OBJECTIVES, sigmoid } from "./game_losses.js";

export const CELLS = 40;
const BLUR = 1;
const REACH = 4;
const SAMPLES = 2000;
const POOL = 20000;
const SHARE = 0.25;
const WITHIN = 3;

// {js, modes, gap, density}: nats; modes caught or null; mean |D − D*| where the optimal D is
// wanted (best), else null; G's density.
export function measureGame(game, densityOfData, best) {
  const { settings, generator, discriminator } = game;
  const z = sampleLatents(settings.prior, game.seed, STREAMS.pool, 1, SAMPLES);
  const fake = answerOf(forward(generator, z, SAMPLES));
  const density = densityOf(fake);
  const centres = centresOf(settings.data);
  const modes = centres && countModes(fake, centres, NOISE[settings.data]);
  let gap = null;
  if (best && OBJECTIVES[settings.objective].probability) {
    const learned = answerOf(forward(discriminator, MIDDLES, CELLS * CELLS));
    const optimal = optimalDiscriminator(densityOfData, density);
    gap = 0;
    learned.forEach((logit, i) => {
      const share = (densityOfData[i] + density[i]) / 2;
      gap += share * Math.abs(sigmoid(logit) - optimal[i]);
    });
  }
  return { js: jensenShannon(densityOfData, density), modes, gap, density };
}

export function densityOfData({ settings, points, seed }) {
  return densityOf(sampleData(settings.data, points, seed, STREAMS.pool, 0, POOL));
}

// The share of the points in each cell, smoothed.
function densityOf(points) {
  const counts = new Float64Array(CELLS * CELLS);
  const cell = (x) => Math.min(Math.max(Math.floor(((x + HALF) / (2 * HALF)) * CELLS), 0), CELLS - 1);
  for (let i = 0; i < points.length; i += 2) counts[cell(points[i + 1]) * CELLS + cell(points[i])] += 1;
  const smooth = blurred(blurred(counts));
  const total = smooth.reduce((sum, x) => sum + x, 0);
  return smooth.map((x) => x / total);
}

// Every row smoothed by a Gaussian whose weights sum to 1, and the whole turned over its diagonal:
// done twice, both directions are smooth and the grid lies as before.
function blurred(grid) {
  const turned = new Float64Array(CELLS * CELLS);
  for (let c = 0; c < CELLS; c++) {
    const from = Math.max(0, c - REACH);
    const to = Math.min(CELLS - 1, c + REACH);
    const weights = [];
    for (let k = from; k <= to; k++) weights.push(Math.exp(-0.5 * ((k - c) / BLUR) ** 2));
    const total = weights.reduce((sum, x) => sum + x, 0);
    for (let row = 0; row < CELLS; row++) {
      let sum = 0;
      for (let k = from; k <= to; k++) sum += weights[k - from] * grid[row * CELLS + k];
      turned[c * CELLS + row] = sum / total;
    }
  }
  return turned;
}

function jensenShannon(p, q) {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const middle = (p[i] + q[i]) / 2;
    if (p[i] > 0) sum += (p[i] * Math.log(p[i] / middle)) / 2;
    if (q[i] > 0) sum += (q[i] * Math.log(q[i] / middle)) / 2;
  }
  return sum;
}

function countModes(points, centres, noise) {
  const n = points.length / 2;
  const most = (WITHIN * noise) ** 2;
  let caught = 0;
  for (let m = 0; m < centres.length; m += 2) {
    let inside = 0;
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [points[i] - centres[m], points[i + 1] - centres[m + 1]];
      if (x * x + y * y <= most) inside += 1;
    }
    if (inside >= (SHARE * n) / (centres.length / 2)) caught += 1;
  }
  return caught;
}

// D*(x) = p(x) / (p(x) + q(x)): Goodfellow et al. 2014, proposition 1.
export function optimalDiscriminator(p, q) {
  return p.map((x, i) => (x + q[i] > 0 ? x / (x + q[i]) : 0.5));
}

// The middles of the cells, row by row from below.
export const MIDDLES = Float64Array.from({ length: 2 * CELLS * CELLS }, (_, i) => {
  const place = i >> 1;
  const cell = i % 2 ? Math.floor(place / CELLS) : place % CELLS;
  return ((cell + 0.5) * (2 * HALF)) / CELLS - HALF;
});
