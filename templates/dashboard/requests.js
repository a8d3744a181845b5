// Lists the requests, newest first. A row opens and shows all that lbdev knows of it; files that a page loads are folded into one.

import { Detail } from "./detail.js";
import { byId, el, mark, say } from "./dom.js";
import { colourOf, count, milliseconds, outcomeOf, signOfOutcome } from "./words.js";

const most = 300; // rows
const mostFolded = 100; // assets in one row
const atOnce = 40; // rows that are made in one frame of the screen: each takes some 0.2 ms of it

const asset = /\.(css|m?js|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|mp4|webm|mp3|webmanifest)$/i;

function isAsset(r) {
  const path = r.path.split("?", 1)[0];
  return (r.outcome === "ok" && r.status < 400 && asset.test(path)) || path === "/favicon.ico" && r.outcome === "ok";
}

export class Requests {
  constructor(store) {
    this.store = store;
    this.list = byId("requests-list");
    this.filter = byId("requests-filter");
    this.top = byId("requests-top");
    this.shown = 0; // of the store's requestsAdded
    this.generation = 0;
    this.filter.addEventListener("input", () => this.anew());
    this.list.addEventListener("click", (e) => this.click(e));
    this.list.addEventListener("scroll", () => (this.top.hidden = this.list.scrollTop < 20), { passive: true });
    this.top.addEventListener("click", () => (this.list.scrollTop = 0));
  }

  // anew builds the list again from all that is known.
  anew() {
    this.begin();
    this.render();
  }

  begin() {
    this.list.replaceChildren();
    this.shown = 0;
    this.words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  matches(r) {
    if (!this.words?.length) return true;
    const held = r.held_ms > 0 ? "held" : "";
    const text = [r.method, r.path, r.port, r.status, r.outcome, held, r.reason].join(" ").toLowerCase();
    return this.words.every((w) => text.includes(w));
  }

  render() {
    if (this.generation !== this.store.generation) {
      this.generation = this.store.generation;
      this.begin();
      this.goOn(); // the first frame has enough to do
      return;
    }
    const all = this.store.requests;
    const fresh = all.slice(Math.max(0, all.length - (this.store.requestsAdded - this.shown)));
    const wanted = fresh.filter((r) => this.matches(r)).slice(-most);
    const now = wanted.slice(0, atOnce);
    const later = now.length < wanted.length ? fresh.length - 1 - fresh.indexOf(now.at(-1)) : 0;
    this.shown = this.store.requestsAdded - later;
    if (now.length > 0) this.keepingPlace(() => this.add(now));
    if (later > 0) this.goOn();
    const left = this.store.leftOut;
    const none = this.list.childElementCount > 0 ? "" : this.words?.length ? "None matches. " : "None yet. ";
    const sample = left > 0 ? `A sample, with all that is unusual: ${count(left)} more were counted but not listed.` : "";
    say(byId("requests-note"), none + sample);
  }

  // goOn shows what is left with the next frame.
  goOn() {
    this.next ??= requestAnimationFrame(() => {
      this.next = undefined;
      this.render();
    });
  }

  add(requests) {
    for (const r of requests) {
      if (isAsset(r) && !this.words?.length) this.fold(r);
      else this.list.prepend(row(r));
    }
    let last = this.list.lastElementChild;
    while (this.list.childElementCount > most && last) {
      const before = last.previousElementSibling;
      if (!last.querySelector('[aria-expanded="true"]')) last.remove();
      last = before;
    }
  }

  // fold puts an asset into the topmost row if that holds assets, otherwise into a new one.
  fold(r) {
    const top = this.list.firstElementChild;
    const group = top?.requests?.length < mostFolded ? top : assets();
    if (group !== top) this.list.prepend(group);
    group.requests.push(r);
    const n = group.requests.length;
    const ports = [...new Set(group.requests.map((x) => x.port).filter(Boolean))].sort();
    say(group.says, n === 1 ? `1 asset: ${r.path}` : `${n} assets`);
    say(group.ports, ports.length > 1 ? `${ports.length} ports` : ports.join());
    group.nested?.prepend(row(r));
  }

  // keepingPlace changes the list without moving what someone is reading: an open or focused row, or where they scrolled to.
  keepingPlace(change) {
    const place = this.list;
    const anchor = place.querySelector(':scope > li > [aria-expanded="true"]')?.parentElement ??
      (place.contains(document.activeElement) ? document.activeElement.closest("#requests-list > li") : undefined) ??
      (place.scrollTop > 0 ? [...place.children].find((c) => c.offsetTop + c.offsetHeight > place.scrollTop) : undefined);
    const before = anchor?.offsetTop;
    change();
    if (anchor?.isConnected) place.scrollTop += anchor.offsetTop - before;
  }

  click(e) {
    const button = e.target.closest("button.row");
    if (!button) return;
    const item = button.parentElement;
    const open = button.getAttribute("aria-expanded") !== "true";
    mark(button, "aria-expanded", String(open));
    if (item.requests) return unfold(item, open);
    item.detail?.remove();
    item.detail = undefined;
    if (!open) return;
    item.detail = el("div", { class: "detail" });
    item.append(item.detail);
    new Detail(this.store, item.request, item.detail).show();
  }
}

function row(r) {
  const bad = r.outcome === "failed" || r.outcome === "cut";
  const unusual = bad || r.outcome !== "ok" || r.held_ms > 0;
  const status = el("span", { class: "status" }, unusual ? el("b", { "aria-hidden": "true" }, `${signOfOutcome(r)} `) : "",
    r.status ? String(r.status) : "–");
  const heard = (text) => el("span", { class: "unseen" }, text); // makes a sentence of it for those who hear it
  const button = el("button", { type: "button", class: "row", "aria-expanded": "false" },
    el("span", { class: "method" }, r.method),
    el("span", { class: "path" }, r.path),
    heard(" to "), el("span", { class: "at" }, r.port ? String(r.port) : "–"),
    heard(unusual ? `, ${outcomeOf(r)}, status ` : ", status "), status,
    heard(" in "), el("span", { class: "time" }, milliseconds(r.total_ms)),
    heard(", attempts "), el("span", { class: "tries" }, String(r.attempts)));
  const item = el("li", { class: `w${colourOf(r.port ? r.worker : 0)}` }, button);
  item.dataset.seq = r.seq;
  item.dataset.outcome = r.outcome;
  if (bad || r.status >= 500) item.dataset.tone = "bad";
  item.request = r;
  return item;
}

function assets() {
  const says = el("span", { class: "path" });
  const ports = el("span", { class: "at" });
  const item = el("li", { class: "assets" },
    el("button", { type: "button", class: "row", "aria-expanded": "false" }, el("span", { class: "method" }, "GET"), says, ports));
  return Object.assign(item, { requests: [], says, ports });
}

function unfold(group, open) {
  group.nested?.remove();
  group.nested = undefined;
  if (!open) return;
  group.nested = el("ol", {}, ...group.requests.map(row).reverse());
  group.append(group.nested);
}
