// The page "The game": boards on which two players move, and the bar that starts and stops them.
//
// One Web Worker computes (game_worker.js); this side asks for a frame, draws the newest one at
// every repaint of the screen, and asks for the next. Nothing is sent to the server but a person's
// own points, once a stroke of the pen is over.
// Streamlit calls the default export at every change of data, so all it does may be done again.

import { drawBoard, coloursOf } from "./game_board.js";
import { noCurves, addRecord, chartsOf, rangeOf, drawChart } from "./game_curves.js";
import {
  PHASES,
  make,
  button,
  showButton,
  makeStrip,
  showStrip,
  makeCharts,
  showValues,
  makeLegend,
} from "./game_controls.js";
import { makePen } from "./game_pen.js";
import { readPoints, writePoints } from "./game_points.js";

const PACES = [4, 15, 60, 240, 10000]; // steps a second, if the computer can
const PACE_WORDS = ["4 a second", "15 a second", "60 a second", "240 a second", "fastest"];
const MOST_STEPS = 100; // of one frame
const MEASURE = 8; // frames from one measurement to the next
// Requests of a playing game that may be unanswered: the worker goes on with the next while the page
// draws. With a single one, an answer that misses a repaint by a little leaves the worker idle for all
// of the next.
const AHEAD = 2;
const PHASE_MS = 1100; // of slow motion
const states = new WeakMap();

export default function ({ data: { json }, parentElement, setStateValue }) {
  const data = JSON.parse(json);
  let state = states.get(parentElement);
  if (!state) {
    state = begin(parentElement.querySelector(".game"), data);
    states.set(parentElement, state);
  }
  state.report = (points) => setStateValue("drawn", { count: state.sent, points });
  take(state, data);
  return () => {
    // Taken off the page: neither the worker nor the drawing must outlive it.
    if (parentElement.isConnected) return;
    end(state);
    states.delete(parentElement);
  };
}

function begin(root, data) {
  const state = {
    root,
    data: null,
    boards: [],
    mode: "paused", // or "playing"
    slow: false,
    pace: 2,
    phase: null, // of slow motion: {name, turn, since, from, to}
    requested: 0, // number of the last request to the worker
    answered: 0,
    first: 0, // answers to earlier requests are of games that are gone
    owed: 0, // steps, a part of one
    frames: 0,
    stale: true, // whether curves and words are of older records, sizes or colours
    measured: 0,
    drawn: null, // a person's own points, as long as the server has not heard of them
    sent: data.heard,
    calm: window.matchMedia("(prefers-reduced-motion: reduce)"),
  };
  state.worker = startWorker(state);
  build(state);
  state.sizes = new ResizeObserver(() => {
    state.stale = true;
    draw(state);
  });
  state.sizes.observe(root);
  return state;
}

function startWorker(state) {
  let worker;
  try {
    // WORKER is the text of game_worker.js and of what it imports; see game.py.
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    worker = new Worker(url);
  } catch {
    say(state, "This browser does not let the page start its worker, so the game cannot run.");
    return { postMessage() {}, terminate() {} };
  }
  worker.onerror = () => say(state, "The game's worker could not be started.");
  worker.onmessage = ({ data }) => {
    if (data.kind === "failed") {
      state.answered = state.requested;
      state.mode = "paused";
      showBar(state);
      say(state, `The game stopped: ${data.reason}`);
    } else if (data.number >= state.first) hear(state, data);
  };
  return worker;
}

function end(state) {
  cancelAnimationFrame(state.next);
  state.worker.terminate();
  state.sizes.disconnect();
}

function say({ root }, sentence) {
  root.querySelector(".note").textContent = sentence;
}

// The parts of the page that stay.

function build(state) {
  const { root } = state;
  const bar = root.querySelector(".bar");
  const pen = (kind) => () => {
    state.pen.use(state.pen.kind === kind ? "" : kind);
    showBar(state);
  };
  state.buttons = {
    play: button("Play", "play", () => (state.mode === "playing" ? pause(state) : play(state))),
    step: button("Step", "step", () => step(state)),
    slow: button("Slow motion", "slow", () => slowDown(state, !state.slow)),
    restart: button("Restart", "restart", () => restart(state)),
    draw: button("Draw data", "draw", pen("draw")),
    erase: button("Erase", "erase", pen("erase")),
  };
  const { play: playing, step: one, slow, restart: again, draw: pencil, erase } = state.buttons;
  state.range = make("input");
  Object.assign(state.range, { type: "range", min: 0, max: PACES.length - 1, step: 1 });
  state.range.setAttribute("aria-label", "Speed");
  state.range.addEventListener("input", () => {
    state.pace = Number(state.range.value);
    showBar(state);
  });
  state.steps = make("output", "steps", "Step 0");
  state.words = make("span", "pace");
  const speed = make("label", "speed", make("span", "", "Speed"), state.range, state.words);
  bar.replaceChildren(
    make("div", "group", playing, one, slow, again),
    make("div", "group", pencil, erase),
    make("div", "group time", speed, state.steps),
  );
  state.strip = makeStrip();
  root.querySelector(".strip").replaceChildren(state.strip);
  root.querySelector(".below").replaceChildren(makeLegend());
  state.pen = makePen(state, {
    plane: 4,
    points: () => pointsOf(state),
    change: (points) => changePoints(state, points),
    done: () => reportPoints(state),
    show: () => draw(state),
    keys: (key) => pressed(state, key),
  });
  state.range.value = String(state.pace);
  showBar(state);
}

