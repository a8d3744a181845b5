// Draws the swim lanes: a lane per worker and one for what no worker answered, a mark per request.

import { bucket, span } from "./timeline.js";
import { byId, el, mark } from "./dom.js";
import { clock, colourOf, colours, count, outcomeOf, outcomes } from "./words.js";
import { shape } from "./shapes.js";

const gutter = 66; // px for the ports
const axis = 18; // px for the seconds
const pace = 45; // ms between two drawings: the lanes move by a pixel in that time
const share = 0.1; // of the time at most goes into frames with a drawing; when they take longer there are fewer of them
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Lanes {
  constructor(store) {
    this.store = store;
    this.canvas = byId("lanes-canvas");
    this.context = this.canvas.getContext("2d");
    mark(this.canvas, "aria-label", "Requests of the last 60 seconds"); // until there are some
    this.frozen = false;
    this.told = 0;
    this.inks = undefined;
    for (const id of ["legend", "help-signs"]) {
      byId(id).append(...outcomes.map(([, sign, word]) => el("li", {}, el("span", { "aria-hidden": "true" }, sign), ` ${word}`)));
    }
    byId("legend").append(el("li", {}, el("span", { class: "swatch", "aria-hidden": "true" }), " not ready"));
    new ResizeObserver(() => this.soon()).observe(byId("lanes-scroll"));
    this.soon();
  }

  // restyle reads the colours again, after the scheme has changed.
  restyle() {
    this.inks = undefined;
    this.soon();
  }

  // soon draws with the next frame of the screen, and not at any later time that was planned.
  soon() {
    this.frozenDrawn = false;
    this.plan(0);
  }

  // plan draws after some ms. Between drawings the page asks for no frame of the screen, each of which costs a few ms.
  plan(wait) {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    const frame = () => (this.frame = requestAnimationFrame(() => this.tick()));
    if (wait > 0) this.timer = setTimeout(frame, wait);
    else frame();
  }

  tick() {
    if (this.frozen && this.frozenDrawn) return;
    const begun = performance.now();
    if (this.store.cluster) this.draw(this.frozen ? this.frozenAt : this.store.now());
    this.frozenDrawn = this.frozen && Boolean(this.store.cluster);
    const shown = () => this.plan(Math.max(calm.matches ? 1000 : pace, (performance.now() - begun) / share));
    this.timer = setTimeout(shown); // runs when the page has been laid out and painted, which takes longer than the drawing
  }

  // freeze stops the lanes: for someone who wants to look, or because nothing is known of what goes on.
  freeze(on) {
    if (on === this.frozen) return;
    this.frozen = on;
    this.frozenAt = this.store.now();
    this.frozenMarks = on ? { marks: this.store.timeline.marks.slice(), moments: this.store.timeline.moments.slice() } : undefined;
    this.soon();
  }

  draw(now) {
    const workers = this.store.cluster.workers;
    const height = laneHeight(workers.length, document.body.hasAttribute("data-presenter") ? roomBelow(byId("lanes-scroll")) : 0);
    const view = this.size(gutter, (workers.length + 1) * height + axis);
    Object.assign(view, { now, lane: height, from: now - span, perMS: (view.width - gutter - 6) / span, rows: new Map() });
    workers.forEach((w, i) => view.rows.set(w.worker, i * height));
    view.none = workers.length * height;
    this.inks ??= inksOf();
    this.context.clearRect(0, 0, view.width, view.height);
    this.drawLanes(view, workers);
    this.drawStates(view, workers);
    const dense = this.drawDensity(view);
    const marks = this.drawMarks(view, dense);
    this.drawMoments(view);
    mark(this.canvas, "data-marks", marks);
    this.tell(now, workers);
  }

  // size fits the canvas to its place and to the pixels of the screen.
  size(least, height) {
    const width = Math.max(least + 100, byId("lanes-scroll").clientWidth);
    const ratio = window.devicePixelRatio || 1;
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }

  drawLanes(view, workers) {
    const c = this.context;
    const size = Math.min(18, Math.max(9, view.lane * 0.5));
    const every = Math.ceil(12 / view.lane);
    c.font = `700 ${size}px system-ui, sans-serif`;
    c.textBaseline = "middle";
    c.lineWidth = 1;
    c.strokeStyle = this.inks.line;
    c.beginPath();
    workers.forEach((w, i) => {
      const y = i * view.lane;
      if (view.lane >= 8) {
        c.moveTo(gutter, y + view.lane - 0.5);
        c.lineTo(view.width, y + view.lane - 0.5);
      }
      if (i % every !== 0) return;
      c.fillStyle = this.inks.workers[colourOf(w.worker)];
      c.fillText(String(w.port), 4, Math.max(6, y + view.lane / 2));
    });
    c.stroke();
    c.fillStyle = this.inks.dim;
    if (view.lane >= 10) c.fillText("none", 4, view.none + view.lane / 2);
    this.drawAxis(view);
  }

  drawAxis(view) {
    const c = this.context;
    const bottom = view.height - axis;
    c.font = "12px system-ui, sans-serif";
    c.fillStyle = this.inks.dim;
    c.strokeStyle = this.inks.line;
    c.beginPath();
    const step = view.width < 500 ? 20 : 10;
    for (let s = 0; s <= 60; s += step) {
      const x = Math.round(gutter + (60 - s) * 1000 * view.perMS) + 0.5;
      c.moveTo(x, 0);
      c.lineTo(x, bottom + 3);
      const now = this.frozen ? clock(view.now + (this.store.behind ?? 0)) : "now";
      const text = s === 0 ? now : `−${s} s`;
      const wide = c.measureText(text).width;
      c.fillText(text, Math.min(x - wide / 2, view.width - wide - 1), bottom + 11);
    }
    c.stroke();
  }

  // drawStates shades the time in which a worker was not ready.
  drawStates(view, workers) {
    const c = this.context;
    for (const w of workers) {
      const list = this.store.timeline.states.get(w.worker) ?? [];
      const y = view.rows.get(w.worker);
      list.forEach((s, i) => {
        if (s.state === "ready") return;
        const from = this.x(view, Math.max(s.from, view.from));
        const to = this.x(view, Math.min(list[i + 1]?.from ?? view.now, view.now));
        if (to <= gutter || from >= view.width) return;
        c.fillStyle = this.inks.shade;
        c.fillRect(from, y, Math.max(1, to - from), view.lane - 1);
        if (view.lane < 18 || to - from < 60) return;
        c.font = "12px system-ui, sans-serif";
        c.fillStyle = this.inks.dim;
        const text = s.state;
        const wide = c.measureText(text).width;
        if (to - from > wide + 12) c.fillText(text, to - wide - 6, y + view.lane / 2);
      });
    }
  }

  x(view, at) {
    return gutter + (at - view.from) * view.perMS;
  }

  // drawDensity draws bars for the seconds in which more came than marks can show, and says which those are.
  drawDensity(view) {
    const c = this.context;
    const most = Math.max(5, (bucket * view.perMS) / 3);
    const dense = new Map();
    let highest = 0;
    for (const [worker, seconds] of this.store.timeline.counts) {
      if (!view.rows.has(worker)) continue;
      for (const [second, n] of seconds) {
        if (n <= most || second * bucket > view.now || (second + 1) * bucket < view.from) continue;
        if (!dense.has(worker)) dense.set(worker, new Map());
        dense.get(worker).set(second, n);
        highest = Math.max(highest, n);
      }
    }
    c.globalAlpha = 0.6; // what is unusual is drawn on it
    for (const [worker, seconds] of dense) {
      c.fillStyle = this.inks.workers[colourOf(worker)];
      const bottom = view.rows.get(worker) + view.lane - 1;
      for (const [second, n] of seconds) {
        const from = Math.max(gutter, this.x(view, second * bucket));
        const to = Math.min(this.x(view, view.now), this.x(view, (second + 1) * bucket));
        const high = Math.max(2, (view.lane - 3) * (n / highest));
        if (to > from) c.fillRect(from, bottom - high, Math.max(1, to - from - 1), high);
      }
    }
    c.globalAlpha = 1;
    return dense;
  }

  // drawMarks draws the requests. Those of one kind that would cover each other share a mark: 12,000 of them took 30 ms. In dense
  // seconds only what is unusual has marks, one in a quarter.
  drawMarks(view, dense) {
    const size = Math.max(1.5, Math.min(7, view.lane / 6));
    const near = Math.max(1, size / 2) / view.perMS;
    const groups = new Map(); // one path per colour and outcome
    const drawn = new Map(); // worker → outcome → when its last mark was
    let n = 0;
    for (const r of this.frozenMarks?.marks ?? this.store.timeline.marks) {
      if (r.time_ms < view.from || r.time_ms > view.now + 1000) continue;
      const outcome = outcomeOf(r);
      const crowded = dense.get(r.worker)?.has(Math.floor(r.time_ms / bucket));
      if (crowded && outcome === "ok") continue;
      n++;
      const worker = r.port && view.rows.has(r.worker) ? r.worker : 0;
      if (!drawn.has(worker)) drawn.set(worker, {});
      const last = drawn.get(worker);
      const slot = Math.floor(r.time_ms / (crowded ? bucket / 4 : near));
      if (last[outcome] === slot) continue;
      last[outcome] = slot;
      const y = (view.rows.get(worker) ?? view.none) + view.lane / 2;
      const key = `${outcome} ${worker ? colourOf(worker) : 0}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(this.x(view, Math.min(r.time_ms, view.now)), y);
    }
    for (const [key, points] of groups) {
      const [outcome, colour] = key.split(" ");
      shape(this.context, outcome, points, outcome === "ok" ? size : size * 1.25, this.inks.workers[colour], this.inks);
    }
    return n;
  }

  // drawMoments draws deaths and restarts as lines with a word.
  drawMoments(view) {
    const c = this.context;
    c.font = `600 ${view.lane > 38 ? 14 : 11}px system-ui, sans-serif`;
    const taken = new Map(); // up to where a line of words is full
    for (const m of this.frozenMarks?.moments ?? this.store.timeline.moments) {
      const y = view.rows.get(m.worker);
      const x = this.x(view, m.at);
      if (y === undefined || x < gutter || x > view.width) continue;
      c.fillStyle = m.tone === "bad" ? this.inks.bad : this.inks.fg;
      c.fillRect(x - 1, y, 2, view.lane - 1);
      if (view.lane < 18) continue;
      const wide = c.measureText(m.text).width;
      const left = x + 4 + wide > view.width ? x - wide - 4 : x + 4;
      const line = view.lane < 34 ? y + view.lane / 2 : m.tone === "bad" ? y + 8 : y + view.lane - 9; // a low lane has one line
      if (left < (taken.get(line) ?? 0)) continue;
      taken.set(line, left + wide + 2);
      c.lineWidth = 4; // a halo, so that the word can be read on marks
      c.strokeStyle = this.inks.card;
      c.strokeText(m.text, left, line);
      c.fillText(m.text, left, line);
    }
  }

  // tell sums up what is drawn, for those who can't see it.
  tell(now, workers) {
    if (now - this.told < 5000 && now > this.told) return;
    this.told = now;
    const from = now - span;
    const of = new Map();
    let bad = 0, rescued = 0, total = 0;
    for (const r of this.store.timeline.marks) {
      if (r.time_ms < from) continue;
      total++;
      of.set(r.worker ?? 0, (of.get(r.worker ?? 0) ?? 0) + 1);
      if (r.outcome === "failed" || r.outcome === "cut") bad++;
      if (r.outcome === "rescued") rescued++;
    }
    const each = workers.slice(0, 12).map((w) => `${w.port} ${w.state} ${count(of.get(w.worker))}`).join(", ");
    const sum = `${count(total)}, ${rescued} rescued, ${bad} failed or cut`;
    mark(this.canvas, "aria-label", `Requests of the last 60 seconds that were listed: ${sum}. By worker: ${each}.`);
  }
}

// laneHeight shares the room among n workers and the lane below them; for presenters that is what is left of the screen.
function laneHeight(n, room) {
  const least = n > 64 ? 4 : room ? 14 : 5;
  const most = room ? 84 : 30;
  return Math.max(least, Math.min(most, Math.floor((room || 190) / (n + 1))));
}

function roomBelow(place) {
  const top = place.getBoundingClientRect().top + window.scrollY;
  return Math.max(120, window.innerHeight - top - axis - 50);
}

function inksOf() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const workers = [of("--fg")];
  for (let i = 1; i <= colours; i++) workers.push(of(`--w${i}`));
  return { workers, fg: of("--fg"), dim: of("--dim"), line: of("--line"), bad: of("--bad"), shade: of("--shade"), card: of("--card") };
}
