// All ports as an ARIA grid: one stop of the Tab key, arrows move. https://www.w3.org/WAI/ARIA/apg/patterns/grid/
// A cell lives as long as its port is shown; the rows around the cells are made anew when other ports are.

import { el, setText } from "./dom.js";
import { isWrong, wordOf } from "./states.js";

/** So many rows are a group, which is laid out only near the screen. */
const GROUP = 10;
/** So many ports have room for the names of their containers. */
const ROOMY = 128;

const slices = (list, length) =>
  Array.from({ length: Math.ceil(list.length / length) }, (_, at) => list.slice(at * length, (at + 1) * length));

/** Calls `onOpen(port, byKey)`. */
export function makeGrid(root, onOpen) {
  /** As narrow as the font allows. */
  const narrowest = el("div", { class: "cell narrowest", "data-state": "lingering", "aria-hidden": "true" });
  narrowest.append(el("b"), el("span", {}, "lingering"));
  let cells = new Map();
  let numbers = [];
  let isRoomy = true;
  let columns = 1;
  let opened = null;
  /** The port that the Tab key reaches. */
  let current = null;

  /** Shows these ports, in this order, of a `total`. */
  function show(ports, total) {
    const before = { cells, numbers };
    isRoomy = total <= ROOMY;
    numbers = ports.map(({ port }) => port);
    cells = new Map(numbers.map((port) => [port, before.cells.get(port) ?? makeCell(port)]));
    ports.forEach(update);
    arrange(numbers.length !== before.numbers.length || numbers.some((port, at) => port !== before.numbers[at]));
  }

  /** Shows what the port is now, and returns its cell; undefined if it is not shown. */
  function update(status) {
    const { port, state, container } = status;
    const cell = cells.get(port);
    if (!cell) return undefined;
    const [, word, name] = cell.children;
    if (cell.dataset.state !== state) cell.dataset.state = state;
    setText(word, wordOf(status));
    cell.classList.toggle("odd", state === "serving" && isWrong(status));
    setText(name, container?.name ?? "");
    return cell;
  }

  /** Marks the port that is open. */
  function open(port) {
    cells.get(opened)?.setAttribute("aria-selected", "false");
    cells.get(port)?.setAttribute("aria-selected", "true");
    opened = port;
  }

  /** Focuses the cell that was focused last. */
  const focus = () => cells.get(current)?.focus();

  function makeCurrent(port) {
    cells.get(current)?.setAttribute("tabindex", -1);
    cells.get(port)?.setAttribute("tabindex", 0);
    current = port;
  }

  function makeCell(port) {
    const attributes = { role: "gridcell", class: "cell", tabindex: -1, "data-port": port, "aria-selected": `${port === opened}` };
    return el("div", attributes, el("b", {}, port), el("span"), el("i"));
  }

  /** As many whole decades in a row as fit, so that the eye finds a port. */
  function arrange(isAnew = false) {
    if (root.clientWidth === 0) return;
    root.classList.toggle("roomy", isRoomy);
    setText(narrowest.firstChild, String(Math.max(...numbers)));
    const most = root.clientWidth / narrowest.offsetWidth;
    const before = columns;
    columns = [20, 10, 5, 4, 3].find((columns) => columns <= most) ?? 2;
    if (!isAnew && columns === before) return;
    root.style.setProperty("--columns", columns);
    const hadFocus = root.contains(document.activeElement);
    const row = (ports) => el("div", { role: "row", class: "row" }, ports.map((port) => cells.get(port)));
    const group = (ports) => el("div", { role: "rowgroup", class: "group" }, slices(ports, columns).map(row));
    root.replaceChildren(narrowest, ...slices(numbers, GROUP * columns).map(group));
    if (!cells.has(current)) makeCurrent(numbers[0]);
    if (hadFocus) focus();
  }

  /** Where in the order the key leads; undefined if it is none that moves. */
  function targetOf({ key, ctrlKey }) {
    const at = numbers.indexOf(current);
    const last = numbers.length - 1;
    const start = at - (at % columns);
    return {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at + columns,
      Home: ctrlKey ? 0 : start,
      End: ctrlKey ? last : Math.min(start + columns - 1, last),
      PageUp: Math.max(at - 10 * columns, 0),
      PageDown: Math.min(at + 10 * columns, last),
    }[key];
  }

  root.append(narrowest);
  const portOf = ({ target }) => Number(target.closest("[data-port]")?.dataset.port);
  root.addEventListener("click", (event) => portOf(event) && onOpen(portOf(event), false));
  root.addEventListener("focusin", (event) => makeCurrent(portOf(event)));
  root.addEventListener("pointerover", ({ target }) => {
    const cell = target.closest(".cell");
    if (cell) cell.title = [...cell.children].map((part) => part.textContent).join(" ");
  });
  root.addEventListener("keydown", (event) => {
    const to = targetOf(event);
    if (event.key === "Enter" || event.key === " ") onOpen(current, true);
    else if (to === undefined) return;
    else cells.get(numbers[to])?.focus();
    event.preventDefault();
  });
  new ResizeObserver(() => arrange()).observe(root);
  return { show, update, open, focus };
}
