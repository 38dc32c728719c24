// Draws one board: D's surface, its contours, G's grid, the points, and G's arrows.
// Shapes say what colours say: data are dots, samples are crosses.

const PLANE = 2; // half its side
const SIDE_CELLS = 40; // of the surface
const LEVELS_OF_D = [0.25, 0.5, 0.75];
const ARROWS = 72; // at most
const REACH_OF_ARROW = 0.42; // the longest arrow, in units of the plane
const HALFWAY = 0.9; // |∇| at which an arrow has 63 % of that length

// How strongly each layer is drawn in each phase of slow motion; "" is the usual picture.
const LAYERS = {
  "": { surface: 1, grid: 1, real: 1, fake: 1, arrows: 1 },
  samples: { surface: 0.25, grid: 0.35, real: 1, fake: 1, arrows: 0 },
  surface: { surface: 1, grid: 0.2, real: 0.5, fake: 0.5, arrows: 0 },
  update: { surface: 1, grid: 0.2, real: 0.7, fake: 0.7, arrows: 0 },
  gradient: { surface: 0.7, grid: 0.35, real: 0.3, fake: 1, arrows: 1 },
  move: { surface: 0.5, grid: 1, real: 0.3, fake: 1, arrows: 0 },
};

// colours: of `coloursOf`. scene: {frame, phase, points, pen}: a frame of game_frame.js, the phase
// of slow motion or "", a person's own points while they are drawn, and where the pen is, or null.
export function drawBoard(canvas, colours, { frame, phase, points, pen }) {
  const side = fitCanvas(canvas);
  const paint = canvas.getContext("2d");
  const strength = LAYERS[phase] ?? LAYERS[""];
  const view = {
    paint,
    colours,
    unit: side / (2 * PLANE), // pixels
    line: Math.max(side / 520, window.devicePixelRatio > 1 ? 1.4 : 0.9),
    x: (x) => ((x + PLANE) / (2 * PLANE)) * side,
    y: (y) => ((PLANE - y) / (2 * PLANE)) * side,
  };
  paint.globalAlpha = 1;
  paint.fillStyle = colours.background;
  paint.fillRect(0, 0, side, side);
  if (frame) {
    paint.globalAlpha = strength.surface;
    drawSurface(view, frame.shade, side);
    drawContours(view, frame.shade, colours.text, []);
    if (frame.best) drawContours(view, frame.best, colours.best, [5, 4]);
    drawGrid(view, frame, strength.grid);
    paint.globalAlpha = strength.real;
    drawDots(view, frame.real);
    paint.globalAlpha = strength.fake;
    drawCrosses(view, frame.fake);
    paint.globalAlpha = strength.arrows;
    if (strength.arrows) drawArrows(view, frame);
  }
  paint.globalAlpha = 1;
  if (points) drawRings(view, points);
  if (pen) drawPen(view, pen);
}

// Makes a canvas as large as it is shown; returns its width in pixels.
export function fitCanvas(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return width;
}

const small = new WeakMap(); // canvas -> a canvas of a pixel a cell

function drawSurface({ paint, colours }, shade, side) {
  let cells = small.get(paint.canvas);
  if (!cells) {
    cells = document.createElement("canvas");
    cells.width = cells.height = SIDE_CELLS;
    small.set(paint.canvas, cells);
  }
  const image = new ImageData(SIDE_CELLS, SIDE_CELLS);
  for (let row = 0; row < SIDE_CELLS; row++) {
    for (let column = 0; column < SIDE_CELLS; column++) {
      const lean = 2 * shade[(SIDE_CELLS - 1 - row) * SIDE_CELLS + column] - 1;
      const parts = lean < 0 ? colours.fakeParts : colours.realParts;
      const share = colours.tint * Math.abs(lean) ** 0.8;
      const at = 4 * (row * SIDE_CELLS + column);
      for (let i = 0; i < 3; i++) {
        image.data[at + i] = share * parts[i] + (1 - share) * colours.backgroundParts[i];
      }
      image.data[at + 3] = 255;
    }
  }
  cells.getContext("2d").putImageData(image, 0, 0);
  // Smooth curves between the cells are costly on a large canvas, and straight ones between those
  // of a finer grid look the same.
  const fine = finer(paint.canvas);
  const between = fine.getContext("2d");
  between.imageSmoothingQuality = "high";
  between.drawImage(cells, 0, 0, fine.width, fine.width);
  paint.imageSmoothingEnabled = true;
  paint.imageSmoothingQuality = "low";
  paint.drawImage(fine, 0, 0, side, side);
}

const FINER = 4; // pixels a cell, in each direction
const fines = new WeakMap();

function finer(canvas) {
  if (!fines.has(canvas)) {
    const one = document.createElement("canvas");
    one.width = one.height = FINER * SIDE_CELLS;
    fines.set(canvas, one);
  }
  return fines.get(canvas);
}

