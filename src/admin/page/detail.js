// One port with all that is known of it.

import { stateOf } from "./states.js";
import { $, ago, badge, bytes, count, el, moment, orNone, pairs, renew, timeOfDay } from "./dom.js";
import { becameOf } from "./timeline.js";

const MOST_CHANGES = 8;

const code = (text) => el("code", {}, text);
const small = (text) => el("small", {}, ` ${text}`);

/** Shows the port of this number, or hides the panel if that is null. `port` is undefined if no pool has it. */
export function showDetail(number, port, counters, changes) {
  $("detail").hidden = number === null;
  if (number === null) return;
  renew($("detail-title"), `Port ${number}`, port ? [" ", badge(port.state)] : null);
  renew($("detail-about"), port ? aboutOf(port) : el("p", {}, "No pool has this port."));
  renew($("detail-counters"), port ? pairs(countersOf(counters)) : null);
  const lines = changes.slice(0, MOST_CHANGES).map((change) => el("li", {}, timeOfDay(change.at), " ", becameOf(change)));
  renew($("detail-changes"), lines.length > 0 ? [el("h3", {}, "Its last changes"), el("ul", {}, lines)] : null);
  $("detail-json").href = `v1/mapping?port=${number}`;
}

function aboutOf({ service, state, container, since, reason }) {
  const fields = [
    ["Since", [moment(since), small("for "), ago(since)]],
    ["Container", orNone(container?.name, String, "none")],
    ["Address", orNone(container?.address, code)],
    ["Index", orNone(container?.index)],
    ["UUID", orNone(container?.uuid, code)],
    ["Service", orNone(service)],
  ];
  return [
    el("p", { class: "nothing" }, stateOf(state).meaning),
    reason && el("p", { class: "reason" }, reason),
    el("dl", { class: "pairs" }, pairs(fields)),
  ];
}

function countersOf(counters) {
  const none = counters ? "HAProxy does not say" : "…";
  const flow = (total, rate) =>
    orNone(total, () => [orNone(rate, () => `${bytes(rate)}/s`, "…"), small(`${bytes(total)} in all`)], none);
  return [
    ["Sessions", orNone(counters?.sessions, count, none)],
    ["Last used", orNone(counters?.last_used, (time) => [moment(time), small("("), ago(time), " ago)"], counters ? "not since HAProxy was started" : none)],
    ["In", flow(counters?.bytes_in, counters?.in_rate)],
    ["Out", flow(counters?.bytes_out, counters?.out_rate)],
  ];
}
