// Single keys for what is done often. They can be switched off, since speech input and stray keys press them, too:
// https://www.w3.org/WAI/WCAG22/Understanding/character-key-shortcuts.html

const STORED = "stalls.single-keys";

/** Calls the action of each key; `box` is the checkbox that switches all but Escape off. */
export function listenForKeys(box, actions) {
  try {
    box.checked = localStorage.getItem(STORED) !== "off";
    box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
  } catch {
    // The browser lets the page store nothing, so the choice ends with the page.
  }
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, altKey, metaKey, target } = event;
    const isTyping = target.matches("[type=search], select");
    if (ctrlKey || altKey || metaKey || document.querySelector("dialog[open]")) return;
    if (!actions[key] || (key !== "Escape" && (isTyping || !box.checked))) return;
    event.preventDefault();
    actions[key]();
  });
}
