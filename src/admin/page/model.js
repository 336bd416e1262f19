// The state that the page shows, as plain values with the names of the API: no DOM, no clock, no network. What is missing
// in a message, or of another type, becomes null or empty here, so that nothing behind this file meets a surprise.

const isObject = (raw) => typeof raw === "object" && raw !== null;
const text = (raw) => (typeof raw === "string" && raw !== "" ? raw : null);
const number = (raw) => (Number.isFinite(raw) ? raw : null);
const numberOrText = (raw) => number(raw) ?? text(raw);
const list = (read) => (raw) => (Array.isArray(raw) ? raw.filter(isObject).map(read) : []);
const shape = (fields) => (raw) =>
  Object.fromEntries(Object.entries(fields).map(([name, read]) => [name, read(raw?.[name])]));
const optional = (read) => (raw) => (isObject(raw) ? read(raw) : null);

const why = { kind: text, reason: text };
const container = optional(shape({ name: text, uuid: text, address: text, index: number }));
const side = optional(shape({ state: text, container: text }));
const counters = { sessions: number, bytes_in: number, bytes_out: number, last_used: text };
const port = shape({ port: number, service: text, state: text, container, since: text, ...why, ...counters });
const change = shape({ id: text, at: text, subject: text, port: number, was: side, is: side, ...why });
const state = shape({
  id: text,
  revision: number,
  hash: text,
  version: text,
  started: text,
  at: text,
  services: list(shape({ service: text, base_port: number, ports: number, backend_port: numberOrText, state: text, since: text, ...why })),
  source: shape({ kind: text, state: text, since: text, reason: text }),
  haproxy: shape({
    state: text,
    since: text,
    pid: number,
    version: text,
    started: text,
    revision: number,
    draining_processes: number,
    ...why,
  }),
  unmapped: list(shape({ service: text, container, since: text, ...why })),
  findings: list(shape({ severity: text, subject: text, remedy: text, ...why })),
});

/** The ports of an answer of `/v1/mapping`. */
export const portsOf = (answer) => list(port)(answer?.ports).filter(({ port }) => port !== null);

/** The changes of an answer of `/v1/changes`. */
export const changesOf = (answer) => list(change)(answer?.changes);

/** Nothing is known yet. `ports` are in ascending order; `changes` says how often each has changed since then. */
export const emptyModel = () => ({ ...state({}), ports: new Map(), changes: new Map() });

const sideOf = (port) => port && { state: port.state, container: port.container?.name ?? null };
const processOf = ({ state, pid }) => ({ state, container: pid ? `pid ${pid}` : null });

/**
 * Applies a message of the stream: a `snapshot` says all, a `change` only what differs. Returns the numbers of the ports
 * that it names, whether ports came or went, and the changes as `/v1/changes` has them.
 */
export function apply(model, type, message) {
  const whole = type === "snapshot";
  const before = { ...model };
  const read = state(message);
  for (const name of Object.keys(read)) if (whole || message?.[name] !== undefined) model[name] = read[name];
  const changes = [];
  const note = (subject, port, was, is, reason) => {
    const isNews = was ? was.state !== is.state || was.container !== is.container : is.state !== "free";
    if (isNews) changes.push({ id: model.id, at: model.at, subject, port, was, is, reason });
  };
  for (const subject of ["source", "haproxy"]) {
    note(subject, null, processOf(before[subject]), processOf(model[subject]), model[subject].reason);
  }
  const touched = portsOf(message);
  const removed = new Set(whole ? model.ports.keys() : Array.isArray(message?.removed) ? message.removed : []);
  let reshaped = before.id === null;
  for (const is of touched) {
    const was = model.ports.get(is.port);
    removed.delete(is.port);
    reshaped ||= !was;
    note("port", is.port, sideOf(was), sideOf(is), is.reason);
    model.ports.set(is.port, is);
  }
  for (const port of removed) reshaped = model.ports.delete(port) || reshaped;
  if (reshaped) model.ports = new Map([...model.ports].sort(([a], [b]) => a - b));
  if (before.id === null) changes.length = 0; // All is new, and nothing has changed.
  for (const { port } of changes) model.changes.set(port, (model.changes.get(port) ?? 0) + 1);
  return { touched: touched.map(({ port }) => port), reshaped, changes };
}
