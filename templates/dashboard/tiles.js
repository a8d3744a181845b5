// Draws a tile per worker, and does what its buttons say.

import { act, fault, weigh } from "./api.js";
import { ago, colourOf, milliseconds, signOf, toneOf } from "./words.js";
import { byId, el, mark, say } from "./dom.js";

const atOnce = 8; // tiles that are made in one frame of the screen: each takes some 2 ms of it
const light = 340; // ms that the light stays at least where it is: it must not flash more than three times a second

// Workers without a process can be started only; an action that can't be is dimmed, not disabled, and lbdev says why.
const noProcess = ["stopped", "failed", "backoff"];

export class Tiles {
  constructor(store) {
    this.store = store;
    this.place = byId("tiles");
    this.tiles = new Map(); // worker → its elements
    this.selected = 0;
    this.lit = 0;
    this.litAt = 0;
    this.place.addEventListener("click", (e) => this.click(e));
    this.place.addEventListener("focusin", (e) => this.size === "small" && this.select(Number(e.target.closest(".tile").dataset.worker)));
  }

  // click does what a button says; elsewhere on a tile it chooses the worker.
  click(e) {
    const tile = e.target.closest(".tile");
    if (!tile) return;
    const worker = Number(tile.dataset.worker);
    const button = e.target.closest("button");
    if (button) this.do(worker, button.dataset.act);
    else this.select(worker);
  }

  worker(number) {
    return this.store.cluster?.workers.find((w) => w.worker === number);
  }

  do(number, action) {
    const w = this.worker(number);
    if (!w || this.store.readOnly) return;
    switch (action) {
      case "slow": fault(number, w.fault ? "off" : "latency=1s"); break;
      case "less": weigh(number, Math.max(0, w.weight - 1)); break;
      case "more": weigh(number, w.weight + 1); break;
      default: act(number, action);
    }
  }

  select(number) {
    if (!this.worker(number)) return false;
    if (number === this.selected) return true;
    this.selected = number;
    this.render();
    this.tiles.get(number)?.tile.scrollIntoView({ block: "nearest" });
    return true;
  }

  // step chooses the worker before or after the chosen one.
  step(by) {
    const workers = this.store.cluster?.workers ?? [];
    const i = workers.findIndex((w) => w.worker === this.selected);
    const next = workers.at(i < 0 && by > 0 ? 0 : (i + by) % workers.length);
    return next ? this.select(next.worker) : false;
  }

  render() {
    const cluster = this.store.cluster;
    if (!cluster) return;
    const buttons = !this.store.readOnly;
    if (this.buttons !== buttons) this.clear();
    this.buttons = buttons;
    this.fit(cluster.workers);
    this.moveLight();
    const shares = this.store.shares();
    const weighted = cluster.policy !== "first";
    for (const w of cluster.workers) {
      const t = this.tiles.get(w.worker);
      if (t) this.update(t, w, shares, weighted);
    }
  }

  clear() {
    this.place.replaceChildren();
    this.tiles.clear();
  }

  // fit makes the tiles that are missing, some in each frame, and takes away those of workers that are gone.
  fit(workers) {
    const there = new Set(workers.map((w) => w.worker));
    for (const [number, t] of this.tiles) {
      if (there.has(number)) continue;
      t.tile.remove();
      this.tiles.delete(number);
    }
    const missing = workers.filter((w) => !this.tiles.has(w.worker));
    if (missing.length > atOnce) this.goOn();
    for (const w of missing.slice(0, atOnce)) {
      const t = make(w, this.buttons);
      this.tiles.set(w.worker, t);
      this.place.append(t.tile);
    }
    const n = workers.length;
    this.size = n <= 8 ? "big" : n <= 24 ? "middle" : "small";
    mark(this.place, "data-size", this.size);
    const rows = n <= 4 ? 1 : n <= 20 ? 2 : 3; // for a presenter, who has no room for more
    mark(this.place, "data-rows", this.size === "big" ? rows : false);
    this.place.style.setProperty("--digits", Math.max(4, ...workers.map((w) => String(w.port).length)));
    this.place.style.setProperty("--per-row", Math.ceil(n / rows));
    if (this.selected && !there.has(this.selected)) this.selected = 0;
  }

  goOn() {
    this.next ??= requestAnimationFrame(() => {
      this.next = undefined;
      this.render();
    });
  }

  moveLight() {
    const now = Date.now();
    const last = this.store.last?.worker ?? 0;
    if (last === this.lit) return;
    if (now - this.litAt < light) {
      this.later ??= setTimeout(() => {
        this.later = undefined;
        if (!this.frozen) this.render();
      }, light);
      return;
    }
    this.lit = last;
    this.litAt = now;
  }

