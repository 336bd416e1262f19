// The page: one stream keeps the model, the address says what of it is shown, and what differs is drawn once a frame.

import { fetchJson, makeCounters } from "./counters.js";
import { showDetail } from "./detail.js";
import { $, badge, clock, count, counted, el, pairs, refreshTimes, renew, setText } from "./dom.js";
import { makeGrid } from "./grid.js";
import { showBanners, showHead } from "./head.js";
import { listenForKeys } from "./keys.js";
import { apply, changesOf, emptyModel } from "./model.js";
import { showProblems } from "./problems.js";
import { format, isOnlyWrong, parse, select, viewOf } from "./query.js";
import { STATES } from "./states.js";
import { makeStream } from "./stream.js";
import { makeTable } from "./table.js";
import { makeTimeline } from "./timeline.js";
import { makeToolbar, onlyWrong, showCounts, showQuery } from "./toolbar.js";

/** The pauses between two drawings of what is read rather than glanced at, and of other ports or another order. */
const PACE_MS = { summary: 400, arrangement: 1000 };
/** The pause between two sentences that are read out to people who do not see the page. */
const SAY_MS = 5000;
const COUNTERS_MS = { all: 5000, one: 2000 };

const model = emptyModel();
let query = parse(location.hash);
let connection = { state: "connecting" };
let isPaused = false;

// Drawing

/** The ports that differ, whether what else does, and when that may be drawn again. */
const dirty = { ports: new Set(), summary: false, arrangement: false };
const due = { summary: 0, arrangement: 0 };
let frame = null;

function schedule(what) {
  Object.assign(dirty, what);
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  frame = null;
  drawPorts();
  for (const [part, drawPart] of Object.entries({ arrangement, summary })) {
    const begun = performance.now();
    if (!dirty[part]) continue;
    if (begun < due[part]) {
      setTimeout(schedule, due[part] - begun);
      continue;
    }
    dirty[part] = false;
    drawPart();
    due[part] = begun + Math.max(PACE_MS[part], 10 * (performance.now() - begun));
  }
}

/** What has changed is marked for a second or two. An animation would be painted all the time. */
const fresh = { now: [], before: [] };

function drawPorts() {
  const view = viewOf(query) === "grid" ? grid : table;
  const elements = [...dirty.ports].map((port) => model.ports.has(port) && view.update(model.ports.get(port)));
  dirty.ports.clear();
  for (const element of elements.filter(Boolean)) {
    element.classList.add("fresh");
    fresh.now.push(element);
  }
}

function age() {
  fresh.before.forEach(({ classList }) => classList.remove("fresh"));
  fresh.before = fresh.now.splice(0);
}

function arrangement() {
  const ports = select(model, query, allCounters);
  const view = viewOf(query);
  for (const name of ["grid", "table"]) $(name).hidden = view !== name || ports.length === 0;
  if (view === "grid") grid.show(ports, model.ports.size);
  else table.show(ports, query.sort);
  const total = counted(model.ports.size, "port");
  setText($("shown"), ports.length === model.ports.size ? `all ${total}` : `${count(ports.length)} of ${total}`);
  $("empty").hidden = ports.length > 0;
  if (ports.length === 0) renew($("empty"), whyNoneIsShown());
}

function whyNoneIsShown() {
  const saying = (title, text, ...rest) => [el("h3", {}, title), el("p", {}, text), ...rest];
  if (model.id === null) return saying("Nothing is known yet", "The page waits for stalls.");
  if (model.ports.size === 0) return saying("No port yet", "stalls knows no container. Does its source answer?");
  const all = el("button", { "data-do": "all" }, "Show all ports");
  if (isOnlyWrong(query) && query.q === "") return saying("No port is wrong", "All are as they should be.", all);
  return saying("No port matches", "Other words or states would show some.", all);
}

function summary() {
  showHead(model);
  showBanners(model, connection);
  const wrong = showProblems(model) + showCounts([...model.ports.values()]);
  const [first, ...others] = model.services;
  const names = `${first?.service ?? ""}${others.length > 0 ? ` +${others.length}` : ""}`;
  document.title = `${wrong > 0 ? `(${wrong}) ` : ""}${names} stalls`;
  timeline.render();
  drawDetail();
}

function drawDetail() {
  const { port } = query;
  document.body.classList.toggle("with-detail", port !== null);
  grid.open(port);
  showDetail(port, model.ports.get(port), portsCounters.get(port), timeline.changesOf(port));
}

/** The ports that changed since that was read out, and when it may be again. */
const unsaid = { ports: new Set(), due: 0 };

