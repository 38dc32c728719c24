// A multilayer perceptron in float64 with its gradients, written by hand.
//
// All weights of a network lie in one array, layer by layer, as PyTorch has them: the matrix
// (outputs × inputs) row by row, then the biases. A gradient is an array of the same layout. A
// batch of n vectors is one array, vector after vector.

import { uniform } from "./game_random.js";

const SLOPE = 0.2; // of the leaky ReLU, for negative numbers

// Each activation with its first and second derivative.
const ACTIVATIONS = {
  "leaky relu": {
    value: (a) => (a > 0 ? a : SLOPE * a),
    slope: (a) => (a > 0 ? 1 : SLOPE),
    bend: () => 0,
  },
  tanh: {
    value: Math.tanh,
    slope: (a) => {
      const h = Math.tanh(a);
      return 1 - h * h;
    },
    bend: (a) => {
      const h = Math.tanh(a);
      return -2 * h * (1 - h * h);
    },
  },
};

// A network with the initial weights of a seed: uniform with variance 1/inputs, biases in ±1/√inputs.
export function makeNetwork(sizes, activation, seed, stream) {
  const layers = [];
  let count = 0;
  for (let l = 0; l + 1 < sizes.length; l++) {
    const [inputs, outputs] = [sizes[l], sizes[l + 1]];
    layers.push({ inputs, outputs, w: count, b: count + inputs * outputs });
    count += (inputs + 1) * outputs;
  }
  const weights = new Float64Array(count);
  layers.forEach(({ inputs, outputs, w, b }, draw) => {
    const numbers = uniform(seed, stream, draw, outputs * (inputs + 1));
    const bound = 1 / Math.sqrt(inputs);
    for (let i = 0; i < numbers.length; i++) {
      weights[w + i] = (w + i < b ? Math.sqrt(3) : 1) * (2 * numbers[i] - 1) * bound;
    }
  });
  return { layers, weights, activation };
}

// The answers to a batch. Returns {n, before, after}: for every layer what goes into its
// activation, and what comes out; the last `before` is the answer, `after[l]` is layer l's input.
export function forward(network, input, n) {
  const { value } = ACTIVATIONS[network.activation];
  const { layers, weights } = network;
  const before = [];
  const after = [input];
  layers.forEach(({ inputs, outputs, w, b }, l) => {
    const x = after[l];
    const a = new Float64Array(n * outputs);
    for (let s = 0; s < n; s++) {
      const from = s * inputs;
      const to = s * outputs;
      let o = 0;
      // Four sums at a time: each waits for its own last addition only.
      for (; o + 3 < outputs; o += 4) {
        const row = w + o * inputs;
        let one = weights[b + o];
        let two = weights[b + o + 1];
        let three = weights[b + o + 2];
        let four = weights[b + o + 3];
        for (let i = 0; i < inputs; i++) {
          const value = x[from + i];
          one += weights[row + i] * value;
          two += weights[row + inputs + i] * value;
          three += weights[row + 2 * inputs + i] * value;
          four += weights[row + 3 * inputs + i] * value;
        }
        a[to + o] = one;
        a[to + o + 1] = two;
        a[to + o + 2] = three;
        a[to + o + 3] = four;
      }
      for (; o < outputs; o++) {
        let sum = weights[b + o];
        for (let i = 0; i < inputs; i++) sum += weights[w + o * inputs + i] * x[from + i];
        a[to + o] = sum;
      }
    }
    before.push(a);
    if (l + 1 < layers.length) {
      const h = new Float64Array(a.length); // a loop is much quicker than map
      for (let i = 0; i < a.length; i++) h[i] = value(a[i]);
      after.push(h);
    }
  });
  return { n, before, after };
}

export function answerOf(pass) {
  return pass.before[pass.before.length - 1];
}

// Adds a loss's gradient by the weights to `gradient` (or not, where null), given its gradient by
// the answers. Returns its gradient by the inputs.
export function backward(network, pass, byAnswer, gradient) {
  const { slope } = ACTIVATIONS[network.activation];
  const { n } = pass;
  let delta = byAnswer;
  for (let l = network.layers.length - 1; l >= 0; l--) {
    if (gradient) addOuter(network.layers[l], gradient, delta, pass.after[l], n, true);
    delta = transposed(network, l, delta, n);
    if (l) {
      const a = pass.before[l - 1];
      for (let i = 0; i < delta.length; i++) delta[i] *= slope(a[i]);
    }
  }
  return delta;
}