// Marching squares: for each corner pattern, the pairs of edges that a contour joins. Edges are
// numbered below, right, above, left.
const CROSSINGS = [
  [],
  [[3, 0]],
  [[0, 1]],
  [[3, 1]],
  [[1, 2]],
  [[3, 0], [1, 2]],
  [[0, 2]],
  [[3, 2]],
  [[2, 3]],
  [[2, 0]],
  [[0, 1], [2, 3]],
  [[2, 1]],
  [[1, 3]],
  [[1, 0]],
  [[0, 3]],
  [],
];

function drawContours({ paint, unit, line, x, y }, grid, colour, dash) {
  paint.strokeStyle = colour;
  paint.setLineDash(dash.map((length) => length * line));
  const cell = (2 * PLANE) / SIDE_CELLS;
  const last = SIDE_CELLS - 1;
  // The outermost middles of cells stand for the edges, so that contours end there.
  const at = (place) => {
    if (place <= 0 || place >= last) return place <= 0 ? -PLANE : PLANE;
    return (place + 0.5) * cell - PLANE;
  };
  for (const level of LEVELS_OF_D) {
    paint.lineWidth = line * (level === 0.5 ? 2.2 : 0.9);
    paint.beginPath();
    for (let row = 0; row + 1 < SIDE_CELLS; row++) {
      for (let column = 0; column + 1 < SIDE_CELLS; column++) {
        const from = row * SIDE_CELLS + column;
        const corners = [grid[from], grid[from + 1], grid[from + SIDE_CELLS + 1], grid[from + SIDE_CELLS]];
        const pattern = corners.reduce((sum, value, i) => sum + (value > level ? 1 << i : 0), 0);
        if (pattern === 0 || pattern === 15 || corners.some(Number.isNaN)) continue;
        const between = (a, b) => (level - corners[a]) / (corners[b] - corners[a]);
        const edge = (number) => {
          if (number === 0) return [at(column + between(0, 1)), at(row)];
          if (number === 1) return [at(column + 1), at(row + between(1, 2))];
          if (number === 2) return [at(column + between(3, 2)), at(row + 1)];
          return [at(column), at(row + between(0, 3))];
        };
        for (const [a, b] of CROSSINGS[pattern]) {
          const [start, end] = [edge(a), edge(b)];
          paint.moveTo(x(start[0]), y(start[1]));
          paint.lineTo(x(end[0]), y(end[1]));
        }
      }
    }
    paint.stroke();
  }
  paint.setLineDash([]);
}

// The latent square or disc as G bends it; where it is dense, it is darker.
function drawGrid({ paint, colours, unit, line, x, y }, { grid }, strength) {
  const { rows, columns, at } = grid;
  const corner = (row, column) => 2 * (row * columns + column);
  const [px, py] = [(i) => x(at[i]), (i) => y(at[i + 1])];
  paint.fillStyle = colours.fake;
  const even = (16 / ((rows - 1) * (columns - 1))) * 0.02; // plane's area a cell, where it is dense
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const four = [
        corner(row, column),
        corner(row, column + 1),
        corner(row + 1, column + 1),
        corner(row + 1, column),
      ];
      const [a, b, c, d] = four;
      const area =
        Math.abs((at[c] - at[a]) * (at[d + 1] - at[b + 1]) - (at[c + 1] - at[a + 1]) * (at[d] - at[b])) / 2;
      paint.globalAlpha = strength * Math.min(0.42, (0.42 * even) / (area + even / 2));
      if (paint.globalAlpha < 0.015) continue;
      paint.beginPath();
      four.forEach((i, place) => (place ? paint.lineTo(px(i), py(i)) : paint.moveTo(px(i), py(i))));
      paint.fill();
    }
  }
  paint.globalAlpha = 0.55 * strength;
  paint.strokeStyle = colours.fake;
  paint.lineWidth = 0.8 * line;
  paint.beginPath();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = corner(row, column);
      if (column) paint.lineTo(px(i), py(i));
      else paint.moveTo(px(i), py(i));
    }
  }
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const i = corner(row, column);
      if (row) paint.lineTo(px(i), py(i));
      else paint.moveTo(px(i), py(i));
    }
  }
  paint.stroke();
}

function drawDots({ paint, colours, line, x, y }, points) {
  const radius = 2.5 * line;
  paint.fillStyle = colours.real;
  paint.strokeStyle = colours.background;
  paint.lineWidth = 0.8 * line;
  paint.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const [px, py] = [x(points[i]), y(points[i + 1])];
    paint.moveTo(px + radius, py);
    paint.arc(px, py, radius, 0, 2 * Math.PI);
  }
  paint.stroke();
  paint.fill();
}

