// The tile grid: one sheet of pictures, each shown as a button.
// Streamlit calls the default export on every change of data, so it must be idempotent.

const states = new WeakMap();

export default function ({ data: { json }, parentElement, setTriggerValue }) {
  const data = JSON.parse(json);
  let state = states.get(parentElement);
  if (!state) {
    const root = parentElement.querySelector(".tiles");
    state = { root, buttons: [], focus: 0, picks: 0, drawn: null };
    root.addEventListener("keydown", (event) => onKey(state, event));
    root.addEventListener("focusin", (event) => rove(state, indexOf(state, event.target)));
    root.addEventListener("click", (event) => {
      const index = indexOf(state, event.target);
      if (index < 0) return;
      // The id, not the index: the grid may have changed on the server since it was drawn. The
      // count makes a second click on the same picture a different value.
      state.picks += 1;
      state.send("pick", { id: state.data.tiles[index].id, count: state.picks });
    });
    root.addEventListener("scroll", () => markEnds(root), { passive: true });
    root.after(makeArrow(root, -1), makeArrow(root, 1));
    letDrag(state);
    new ResizeObserver(() => fill(state)).observe(root);
    states.set(parentElement, state);
  }
  state.data = data;
  state.send = setTriggerValue;
  arrange(state);
  paint(state);
}

function arrange({ root, buttons, data, focus }) {
  root.classList.toggle("row", Boolean(data.row));
  root.classList.toggle("smooth", Boolean(data.smooth));
  root.dataset.hint = data.tiles.length ? "" : (data.hint ?? "");
  const { side, tall = 1 } = data.sheet;
  root.style.setProperty("--ratio", side / heightOf(side, tall));
  root.setAttribute("aria-label", data.label);
  while (buttons.length > data.tiles.length) buttons.pop().remove();
  while (buttons.length < data.tiles.length) {
    const button = makeTile();
    buttons.push(button);
    root.append(button);
  }
  const reachable = Math.min(Math.max(focus, 0), buttons.length - 1);
  buttons.forEach((button, i) => {
    const tile = data.tiles[i];
    for (const name of ["marked", "current", "dim", "key", "big"]) {
      button.classList.toggle(name, Boolean(tile[name]));
    }
    button.draggable = Boolean(tile.drag);
    button.setAttribute("aria-label", tile.label);
    button.setAttribute("title", tile.label);
    button.setAttribute("aria-pressed", String(Boolean(tile.marked || tile.current)));
    button.tabIndex = i === reachable ? 0 : -1;
    const caption = button.querySelector(".caption");
    caption.textContent = tile.caption ?? "";
    caption.hidden = !tile.caption;
    caption.style.display = tile.caption ? "" : "none";
  });
  fill({ root, data });
  if (data.row) reveal(root, buttons[data.tiles.findIndex((tile) => tile.current)]);
}

// As fractions of the requested width; near enough to 1 that medium tiles and large ones differ.
const NARROWEST = 0.79;
const WIDEST = 1.27;
const NARROWEST_IN_ROW = 0.6;

// Chooses a number of columns that leaves no gap in the last row, with tiles as near as possible to
// the requested width; if no such number is near enough, as many columns as fit. A row fits whole
// with tiles a little narrower than that, or it scrolls.
function fill({ root, data }) {
  const [n, gap, room] = [data.tiles.length, data.row ? 3 : 6, root.clientWidth - 6];
  const width = (columns) => (room + gap) / columns - gap;
  const off = (columns) => Math.abs(Math.log(width(columns) / data.width));
  const whole = [];
  for (let columns = 1; data.full && columns <= n; columns += 1) {
    const share = width(columns) / data.width;
    if (n % columns === 0 && share >= NARROWEST && share <= WIDEST) whole.push(columns);
  }
  whole.sort((a, b) => off(a) - off(b));
  const fits = data.row && width(n) >= NARROWEST_IN_ROW * data.width;
  root.style.setProperty("--side", `${fits ? Math.min(width(n), data.width) : data.width}px`);
  root.style.gridTemplateColumns = whole.length ? `repeat(${whole[0]}, minmax(0, 1fr))` : "";
  const shown = root.querySelector(".tile:not(.big) canvas")?.clientWidth ?? 0;
  root.classList.toggle("near", shown * devicePixelRatio < CRISP * data.sheet.side);
  markEnds(root);
}

// Whether a row goes on before its first tile in sight, and after its last one.
function markEnds(root) {
  const hidden = root.classList.contains("row") ? root.scrollWidth - root.clientWidth : 0;
  root.classList.toggle("before", hidden > 1 && root.scrollLeft > 1);
  root.classList.toggle("after", hidden - root.scrollLeft > 1);
}

