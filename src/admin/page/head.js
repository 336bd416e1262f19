// What the head says of stalls, the source and HAProxy, and the banners for what concerns all ports.

import { $, ago, count, counted, el, moment, orNone, renew } from "./dom.js";

const small = (...children) => el("small", {}, children);

function serviceOf({ service, base_port, ports, backend_port, state, since }) {
  const range = ports > 1 ? `${base_port}–${base_port + ports - 1}` : base_port;
  const stale = state === "stale" ? small(" stale for ", ago(since)) : null;
  return el("span", {}, el("strong", {}, orNone(service)), ` ${range ?? ""}`, backend_port === null ? null : ` → ${backend_port}`, stale);
}

const fact = (level, name, ...value) => el("div", { "data-level": level }, el("dt", {}, name), el("dd", {}, value));

function factsOf({ revision, hash, version, started, source, haproxy }) {
  const isBehind = haproxy.revision !== null && haproxy.revision !== revision;
  const runs = haproxy.state === "running";
  const drain = haproxy.draining_processes;
  return [
    fact(isBehind && "warning", "Revision", orNone(revision, count), small(isBehind ? ` in force: ${count(haproxy.revision)}` : "")),
    fact(null, "Mapping", el("code", { class: "hash", title: "The hash of which container is on which port" }, orNone(hash))),
    fact(source.state === "stale" && "error", `Source ${source.kind ?? ""}`, orNone(source.state), small(" for ", ago(source.since))),
    fact(
      haproxy.state === "down" && "error",
      `HAProxy ${haproxy.version ?? ""}`,
      orNone(haproxy.state),
      small(" for ", ago(runs ? haproxy.started : haproxy.since), runs ? `, pid ${haproxy.pid ?? "?"}` : ""),
      small(drain > 0 ? `, ${counted(drain, "process drains", "processes drain")}` : ""),
    ),
    fact(null, `stalls ${version ?? ""}`, "running", small(" for ", ago(started))),
  ];
}

/** Renews the head. */
export function showHead(model) {
  renew($("services"), model.services.map(serviceOf));
  renew($("facts"), factsOf(model));
}

const banner = (level, title, ...rest) => el("div", { class: "banner", "data-level": level }, el("strong", {}, title), rest);
const button = (action, name) => el("button", { "data-do": action }, name);
const because = (reason) => (reason ? `: ${reason.replace(/\.$/, "")}.` : ".");

/** Renews the banners. `connection` has its state, its reason and since when it is so. */
export function showBanners({ id, revision, source, haproxy }, connection) {
  const asOf = id === null ? null : ` You see the state of ${moment(connection.since)}.`;
  const banners = {
    paused: () => banner("note", "Paused.", asOf, button("pause", "Go on")),
    lost: () => banner("error", "No connection to stalls", because(connection.reason), asOf, button("reconnect", "Try now")),
    stale: () =>
      banner("error", "The source is stale", " for ", ago(source.since), because(source.reason), " The last good mapping serves on."),
    down: () => banner("error", "HAProxy is down", " for ", ago(haproxy.since), ", and no port serves", because(haproxy.reason)),
    waiting: () => banner("note", "HAProxy has nothing to serve yet", because(haproxy.reason)),
    running: () => banner("warning", `Revision ${revision} is not in force`, because(haproxy.reason)),
  };
  const held = haproxy.state === "running" && haproxy.reason === null ? null : haproxy.state;
  renew($("banners"), [connection.state, source.state, held].map((state) => banners[state]?.() ?? null));
}
