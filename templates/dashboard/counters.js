// Shows the counts of the cluster's requests, which are exact.

import { availability, count, milliseconds } from "./words.js";
import { byId, el, mark, say } from "./dom.js";

const facts = [
  ["total", (r) => count(r.total)],
  ["per second", (r, store) => perSecond(store.timeline.recent(2000))],
  ["failed", (r) => count(r.failed), (r) => r.failed > 0],
  ["cut", (r) => count(r.cut), (r) => r.cut > 0],
  ["rescued", (r) => count(r.rescued)],
  ["held", (r) => count(r.held)],
  ["longest wait", (r) => (r.longest_wait_ms ? milliseconds(r.longest_wait_ms) : "–")],
  ["availability", (r) => availability(r), (r) => r.failed + r.cut > 0],
];

export class Counters {
  constructor(store) {
    this.store = store;
    const list = el("dl");
    this.facts = facts.map(([name, value, bad]) => {
      const dd = el("dd");
      list.append(el("div", {}, el("dt", {}, name), dd));
      return { dd, value, bad };
    });
    byId("counters").append(list);
  }

  render() {
    const r = this.store.cluster?.requests;
    if (!r) return;
    for (const f of this.facts) {
      say(f.dd, f.value(r, this.store));
      mark(f.dd, "data-tone", f.bad?.(r) ? "bad" : false);
    }
  }
}

function perSecond(recent) {
  return recent.seconds >= 1 ? count(Math.round(recent.all / recent.seconds)) : "–";
}
