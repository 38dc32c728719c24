// Keys of a projector's remote control: they press the lesson's buttons.

const FORTH = ["ArrowRight", "PageDown"];
const BACK = ["ArrowLeft", "PageUp"];
// Where these keys have a meaning of their own.
const OWN =
  "input, textarea, select, canvas, [contenteditable], [role=slider], [role=radio]," +
  " [role=tab], [role=combobox], [role=option], [role=dialog] *";

function keyOf(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey)
    return null;
  if (event.target.closest && event.target.closest(OWN)) return null;
  if (FORTH.includes(event.key)) return "next";
  return BACK.includes(event.key) ? "back" : null;
}

export default function ({ parentElement }) {
  parentElement.querySelector("i").dataset.listening = "1";
  const press = (event) => {
    const key = keyOf(event);
    if (!key) return;
    event.preventDefault();
    const button = document.querySelector(`.st-key-lesson-${key} button`);
    if (button && !event.repeat) button.click();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
