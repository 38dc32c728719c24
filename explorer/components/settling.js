// While a page loads, its parts are fetched one by one and push each other about. What is below its
// title stays unseen until all are there, the visitor acts, or LONGEST milliseconds have passed since
// the title appeared, or LAST since the page began to load.
const LONGEST = 4000;
const LAST = 8000;
const CALM = 150; // milliseconds in which no part is still to come and none grows
const page = document.documentElement;
const settled = () => page.classList.remove("settling");
let title = 0; // when the title appeared
let calm = 0;
let height = 0;
// A component has a place of its own before it has drawn anything.
const empty = (part) => part.getClientRects().length > 0 && part.clientHeight === 0;
const look = (now) => {
  const is = (selector) => document.querySelector(selector) !== null;
  if (is('[data-testid="stHeading"], [data-testid="stException"]')) title ||= now;
  const main = document.querySelector('[data-testid="stMainBlockContainer"]');
  const rests = is('[data-testid="stApp"][data-test-script-state="notRunning"]');
  const missing =
    is('[data-testid="stMain"] [data-testid="stSkeleton"]') ||
    [...document.querySelectorAll('[data-testid^="stBidiComponent"]')].some(empty);
  if (title && rests && !missing && main?.scrollHeight === height) calm ||= now;
  else calm = 0;
  height = main?.scrollHeight;
  const waited = title && now - title > LONGEST;
  if ((calm && now - calm > CALM) || waited || now > LAST) settled();
  if (page.classList.contains("settling")) requestAnimationFrame(look);
};
page.classList.add("settling");
for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, settled, { once: true });
requestAnimationFrame(look);
