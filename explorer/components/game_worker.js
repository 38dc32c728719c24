// The game's Web Worker: it holds the games of all boards and moves them on request.
//
// In:   {kind: "set", boards: [{settings, seed, points}], again}   again: from the start
//       {kind: "advance", steps, half, moment, best, measure, number}
//           half: "" for whole steps, "d" for one update of D, "g" for that of G; steps may be 0
//           best: for each board, whether the optimal D is wanted
// Out:  {kind: "frame", boards: [frame], records: [[record]], number}   frame: see game_frame.js
//           number: that of the question
//       {kind: "failed", reason}
// A record is one point of every curve: {step, lossD, lossG, js, modes, gap}.

import { makeGame, stepGame, updateDiscriminator, updateGenerator } from "./game_step.js";
import { measureGame, densityOfData } from "./game_measures.js";
import { frameOf } from "./game_frame.js";

const FRAME = 13; // ms for an answer, so that one is ready for every repaint of the screen
const LEAST = 2; // ms for the steps of an answer, however long the rest of it takes

let boards = [];
const rest = [0, 0]; // ms of an answer without its steps; with measures

self.onmessage = ({ data }) => {
  try {
    if (data.kind === "set") setBoards(data);
    if (data.kind === "advance") advance(data);
  } catch (error) {
    self.postMessage({ kind: "failed", reason: String(error?.message ?? error).split("\n")[0] });
  }
};

function setBoards({ boards: wanted, again }) {
  boards = wanted.map((one, i) => {
    const board = boards[i];
    const same = board && !again && sameNetworks(board.game, one);
    if (!same) return begin(one);
    Object.assign(board.game, { settings: one.settings, points: one.points });
    board.densityOfData = densityOfData(board.game);
    return board;
  });
}

function begin({ settings, seed, points }) {
  const game = makeGame(settings, seed, points);
  return { game, densityOfData: densityOfData(game), density: null, sums: noSums() };
}

function noSums() {
  return { n: 0, lossD: 0, lossG: 0 };
}

function sameNetworks({ settings, seed }, one) {
  const { width, activation } = one.settings;
  return seed === one.seed && settings.width === width && settings.activation === activation;
}

function advance({ steps, half, moment, best, measure, number }) {
  const start = performance.now();
  const budget = Math.max(FRAME - rest[Number(measure)], LEAST);
  if (half) boards.forEach(({ game }) => halfStep(game, half));
  // All boards take the same number of steps, so that their curves can be compared.
  for (let i = 0; i < steps; i++) {
    for (const board of boards) stepBoard(board);
    if (performance.now() - start > budget) break;
  }
  const stepped = performance.now();
  const records = boards.map((board, i) => (measure ? [recordOf(board, best[i])] : []));
  const frames = boards.map((board, i) => frameOf(board, moment, best[i]));
  rest[Number(measure)] += (performance.now() - stepped - rest[Number(measure)]) / 4;
  self.postMessage({ kind: "frame", boards: frames, records, number });
}

function halfStep(game, half) {
  if (half === "g") {
    while (game.turn < game.settings.k) updateDiscriminator(game);
    updateGenerator(game);
  } else if (game.turn < game.settings.k) updateDiscriminator(game);
}

function stepBoard({ game, sums }) {
  stepGame(game);
  sums.n += 1;
  sums.lossD += game.lossD;
  sums.lossG += game.lossG;
}

// The losses are means over the steps since the last record.
function recordOf(board, best) {
  const { game, sums } = board;
  const { js, modes, gap, density } = measureGame(game, board.densityOfData, best);
  const [lossD, lossG] = sums.n
    ? [sums.lossD / sums.n, sums.lossG / sums.n]
    : [game.lossD, game.lossG];
  Object.assign(board, { density, sums: noSums() });
  return { step: game.steps, lossD, lossG, js, modes, gap };
}
