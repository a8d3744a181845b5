// What the page knows of the cluster: the last snapshot, and the newest requests, log lines and events. live.js feeds it, the
// parts of the page read it when they draw.

import { Timeline } from "./timeline.js";

const mostRequests = 1000;
const mostLogs = 2000;

export class Store {
  constructor() {
    this.run = "";
    this.clear();
  }

  clear() {
    this.readOnly = false;
    this.cluster = undefined;
    this.policies = [];
    this.load = { rps: 0, path: "/" };
    this.requests = []; // oldest first
    this.requestsAdded = 0; // how many ever came: a reader knows by it what is new to it
    this.logs = [];
    this.last = undefined; // the newest request
    this.lastSeq = 0;
    this.lastLogSeq = 0;
    this.logsAdded = 0;
    this.leftOut = 0; // requests that came without being listed
    this.behind = undefined; // ms by which lbdev's clock differs from this one
    this.timeline = new Timeline();
    this.generation = (this.generation ?? 0) + 1; // another one means that everything is new
  }

  // apply takes in a message. Events are handed back, for those who announce them.
  apply(m, now = Date.now()) {
    if (m.event === "hello") this.hello(m);
    else if (m.event !== "frame") return [];
    if (m.time_ms) this.setClock(now - m.time_ms);
    if (m.load) this.load = m.load;
    if (m.cluster) this.snapshot(m.cluster, m.time_ms ?? now - (this.behind ?? 0));
    else if (m.time_ms) this.timeline.still(m.time_ms);
    const events = m.events ?? [];
    this.timeline.events(events);
    this.addRequests(m.requests ?? [], m.requests_left_out ?? 0);
    this.addLogs(m.logs ?? [], m.logs_left_out ?? 0);
    return m.event === "hello" ? [] : events;
  }

  // hello starts anew. A stream of the same run that could not be resumed adds what was missed, so that an opened request stays.
  hello(m) {
    if (m.run !== this.run) this.clear();
    this.run = m.run;
    this.version = m.version;
    this.readOnly = Boolean(m.read_only);
    this.policies = m.policies ?? [];
    const first = m.requests?.[0]?.seq ?? 0;
    if (this.lastSeq > 0 && first > this.lastSeq + 1) this.leftOut += first - this.lastSeq - 1;
  }

  // setClock believes the message that was quickest: others only came later than they were sent.
  setClock(behind) {
    if (this.behind === undefined || behind < this.behind || behind > this.behind + 5000) this.behind = behind;
  }

  // now is the time at lbdev.
  now() {
    return Date.now() - (this.behind ?? 0);
  }

  snapshot(cluster, at) {
    this.cluster = cluster;
    this.cluster.at = at;
    this.timeline.snapshot(cluster, at);
  }

  // addRequests takes in a frame's sample, or what a hello has of the past: of that only what is newer than all that is known.
  addRequests(requests, leftOut) {
    const fresh = requests.filter((r) => r.seq > this.lastSeq).sort((a, b) => a.seq - b.seq);
    this.leftOut += leftOut;
    if (fresh.length === 0) return;
    this.requests.push(...fresh);
    this.requestsAdded += fresh.length;
    if (this.requests.length > mostRequests) this.requests.splice(0, this.requests.length - mostRequests);
    this.last = fresh.at(-1);
    this.lastSeq = this.last.seq;
    this.timeline.requests(fresh);
  }

  addLogs(lines, leftOut) {
    const fresh = lines.filter((l) => l.seq > this.lastLogSeq);
    if (leftOut > 0) fresh.push({ gap: leftOut });
    for (const l of fresh) {
      if (l.seq) this.lastLogSeq = l.seq;
    }
    this.logs.push(...fresh);
    this.logsAdded += fresh.length;
    if (this.logs.length > mostLogs) this.logs.splice(0, this.logs.length - mostLogs);
  }

  // shares says for each worker how much of the newest requests it answered, and of which. Where only a sample of them came it
  // counts by the exact numbers of the last two seconds.
  shares() {
    const recent = this.timeline.recent(2000);
    if (recent.total > 40) return { of: "of last 2 s", total: recent.total, counts: recent.counts };
    const counts = new Map();
    let total = 0;
    for (let i = this.requests.length - 1; i >= 0 && total < 20; i--) {
      const worker = this.requests[i].worker;
      if (!worker) continue;
      counts.set(worker, (counts.get(worker) ?? 0) + 1);
      total++;
    }
    return { of: total === 20 ? "of last 20" : `of ${total}`, total, counts };
  }
}
