// All ports as an ARIA grid: one stop of the Tab key, arrows move. https://www.w3.org/WAI/ARIA/apg/patterns/grid/
// A cell lives as long as its port is shown; the rows around the cells are made anew when other ports are.

import { el, setText } from "./dom.js";

/** So many rows are a group, which is laid out only near the screen. */
const GROUP = 10;
/** So many ports have room for the names of their containers. */
const ROOMY = 128;

const slices = (list, length) =>
  Array.from({ length: Math.ceil(list.length / length) }, (_, at) => list.slice(at * length, (at + 1) * length));

export class Grid {
  #root;
  /** As narrow as the font allows. */
  #narrowest = el("div", { class: "cell narrowest", "data-state": "lingering", "aria-hidden": "true" }, el("b", {}, "65535"), el("span", {}, "lingering"));
  #cells = new Map();
  #numbers = [];
  #isRoomy = true;
  #columns = 1;
  /** The port that the Tab key reaches. */
  #current = null;
  #open = null;

  /** Calls `onOpen(port, byKey)`. */
  constructor(root, onOpen) {
    this.#root = root;
    root.append(this.#narrowest);
    const portOf = ({ target }) => Number(target.closest("[data-port]")?.dataset.port);
    root.addEventListener("click", (event) => portOf(event) && onOpen(portOf(event), false));
    root.addEventListener("focusin", (event) => this.#makeCurrent(portOf(event)));
    root.addEventListener("pointerover", ({ target }) => {
      const cell = target.closest(".cell");
      if (cell) cell.title = [...cell.children].map((part) => part.textContent).join(" ");
    });
    root.addEventListener("keydown", (event) => {
      const to = this.#targetOf(event);
      if (event.key === "Enter" || event.key === " ") onOpen(this.#current, true);
      else if (to === undefined) return;
      else this.#cells.get(this.#numbers[to])?.focus();
      event.preventDefault();
    });
    new ResizeObserver(() => this.#arrange()).observe(root);
  }

  /** Shows these ports, in this order, of a `total`. */
  show(ports, total) {
    const numbers = ports.map(({ port }) => port);
    const isSame = numbers.length === this.#numbers.length && numbers.every((port, at) => port === this.#numbers[at]);
    this.#numbers = numbers;
    this.#isRoomy = total <= ROOMY;
    const before = this.#cells;
    this.#cells = new Map(numbers.map((port) => [port, before.get(port) ?? this.#makeCell(port)]));
    ports.forEach((port) => this.update(port));
    this.#arrange(!isSame);
  }

  /** Shows what the port is now, and returns its cell; undefined if it is not shown. */
  update({ port, state, container }) {
    const cell = this.#cells.get(port);
    if (!cell) return undefined;
    const [, word, name] = cell.children;
    if (cell.dataset.state !== state) cell.dataset.state = state;
    setText(word, state ?? "unknown");
    setText(name, container?.name ?? "");
    return cell;
  }

  /** Marks the port that is open. */
  open(port) {
    this.#cells.get(this.#open)?.setAttribute("aria-selected", "false");
    this.#cells.get(port)?.setAttribute("aria-selected", "true");
    this.#open = port;
  }

  /** Focuses the cell that was focused last. */
  focus() {
    this.#cells.get(this.#current)?.focus();
  }

  #makeCurrent(port) {
    this.#cells.get(this.#current)?.setAttribute("tabindex", -1);
    this.#cells.get(port)?.setAttribute("tabindex", 0);
    this.#current = port;
  }

  #makeCell(port) {
    const attributes = { role: "gridcell", class: "cell", tabindex: -1, "data-port": port, "aria-selected": `${port === this.#open}` };
    return el("div", attributes, el("b", {}, port), el("span"), el("i"));
  }

  /** As many whole decades in a row as fit, so that the eye finds a port. */
  #arrange(isAnew = false) {
    const { classList, clientWidth, style } = this.#root;
    if (clientWidth === 0) return;
    classList.toggle("roomy", this.#isRoomy);
    const columns = [20, 10, 5, 4, 3].find((columns) => columns * this.#narrowest.offsetWidth <= clientWidth) ?? 2;
    if (!isAnew && columns === this.#columns) return;
    this.#columns = columns;
    style.setProperty("--columns", columns);
    const hadFocus = this.#root.contains(document.activeElement);
    const row = (numbers) => el("div", { role: "row", class: "row" }, numbers.map((port) => this.#cells.get(port)));
    const group = (numbers) => el("div", { role: "rowgroup", class: "group" }, slices(numbers, columns).map(row));
    this.#root.replaceChildren(this.#narrowest, ...slices(this.#numbers, GROUP * columns).map(group));
    if (!this.#cells.has(this.#current)) this.#makeCurrent(this.#numbers[0]);
    if (hadFocus) this.focus();
  }

  /** Where in the order the key leads; undefined if it is none that moves. */
  #targetOf({ key, ctrlKey }) {
    const columns = this.#columns;
    const at = this.#numbers.indexOf(this.#current);
    const last = this.#numbers.length - 1;
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
}
