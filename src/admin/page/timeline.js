// The last changes, the newest first.

import { arrange, badge, el, timeOfDay } from "./dom.js";

const MOST = 200;
const SUBJECTS = { source: "Source", haproxy: "HAProxy" };

/** What became of a port, the source or HAProxy. */
export function becameOf({ was, is }) {
  const name = (container) => el("span", { class: "name" }, container);
  const before = was?.container && was.container !== is?.container ? name(was.container) : was?.state;
  const isNews = before && before !== is?.state && before !== "free";
  return [badge(is?.state ?? "gone"), is?.container ? [" ", name(is.container)] : null, isNews ? [" was ", before] : null].flat();
}

/** `linkTo(port)` is the address of a port's detail. */
export function makeTimeline(root, linkTo) {
  let changes = [];
  let items = new Map();

  const keyOf = ({ id, subject, port }) => `${id} ${subject} ${port}`;

  /** Takes these, whether some are known or not. */
  function add(more) {
    const all = new Map([...more, ...changes].map((change) => [keyOf(change), change]));
    changes = [...all.values()].sort((a, b) => (b.at ?? "").localeCompare(a.at ?? "")).slice(0, MOST);
  }

  /** Shows them. */
  function render() {
    items = new Map(changes.map((change) => [keyOf(change), items.get(keyOf(change)) ?? itemOf(change)]));
    arrange(root, [...items.values()]);
    if (items.size === 0) root.append(el("li", {}, "Nothing has changed since stalls was started."));
  }

  function itemOf(change) {
    const { at, subject, port, reason } = change;
    const about = port === null ? el("strong", {}, SUBJECTS[subject] ?? subject) : el("a", { href: linkTo(port) }, port);
    return el("li", { title: reason }, timeOfDay(at), about, el("span", {}, becameOf(change)));
  }

  /** Those of a port, the newest first. */
  const changesOf = (port) => changes.filter((change) => change.port === port);

  return { add, render, changesOf };
}
