// A loop of pictures that morph into one another. The browser holds one sheet of all frames and
// fades between neighbouring frames; each tile plays the loop from another place in it.

import { PLAY, PAUSE, showIcon } from "./icons.js";

const states = new WeakMap();
const FRAME = 120; // ms from one frame of the sheet to the next
const NARROW = 600; // CSS pixels, below which fewer tiles are shown

export default function ({ data: { json }, parentElement }) {
  let state = states.get(parentElement);
  if (!state) {
    const root = parentElement.querySelector(".loop");
    state = {
      canvas: root.querySelector("canvas"),
      button: root.querySelector("button"),
      image: new Image(),
      at: 0, // frames since the beginning of the loop
      before: null, // time of the last animation frame
      playing: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      seen: true,
      waiting: 0,
    };
    states.set(parentElement, state);
    state.image.addEventListener("load", () => start(state));
    state.button.addEventListener("click", () => {
      state.playing = !state.playing;
      start(state);
    });
    // Nothing is drawn while nobody can see it.
    state.watch = new IntersectionObserver(([entry]) => {
      state.seen = entry.isIntersecting;
      start(state);
    });
    state.watch.observe(state.canvas);
    state.sizes = new ResizeObserver(() => start(state));
    state.sizes.observe(root);
  }
  if (state.json !== json) {
    state.json = json;
    state.data = JSON.parse(json);
    state.canvas.setAttribute("aria-label", state.data.label);
    // The height is right before the pictures are there, so that nothing below is pushed down.
    state.canvas.style.aspectRatio = String(tiles(state));
    state.image.src = state.data.src;
  }
  return () => {
    if (parentElement.isConnected) return;
    cancelAnimationFrame(state.waiting);
    state.watch.disconnect();
    state.sizes.disconnect();
  };
}

function tiles(state) {
  const narrow = state.canvas.parentElement.clientWidth < NARROW;
  return narrow ? Math.ceil(state.data.tiles / 2) : state.data.tiles;
}

function start(state) {
  if (state.playing) showIcon(state.button, "Pause", PAUSE);
  else showIcon(state.button, "Play", PLAY);
  cancelAnimationFrame(state.waiting);
  state.before = null;
  if (!state.data || !state.image.complete || !state.image.naturalWidth) return;
  draw(state);
  if (state.playing && state.seen) state.waiting = requestAnimationFrame((now) => tick(state, now));
}

function tick(state, now) {
  // After a pause of the browser the loop continues where it was.
  if (state.before !== null) state.at += Math.min(now - state.before, 100) / FRAME;
  state.before = now;
  draw(state);
  if (state.canvas.isConnected) state.waiting = requestAnimationFrame((next) => tick(state, next));
}

function draw(state) {
  const { canvas, image, data } = state;
  const count = tiles(state);
  const side = Math.max(1, Math.round((canvas.clientWidth * devicePixelRatio) / count));
  if (canvas.width !== side * count || canvas.height !== side) {
    canvas.width = side * count;
    canvas.height = side;
    canvas.style.aspectRatio = String(count);
  }
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = data.smooth;
  for (let i = 0; i < count; i++) {
    const place = (state.at + (i * data.frames) / count) % data.frames;
    const frame = Math.floor(place);
    for (const [which, alpha] of [
      [frame, 1],
      [(frame + 1) % data.frames, place - frame],
    ]) {
      const x = (which % data.columns) * data.side;
      const y = Math.floor(which / data.columns) * data.side;
      pen.globalAlpha = alpha;
      pen.drawImage(image, x, y, data.side, data.side, i * side, 0, side, side);
    }
  }
  pen.globalAlpha = 1;
  canvas.dataset.at = state.at.toFixed(2);
}
