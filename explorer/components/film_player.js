// A film: frames with a slider. The browser holds them all, so moving through them sends nothing.

import { PLAY, PAUSE, showIcon } from "./icons.js";

const states = new WeakMap();
const NEWEST = "newest"; // a film that grows: it begins with its newest frame, and plays once

export default function ({ data: { json }, parentElement }) {
  const data = JSON.parse(json);
  let state = states.get(parentElement);
  if (!state) {
    const root = parentElement.querySelector(".film");
    state = {
      root,
      image: root.querySelector("img"),
      play: root.querySelector("button"),
      range: root.querySelector("input"),
      words: root.querySelector("output"),
      at: 0,
      timer: null,
      way: 1,
      name: null,
    };
    state.range.addEventListener("input", () => {
      pause(state);
      show(state, Number(state.range.value));
    });
    state.play.addEventListener("click", () => (state.timer ? pause(state) : play(state)));
    states.set(parentElement, state);
    pause(state);
  }
  const last = state.frames ? state.frames.length - 1 : -1;
  // If the newest frame is shown, keep showing the newest.
  const grows = data.turn === NEWEST;
  const newest = grows && (state.name !== data.name || state.at === last);
  state.root.classList.toggle("smooth", data.smooth);
  state.step = data.step;
  state.turn = data.turn;
  state.frames = data.frames;
  state.name = data.name;
  state.label = data.label;
  state.range.max = String(data.frames.length - 1);
  state.range.setAttribute("aria-label", data.label);
  state.range.disabled = state.play.disabled = data.frames.length < 2;
  show(state, newest && !state.timer ? data.frames.length - 1 : state.at);
  return () => {
    // Stop the timer when the film is removed from the page.
    if (!parentElement.isConnected) pause(state);
  };
}

function show(state, at) {
  state.at = Math.min(Math.max(at, 0), state.frames.length - 1);
  const frame = state.frames[state.at];
  if (state.image.src !== frame.src) state.image.src = frame.src;
  state.image.alt = `${state.label}, ${frame.words}`;
  state.range.value = String(state.at);
  state.range.setAttribute("aria-valuetext", frame.words);
  state.words.textContent = frame.words;
  state.image.dataset.frame = String(state.at);
}

function play(state) {
  if (state.turn === NEWEST && state.at === state.frames.length - 1) show(state, 0);
  state.way = 1;
  state.timer = setInterval(() => {
    advance(state);
    const ended = state.turn === NEWEST && state.at === state.frames.length - 1;
    if (ended || !state.image.isConnected) pause(state);
  }, state.step);
  showIcon(state.play, "Pause", PAUSE);
}

function advance(state) {
  const last = state.frames.length - 1;
  if (state.turn === "back and forth") {
    if (state.at >= last) state.way = -1;
    else if (state.at <= 0) state.way = 1;
    show(state, state.at + state.way);
  } else {
    show(state, state.turn === "loop" && state.at >= last ? 0 : state.at + 1);
  }
}

function pause(state) {
  clearInterval(state.timer);
  state.timer = null;
  showIcon(state.play, "Play", PLAY);
}
