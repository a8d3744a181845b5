// The last 60 seconds as data: marks of requests, spans of states, labelled moments, and exact counts per second. No drawing.

import { shortExit, states } from "./words.js";

export const span = 60_000; // ms
const keep = span + 2000;
export const bucket = 1000; // ms: exact counts are kept for each

export class Timeline {
  constructor() {
    this.marks = []; // requests, oldest first
    this.states = new Map(); // worker → [{ from, state }]
    this.moments = []; // { at, worker, text, tone }
    this.counts = new Map(); // worker → Map(second → requests)
    this.samples = []; // { at, counts: Map(worker → requests) } of the last seconds
    this.seen = new Map(); // worker → requests at the last snapshot
    this.lastEvent = 0;
  }

  requests(fresh) {
    this.marks.push(...fresh);
    this.marks.sort((a, b) => a.time_ms - b.time_ms);
  }

  events(events) {
    for (const e of events) {
      if (e.seq && e.seq <= this.lastEvent) continue;
      this.lastEvent = e.seq ?? this.lastEvent;
      if (!e.worker) continue;
      const at = Date.parse(e.time);
      if (states.includes(e.event)) this.enter(e.worker, e.event, at);
      if (e.exit) this.moments.push({ at, worker: e.worker, text: shortExit(e.exit), tone: "bad" });
      else if (e.event === "starting" && (e.restarts > 0 || e.incarnation > 1)) {
        this.moments.push({ at, worker: e.worker, text: e.restarts > 0 ? `restart ${e.restarts}` : "start", tone: "quiet" });
      }
    }
  }

  enter(worker, state, from) {
    const list = this.states.get(worker) ?? [];
    if (list.at(-1)?.state === state) return;
    list.push({ from, state });
    this.states.set(worker, list);
  }

  // snapshot counts what each worker got since the one before, and mends a state whose event was missed.
  snapshot(cluster, at) {
    const counts = new Map();
    const second = Math.floor(at / bucket);
    const gap = at - (this.samples.at(-1)?.at ?? 0) > 3000; // what came while nothing was heard belongs to no second
    for (const w of cluster.workers) {
      this.enter(w.worker, w.state, at - (w.since_ms ?? 0));
      const before = this.seen.get(w.worker);
      this.seen.set(w.worker, w.requests);
      counts.set(w.worker, w.requests);
      if (before === undefined || w.requests <= before || gap) continue;
      const seconds = this.counts.get(w.worker) ?? new Map();
      seconds.set(second, (seconds.get(second) ?? 0) + w.requests - before);
      this.counts.set(w.worker, seconds);
    }
    this.sample({ at, counts, total: cluster.requests.total });
    this.forget(at);
  }

  // still says that nothing has been counted since the last snapshot.
  still(at) {
    const last = this.samples.at(-1);
    if (last && at > last.at) this.sample({ ...last, at });
  }

  sample(s) {
    this.samples.push(s);
    while (this.samples.length > 2 && this.samples[1].at < s.at - 5000) this.samples.shift();
  }

  // recent says how many requests each worker got in the last ms, exactly.
  recent(ms) {
    const counts = new Map();
    const to = this.samples.at(-1);
    if (!to) return { total: 0, counts, seconds: 0 };
    const from = this.samples.findLast((s) => s.at <= to.at - ms) ?? this.samples[0];
    let total = 0;
    for (const [worker, n] of to.counts) {
      const more = Math.max(0, n - (from.counts.get(worker) ?? n));
      counts.set(worker, more);
      total += more;
    }
    return { total, counts, seconds: (to.at - from.at) / 1000, all: to.total - from.total };
  }

  forget(at) {
    const until = at - keep;
    this.marks = dropWhile(this.marks, (m) => m.time_ms < until);
    this.moments = dropWhile(this.moments, (m) => m.at < until);
    for (const list of this.states.values()) {
      while (list.length > 1 && list[1].from < until) list.shift();
    }
    const oldest = Math.floor(until / bucket);
    for (const seconds of this.counts.values()) {
      for (const second of seconds.keys()) {
        if (second >= oldest) break;
        seconds.delete(second);
      }
    }
  }
}

function dropWhile(list, old) {
  const i = list.findIndex((x) => !old(x));
  if (i < 0) return [];
  return i === 0 ? list : list.slice(i);
}