function pressed(state, key) {
  if (key === " ") state.mode === "playing" ? pause(state) : play(state);
  else if (key === "s") step(state);
  else if (key === "m") slowDown(state, !state.slow);
  else if (key === "r") restart(state);
  else return false;
  return true;
}

function showBar(state) {
  const { buttons, mode, slow, pen } = state;
  const playing = mode === "playing";
  showButton(buttons.play, playing ? "Pause" : "Play", playing ? "pause" : "play");
  showButton(buttons.step, slow ? "Half-step" : "Step", "step");
  buttons.slow.setAttribute("aria-pressed", String(slow));
  buttons.draw.setAttribute("aria-pressed", String(pen.kind === "draw"));
  buttons.erase.setAttribute("aria-pressed", String(pen.kind === "erase"));
  state.range.setAttribute("aria-valuetext", PACE_WORDS[state.pace]);
  state.words.textContent = PACE_WORDS[state.pace];
  state.range.disabled = slow;
  state.root.dataset.mode = mode;
  state.root.classList.toggle("slowly", slow);
  state.root.classList.toggle("drawing", Boolean(pen.kind));
}

// The server's data: settings, seed, points.

function take(state, data) {
  const before = state.data;
  state.data = data;
  if (data.heard >= state.sent) state.drawn = null;
  const parts = JSON.stringify([data.boards.map((one) => [one.title, chartsOf(one)])]);
  const rebuilt = parts !== state.parts;
  state.parts = parts;
  if (rebuilt) buildBoards(state);
  state.stale = true;
  const scene = JSON.stringify([data.scene, data.boards.length]);
  const again = scene !== state.scene;
  state.scene = scene;
  const key = JSON.stringify([gamesOf(state), again]);
  state.root.classList.toggle(
    "optimal",
    data.boards.some((one) => one.best),
  );
  const words = make("p", "", data.sentences);
  state.root.querySelector(".words").replaceChildren(words, make("p", "paper", data.paper));
  if (again || key !== state.sentGames) setGames(state, again);
  else if (rebuilt) request(state, { measure: true });
  // A scene that was picked, and not one that a link opened, plays at once.
  if (before && again && !state.calm.matches) play(state);
}

function buildBoards(state) {
  const { data, root } = state;
  root.dataset.boards = data.boards.length;
  const old = state.boards;
  // A person who draws by keys goes on in the board that takes the place of theirs.
  const focused = old.findIndex(({ canvas }) => canvas === canvas.getRootNode().activeElement);
  state.boards = data.boards.map((one, i) => {
    const canvas = make("canvas", "board");
    canvas.setAttribute("role", "application");
    canvas.tabIndex = 0;
    const figure = make("figure", "", make("figcaption", "", one.title), canvas);
    const { group, parts } = makeCharts(chartsOf(one));
    state.pen.listen(canvas);
    const { frame = null, curves = noCurves() } = old[i] ?? {};
    return { canvas, figure, group, parts, frame, curves };
  });
  root.querySelector(".boards").replaceChildren(...state.boards.map(({ figure }) => figure));
  root.querySelector(".curves").replaceChildren(...state.boards.map(({ group }) => group));
  if (focused >= 0) state.boards[focused]?.canvas.focus({ preventScroll: true });
}

function gamesOf(state) {
  const points = pointsOf(state);
  const data = state.drawn && points.length ? { data: "points" } : {};
  return state.data.boards.map(({ settings }) => ({
    settings: { ...settings, ...data },
    seed: state.data.seed,
    points: Array.from(points),
  }));
}

