// The curves of one board: losses, Jensen–Shannon divergence, modes caught, distance to D*.

import { fitCanvas } from "./game_board.js";

const MOST_RECORDS = 600; // of a curve; then every second one is left out
const LOG2 = Math.log(2);

export function noCurves() {
  return { records: [], every: 1, count: 0 };
}

// Adds a record of game_worker.js. The longer the game, the farther apart the records that remain.
export function addRecord(curves, record) {
  const last = curves.records[curves.records.length - 1];
  if (last && last.step === record.step) {
    // The same step again, measured for new settings; its losses are means that were there before.
    curves.records[curves.records.length - 1] = { ...record, lossD: last.lossD, lossG: last.lossG };
    return;
  }
  curves.count += 1;
  if (last && last.spare) curves.records.pop();
  curves.records.push({ ...record, spare: curves.count % curves.every !== 0 });
  if (curves.records.length > MOST_RECORDS) {
    curves.records = curves.records.filter((_, i) => i % 2 === 0);
    curves.every *= 2;
  }
}

// What charts a board has: [{name, lines: [{key, name, dash}], low, high, mark, unit}].
export function chartsOf({ wasserstein, modes, best }) {
  const charts = [
    wasserstein
      ? { name: "Distance", hint: "the critic's estimate", lines: [line("distance", "", [])] }
      : { name: "Loss", lines: [line("lossD", "D", []), line("lossG", "G", [4, 3])] },
    {
      name: "Jensen–Shannon",
      lines: [line("js", "", [])],
      low: 0,
      high: LOG2 * 1.08,
      mark: [LOG2, "log 2"],
    },
  ];
  if (modes) {
    charts.push({
      name: "Modes",
      lines: [line("modes", "", [])],
      low: 0,
      high: modes * 1.08,
      mark: [modes, String(modes)],
      of: modes,
    });
  }
  if (best) charts.push({ name: "|D − D*|", lines: [line("gap", "", [])], low: 0, high: 0.5 });
  return charts;
}

function line(key, name, dash) {
  return { key, name, dash };
}

export function valueOf(record, key) {
  return key === "distance" ? -record.lossD : record[key];
}

// The range of a chart's values over all boards, so that boards side by side can be compared.
export function rangeOf(chart, allCurves) {
  if (chart.low !== undefined) return [chart.low, chart.high];
  const values = [];
  for (const { records } of allCurves) {
    for (const record of records) {
      for (const { key } of chart.lines) {
        const value = valueOf(record, key);
        if (Number.isFinite(value)) values.push(value);
      }
    }
  }
  if (!values.length) return [0, 1];
  values.sort((a, b) => a - b);
  // A few wild values do not flatten all others.
  const at = (share) => values[Math.round(share * (values.length - 1))];
  const [low, high] = [Math.min(0, at(0.01)), at(0.99)];
  const margin = 0.08 * (high - low || 1);
  return [low < 0 ? low - margin : 0, high + margin];
}

// Draws a chart; from a step range that is the same for all boards.
export function drawChart(canvas, colours, chart, { records }, [low, high], steps) {
  const width = fitCanvas(canvas);
  const { height } = canvas;
  const paint = canvas.getContext("2d");
  const scale = width / canvas.clientWidth;
  paint.clearRect(0, 0, width, height);
  const y = (value) => height - 1 - ((value - low) / (high - low)) * (height - 2);
  paint.lineWidth = scale;
  paint.font = `${11 * scale}px ${getComputedStyle(canvas).fontFamily}`;
  paint.strokeStyle = colours.border;
  const rule = (value) => {
    paint.beginPath();
    paint.moveTo(0, y(value));
    paint.lineTo(width, y(value));
    paint.stroke();
  };
  rule(low);
  if (low < 0 && high > 0) rule(0);
  if (chart.mark) {
    paint.setLineDash([2 * scale, 3 * scale]);
    rule(chart.mark[0]);
  }
  const points = [];
  for (const { key, dash } of chart.lines) {
    paint.setLineDash(dash.map((length) => length * scale));
    paint.strokeStyle = colours.text;
    paint.lineWidth = 1.5 * scale;
    paint.beginPath();
    let pen = false;
    for (const record of records) {
      const value = valueOf(record, key);
      const there = Number.isFinite(value);
      const [px, py] = [(record.step / Math.max(steps, 1)) * width, y(Math.min(Math.max(value, low), high))];
      if (there && pen) paint.lineTo(px, py);
      else if (there) paint.moveTo(px, py);
      if (there) points.push([px, py]);
      pen = there;
    }
    paint.stroke();
  }
  paint.setLineDash([]);
  const [top, words] = chart.mark ? [y(chart.mark[0]), chart.mark[1]] : [0, number(high)];
  paint.strokeStyle = colours.background; // so that a curve behind the words leaves them readable
  paint.lineWidth = 4 * scale;
  paint.fillStyle = colours.text;
  const space = paint.measureText(words).width + 4 * scale;
  const covered = (from, to) =>
    points.some(([x, y]) => x >= from && x <= to && Math.abs(y - top) < 14 * scale);
  const right = covered(0, space) && !covered(width - space, width);
  const left = right ? width - space + 2 * scale : 2 * scale;
  paint.strokeText(words, left, top + 12 * scale);
  paint.fillText(words, left, top + 12 * scale);
}

export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits).replace("-", "−");
}
