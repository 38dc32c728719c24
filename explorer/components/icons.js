// Icons of buttons, drawn as one path in a square of 16 by 16.

export const PLAY = "M4 2 L13 8 L4 14 Z";
export const PAUSE = "M4 2 H6.5 V14 H4 Z M9.5 2 H12 V14 H9.5 Z";

export function makeIcon(path, rule = "nonzero") {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill-rule", rule);
  drawing.append(shape);
  return drawing;
}

// A button that shows nothing but an icon; screen readers and the tooltip say the label.
export function showIcon(button, label, path) {
  if (button.title === label) return;
  button.replaceChildren(makeIcon(path));
  button.setAttribute("aria-label", label);
  button.title = label;
}
