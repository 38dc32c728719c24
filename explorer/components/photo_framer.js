// The framer: a photo, a square on it, and a handle for each eye.
// Streamlit calls the default export on every change of data, so it must be idempotent.

const TALLEST = 460; // CSS pixels
const states = new WeakMap();

export default function ({ data: { json }, parentElement, setTriggerValue }) {
  const data = JSON.parse(json);
  let state = states.get(parentElement);
  if (!state) {
    state = make(parentElement.querySelector(".framer"));
    states.set(parentElement, state);
  }
  state.send = setTriggerValue;
  if (state.held) return; // the current drag is newer
  state.data = data;
  state.frame = { ...data.frame };
  const [width, height] = data.size;
  state.photo.style.width = `min(100%, ${Math.round((TALLEST * width) / height)}px)`;
  state.photo.style.aspectRatio = `${width} / ${height}`;
  state.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  state.root.setAttribute("aria-label", data.label);
  state.eyes.forEach((button, i) => {
    button.setAttribute("aria-label", `${data.handles[i]}; arrow keys move it`);
    button.title = data.handles[i];
  });
  if (state.image.getAttribute("src") !== data.src) state.image.src = data.src;
  place(state);
}

function make(root) {
  const photo = document.createElement("div");
  photo.className = "photo";
  const image = document.createElement("img");
  image.alt = "";
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const [shade, square] = ["shade", "square"].map((name) => {
    const path = document.createElementNS(space, "path");
    path.setAttribute("class", name);
    svg.append(path);
    return path;
  });
  shade.setAttribute("fill-rule", "evenodd");
  const eyes = [0, 1].map(() => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "eye";
    return button;
  });
  photo.append(image, svg, ...eyes);
  root.append(photo);
  const state = { root, photo, image, svg, shade, square, eyes, held: null, count: 0 };
  hold(state, square, (at, from) => {
    const [width, height] = state.data.size;
    state.frame.x = clamp(from.frame.x + (at[0] - from.at[0]) / width, 0, 1);
    state.frame.y = clamp(from.frame.y + (at[1] - from.at[1]) / height, 0, 1);
  });
  eyes.forEach((button, i) => {
    hold(state, button, (at, from) => {
      const points = from.points.map((point) => [...point]);
      points[i] = [0, 1].map((k) => from.points[i][k] + at[k] - from.at[k]);
      through(state, points, from.frame.turn);
    });
    button.addEventListener("keydown", (event) => onKey(state, i, event));
  });
  return state;
}

// Lets the pointer drag an element: move(at, from) in pixels of the photo.
function hold(state, element, move) {
  const at = (event) => {
    const box = state.photo.getBoundingClientRect();
    const [width, height] = state.data.size;
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    element.focus?.();
    element.setPointerCapture(event.pointerId);
    state.held = { at: at(event), frame: { ...state.frame }, points: points(state), by: element };
  });
  element.addEventListener("pointermove", (event) => {
    if (state.held?.by !== element) return;
    move(at(event), state.held);
    place(state);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, () => {
      if (state.held?.by !== element) return;
      state.held = null;
      report(state);
    });
  }
}

function onKey(state, i, event) {
  const step = event.shiftKey ? 10 : 1;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const unit = (Math.min(...state.data.size) / 200) * step;
  const moved = points(state);
  moved[i] = moved[i].map((value, k) => value + move[k] * unit);
  through(state, moved, state.frame.turn);
  place(state);
  clearTimeout(state.timer);
  state.timer = setTimeout(() => report(state), 300);
}

// The frame whose eyes are at two points, as gan_core.data.photo_alignment.frame_of_eyes. A handle
// that is dragged past the other one changes places with it, so that the face stays upright.
function through(state, [left, right], turn) {
  const [width, height] = state.data.size;
  const [a, b] = state.data.eyes;
  const there = [b[0] - a[0], b[1] - a[1]];
  const here = [right[0] - left[0], right[1] - left[1]];
  const square = there[0] ** 2 + there[1] ** 2;
  const re = (here[0] * there[0] + here[1] * there[1]) / square;
  const im = (here[1] * there[0] - here[0] * there[1]) / square;
  const angle = (Math.atan2(im, re) * 180) / Math.PI;
  if (Math.cos(((angle - turn) * Math.PI) / 180) < 0) return through(state, [right, left], angle + 180);
  const side = Math.hypot(re, im) / Math.min(width, height);
  if (side < state.data.limits[0] || side > state.data.limits[1]) return;
  const [u, v] = [0.5 - a[0], 0.5 - a[1]];
  const x = (left[0] + re * u - im * v) / width;
  const y = (left[1] + im * u + re * v) / height;
  if (x < 0 || x > 1 || y < 0 || y > 1) return;
  state.frame = { x, y, side, turn: angle };
}

// A place in the frame, given as fractions of its side, in pixels of the photo.
function inPhoto({ data, frame }, [u, v]) {
  const [width, height] = data.size;
  const side = frame.side * Math.min(width, height);
  const angle = (frame.turn * Math.PI) / 180;
  const [x, y] = [(u - 0.5) * side, (v - 0.5) * side];
  return [
    frame.x * width + x * Math.cos(angle) - y * Math.sin(angle),
    frame.y * height + x * Math.sin(angle) + y * Math.cos(angle),
  ];
}

function points(state) {
  return state.data.eyes.map((eye) => inPhoto(state, eye));
}

function place(state) {
  const [width, height] = state.data.size;
  const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map((corner) => inPhoto(state, corner));
  const path = `M${corners.map((corner) => corner.join(" ")).join("L")}Z`;
  state.square.setAttribute("d", path);
  state.shade.setAttribute("d", `M0 0H${width}V${height}H0Z${path}`);
  points(state).forEach(([x, y], i) => {
    state.eyes[i].style.left = `${(100 * x) / width}%`;
    state.eyes[i].style.top = `${(100 * y) / height}%`;
  });
  state.root.dataset.frame = Object.values(state.frame).map((v) => v.toFixed(3)).join(" ");
}

function report(state) {
  state.count += 1;
  state.send("frame", { ...state.frame, count: state.count });
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
