// The live canvas: one picture and the sliders that move it. While a slider is dragged, the picture
// comes from a strip drawn beforehand, or from the model in the browser; nothing is sent. When the
// slider is released, the values are reported once.
// Streamlit calls the default export on every change of data, so it must be idempotent.

import { latentAt } from "./latents.js";
import {
  PAD,
  makeStrips,
  forgetStrips,
  wantStrip,
  stripFor,
  takeStrip,
  frameOf,
  fetchStrip,
  bitmapOf,
} from "./strips.js";
import { engineFor, drawLatents } from "./drawing.js";
import { makeRow, showRow, element } from "./rows.js";
import { makeList, arrangeList } from "./list.js";
import { makePad, showPad, paintMap } from "./pad.js";

const states = new WeakMap();
const DWELL = 60; // ms that the pointer rests on one of many sliders before its strip is requested
const GAP = 2; // pixels of the picture between two panes
let canvases = 0;

export default function ({ data: { json }, parentElement, setTriggerValue, setStateValue }) {
  const data = JSON.parse(json);
  let state = states.get(parentElement);
  if (!state) {
    state = begin(parentElement, data);
    states.set(parentElement, state);
  }
  state.ask = async (question) => {
    const through = () => setTriggerValue("want", question);
    if (!state.data.strips) return through();
    hear(state, await fetchStrip(state, question, state.data.strips, through));
  };
  state.report = (report) => setStateValue("values", report);
  take(state, data);
}

function begin(parent, data) {
  const root = parent.querySelector(".live");
  const stage = root.querySelector("canvas");
  canvases += 1;
  return {
    root,
    stage,
    paint: stage.getContext("2d", { willReadFrequently: false }),
    id: `live${canvases}-${Math.random().toString(36).slice(2, 8)}`,
    values: [...data.values],
    frozen: new Set(data.frozen),
    strips: makeStrips(),
    rows: [],
    near: null, // the axis under the pointer
    dragging: null, // the axis being dragged
    sent: data.heard, // number of the last report
    exact: null, // the picture of the committed values, drawn by PyTorch
    data,
  };
}

function take(state, data) {
  const before = state.data;
  state.data = data;
  if (before.context !== data.context) forgetStrips(state.strips);
  // Rebuild when the sliders have changed, but never while one is being dragged.
  const sliders = JSON.stringify([data.layout, data.axes]);
  if (state.sliders !== sliders && state.dragging === null) {
    state.sliders = sliders;
    build(state);
  }
  // The server's values apply, unless it has not received the last report or a drag is in progress.
  if (data.heard >= state.sent && state.dragging === null) {
    state.values = [...data.values];
    state.frozen = new Set(data.frozen);
  }
  state.root.classList.toggle("smooth", data.smooth);
  state.stage.setAttribute("aria-label", data.label);
  nameThePanes(state.root, data);
  showValues(state);
  takeExact(state, data);
  hear(state, data.strip);
  if (state.pad) paintMap(state.pad, data.map).catch(() => {});
  listen(state);
}

function nameThePanes(root, { panes, layout }) {
  root.style.setProperty("--panes", panes.length);
  root.querySelector(".body").classList.toggle("wide", layout !== "rows");
  root.classList.toggle("several", layout === "rows" && panes.length > 1);
  const names = panes.filter(Boolean).map((pane) => element("span", "", pane));
  root.querySelector(".names").replaceChildren(...names);
}

// A strip has arrived: show it if it is being waited for, and request the next one.
function hear(state, strip) {
  takeStrip(state, strip, () => {
    show(state);
    const axis = state.strips.wish ?? state.near;
    if (axis !== null && !drawsHere(state)) wantStrip(state, axis);
  }).catch(() => {});
}

function build(state) {
  const { data, root } = state;
  root.dataset.layout = data.layout;
  const controls = root.querySelector(".controls");
  const opened = state.list && [...state.list.groups.children].map((group) => group.open);
  const [sought, order] = [state.list?.search.value, state.list?.order.value];
  controls.replaceChildren();
  const hand = handOf(state);
  state.pad = data.layout === "pad" ? makePad(state, controls, hand) : null;
  state.rows = data.axes.map((axis, i) => makeRow(state, axis, i, hand));
  state.list = data.layout === "list" ? makeList(state, controls) : null;
  if (!state.list) {
    controls.append(...state.rows.flatMap((row, i) => headed(row, data.axes[i - 1])));
    return;
  }
  state.list.search.value = sought ?? "";
  state.list.order.value = order ?? "effect";
  arrangeList(state, state.list);
  opened?.forEach((open, i) => {
    if (state.list.groups.children[i]) state.list.groups.children[i].open = open;
  });
}

// A slider's row, with its group's name above the first row of the group.
function headed({ row, axis }, before) {
  const goes = axis.group === undefined || axis.group === before?.group;
  return goes ? [row] : [element("p", "group", axis.group), row];
}