  update(t, w, shares, weighted) {
    const { tile } = t;
    mark(tile, "data-state", w.state);
    mark(tile, "data-tone", toneOf(w.state));
    mark(tile, "data-last", w.worker === this.lit ? "" : false);
    mark(tile, "data-selected", w.worker === this.selected ? "" : false);
    mark(tile, "aria-current", w.worker === this.selected ? "true" : false);
    mark(tile, "tabindex", this.size === "small" ? 0 : false); // a small tile shows its buttons when it is chosen
    mark(tile, "data-fault", w.fault ? "" : false);
    say(t.port, String(w.port));
    say(t.sign, signOf(w.state));
    say(t.state, w.state);
    const part = shares.total ? (shares.counts.get(w.worker) ?? 0) / shares.total : 0;
    const percent = `${Math.round(part * 100)} %`;
    if (t.part !== part) t.fill.style.transform = `scaleX(${(t.part = part)})`;
    if (this.size === "small" && w.worker !== this.selected) return; // there it can't be seen
    say(t.why, whyOf(w));
    say(t.words, w.state === "failed" ? (w.last_words ?? []).join("\n") : "");
    t.words.hidden = t.words.textContent === "";
    say(t.share, shares.total ? percent : "–");
    say(t.of, shares.total ? shares.of : "share");
    say(t.flight, String(w.in_flight));
    say(t.p95, w.p95_ms ? milliseconds(w.p95_ms) : "–");
    say(t.up, w.up_ms ? ago(w.up_ms + (this.store.now() - this.store.cluster.at)) : "–");
    say(t.restarts, String(w.restarts));
    say(t.exit, w.last_exit || "–");
    if (this.buttons) updateButtons(t, w, weighted);
  }
}

function whyOf(w) {
  const parts = [];
  if (w.fault) parts.push(`~ ${w.fault}`);
  if (w.backup) parts.push("backup");
  if (w.reason && w.state !== "ready") parts.push(w.reason);
  return parts.join(" · ");
}

function updateButtons(t, w, weighted) {
  const down = noProcess.includes(w.state);
  name(t.stop, down ? "start" : "stop");
  name(t.pause, w.state === "paused" ? "resume" : "pause");
  name(t.drain, w.state === "drained" ? "undrain" : "drain");
  say(t.slow, w.fault ? "end fault" : "slow");
  mark(t.slow, "aria-pressed", w.fault ? "true" : "false");
  mark(t.kill, "data-dim", w.pid ? false : "");
  mark(t.pause, "data-dim", w.state === "ready" || w.state === "paused" || w.state === "unresponsive" ? false : "");
  mark(t.drain, "data-dim", w.state === "ready" || w.state === "drained" ? false : "");
  t.weights.hidden = !weighted;
  say(t.weight, String(w.weight));
}

function name(button, action) {
  button.dataset.act = action;
  say(button, action);
}

function make(w, buttons) {
  const t = {
    port: el("h3", { class: "port", id: `tile-${w.worker}` }),
    sign: el("span", { class: "sign", "aria-hidden": "true" }),
    state: el("span", { class: "word" }),
    why: el("p", { class: "reason" }),
    words: el("pre", { class: "words", tabIndex: 0, "aria-label": "last words" }),
    share: el("dd"), of: el("dt"), flight: el("dd"), p95: el("dd"), up: el("dd"), restarts: el("dd"), exit: el("dd"),
    fill: el("i"),
  };
  const fact = (term, value, more = "") => el("div", { class: more }, typeof term === "string" ? el("dt", {}, term) : term, value);
  t.tile = el("section", { class: `tile w${colourOf(w.worker)}`, role: "group", "aria-labelledby": `tile-${w.worker}` },
    el("p", { class: "number" }, `worker ${w.worker}`, el("span", { class: "served" }, "served last")),
    t.port,
    el("p", { class: "state" }, t.sign, " ", t.state),
    t.why,
    t.words,
    el("div", { class: "meter", "aria-hidden": "true" }, t.fill),
    el("dl", {}, fact(t.of, t.share, "share"), fact("in flight", t.flight), fact("p95", t.p95), fact("up", t.up),
      fact("restarts", t.restarts), buttons ? makeWeights(t) : "", fact("last exit", t.exit, "exit")),
  );
  t.tile.dataset.worker = w.worker;
  if (buttons) t.tile.append(makeButtons(t, w));
  return t;
}

function makeButtons(t, w) {
  for (const action of ["kill", "stop", "pause", "drain", "restart", "slow"]) {
    t[action] = el("button", { type: "button", "data-act": action, "aria-describedby": `tile-${w.worker}` }, action);
  }
  t.kill.className = "danger";
  return el("div", { class: "acts" }, t.kill, t.stop, t.pause, t.drain, t.restart, t.slow);
}

function makeWeights(t) {
  t.weight = el("span");
  const button = (action, text) => el("button", { type: "button", "data-act": action, "aria-label": `${action} weight` }, text);
  t.weights = el("div", { class: "weights" }, el("dt", {}, "weight"), el("dd", {}, button("less", "−"), t.weight, button("more", "+")));
  return t.weights;
}
