// Drawing in the browser: one Web Worker per model, shared by all canvases of the page.

const engines = new Map(); // URL of the model -> engine

export function engineFor(browser) {
  if (!browser) return null;
  let engine = engines.get(browser.model);
  if (!engine) {
    engine = startEngine(browser);
    engines.set(browser.model, engine);
  }
  return engine;
}

function startEngine({ worker, runtime, wasm, model }) {
  const url = (path) => new URL(path, document.baseURI).href;
  const engine = { status: "loading", reason: "", listeners: new Set(), busy: null, next: null };
  const change = (status, reason = "") => {
    Object.assign(engine, { status, reason, busy: null });
    engine.listeners.forEach((listener) => listener());
  };
  try {
    engine.worker = new Worker(url(worker), { type: "module" });
  } catch (error) {
    change("failed", `The drawing program cannot start (${error.message ?? error}).`);
    return engine;
  }
  engine.worker.onerror = () => change("failed", "The drawing program could not be loaded.");
  engine.worker.onmessage = ({ data }) => {
    if (data.kind === "ready") change("ready");
    if (data.kind === "failed") change("failed", data.reason);
    if (data.kind === "drawn") {
      const { then } = engine.busy ?? {};
      engine.busy = null;
      then?.(data);
      const next = engine.next;
      engine.next = null;
      if (next) send(engine, next);
    }
  };
  const load = { kind: "load", runtime: url(runtime), wasm: url(wasm), model: url(model) };
  engine.worker.postMessage(load);
  return engine;
}

// Draws n latents, concatenated in z. While a drawing is in progress, only the newest request
// waits; older ones are dropped.
export function drawLatents(engine, z, n, then) {
  const order = { z, n, then };
  if (engine.busy) engine.next = order;
  else send(engine, order);
}

function send(engine, order) {
  engine.busy = order;
  engine.worker.postMessage({ kind: "draw", token: 0, z: order.z, n: order.n }, [order.z.buffer]);
}
