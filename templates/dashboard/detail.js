// Shows all that lbdev knows of one request: its attempts and why each worker was chosen, timings, headers and bodies.

import { replay, request } from "./api.js";
import { byId, el } from "./dom.js";
import { bytes, clock, colourOf, milliseconds } from "./words.js";
import { copyText } from "./copy.js";
import { curl } from "./curl.js";
import { toast } from "./toast.js";

export class Detail {
  constructor(store, brief, place) {
    Object.assign(this, { store, brief, place, secrets: false });
    place.addEventListener("click", (e) => this.do(e.target.closest("button[data-act]")?.dataset.act));
  }

  async show(secrets = false) {
    if (!this.full) this.place.replaceChildren(el("p", {}, "Asking lbdev…"));
    const asked = (this.asked = {});
    const full = await request(this.brief.seq, secrets);
    if (asked !== this.asked) return; // somebody has asked again meanwhile
    if (!full) {
      if (!this.full) this.place.replaceChildren(el("p", {}, "lbdev doesn’t know more of this request any longer."));
      return;
    }
    this.full = full;
    this.secrets = secrets;
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
      f.kept ? "" : el("p", { class: "quiet" }, "Headers and bodies were not kept: at so many requests a second they are of some only."),
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
    const may = f.replay && !f.replay.cannot;
    return el("p", { class: "acts" },
      may ? button("replay", "replay") : "",
      button("curl", "copy as curl"),
      f.replay && f.kept ? button("secrets", this.secrets ? "hide secrets" : "show cookies, authorization and other secrets") : "",
      f.replay?.cannot ? el("span", { class: "quiet" }, f.replay.cannot) : "");
  }

  async do(action) {
    if (action === "replay") this.replay();
    if (action === "curl") this.copy();
    if (action !== "secrets") return;
    await this.show(!this.secrets);
    this.place.querySelector('[data-act="secrets"]')?.focus();
  }

  async replay() {
    const { unsafe } = this.full.replay;
    if (unsafe && !(await sure(this.brief))) return;
    if (await replay(this.brief.seq, unsafe)) toast("Sent again", "", "good");
  }

  copy() {
    const { text, without } = curl(this.full, this.store.cluster.front);
    copyText(text, without.length > 0 ? `Without ${without.join(", ")}.` : "");
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
  if (!list?.length) return [];
  const rows = list.map((f) => el("div", {}, el("dt", {}, f.name), el("dd", {}, f.hidden ? el("i", {}, "hidden") : f.value)));
  return [el("h3", {}, title), el("dl", { class: "headers" }, ...rows)];
}

// body shows a preview as text, whatever it is: nothing of the user's app runs here.
function body(title, b) {
  if (!b) return [];
  const about = [bytes(b.bytes), b.note, b.text && b.cut && "its beginning"].filter(Boolean).join(", ");
  const text = b.text ? el("pre", { tabIndex: 0, role: "group", "aria-label": title }, b.text) : "";
  return [el("h3", {}, `${title} (${about})`), text];
}