function say() {
  const { size } = unsaid.ports;
  if (size === 0 || performance.now() < unsaid.due) return;
  const some = [...unsaid.ports].slice(0, 3).map((port) => `${port} ${model.ports.get(port)?.state ?? "gone"}`);
  setText($("status"), `${counted(size, "port")} changed: ${some.join(", ")}${size > 3 ? " …" : ""}`);
  unsaid.ports.clear();
  unsaid.due = performance.now() + SAY_MS;
}

// What stalls says

const stream = makeStream("v1/events", {
  onEvent(type, message) {
    const { touched, reshaped, changes } = apply(model, type, message);
    touched.forEach((port) => dirty.ports.add(port));
    changes.forEach(({ port }) => port !== null && unsaid.ports.add(port));
    timeline.add(changes);
    if (type === "snapshot") loadTimeline();
    const isChosen = query.states.size > 0 || query.q !== "" || query.sort !== "port";
    schedule({ summary: true, arrangement: dirty.arrangement || reshaped || isChosen });
  },
  onState: showConnection,
});

const CONNECTIONS = { connecting: "Connecting", live: "Live", lost: "Not connected", paused: "Paused" };

function showConnection(state, reason = null) {
  // What is shown was true as long as the stream was there.
  const since = [connection.state, state].includes("live") ? new Date(clock.now()).toISOString() : connection.since;
  connection = { state, reason, since };
  $("connection").dataset.state = state;
  setText($("connection"), CONNECTIONS[state]);
  $("pause").setAttribute("aria-pressed", isPaused);
  if (state !== "connecting") showBanners(model, connection);
  follow();
}

/** What changed before the page was opened, or while it was not connected. */
async function loadTimeline() {
  timeline.add(changesOf(await fetchJson("v1/changes")));
  schedule({ summary: true });
}

const allCounters = makeCounters(() => {
  table.showRows();
  if (query.sort === "sessions") schedule({ arrangement: true });
});
const portsCounters = makeCounters(drawDetail);

/** Asks for the counters that are shown. */
function follow() {
  const isLive = connection.state === "live";
  const all = viewOf(query) === "table" || query.sort === "sessions";
  allCounters.follow(isLive && all && "v1/mapping", COUNTERS_MS.all);
  portsCounters.follow(isLive && query.port && `v1/mapping?port=${query.port}`, COUNTERS_MS.one);
}

// What people do

function change(difference, how = "replaceState") {
  query = { ...query, ...difference };
  history[how](null, "", format(query));
  showChange();
}

function showChange() {
  showQuery(query);
  follow();
  arrangement();
  drawDetail();
}

function openPort(port, byKey) {
  change({ port }, "pushState");
  if (byKey) $("detail-title").focus();
}

function pause() {
  isPaused = !isPaused;
  if (!isPaused) return stream.open();
  stream.close();
  return showConnection("paused");
}

const ACTIONS = {
  pause,
  reconnect: () => stream.open(),
  all: () => change({ states: new Set(), q: "" }),
  close() {
    change({ port: null });
    grid.focus();
  },
  help: () => $("help").showModal(),
  skip: () => ($("grid").hidden ? $("table") : grid).focus(),
};

const linkTo = (port) => format({ ...query, port });
const grid = makeGrid($("grid"), openPort);
const table = makeTable($("table"), { counters: allCounters, linkTo, onSort: (sort) => change({ sort }) });
const timeline = makeTimeline($("timeline"), linkTo);

makeToolbar(() => query, change);
$("meanings").append(...pairs(STATES.map(({ name, meaning }) => [badge(name), meaning])));
listenForKeys($("single-keys"), {
  w: () => change(onlyWrong(query)),
  t: () => change({ view: viewOf(query) === "grid" ? "table" : "grid" }),
  p: pause,
  "/": () => $("search").focus(),
  "?": ACTIONS.help,
  Escape: () => (query.port === null ? ACTIONS.all() : ACTIONS.close()),
});
document.addEventListener("click", ({ target }) => ACTIONS[target.dataset.do]?.());
addEventListener("hashchange", () => {
  query = parse(location.hash);
  showChange();
});
document.addEventListener("visibilitychange", () => {
  // A browser has six connections to a server, for all its tabs.
  if (document.hidden) stream.close();
  else if (!isPaused) stream.open();
});
setInterval(() => {
  refreshTimes();
  age();
  say();
}, 1000);

// On a phone the ports would be far below.
$("problems").open = innerWidth > 640;
showChange();
stream.open();
