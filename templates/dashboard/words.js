// How things are said: states and their signs, times, shares, outcomes. Pure functions, no page.

const signs = {
  ready: "●", unresponsive: "✗", backoff: "✗", failed: "✗", drained: "◌", paused: "‖", stopped: "○",
  starting: "…", stopping: "…",
};

export const states = Object.keys(signs);

export const signOf = (state) => signs[state] ?? "…";

// The tone of a state chooses its colour; the sign and the word say the same without one.
export function toneOf(state) {
  if (state === "ready") return "good";
  return signs[state] === "✗" ? "bad" : "quiet";
}

// milliseconds says a short time: 4.2 ms, 12 ms, 1.4 s, 3 m.
export function milliseconds(ms) {
  if (ms < 10) return `${trim(ms, 1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trim(ms / 1000, ms < 10_000 ? 1 : 0)} s`;
  return ago(ms);
}

// ago says how long something has lasted: 12 s, 4 m, 2 h, 3 d.
export function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

const trim = (n, digits) => String(Number(n.toFixed(digits)));

const grouped = new Intl.NumberFormat("en-US");
export const count = (n) => grouped.format(n ?? 0);

export const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  if (n < 1_000_000) return `${trim(n / 1000, 1)} kB`;
  return `${trim(n / 1_000_000, 1)} MB`;
}

// availability is the share of the finished requests that were answered. It is 100 % only if none failed: everything else is
// rounded down.
export function availability(r) {
  const done = r.total - r.in_flight;
  if (done <= 0) return "–";
  const bad = r.failed + r.cut;
  if (bad === 0) return "100 %";
  const percent = (100 * Math.max(0, done - bad)) / done;
  return `${Math.min(99.999, Math.floor(percent * 1000) / 1000)} %`;
}

// Outcomes and the signs of their marks, in the order of the legend.
export const outcomes = [
  ["ok", "●", "ok"], ["rescued", "◆", "rescued"], ["failed", "✗", "failed"], ["cut", "◐", "cut"], ["held", "◯", "held, then ok"],
  ["canceled", "–", "canceled"],
];

// outcomeOf is what a request's mark shows: a held one that went well has a mark of its own.
export function outcomeOf(r) {
  return r.outcome === "ok" && r.held_ms > 0 ? "held" : r.outcome;
}

export function signOfOutcome(r) {
  const name = outcomeOf(r);
  return outcomes.find(([o]) => o === name)?.[1] ?? "●";
}

// shortExit names a death in a word: SIGKILL, code 1.
export function shortExit(exit) {
  return exit.replace(/^killed by /, "").replace(/^exited with /, "");
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

// told is a request in a few words: GET / → 8002 in 12 ms.
export function told(r) {
  const what = `${r.method} ${shorten(r.path, 32)}`;
  const to = r.port ? ` → ${r.port}` : "";
  const time = milliseconds(r.total_ms);
  const because = r.reason ? `: ${r.reason}` : "";
  switch (r.outcome) {
    case "failed": return `${what}${to} failed after ${time}${because}`;
    case "cut": return `${what}${to} was cut after ${time}${because}`;
    case "canceled": return `${what}${to}: the client went away after ${time}`;
    case "rescued": return `${what}${to} in ${time}, rescued at attempt ${r.attempts}`;
  }
  const held = r.held_ms > 0 ? `, held for ${milliseconds(r.held_ms)}` : "";
  const status = r.status >= 400 ? ` with ${r.status}` : "";
  return `${what}${to}${status} in ${time}${held}`;
}

// colourOf is the number of a worker's colour, the same as in the terminal.
export const colours = 7;
export const colourOf = (worker) => (worker > 0 ? ((worker - 1) % colours) + 1 : 0);