// The actions of a person; rows.js and pad.js call these.
function handOf(state) {
  let timer = 0;
  const want = (axis) => {
    if (state.near === axis && !drawsHere(state)) wantStrip(state, axis);
  };
  return {
    near(axis) {
      state.near = axis;
      clearTimeout(timer);
      if (state.rows.length > 2) timer = setTimeout(want, DWELL, axis);
      else want(axis);
    },
    grab(axis) {
      state.near = axis;
      want(axis);
    },
    move(axis, value) {
      const values = [...state.values];
      values[axis] = value;
      this.moveTo(axis, values);
    },
    moveTo(axis, values) {
      state.near = axis;
      state.dragging = axis;
      state.values = values;
      want(axis);
      showValues(state);
      show(state);
    },
    release() {
      if (state.dragging === null) return;
      state.dragging = null;
      const changed = state.values.some((v, i) => v !== state.data.values[i]);
      if (changed || state.data.heard < state.sent) commit(state);
      else show(state);
    },
    freeze(axis) {
      if (!state.frozen.delete(axis)) state.frozen.add(axis);
      showValues(state);
      commit(state);
    },
  };
}

function commit(state) {
  state.sent = Math.max(state.sent, state.data.heard) + 1;
  const frozen = [...state.frozen].sort((a, b) => a - b);
  state.report({ count: state.sent, context: state.data.context, values: state.values, frozen });
}

function showValues(state) {
  state.rows.forEach((row, i) => showRow(row, state.values[i], state.frozen.has(i)));
  if (state.pad) showPad(state.pad, state.values);
}

// Paints the best available picture of the values: the exact one, the browser's own, or the nearest
// one of a strip.
function show(state) {
  const { exact, values, data } = state;
  if (state.dragging === null && exact && same(exact.values, values)) {
    if (exact.context === data.context) return put(state, exact.bitmap, 0, 0, "exact");
  }
  if (state.dragging === null) return;
  if (drawsHere(state)) return drawHere(state);
  const strip = stripFor(state, state.dragging) ?? (state.pad && stripFor(state, PAD));
  if (!strip) return;
  const frame = frameOf(strip, values);
  const { columns } = strip.sheet;
  const [x, y] = [frame % columns, Math.floor(frame / columns)];
  put(state, strip.bitmap, x * data.width, y * data.height, `${strip.n}:${frame}`);
}

function put({ stage, paint, data }, source, x, y, name) {
  const { height, panes } = data;
  const side = data.width / panes.length;
  size(stage, data);
  panes.forEach((_, i) => {
    paint.drawImage(source, x + i * side, y, side, height, i * (side + GAP), 0, side, height);
  });
  stage.dataset.shown = name;
}

function size(stage, { width, height, panes }) {
  const whole = width + GAP * (panes.length - 1);
  if (stage.width !== whole || stage.height !== height) Object.assign(stage, { width: whole, height });
  stage.dataset.gap = panes.length > 1 ? GAP : 0;
}

async function takeExact(state, { exact, context }) {
  if (state.exact?.src === exact.src) {
    Object.assign(state.exact, { values: exact.values, context });
  } else {
    const bitmap = await bitmapOf(exact.src);
    if (state.data.exact.src !== exact.src) return bitmap.close();
    state.exact?.bitmap.close();
    state.exact = { ...exact, context, bitmap };
  }
  show(state);
}

function same(a, b) {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

function drawsHere({ data }) {
  return engineFor(data.browser)?.status === "ready";
}

// Draws all panes in the browser; the newest values win.
function drawHere(state) {
  const { browser, panes } = state.data;
  const latents = browser.specs.map((spec) => latentAt(spec, state.values));
  const z = new Float32Array(latents.length * latents[0].length);
  latents.forEach((latent, i) => z.set(latent, i * latent.length));
  const context = state.data.context;
  drawLatents(engineFor(browser), z, latents.length, ({ pixels, side }) => {
    if (state.data.context !== context || state.dragging === null) return;
    size(state.stage, state.data);
    const each = side * side * 4;
    panes.forEach((_, i) => {
      const part = pixels.subarray(i * each, (i + 1) * each);
      state.paint.putImageData(new ImageData(part, side, side), i * (side + GAP), 0);
    });
    state.drawings = (state.drawings ?? 0) + 1;
    state.stage.dataset.shown = `browser:${state.drawings}`;
  });
}

// Says below the picture who draws it, if the browser should.
function listen(state) {
  const engine = engineFor(state.data.browser);
  const note = state.root.querySelector(".note");
  const tell = () => {
    const words = {
      loading: "Loading the model into this browser …",
      ready: "This browser draws the pictures.",
      failed: `${engine?.reason} The server draws instead.`,
    };
    note.textContent = engine ? words[engine.status] : "";
    state.root.dataset.engine = engine ? engine.status : "server";
  };
  if (state.engine !== engine) {
    state.engine?.listeners.delete(state.tell);
    engine?.listeners.add(tell);
    Object.assign(state, { engine, tell });
  }
  tell();
}
