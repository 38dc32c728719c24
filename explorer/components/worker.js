// Draws a model's pictures in the browser: one runtime, one model, one thread, no page needed.
//
// In:   {kind: "load", runtime, wasm, model}   URLs of the module, of its WebAssembly, of the model
//       {kind: "draw", token, z, n}            z: Float32Array of n latents, one after the other
// Out:  {kind: "ready", ms, bytes}             time to load, size of the model
//       {kind: "failed", reason, token}        one sentence; the token where a draw failed
//       {kind: "drawn", token, n, side, pixels}  pixels: Uint8ClampedArray, n pictures as RGBA

const SHELF = "gan-models"; // where the browser keeps models between visits
const KEPT = 8; // models there at most

let ort, session;
let turn = Promise.resolve();

// One after the other: a session cannot run twice at a time.
self.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data));
};

async function answer(message) {
  try {
    if (message.kind === "load") await load(message);
    else if (message.kind === "draw") await draw(message);
  } catch (error) {
    const told = String(error?.message ?? error).split("\n")[0];
    const reason =
      error instanceof Trouble ? told : `The model cannot draw in this browser (${told}).`;
    self.postMessage({ kind: "failed", reason, token: message?.token });
  }
}

// What went wrong, as a sentence of our own.
class Trouble extends Error {}

async function load({ runtime, wasm, model }) {
  const start = performance.now();
  await session?.release();
  session = undefined;
  // The model on its way while the runtime starts.
  const coming = read(model);
  coming.catch(() => {}); // it is awaited below; until then nothing may count it as unheard
  if (!ort) await begin(runtime, wasm);
  let bytes = await coming;
  try {
    session = await open(bytes);
  } catch (error) {
    // What the browser kept may be damaged: it is fetched once more.
    const shelf = await openShelf();
    if (!(await shelf?.delete(model))) throw error;
    bytes = await read(model);
    session = await open(bytes);
  }
  await run(new Float32Array(size()), 1); // the first run is slower than the next
  self.postMessage({ kind: "ready", ms: performance.now() - start, bytes: bytes.byteLength });
}

async function begin(runtime, wasm) {
  const binary = get(wasm, "drawing program").then((found) => found.arrayBuffer());
  binary.catch(() => {});
  const found = await import(runtime).catch(() => {
    throw new Trouble("The drawing program could not be fetched.");
  });
  found.env.wasm.numThreads = 1;
  found.env.wasm.proxy = false;
  found.env.wasm.wasmBinary = await binary;
  found.env.logLevel = "error";
  ort = found;
}

function open(bytes) {
  return ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ["wasm"] });
}

// How many numbers a latent of the model has.
function size() {
  return session.inputMetadata[0].shape[1];
}

async function run(z, n) {
  const input = new ort.Tensor("float32", z, [n, size()]);
  const { images } = await session.run({ z: input });
  input.dispose();
  return images;
}

async function draw({ token, z, n }) {
  if (!session) throw new Trouble("There is no model yet to draw with.");
  if (!(n >= 1) || z.length !== n * size()) {
    throw new Trouble(`A latent of this model has ${size()} numbers; these are others.`);
  }
  const images = await run(z, n);
  const [, channels, side] = images.dims;
  const pixels = paint(images.data, n, channels, side);
  images.dispose();
  self.postMessage({ kind: "drawn", token, n, side, pixels }, [pixels.buffer]);
}

// float32 (n, channels, side, side) in [−1, 1] -> RGBA, one picture after the other. float32 all
// the way, and a clamped array rounds ties to even, as numpy does: the same levels as to_uint8.
function paint(values, n, channels, side) {
  const area = side * side;
  const pixels = new Uint8ClampedArray(n * area * 4).fill(255);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) {
      const from = (i * channels + (channels === 3 ? c : 0)) * area;
      const to = i * area * 4 + c;
      for (let p = 0; p < area; p++) {
        pixels[to + 4 * p] = Math.fround(Math.fround(values[from + p] + 1) * 127.5);
      }
    }
  }
  return pixels;
}

async function get(url, what) {
  const found = await fetch(url).catch(() => undefined);
  if (!found?.ok) {
    const why = found ? `the server says ${found.status}` : "the server does not answer";
    throw new Trouble(`The ${what} could not be fetched: ${why}.`);
  }
  return found;
}

// The bytes of a model, from the browser's shelf if they are there. The URL holds a hash of the
// weights, so what is kept under it never goes stale.
async function read(url) {
  const shelf = await openShelf();
  const kept = await shelf?.match(url).catch(() => undefined);
  if (kept) return kept.arrayBuffer();
  const found = await get(url, "model");
  const copy = found.clone();
  const bytes = await found.arrayBuffer();
  await put(shelf, url, copy);
  return bytes;
}

// null where the browser has none: in an address that is neither https nor this computer, say.
async function openShelf() {
  try {
    return await self.caches.open(SHELF);
  } catch {
    return null;
  }
}

async function put(shelf, url, response) {
  try {
    await shelf?.put(url, response);
    const kept = (await shelf?.keys()) ?? [];
    for (const old of kept.slice(0, -KEPT)) await shelf.delete(old); // the oldest come first
  } catch {
    // A full disk: the model is fetched again next time.
  }
}
