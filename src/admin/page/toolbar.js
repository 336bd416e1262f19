// What chooses the ports that are shown: their states, words, the order and the view.

import { STATES, isWrong } from "./states.js";
import { SORTS, WRONG, isOnlyWrong, viewOf } from "./query.js";
import { $, count, counted, el, setText } from "./dom.js";

/** From all ports to only what is wrong, or back. */
export const onlyWrong = (query) => ({ states: new Set(isOnlyWrong(query) ? [] : [WRONG]), view: null });

/** Makes the controls. `getQuery()` is what is chosen, `change(difference)` changes it. */
export function makeToolbar(getQuery, change) {
  const button = ({ name, meaning }) =>
    el("button", { class: "badge", "data-state": name, title: meaning }, name, el("b"));
  $("legend").append(...STATES.map(button).reverse());
  $("legend").addEventListener("click", ({ target }) => {
    const name = target.closest("button")?.dataset.state;
    const states = new Set(getQuery().states);
    states.delete(WRONG);
    if (name && !states.delete(name)) states.add(name);
    change({ states });
  });
  $("sort").append(...Object.entries(SORTS).map(([value, name]) => el("option", { value }, name)));
  $("sort").addEventListener("change", ({ target }) => change({ sort: target.value }));
  $("search").addEventListener("input", ({ target }) => change({ q: target.value }));
  $("only-wrong").addEventListener("click", () => change(onlyWrong(getQuery())));
  $("views").addEventListener("click", ({ target }) => target.value && change({ view: target.value }));
}

/** Shows what is chosen. */
export function showQuery(query) {
  const press = (button, isPressed) => button.setAttribute("aria-pressed", isPressed);
  press($("only-wrong"), isOnlyWrong(query));
  for (const button of $("legend").children) press(button, query.states.has(button.dataset.state));
  for (const button of $("views").children) press(button, button.value === viewOf(query));
  if ($("search").value !== query.q) $("search").value = query.q;
  $("sort").value = query.sort;
}

/** Shows how many of the ports are in each state, and returns how many are wrong. */
export function showCounts(ports) {
  const counts = Map.groupBy(ports, ({ state }) => state);
  const countOf = (name) => counts.get(name)?.length ?? 0;
  for (const button of $("legend").children) {
    setText(button.lastElementChild, count(countOf(button.dataset.state)));
    button.classList.toggle("none", countOf(button.dataset.state) === 0);
  }
  const wrong = ports.filter(isWrong).length;
  setText($("only-wrong"), `Only what is wrong: ${wrong === 0 ? "no port" : counted(wrong, "port")}`);
  $("only-wrong").classList.toggle("some", wrong > 0);
  return wrong;
}
