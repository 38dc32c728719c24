// One step of the game, k updates of D and one of G: the same as gan_core/game/step.py.

import { STREAMS, uniform } from "./game_random.js";
import { sampleData, sampleLatents } from "./game_data.js";
import { makeNetwork, forward, answerOf, backward, penalise } from "./game_network.js";
import { OBJECTIVES } from "./game_losses.js";

const MOMENTUM = 0.9;
const BETAS = [0.5, 0.999]; // of Adam
const EPSILON = 1e-8;

// settings: as gan_core.game.settings has them. points: the means of the data "points".
// turn: how many updates D has made of the k of the current step.
export function makeGame(settings, seed, points) {
  const { width, activation } = settings;
  return {
    settings,
    seed,
    points,
    steps: 0,
    updates: 0,
    turn: 0,
    lossD: NaN,
    lossG: NaN,
    generator: makeNetwork([2, width, width, 2], activation, seed, STREAMS.generator),
    discriminator: makeNetwork([2, width, width, 1], activation, seed, STREAMS.discriminator),
    memoryD: {},
    memoryG: {},
  };
}

export function stepGame(game) {
  while (game.turn < game.settings.k) updateDiscriminator(game);
  updateGenerator(game);
}

// The real points, and the latents, of D's next update.
export function batchOfDiscriminator({ settings, seed, points, updates, generator }) {
  const n = settings.batch;
  const real = sampleData(settings.data, points, seed, STREAMS.real, updates, n);
  const z = sampleLatents(settings.prior, seed, STREAMS.fake, updates, n);
  return { real, fake: answerOf(forward(generator, z, n)) };
}

export function updateDiscriminator(game) {
  const { settings, discriminator } = game;
  const { real, fake } = batchOfDiscriminator(game);
  const { loss, gradient } = gradientOfDiscriminator(game, real, fake);
  move(discriminator, gradient, settings.optimiser_d, settings.lr_d, game.memoryD);
  if (settings.objective === "wgan") {
    const { weights } = discriminator;
    for (let i = 0; i < weights.length; i++) {
      weights[i] = Math.min(Math.max(weights[i], -settings.clip), settings.clip);
    }
  }
  game.lossD = loss;
  game.updates += 1;
  game.turn += 1;
}

// {loss, penalty, gradient}: D's loss, its weighted penalty, and the gradient of their sum.
function gradientOfDiscriminator(game, real, fake) {
  const { settings, discriminator } = game;
  const n = settings.batch;
  const gradient = new Float64Array(discriminator.weights.length);
  const onReal = forward(discriminator, real, n);
  const onFake = forward(discriminator, fake, n);
  const objective = OBJECTIVES[settings.objective];
  const { loss, byReal, byFake } = objective.discriminator(answerOf(onReal), answerOf(onFake));
  backward(discriminator, onReal, byReal, gradient);
  backward(discriminator, onFake, byFake, gradient);
  return { loss, penalty: addPenalty(game, real, fake, gradient), gradient };
}

function addPenalty({ settings, seed, updates, discriminator }, real, fake, gradient) {
  const { objective, batch: n, r1, gp } = settings;
  if (objective === "wgan-gp" && gp > 0) {
    const mix = uniform(seed, STREAMS.mix, updates, n);
    const between = real.map((x, i) => x + mix[i >> 1] * (fake[i] - x));
    const oneCentred = (x, y) => {
      const norm = Math.sqrt(x * x + y * y + 1e-12);
      const by = (2 * gp * (norm - 1)) / norm / n;
      return [(gp * (norm - 1) ** 2) / n, by * x, by * y];
    };
    return penalise(discriminator, between, n, oneCentred, gradient);
  }
  if (objective !== "wgan" && objective !== "wgan-gp" && r1 > 0) {
    const zeroCentred = (x, y) => [
      (r1 * (x * x + y * y)) / (2 * n),
      (r1 * x) / n,
      (r1 * y) / n,
    ];
    return penalise(discriminator, real, n, zeroCentred, gradient);
  }
  return 0;
}

// The latents of G's next update, and the real points of a paired objective.
export function batchOfGenerator({ settings, seed, points, steps }) {
  const n = settings.batch;
  const z = sampleLatents(settings.prior, seed, STREAMS.move, steps, n);
  const real = sampleData(settings.data, points, seed, STREAMS.paired, steps, n);
  return { z, real };
}

export function updateGenerator(game) {
  const { settings, generator } = game;
  const { z, real } = batchOfGenerator(game);
  const { loss, gradient } = gradientOfGenerator(game, z, real);
  move(generator, gradient, settings.optimiser_g, settings.lr_g, game.memoryG);
  game.lossG = loss;
  game.steps += 1;
  game.turn = 0;
}

// {loss, gradient, fake, byFake}: G's loss, its gradient by the weights, G's samples, and the
// gradient of the loss by each of them.
function gradientOfGenerator({ settings, generator, discriminator }, z, real) {
  const n = z.length / 2;
  const pass = forward(generator, z, n);
  const fake = answerOf(pass);
  const objective = OBJECTIVES[settings.objective];
  const onFake = forward(discriminator, fake, n);
  const onReal = objective.paired ? answerOf(forward(discriminator, real, n)) : null;
  const { loss, byFake: byLogit } = objective.generator(onReal, answerOf(onFake));
  const byFake = backward(discriminator, onFake, byLogit, null);
  const gradient = new Float64Array(generator.weights.length);
  backward(generator, pass, byFake, gradient);
  return { loss, gradient, fake, byFake };
}

// One step of an optimiser as PyTorch makes it. memory: what it remembers; {} at the start.
function move({ weights }, gradient, kind, rate, memory) {
  if (memory.kind !== kind) {
    for (const name of Object.keys(memory)) delete memory[name];
    Object.assign(memory, { kind, t: 0 });
    memory.first = new Float64Array(weights.length);
    memory.second = new Float64Array(weights.length);
  }
  memory.t += 1;
  const { first, second, t } = memory;
  if (kind === "adam") {
    const [one, two] = BETAS;
    const root = Math.sqrt(1 - two ** t);
    const size = rate / (1 - one ** t);
    for (let i = 0; i < weights.length; i++) {
      first[i] += (1 - one) * (gradient[i] - first[i]);
      second[i] = two * second[i] + (1 - two) * gradient[i] * gradient[i];
      weights[i] -= (size * first[i]) / (Math.sqrt(second[i]) / root + EPSILON);
    }
    return;
  }
  const keep = kind === "momentum" ? MOMENTUM : 0;
  for (let i = 0; i < weights.length; i++) {
    first[i] = keep * first[i] + gradient[i];
    weights[i] -= rate * first[i];
  }
}
