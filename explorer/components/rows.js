// Rows: the sliders beside or below the picture. They report what is done to a slider to `hand`.
//   hand.near(axis)         the pointer or the focus has reached it, so its strip may be needed
//   hand.grab(axis)         it was pressed, so its strip is needed now
//   hand.move(axis, value)  it was moved
//   hand.release()          it was released
//   hand.freeze(axis)       it was frozen or thawed

import { makeIcon } from "./icons.js";

export function makeRow(state, axis, i, hand) {
  const row = element("div", "row");
  const id = `${state.id}-${i}`;
  const name = element("label", "name", axis.label);
  name.htmlFor = id;
  const range = element("input");
  Object.assign(range, { type: "range", id, min: axis.min, max: axis.max, step: "any" });
  range.setAttribute("aria-label", axis.label);
  if (axis.ticks) range.setAttribute("list", ticks(row, `${id}-ticks`, axis.ticks));
  const output = element("output");
  output.htmlFor = id;
  row.append(name, range, output);
  const reset = () => {
    hand.move(i, state.data.home[i]);
    hand.release();
  };
  if (state.data.freezable) {
    row.append(
      button("freeze", "Freeze", () => hand.freeze(i)),
      button("reset", "Reset", reset),
    );
    range.setAttribute("aria-keyshortcuts", "F Delete");
  }
  if (axis.effect !== undefined) {
    const bar = element("span", "effect");
    bar.style.setProperty("--effect", axis.effect);
    bar.title = axis.effectLabel;
    name.append(bar);
  }
  range.addEventListener("pointerenter", () => hand.near(i));
  range.addEventListener("focus", () => hand.near(i));
  let held = null;
  range.addEventListener("pointerdown", () => {
    held = state.values[i];
    hand.grab(i);
  });
  range.addEventListener("input", () => hand.move(i, rounded(axis, Number(range.value))));
  for (const end of ["change", "pointerup", "blur"]) {
    range.addEventListener(end, () => hand.release());
  }
  // A finger that scrolls the page must not move the slider: undo its movement.
  range.addEventListener("pointercancel", () => {
    if (held !== null) hand.move(i, held);
    hand.release();
  });
  range.addEventListener("keydown", (event) => {
    if (state.data.freezable && shortcut(event, row, reset)) return;
    const to = keyTarget(event, axis, state.values[i]);
    if (to === null || range.disabled) return;
    event.preventDefault();
    hand.move(i, rounded(axis, to));
  });
  range.addEventListener("keyup", () => hand.release());
  return { row, name, range, output, axis };
}

// Shortcuts for a row's buttons: F freezes, Delete resets. Returns whether the key was one.
function shortcut(event, row, reset) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return false;
  const freeze = row.querySelector(".freeze");
  if (event.key.toLowerCase() === "f") {
    freeze.click();
    freeze.focus(); // a frozen slider cannot have the focus
  } else if (event.key === "Delete" || event.key === "Backspace") reset();
  else return false;
  event.preventDefault();
  return true;
}

// The value that a key leads to: arrows move one step, page keys or Shift ten, Home and End to the
// ends.
function keyTarget(event, { min, max, step }, value) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const arrow = event.shiftKey ? 10 * step : step;
  const to = {
    ArrowLeft: value - arrow,
    ArrowDown: value - arrow,
    ArrowRight: value + arrow,
    ArrowUp: value + arrow,
    PageDown: value - 10 * step,
    PageUp: value + 10 * step,
    Home: min,
    End: max,
  }[event.key];
  return to === undefined ? null : Math.min(Math.max(to, min), max);
}

function rounded({ min, max, step }, value) {
  const near = Number((Math.round(value / step) * step).toFixed(6));
  return Math.min(Math.max(near, min), max);
}

export function showRow({ range, output, axis, row }, value, frozen) {
  if (Number(range.value) !== value) range.value = value;
  const text = value.toFixed(2).replace("-", "−");
  if (output.textContent !== text) output.textContent = text;
  range.setAttribute("aria-valuetext", axis.unit ? `${text} ${axis.unit}` : text);
  range.disabled = frozen;
  row.classList.toggle("frozen", frozen);
  const freeze = row.querySelector(".freeze");
  if (freeze) {
    // The Tab key stops once in each row: at the slider, or at the button that thaws it.
    freeze.tabIndex = frozen ? 0 : -1;
    row.querySelector(".reset").tabIndex = -1;
    freeze.setAttribute("aria-pressed", String(frozen));
    freeze.setAttribute("aria-label", `${frozen ? "Thaw" : "Freeze"} ${axis.label}`);
    freeze.title = frozen ? "Thaw: let it move again" : "Freeze: keep it when all others change";
    row.querySelector(".reset").setAttribute("aria-label", `Reset ${axis.label}`);
    row.querySelector(".reset").title = "Back to the value of the seed";
  }
}

function ticks(row, id, values) {
  const list = element("datalist");
  list.id = id;
  for (const value of values) {
    const option = element("option");
    option.value = value;
    list.append(option);
  }
  row.append(list);
  return id;
}

function button(name, label, onClick) {
  const made = element("button", name);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.append(makeIcon(ICONS[name]));
  made.addEventListener("click", onClick);
  return made;
}

const ICONS = {
  freeze: "M8 1v14M2 4.5l12 7M14 4.5l-12 7M6 2l2 2 2-2M6 14l2-2 2 2",
  reset: "M3.5 6A5 5 0 1 1 3 9M3 2.5V6h3.5",
};

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
