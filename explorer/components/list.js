// The list: many sliders with search and sorting, in groups of ten.

import { element } from "./rows.js";

const TENS = 10;

export function makeList(state, box) {
  // Names need more room than numbers.
  box.classList.toggle("named", state.data.axes.some((axis) => axis.label.includes(" ")));
  const tools = element("div", "tools");
  const search = element("input", "search");
  Object.assign(search, { type: "search", placeholder: "Find a name or a number" });
  search.setAttribute("aria-label", "Find sliders by name, or by number such as 17 or 20-29");
  const order = element("select", "order");
  order.setAttribute("aria-label", "Order of the sliders");
  for (const [value, text] of [
    ["effect", "Strongest first"],
    ["number", "By number"],
    ["changed", "Changed first"],
  ]) {
    const option = element("option", "", text);
    option.value = value;
    order.append(option);
  }
  const groups = element("div", "groups");
  const none = element("p", "none", "No slider has that name or number.");
  tools.append(search, order);
  box.append(tools, groups, none);
  const list = { search, order, groups, none };
  search.addEventListener("input", () => arrangeList(state, list));
  order.addEventListener("change", () => arrangeList(state, list));
  return list;
}

// Sorts the rows; rows are moved, not made again, so that the focus stays.
export function arrangeList(state, list) {
  const { rows, data, values } = state;
  const wanted = rows.map((_, i) => i).filter((i) => matches(list.search.value, i, rows[i].axis.label));
  const changed = (i) => Number(values[i] !== data.home[i]);
  const effect = (i) => rows[i].axis.effect ?? 0;
  const by = list.order.value;
  if (by === "effect") wanted.sort((a, b) => effect(b) - effect(a));
  if (by === "changed") wanted.sort((a, b) => changed(b) - changed(a) || effect(b) - effect(a));
  const parts = [];
  const add = (title, members) => {
    const details = list.groups.children[parts.length] ?? makeGroup(parts.length);
    details.querySelector("summary").textContent = title;
    details.querySelector(".rows").replaceChildren(...members.map((i) => rows[i].row));
    parts.push(details);
  };
  // Named coordinates come first, because people look for them.
  const named = by === "effect" ? wanted.filter((i) => rows[i].axis.label.includes(" ")) : [];
  if (named.length) add("With a name", named);
  const others = wanted.filter((i) => !named.includes(i));
  for (let first = 0; first < others.length; first += TENS) {
    const members = others.slice(first, first + TENS);
    add(groupName(by, first, members, named.length > 0), members);
  }
  list.groups.replaceChildren(...parts);
  list.none.hidden = wanted.length > 0;
  list.groups.hidden = wanted.length === 0;
}

function makeGroup(place) {
  const details = element("details");
  details.open = place < 2;
  details.append(element("summary"), element("div", "rows"));
  return details;
}

function groupName(by, first, members, afterNamed) {
  const range = (from, to) => (from === to ? from : `${from} to ${to}`);
  if (by === "number") return range(`z${members[0]}`, `z${members[members.length - 1]}`);
  const strongest = afterNamed ? "Strongest of the others," : "Strongest";
  const what = by === "effect" ? strongest : "Changed first,";
  return `${what} ${range(first + 1, first + members.length)}`;
}

// The search takes "17", "z17", "17, 20-29", "29-20", words of a coordinate's name such as "skin tan",
// or nothing. A name must have all the words; of the numbers one is enough.
function matches(text, i, label) {
  const name = label.replace(/^z\d+/, "").toLowerCase();
  const parts = text.toLowerCase().split(/[\s,;]+/).filter(Boolean);
  if (!parts.length) return true;
  const ranges = parts.map((part) => /^z?(\d+)(?:[-–]z?(\d+))?$/.exec(part)).filter(Boolean);
  const words = parts.filter((part) => !/^z?\d+(?:[-–]z?\d+)?$/.test(part));
  const within = ranges.some(([, from, to = from]) => {
    const ends = [Number(from), Number(to)];
    return i >= Math.min(...ends) && i <= Math.max(...ends);
  });
  return within || (words.length > 0 && words.every((word) => name.includes(word)));
}
