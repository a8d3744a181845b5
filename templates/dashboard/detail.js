// Shows all that lbdev knows of one request: its attempts and why each worker was chosen, timings, headers and bodies.

import { replay, request } from "./api.js";
import { byId, el } from "./dom.js";
import { bytes, clock, colourOf, milliseconds } from "./words.js";
import { copyText } from "./copy.js";
import { curl } from "./curl.js";
import { toast } from "./toast.js";

const safe = ["GET", "HEAD", "OPTIONS"];

export class Detail {
  constructor(store, brief, place) {
    Object.assign(this, { store, brief, place, secrets: false });
    place.addEventListener("click", (e) => this.do(e.target.closest("button[data-act]")?.dataset.act));
  }

  async show() {
    if (!this.full) this.place.replaceChildren(el("p", {}, "Asking lbdev…"));
    const full = await request(this.brief.seq, this.secrets);
    if (!full) {
      if (!this.full) this.place.replaceChildren(el("p", {}, "lbdev doesn’t know more of this request any longer."));
      return;
    }
    this.full = full;
    this.place.replaceChildren(...this.parts(full));
  }

  parts(f) {
    const size = `${bytes(f.bytes ?? 0)} in ${milliseconds(f.total_ms)}`;
    const asked = [f.proto, f.host && `to ${f.host}`, f.client && `from ${f.client}`].filter(Boolean).join(" ");
    return [
      el("p", {}, `${clock(f.time)} · ${f.method} ${f.path} · ${asked} · ${size}`),
      f.reason ? el("p", { class: "reason" }, f.reason) : "",
      f.held_ms > 0 ? el("p", {}, `Held for ${milliseconds(f.held_ms)}: no worker was ready.`) : "",
      el("h3", {}, "Attempts"),
      attempts(f),
      this.buttons(f),
      ...headers("Request headers", f.request_headers),
      ...body("Request body", f.request_body),
      ...headers("Response headers", f.response_headers),
      ...body("Response body", f.response_body),
    ].filter(Boolean);
  }

  buttons(f) {
    const button = (action, text) => {
      const b = el("button", { type: "button" }, text);
      b.dataset.act = action;
      return b;
    };
    const hides = f.request_headers && !this.store.readOnly;
    return el("p", { class: "acts" },
      this.store.readOnly ? "" : button("replay", "replay"),
      button("curl", "copy as curl"),
      hides ? button("secrets", this.secrets ? "hide cookies and authorization" : "show cookies and authorization") : "");
  }

  async do(action) {
    if (action === "replay") this.replay();
    if (action === "curl") this.copy();
    if (action !== "secrets") return;
    this.secrets = !this.secrets;
    await this.show();
    this.place.querySelector('[data-act="secrets"]')?.focus();
  }

  async replay() {
    const unsafe = !safe.includes(this.brief.method);
    if (unsafe && !(await sure(this.brief))) return;
    const answer = await replay(this.brief.seq, unsafe);
    if (answer) toast(answer.seq ? `Sent again: it is request ${answer.seq}` : "Sent again", "", "good");
  }

  copy() {
    const { text, without } = curl(this.full, this.store.cluster.front);
    copyText(text, without ? "Without cookies and authorization: show them first to copy them too." : "");
  }
}

// sure asks whether a request that may change something shall run twice.
function sure(r) {
  const dialog = byId("sure");
  byId("sure-text").textContent = `${r.method} ${r.path} may change something: your app would do it once more.`;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

function attempts(f) {
  if (!f.attempts?.length) return el("p", {}, "No worker was asked.");
  return el("ol", { class: "attempts" }, ...f.attempts.map((a) => attempt(a, f.total_ms)));
}

function attempt(a, total) {
  const times = [
    a.connect_ms > 0 && `connected after ${milliseconds(a.connect_ms)}`,
    a.first_byte_ms > 0 && `first byte after ${milliseconds(a.first_byte_ms)}`,
    a.total_ms > 0 && `over after ${milliseconds(a.total_ms)}`,
    a.reused && "on a kept connection",
    a.sent === false && "nothing was sent",
    a.fault && `fault ${a.fault}`,
  ].filter(Boolean).join(", ");
  const bar = el("i");
  if (total > 0) {
    bar.style.marginInlineStart = `${Math.min(98, (100 * (a.start_ms ?? 0)) / total)}%`;
    bar.style.width = `${Math.max(1, Math.min(100, (100 * (a.total_ms ?? 0)) / total))}%`;
  }
  return el("li", { class: `attempt w${colourOf(a.worker)}` },
    el("p", {}, el("b", { class: "at" }, String(a.port)), " ", el("b", {}, a.result),
      el("span", { class: "quiet" }, times ? ` · ${times}` : "")),
    a.why ? el("p", { class: "why" }, a.why) : "",
    el("div", { class: "bar-of", "aria-hidden": "true" }, bar));
}

function headers(title, list) {
  if (!list) return [];
  const rows = list.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return [el("h3", {}, title), el("dl", { class: "headers" }, ...rows)];
}

function body(title, b) {
  if (!b || (!b.text && !b.bytes)) return [];
  const size = `${bytes(b.bytes ?? b.text.length)}${b.cut ? ", its beginning" : ""}`;
  return [el("h3", {}, `${title} (${size})`), el("pre", { tabIndex: 0 }, b.text ?? "")];
}
