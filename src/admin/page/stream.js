// The one stream of the page. It is read with fetch: EventSource hides whether the connection is still there, and why the
// server refuses. https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

import { clock } from "./dom.js";

/** The server sends at least a comment each 15 s. */
const SILENCE_MS = 40_000;
const LONGEST_PAUSE_MS = 15_000;

/** Takes the text of an event stream in pieces, and calls `onField(name, value)`, with "" at the end of an event. */
export function fieldsOf(onField) {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      onField(name, value);
    }
  };
}

/** `onState(state, reason)` hears of connecting, live and lost; `onEvent(type, message)` of each event. */
export function makeStream(url, { onState, onEvent }) {
  let lastId = null;
  let retry = 2000;
  let closing = new AbortController();

  /** Connects, at once and whenever the connection has ended. What was missed since the last event comes first. */
  async function open() {
    close();
    const { signal } = (closing = new AbortController());
    for (let failures = 0; ; failures += 1) {
      onState("connecting");
      const reason = await read(signal, () => (failures = 0)).catch(({ message }) => message);
      if (signal.aborted) return;
      onState("lost", reason);
      // Pages that lost the same stalls do not come back all at once.
      const pause = Math.min(retry * 2 ** failures, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (signal.aborted) return;
    }
  }

  const close = () => closing.abort();

  /** Reads to the end, and says why that came. */
  async function read(closed, onLive) {
    const silence = new AbortController();
    const signal = AbortSignal.any([closed, silence.signal]);
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error("nothing was heard of it for too long")), SILENCE_MS);
    };
    heard();
    try {
      const headers = lastId === null ? {} : { "Last-Event-ID": lastId };
      const response = await fetch(url, { headers, signal, cache: "no-store" });
      if (!response.ok) return (await response.json().catch(() => ({}))).error ?? `it answers ${response.status}`;
      const ahead = Date.parse(response.headers.get("Date")) - Date.now();
      clock.offset = Math.abs(ahead) > 3000 ? ahead : 0; // The header has whole seconds.
      onLive();
      onState("live");
      const take = fieldsOf(eventTaker());
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        heard();
        take(piece.value);
      }
      return "it has ended the stream";
    } finally {
      clearTimeout(timer);
    }
  }

  function eventTaker() {
    let event = {};
    return (name, value) => {
      if (name === "retry") retry = Number(value) || retry;
      if (name !== "") {
        event[name] = name === "data" && event.data ? `${event.data}\n${value}` : value;
      } else if (event.data !== undefined && value === "") {
        const { id = null, data, event: type } = event;
        event = {};
        lastId = null; // If the message cannot be read, the next connection begins with all.
        const message = JSON.parse(data);
        lastId = id;
        onEvent(type, message);
      }
    };
  }

  return { open, close };
}
