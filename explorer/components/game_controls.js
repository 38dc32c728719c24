// What is around the boards: the bar of buttons, the strip of half-steps, charts and legends.

import { number, valueOf } from "./game_curves.js";
import { makeIcon } from "./icons.js";

const ICONS = {
  play: "M4 2.5 L13 8 L4 13.5 Z",
  pause: "M3.5 2.5 H6.5 V13.5 H3.5 Z M9.5 2.5 H12.5 V13.5 H9.5 Z",
  step: "M2.5 2.5 L10 8 L2.5 13.5 Z M11 2.5 H13.5 V13.5 H11 Z",
  slow: "M8 1.5 A6.5 6.5 0 1 0 8 14.5 A6.5 6.5 0 1 0 8 1.5 Z M8 3 A5 5 0 1 1 8 13 A5 5 0 1 1 8 3 Z M7.3 4.5 H8.7 V7.7 L11 9.2 L10.2 10.4 L7.3 8.5 Z",
  restart: "M8 2.5 A5.5 5.5 0 1 1 2.9 6 L4.4 6.6 A3.9 3.9 0 1 0 8 4.1 V6.6 L3.8 3.3 L8 0 Z",
  draw: "M11.5 1.5 L14.5 4.5 L5.5 13.5 L1.5 14.5 L2.5 10.5 Z",
  erase: "M9.5 2 L14 6.5 L8 12.5 H14 V14 H5.5 L2 10.5 Z M5.2 8.4 L3.9 9.9 L6.2 12.3 L7.6 10.9 Z",
  clear: "M3 3.9 L3.9 3 L8 7.1 L12.1 3 L13 3.9 L8.9 8 L13 12.1 L12.1 13 L8 8.9 L3.9 13 L3 12.1 L7.1 8 Z",
};

export const PHASES = [
  ["samples", "Samples"],
  ["surface", "D’s surface"],
  ["update", "D’s update"],
  ["gradient", "G’s gradient"],
  ["move", "G’s move"],
];

export function make(tag, name, ...inside) {
  const one = document.createElement(tag);
  if (name) one.className = name;
  one.append(...inside);
  return one;
}

export function button(name, icon, act) {
  const one = make("button", `tool ${icon}`);
  one.type = "button";
  one.addEventListener("click", act);
  showButton(one, name, icon);
  return one;
}

export function showButton(one, name, icon) {
  if (one.dataset.shows === icon + name) return;
  one.dataset.shows = icon + name;
  one.replaceChildren(makeIcon(ICONS[icon], "evenodd"), make("span", "", name));
  one.setAttribute("aria-label", name);
  one.title = name;
}

// The half-steps of slow motion, of which one is under way.
export function makeStrip() {
  const strip = make("ol", "phases");
  for (const [key, words] of PHASES) {
    const one = make("li", "", words);
    one.dataset.phase = key;
    strip.append(one);
  }
  return strip;
}

export function showStrip(strip, phase) {
  for (const one of strip.children) {
    const current = one.dataset.phase === phase;
    one.classList.toggle("current", current);
    if (current) one.setAttribute("aria-current", "step");
    else one.removeAttribute("aria-current");
  }
}

// A board's charts: for each a heading with the newest values, and a canvas.
export function makeCharts(charts) {
  const group = make("div", "charts");
  const parts = charts.map((chart) => {
    const values = make("span", "values");
    const heading = make("div", "heading", make("span", "name", chart.name), values);
    if (chart.hint) heading.title = chart.hint;
    const canvas = make("canvas", "curve");
    canvas.setAttribute("role", "img");
    group.append(make("div", "chart", heading, canvas));
    return { chart, canvas, values };
  });
  return { group, parts };
}

export function showValues({ chart, canvas, values }, record) {
  const shown = chart.lines.map(({ key, name, dash }) => {
    const value = record ? valueOf(record, key) : NaN;
    const text = chart.of ? `${Number.isFinite(value) ? value : "–"} of ${chart.of}` : number(value);
    return { name, text, dash };
  });
  const key = shown.map(({ name, text }) => `${name} ${text}`.trim()).join(", ");
  if (canvas.dataset.values === key) return;
  canvas.dataset.values = key;
  canvas.setAttribute("aria-label", `${chart.name}: ${key}`);
  values.replaceChildren(
    ...shown.flatMap(({ name, text, dash }) => [
      ...(name ? [make("i", dash.length ? "dashed" : "solid"), `${name} `] : []),
      make("b", "", text),
    ]),
  );
}

const SHAPES = [
  ["dot", "data", '<circle cx="8" cy="8" r="3.4"/>'],
  ["cross", "samples of G", '<path d="M4 4 L12 12 M4 12 L12 4"/>'],
  ["mesh", "G’s grid of latents", '<path d="M2 4 H14 M2 8 H14 M2 12 H14 M4 2 V14 M8 2 V14 M12 2 V14"/>'],
  ["arrow", "−∇ of G’s loss", '<path d="M2 8 H11 M8 4.5 L12.5 8 L8 11.5"/>'],
  ["half", "D halfway", '<path d="M1 12 C5 12 6 4 15 4"/>'],
  ["best", "optimal D", '<path d="M1 12 C5 12 6 4 15 4"/>'],
];

export function makeLegend() {
  const legend = make("div", "legend");
  for (const [name, words, shape] of SHAPES) {
    const one = make("span", `key ${name}`);
    one.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true">${shape}</svg>`;
    one.append(words);
    legend.append(one);
  }
  const scale = make("span", "key scale", "looks generated", make("i", "ramp"), "looks real");
  legend.append(scale);
  return legend;
}
