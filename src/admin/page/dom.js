// Elements, and values as people read them. Text from outside becomes text nodes, never markup.

export const $ = (id) => document.getElementById(id);

/** An element. Attributes that are null or false and children that are null are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** Sets the text, if it differs: each time costs a layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces the children, if they differ: what stays keeps its focus, and the text that somebody is about to copy. */
export function renew(element, ...children) {
  const fresh = element.cloneNode();
  fresh.append(...children.flat().filter((child) => child !== null));
  if (!element.isEqualNode(fresh)) element.replaceChildren(...fresh.childNodes);
}

/** Makes these the children. What is there stays where it is, and keeps its focus. */
export function arrange(element, children) {
  children.forEach((child, at) => {
    const there = element.children[at] ?? null;
    if (there !== child) element.insertBefore(child, there);
  });
  while (element.childElementCount > children.length) element.lastElementChild.remove();
}

/** 12,345 */
export const count = (value) => value.toLocaleString("en");

/** "1 port", "3 ports" */
export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** 12.3 MB */
export function bytes(value) {
  const unit = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), 5);
  return `${(value / 1000 ** unit).toPrecision(3).replace(/\.0+$/, "")} ${["B", "kB", "MB", "GB", "TB", "PB"][unit]}`;
}

/** "2026-11-27 14:03:12 UTC" */
export const moment = (time) =>
  Number.isNaN(Date.parse(time)) ? "?" : `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** The time of day, in UTC. */
export const timeOfDay = (time) => el("time", { datetime: time, title: moment(time) }, moment(time).slice(11, 19));

/** The server's clock. */
export const clock = { offset: 0, now: () => Date.now() + clock.offset };

/** How long ago that was: "3 d 4 h". */
function since(time) {
  const seconds = Math.max(0, Math.floor((clock.now() - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 24) return `${hours} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago that was; `refreshTimes` keeps it true. */
export const ago = (time) =>
  Number.isNaN(Date.parse(time))
    ? el("span", { class: "nothing" }, "an unknown time")
    : el("time", { datetime: time, title: moment(time), class: "ago" }, since(time));

export function refreshTimes() {
  for (const time of document.querySelectorAll(".ago")) setText(time, since(time.dateTime));
}

/** A state with its glyph. */
export const badge = (state) => el("span", { class: "badge", "data-state": state }, state ?? "unknown");

/** The value, or that there is none. */
export const orNone = (value, shown = String, none = "–") =>
  value === null || value === undefined ? el("span", { class: "nothing" }, none) : shown(value);

/** The rows of a list of names and values. */
export const pairs = (fields) => fields.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
