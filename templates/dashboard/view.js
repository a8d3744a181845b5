// How the page is shown: light or dark, for a projector, standing still, and the banner about the connection.

import { byId, mark, say } from "./dom.js";
import { clock } from "./words.js";
import { recall, remember } from "./memory.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

export class View {
  // parts have restyle or frozen; thaw is called when the display goes on.
  constructor(lanes, freezing, thaw) {
    Object.assign(this, { lanes, freezing, thaw, frozen: false });
    byId("theme").addEventListener("click", () => this.switchTheme());
    byId("presenter").addEventListener("click", () => this.present(!this.presents()));
    byId("freeze").addEventListener("click", () => this.freeze());
    byId("help").addEventListener("click", () => this.help());
    dark.addEventListener("change", () => this.showTheme());
    window.addEventListener("hashchange", () => {
      this.present(location.hash === "#presenter");
      this.leave();
    });
    this.theme = recall("theme");
    this.showTheme();
    this.present(location.hash === "#presenter");
    window.addEventListener("load", () => this.leave());
  }

  // leave takes the focus from the button that #presenter in the address happens to name: keys are meant for the page.
  leave() {
    if (location.hash === "#presenter" && document.activeElement === byId("presenter")) document.activeElement.blur();
  }

  isDark() {
    return this.theme ? this.theme === "dark" : dark.matches;
  }

  switchTheme() {
    this.theme = this.isDark() ? "light" : "dark";
    remember("theme", this.theme);
    this.showTheme();
  }

  showTheme() {
    mark(document.documentElement, "data-theme", this.theme);
    say(byId("theme"), this.isDark() ? "light" : "dark");
    this.lanes.restyle();
  }

  presents() {
    return document.body.hasAttribute("data-presenter");
  }

  present(on) {
    mark(document.body, "data-presenter", on ? "" : false);
    mark(byId("presenter"), "aria-pressed", String(on));
    const hash = on ? "#presenter" : "";
    if (location.hash !== hash) history.replaceState(null, "", location.pathname + location.search + hash);
    this.lanes.soon();
  }

  freeze() {
    this.frozen = !this.frozen;
    mark(byId("freeze"), "aria-pressed", String(this.frozen));
    const how = "The space bar or the button above shows it again.";
    say(byId("frozen"), `The display is paused since ${clock(Date.now())}: the cluster goes on. ${how}`);
    byId("frozen").hidden = !this.frozen;
    for (const part of this.freezing) part.frozen = this.frozen;
    this.stopLanes();
    if (!this.frozen) this.thaw();
    return true;
  }

  stopLanes() {
    this.lanes.freeze(this.frozen || document.body.dataset.connection !== "live");
  }

  help() {
    byId("help-dialog").showModal();
    return true;
  }

  // connection says how things stand with lbdev; heard is when it last said something.
  connection(state, before, heard) {
    const banner = byId("banner");
    clearTimeout(this.hiding);
    mark(document.body, "data-connection", state);
    mark(banner, "data-state", state);
    this.stopLanes();
    banner.hidden = false;
    if (state === "stale") {
      say(banner, `No connection to lbdev since ${clock(heard)} – what you see is old. Trying again…`);
    } else if (state === "ended") {
      say(banner, `lbdev ended at ${clock(heard)} – what you see is its last state. This page goes on when it is started again.`);
    } else if (before === "connecting") {
      banner.hidden = true;
    } else {
      say(banner, `Connected to lbdev again at ${clock(Date.now())}.`);
      this.hiding = setTimeout(() => (banner.hidden = true), 4000);
    }
  }
}
