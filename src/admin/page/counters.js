// Sessions and bytes of the ports, asked for while they are shown: the stream leaves out what differs all the time.

import { portsOf } from "./model.js";

/** The longer an answer takes, the longer is the pause before the next question. */
const PAUSES_PER_ANSWER = 20;

/** The answer of the API; null if there is none: the stream says so if stalls is away. */
export const fetchJson = (url, signal) =>
  fetch(url, { signal, cache: "no-store" }).then((response) => response.json()).catch(() => null);

export function makeCounters(onAnswer) {
  let asked = null;
  let stopping = new AbortController();
  let ports = new Map();

  /** The port with its counters, and `in_rate` and `out_rate` in bytes a second; undefined before there is an answer. */
  const get = (port) => ports.get(port);

  /** Asks this address each `ms`, until it is another; without an address nothing. */
  async function follow(url, ms) {
    if (url === asked) return;
    stopping.abort();
    const { signal } = (stopping = new AbortController());
    asked = url;
    ports = new Map();
    while (url && !signal.aborted) {
      const at = performance.now();
      const answer = await fetchJson(url, signal);
      if (signal.aborted) return;
      ports = new Map(portsOf(answer).map((port) => [port.port, withRates(port, get(port.port), at)]));
      onAnswer();
      await new Promise((resolve) => setTimeout(resolve, Math.max(ms, PAUSES_PER_ANSWER * (performance.now() - at))));
    }
  }

  return { get, follow };
}

function withRates(port, before, at) {
  const rate = (name) => {
    const grown = port[name] - before?.[name];
    return port[name] !== null && grown >= 0 ? (grown * 1000) / (at - before.at) : null; // A new HAProxy counts from 0.
  };
  return { ...port, at, in_rate: rate("bytes_in"), out_rate: rate("bytes_out") };
}
