// A person's own points: as text for the link (as in gan_core/game/points.py), and drawn by hand.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LEVELS = 4095;
const EDGE_OF_PLANE = 2;
export const MOST_POINTS = 400;
const APART = 0.07; // between two points of one stroke
const RUBBER = 0.2; // radius within which points are erased

export function readPoints(text) {
  const levels = [];
  for (let i = 0; i + 1 < text.length; i += 2) {
    levels.push(64 * ALPHABET.indexOf(text[i]) + ALPHABET.indexOf(text[i + 1]));
  }
  return Float64Array.from(
    levels,
    (level) => (2 * EDGE_OF_PLANE * level) / LEVELS - EDGE_OF_PLANE,
  );
}

export function writePoints(points) {
  return Array.from(points, (value) => {
    const inside = Math.min(Math.max(value, -EDGE_OF_PLANE), EDGE_OF_PLANE);
    const level = Math.floor(((inside + EDGE_OF_PLANE) / (2 * EDGE_OF_PLANE)) * LEVELS + 0.5);
    return ALPHABET[level >> 6] + ALPHABET[level & 63];
  }).join("");
}

// The points with one more, unless it is near to the last of the stroke or there are too many.
export function addPoint(points, x, y, last) {
  if (points.length >= 2 * MOST_POINTS) return points;
  if (last && Math.hypot(x - last[0], y - last[1]) < APART) return points;
  return [...points, x, y];
}

export function erasePoints(points, x, y) {
  return points.filter((_, i) => {
    const place = i - (i % 2);
    return Math.hypot(points[place] - x, points[place + 1] - y) > RUBBER;
  });
}
