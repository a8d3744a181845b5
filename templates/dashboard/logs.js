// Shows what the workers print, oldest first as in a terminal, of all or of one, with search.

import { byId, el, say } from "./dom.js";
import { clock, colourOf, count } from "./words.js";

const most = 2000; // lines
const pace = 200; // ms between two additions: each costs a layout
const atOnce = 60; // lines that are added in one frame of the screen

export class Logs {
  constructor(store) {
    this.store = store;
    this.place = byId("logs-lines");
    this.choice = byId("logs-worker");
    this.search = byId("logs-search");
    this.shown = 0; // of the store's logsAdded
    this.generation = 0;
    this.choice.addEventListener("change", () => this.anew());
    this.search.addEventListener("input", () => this.anew());
    this.follows = true; // until someone scrolls up to read; while the lines are hidden nobody does
    this.place.addEventListener("scroll", () => (this.follows = this.atEnd()), { passive: true });
  }

  anew() {
    this.begin();
    this.render();
  }

  begin() {
    this.place.replaceChildren();
    this.shown = 0;
    this.follows = true;
  }

  atEnd() {
    return this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < 30;
  }

  matches(line) {
    const worker = Number(this.choice.value);
    const text = this.search.value.toLowerCase();
    if (line.gap) return !worker && !text;
    return (!worker || line.worker === worker) && (!text || line.line.toLowerCase().includes(text));
  }

  render() {
    this.fillChoice();
    if (this.generation !== this.store.generation) {
      this.generation = this.store.generation;
      this.begin();
      this.goOn(); // the first frame has enough to do
      return;
    }
    if (this.shown === this.store.logsAdded && this.shown > 0) return;
    if (this.shown > 0 && !this.late && this.tooSoon()) return;
    const all = this.store.logs;
    const fresh = all.slice(Math.max(0, all.length - (this.store.logsAdded - this.shown)));
    const wanted = fresh.filter((l) => this.matches(l));
    const now = wanted.slice(0, atOnce);
    this.late = now.length < wanted.length;
    this.shown = this.store.logsAdded - (this.late ? fresh.length - 1 - fresh.indexOf(now.at(-1)) : 0);
    if (now.length > 0) this.add(now);
    if (this.late) this.goOn();
    say(byId("logs-note"), this.place.childElementCount > 0 ? "" : this.search.value ? "No line matches." : "Nothing printed yet.");
  }

  // goOn adds what is left with the next frame.
  goOn() {
    this.next ??= requestAnimationFrame(() => {
      this.next = undefined;
      this.render();
    });
  }

  // tooSoon puts off what comes quickly after the last addition.
  tooSoon() {
    const wait = (this.at ?? 0) + pace - Date.now();
    if (wait > 0) {
      this.later ??= setTimeout(() => {
        this.later = undefined;
        if (!this.frozen) this.render();
      }, wait);
      return true;
    }
    this.at = Date.now();
    return false;
  }

  // add appends lines, and follows them unless someone has scrolled up to read.
  add(lines) {
    const p = this.place;
    p.append(...lines.map(lineOf));
    while (p.childElementCount > most) p.firstElementChild.remove();
    if (this.follows) p.scrollTop = p.scrollHeight;
  }

  fillChoice() {
    const workers = this.store.cluster?.workers ?? [];
    const want = workers.map((w) => w.port).join();
    if (want === this.filled) return;
    this.filled = want;
    const chosen = this.choice.value;
    this.choice.replaceChildren(new Option("all", "0"), ...workers.map((w) => new Option(String(w.port), String(w.worker))));
    this.choice.value = workers.some((w) => String(w.worker) === chosen) ? chosen : "0";
    if (this.choice.value !== chosen) this.anew();
  }
}

function lineOf(l) {
  if (l.gap) return el("p", { class: "gap" }, `… ${count(l.gap)} lines not shown`);
  return el("p", { class: `line w${colourOf(l.worker)}` },
    el("span", { class: "quiet" }, clock(l.time)), el("b", { class: "at" }, ` ${l.port || "lbdev"} `), l.line);
}
