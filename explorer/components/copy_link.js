// Copies the address, as it is at the click.

const CHAIN =
  "M6.5 9.5 L9.5 6.5 M7 4.5 L8.6 2.9 A3.2 3.2 0 0 1 13.1 7.4 L11.5 9" +
  " M9 11.5 L7.4 13.1 A3.2 3.2 0 0 1 2.9 8.6 L4.5 7";
const SPACE = "http://www.w3.org/2000/svg";
let count = 0;

// Where an address is neither https nor this computer's, browsers have no clipboard for pages.
function copyFromField(text) {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.style.cssText = "position: fixed; top: 0; opacity: 0";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus?.();
  return done;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyFromField(text);
  }
}

export default function ({ data: { json }, parentElement, setTriggerValue }) {
  const { label } = JSON.parse(json);
  const button = parentElement.querySelector(".copy");
  if (!button.firstChild) {
    const icon = document.createElementNS(SPACE, "svg");
    icon.setAttribute("viewBox", "0 0 16 16");
    icon.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SPACE, "path");
    path.setAttribute("d", CHAIN);
    icon.append(path);
    button.append(icon, document.createElement("span"));
  }
  button.lastChild.textContent = label;
  button.onclick = async () => {
    const done = await copy(window.location.href);
    count += 1;
    setTriggerValue("copied", { done, count });
  };
}
