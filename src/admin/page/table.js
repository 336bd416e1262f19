// The ports that are shown as a table, with what the grid has no room for.

import { ago, arrange, badge, bytes, count, el, orNone, renew } from "./dom.js";

/** Thousands of rows take seconds to lay out: more come on request. */
const PAGE = 100;

/** Their names, the order that each stands for, and their classes. Phones leave out what is `wide`. */
const COLUMNS = [
  ["Port", "port", ""],
  ["State", "state", ""],
  ["Container", "container", "name"],
  ["Address", null, "wide"],
  ["For", "since", ""],
  ["Sessions", "sessions", "wide number"],
  ["In", null, "wide number"],
  ["Out", null, "wide number"],
];

export class Table {
  #body = el("tbody");
  #headers;
  #more = el("button");
  #rows = new Map();
  #ports = [];
  #limit = PAGE;
  #counters;
  #linkTo;

  /** `linkTo(port)` is the address of a port's detail. */
  constructor(root, { counters, linkTo, onSort }) {
    this.#counters = counters;
    this.#linkTo = linkTo;
    this.#headers = COLUMNS.map(([name, sort, classes]) =>
      el("th", { scope: "col", class: classes }, sort ? el("button", { "data-sort": sort }, name) : name),
    );
    const head = el("thead", {}, el("tr", {}, this.#headers));
    root.append(el("table", { "aria-label": "Ports" }, head, this.#body), this.#more);
    head.addEventListener("click", ({ target }) => target.dataset.sort && onSort(target.dataset.sort));
    this.#more.addEventListener("click", () => {
      this.#limit += PAGE;
      this.show(this.#ports);
    });
  }

  /** Shows these ports, in this order; `sort` is its name. */
  show(ports, sort) {
    this.#ports = ports;
    if (sort) {
      const direction = sort === "port" || sort === "container" ? "ascending" : "descending";
      COLUMNS.forEach(([, own], at) => this.#headers[at].setAttribute("aria-sort", own === sort ? direction : "none"));
    }
    const shown = ports.slice(0, this.#limit);
    this.#rows = new Map(shown.map(({ port }) => [port, this.#rows.get(port) ?? el("tr")]));
    shown.forEach((port) => this.update(port));
    arrange(this.#body, [...this.#rows.values()]);
    const left = ports.length - shown.length;
    this.#more.hidden = left === 0;
    this.#more.textContent = `Show ${count(Math.min(PAGE, left))} more of ${count(left)}`;
  }

  /** Shows what the port is now, and returns its row; undefined if it is not shown. */
  update({ port, state, container, since, reason }) {
    const row = this.#rows.get(port);
    if (!row) return undefined;
    const counted = this.#counters.get(port);
    const contents = [
      el("a", { href: this.#linkTo(port) }, port),
      badge(state),
      [orNone(container?.name), reason && el("p", { class: "why" }, reason)],
      orNone(container?.address),
      ago(since),
      orNone(counted?.sessions, count),
      orNone(counted?.bytes_in, bytes),
      orNone(counted?.bytes_out, bytes),
    ];
    const cell = (content, at) => el(at === 0 ? "th" : "td", { scope: at === 0 && "row", class: COLUMNS[at][2] }, content);
    renew(row, contents.map(cell));
    return row;
  }

  /** Shows the counters again. */
  updateAll() {
    for (const port of this.#ports.slice(0, this.#limit)) this.update(port);
  }
}
