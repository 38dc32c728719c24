// The pen and the rubber: a person's own points, by pointer, touch or keys, on any of the boards.

import { addPoint, erasePoints, MOST_POINTS } from "./game_points.js";

const NUDGE = 0.1; // of an arrow key
const RADII = { draw: 0.04, erase: 0.2 };

// hand: {plane (its side), points(), change(points), done(), show(), keys(key)}.
export function makePen(state, hand) {
  const pen = {
    kind: "", // or "draw", "erase"
    at: null,
    last: null,
    held: false,
    use(kind) {
      pen.kind = kind;
      pen.at = kind ? [0, 0] : null;
      hand.show();
    },
    shown() {
      return pen.kind && pen.at ? { at: pen.at, radius: RADII[pen.kind] } : null;
    },
    listen(canvas) {
      listen(pen, hand, canvas);
    },
  };
  return pen;
}

function listen(pen, hand, canvas) {
  canvas.addEventListener("pointerdown", (event) => {
    if (!pen.kind || event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    Object.assign(pen, { held: true, last: null, at: placeOf(hand, canvas, event) });
    apply(pen, hand);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen.kind) return;
    for (const one of pen.held ? (event.getCoalescedEvents?.() ?? [event]) : [event]) {
      pen.at = placeOf(hand, canvas, one);
      if (pen.held) apply(pen, hand);
    }
    if (!pen.held) hand.show();
  });
  const release = () => {
    if (!pen.held) return;
    pen.held = false;
    hand.done();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (penKey(pen, hand, event.key) || hand.keys(event.key.toLowerCase())) event.preventDefault();
  });
}

const ARROW_KEYS = {
  ArrowLeft: [-NUDGE, 0],
  ArrowRight: [NUDGE, 0],
  ArrowUp: [0, NUDGE],
  ArrowDown: [0, -NUDGE],
};

// Arrow keys move the pen, Enter uses it, Delete erases, Escape puts it away.
function penKey(pen, hand, key) {
  if (!pen.kind) return false;
  if (key in ARROW_KEYS) {
    const half = hand.plane / 2;
    pen.at = pen.at.map((x, i) => Math.min(Math.max(x + ARROW_KEYS[key][i], -half), half));
    hand.show();
  } else if (key === "Enter" || key === "Delete") {
    pen.last = null;
    apply(pen, hand, key === "Delete" ? "erase" : pen.kind);
    hand.done();
  } else if (key === "Escape") pen.use("");
  else return false;
  return true;
}

function apply(pen, hand, kind = pen.kind) {
  const [x, y] = pen.at;
  const points = Array.from(hand.points());
  const changed = kind === "draw" ? addPoint(points, x, y, pen.last) : erasePoints(points, x, y);
  if (changed.length === points.length) return hand.show();
  pen.last = [x, y];
  hand.change(changed.slice(0, 2 * MOST_POINTS));
}

function placeOf({ plane }, canvas, { clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  const inside = (share) => Math.min(Math.max(share, 0), 1);
  const across = inside((clientX - box.left) / box.width);
  const up = 1 - inside((clientY - box.top) / box.height);
  return [plane * (across - 0.5), plane * (up - 0.5)];
}
