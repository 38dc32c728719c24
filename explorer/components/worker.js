// Draws a model's pictures in the browser: one runtime, one model, one thread.
//
// In:   {kind: "load", runtime, wasm, model}   URLs of the module, of its WebAssembly, of the model
//       {kind: "draw", token, z, n}            z: Float32Array of n latents, concatenated
// Out:  {kind: "ready", ms, bytes}             time to load, size of the model
//       {kind: "failed", reason, token}        one sentence; the token if a draw failed
//       {kind: "drawn", token, n, side, pixels}  pixels: Uint8ClampedArray, n pictures as RGBA

const SHELF = "gan-models"; // the browser's cache of models between visits
const MAX_MODELS = 8; // in the cache

let ort, session;
let turn = Promise.resolve();

// Messages are handled one after the other, because a session cannot run twice at the same time.
self.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data));
};

async function answer(message) {
  try {
    if (message.kind === "load") await load(message);
    else if (message.kind === "draw") await draw(message);
  } catch (error) {
    const text = String(error?.message ?? error).split("\n")[0];
    const reason =
      error instanceof Trouble ? text : `The model cannot draw in this browser (${text}).`;
    self.postMessage({ kind: "failed", reason, token: message?.token });
  }
}

// An error whose message is a complete sentence.
class Trouble extends Error {}

async function load({ runtime, wasm, model }) {
  const start = performance.now();
  await session?.release();
  session = undefined;
  // The model is fetched while the runtime starts.
  const coming = read(model);
  coming.catch(() => {}); // it is awaited below; until then it must not count as unhandled
  if (!ort) await begin(runtime, wasm);
  let bytes = await coming;
  try {
    session = await open(bytes);
  } catch (error) {
    // The cached model may be damaged: fetch it once more.
    const shelf = await openShelf();
    if (!(await shelf?.delete(model))) throw error;
    bytes = await read(model);
    session = await open(bytes);
  }
  await run(new Float32Array(size()), 1); // the first run is slower than the next
  self.postMessage({ kind: "ready", ms: performance.now() - start, bytes: bytes.byteLength });
}

async function begin(runtime, wasm) {
  const binary = get(wasm, "drawing program").then((response) => response.arrayBuffer());
  binary.catch(() => {});
  const module = await import(runtime).catch(() => {
    throw new Trouble("The drawing program could not be fetched.");
  });
  module.env.wasm.numThreads = 1;
  module.env.wasm.proxy = false;
  module.env.wasm.wasmBinary = await binary;
  module.env.logLevel = "error";
  ort = module;
}

function open(bytes) {
  return ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ["wasm"] });
}

// The number of coordinates of the model's latents.
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
  if (!session) throw new Trouble("No model has been loaded yet.");
  if (!(n >= 1) || z.length !== n * size()) {
    throw new Trouble(`A latent of this model has ${size()} numbers; these do not fit.`);
  }
  const images = await run(z, n);
  const [, channels, side] = images.dims;
  const pixels = paint(images.data, n, channels, side);
  images.dispose();
  self.postMessage({ kind: "drawn", token, n, side, pixels }, [pixels.buffer]);
}

// float32 (n, channels, side, side) in [−1, 1] -> RGBA, one picture after the other. All arithmetic
// is float32, and a clamped array rounds ties to even like numpy, so the levels equal to_uint8's.
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
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) {
    const why = response ? `the server says ${response.status}` : "the server does not answer";
    throw new Trouble(`The ${what} could not be fetched: ${why}.`);
  }
  return response;
}

// The bytes of a model, from the browser's cache if they are there. The URL contains a hash of the
// weights, so the cached bytes never go stale.
async function read(url) {
  const shelf = await openShelf();
  const cached = await shelf?.match(url).catch(() => undefined);
  if (cached) return cached.arrayBuffer();
  const response = await get(url, "model");
  const copy = response.clone();
  const bytes = await response.arrayBuffer();
  await put(shelf, url, copy);
  return bytes;
}

// null if the browser has no cache, for example at an address that is neither https nor localhost.
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
    const cached = (await shelf?.keys()) ?? [];
    for (const old of cached.slice(0, -MAX_MODELS)) await shelf.delete(old); // oldest first
  } catch {
    // A full disk: the model is fetched again next time.
  }
}
