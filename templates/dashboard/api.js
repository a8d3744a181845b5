// Asks lbdev for things and tells it what to do. Whatever goes wrong is shown as a toast, with lbdev's own hint.

import { toast } from "./toast.js";

// ask sends a request and returns its answer, or undefined when it failed. A long action answers with a line per step, and its
// last one may be an error.
async function ask(method, url, body) {
  let response, text;
  try {
    response = await fetch(url, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    toast("cannot reach lbdev", "is it still running in its terminal?");
    return undefined;
  }
  const answer = lastOf(text);
  if (!response.ok || answer.error) {
    toast(answer.error ?? `lbdev answered ${response.status}`, answer.hint);
    return undefined;
  }
  return answer;
}

// lastOf reads a JSON text, or the last line of several. What is no JSON says nothing.
function lastOf(text) {
  for (const part of [text, text.trim().split("\n").at(-1)]) {
    try {
      return JSON.parse(part) ?? {};
    } catch {
      // Several lines are no JSON together.
    }
  }
  return {};
}

export const act = (worker, action) => ask("POST", `v1/workers/${worker}/${action}`, {});
export const fault = (worker, plan) => ask("PUT", `v1/workers/${worker}/fault`, { fault: plan });
export const weigh = (worker, weight) => ask("PUT", `v1/workers/${worker}/weight`, { weight });
export const scale = (n) => ask("PUT", "v1/workers", { n });
export const policy = (name) => ask("PUT", "v1/policy", { policy: name });
export const sticky = (how) => ask("PUT", "v1/policy", { sticky: how });
export const badge = (on) => ask("PUT", "v1/badge", { badge: on });
export const rolling = () => ask("POST", "v1/rolling-restart", {});
export const send = (n, path) => ask("POST", "v1/send", { n, path });
export const load = (rps, path) => ask("PUT", "v1/load", { rps, path });
export const request = (seq, secrets) => ask("GET", `v1/requests/${seq}${secrets ? "?secrets=true" : ""}`);
export const replay = (seq, sure) => ask("POST", `v1/requests/${seq}/replay`, sure ? { sure: true } : {});
