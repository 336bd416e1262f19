// What a person has to mend, and which containers have no port: each with the reason and what would do.

import { PASSING } from "./states.js";
import { $, ago, count, counted, el, orNone, renew } from "./dom.js";

const MOST_CONTAINERS = 100;
const LEVELS = ["error", "warning", "note"];

const item = (level, title, ...rest) =>
  el("li", { "data-level": level }, el("span", { class: "severity" }, level), el("div", {}, el("strong", {}, title), rest));
const line = (text, name = "") => text && el("p", {}, el("b", {}, name), text);

const findingOf = ({ severity, subject, kind, reason, remedy }) =>
  item(LEVELS.includes(severity) ? severity : "warning", orNone(subject ?? kind), line(reason), line(remedy, "What would do: "));

const serviceOf = ({ service, state, kind, reason }) => {
  const what = state === "stale" ? "is stale: its last good mapping serves on" : "has no container on a port";
  return item("warning", `${service ?? "A service"} ${what}`, line(reason ?? kind));
};

/** Those that have something to say that the source's banner does not. */
function servicesToMend({ services, source }) {
  const isSaid = services.every(({ state, reason }) => state === "stale" && reason === source.reason);
  return isSaid ? [] : services.filter(({ kind, reason }) => kind ?? reason);
}

/** The containers that have no port for the same kind of reason. */
function unmappedOf([kind, containers], isOpen) {
  const nameOf = ({ container }) => el("b", {}, orNone(container?.name ?? container?.uuid));
  const one = (unmapped) => el("li", {}, nameOf(unmapped), `: ${unmapped.reason ?? kind}, for `, ago(unmapped.since));
  const left = containers.length - MOST_CONTAINERS;
  const more = left > 0 ? el("li", {}, el("a", { href: "v1/mapping" }, `and ${count(left)} more, as JSON`)) : null;
  return item(
    PASSING.has(kind) ? "note" : "warning",
    `${counted(containers.length, "container has", "containers have")} no port: ${`${kind}`.replaceAll("_", " ")}`,
    el(
      "details",
      { "data-kind": kind, open: isOpen && "" },
      el("summary", {}, nameOf(containers[0]), `: ${containers[0].reason ?? kind}`),
      el("ul", {}, containers.slice(0, MOST_CONTAINERS).map(one), more),
    ),
  );
}

/** Renews the list, and returns how many of its items a person has to mend. */
export function showProblems(model) {
  const { findings, unmapped } = model;
  const root = $("problems");
  const list = root.querySelector("ul");
  const open = new Set([...list.querySelectorAll("details[open]")].map(({ dataset }) => dataset.kind));
  const items = [
    ...findings.map(findingOf),
    ...servicesToMend(model).map(serviceOf),
    ...[...Map.groupBy(unmapped, ({ kind }) => kind)].map((group) => unmappedOf(group, open.has(group[0]))),
  ];
  const rank = ({ dataset }) => LEVELS.indexOf(dataset.level);
  renew(list, items.sort((a, b) => rank(a) - rank(b)));
  const toMend = items.filter((item) => rank(item) < 2).length;
  renew(root.querySelector("summary"), el("h2", {}, toMend > 0 ? `${counted(toMend, "matter")} to mend` : "Good to know"));
  root.hidden = items.length === 0;
  return toMend;
}
