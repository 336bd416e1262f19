// The last changes, the newest first.

import { arrange, badge, el, timeOfDay } from "./dom.js";

const MOST = 200;
const SUBJECTS = { source: "Source", haproxy: "HAProxy" };

const keyOf = ({ id, subject, port }) => `${id} ${subject} ${port}`;

/** What became of a port, the source or HAProxy. */
export function becameOf({ was, is }) {
  const name = (container) => el("span", { class: "name" }, container);
  const before = was?.container && was.container !== is?.container ? name(was.container) : was?.state;
  const isNews = before && before !== is?.state && before !== "free";
  return [badge(is?.state ?? "gone"), is?.container ? [" ", name(is.container)] : null, isNews ? [" was ", before] : null].flat();
}

export class Timeline {
  #root;
  #linkTo;
  #items = new Map();
  /** The newest first. */
  changes = [];

  /** `linkTo(port)` is the address of a port's detail. */
  constructor(root, linkTo) {
    this.#root = root;
    this.#linkTo = linkTo;
  }

  /** Takes these, whether some are known or not. `render` shows them. */
  add(changes) {
    const all = new Map([...changes, ...this.changes].map((change) => [keyOf(change), change]));
    this.changes = [...all.values()].sort((a, b) => (b.at ?? "").localeCompare(a.at ?? "")).slice(0, MOST);
  }

  render() {
    const before = this.#items;
    this.#items = new Map(this.changes.map((change) => [keyOf(change), before.get(keyOf(change)) ?? this.#item(change)]));
    arrange(this.#root, [...this.#items.values()]);
    if (this.#items.size === 0) this.#root.append(el("li", {}, "Nothing has changed since stalls was started."));
  }

  #item(change) {
    const { at, subject, port, reason } = change;
    const about = port === null ? el("strong", {}, SUBJECTS[subject] ?? subject) : el("a", { href: this.#linkTo(port) }, port);
    return el("li", { title: reason }, timeOfDay(at), about, el("span", { class: "what" }, becameOf(change)));
  }
}