// Scrolls a row by most of what is in sight. The keyboard needs no arrow: its keys go along the row.
function makeArrow(root, way) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "on", tabIndex: -1 });
  button.setAttribute("aria-hidden", "true");
  button.append(drawing(14, way < 0 ? "M9 2 L4 7 L9 12" : "M5 2 L10 7 L5 12"));
  button.addEventListener("click", () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const left = way * 0.8 * root.clientWidth;
    root.scrollBy({ left, behavior: calm ? "auto" : "smooth" });
  });
  return button;
}

function drawing(side, line) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  made.setAttribute("viewBox", `0 0 ${side} ${side}`);
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", line);
  made.append(path);
  return made;
}

// Pixels are shown crisp only when they are enlarged this much; below, some would come out twice as
// wide as others, or be left out.
const CRISP = 2;

// A tile with "drag" can be dragged to a grid that accepts drops; only its text is transferred.
const CARRIED = "application/x-gan-exemplar";

function letDrag(state) {
  const { root } = state;
  const fits = (event) => state.data.drops && event.dataTransfer.types.includes(CARRIED);
  root.addEventListener("dragstart", (event) => {
    const tile = state.data.tiles[indexOf(state, event.target)];
    if (!tile?.drag) return;
    event.dataTransfer.setData(CARRIED, tile.drag);
    event.dataTransfer.effectAllowed = "copy";
  });
  root.addEventListener("dragover", (event) => {
    if (!fits(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    root.classList.add("over");
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) root.classList.remove("over");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("over");
    if (!fits(event)) return;
    event.preventDefault();
    state.picks += 1;
    state.send("drop", { what: event.dataTransfer.getData(CARRIED), count: state.picks });
  });
}

function makeTile() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const caption = document.createElement("span");
  caption.className = "caption";
  const check = drawing(14, "M2 7.5 L5.5 11 L12 3.5");
  check.setAttribute("class", "check");
  button.append(canvas, caption, check);
  return button;
}

// One canvas per picture: scaling one large background would blend neighbours at the seams.
function paint(state) {
  if (!state.data.tiles.length) return;
  const { src, columns, side, tall = 1 } = state.data.sheet;
  if (state.drawn === src) return;
  state.drawn = src;
  state.root.removeAttribute("data-painted");
  const image = new Image();
  image.src = src;
  image.decode().then(
    () => {
      if (state.drawn !== src) return; // a newer sheet has arrived
      state.buttons.forEach((button, i) => {
        const canvas = button.querySelector("canvas");
        canvas.width = side;
        canvas.height = heightOf(side, tall);
        const x = (i % columns) * side;
        const y = Math.floor(i / columns) * side * tall;
        const paint = canvas.getContext("2d");
        for (let part = 0; part < tall; part += 1) {
          const to = part * (side + gapOf(side));
          paint.drawImage(image, x, y + part * side, side, side, 0, to, side, side);
        }
      });
      state.root.setAttribute("data-painted", String(state.buttons.length));
    },
    () => (state.drawn = null),
  );
}

// A tile may hold several pictures, one above the other with a small gap.
function heightOf(side, tall) {
  return side * tall + gapOf(side) * (tall - 1);
}

function gapOf(side) {
  return Math.max(1, Math.round(side / 32));
}

function onKey(state, event) {
  const index = indexOf(state, event.target);
  const columns = columnsOf(state.buttons);
  const last = state.buttons.length - 1;
  const to = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns,
    ArrowDown: index + columns,
    Home: 0,
    End: last,
  }[event.key];
  if (index < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (to < 0 || to > last) return;
  state.buttons[to].focus({ preventScroll: state.data.row });
  if (state.data.row) reveal(state.root, state.buttons[to]);
}

function rove(state, index) {
  if (index < 0) return;
  state.focus = index;
  state.buttons.forEach((button, i) => (button.tabIndex = i === index ? 0 : -1));
}

function indexOf({ buttons }, target) {
  return buttons.indexOf(target.closest(".tile"));
}

function columnsOf(buttons) {
  const next = buttons.findIndex((button) => button.offsetTop > buttons[0].offsetTop);
  return next < 0 ? buttons.length : next;
}

// scrollIntoView would scroll the page as well, and leave the tile below an arrow.
const EDGE = 56;

function reveal(root, button) {
  if (!button) return;
  const left = button.offsetLeft - root.offsetLeft - EDGE;
  const right = left + button.offsetWidth + 2 * EDGE - root.clientWidth;
  if (left < root.scrollLeft) root.scrollLeft = left;
  else if (right > root.scrollLeft) root.scrollLeft = right;
}
