// Random numbers that JavaScript and Python compute alike: a hash of a counter. The same as
// gan_core/game/random_numbers.py, which explains it.

export const STREAMS = {
  generator: 0,
  discriminator: 1,
  real: 2,
  fake: 3,
  move: 4,
  paired: 5,
  mix: 6,
  pool: 7,
};

function scramble(x) {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

// n numbers, uniform in (0, 1).
export function uniform(seed, stream, draw, n) {
  let key = seed >>> 0;
  for (const word of [stream, draw]) key = scramble((key + 0x9e3779b9 + word) >>> 0);
  const other = scramble(key);
  const numbers = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const bits = scramble((scramble((i ^ other) >>> 0) + key) >>> 0);
    numbers[i] = (bits + 0.5) / 4294967296;
  }
  return numbers;
}

// Two independent standard normal numbers out of two uniform ones (Box and Muller 1958).
export function normalPair(u, v) {
  const radius = Math.sqrt(-2 * Math.log(u));
  const angle = 2 * Math.PI * v;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
