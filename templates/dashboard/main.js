// Puts the page together: the stream feeds the store, and the parts draw what is in it, at most once per frame of the screen.

import { Counters } from "./counters.js";
import { Headline } from "./headline.js";
import { Keys } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Levers } from "./levers.js";
import { Live } from "./live.js";
import { Logs } from "./logs.js";
import { Requests } from "./requests.js";
import { Store } from "./store.js";
import { Tiles } from "./tiles.js";
import { View } from "./view.js";

const store = new Store();
const headline = new Headline(store);
const tiles = new Tiles(store);
const levers = new Levers(store);
const lanes = new Lanes(store);
const logs = new Logs(store);
const parts = [headline, new Counters(store), tiles, new Requests(store), logs];
const view = new View(lanes, [headline, tiles, logs], soon);
new Keys(tiles, view);

let waiting = false;

function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(render);
}

function render() {
  waiting = false;
  levers.render();
  if (view.frozen) return;
  for (const part of parts) part.render();
}

function hear(message) {
  headline.announce(store.apply(message));
  soon();
}

new Live("v1/live", hear, (state, before, heard) => view.connection(state, before, heard)).start();
