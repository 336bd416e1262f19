// What a port can be; page.css has the glyph and the shades of each. The worst state is the first.

/** `wrong`: a person should look at the port. */
export const STATES = [
  ["excluded", true, "The port cannot be bound at present, so HAProxy leaves it out."],
  ["waiting", true, "The port has a container, and HAProxy does not serve it yet."],
  ["lingering", true, "The container is missing in the metadata, and keeps its port while it shows that it is there."],
  ["draining", false, "The container has left. Its open connections may go on, new ones are refused."],
  ["reserved", false, "The port is kept for its last container for a while, and refuses."],
  ["serving", false, "Connections to the port reach the container."],
  ["free", false, "No container has the port, so it refuses."],
].map(([name, wrong, meaning], rank) => ({ name, wrong, meaning, rank }));

const UNKNOWN = { wrong: true, rank: -1, meaning: "This page does not know the state: load it again." };

export const stateOf = (name) => STATES.find((state) => state.name === name) ?? UNKNOWN;

/** A port that serves has a reason only if something is wrong with its container. */
const isOdd = ({ state, kind }) => state === "serving" && Boolean(kind);

/** Whether a person should look at the port. */
export const isWrong = (port) => stateOf(port.state).wrong || isOdd(port);

/** What the port is, in a word or two. */
export const wordOf = (port) => (isOdd(port) ? `${port.kind}`.replaceAll("_", " ") : (port.state ?? "unknown"));

/** Why containers are not mapped in a service's normal life. For all other reasons a person has to mend something. */
export const PASSING = new Set(["not_running", "no_address", "not_ready", "superseded"]);
