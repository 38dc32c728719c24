// What the browser stores for the app: in this tab's storage, which survives a reload, and in the
// one that all tabs share. The text is the server's; here nobody reads it.

const OFF = "off"; // stands in place of the text where a person wants nothing to be stored
const MOST = 900000; // characters that the server takes
const TRIES = 10;

// As long as the page is loaded, also when the component is made again.
const memory = { asked: "", answer: null, tries: 0, count: 0, own: null, shared: null, said: "" };

function read(storage, key) {
  try {
    return storage()?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

// Returns what went wrong: "refused", "full" or "".
function write(storage, key, text) {
  try {
    if (text) storage().setItem(key, text);
    else storage().removeItem(key);
    return "";
  } catch (error) {
    return error?.name === "QuotaExceededError" ? "full" : "refused";
  }
}

const own = () => window.sessionStorage;
const shared = () => window.localStorage;

export default function ({ data: { json }, parentElement, setTriggerValue }) {
  const data = JSON.parse(json);
  const apart = `${data.name}.apart`;
  const question = `${data.session} ${data.ask}`;
  if (data.ask && memory.asked !== question) {
    memory.asked = question;
    const mine = data.ask === "own" ? read(own, data.name) : null;
    const text = mine ?? read(shared, data.name);
    const alone = mine !== null && read(own, apart) === "1";
    const about = { session: data.session, own: mine !== null, apart: alone };
    memory.answer = text && text.length <= MOST ? { text, ...about } : null;
    memory.tries = 0;
    // What a session begins with is not yet a change that other tabs should have.
    memory.shared = null;
  }
  // Nothing is overwritten before the server has read it; a click at the same moment may have
  // prevented that, and then the server asks again.
  if (data.ask && memory.answer) {
    if (memory.tries >= TRIES) return;
    memory.tries += 1;
    memory.count += 1;
    setTriggerValue("stored", { ...memory.answer, count: memory.count });
    return;
  }
  const report = (what) => {
    if (!what || memory.said === what) return;
    memory.said = what;
    memory.count += 1;
    setTriggerValue("problem", { what, count: memory.count });
  };
  store(data, apart, report);
  parentElement.querySelector("i").dataset.stored = data.keep;
}

function store(data, apart, report) {
  if (data.keep === "off") {
    write(own, apart, "");
    write(own, data.name, "");
    if (memory.shared !== OFF) write(shared, data.name, OFF);
    memory.shared = memory.own = OFF;
    return;
  }
  if (data.keep === "on" && read(shared, data.name) === OFF) {
    report(OFF); // another tab has said so
    return;
  }
  if (memory.own !== data.text) {
    memory.own = data.text;
    report(write(own, data.name, data.text));
  }
  write(own, apart, data.apart ? "1" : "");
  if (data.apart) return;
  const first = memory.shared === null && !data.changed && data.keep === "on";
  if (!first && memory.shared !== data.text) report(write(shared, data.name, data.text));
  memory.shared = data.text;
}
