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

/** `linkTo(port)` is the address of a port's detail. */
export function makeTable(root, { counters, linkTo, onSort }) {
  const header = ([name, sort, classes]) =>
    el("th", { scope: "col", class: classes }, sort ? el("button", { "data-sort": sort }, name) : name);
  const headers = COLUMNS.map(header);
  const head = el("thead", {}, el("tr", {}, headers));
  const body = el("tbody");
  const more = el("button");
  let rows = new Map();
  let all = [];
  let limit = PAGE;

  /** Shows these ports, in this order; `sort` is its name. */
  function show(ports, sort) {
    all = ports;
    const direction = sort === "port" || sort === "container" ? "ascending" : "descending";
    COLUMNS.forEach(([, own], at) => headers[at].setAttribute("aria-sort", own === sort ? direction : "none"));
    showRows();
  }

  function showRows() {
    const shown = all.slice(0, limit);
    rows = new Map(shown.map(({ port }) => [port, rows.get(port) ?? el("tr")]));
    shown.forEach(update);
    arrange(body, [...rows.values()]);
    const left = all.length - shown.length;
    more.hidden = left === 0;
    more.textContent = `Show ${count(Math.min(PAGE, left))} more of ${count(left)}`;
  }

  /** Shows what the port is now, and returns its row; undefined if it is not shown. */
  function update({ port, state, container, since, reason }) {
    const row = rows.get(port);
    if (!row) return undefined;
    const counted = counters.get(port);
    const contents = [
      el("a", { href: linkTo(port) }, port),
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

  root.append(el("table", { "aria-label": "Ports" }, head, body), more);
  head.addEventListener("click", ({ target }) => target.dataset.sort && onSort(target.dataset.sort));
  more.addEventListener("click", () => {
    limit += PAGE;
    showRows();
  });
  return { show, showRows, update };
}
