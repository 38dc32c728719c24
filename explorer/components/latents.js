// Slider positions -> latent, like motions.py but in float64.

export function latentAt(spec, values) {
  if (spec.kind === "coordinates") return Float32Array.from(values);
  if (spec.kind === "path") {
    const last = spec.keyframes.length - 2;
    const segment = Math.min(Math.max(Math.floor(values[0]), 0), last);
    const [a, b] = spec.keyframes.slice(segment, segment + 2);
    return Float32Array.from(between(spec.mode, a, b, values[0] - segment));
  }
  if (spec.kind === "pad") {
    const [a, b, c, d] = spec.corners;
    const [x, y] = values;
    // Python rounds the two ends to float32 before it interpolates between them.
    const upper = Float32Array.from(between(spec.mode, a, b, x));
    const lower = Float32Array.from(between(spec.mode, c, d, x));
    return Float32Array.from(between(spec.mode, upper, lower, y));
  }
  const z = Float64Array.from(spec.origin);
  spec.vectors.forEach((vector, k) => vector.forEach((v, i) => (z[i] += values[k] * v)));
  const length = norm(z);
  const scale = spec.norm === null || length === 0 ? 1 : spec.norm / length;
  return Float32Array.from(z, (v) => v * scale);
}

function between(mode, a, b, t) {
  const lengths = [norm(a), norm(b)];
  const straight = () => Float64Array.from(a, (v, i) => (1 - t) * v + t * b[i]);
  if (mode === "lerp" || lengths[0] === 0 || lengths[1] === 0) return straight();
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += (a[i] / lengths[0]) * (b[i] / lengths[1]);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const sine = Math.sin(angle);
  if (sine < 1e-6) return straight();
  const length = (1 - t) * lengths[0] + t * lengths[1];
  const p = (length * Math.sin((1 - t) * angle)) / sine / lengths[0];
  const q = (length * Math.sin(t * angle)) / sine / lengths[1];
  return Float64Array.from(a, (v, i) => p * v + q * b[i]);
}

function norm(z) {
  return Math.sqrt(z.reduce((sum, v) => sum + v * v, 0));
}
