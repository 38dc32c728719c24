// Strips: pictures along one slider's axis (or over the whole pad), drawn by the server before the
// slider moves. A strip holds for fixed values of the other sliders; when these change, it is useless.

const COUNTS = [9, 64]; // pictures of the first strip, which arrives quickly, and of the second
const HELD = [127, 253]; // of those that follow while the slider is held: a picture for every frame
export const PAD = "pad"; // the axis of a grid over both sliders of a pad
const SIDES = [5, 16]; // pictures per side of the first and the second grid
const PATIENCE = 4000; // ms to wait for an answer

export function makeStrips() {
  return { loaded: new Map(), pending: null, wish: null, requests: 0 };
}

export function forgetStrips(strips) {
  for (const strip of strips.loaded.values()) strip.bitmap.close();
  strips.loaded.clear();
}

// Requests the next strip of an axis, unless it is there. One request at a time: of the wishes that
// come meanwhile only the last is remembered, so that no queue builds up during fast movements.
export function wantStrip(state, axis) {
  const { strips, data } = state;
  const have = stripFor(state, axis)?.n ?? 0;
  const counts = axis === PAD ? SIDES : state.dragging === axis ? [...COUNTS, ...HELD] : COUNTS;
  const n = counts.find((count) => count > have);
  if (n === undefined) return;
  const now = performance.now();
  if (strips.pending && now - strips.pending.since < PATIENCE) {
    strips.wish = axis;
    return;
  }
  strips.requests += 1;
  const question = {
    id: `${state.id}-${strips.requests}`,
    context: data.context,
    axis,
    n,
    values: [...state.values],
  };
  strips.pending = { id: question.id, since: now };
  strips.wish = null;
  state.ask(question);
}

// The finest strip of an axis that fits the current values of the other sliders, or undefined.
export function stripFor(state, axis) {
  const strip = state.strips.loaded.get(axis);
  return strip && fits(strip, state) ? strip : undefined;
}

function fits(strip, state) {
  if (strip.context !== state.data.context) return false;
  return strip.axis === PAD || strip.values.every((v, i) => i === strip.axis || v === state.values[i]);
}

// Stores an answer; calls then() once its pictures can be drawn.
export async function takeStrip(state, answer, then) {
  const { strips } = state;
  if (!answer || answer.id === strips.heard) return;
  strips.heard = answer.id;
  const bitmap = await bitmapOf(answer.sheet.src);
  if (strips.pending?.id === answer.id) strips.pending = null;
  const strip = { ...answer, bitmap };
  const before = stripFor(state, strip.axis);
  if (!fits(strip, state) || (before && before.n > strip.n)) {
    bitmap.close(); // it arrived too late, for values that have changed
  } else {
    strips.loaded.get(strip.axis)?.bitmap.close();
    strips.loaded.set(strip.axis, strip);
  }
  then();
}

// The index of the picture of a strip that is nearest to the values.
export function frameOf(strip, values) {
  const place = ([from, to], value) => {
    const n = strip.n - 1;
    return Math.min(Math.max(Math.round(((value - from) / (to - from)) * n), 0), n);
  };
  if (strip.axis !== PAD) return place(strip.range, values[strip.axis]);
  return place([0, 1], values[0]) + strip.n * place([0, 1], values[1]);
}

// Fetches a strip directly, which is faster than a run of Streamlit's script; `otherwise` does that
// when fetching fails.
export async function fetchStrip(state, question, address, otherwise) {
  try {
    const headers = { "Content-Type": "application/json" };
    const order = { method: "POST", headers, body: JSON.stringify(question) };
    const reply = await fetch(new URL(address, document.baseURI), order);
    if (!reply.ok) throw new Error(reply.statusText);
    return await reply.json();
  } catch {
    otherwise();
    return null;
  }
}

// A data URL as a bitmap, decoded off the main thread.
export async function bitmapOf(src) {
  const [head, content] = src.split(",");
  const text = atob(content);
  const bytes = new Uint8Array(text.length);
  // A loop, because Uint8Array.from with a function takes ten times as long, during a drag.
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return createImageBitmap(new Blob([bytes], { type: head.slice(5, head.indexOf(";")) }));
}