// again: whether the games start again.
function setGames(state, again) {
  const boards = gamesOf(state);
  state.sentGames = JSON.stringify([boards, false]);
  if (boards.some((one) => one.settings.data === "points" && !one.points.length)) return;
  const networks = JSON.stringify(
    boards.map(({ settings, seed }) => [settings.width, settings.activation, seed]),
  );
  const restarts = again || networks !== state.networks;
  state.networks = networks;
  if (restarts) {
    state.boards.forEach((board) => Object.assign(board, { curves: noCurves(), frame: null }));
    Object.assign(state, { phase: null, stale: true });
  }
  state.first = state.requested + 1;
  state.worker.postMessage({ kind: "set", boards, again: restarts });
  request(state, { measure: true });
}

function restart(state) {
  const playing = state.mode === "playing";
  pause(state);
  setGames(state, true);
  if (playing) play(state);
}

// Points that a person draws.

function pointsOf(state) {
  return state.drawn ?? readPoints(state.data.points);
}

function changePoints(state, points) {
  state.drawn = points;
  if (points.length) setGames(state, false);
  draw(state);
}

function reportPoints(state) {
  if (!state.drawn) return;
  state.sent = Math.max(state.sent, state.data.heard) + 1;
  state.report(writePoints(state.drawn));
}

// Time.

function request(state, { steps = 0, half = "", moment = "", measure = false }) {
  state.requested += 1;
  const number = state.requested;
  showIdle(state, false);
  const best = state.data.boards.map((one) => one.best);
  state.worker.postMessage({ kind: "advance", steps, half, moment, measure, best, number });
  return number;
}

function waiting(state) {
  return state.answered < state.requested;
}

function waitingForMany(state) {
  return state.requested - state.answered >= AHEAD;
}

function hear(state, { boards, records, number }) {
  state.answered = number;
  const phase = state.phase;
  boards.forEach((frame, i) => {
    const board = state.boards[i];
    if (!board) return;
    board.before = board.frame;
    board.frame = frame;
    for (const record of records[i]) {
      addRecord(board.curves, record);
      state.stale = true;
    }
  });
  if (phase?.number === number) phase.there = true;
  state.fresh = true;
  showSteps(state);
  wake(state);
}

function showSteps(state) {
  const { steps } = state.boards[0].frame;
  state.steps.textContent = `Step ${steps.toLocaleString("en")}`;
  state.root.dataset.step = steps;
}

function play(state) {
  state.mode = "playing";
  Object.assign(state, { owed: 1, last: null });
  say(state, "");
  showBar(state);
  wake(state);
}

function pause(state) {
  state.mode = "paused";
  if (!state.slow) state.phase = null;
  showBar(state);
  if (!waiting(state) && state.boards[0]?.frame && !state.phase) request(state, { measure: true });
}

function step(state) {
  if (state.mode === "playing") pause(state);
  if (state.slow) {
    nextPhase(state);
    wake(state);
  } else {
    request(state, { steps: 1, measure: true });
  }
}

function slowDown(state, slow) {
  state.slow = slow;
  state.phase = null;
  showBar(state);
  showPhase(state);
  if (!slow && state.mode === "paused" && !waiting(state)) request(state, { measure: true });
  if (slow && state.mode === "paused") nextPhase(state);
  wake(state);
}

function wake(state) {
  showIdle(state, false);
  if (state.next) return;
  state.next = requestAnimationFrame((now) => {
    state.next = 0;
    tick(state, now);
  });
}

// Once a repaint, as long as something moves.
function tick(state, now) {
  if (!state.root.isConnected) return end(state);
  const playing = state.mode === "playing";
  if (playing && state.slow) playSlowly(state, now);
  else if (playing && !waitingForMany(state)) {
    const since = Math.min(now - (state.last ?? now), 250);
    state.last = now;
    state.owed = Math.min(state.owed + (PACES[state.pace] * since) / 1000, MOST_STEPS);
    const steps = Math.floor(state.owed);
    state.owed -= steps;
    if (steps) {
      state.measured = (state.measured + 1) % MEASURE;
      request(state, { steps, measure: state.measured === 0 || state.pace === 0 });
    }
  }
  const moving = state.phase && now - state.phase.since < PHASE_MS;
  // A repaint of the screen for which there is nothing new costs nothing.
  if (state.fresh || state.slow || !playing) draw(state, now);
  if (playing || moving) wake(state);
  else showIdle(state, !waiting(state));
}

// Whether nothing is computed and nothing moves.
function showIdle(state, idle) {
  state.root.dataset.idle = String(idle);
}

// Slow motion: each phase sends the worker one request, and is then shown for a while.

function playSlowly(state, now) {
  const { phase } = state;
  if (!phase) nextPhase(state);
  else if (phase.there && now - phase.since > PHASE_MS) nextPhase(state);
}

