// Small notes at the edge of the page that go by themselves.

import { byId, el } from "./dom.js";

const seconds = 8;
const most = 4;

// toast shows a text, and a hint below it.
export function toast(text, hint, tone = "bad") {
  const place = byId("toasts");
  const close = el("button", { type: "button", "aria-label": "close" }, "×");
  const words = el("div", {}, el("strong", {}, text), hint ? el("span", { class: "hint" }, hint) : "");
  const note = el("div", { class: `toast ${tone}` }, words, close);
  close.addEventListener("click", () => note.remove());
  place.append(note);
  while (place.children.length > most) place.firstChild.remove();
  setTimeout(() => note.remove(), seconds * 1000);
}
