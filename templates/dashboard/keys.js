// Keys for those who show something: a worker is chosen by its number, and a letter does something to it.

import { byId, el } from "./dom.js";
import { recall, remember } from "./memory.js";
import { toast } from "./toast.js";

const keys = [
  ["1–9", "choose a worker"],
  ["← →", "the one before or after"],
  ["k", "kill it"],
  ["s", "stop or start it"],
  ["p", "pause or resume it"],
  ["d", "drain or undrain it"],
  ["r", "restart it"],
  ["space", "pause the display"],
  ["?", "this help"],
];

const acts = { k: "kill", s: "stop", p: "pause", d: "drain", r: "restart" };
const fields = "input, textarea, select, [contenteditable]";
const pressable = "button, a, summary"; // the space bar is theirs

// leave takes the focus from a button that was clicked with a pointer: the space bar that follows is meant for the display, and
// must not kill a worker once more. Who came to it by keyboard stays there.
function leave(e) {
  if (e.detail > 0 && !e.target.closest("dialog")) e.target.closest("button")?.blur();
}

export class Keys {
  constructor(tiles, view) {
    Object.assign(this, { tiles, view });
    byId("help-keys").append(...keys.map(([key, what]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, what))));
    const on = byId("keys-on");
    on.checked = recall("keys") !== "off";
    on.addEventListener("change", () => remember("keys", on.checked ? "on" : "off"));
    document.addEventListener("keydown", (e) => this.press(e));
    document.addEventListener("click", leave);
  }

  press(e) {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || e.repeat || !byId("keys-on").checked) return;
    if (e.target.closest(fields) || document.querySelector("dialog[open]")) return;
    if (e.key === " " && e.target.closest(pressable)) return;
    if (this.do(e.key)) e.preventDefault();
  }

  do(key) {
    if (key === "?") return this.view.help();
    if (key === " ") return this.view.freeze();
    if (/^[1-9]$/.test(key)) return this.tiles.select(Number(key));
    if (key === "ArrowLeft") return this.tiles.step(-1);
    if (key === "ArrowRight") return this.tiles.step(1);
    const action = acts[key.toLowerCase()];
    return action ? this.act(action) : false;
  }

  // act presses the selected tile's button, so that a key does what the button says.
  act(action) {
    const tile = this.tiles.tiles.get(this.tiles.selected);
    if (!tile) {
      toast("No worker is chosen", "press its number first: 1 to 9", "quiet");
      return true;
    }
    if (tile[action]) this.tiles.do(this.tiles.selected, tile[action].dataset.act);
    return true;
  }
}
