// What of the state is shown, and in which order: as plain values, and as the fragment of the address.

import { STATES, isWrong, stateOf } from "./states.js";

/** Among the states that are shown: all ports that a person should look at, whatever their state. */
export const WRONG = "wrong";

/** The orders, and what people call them. */
export const SORTS = {
  port: "port",
  state: "state, worst first",
  since: "newest change first",
  container: "container",
  sessions: "most sessions first",
  changes: "most changes since you opened the page",
};

/** Reads `#port=5003&state=wrong&q=web&sort=since&view=table`, and leaves out what is unknown. */
export function parse(fragment) {
  const fields = new URLSearchParams(fragment.slice(1));
  const known = (name, values) => (values.includes(fields.get(name)) ? fields.get(name) : null);
  const states = (fields.get("state") ?? "").split(",");
  return {
    port: Number.parseInt(fields.get("port"), 10) || null,
    states: new Set(states.filter((name) => name === WRONG || STATES.includes(stateOf(name)))),
    q: fields.get("q") ?? "",
    sort: known("sort", Object.keys(SORTS)) ?? "port",
    view: known("view", ["grid", "table"]),
  };
}

/** Whether only what is wrong is shown. */
export const isOnlyWrong = ({ states }) => states.size === 1 && states.has(WRONG);

/** The fragment, which `parse` reads. */
export function format(query) {
  const { port, states, q, sort, view } = query;
  const fields = Object.entries({ port, state: [...states].join(), q, sort: sort === "port" ? null : sort, view }).filter(([, value]) => value);
  return `#${new URLSearchParams(fields)}`;
}

/** The grid or the table. What is wrong has reasons, and the table has room for them. */
export const viewOf = (query) => query.view ?? (isOnlyWrong(query) ? "table" : "grid");

const textOf = ({ container, ...port }) =>
  [port.port, port.service, port.state, port.kind, port.reason, ...Object.values(container ?? {})].join("\n").toLowerCase();

/** A word is part of what is known of a port; 5010-5019 are the ports between. */
function condition(word) {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(word) ?? [];
  return from ? ({ port }) => port >= from && port <= to : (port) => textOf(port).includes(word);
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** The ports to show. Those that are equal in the order follow their numbers. */
export function select(model, query, counters) {
  const words = query.q.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
  const { states } = query;
  const isChosen = (port) => states.size === 0 || states.has(port.state) || (states.has(WRONG) && isWrong(port));
  const isShown = (port) => isChosen(port) && words.every((holds) => holds(port));
  const most = (value) => (a, b) => value(b) - value(a);
  const order = {
    state: (a, b) => stateOf(a.state).rank - stateOf(b.state).rank,
    since: (a, b) => compare(b.since ?? "", a.since ?? ""),
    container: (a, b) => !a.container - !b.container || compare(a.container?.name ?? "", b.container?.name ?? ""),
    sessions: most(({ port }) => counters.get(port)?.sessions ?? -1),
    changes: most(({ port }) => model.changes.get(port) ?? 0),
  }[query.sort];
  const shown = [...model.ports.values()].filter(isShown);
  return order ? shown.sort(order) : shown;
}