// Each cross is a copy of one picture: hundreds of strokes with round ends take much longer.
function drawCrosses({ paint, colours, line, x, y }, points) {
  paint.imageSmoothingEnabled = true;
  paint.imageSmoothingQuality = "low";
  for (const [colour, width] of [
    [colours.background, 3.4],
    [colours.fake, 1.7],
  ]) {
    const { picture, half } = crossOf(colour, line, width * line);
    for (let i = 0; i < points.length; i += 2) {
      paint.drawImage(picture, x(points[i]) - half, y(points[i + 1]) - half, 2 * half, 2 * half);
    }
  }
}

const SHARPER = 2; // pixels of the picture a pixel of the board
const crosses = new Map();

function crossOf(colour, line, width) {
  const key = `${colour} ${line} ${width}`;
  if (!crosses.has(key)) {
    if (crosses.size > 16) crosses.clear(); // of other sizes and themes
    const arm = 2.8 * line;
    const half = Math.ceil(arm + width);
    const picture = document.createElement("canvas");
    picture.width = picture.height = SHARPER * 2 * half;
    const paint = picture.getContext("2d");
    paint.scale(SHARPER, SHARPER);
    paint.translate(half, half);
    Object.assign(paint, { strokeStyle: colour, lineWidth: width, lineCap: "round" });
    paint.beginPath();
    paint.moveTo(-arm, -arm);
    paint.lineTo(arm, arm);
    paint.moveTo(-arm, arm);
    paint.lineTo(arm, -arm);
    paint.stroke();
    crosses.set(key, { picture, half });
  }
  return crosses.get(key);
}

function drawArrows({ paint, colours, unit, line, x, y }, { fake, arrows }) {
  const every = Math.max(1, Math.ceil(arrows.length / 2 / ARROWS));
  const head = 4.5 * line;
  paint.strokeStyle = paint.fillStyle = colours.text;
  paint.lineWidth = 1.3 * line;
  const heads = new Path2D();
  paint.beginPath();
  for (let i = 0; i < arrows.length; i += 2 * every) {
    const size = Math.hypot(arrows[i], arrows[i + 1]);
    const length = REACH_OF_ARROW * (1 - Math.exp(-size / HALFWAY)) * unit;
    if (!(length > 1.5 * line)) continue;
    const [dx, dy] = [arrows[i] / size, -arrows[i + 1] / size];
    const [px, py] = [x(fake[i]), y(fake[i + 1])];
    const tip = Math.min(head, length);
    const [ex, ey] = [px + dx * length, py + dy * length];
    const [bx, by] = [ex - dx * tip, ey - dy * tip];
    paint.moveTo(px, py);
    paint.lineTo(bx, by);
    heads.moveTo(ex, ey);
    heads.lineTo(bx - (dy * tip) / 2, by + (dx * tip) / 2);
    heads.lineTo(bx + (dy * tip) / 2, by - (dx * tip) / 2);
    heads.closePath();
  }
  paint.stroke();
  paint.fill(heads);
}

function drawRings({ paint, colours, line, x, y }, points) {
  paint.strokeStyle = colours.real;
  paint.lineWidth = 1.4 * line;
  paint.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const [px, py] = [x(points[i]), y(points[i + 1])];
    paint.moveTo(px + 5 * line, py);
    paint.arc(px, py, 5 * line, 0, 2 * Math.PI);
  }
  paint.stroke();
}

function drawPen({ paint, colours, unit, line, x, y }, { at, radius }) {
  paint.strokeStyle = colours.text;
  paint.lineWidth = 1.5 * line;
  paint.beginPath();
  paint.arc(x(at[0]), y(at[1]), Math.max(radius * unit, 6 * line), 0, 2 * Math.PI);
  paint.stroke();
}

// The colours of the theme around an element, for all that is drawn.
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const read = (name, other) => style.getPropertyValue(name).trim() || other;
  const background = read("--st-background-color", "#ffffff");
  const text = read("--st-text-color", "#31333f");
  const backgroundParts = partsOf(background);
  const dark = brightness(backgroundParts) < 128;
  const [real, fake] = dark ? ["#f2a65a", "#7db0ff"] : ["#a85400", "#1d5fd0"];
  const border = read("--st-border-color", "rgba(128, 128, 128, 0.4)");
  const [realParts, fakeParts] = dark
    ? [partsOf("#e07b00"), partsOf("#2f6fe0")]
    : [partsOf("#f39c3d"), partsOf("#6fa3f5")];
  const best = dark ? "#f7f7b0" : "#7a0f4d";
  const tint = dark ? 0.6 : 0.75;
  return { background, backgroundParts, text, border, real, fake, realParts, fakeParts, best, tint, dark };
}

// A colour's red, green and blue, of any way to write it.
function partsOf(colour) {
  const one = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  one.fillStyle = colour;
  one.fillRect(0, 0, 1, 1);
  return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

function brightness([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}
