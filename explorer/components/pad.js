// The pad: a map of pictures between four corners, with a handle to drag over it.

import { PAD, bitmapOf } from "./strips.js";
import { element } from "./rows.js";

export function makePad(state, box, hand) {
  const pad = element("div", "pad");
  const canvas = element("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const handle = element("span", "handle");
  pad.append(canvas, handle);
  box.append(pad);
  let down = false;
  const go = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const part = (at, from, length) => Math.min(Math.max((at - from) / length, 0), 1);
    const x = Math.round(part(event.clientX, left, width) * 100) / 100;
    const y = Math.round(part(event.clientY, top, height) * 100) / 100;
    hand.moveTo(PAD, [x, y]);
  };
  pad.addEventListener("pointerenter", () => hand.near(PAD));
  pad.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    down = true;
    pad.setPointerCapture(event.pointerId);
    hand.grab(PAD);
    go(event);
  });
  pad.addEventListener("pointermove", (event) => down && go(event));
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    pad.addEventListener(end, () => {
      down = false;
      hand.release();
    });
  }
  return { pad, canvas, handle, drawn: null };
}

export function showPad({ pad }, [x, y]) {
  pad.style.setProperty("--x", x);
  pad.style.setProperty("--y", y);
}

// Paints the coarse grid of pictures as the map.
export async function paintMap(view, sheet) {
  if (!sheet || view.drawn === sheet.src) return;
  view.drawn = sheet.src;
  const bitmap = await bitmapOf(sheet.src);
  if (view.drawn !== sheet.src) return;
  view.canvas.width = bitmap.width;
  view.canvas.height = bitmap.height;
  view.canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
