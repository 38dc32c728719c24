// The seven objectives, by the names of gan_core/training/losses.py, with their derivatives.
//
// discriminator(real, fake) and generator(real, fake) take D's logits on a batch, Float64Arrays
// of equal length, and return {loss, byReal, byFake}; the generator's loss has no `byReal`.

export function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

// The mean of value(logit) with its derivative.
function mean(logits, value, slope) {
  const n = logits.length;
  let loss = 0;
  const by = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    loss += value(logits[i]) / n;
    by[i] = slope(logits[i]) / n;
  }
  return { loss, by };
}

function ofBoth(real, fake) {
  return { loss: real.loss + fake.loss, byReal: real.by, byFake: fake.by };
}

function ofFake({ loss, by }) {
  return { loss, byFake: by };
}

function crossEntropy(real, fake) {
  return ofBoth(
    mean(real, (x) => softplus(-x), (x) => -sigmoid(-x)),
    mean(fake, softplus, sigmoid),
  );
}

function critic(real, fake) {
  return ofBoth(
    mean(real, (x) => -x, () => -1),
    mean(fake, (x) => x, () => 1),
  );
}

function criticGenerator(real, fake) {
  return ofFake(mean(fake, (x) => -x, () => -1));
}

function hinge(real, fake) {
  return ofBoth(
    mean(real, (x) => Math.max(0, 1 - x), (x) => (x < 1 ? -1 : 0)),
    mean(fake, (x) => Math.max(0, 1 + x), (x) => (x > -1 ? 1 : 0)),
  );
}

function leastSquares(real, fake) {
  return ofBoth(
    mean(real, (x) => (x - 1) ** 2 / 2, (x) => x - 1),
    mean(fake, (x) => x ** 2 / 2, (x) => x),
  );
}

// On pairs: softplus(other − one), to be minimised by raising `one` above `other`.
function paired(one, other) {
  const apart = one.map((x, i) => other[i] - x);
  const { loss, by } = mean(apart, softplus, sigmoid);
  return { loss, byOne: by.map((x) => -x), byOther: by };
}

function relativistic(real, fake) {
  const { loss, byOne, byOther } = paired(real, fake);
  return { loss, byReal: byOne, byFake: byOther };
}

function relativisticGenerator(real, fake) {
  const { loss, byOne } = paired(fake, real);
  return { loss, byFake: byOne };
}

const saturating = (real, fake) =>
  ofFake(mean(fake, (x) => -softplus(x), (x) => -sigmoid(x)));
const nonSaturating = (real, fake) =>
  ofFake(mean(fake, (x) => softplus(-x), (x) => -sigmoid(-x)));
const leastSquaresGenerator = (real, fake) =>
  ofFake(mean(fake, (x) => (x - 1) ** 2 / 2, (x) => x - 1));

// probability: whether sigmoid(logit) estimates the probability of being real.
export const OBJECTIVES = {
  minimax: { discriminator: crossEntropy, generator: saturating, probability: true },
  "non-saturating": { discriminator: crossEntropy, generator: nonSaturating, probability: true },
  lsgan: { discriminator: leastSquares, generator: leastSquaresGenerator },
  wgan: { discriminator: critic, generator: criticGenerator, wasserstein: true },
  "wgan-gp": { discriminator: critic, generator: criticGenerator, wasserstein: true },
  hinge: { discriminator: hinge, generator: criticGenerator },
  relativistic: {
    discriminator: relativistic,
    generator: relativisticGenerator,
    paired: true,
  },
};
