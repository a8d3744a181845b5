// The levers that change the cluster or break something in it. A page that may only read has none.

import { act, badge, fault, load, rolling, scale, send } from "./api.js";
import { byId, mark, say } from "./dom.js";
import { Policy } from "./policy.js";
import { toast } from "./toast.js";

const settle = 250; // ms after the last move of a lever until it counts

export class Levers {
  constructor(store) {
    this.store = store;
    this.busy = new Set();
    this.answered = new Map(); // lever → the snapshot when lbdev did as it says, which knows nothing of it yet
    this.policy = new Policy(this);
  }

  render() {
    if (!this.store.cluster) return;
    const place = byId("levers-place");
    if (this.store.readOnly) {
      place.replaceChildren();
      return;
    }
    if (!place.firstElementChild) this.make(place);
    this.policy.render();
    this.showWorkers();
    this.showLoad();
    this.showBadge();
  }

  make(place) {
    place.append(byId("levers-template").content.cloneNode(true));
    this.policy.start();
    const path = () => byId("path").value.trim() || "/";
    byId("workers").addEventListener("change", (e) => this.scale(e.target));
    byId("load").addEventListener("input", (e) => this.changeLoad(e.target, path));
    byId("path").addEventListener("change", () => Number(byId("load").value) > 0 && this.changeLoad(byId("load"), path));
    byId("send-1").addEventListener("click", () => send(1, path()));
    byId("send-10").addEventListener("click", () => send(10, path()));
    byId("kill-all").addEventListener("click", () => act("all", "kill"));
    byId("reset-faults").addEventListener("click", () => fault("all", "off"));
    byId("rolling").addEventListener("click", (e) => this.roll(e.currentTarget));
    byId("badge").addEventListener("change", (e) => this.once("badge", e.target, () => badge(e.target.checked)));
  }

  // settled says whether a lever shall show what is: it is not being moved, and what it has done is known.
  settled(name) {
    return !this.busy.has(name) && this.answered.get(name) !== this.store.cluster;
  }

  // once marks a lever as busy until lbdev has answered: until then the page doesn't move it back.
  async once(name, lever, action) {
    this.busy.add(name);
    mark(lever, "aria-busy", "true");
    const answer = await action();
    this.busy.delete(name);
    this.answered.set(name, answer && this.store.cluster);
    mark(lever, "aria-busy", false);
    this.render();
    return answer;
  }

  scale(input) {
    clearTimeout(this.scaling);
    const n = Math.round(Number(input.value));
    if (!(n >= 1 && n <= 512)) return;
    this.busy.add("workers");
    this.scaling = setTimeout(() => this.once("workers", input, () => scale(n)), settle);
  }

  changeLoad(slider, path) {
    clearTimeout(this.loading);
    this.busy.add("load");
    sayLoad(Number(slider.value));
    this.loading = setTimeout(() => this.once("load", slider, () => load(Number(slider.value), path())), settle);
  }

  async roll(button) {
    if (this.busy.has("rolling")) return;
    if (await this.once("rolling", button, rolling)) toast("Rolling restart done", "", "good");
  }

  showWorkers() {
    const input = byId("workers");
    if (!this.settled("workers") || document.activeElement === input) return;
    const n = String(this.store.cluster.workers.length);
    if (input.value !== n) input.value = n;
  }

  // showBadge hides the switch where lbdev has no badge.
  showBadge() {
    const on = this.store.cluster.badge;
    byId("badge-field").hidden = on === undefined;
    if (this.settled("badge")) byId("badge").checked = Boolean(on);
  }

  showLoad() {
    if (this.busy.has("load")) return;
    const slider = byId("load");
    const rps = this.store.load.rps ?? 0;
    if (rps > Number(slider.max)) slider.max = String(rps);
    if (slider.value !== String(rps)) slider.value = String(rps);
    sayLoad(rps);
    const path = byId("path");
    if (this.path === this.store.load.path || document.activeElement === path) return;
    this.path = this.store.load.path;
    path.value = this.path || "/";
  }
}

function sayLoad(rps) {
  say(byId("load-says"), rps > 0 ? `${rps} req/s` : "off");
}
