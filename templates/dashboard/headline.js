// Says how things stand in one sentence, and announces changes of state to those who listen instead of looking.

import { byId, say } from "./dom.js";
import { states, told } from "./words.js";

const pace = 340; // ms between two sentences: more often, nobody can read them
const quiet = 2000; // ms between two announcements

export class Headline {
  constructor(store) {
    this.store = store;
    this.at = 0;
    this.news = [];
  }

  render() {
    const cluster = this.store.cluster;
    if (!cluster || this.later) return;
    const wait = this.at + pace - Date.now();
    if (wait > 0) {
      this.later = setTimeout(() => {
        this.later = undefined;
        if (!this.frozen) this.render();
      }, wait);
      return;
    }
    this.at = Date.now();
    say(byId("standing"), standing(cluster));
    say(byId("last"), this.store.last ? `Last: ${told(this.store.last)}` : "No requests yet.");
    const title = `${readyOf(cluster)}/${cluster.workers.length} ready · ${cluster.name} · lbdev`;
    if (document.title !== title) document.title = title;
    say(byId("name"), cluster.name);
    byId("read-only").hidden = !this.store.readOnly;
    const program = cluster.front_program;
    byId("front-program").hidden = !program;
    say(byId("front-program"), program ? through(program) : "");
    const front = byId("front");
    if (front.textContent !== cluster.front) {
      front.textContent = cluster.front;
      front.hidden = !/^https?:/.test(cluster.front ?? "");
      if (!front.hidden) front.href = cluster.front;
      front.target = "_blank";
      front.rel = "noreferrer";
    }
  }

  // announce collects events and reads them out together, a few words each.
  announce(events) {
    for (const e of events) {
      if (!e.worker || !states.includes(e.event)) continue;
      this.news.push(`${e.port} ${e.event}${e.exit ? `, ${e.exit}` : ""}`);
    }
    if (this.news.length === 0 || this.speaking) return;
    this.speaking = setTimeout(() => {
      this.speaking = undefined;
      const news = this.news.splice(0);
      const some = news.length > 4 ? [...news.slice(-4), `${news.length - 4} more changes`] : news;
      say(byId("announce"), `${some.join(". ")}. ${standing(this.store.cluster)}`);
    }, quiet);
  }
}

// through says which program the front is, where it is not lbdev.
const through = (p) => `by ${p.name} ${p.version}`.trim() + (p.state === "ready" ? "" : `, ${p.state}`);

const readyOf = (cluster) => cluster.workers.filter((w) => w.state === "ready").length;

function standing(cluster) {
  if (cluster.ending) return "lbdev is ending.";
  const n = cluster.workers.length;
  return `${readyOf(cluster)} of ${n} ${n === 1 ? "worker" : "workers"} ready.`;
}
