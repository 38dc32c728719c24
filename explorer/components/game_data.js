// The data in the plane and G's latents: the same as gan_core/game/distributions.py.
// Points are Float64Arrays of x and y in turns.

import { uniform, normalPair } from "./game_random.js";

export const HALF = 2; // half the side of the plane
const RADIUS = 1.4;
const SIDEWAYS = 1.6;
const ASIDE = 0.4;
const SPACING = 0.7;
export const NOISE = {
  ring: 0.06,
  "8 gaussians": 0.08,
  moons: 0.06,
  grid: 0.05,
  line: 0.05,
  gaussian: 0.5,
  points: 0.05,
};

// The means of the modes, or null for data without modes.
export function centresOf(data) {
  if (data === "8 gaussians") {
    return Float64Array.from({ length: 16 }, (_, i) => {
      const angle = ((i >> 1) * Math.PI) / 4;
      return RADIUS * (i % 2 ? Math.sin(angle) : Math.cos(angle));
    });
  }
  if (data !== "grid") return null;
  return Float64Array.from({ length: 50 }, (_, i) => {
    const place = i >> 1;
    return SPACING * ((i % 2 ? Math.floor(place / 5) : place % 5) - 2);
  });
}

// n points of the data; points: the means for "points".
export function sampleData(data, points, seed, stream, draw, n) {
  const numbers = uniform(seed, stream, draw, 3 * n);
  const means = data === "points" ? points : centresOf(data);
  const sample = new Float64Array(2 * n);
  for (let i = 0; i < n; i++) {
    const u = numbers[3 * i];
    const [a, b] = normalPair(numbers[3 * i + 1], numbers[3 * i + 2]);
    const [x, y] = meanAt(data, means, u);
    sample[2 * i] = x + NOISE[data] * a;
    sample[2 * i + 1] = y + NOISE[data] * b;
  }
  return sample;
}

function meanAt(data, means, u) {
  if (data === "ring") {
    return [RADIUS * Math.cos(2 * Math.PI * u), RADIUS * Math.sin(2 * Math.PI * u)];
  }
  if (data === "moons") {
    const upper = u < 0.5;
    const angle = Math.PI * (2 * u - (upper ? 0 : 1));
    const [x, y] = [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25];
    return upper ? [1.2 * x, 1.2 * y] : [-1.2 * x, -1.2 * y];
  }
  if (data === "line") return [SIDEWAYS, 2 * u - 1];
  if (data === "gaussian") return [ASIDE, ASIDE];
  const place = 2 * Math.floor((u * means.length) / 2);
  return [means[place], means[place + 1]];
}

// n latents: uniform in the square from −1 to 1, or standard normal.
export function sampleLatents(prior, seed, stream, draw, n) {
  const numbers = uniform(seed, stream, draw, 2 * n);
  for (let i = 0; i < 2 * n; i += 2) {
    const pair =
      prior === "uniform"
        ? [2 * numbers[i] - 1, 2 * numbers[i + 1] - 1]
        : normalPair(numbers[i], numbers[i + 1]);
    [numbers[i], numbers[i + 1]] = pair;
  }
  return numbers;
}
