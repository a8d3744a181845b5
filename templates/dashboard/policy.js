// The levers that say how workers are chosen: the policy, with the name that some need, and whether clients stay at a worker.

import { byId, say } from "./dom.js";
import { policy, sticky } from "./api.js";

const open = ":NAME"; // ends the names of policies that need one

export class Policy {
  // levers has once and settled, and the store.
  constructor(levers) {
    this.levers = levers;
    this.store = levers.store;
  }

  // start takes over the levers that were just put into the page.
  start() {
    Object.assign(this, { filled: undefined, pending: "", select: byId("policy"), name: byId("policy-name"), sticky: byId("sticky") });
    this.select.addEventListener("change", () => this.choose());
    this.name.addEventListener("change", () => this.change());
    this.sticky.addEventListener("change", () => this.stick());
    byId("policy-place").addEventListener("focusout", (e) => !e.currentTarget.contains(e.relatedTarget) && this.leave());
  }

  needsName(kind) {
    return this.store.policies.includes(kind + open);
  }

  // choose sets the policy, or shows the field for the name first. The focus stays: arrow keys pass through the list.
  choose() {
    const kind = this.select.value;
    this.pending = this.needsName(kind) ? kind : "";
    if (!this.pending) return this.set(kind);
    this.name.value = "";
    this.render();
  }

  change() {
    const name = this.name.value.trim();
    if (name) this.set(`${this.select.value}:${name}`);
  }

  // leave gives up a policy that was chosen but got no name.
  leave() {
    if (!this.name.value.trim()) this.pending = "";
    this.render();
  }

  async set(text) {
    const answer = await this.levers.once("policy", this.select, () => policy(text));
    this.pending = "";
    if (!answer) this.show();
  }

  // stick switches it on as it was before, for instance by the app's own cookie.
  stick() {
    this.levers.once("sticky", this.sticky, () => sticky(this.sticky.checked ? this.before || "cookie" : "off"));
  }

  render() {
    const used = [this.select, this.name].includes(document.activeElement);
    if (this.levers.settled("policy") && !this.pending && !used) this.show();
    this.name.parentElement.hidden = !this.needsName(this.select.value);
    say(byId("policy-kind"), this.select.value === "cookie-hash" ? "cookie" : "header");
    const how = this.store.cluster.sticky;
    if (how) this.before = how;
    say(byId("sticky-says"), how ? `by ${how}` : "");
    if (this.levers.settled("sticky")) this.sticky.checked = Boolean(how);
  }

  // show sets the levers to what is.
  show() {
    const now = this.store.cluster.policy;
    const kinds = this.store.policies.map((p) => p.replace(open, ""));
    const [, kind, name] = /^([^:]*):?(.*)$/.exec(now);
    if (!kinds.includes(kind)) kinds.push(kind);
    if (this.filled !== kinds.join()) {
      this.filled = kinds.join();
      this.select.replaceChildren(...kinds.map((k) => new Option(k, k)));
    }
    this.select.value = kind;
    this.name.value = name;
    this.name.parentElement.hidden = !this.needsName(kind);
  }
}