function nextPhase(state) {
  const most = Math.max(...state.data.boards.map(({ settings }) => settings.k));
  const before = state.phase ?? { name: "move", turn: most };
  const place = PHASES.findIndex(([name]) => name === before.name);
  let name = PHASES[(place + 1) % PHASES.length][0];
  let { turn } = before;
  if (before.name === "update" && turn < most) name = "samples";
  if (name === "samples") turn = before.name === "update" ? turn + 1 : 1;
  state.phase = { name, turn, most, since: performance.now(), there: false };
  showPhase(state);
  const asks = {
    samples: { moment: "d" },
    update: { half: "d", moment: "d" },
    gradient: { moment: "g" },
    move: { half: "g", moment: "moved", measure: true },
  };
  if (asks[name]) state.phase.number = request(state, asks[name]);
  else state.phase.there = true;
}

const SENTENCES = {
  samples: "Samples: D is shown a batch of data and a batch of G’s samples.",
  surface: "D’s surface: how real every place of the plane looks to D before it learns.",
  update: "D’s update: one step that raises D at the data and lowers it at the samples.",
  gradient: "G’s gradient: where the loss of G would move each of its new samples.",
  move: "G’s move: one step of the weights moves all samples, and the grid, at once.",
};

function showPhase(state) {
  const { phase, strip, slow } = state;
  showStrip(strip, phase?.name);
  state.root.dataset.phase = phase ? phase.name : "";
  const turn = phase && phase.most > 1 && phase.turn && phase.name !== "gradient" && phase.name !== "move";
  const which = turn ? ` (update ${phase.turn} of ${phase.most})` : "";
  say(state, slow && phase ? SENTENCES[phase.name] + which : "");
}

// Drawing.

function draw(state, now = performance.now()) {
  if (!state.boards.length || !state.data) return;
  if (!state.colours || state.frames % 30 === 0) {
    const before = state.colours;
    state.colours = coloursOf(state.root); // the theme may have changed
    if (before?.text !== state.colours.text) state.stale = true;
    state.root.classList.toggle("dark", state.colours.dark);
  }
  const points = state.pen.kind || state.drawn ? pointsOf(state) : null;
  state.boards.forEach((board, i) => {
    const frame = between(state, board, now);
    const phase = state.slow && state.phase ? state.phase.name : "";
    drawBoard(board.canvas, state.colours, { frame, phase, points, pen: state.pen.shown() });
  });
  if (state.stale) drawCurves(state);
  state.stale = false;
  state.frames += 1;
  if (state.fresh) state.root.dataset.frames = Number(state.root.dataset.frames ?? 0) + 1;
  state.fresh = false;
}

// The curves of all boards, their newest values, and the boards' descriptions.
function drawCurves(state) {
  const allCurves = state.boards.map(({ curves }) => curves);
  const steps = Math.max(...allCurves.map(({ records }) => records.at(-1)?.step ?? 0));
  state.boards.forEach((board, i) => {
    board.canvas.setAttribute("aria-label", describe(state, board, i));
    board.parts.forEach((part) => {
      const range = rangeOf(part.chart, part.chart.low === undefined ? allCurves : [board.curves]);
      drawChart(part.canvas, state.colours, part.chart, board.curves, range, steps);
      showValues(part, board.curves.records.at(-1));
    });
  });
}

function describe(state, { curves }, i) {
  const { title, settings } = state.data.boards[i];
  const record = curves.records.at(-1);
  const words = [title || "The plane", `${settings.objective}, step ${record?.step ?? 0}`];
  if (record && record.modes !== null) words.push(`${record.modes} modes caught`);
  if (record) words.push(`Jensen–Shannon ${record.js.toFixed(2)}`);
  return `${words.join(", ")}. Space plays and pauses, S makes a step.`;
}

// The frame of a phase of slow motion: D's surface, or G's samples and grid, on their way.
function between(state, { before, frame }, now) {
  const { phase, slow } = state;
  if (!slow || !phase || !phase.there || !before || !frame) return frame;
  const time = state.calm.matches ? 1 : Math.min((now - phase.since) / (0.7 * PHASE_MS), 1);
  const t = time * time * (3 - 2 * time);
  const mix = (a, b) => (a.length === b.length ? a.map((x, i) => x + t * (b[i] - x)) : b);
  if (phase.name === "update") {
    return { ...before, shade: mix(before.shade, frame.shade), range: frame.range };
  }
  if (phase.name === "move") {
    const grid = { ...frame.grid, at: mix(before.grid.at, frame.grid.at) };
    return { ...frame, fake: mix(before.fake, frame.fake), grid };
  }
  return frame;
}