// gradient += Σ delta ⊗ input, and the biases' part where wanted.
function addOuter({ inputs, outputs, w, b }, gradient, delta, input, n, biases) {
  let s = 0;
  for (; s + 3 < n; s += 4) {
    const [from, to] = [s * inputs, s * outputs];
    for (let o = 0; o < outputs; o++) {
      const row = w + o * inputs;
      const one = delta[to + o];
      const two = delta[to + outputs + o];
      const three = delta[to + 2 * outputs + o];
      const four = delta[to + 3 * outputs + o];
      for (let i = 0; i < inputs; i++) {
        gradient[row + i] +=
          one * input[from + i] +
          two * input[from + inputs + i] +
          three * input[from + 2 * inputs + i] +
          four * input[from + 3 * inputs + i];
      }
      if (biases) gradient[b + o] += one + two + three + four;
    }
  }
  for (; s < n; s++) {
    for (let o = 0; o < outputs; o++) {
      const d = delta[s * outputs + o];
      for (let i = 0; i < inputs; i++) gradient[w + o * inputs + i] += d * input[s * inputs + i];
      if (biases) gradient[b + o] += d;
    }
  }
}

// Wᵀ·delta of a layer, for a batch.
function transposed({ layers, weights }, l, delta, n) {
  const { inputs, outputs, w } = layers[l];
  const product = new Float64Array(n * inputs);
  for (let s = 0; s < n; s++) {
    const [from, to] = [s * outputs, s * inputs];
    let o = 0;
    for (; o + 3 < outputs; o += 4) {
      const row = w + o * inputs;
      const one = delta[from + o];
      const two = delta[from + o + 1];
      const three = delta[from + o + 2];
      const four = delta[from + o + 3];
      for (let i = 0; i < inputs; i++) {
        product[to + i] +=
          weights[row + i] * one +
          weights[row + inputs + i] * two +
          weights[row + 2 * inputs + i] * three +
          weights[row + 3 * inputs + i] * four;
      }
    }
    for (; o < outputs; o++) {
      const d = delta[from + o];
      for (let i = 0; i < inputs; i++) product[to + i] += weights[w + o * inputs + i] * d;
    }
  }
  return product;
}

// W·v of a layer without its biases, for a batch.
function multiplied({ layers, weights }, l, v, n) {
  const { inputs, outputs, w } = layers[l];
  const product = new Float64Array(n * outputs);
  for (let s = 0; s < n; s++) {
    for (let o = 0; o < outputs; o++) {
      const row = w + o * inputs;
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += weights[row + i] * v[s * inputs + i];
      product[s * outputs + o] = sum;
    }
  }
  return product;
}

// A penalty on ∇ₓ of a network with one answer: adds its gradient by the weights, a second-order
// one, to `gradient` and returns its value. ofSlope(x, y) -> [value, by x, by y] is one point's
// part of the penalty as a function of ∇ₓ = (x, y).
//
// With layers a_l = W_l h_{l−1} + b_l, h_l = φ(a_l), the answer's gradient runs backwards through
// v_l = W_{l+1}ᵀ u_{l+1}, u_l = φ′(a_l) v_l, and ends in ∇ₓ = W_0ᵀ u_0. Each of these steps is
// differentiated in turn (`bar` is the penalty's gradient by what the name says), and a_l, on which
// φ′ depends, by ordinary backpropagation.
export function penalise(network, input, n, ofSlope, gradient) {
  const { slope, bend } = ACTIVATIONS[network.activation];
  const { layers } = network;
  const last = layers.length - 1;
  const pass = forward(network, input, n);
  const u = [];
  const v = [];
  u[last] = new Float64Array(n).fill(1);
  for (let l = last - 1; l >= 0; l--) {
    v[l] = transposed(network, l + 1, u[l + 1], n);
    u[l] = v[l].map((value, i) => value * slope(pass.before[l][i]));
  }
  const slopes = transposed(network, 0, u[0], n);
  let total = 0;
  let bar = new Float64Array(2 * n); // by ∇ₓ
  for (let s = 0; s < n; s++) {
    const [value, x, y] = ofSlope(slopes[2 * s], slopes[2 * s + 1]);
    total += value;
    bar[2 * s] = x;
    bar[2 * s + 1] = y;
  }
  const byBefore = []; // by a_l, through φ′ alone
  for (let l = 0; l <= last; l++) {
    addOuter(layers[l], gradient, u[l], bar, n, false);
    if (l === last) break;
    const barU = multiplied(network, l, bar, n);
    const a = pass.before[l];
    byBefore[l] = barU.map((value, i) => value * bend(a[i]) * v[l][i]);
    bar = barU.map((value, i) => value * slope(a[i])); // by v_l
  }
  let delta = byBefore[last - 1];
  for (let l = last - 1; l >= 0; l--) {
    addOuter(layers[l], gradient, delta, pass.after[l], n, true);
    if (!l) break;
    const back = transposed(network, l, delta, n);
    const a = pass.before[l - 1];
    delta = back.map((value, i) => value * slope(a[i]) + byBefore[l - 1][i]);
  }
  return total;
}
